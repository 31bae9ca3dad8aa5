-- What came of an act, and a chain of digests through the audit log: a changed or missing entry shows.
-- Entries from before have neither.

ALTER TABLE audit ADD COLUMN outcome TEXT NOT NULL DEFAULT 'done' CHECK (outcome IN ('done', 'refused'));
ALTER TABLE audit ADD COLUMN chain BIGINT;                 -- 0 for a node on its own, else one of several nodes'
ALTER TABLE audit ADD COLUMN previous BYTEA;               -- the digest of the entry before in its chain
ALTER TABLE audit ADD COLUMN digest BYTEA;                 -- store::audit::Entry::digest_after
CREATE INDEX audit_chain ON audit (chain, id) WHERE chain IS NOT NULL;
CREATE INDEX audit_of ON audit (organization_id, id) WHERE organization_id IS NOT NULL;
