//! The directory: organizations, endpoints, secrets, event types, API keys.
//!
//! It is small and asked on every request and attempt, so look-ups are answered from memory without
//! waiting; changes are on disk, with an audit row in the same commit, before they are answered or seen.
//! Secrets and the values of custom headers are sealed on disk and opened on demand.

use super::retention::Retention;
use super::{Actor, Reach, StoreError};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::{CustomHeaders, HeaderNames};
use tidings_core::event_type::{EventType, WireType};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::organization::{AddOns, KeptDays, Organization, Switch};
use tidings_core::secret::{Overlap, Secret, Secrets};
use tidings_core::time::Timestamp;

/// An endpoint as it is now. All of them are in memory, so each part is as small as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Where requests go.
    pub url: TargetUrl,
    /// The administrator's words for it; may be empty.
    pub description: Box<str>,
    /// The chosen types, each once.
    pub event_types: Box<[WireType]>,
    /// The administrator's switch.
    pub switch: Switch,
    /// The names of its custom headers; [`Directory::headers`] opens their values.
    pub headers: HeaderNames,
    /// Grows whenever the URL, the headers or the secrets change.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Whether an endpoint may be sent to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// Yes.
    Open,
    /// Its switch or its organization's is off: hold.
    Off,
    /// No add-on grants webhooks (W2).
    Suspended,
}

/// An endpoint to make.
#[derive(Debug)]
pub struct NewEndpoint {
    /// Where requests go.
    pub url: TargetUrl,
    /// The administrator's words for it.
    pub description: String,
    /// The chosen types, each once.
    pub event_types: Vec<WireType>,
    /// The administrator's switch.
    pub switch: Switch,
    /// Custom headers.
    pub headers: CustomHeaders,
    /// The generated or imported secret (W4).
    pub secret: Secret,
}

/// Changes to an endpoint; absent parts stay.
#[derive(Debug, Default)]
pub struct EndpointPatch {
    /// Another target.
    pub url: Option<TargetUrl>,
    /// Another description.
    pub description: Option<String>,
    /// Another choice.
    pub event_types: Option<Vec<WireType>>,
    /// On or off, and what becomes of what was held.
    pub switch: Option<SwitchChange>,
    /// Other headers.
    pub headers: Option<CustomHeaders>,
}

/// A change of an endpoint's switch, or of its organization's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchChange {
    /// Nothing new is started from the moment this is answered; waiting deliveries are held.
    Off,
    /// On; held deliveries are sent.
    OnSendHeld,
    /// On; held deliveries are cancelled (`discarded`).
    OnDiscardHeld,
}

impl SwitchChange {
    /// How the switch is afterwards.
    pub const fn switch(self) -> Switch {
        match self {
            Self::Off => Switch::Off,
            Self::OnSendHeld | Self::OnDiscardHeld => Switch::On,
        }
    }
}

/// What became of the wish to make an endpoint.
#[derive(Debug)]
pub enum CreateEndpoint {
    /// Made.
    Created(Arc<Endpoint>),
    /// No such organization.
    NoOrganization,
    /// The organization has no add-on that grants webhooks (W1).
    AddOnRequired,
    /// The organization has as many endpoints as it may have.
    LimitReached,
}

/// What became of the wish to make a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateKey {
    /// Made, or known already.
    Created(Arc<ApiKey>),
    /// It was revoked, and stays so.
    Revoked,
    /// The organization has as many keys as it may have.
    LimitReached,
}

/// What became of a change.
#[derive(Debug)]
pub enum Changed<T> {
    /// Done; this is how it is now.
    Done(T),
    /// No such thing within reach.
    NotFound,
    /// The organization has no add-on that grants webhooks (W1).
    AddOnRequired,
}

