//! What is carried over: every table that both stores have, column by column.
//!
//! Left behind is what belongs to the embedded store's process: its lives and its key's canary. What was in flight when it
//! stopped is due again, as after any start.

use postgres::types::Type;

/// A table: its name, its columns in order, and how many of the first make up its key.
pub(super) struct Table {
    /// Its name, in both stores.
    pub name: &'static str,
    /// How many of the first columns make up its key.
    pub key: usize,
    /// A column each: its kind, and its name or what is read in its place (`expression AS name`).
    pub columns: &'static [Column],
}

/// A column.
pub(super) struct Column(pub Kind, pub &'static str);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Blob,
}

impl Kind {
    /// The type it has in PostgreSQL.
    pub(super) const fn postgres(self) -> Type {
        match self {
            Self::Int => Type::INT8,
            Self::Text => Type::TEXT,
            Self::Blob => Type::BYTEA,
        }
    }
}

impl Column {
    /// Its name in PostgreSQL.
    pub(super) fn name(&self) -> &'static str {
        match self.1.rsplit_once(" AS ") {
            Some((_, name)) => name,
            None => self.1,
        }
    }
}

macro_rules! table {
    ($name:literal, $key:literal, [$($kind:ident $column:literal),* $(,)?]) => {
        Table { name: $name, key: $key, columns: &[$(Column(Kind::$kind, $column)),*] }
    };
}

/// All of them, in an order in which each refers to what is there.
pub(super) const TABLES: [Table; 29] = [
    table!("organizations", 1, [
        Int "id", Text "name", Text "slug", Int "add_ons", Int "webhooks", Int "created_at", Int "updated_at",
        Int "deleted_at", Int "bodies_days", Int "attempts_days",
    ]),
    table!("suspensions", 2, [Int "organization_id", Int "from_event", Int "to_event"]),
    table!("event_type_names", 1, [Int "id", Text "name"]),
    table!("event_types", 2, [
        Int "name_id", Int "audience", Int "position", Text "label", Text "description", Int "active", Int "compatible",
        Int "enforced", Text "schema", Text "example",
    ]),
    table!("endpoints", 1, [
        Int "id", Int "organization_id", Text "url", Text "description", Text "header_names", Int "enabled", Int "version",
        Blob "newest_secret", Blob "older_secret", Int "older_until", Int "created_at", Int "updated_at", Int "deleted_at",
        Blob "sealed_headers",
    ]),
    table!("endpoint_versions", 2, [Int "endpoint_id", Int "version", Text "url", Text "header_names"]),
    table!("subscriptions", 3, [Int "endpoint_id", Int "name_id", Int "audience"]),
    table!("api_keys", 1, [
        Int "id", Blob "hash", Text "scope", Int "organization_id", Text "description", Int "created_at",
        Int "expires_at", Int "revoked_at", Int "used_at",
    ]),
    table!("accounts", 1, [
        Int "id", Text "name", Int "operator", Text "password", Int "created_at", Int "login_at",
    ]),
    table!("second_factors", 1, [
        Int "account_id", Blob "secret", Int "begun_at", Int "on_since", Int "last_step",
    ]),
    table!("recovery_codes", 2, [Int "account_id", Blob "hash"]),
    table!("account_grants", 2, [Int "account_id", Int "organization_id", Text "role"]),
    table!("former_grants", 2, [Int "account_id", Int "organization_id"]),
    table!("audit", 1, [
        Int "id", Int "at", Text "actor", Text "address", Text "request_id", Int "organization_id", Text "act",
        Text "subject", Text "before", Text "after", Text "outcome", Int "chain", Blob "previous", Blob "digest",
        Int "erased", Blob "erasable", Blob "salt",
    ]),
    table!("events", 1, [
        Int "id", Int "organization_id", Int "name_id", Int "public", Int "test", Int "accepted_at", Text "reference",
        Int "erased_at",
    ]),
    table!("bodies", 1, [Int "event_id", Blob "hash", Blob "data"]),
    table!("deliveries", 2, [
        Int "event_id", Int "endpoint_id", Int "organization_id", Int "name_id", Int "audience",
        Int "CASE WHEN state = 1 THEN 0 ELSE state END AS state", Int "round", Int "attempts", Int "failures",
        Int "due_at", Int "0 AS epoch", Int "fence", Int "rested_at",
    ]),
    table!("attempts", 3, [
        Int "event_id", Int "endpoint_id", Int "number", Int "started_at", Int "lateness", Int "dns", Int "connect",
        Int "tls", Int "first_byte", Int "total", Int "outcome", Text "detail", Int "endpoint_version", Int "timestamp",
        Text "vomo_signature", Text "webhook_signature", Text "peer", Blob "answer_headers", Blob "answer_body",
        Int "answer_bytes",
    ]),
    table!("idempotency_keys", 2, [
        Int "organization_id", Text "key", Blob "content", Int "event_id", Int "used_at",
    ]),
    table!("fan_outs", 1, [Int "event_id", Int "after_endpoint"]),
    table!("sweeps", 2, [Int "endpoint_id", Int "state", Int "up_to_event"]),
    table!("replays", 1, [
        Int "id", Int "organization_id", Int "endpoint_id", Int "from_at", Int "to_at", Int "include", Int "state",
        Int "next_event", Int "end_event", Int "examined", Int "queued", Int "created_at",
    ]),
    table!("erasures", 1, [
        Int "id", Int "organization_id", Int "event_id", Int "up_to_event", Int "removed", Int "created_at",
        Int "ended_at",
    ]),
    table!("stats", 3, [Int "subject", Int "bucket", Int "measure", Int "count"]),
    table!("trouble_notes", 1, [
        Int "id", Int "endpoint_id", Int "succeeded_at", Int "since", Int "failed", Int "exhausted",
        Int "exhausted_before", Int "last_at", Int "last_outcome",
    ]),
    table!("troubles", 1, [
        Int "endpoint_id", Int "since", Int "failed", Int "exhausted", Int "last_at", Int "last_outcome", Int "told",
        Int "failing_told_at", Int "exhausted_told_at", Int "untold", Int "look_at",
    ]),
    table!("notice_mails", 1, [Int "id", Int "at", Text "kind", Text "data", Int "retry_at"]),
    table!("events_listed", 2, [Int "organization_id", Int "event_id"]),
    table!("deliveries_listed", 2, [Int "endpoint_id", Int "event_id"]),
];

/// The one whose key ends with a text and is not first: carried like the others.
pub(super) const REFERENCES: Table = table!("references_listed", 3, [
    Int "organization_id", Text "reference", Int "event_id",
]);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::collections::BTreeSet;

    /// Tables of the embedded store that are not carried over: people log in again.
    const LEFT: [&str; 5] = ["half_logins", "links", "meta", "nodes", "sessions"];

    #[test]
    fn every_column_of_every_table_is_carried_over_or_left_on_purpose() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&crate::store::sqlite::schema::MIGRATIONS.concat())
            .unwrap();
        let mut known = BTreeSet::new();
        let all = TABLES.iter().chain([&REFERENCES]);
        for table in all.clone() {
            for column in table.columns {
                known.insert(format!("{}.{}", table.name, column.name()));
            }
        }
        let mut there = connection
            .prepare(
                "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
            )
            .unwrap();
        let there: BTreeSet<String> = there
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap()
            .map(Result::unwrap)
            .filter(|name| {
                !LEFT
                    .iter()
                    .any(|left| name.starts_with(&format!("{left}.")))
            })
            .collect();
        assert_eq!(known, there);
    }
}
