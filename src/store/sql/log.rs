//! The log: reading beside the writer, and the wish to send again.
//!
//! Every read sees one snapshot, so the late index and the tail it does not cover yet fit together. What a
//! caller may not see answers as if it did not exist, and is filtered by the database's own rows, not by what
//! the directory holds now: a deleted endpoint's history stays visible to its organization.

mod delivery;
mod endpoint_runs;
mod events;
mod parts;
mod replay;
mod retry;
mod rows;
mod search;
mod sql;
mod tail;

pub(super) use replay::include_of;
pub(super) use sql::OWNS;

use super::SqlStore;
use super::database::{Sql, values};
use crate::store::directory::{Page, PageRequest};
use crate::store::log::{
    DeliveryDetail, DeliveryFilter, DeliverySummary, EventDetail, EventFilter, EventSummary, Log,
    NewReplay, Replay, ReplayStarted, Retried,
};
use crate::store::{Actor, Reach, StoreError};
use async_trait::async_trait;
use std::sync::Arc;
use tidings_core::id::{DeliveryId, EventId, OrganizationId, ReplayId};

/// Rows of a late index that one call may look at before it answers with a short page.
const LOOKED_AT: usize = 10_000;
/// Rows of the tail that one call may look at: a second of full load, and then some.
const TAIL_LOOKED_AT: usize = 100_000;

#[async_trait]
impl Log for SqlStore {
    async fn event(&self, reach: Reach, id: EventId) -> Result<Option<EventDetail>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.read(move |sql| events::find(sql, &tables, reach, id))
            .await
    }

    async fn events(
        &self,
        organization: OrganizationId,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<EventSummary>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.read(move |sql| events::list(sql, &tables, organization, &filter, &page))
            .await
    }

    async fn delivery(
        &self,
        reach: Reach,
        id: DeliveryId,
    ) -> Result<Option<DeliveryDetail>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.read(move |sql| delivery::find(sql, &tables, reach, id))
            .await
    }

    async fn deliveries(
        &self,
        organization: OrganizationId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError> {
        let tables = Arc::clone(&self.tables);
        self.read(move |sql| search::deliveries(sql, &tables, organization, &filter, &page))
            .await
    }

    async fn retry(
        &self,
        reach: Reach,
        id: DeliveryId,
        actor: Actor,
    ) -> Result<Retried, StoreError> {
        self.alone(move |step| retry::retry(step, reach, id, &actor))
            .await
    }

    async fn start_replay(
        &self,
        new: NewReplay,
        actor: Actor,
    ) -> Result<ReplayStarted, StoreError> {
        self.alone(move |step| replay::start(step, &new, &actor))
            .await
    }

    async fn replay(
        &self,
        organization: OrganizationId,
        id: ReplayId,
    ) -> Result<Option<Replay>, StoreError> {
        self.read(move |sql| replay::find(sql, organization, id))
            .await
    }

    async fn stop_replay(
        &self,
        organization: OrganizationId,
        id: ReplayId,
        actor: Actor,
    ) -> Result<Option<Replay>, StoreError> {
        self.alone(move |step| replay::stop(step, organization, id, &actor))
            .await
    }
}

/// The last event that the late-written indexes cover.
fn listed_to(connection: &dyn Sql) -> Result<i64, StoreError> {
    let found = connection.one(sql::LISTED_TO, values![], |row| row.get(0))?;
    Ok(found.unwrap_or(0))
}

#[cfg(test)]
mod tests;
