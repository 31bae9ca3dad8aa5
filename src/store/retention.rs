//! How long events are kept.

use std::time::Duration;

/// How long what was posted and what became of it is kept, from the moment an event was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bodies: what waits longer than this can no longer be sent, and is cancelled (`expired`).
    pub bodies: Duration,
    /// Events, deliveries, attempts, and statistics; at least as long as bodies.
    pub records: Duration,
    /// Entries of the audit log.
    pub audit: Duration,
}
