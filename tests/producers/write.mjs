// Writes what standard input lists ([type, organization, data, kept]), each in a transaction of its own.
import { readFileSync } from "node:fs";
import pg from "pg";
import { record } from "./outbox.mjs";

const db = new pg.Client({ connectionString: process.env.DATABASE_URL });
await db.connect();
for (const [type, organization, data, kept] of JSON.parse(readFileSync(0, "utf8"))) {
  await db.query("BEGIN");
  await record(db, type, organization, data);
  await db.query(kept ? "COMMIT" : "ROLLBACK");
}
const outside = await record(db, "project.updated", 1, {}).then(
  () => "written outside of a transaction",
  () => undefined,
);
if (outside !== undefined) throw new Error(outside);
await db.end();
