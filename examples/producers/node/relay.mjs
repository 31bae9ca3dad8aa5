// Posts what stands in the outbox to Tidings, for good or, with --once, until it is empty.
//
// Needs Node 20 and the package pg. Settings: DATABASE_URL, TIDINGS_URL, TIDINGS_KEY (a producer's key). Run as many as you like.

import pg from "pg";

const { DATABASE_URL, TIDINGS_URL = "http://127.0.0.1:8420", TIDINGS_KEY } = process.env;
// The server takes 1,000 events and 8 MiB at once.
const BATCH_EVENTS = 500;
const BATCH_BYTES = 4 << 20;

// The database writes the event as JSON, so that the text in `data` stays as it is. Rows that another relay has are passed over.
const WAITING = `
  SELECT id, json_build_object('type', type, 'organization_id', organization_id, 'public', public, 'data', data,
                               'idempotency_key', key)::text AS event
  FROM outbox WHERE refused IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`;

/** Not now; the same again is safe, since every event has its key. */
class Later extends Error {
  constructor(seconds) {
    super(`in ${seconds} s`);
    this.seconds = seconds;
  }
}

async function send(rows) {
  try {
    const answer = await fetch(`${TIDINGS_URL}/v1/events/batch`, {
      method: "POST",
      headers: { Authorization: `Bearer ${TIDINGS_KEY}`, "Content-Type": "application/json" },
      body: `{"events":[${rows.map((row) => row.event).join(",")}]}`,
      signal: AbortSignal.timeout(10_000),
    });
    return [answer, await answer.text()];
  } catch {
    throw new Later(5);
  }
}

const isForNow = (status) => status === 429 || status >= 500;

/** For each row its id at Tidings, or why it was refused. */
async function post(rows) {
  const [answer, text] = await send(rows);
  if (answer.ok) return JSON.parse(text).results;
  if (isForNow(answer.status)) throw new Later(Number(answer.headers.get("retry-after") ?? 5));
  // The key, most likely: somebody must look.
  if (![400, 413, 422].includes(answer.status)) throw new Error(`${answer.status}: ${text}`);
  if (rows.length === 1) return [{ error: JSON.parse(text) }];
  // One of them spoils the batch.
  const results = [];
  for (const row of rows) results.push(...(await post([row])));
  return results;
}

function fitting(rows) {
  let size = 0;
  const end = rows.findIndex((row, place) => (size += Buffer.byteLength(row.event)) > BATCH_BYTES && place > 0);
  return end < 0 ? rows : rows.slice(0, end);
}

/** Posts one batch; how many rows it took. If it dies before the commit they are still there, and posted again they are the same. */
async function relay(db) {
  await db.query("BEGIN");
  let putOff = false;
  let taken;
  try {
    const rows = fitting((await db.query(WAITING, [BATCH_EVENTS])).rows);
    const results = rows.length > 0 ? await post(rows) : [];
    for (const [place, result] of results.entries()) {
      const { id } = rows[place];
      if ("id" in result) await db.query("DELETE FROM outbox WHERE id = $1", [id]);
      // Its organization posts too fast: the row waits.
      else if (isForNow(result.error.status)) putOff = true;
      else await db.query("UPDATE outbox SET refused = $1 WHERE id = $2", [result.error.code, id]);
    }
    await db.query("COMMIT");
    taken = rows.length;
  } catch (error) {
    await db.query("ROLLBACK");
    throw error;
  }
  if (putOff) throw new Later(1);
  return taken;
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const db = new pg.Client({ connectionString: DATABASE_URL });
await db.connect();
let wake = () => {};
db.on("notification", () => wake());
await db.query("LISTEN outbox");
for (;;) {
  // Listened for from before the look: what is written during it wakes us, too.
  const written = new Promise((resolve) => (wake = resolve));
  try {
    if ((await relay(db)) > 0) continue;
  } catch (error) {
    if (!(error instanceof Later)) throw error;
    await sleep(error.seconds);
    continue;
  }
  if (process.argv.includes("--once")) break;
  await Promise.race([written, sleep(60)]);
}
await db.end();
