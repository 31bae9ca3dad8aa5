"""Posts what stands in the outbox to Tidings, for good or, with --once, until it is empty.

Needs Python 3.9 and psycopg 3.2. Settings: DATABASE_URL, TIDINGS_URL, TIDINGS_KEY (a producer's key). Run as many as you like.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

import psycopg

URL = os.environ.get("TIDINGS_URL", "http://127.0.0.1:8420") + "/v1/events/batch"
HEADERS = {"Authorization": "Bearer " + os.environ["TIDINGS_KEY"], "Content-Type": "application/json"}
# The server takes 1,000 events and 8 MiB at once.
BATCH_EVENTS, BATCH_BYTES = 500, 4 << 20

# The database writes the event as JSON, so that the text in `data` stays as it is. Rows that another relay has are passed over.
WAITING = """
    SELECT id, json_build_object('type', type, 'organization_id', organization_id, 'public', public, 'data', data,
                                 'idempotency_key', key)::text
    FROM outbox WHERE refused IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""


class Later(Exception):
    """Not now; the same again is safe, since every event has its key."""

    def __init__(self, seconds):
        self.seconds = seconds


def post(rows):
    """For each row its id at Tidings, or why it was refused."""
    body = '{"events":[' + ",".join(event for _, event in rows) + "]}"
    request = urllib.request.Request(URL, body.encode(), HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["results"]
    except urllib.error.HTTPError as refused:
        if refused.code == 429 or refused.code >= 500:
            raise Later(float(refused.headers.get("Retry-After", 5))) from None
        if refused.code not in (400, 413, 422):
            raise  # the key, most likely: somebody must look
        problem = json.load(refused)
    except (OSError, http.client.HTTPException):
        raise Later(5) from None
    if len(rows) == 1:
        return [{"error": problem}]
    # One of them spoils the batch.
    return [result for row in rows for result in post([row])]


def fitting(rows):
    size = 0
    for place, (_, event) in enumerate(rows):
        size += len(event.encode())
        if size > BATCH_BYTES and place > 0:
            return rows[:place]
    return rows


def relay(db):
    """Posts one batch; how many rows it took. If it dies before the commit they are still there, and posted again they are the same."""
    put_off = False
    with db.transaction():
        rows = fitting(db.execute(WAITING, (BATCH_EVENTS,)).fetchall())
        results = post(rows) if rows else []
        for (number, _), result in zip(rows, results):
            if "id" in result:
                db.execute("DELETE FROM outbox WHERE id = %s", (number,))
            elif result["error"]["status"] == 429 or result["error"]["status"] >= 500:
                put_off = True  # its organization posts too fast: the row waits
            else:
                db.execute("UPDATE outbox SET refused = %s WHERE id = %s", (result["error"]["code"], number))
    if put_off:
        raise Later(1)
    return len(rows)


def main():
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        db.execute("LISTEN outbox")
        while True:
            try:
                taken = relay(db)
            except Later as later:
                time.sleep(later.seconds)
                continue
            if taken == 0:
                if "--once" in sys.argv:
                    return
                for _ in db.notifies(timeout=60, stop_after=1):
                    pass


if __name__ == "__main__":
    main()
