// Writes an event into the outbox, in the transaction of whatever it is about.
//
//   await db.query("BEGIN");
//   await db.query("UPDATE project SET name = $1 WHERE id = $2", [name, projectId]);
//   await record(db, "project.updated", organizationId, { id: String(projectId), name });
//   await db.query("COMMIT");

/** `data` is an object, or the text of a JSON object, which is sent as it is. */
export async function record(db, type, organizationId, data, isPublic = false) {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  // A savepoint exists only inside a transaction: elsewhere this fails, and nothing is written.
  await db.query("SAVEPOINT outbox");
  await db.query("INSERT INTO outbox (type, organization_id, public, data) VALUES ($1, $2, $3, $4)", [
    type,
    organizationId,
    isPublic,
    text,
  ]);
  await db.query("RELEASE SAVEPOINT outbox");
}
