//! Whether what is stored fits together, for a copy of the data: bodies have their hashes, the audit log its chains.
//!
//! Reads everything once, row by row, and changes nothing. The database's own check comes before this one.

use super::audit;
use super::database::{Sql, values};
use crate::store::StoreError;
use crate::store::queue::{ContentHash, content_hash};
use tidings_core::id::EventId;
use tidings_core::time::Timestamp;

/// What data holds, counted while it was read, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Organizations that are not deleted.
    pub organizations: u64,
    /// Endpoints that are not deleted.
    pub endpoints: u64,
    /// Events.
    pub events: u64,
    /// Bodies of events: fewer once retention removed some.
    pub bodies: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Entries of the audit log.
    pub audit: u64,
    /// The newest event, and when it was accepted.
    pub last: Option<(EventId, Timestamp)>,
    /// Bodies without their hash. Such a body is never sent.
    pub damaged_bodies: u64,
    /// Places of the audit log where an entry was changed, put in, or is missing.
    pub audit_faults: u64,
}

impl Contents {
    /// Counts, and checks every body; the audit log only where its format has chains.
    ///
    /// # Errors
    /// The database failed.
    pub fn read(sql: &dyn Sql, chained: bool) -> Result<Self, StoreError> {
        let mut found = Self::default();
        sql.each("SELECT hash, data FROM bodies", values![], &mut |row| {
            found.bodies += 1;
            if content_hash(row.bytes(1)?) != row.get::<ContentHash>(0)? {
                found.damaged_bodies += 1;
            }
            Ok(())
        })?;
        if chained {
            found.audit_faults = audit::faults(sql)?;
        }
        let count = |text| -> Result<u64, StoreError> {
            Ok(sql.get::<i64>(text, values![])?.unsigned_abs())
        };
        found.organizations = count("SELECT count(*) FROM organizations WHERE deleted_at IS NULL")?;
        found.endpoints = count("SELECT count(*) FROM endpoints WHERE deleted_at IS NULL")?;
        found.events = count("SELECT count(*) FROM events")?;
        found.deliveries = count("SELECT count(*) FROM deliveries")?;
        found.audit = count("SELECT count(*) FROM audit")?;
        found.last = sql.one(
            "SELECT id, accepted_at FROM events ORDER BY id DESC LIMIT 1",
            values![],
            |row| {
                Ok((
                    EventId::from_raw(row.get(0)?),
                    Timestamp::from_micros(row.get(1)?),
                ))
            },
        )?;
        Ok(found)
    }

    /// Whether nothing is wrong.
    pub const fn is_whole(&self) -> bool {
        self.damaged_bodies == 0 && self.audit_faults == 0
    }
}
