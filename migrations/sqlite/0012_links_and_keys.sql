-- Who made a link, as the audit log names them: what somebody made and nobody used ends with them.
ALTER TABLE links ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
CREATE INDEX links_made_by ON links (made_by) WHERE used_at IS NULL;
CREATE INDEX links_open ON links ((coalesce(organization_id, 0))) WHERE used_at IS NULL AND revoked_at IS NULL;

-- When a key was last used, to the minute; written late.
ALTER TABLE api_keys ADD COLUMN used_at INTEGER;
CREATE INDEX api_keys_of ON api_keys (organization_id);
