-- How long an organization's own events are kept where that is not as the server says; which events were erased, and what
-- is being erased.

ALTER TABLE organizations ADD COLUMN bodies_days BIGINT CHECK (bodies_days BETWEEN 1 AND 36500);
ALTER TABLE organizations ADD COLUMN attempts_days BIGINT CHECK (attempts_days BETWEEN 1 AND 36500);
CREATE INDEX organizations_keeping ON organizations (id) WHERE bodies_days IS NOT NULL OR attempts_days IS NOT NULL;

-- The row stays as long as the others of its time, so that its id answers clearly.
ALTER TABLE events ADD COLUMN erased_at BIGINT;

-- What an entry said of an organization that was erased is gone; its digest and its place in the chain stay.
ALTER TABLE audit ADD COLUMN erased BIGINT NOT NULL DEFAULT 0 CHECK (erased IN (0, 1));

CREATE TABLE erasures (
    id BIGINT PRIMARY KEY,
    organization_id BIGINT NOT NULL,
    event_id BIGINT,                                         -- NULL: everything of the organization
    up_to_event BIGINT NOT NULL,                             -- the newest event then: the lists must have come so far
    removed BIGINT NOT NULL,                                 -- rows so far
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX erasures_running ON erasures (id) WHERE ended_at IS NULL;
CREATE INDEX erasures_of ON erasures (organization_id, event_id);
