-- Who made a link, as the audit log names them: what somebody made and nobody used ends with them.
ALTER TABLE links ADD COLUMN made_by TEXT NOT NULL DEFAULT '';

-- When a key was last used, to the minute; written late.
ALTER TABLE api_keys ADD COLUMN used_at INTEGER;
