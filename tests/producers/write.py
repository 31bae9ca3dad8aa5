"""Writes what standard input lists ([type, organization, data, kept]), each in a transaction of its own."""

import json
import os
import sys

import psycopg
from outbox import record

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
    for kind, organization, data, kept in json.load(sys.stdin):
        with db.transaction():
            record(db, kind, organization, data)
            if not kept:
                raise psycopg.Rollback
    try:
        record(db, "project.updated", 1, {})
    except RuntimeError:
        pass
    else:
        sys.exit("written outside of a transaction")
