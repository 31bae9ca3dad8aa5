-- The first schema. Rules it keeps (docs/decisions/0001-storage.md):
-- * What is written for every event is appended: events, bodies, deliveries and attempts are keyed by the
--   event's growing id. No index on that path starts with an endpoint, an organization or a state; the
--   partial ones hold only the few rows out of the ordinary.
-- * Lists by organization, endpoint and reference come from indexes that upkeep writes late and sorted.
-- * Secrets are sealed, audit rows exist, and every row knows its organization, from the first version on.
-- Times are microseconds since the epoch; codes are those of tidings-core, checked here a second time.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per node; the epoch grows with every start.
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

CREATE TABLE organizations (
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),
    name TEXT NOT NULL,
    slug TEXT,
    add_ons INTEGER NOT NULL CHECK (add_ons BETWEEN 0 AND 3),
    webhooks INTEGER NOT NULL CHECK (webhooks IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER                                       -- kept while its history is
) STRICT;

-- When an organization had no add-on, as event ids: what it missed then is not replayable (W2).
CREATE TABLE suspensions (
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    from_event INTEGER NOT NULL,
    to_event INTEGER,                                        -- NULL while it lasts
    PRIMARY KEY (organization_id, from_event)
) STRICT, WITHOUT ROWID;

-- Own forms get a number, so that events and deliveries do not repeat their text.
CREATE TABLE event_type_names (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE event_types (
    name_id INTEGER NOT NULL REFERENCES event_type_names (id),
    audience INTEGER NOT NULL CHECK (audience IN (0, 1)),   -- 0 own, 1 public
    position INTEGER NOT NULL,
    label TEXT NOT NULL,
    description TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    compatible INTEGER NOT NULL CHECK (compatible IN (0, 1)),
    enforced INTEGER NOT NULL CHECK (enforced IN (0, 1)),
    schema TEXT,
    example TEXT,
    PRIMARY KEY (name_id, audience)
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    headers TEXT NOT NULL,                                   -- JSON array of [name, value]
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    version INTEGER NOT NULL,
    newest_secret BLOB NOT NULL,                             -- sealed, bound to this row
    older_secret BLOB,
    older_until INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CHECK ((older_secret IS NULL) = (older_until IS NULL))
) STRICT;
CREATE INDEX endpoints_of ON endpoints (organization_id);

-- What attempts were made with: written when the URL or the headers change.
CREATE TABLE endpoint_versions (
    endpoint_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
    endpoint_id INTEGER NOT NULL REFERENCES endpoints (id),
    name_id INTEGER NOT NULL,
    audience INTEGER NOT NULL CHECK (audience IN (0, 1)),
    PRIMARY KEY (endpoint_id, name_id, audience)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    scope TEXT NOT NULL CHECK (scope IN ('operator', 'producer', 'administrator', 'viewer')),
    organization_id INTEGER,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    CHECK ((organization_id IS NULL) = (scope IN ('operator', 'producer')))
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    organization_id INTEGER,
    act TEXT NOT NULL,                                       -- endpoint.create, secret.rotate, …
    subject TEXT NOT NULL,                                   -- the id it was done to
    before TEXT,                                             -- JSON, secrets masked
    after TEXT
) STRICT;

-- The hot path: four tables that only grow at their end. -------------------------------------------------

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL,
    name_id INTEGER NOT NULL,
    public INTEGER NOT NULL CHECK (public IN (0, 1)),
    test INTEGER NOT NULL CHECK (test IN (0, 1)),
    accepted_at INTEGER NOT NULL,
    reference TEXT
) STRICT;

-- Stored once however many recipients; hash is the first 16 bytes of BLAKE3 over data.
CREATE TABLE bodies (
    event_id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 16),
    data BLOB NOT NULL
) STRICT;

CREATE TABLE deliveries (
    event_id INTEGER NOT NULL,
    endpoint_id INTEGER NOT NULL,
    organization_id INTEGER NOT NULL,                        -- the recipient
    name_id INTEGER NOT NULL,
    audience INTEGER NOT NULL CHECK (audience IN (0, 1)),
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 8),    -- 0 due 1 in_flight 2 delivered 3 exhausted 4-8 cancelled
    round INTEGER NOT NULL CHECK (round BETWEEN 0 AND 48),
    attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL CHECK (failures BETWEEN 0 AND 3),
    due_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    rested_at INTEGER,
    PRIMARY KEY (event_id, endpoint_id),
    CHECK ((rested_at IS NULL) = (state IN (0, 1)))
) STRICT, WITHOUT ROWID;

-- What this node holds: small, gone at settle. Recovery reads exactly this.
CREATE INDEX deliveries_in_flight ON deliveries (event_id, endpoint_id) WHERE state = 1;
-- What waits in the store, by endpoint and time: claims go round it.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at, event_id) WHERE state = 0;
-- What is out of the ordinary, for lists by state.
CREATE INDEX deliveries_unusual ON deliveries (endpoint_id, state, event_id) WHERE state IN (0, 3, 4, 5, 6, 7, 8);

CREATE TABLE attempts (
    event_id INTEGER NOT NULL,
    endpoint_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    lateness INTEGER NOT NULL,                               -- µs, as all durations
    dns INTEGER,
    connect INTEGER,
    tls INTEGER,
    first_byte INTEGER,
    total INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    detail TEXT NOT NULL,
    endpoint_version INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    vomo_signature TEXT NOT NULL,
    webhook_signature TEXT NOT NULL,
    peer TEXT,
    answer_headers BLOB NOT NULL,
    answer_body BLOB NOT NULL,
    answer_bytes INTEGER NOT NULL,
    PRIMARY KEY (event_id, endpoint_id, number)
) STRICT, WITHOUT ROWID;

-- Beside the hot path. -----------------------------------------------------------------------------------

CREATE TABLE idempotency_keys (
    organization_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    content BLOB NOT NULL CHECK (length(content) = 16),
    event_id INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (used_at);

-- A fan-out larger than its first part: goes on after after_endpoint, up to the newest endpoint that is older
-- than the event (ids of both come from one source).
CREATE TABLE fan_outs (
    event_id INTEGER PRIMARY KEY,
    after_endpoint INTEGER NOT NULL
) STRICT;

-- Due deliveries of an endpoint to cancel, up to an event: claims pass such an endpoint by until it is done.
CREATE TABLE sweeps (
    endpoint_id INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 4 AND 8),
    up_to_event INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (
    id INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL,
    endpoint_id INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    include INTEGER NOT NULL CHECK (include BETWEEN 1 AND 15), -- 1 exhausted 2 cancelled 4 delivered 8 missing
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),         -- 0 running 1 done 2 stopped
    next_event INTEGER NOT NULL,
    end_event INTEGER NOT NULL,
    examined INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX replays_running ON replays (endpoint_id) WHERE state = 0;

-- Written late, sorted, up to meta 'listed_to' (an event id). A row made for an older event lists itself.
CREATE TABLE events_listed (
    organization_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (organization_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE references_listed (
    organization_id INTEGER NOT NULL,
    reference TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (organization_id, reference, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries_listed (
    endpoint_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, event_id)
) STRICT, WITHOUT ROWID;
