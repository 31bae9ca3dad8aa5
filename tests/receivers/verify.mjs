// Judges requests as a receiver in Node would: `vomo-signature` with node:crypto, the Standard Webhooks headers with
// the published library (npm, standardwebhooks), which `./test` installs into target/test-deps.
// One request per line on stdin, {"secret", "headers": {name: value}, "body_base64"}; one line out: `ok` or `bad: why`.
// --frozen: the library sees the request's own time as now, for requests that were signed long ago.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const deps = process.env.TIDINGS_TEST_DEPS ?? new URL("../../target/test-deps", import.meta.url).pathname;
const { Webhook } = createRequire(`${deps}/`)("standardwebhooks");
const frozen = process.argv.includes("--frozen");

function vomoSignatureMatches(secret, body, given = "") {
  const expected = createHmac("sha256", secret).update(body).digest("hex");
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

function libraryFor(secret) {
  return secret.startsWith("whsec_") ? new Webhook(secret) : new Webhook(Buffer.from(secret), { format: "raw" });
}

function judge({ secret, headers, body_base64 }) {
  const body = Buffer.from(body_base64, "base64");
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  if (!vomoSignatureMatches(secret, body, lower["vomo-signature"])) return "bad: vomo-signature";
  if (frozen) Date.now = () => Number(lower["webhook-timestamp"]) * 1000;
  try {
    libraryFor(secret).verify(body, lower);
    return "ok";
  } catch (error) {
    return `bad: webhook-signature: ${error.message}`;
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(judge(JSON.parse(line)));
