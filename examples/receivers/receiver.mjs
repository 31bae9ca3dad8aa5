// WEBHOOK_SECRET=whsec_… PORT=9000 node receiver.mjs        needs nothing but Node
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.WEBHOOK_SECRET;
const port = Number(process.env.PORT ?? 9000);

function isSigned(body, given = "") {
  const expected = createHmac("sha256", secret).update(body).digest("hex");
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts); // the bytes as they came: parsed and printed again, they no longer match
  if (!isSigned(body, request.headers["vomo-signature"])) {
    response.writeHead(401).end();
    return;
  }
  const event = JSON.parse(body);
  // Put the work in a queue and answer: there are three seconds. The same webhook-id again is the same delivery.
  console.log(`${event.type} for organization ${event.organization_id}, ${request.headers["webhook-id"]}`);
  response.writeHead(204).end();
});

server.listen(port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${port}`));
