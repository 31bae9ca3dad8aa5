//! The directory: looked up in memory, changed in a commit of its own with its audit row.
//!
//! A change looks at the tables as of the last commit and runs alone in its transaction, so what it saw still
//! holds when it is stored. A change that changes nothing stores nothing and leaves no audit row.

pub(super) mod audit;
mod catalogue;
pub(super) mod endpoints;
mod keys;
mod organizations;
pub(super) mod secrets;
mod sweep;
pub(super) mod uses;

pub use catalogue::{seed, write as write_entry};

pub(super) use organizations::delete as delete_organization;

use super::SqlStore;
use super::tables::SealedSecrets;
use crate::store::directory::{
    ApiKey, Changed, CreateEndpoint, CreateKey, Cursor, Directory, Endpoint, EndpointPatch,
    KeyHash, NewEndpoint, NewKey, OrganizationChange, Page, PageRequest, Rotated, Rotation,
    Sending, SwitchChange,
};
use crate::store::headers;
use crate::store::retention::Retention;
use crate::store::seal::SealError;
use crate::store::{Actor, Reach, StoreError};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::{EventType, WireType};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::organization::Organization;
use tidings_core::secret::Secrets;
use tidings_core::time::Timestamp;

/// Names that one call may look at, in memory.
const NAMES_LOOKED_AT: usize = 10_000;

#[async_trait]
impl Directory for SqlStore {
    fn retention(&self) -> Option<Retention> {
        self.retention.get().copied()
    }

    fn organization(&self, id: OrganizationId) -> Option<Arc<Organization>> {
        self.tables.read().organization(id).cloned()
    }

    fn organizations(&self, name: Option<&str>, page: &PageRequest) -> Page<Arc<Organization>> {
        let after = place(page).and_then(OrganizationId::new);
        let tables = self.tables.read();
        let rows = tables.organizations_after(after);
        match name {
            Some(name) => called(name, page, rows),
            None => paged(page, rows.cloned(), |last| last.id.get()),
        }
    }

    fn endpoint(&self, reach: Reach, id: EndpointId) -> Option<Arc<Endpoint>> {
        let tables = self.tables.read();
        let found = tables.endpoint(id);
        found
            .filter(|endpoint| reach.covers(endpoint.organization))
            .cloned()
    }

    fn endpoints(&self, organization: OrganizationId, page: &PageRequest) -> Page<Arc<Endpoint>> {
        let before = place(page).unwrap_or(i64::MAX);
        let tables = self.tables.read();
        let newest_first = tables
            .endpoint_ids(organization)
            .iter()
            .rev()
            .skip_while(|id| id.raw() >= before)
            .filter_map(|id| tables.endpoint(*id).cloned());
        paged(page, newest_first, |last| last.id.raw())
    }

    fn sending(&self, id: EndpointId) -> Option<Sending> {
        self.tables.read().sending(id)
    }

    fn secrets(&self, reach: Reach, id: EndpointId) -> Result<Option<Secrets>, StoreError> {
        let Some((endpoint, sealed)) = self.sealed(reach, id) else {
            return Ok(None);
        };
        secrets::held(&self.master_key(), &endpoint, &sealed).map(Some)
    }

    fn headers(&self, reach: Reach, id: EndpointId) -> Result<Option<CustomHeaders>, StoreError> {
        let Some((endpoint, sealed)) = self.sealed(reach, id) else {
            return Ok(None);
        };
        headers::held(&self.master_key(), &endpoint, sealed.headers.as_deref()).map(Some)
    }

    fn event_types(&self) -> Vec<Arc<EventType>> {
        self.tables.read().types.all()
    }

    fn event_type(&self, wire: &WireType) -> Option<Arc<EventType>> {
        self.tables.read().types.entry(wire).cloned()
    }

    fn key(&self, hash: &KeyHash) -> Option<Arc<ApiKey>> {
        self.tables.read().key(hash).cloned()
    }

    fn keys(&self, reach: Reach, page: &PageRequest) -> Page<Arc<ApiKey>> {
        let before = place(page).map(KeyId::from_raw);
        let tables = self.tables.read();
        let within = tables
            .keys_before(before)
            .filter(|key| keys::within(reach, key));
        paged(page, within.cloned(), |last| last.id.raw())
    }

    fn note_use(&self, key: KeyId, now: Timestamp) {
        self.uses.note(key, now);
    }

    async fn last_uses(&self, keys: Vec<KeyId>) -> Result<HashMap<KeyId, Timestamp>, StoreError> {
        let uses = self.uses.clone();
        self.read(move |sql| uses.last(sql, &keys)).await
    }

    async fn put_organization(
        &self,
        id: OrganizationId,
        change: OrganizationChange,
        actor: Actor,
    ) -> Result<Arc<Organization>, StoreError> {
        self.change(move |step| organizations::put(step, id, change, &actor))
            .await
    }

