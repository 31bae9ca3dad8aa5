-- Who had a role in an organization that was deleted: without effect, and kept so that its erasure finds the accounts of
-- people who were let into it alone.

CREATE TABLE former_grants (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    organization_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, organization_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_grants_of ON former_grants (organization_id);