/// What became of a rotation.
#[derive(Debug)]
pub enum Rotated {
    /// Done.
    Done {
        /// How it is now.
        endpoint: Arc<Endpoint>,
        /// When the older secret ends, if one is still in force.
        overlap_until: Option<Timestamp>,
    },
    /// No such endpoint in this organization.
    NotFound,
    /// An overlap is running until then (W21).
    OverlapRunning {
        /// Its end.
        until: Timestamp,
    },
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything.
    Operator,
    /// Post events, for every organization.
    Producer,
    /// Everything of one organization's webhooks.
    Administrator(OrganizationId),
    /// Look at one organization's webhooks, never at secrets.
    Viewer(OrganizationId),
}

impl Scope {
    /// The organization that may be changed with it, if it is about one.
    pub const fn administered(self) -> Option<OrganizationId> {
        match self {
            Self::Administrator(own) => Some(own),
            Self::Operator | Self::Producer | Self::Viewer(_) => None,
        }
    }

    /// The organization it is confined to, if it is.
    pub const fn organization(self) -> Option<OrganizationId> {
        match self {
            Self::Operator | Self::Producer => None,
            Self::Administrator(organization) | Self::Viewer(organization) => Some(organization),
        }
    }

    /// Its name, in the API and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Producer => "producer",
            Self::Administrator(_) => "administrator",
            Self::Viewer(_) => "viewer",
        }
    }

    /// The scope of that name; `None` when the name is unknown or does not go with the organization.
    pub fn named(name: &str, organization: Option<OrganizationId>) -> Option<Self> {
        match (name, organization) {
            ("operator", None) => Some(Self::Operator),
            ("producer", None) => Some(Self::Producer),
            ("administrator", Some(own)) => Some(Self::Administrator(own)),
            ("viewer", Some(own)) => Some(Self::Viewer(own)),
            _ => None,
        }
    }
}

/// The hash an API key is known by: SHA-256 of its text.
pub type KeyHash = [u8; 32];

/// An API key's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What it may do.
    pub scope: Scope,
    /// The operator's words for it.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it has not ended yet.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// A key to make. The key's text itself never reaches the store.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its hash.
    pub hash: KeyHash,
    /// What it may do.
    pub scope: Scope,
    /// The operator's words for it.
    pub description: String,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// An organization to create or change; absent parts stay.
#[derive(Debug, Clone)]
pub struct OrganizationChange {
    /// The display name.
    pub name: String,
    /// The platform's short name; absent stays.
    pub slug: Option<String>,
    /// All add-ons it now has.
    pub add_ons: AddOns,
    /// How long its own events are kept; absent stays.
    pub kept: Option<KeptDays>,
    /// Of one that was deleted: whether it comes back, with its history. Otherwise its number is refused.
    pub restore: bool,
}

/// One page of a list, newest first unless said otherwise.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in a list: opaque outside the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub Vec<i64>);

/// How much of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most this many rows.
    pub limit: usize,
    /// From there on.
    pub after: Option<Cursor>,
}

