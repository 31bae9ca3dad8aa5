-- Second factors of accounts: secrets sealed with the master key, recovery codes as BLAKE3 hashes.

CREATE TABLE second_factors (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    secret BLOB NOT NULL,
    begun_at INTEGER NOT NULL,
    on_since INTEGER,                                            -- NULL: waits for its first code
    last_step INTEGER NOT NULL                                   -- of the code accepted last: none is accepted twice
) STRICT;

CREATE TABLE recovery_codes (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account_id, hash)
) STRICT, WITHOUT ROWID;

-- Logins whose password was right and whose code is missing. No session: nothing looks for one here.
CREATE TABLE half_logins (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX half_logins_of ON half_logins (account_id);
CREATE INDEX half_logins_age ON half_logins (expires_at);
