-- Who had a role in an organization that was deleted: without effect, and kept so that its erasure finds the accounts of
-- people who were let into it alone.

CREATE TABLE former_grants (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    organization_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, organization_id)
);
CREATE INDEX former_grants_of ON former_grants (organization_id);
