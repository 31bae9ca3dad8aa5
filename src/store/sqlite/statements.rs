//! The statements of the hot path, prepared once for the writer's connection.
//!
//! Everything else is prepared when first used, in the connection's cache.

use crate::store::StoreError;
use rusqlite::{Connection, Statement};

/// Prepared statements and the connection they belong to.
pub(super) struct Statements<'c> {
    /// For everything else.
    pub connection: &'c Connection,
    /// Opens a transaction that may write.
    pub begin: Statement<'c>,
    /// Makes it durable.
    pub commit: Statement<'c>,
    /// An event: id, organization, name, public, test, accepted at, reference.
    pub insert_event: Statement<'c>,
    /// Its body: event, hash, data.
    pub insert_body: Statement<'c>,
    /// A delivery of an event that has none to this endpoint: event, endpoint, organization, name, audience,
    /// state, round, due at, epoch, fence. Nothing happens if there is one.
    pub insert_delivery: Statement<'c>,
    /// A used key: organization, key.
    pub find_key: Statement<'c>,
    /// Remembers a key: organization, key, content, event, used at.
    pub insert_key: Statement<'c>,
    /// Ends a claim: event, endpoint, epoch, fence, then state, due at (or as it was), rested at, attempts and
    /// failures (or as they were), and the epoch if it is another now. A
    /// delivered one that was being sent again is not cancelled but delivered.
    pub settle: Statement<'c>,
    /// An attempt, once.
    pub insert_attempt: Statement<'c>,
    /// Leases a due delivery: event, endpoint, epoch, fence.
    pub lease: Statement<'c>,
    /// Hash and data of an event.
    pub body: Statement<'c>,
}

const INSERT_DELIVERY: &str = "
    INSERT INTO deliveries (event_id, endpoint_id, organization_id, name_id, audience, state, round, attempts,
        failures, due_at, epoch, fence, rested_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, NULL)
    ON CONFLICT (event_id, endpoint_id) DO NOTHING";

/// Rounds 18 and 34 send a delivered one again (`Round::code`); giving those up leaves it delivered.
const SETTLE: &str = "
    UPDATE deliveries
    SET state = CASE WHEN ?5 >= 4 AND round IN (18, 34) THEN 2 ELSE ?5 END,
        due_at = coalesce(?6, due_at), rested_at = ?7, epoch = coalesce(?10, epoch),
        attempts = coalesce(?8, attempts), failures = coalesce(?9, failures)
    WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = ?3 AND fence = ?4";

const INSERT_ATTEMPT: &str = "
    INSERT INTO attempts (event_id, endpoint_id, number, started_at, lateness, dns, connect, tls, first_byte,
        total, outcome, detail, endpoint_version, timestamp, vomo_signature, webhook_signature, peer,
        answer_headers, answer_body, answer_bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
    ON CONFLICT (event_id, endpoint_id, number) DO NOTHING";

/// What runs for every event: a temporary table in one of these costs more than the statement.
#[cfg(test)]
pub(super) const HOT: [&str; 3] = [INSERT_DELIVERY, SETTLE, INSERT_ATTEMPT];

impl<'c> Statements<'c> {
    /// Prepares them.
    ///
    /// # Errors
    /// The schema is not ours.
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            connection,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert_event: connection.prepare(
                "INSERT INTO events (id, organization_id, name_id, public, test, accepted_at, reference)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            insert_body: connection
                .prepare("INSERT INTO bodies (event_id, hash, data) VALUES (?1, ?2, ?3)")?,
            insert_delivery: connection.prepare(INSERT_DELIVERY)?,
            find_key: connection.prepare(
                "SELECT content, event_id, used_at FROM idempotency_keys
                 WHERE organization_id = ?1 AND key = ?2",
            )?,
            insert_key: connection.prepare(
                "INSERT OR REPLACE INTO idempotency_keys (organization_id, key, content, event_id, used_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            settle: connection.prepare(SETTLE)?,
            insert_attempt: connection.prepare(INSERT_ATTEMPT)?,
            lease: connection.prepare(
                // No RETURNING: it copies every page it touches, in case it has to be undone.
                "UPDATE deliveries SET state = 1, epoch = ?3, fence = ?4
                 WHERE event_id = ?1 AND endpoint_id = ?2 AND (state = 0 OR (state = 1 AND epoch = 0))",
            )?,
            body: connection.prepare("SELECT hash, data FROM bodies WHERE event_id = ?1")?,
        })
    }
}
