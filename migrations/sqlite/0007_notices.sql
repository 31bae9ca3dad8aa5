-- Notices: what became of attempts where something fails, the endpoints in trouble, and mails to be sent.

-- Written with the results, read and removed by upkeep: tidings_core::trouble::Digest.
CREATE TABLE trouble_notes (
    id INTEGER PRIMARY KEY,
    endpoint_id INTEGER NOT NULL,
    succeeded_at INTEGER,
    since INTEGER,
    failed INTEGER NOT NULL,
    exhausted INTEGER NOT NULL,
    exhausted_before INTEGER NOT NULL,
    last_at INTEGER,
    last_outcome INTEGER
) STRICT;

-- One row per endpoint in trouble: tidings_core::trouble::Trouble.
CREATE TABLE troubles (
    endpoint_id INTEGER PRIMARY KEY,
    since INTEGER,
    failed INTEGER NOT NULL,
    exhausted INTEGER NOT NULL,
    last_at INTEGER,
    last_outcome INTEGER,
    told INTEGER NOT NULL CHECK (told IN (0, 1)),
    failing_told_at INTEGER,
    exhausted_told_at INTEGER,
    untold INTEGER NOT NULL,
    look_at INTEGER                                          -- when it is looked at again if nothing happens
) STRICT;
CREATE INDEX troubles_look ON troubles (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE notice_mails (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    retry_at INTEGER NOT NULL                                -- not before: after a failure, or while it is being sent
) STRICT;

-- Whoever holds this row reads the notes.
INSERT INTO meta (key, value) VALUES ('notices', 0);
