-- Second factors of accounts: secrets sealed with the master key, recovery codes as BLAKE3 hashes.

CREATE TABLE second_factors (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    secret BYTEA NOT NULL,
    begun_at BIGINT NOT NULL,
    on_since BIGINT,                                            -- NULL: waits for its first code
    last_step BIGINT NOT NULL                                   -- of the code accepted last: none is accepted twice
);

CREATE TABLE recovery_codes (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (account_id, hash)
);

-- Logins whose password was right and whose code is missing. No session: nothing looks for one here.
CREATE TABLE half_logins (
    hash BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    expires_at BIGINT NOT NULL
);
CREATE INDEX half_logins_of ON half_logins (account_id);
CREATE INDEX half_logins_age ON half_logins (expires_at);
