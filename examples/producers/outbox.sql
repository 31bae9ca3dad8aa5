-- The outbox on PostgreSQL: a transaction that changes a record writes the event about it in here, and a relay posts what
-- stands here. Both are there or neither is.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,                        -- as in project.updated
    organization_id bigint NOT NULL,
    public boolean NOT NULL DEFAULT false,
    key uuid NOT NULL DEFAULT gen_random_uuid(),  -- the idempotency key: posted again it is the same event
    data json NOT NULL,                        -- json, not jsonb: the text is sent as it was written
    created_at timestamptz NOT NULL DEFAULT now(),
    refused text                               -- the code, where the server will never take this event
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE refused IS NULL;

-- Relays that listen need not poll.
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