    async fn delete_organization(
        &self,
        id: OrganizationId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        self.change(move |step| organizations::delete(step, id, &actor))
            .await
    }

    async fn set_webhooks(
        &self,
        id: OrganizationId,
        change: SwitchChange,
        actor: Actor,
    ) -> Result<Changed<Arc<Organization>>, StoreError> {
        self.change(move |step| organizations::set_webhooks(step, id, change, &actor))
            .await
    }

    async fn create_endpoint(
        &self,
        organization: OrganizationId,
        new: NewEndpoint,
        actor: Actor,
    ) -> Result<CreateEndpoint, StoreError> {
        let key = self.master_key();
        self.change(move |step| endpoints::create(step, &key, organization, new, &actor))
            .await
    }

    async fn patch_endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        patch: EndpointPatch,
        actor: Actor,
    ) -> Result<Changed<Arc<Endpoint>>, StoreError> {
        let key = self.master_key();
        self.change(move |step| endpoints::patch(step, &key, (organization, id), patch, &actor))
            .await
    }

    async fn delete_endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        self.change(move |step| endpoints::delete(step, organization, id, &actor))
            .await
    }

    async fn rotate_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        rotation: Rotation,
        actor: Actor,
    ) -> Result<Rotated, StoreError> {
        let key = self.master_key();
        self.change(move |step| secrets::rotate(step, &key, (organization, id), rotation, &actor))
            .await
    }

    async fn confirm_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        actor: Actor,
    ) -> Result<Changed<Arc<Endpoint>>, StoreError> {
        let key = self.master_key();
        self.change(move |step| secrets::confirm(step, &key, (organization, id), &actor))
            .await
    }

    async fn reveal_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        actor: Actor,
    ) -> Result<Changed<Secrets>, StoreError> {
        let key = self.master_key();
        self.change(move |step| secrets::reveal(step, &key, (organization, id), &actor))
            .await
    }

    async fn put_event_type(
        &self,
        entry: EventType,
        actor: Actor,
    ) -> Result<Arc<EventType>, StoreError> {
        self.change(move |step| catalogue::put(step, entry, &actor))
            .await
    }

    async fn create_key(&self, new: NewKey, actor: Actor) -> Result<CreateKey, StoreError> {
        self.change(move |step| keys::create(step, new, &actor))
            .await
    }

    async fn revoke_key(
        &self,
        reach: Reach,
        id: KeyId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        self.change(move |step| keys::revoke(step, reach, id, &actor))
            .await
    }
}

impl SqlStore {
    /// An endpoint within reach, with what is sealed of it.
    fn sealed(&self, reach: Reach, id: EndpointId) -> Option<(Arc<Endpoint>, SealedSecrets)> {
        let tables = self.tables.read();
        tables
            .secrets(id)
            .filter(|(endpoint, _)| reach.covers(endpoint.organization))
            .map(|(endpoint, sealed)| (Arc::clone(endpoint), sealed.clone()))
    }
}

/// Inside a transaction what cannot be sealed is the caller's bad luck, not the end of writing.
fn sealing_failed(error: SealError) -> StoreError {
    StoreError::Internal {
        what: error.to_string(),
    }
}

/// Where a page goes on.
pub fn place(page: &PageRequest) -> Option<i64> {
    page.after
        .as_ref()
        .and_then(|cursor| cursor.0.first().copied())
}

/// Those whose name has a part like this, whatever its case; a page may come back short once enough was looked at.
fn called<'a>(
    part: &str,
    page: &PageRequest,
    rows: impl Iterator<Item = &'a Arc<Organization>>,
) -> Page<Arc<Organization>> {
    let limit = page.limit.max(1);
    let (part, mut items, mut last) = (part.to_lowercase(), Vec::new(), None);
    for (looked_at, record) in rows.enumerate() {
        let fits = record.is_called(&part);
        if looked_at == NAMES_LOOKED_AT || (fits && items.len() == limit) {
            return Page {
                items,
                next: last.map(|id: OrganizationId| Cursor(vec![id.get()])),
            };
        }
        if fits {
            items.push(Arc::clone(record));
        }
        last = Some(record.id);
    }
    Page { items, next: None }
}

/// The first rows of a list in its order, and the cursor if there are more.
fn paged<T>(
    page: &PageRequest,
    rows: impl Iterator<Item = T>,
    place: impl Fn(&T) -> i64,
) -> Page<T> {
    let limit = page.limit.max(1);
    let mut items: Vec<T> = rows.take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = match items.last() {
        Some(last) if more => Some(Cursor(vec![place(last)])),
        _ => None,
    };
    Page { items, next }
}
