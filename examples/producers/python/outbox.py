"""Writes an event into the outbox, in the transaction of whatever it is about.

    with db.transaction():
        db.execute("UPDATE project SET name = %s WHERE id = %s", (name, project_id))
        record(db, "project.updated", organization_id, {"id": str(project_id), "name": name})
"""

import json

from psycopg.pq import TransactionStatus


def record(db, type, organization_id, data, public=False):
    """`data` is a dict, or the text of a JSON object, which is sent as it is."""
    if db.info.transaction_status != TransactionStatus.INTRANS:
        raise RuntimeError("record() belongs into the transaction of the change that the event is about")
    text = data if isinstance(data, str) else json.dumps(data)
    db.execute(
        "INSERT INTO outbox (type, organization_id, public, data) VALUES (%s, %s, %s, %s)",
        (type, organization_id, public, text),
    )