/// The directory. Synchronous methods answer from memory.
#[async_trait]
pub trait Directory: Send + Sync {
    /// How long events are kept where their organization says nothing else; for good without it.
    fn retention(&self) -> Option<Retention> {
        None
    }
    /// An organization.
    fn organization(&self, id: OrganizationId) -> Option<Arc<Organization>>;
    /// Organizations by id, ascending; with a name those that have it as a part of theirs, in pages that may be short.
    fn organizations(&self, name: Option<&str>, page: &PageRequest) -> Page<Arc<Organization>>;
    /// An endpoint within reach that is not deleted.
    fn endpoint(&self, reach: Reach, id: EndpointId) -> Option<Arc<Endpoint>>;
    /// An organization's endpoints, newest first.
    fn endpoints(&self, organization: OrganizationId, page: &PageRequest) -> Page<Arc<Endpoint>>;
    /// Whether an endpoint may be sent to now; `None` when it is deleted. It says nothing of whose it is or where it leads.
    fn sending(&self, id: EndpointId) -> Option<Sending>;
    /// The secrets of an endpoint within reach that is not deleted, opened.
    ///
    /// # Errors
    /// [`StoreError::DoesNotOpen`]: rotating mends it.
    fn secrets(&self, reach: Reach, id: EndpointId) -> Result<Option<Secrets>, StoreError>;
    /// The custom headers of an endpoint within reach that is not deleted, opened.
    ///
    /// # Errors
    /// [`StoreError::DoesNotOpen`]: setting them anew mends it.
    fn headers(&self, reach: Reach, id: EndpointId) -> Result<Option<CustomHeaders>, StoreError>;
    /// The catalogue, by object, then in the order of the contract.
    fn event_types(&self) -> Vec<Arc<EventType>>;
    /// One form of a type.
    fn event_type(&self, wire: &WireType) -> Option<Arc<EventType>>;
    /// A key by its hash; revoked ones are gone, expired ones are not.
    fn key(&self, hash: &KeyHash) -> Option<Arc<ApiKey>>;
    /// Keys within reach, newest first.
    fn keys(&self, reach: Reach, page: &PageRequest) -> Page<Arc<ApiKey>>;
    /// Notes that a key was used; costs no statement.
    fn note_use(&self, key: KeyId, now: Timestamp);
    /// When these keys were last used, to the minute; those that never were are missing. What another node noted is known
    /// when it has written it, and a crash loses the last minute.
    async fn last_uses(&self, keys: Vec<KeyId>) -> Result<HashMap<KeyId, Timestamp>, StoreError>;

    /// Creates or changes an organization. Taking the last add-on away cancels what waits (W2).
    async fn put_organization(
        &self,
        id: OrganizationId,
        change: OrganizationChange,
        actor: Actor,
    ) -> Result<Arc<Organization>, StoreError>;
    /// Deletes an organization and its endpoints; their waiting deliveries are cancelled (`deleted`).
    async fn delete_organization(
        &self,
        id: OrganizationId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;
    /// Sets the feature switch of W3. What is discarded with it is what waits at endpoints that are on themselves: of one that
    /// is off its own switch decides.
    async fn set_webhooks(
        &self,
        id: OrganizationId,
        change: SwitchChange,
        actor: Actor,
    ) -> Result<Changed<Arc<Organization>>, StoreError>;

    /// Makes an endpoint; the first one turns the organization's switch on (W3).
    async fn create_endpoint(
        &self,
        organization: OrganizationId,
        new: NewEndpoint,
        actor: Actor,
    ) -> Result<CreateEndpoint, StoreError>;
    /// Changes an endpoint.
    async fn patch_endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        patch: EndpointPatch,
        actor: Actor,
    ) -> Result<Changed<Arc<Endpoint>>, StoreError>;
    /// Deletes an endpoint; waiting deliveries are cancelled (`deleted`), history stays.
    async fn delete_endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;
    /// Rotates to `fresh` (W21).
    async fn rotate_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        rotation: Rotation,
        actor: Actor,
    ) -> Result<Rotated, StoreError>;
    /// Ends a running overlap (W21).
    async fn confirm_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        actor: Actor,
    ) -> Result<Changed<Arc<Endpoint>>, StoreError>;
    /// Opens an endpoint's secrets for a person, on the audit log.
    async fn reveal_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        actor: Actor,
    ) -> Result<Changed<Secrets>, StoreError>;

    /// Creates or replaces one form of a type.
    async fn put_event_type(
        &self,
        entry: EventType,
        actor: Actor,
    ) -> Result<Arc<EventType>, StoreError>;

    /// Stores a key; one that is known already answers itself.
    async fn create_key(&self, new: NewKey, actor: Actor) -> Result<CreateKey, StoreError>;
    /// Revokes a key within reach, at once, with the links it made that nobody used.
    async fn revoke_key(
        &self,
        reach: Reach,
        id: KeyId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;
}

/// A rotation to make.
#[derive(Debug)]
pub struct Rotation {
    /// The new secret.
    pub fresh: Secret,
    /// How long the old one stays in force.
    pub overlap: Overlap,
}
