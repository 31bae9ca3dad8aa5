//! The texts of PostgreSQL's own statements: the hot path on arrays, many rows in one; and what only several nodes need.

use crate::store::sql::rest::arrived_before;

/// Events and their bodies: ids, organizations, names, publics, tests, accepted at, references, hashes, data.
pub(super) const INSERT_EVENTS: &str = "
    WITH stored AS (
        INSERT INTO events (id, organization_id, name_id, public, test, accepted_at, reference)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]))
    INSERT INTO bodies (event_id, hash, data) SELECT * FROM unnest($1::bigint[], $8::bytea[], $9::bytea[])";

/// Deliveries of events that have none: events, endpoints, organizations, names, audiences, states, rounds, due at,
/// epochs, fences.
pub(super) const INSERT_FRESH: &str = "
    INSERT INTO deliveries (event_id, endpoint_id, organization_id, name_id, audience, state, round, due_at, epoch, fence,
        attempts, failures)
    SELECT r.*, 0, 0 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[]) AS r";

/// The same for events that may have some; those made now are listed at once, since lists may have passed their event.
pub(super) const INSERT_MISSING: &str = "
    WITH made AS (
        INSERT INTO deliveries (event_id, endpoint_id, organization_id, name_id, audience, state, round, due_at, epoch,
            fence, attempts, failures)
        SELECT r.*, 0, 0 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[]) AS r
        ON CONFLICT (event_id, endpoint_id) DO NOTHING
        RETURNING event_id, endpoint_id),
    listed AS (
        INSERT INTO deliveries_listed (endpoint_id, event_id) SELECT endpoint_id, event_id FROM made
        ON CONFLICT (endpoint_id, event_id) DO NOTHING)
    SELECT event_id, endpoint_id FROM made";

/// Ends claims: events, endpoints, epochs, fences, states, due at, rested at, attempts, failures, new epochs, then the
/// smallest and the largest event.
pub(super) const SETTLE: &str = concat!(
    "
    UPDATE deliveries AS d
    SET state = CASE WHEN r.state >= 4 AND ",
    arrived_before!(),
    " THEN 2 ELSE r.state END,
        due_at = coalesce(r.due_at, d.due_at), rested_at = r.rested_at, epoch = coalesce(r.new_epoch, d.epoch),
        attempts = coalesce(r.attempts, d.attempts), failures = coalesce(r.failures, d.failures)
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[])
        AS r (event_id, endpoint_id, epoch, fence, state, due_at, rested_at, attempts, failures, new_epoch)
    WHERE d.event_id = r.event_id AND d.endpoint_id = r.endpoint_id AND d.event_id BETWEEN $11 AND $12
        AND d.state = 1 AND d.epoch = r.epoch AND d.fence = r.fence
    RETURNING d.event_id, d.endpoint_id"
);

/// Attempts, each once: a column each, in the order of the table.
pub(super) const INSERT_ATTEMPTS: &str = "
    INSERT INTO attempts (event_id, endpoint_id, number, started_at, lateness, dns, connect, tls, first_byte, total,
        outcome, detail, endpoint_version, timestamp, vomo_signature, webhook_signature, peer, answer_headers, answer_body,
        answer_bytes)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bigint[], $14::bigint[], $15::text[],
        $16::text[], $17::text[], $18::bytea[], $19::bytea[], $20::bigint[])
    ON CONFLICT (event_id, endpoint_id, number) DO NOTHING";

/// Leases due rows: endpoint, epoch, events, fences, the smallest and the largest event.
pub(super) const LEASE: &str = "
    UPDATE deliveries AS d SET state = 1, epoch = $2, fence = r.fence
    FROM unnest($3::bigint[], $4::bigint[]) AS r (event_id, fence)
    WHERE d.event_id = r.event_id AND d.endpoint_id = $1 AND d.event_id BETWEEN $5 AND $6 AND d.state = 0";

/// Bodies: events, the smallest and the largest.
pub(super) const BODIES: &str = "SELECT event_id, hash, data FROM bodies
    WHERE event_id = ANY ($1::bigint[]) AND event_id BETWEEN $2 AND $3";

/// An endpoint's first due rows after one (endpoint, at most, due at, event) that nobody else is claiming.
pub(super) const DUE_ROWS: &str =
    "SELECT event_id, organization_id, name_id, audience, round, attempts, failures, due_at, fence
    FROM deliveries WHERE state = 0 AND endpoint_id = ?1 AND (due_at, event_id) > (?3, ?4)
    ORDER BY due_at, event_id LIMIT ?2 /* claim */";

