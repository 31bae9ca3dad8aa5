-- Notices: what became of attempts where something fails, the endpoints in trouble, and mails to be sent.

-- Written with the results, read and removed by upkeep: tidings_core::trouble::Digest.
CREATE TABLE trouble_notes (
    id BIGINT PRIMARY KEY,
    endpoint_id BIGINT NOT NULL,
    succeeded_at BIGINT,
    since BIGINT,
    failed BIGINT NOT NULL,
    exhausted BIGINT NOT NULL,
    exhausted_before BIGINT NOT NULL,
    last_at BIGINT,
    last_outcome BIGINT
);

-- One row per endpoint in trouble: tidings_core::trouble::Trouble.
CREATE TABLE troubles (
    endpoint_id BIGINT PRIMARY KEY,
    since BIGINT,
    failed BIGINT NOT NULL,
    exhausted BIGINT NOT NULL,
    last_at BIGINT,
    last_outcome BIGINT,
    told BIGINT NOT NULL CHECK (told IN (0, 1)),
    failing_told_at BIGINT,
    exhausted_told_at BIGINT,
    untold BIGINT NOT NULL,
    look_at BIGINT                                          -- when it is looked at again if nothing happens
);
CREATE INDEX troubles_look ON troubles (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE notice_mails (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    retry_at BIGINT NOT NULL                                -- not before: after a failure, or while it is being sent
);

-- Whoever holds this row reads the notes.
INSERT INTO meta (key, value) VALUES ('notices', 0);
