// WEBHOOK_SECRET=whsec_… PORT=9000 node standard.mjs        npm install standardwebhooks
// The same receiver with the published Standard Webhooks library, which also refuses what is older than five minutes.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const port = Number(process.env.PORT ?? 9000);

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  try {
    const event = webhook.verify(Buffer.concat(parts), request.headers);
    console.log(`${event.type} for organization ${event.organization_id}, ${request.headers["webhook-id"]}`);
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
});

server.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${port}`));
