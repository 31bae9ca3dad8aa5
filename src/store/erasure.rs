//! Erasing: one event, or everything of an organization, for good.
//!
//! Invariants: once it is answered nothing of an erased event's body is left to read or to send; what its attempts kept
//! goes in small steps, and what is in flight finishes first. An erasure goes on after a crash, and can be asked for.
//! The row of an erased event stays, without what could be about people, so that its id answers clearly.
//!
//! Deliberately absent: backups. What was erased is in those that were made before, until they are thrown away.

use super::{Actor, StoreError};
use async_trait::async_trait;
use tidings_core::id::{ErasureId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// How an erasure stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The event, or `None` for everything of the organization.
    pub event: Option<EventId>,
    /// Rows that are gone so far.
    pub removed: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the last of it was gone; `None` while it goes on.
    pub ended_at: Option<Timestamp>,
}

/// Erasing.
#[async_trait]
pub trait Erasing: Send + Sync {
    /// Begins to erase an event; asked again it answers how that stands. `None`: there is no such event.
    async fn erase_event(&self, id: EventId, actor: Actor) -> Result<Option<Erasure>, StoreError>;
    /// Deletes an organization and begins to erase everything of it, also of one that was deleted before; asked again it
    /// answers how that stands. `None`: there is no such organization.
    async fn erase_organization(
        &self,
        id: OrganizationId,
        actor: Actor,
    ) -> Result<Option<Erasure>, StoreError>;
    /// How an erasure stands.
    async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError>;
}
