//! A directory that knows nothing but the secrets and custom headers of endpoints: all that sending asks it for.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests; each test file uses a part of it"
)]

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tidings::store::directory::*;
use tidings::store::{Actor, Reach, StoreError};
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::{EventType, WireType};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::organization::Organization;
use tidings_core::secret::{Secret, Secrets};
use tidings_core::time::Timestamp;

/// The directory.
#[derive(Default)]
pub struct SecretsOnly {
    known: Mutex<HashMap<EndpointId, Secrets>>,
    headers: Mutex<HashMap<EndpointId, CustomHeaders>>,
    /// How often secrets were opened.
    opened: Mutex<usize>,
}

impl SecretsOnly {
    /// Sets an endpoint's secrets.
    pub fn set(&self, endpoint: EndpointId, secrets: Secrets) {
        self.known.lock().unwrap().insert(endpoint, secrets);
    }

    /// Gives an endpoint custom headers.
    pub fn give(&self, endpoint: &mut Endpoint, headers: &CustomHeaders) {
        endpoint.headers = headers.names();
        let mut all = self.headers.lock().unwrap();
        all.insert(endpoint.id, headers.clone());
    }

    /// How often secrets were opened.
    pub fn opened(&self) -> usize {
        *self.opened.lock().unwrap()
    }
}

/// A secret of these words.
pub fn secret(words: &str) -> Secret {
    Secret::imported(words.as_bytes().to_vec()).unwrap()
}

fn unasked() -> ! {
    panic!("sending asks for secrets only")
}

#[async_trait]
impl Directory for SecretsOnly {
    fn secrets(&self, _: Reach, id: EndpointId) -> Result<Option<Secrets>, StoreError> {
        *self.opened.lock().unwrap() += 1;
        Ok(self.known.lock().unwrap().get(&id).cloned())
    }

    fn headers(&self, _: Reach, id: EndpointId) -> Result<Option<CustomHeaders>, StoreError> {
        Ok(self.headers.lock().unwrap().get(&id).cloned())
    }

    fn organization(&self, _: OrganizationId) -> Option<Arc<Organization>> {
        unasked()
    }
    fn organizations(&self, _: Option<&str>, _: &PageRequest) -> Page<Arc<Organization>> {
        unasked()
    }
    fn endpoint(&self, _: Reach, _: EndpointId) -> Option<Arc<Endpoint>> {
        unasked()
    }
    fn endpoints(&self, _: OrganizationId, _: &PageRequest) -> Page<Arc<Endpoint>> {
        unasked()
    }
    fn sending(&self, _: EndpointId) -> Option<Sending> {
        unasked()
    }
    fn event_types(&self) -> Vec<Arc<EventType>> {
        unasked()
    }
    fn event_type(&self, _: &WireType) -> Option<Arc<EventType>> {
        unasked()
    }
    fn key(&self, _: &KeyHash) -> Option<Arc<ApiKey>> {
        unasked()
    }
    fn keys(&self, _: Reach, _: &PageRequest) -> Page<Arc<ApiKey>> {
        unasked()
    }
    fn note_use(&self, _: KeyId, _: Timestamp) {
        unasked()
    }
    async fn last_uses(&self, _: Vec<KeyId>) -> Result<HashMap<KeyId, Timestamp>, StoreError> {
        unasked()
    }
    async fn put_organization(
        &self,
        _: OrganizationId,
        _: OrganizationChange,
        _: Actor,
    ) -> Result<Arc<Organization>, StoreError> {
        unasked()
    }
    async fn delete_organization(
        &self,
        _: OrganizationId,
        _: Actor,
    ) -> Result<Changed<()>, StoreError> {
        unasked()
    }
    async fn set_webhooks(
        &self,
        _: OrganizationId,
        _: SwitchChange,
        _: Actor,
    ) -> Result<Changed<Arc<Organization>>, StoreError> {
        unasked()
    }
    async fn create_endpoint(
        &self,
        _: OrganizationId,
        _: NewEndpoint,
        _: Actor,
    ) -> Result<CreateEndpoint, StoreError> {
        unasked()
    }
    async fn patch_endpoint(
        &self,
        _: OrganizationId,
        _: EndpointId,
        _: EndpointPatch,
        _: Actor,
    ) -> Result<Changed<Arc<Endpoint>>, StoreError> {
        unasked()
    }
    async fn delete_endpoint(
        &self,
        _: OrganizationId,
        _: EndpointId,
        _: Actor,
    ) -> Result<Changed<()>, StoreError> {
        unasked()
    }
    async fn rotate_secret(
        &self,
        _: OrganizationId,
        _: EndpointId,
        _: Rotation,
        _: Actor,
    ) -> Result<Rotated, StoreError> {
        unasked()
    }
    async fn confirm_secret(
        &self,
        _: OrganizationId,
        _: EndpointId,
        _: Actor,
    ) -> Result<Changed<Arc<Endpoint>>, StoreError> {
        unasked()
    }
    async fn reveal_secret(
        &self,
        _: OrganizationId,
        _: EndpointId,
        _: Actor,
    ) -> Result<Changed<Secrets>, StoreError> {
        unasked()
    }
    async fn put_event_type(&self, _: EventType, _: Actor) -> Result<Arc<EventType>, StoreError> {
        unasked()
    }
    async fn create_key(&self, _: NewKey, _: Actor) -> Result<CreateKey, StoreError> {
        unasked()
    }
    async fn revoke_key(&self, _: Reach, _: KeyId, _: Actor) -> Result<Changed<()>, StoreError> {
        unasked()
    }
}
