-- How long an organization's own events are kept where that is not as the server says; which events were erased, and what
-- is being erased; and what tells this data from other data, whatever key seals it.

ALTER TABLE organizations ADD COLUMN bodies_days INTEGER CHECK (bodies_days BETWEEN 1 AND 36500);
ALTER TABLE organizations ADD COLUMN attempts_days INTEGER CHECK (attempts_days BETWEEN 1 AND 36500);
CREATE INDEX organizations_keeping ON organizations (id) WHERE bodies_days IS NOT NULL OR attempts_days IS NOT NULL;

-- The row stays as long as the others of its time, so that its id answers clearly.
ALTER TABLE events ADD COLUMN erased_at INTEGER;

-- What an entry said of an organization that was erased is gone; its digest and its place in the chain stay.
ALTER TABLE audit ADD COLUMN erased INTEGER NOT NULL DEFAULT 0 CHECK (erased IN (0, 1));

CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL,
    event_id INTEGER,                                        -- NULL: everything of the organization
    up_to_event INTEGER NOT NULL,                            -- the newest event then: the lists must have come so far
    removed INTEGER NOT NULL,                                -- rows so far
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX erasures_running ON erasures (id) WHERE ended_at IS NULL;
CREATE INDEX erasures_of ON erasures (organization_id, event_id);

INSERT INTO meta (key, value) VALUES ('identity', randomblob(16));