/// What lives that ended had leased: `sql::recover`.
pub(super) const ABANDONED: &str =
    "SELECT d.event_id, d.endpoint_id FROM deliveries d JOIN lives l ON l.epoch = d.epoch
    WHERE d.state = 1 AND l.ended_at IS NOT NULL AND d.epoch <> ?1 LIMIT ?2 /* claim d */";

/// Earliest due times by endpoint: after, at most.
pub(super) const DUE_ENDPOINTS: &str = "
    WITH RECURSIVE due AS (
        (SELECT endpoint_id, due_at FROM deliveries WHERE state = 0 AND endpoint_id > $1
         ORDER BY endpoint_id, due_at LIMIT 1)
        UNION ALL
        SELECT later.* FROM due, LATERAL (
            SELECT endpoint_id, due_at FROM deliveries WHERE state = 0 AND endpoint_id > due.endpoint_id
            ORDER BY endpoint_id, due_at LIMIT 1) AS later)
    SELECT endpoint_id, due_at FROM due LIMIT $2";

/// Ends lives whose lease ran out.
pub(super) const END_DEAD: &str = "UPDATE lives SET ended_at = clock_timestamp() WHERE ended_at IS NULL AND lease_until < clock_timestamp()";
/// Forgets lives that ended a while ago and hold nothing any more; those that were lost (their lease had run out before they
/// ended, which a clean stop does not wait for) only when [`NODES`] does not tell of them any more.
pub(super) const FORGET_LIVES: &str =
    "DELETE FROM lives WHERE ended_at < clock_timestamp() - interval '60 seconds'
    AND (ended_at < lease_until OR ended_at < clock_timestamp() - interval '15 minutes')
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.state = 1 AND d.epoch = lives.epoch)";
/// Marks lost lives that hold nothing any more, so that nobody looks for that again and again: by a lease without a time.
pub(super) const SETTLE_LIVES: &str = "UPDATE lives SET lease_until = '-infinity'
    WHERE ended_at < clock_timestamp() - interval '60 seconds'
    AND ended_at >= lease_until AND lease_until > '-infinity'
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.state = 1 AND d.epoch = lives.epoch)";
/// What became of transactions of lives that are forgotten is no question any more.
pub(super) const FORGET_COMMITS: &str =
    "DELETE FROM commits WHERE epoch NOT IN (SELECT epoch FROM lives)";
/// Whether a transaction was stored: epoch, number.
pub(super) const COMMITTED: &str = "SELECT 1 FROM commits WHERE epoch = $1 AND number = $2";
/// Whether there are lives that ended and may still hold something, or are to be forgotten.
pub(super) const ENDED_LIVES: &str = "SELECT 1 FROM lives WHERE ended_at IS NOT NULL
    AND (lease_until > '-infinity' OR ended_at < clock_timestamp() - interval '15 minutes') LIMIT 1";
/// Each node's last life: those that go on, and for a quarter of an hour those that were lost, unless the node is back under
/// its name. Any other node ends a dead life at once, so that it ended is no sign of a clean stop.
pub(super) const NODES: &str =
    "SELECT node, CAST(CASE WHEN ended_at IS NULL AND lease_until > clock_timestamp() THEN 1 ELSE 0 END AS BIGINT)
    FROM (SELECT DISTINCT ON (node) node, ended_at, lease_until FROM lives ORDER BY node, epoch DESC) AS last
    WHERE ended_at IS NULL
        OR (ended_at >= lease_until AND ended_at > clock_timestamp() - interval '15 minutes')
    ORDER BY node";

/// Lists the events after one id and up to another, with their references and deliveries.
pub(super) const LIST: [&str; 3] = [
    "INSERT INTO events_listed (organization_id, event_id)
        SELECT organization_id, id FROM events WHERE id > $1 AND id <= $2 ORDER BY 1, 2
        ON CONFLICT (organization_id, event_id) DO NOTHING",
    "INSERT INTO references_listed (organization_id, reference, event_id)
        SELECT organization_id, reference, id FROM events WHERE id > $1 AND id <= $2 AND reference IS NOT NULL
        ORDER BY 1, 2, 3 ON CONFLICT (organization_id, reference, event_id) DO NOTHING",
    "INSERT INTO deliveries_listed (endpoint_id, event_id)
        SELECT endpoint_id, event_id FROM deliveries WHERE event_id > $1 AND event_id <= $2 ORDER BY 1, 2
        ON CONFLICT (endpoint_id, event_id) DO NOTHING",
];
