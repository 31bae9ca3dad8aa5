-- The console's people: accounts, their roles, their sessions, and the one-time links that let them in.
-- Tokens of sessions and links are kept as BLAKE3 hashes, passwords as argon2id in PHC format.

CREATE TABLE accounts (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    operator BIGINT NOT NULL CHECK (operator IN (0, 1)),
    password TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    login_at BIGINT
);

CREATE TABLE account_grants (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    organization_id BIGINT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('administrator', 'viewer')),
    PRIMARY KEY (account_id, organization_id)
);
CREATE INDEX account_grants_of ON account_grants (organization_id);

CREATE TABLE links (
    id BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'invitation', 'password', 'portal')),
    account_id BIGINT,                                      -- of a password link
    organization_id BIGINT,                                 -- of a portal link, and of an invitation to one
    role TEXT CHECK (role IN ('administrator', 'viewer')),
    return_url TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT,
    CHECK ((organization_id IS NULL) = (role IS NULL)),
    CHECK ((account_id IS NULL) = (purpose <> 'password'))
);
CREATE INDEX links_age ON links (expires_at);

CREATE TABLE sessions (
    id BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    account_id BIGINT,
    link_id BIGINT,                                         -- of a portal's session
    opened_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    address TEXT,
    agent TEXT NOT NULL,
    CHECK ((account_id IS NULL) <> (link_id IS NULL))
);
CREATE INDEX sessions_of ON sessions (account_id);
CREATE INDEX sessions_by ON sessions (link_id);
CREATE INDEX sessions_age ON sessions (opened_at);
