-- The console's people: accounts, their roles, their sessions, and the one-time links that let them in.
-- Tokens of sessions and links are kept as BLAKE3 hashes, passwords as argon2id in PHC format.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    operator INTEGER NOT NULL CHECK (operator IN (0, 1)),
    password TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    login_at INTEGER
) STRICT;

CREATE TABLE account_grants (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    organization_id INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('administrator', 'viewer')),
    PRIMARY KEY (account_id, organization_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_grants_of ON account_grants (organization_id);

CREATE TABLE links (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'invitation', 'password', 'portal')),
    account_id INTEGER,                                      -- of a password link
    organization_id INTEGER,                                 -- of a portal link, and of an invitation to one
    role TEXT CHECK (role IN ('administrator', 'viewer')),
    return_url TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER,
    CHECK ((organization_id IS NULL) = (role IS NULL)),
    CHECK ((account_id IS NULL) = (purpose <> 'password'))
) STRICT;
CREATE INDEX links_age ON links (expires_at);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    account_id INTEGER,
    link_id INTEGER,                                         -- of a portal's session
    opened_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    address TEXT,
    agent TEXT NOT NULL,
    CHECK ((account_id IS NULL) <> (link_id IS NULL))
) STRICT;
CREATE INDEX sessions_of ON sessions (account_id);
CREATE INDEX sessions_by ON sessions (link_id);
CREATE INDEX sessions_age ON sessions (opened_at);
