// The client against a running server (TIDINGS_URL, TIDINGS_KEY), and its receiver helper against the contract's vectors
// (TIDINGS_VECTORS).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { ProblemError, Tidings, VerificationError, Verifier } from "../dist/index.js";

const { TIDINGS_URL, TIDINGS_KEY, TIDINGS_VECTORS } = process.env;
const vectors = JSON.parse(readFileSync(TIDINGS_VECTORS, "utf8"));
const ORGANIZATION = 7002;
const NAMES = ["vomo-signature", "webhook-id", "webhook-timestamp", "webhook-signature"];
const headersOf = (vector) => Object.fromEntries(NAMES.map((name) => [name, String(vector[name])]));
const at = (seconds) => new Date(seconds * 1000);

test("every vector is verified with any of several secrets", () => {
  assert.ok(vectors.length >= 11);
  for (const vector of vectors) {
    const verifier = new Verifier(["whsec_b3RoZXI=", vector.secret]);
    for (const headers of [headersOf(vector), new Headers(headersOf(vector))]) {
      const webhook = verifier.verify(headers, Buffer.from(vector.body), at(vector["webhook-timestamp"] + 299));
      assert.equal(webhook.id, vector["webhook-id"]);
      assert.equal(webhook.type, JSON.parse(vector.body).type);
    }
  }
});

test("what was tampered with is refused by its reason", () => {
  const [vector] = vectors;
  const good = headersOf(vector);
  const now = vector["webhook-timestamp"];
  const cases = [
    ["standard_signature", good, `${vector.body} `, now],
    ["standard_signature", { ...good, "webhook-id": "dlv_other" }, vector.body, now],
    ["standard_signature", { ...good, "webhook-signature": "v2,AAAA" }, vector.body, now],
    ["vomo_signature", { ...good, "vomo-signature": "0".repeat(64) }, vector.body, now],
    ["timestamp", good, vector.body, now + 301],
    ["timestamp", good, vector.body, now - 301],
    ["timestamp", { ...good, "webhook-timestamp": "soon" }, vector.body, now],
    ...NAMES.map((name) => ["missing_header", { ...good, [name]: undefined }, vector.body, now]),
  ];
  for (const [reason, headers, body, when] of cases) {
    const refused = (error) => error instanceof VerificationError && error.reason === reason;
    assert.throws(() => new Verifier(vector.secret).verify(headers, body, at(when)), refused, reason);
  }
  assert.throws(() => new Verifier("whsec_b3RoZXI=").verify(good, vector.body, at(now)), VerificationError);
  for (const none of [[], [""]]) assert.throws(() => new Verifier(none), TypeError);
});

function scripted(answers) {
  const asked = [];
  const waits = [];
  const left = [...answers];
  const fetch = async (request) => {
    asked.push(request);
    const given = left.shift();
    if (given instanceof Error) throw given;
    return given;
  };
  const client = new Tidings("http://tidings.test", "key", { fetch, sleep: async (ms) => void waits.push(ms) });
  return { client, asked, waits };
}

const json = (status, body, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

test("too much and too busy are waited for, with the same key", async () => {
  const { client, asked, waits } = scripted([
    json(503, { code: "overloaded" }, { "retry-after": "3" }),
    new TypeError("fetch failed"),
    json(429, { code: "rate_limited" }, { "retry-after": "400" }),
    json(202, { id: "evt_1" }),
  ]);
  assert.equal(await client.postEvent({ type: "a.b", organization_id: 1, data: {} }), "evt_1");
  assert.deepEqual([waits[0], waits[2]], [3000, 30_000]);
  assert.equal(new Set(asked.map((request) => request.headers.get("idempotency-key"))).size, 1);
});

test("the last refusal is thrown, and no answer is not asked twice without a key", async () => {
  const busy = scripted([1, 2, 3, 4].map(() => new Response("<html>", { status: 503 })));
  const unknown = (error) => error instanceof ProblemError && error.status === 503 && error.code === "unknown";
  await assert.rejects(busy.client.postEvent({ type: "a.b", organization_id: 1, data: {} }), unknown);
  const silent = scripted([new TypeError("fetch failed"), json(202, {})]);
  const retry = silent.client.api.POST("/v1/deliveries/{dlv}/retry", { params: { path: { dlv: "dlv_1" } } });
  await assert.rejects(retry, TypeError);
});

const seen = [];
let arrived = () => {};
const receiver = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  seen.push([request.headers, Buffer.concat(parts)]);
  response.writeHead(204).end();
  arrived();
});
await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
after(() => receiver.close());
const until = async (count) => {
  while (seen.length < count) await new Promise((resolve) => (arrived = resolve));
};

test("from an organization to a verified delivery", { timeout: 20_000 }, async () => {
  const tidings = new Tidings(TIDINGS_URL, TIDINGS_KEY);
  const { api } = tidings;
  const path = { org: ORGANIZATION };
  await api.PUT("/v1/organizations/{org}", { params: { path }, body: { name: "Larkspur Commons", add_ons: ["api_access"] } });
  const url = `http://127.0.0.1:${receiver.address().port}/hook`;
  const body = { url, event_types: ["project.updated"] };
  const { data: endpoint } = await api.POST("/v1/organizations/{org}/endpoints", { params: { path }, body });

  const event = { type: "project.updated", organization_id: ORGANIZATION, data: { id: "318842" } };
  const id = await tidings.postEvent(event, "order-17");
  assert.equal(await tidings.postEvent(event, "order-17"), id);
  await until(1);
  const webhook = new Verifier(endpoint.secret).verify(...seen[0]);
  assert.deepEqual([webhook.type, webhook.organization_id, webhook.data], ["project.updated", ORGANIZATION, { id: "318842" }]);

  const { data: rotated } = await api.POST("/v1/organizations/{org}/endpoints/{ep}/secret/rotate", {
    params: { path: { ...path, ep: endpoint.id } },
    body: {},
  });
  const five = [0, 1, 2, 3, 4].map((n) => ({ ...event, data: { n } }));
  const results = await tidings.postEvents([...five, { ...event, type: "project.mislaid" }]);
  assert.ok(results.slice(0, 5).every((result) => typeof result === "string"));
  assert.equal(results[5].code, "unknown_event_type");
  await until(6);
  const both = new Verifier([rotated.secret, endpoint.secret]);
  const ids = seen.map((request) => both.verify(...request).id);

  const listed = [];
  for await (const delivery of tidings.deliveries(ORGANIZATION, { limit: 2 })) listed.push(delivery.id);
  assert.deepEqual(listed.sort(), ids.sort());
});

test("a refusal is a typed problem", async () => {
  const tidings = new Tidings(TIDINGS_URL, TIDINGS_KEY);
  const posted = tidings.postEvent({ type: "project.updated", organization_id: ORGANIZATION + 1, data: {} });
  await assert.rejects(posted, (error) => {
    assert.ok(error instanceof ProblemError);
    assert.deepEqual([error.status, error.code], [422, "unknown_organization"]);
    assert.deepEqual(error.errors.map((field) => field.pointer), ["/organization_id"]);
    return error.requestId.startsWith("req_");
  });
});
