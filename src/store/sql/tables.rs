//! The directory in memory: organizations, endpoints, event types, keys, and who is sent what.
//!
//! Small, and asked on every request and attempt. The writer alone changes it, each time right after the
//! commit that holds the same change, so what is seen here is always on disk. Secrets stay sealed.
//!
//! The indexes of subscriptions hold exactly the endpoints that may be made deliveries of: chosen type, own
//! switch on, organization active. A recipient is therefore found without looking anything else up.
//!
//! Deliberately absent: deleted endpoints and organizations, revoked keys. Their history is in the database.

pub mod catalogue;
mod load;
pub mod rows;

pub use catalogue::NameId;
pub use load::{read_catalogue, read_key, read_organization};

use crate::store::directory::{ApiKey, Endpoint, KeyHash, Sending};
use catalogue::Types;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tidings_core::event_type::Audience;
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::organization::{Organization, WebhookAccess};
use tidings_core::time::Timestamp;

/// The tables, shared by the writer and everyone who looks something up. Never held for a change across a wait.
#[derive(Debug, Default)]
pub struct Shared(RwLock<Tables>);

/// An endpoint's secrets as they are stored, its custom headers among them.
#[derive(Debug, Clone)]
pub struct SealedSecrets {
    /// The newest.
    pub newest: Box<[u8]>,
    /// The one before. Few endpoints have one: boxed, so that the others hold no space for it.
    pub older: Option<Box<SealedOlder>>,
    /// Custom headers; `None` where it has none.
    pub headers: Option<Box<[u8]>>,
}

/// A secret whose overlap runs, as it is stored.
#[derive(Debug, Clone)]
pub struct SealedOlder {
    /// The secret.
    pub secret: Box<[u8]>,
    /// The end of its overlap.
    pub until: Timestamp,
}

/// The directory. See the module.
#[derive(Debug, Default)]
pub struct Tables {
    organizations: BTreeMap<OrganizationId, Tenant>,
    endpoints: HashMap<EndpointId, Entry>,
    public: HashMap<NameId, BTreeMap<EndpointId, OrganizationId>>,
    keys: BTreeMap<KeyId, KeyHash>,
    keys_by_hash: HashMap<KeyHash, Arc<ApiKey>>,
    /// The largest id of an endpoint there was.
    newest: i64,
    /// The catalogue.
    pub types: Types,
    /// The directory's version in the database that this shows; other nodes raise it.
    pub version: i64,
    /// Raised with every change of how long an organization keeps its events.
    keeping: u64,
}

#[derive(Debug)]
struct Tenant {
    record: Arc<Organization>,
    /// Ascending.
    endpoints: Vec<EndpointId>,
    /// Own subscriptions of endpoints that are on, sorted; empty unless the organization is active.
    own: Vec<(NameId, EndpointId)>,
}

#[derive(Debug)]
struct Entry {
    record: Arc<Endpoint>,
    secrets: SealedSecrets,
}

impl Shared {
    /// Tables to share.
    pub const fn new(tables: Tables) -> Self {
        Self(RwLock::new(tables))
    }

    /// To look something up.
    pub fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the writer, after a commit.
    pub fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looking things up.
impl Tables {
    /// An organization.
    pub fn organization(&self, id: OrganizationId) -> Option<&Arc<Organization>> {
        self.organizations.get(&id).map(|tenant| &tenant.record)
    }

    /// Organizations with ids above `after`, ascending.
    pub fn organizations_after(
        &self,
        after: Option<OrganizationId>,
    ) -> impl Iterator<Item = &Arc<Organization>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.organizations
            .range((start, Bound::Unbounded))
            .map(|(_, tenant)| &tenant.record)
    }

    /// How often it changed which organizations keep their events for another time than the server says.
    pub const fn keeping(&self) -> u64 {
        self.keeping
    }

    /// The largest id of an endpoint there was: events that are accepted from now on must be above it.
    pub const fn newest(&self) -> i64 {
        self.newest
    }

    /// An endpoint.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id).map(|entry| &entry.record)
    }

    /// An endpoint's sealed secrets, with the endpoint they belong to.
    pub fn secrets(&self, id: EndpointId) -> Option<(&Arc<Endpoint>, &SealedSecrets)> {
        self.endpoints
            .get(&id)
            .map(|entry| (&entry.record, &entry.secrets))
    }

    /// All sealed secrets, in no order.
    pub fn sealed(&self) -> impl Iterator<Item = (EndpointId, &SealedSecrets)> {
        self.endpoints
            .iter()
            .map(|(id, entry)| (*id, &entry.secrets))
    }

    /// The ids of an organization's endpoints, ascending.
    pub fn endpoint_ids(&self, organization: OrganizationId) -> &[EndpointId] {
        self.organizations
            .get(&organization)
            .map_or(&[], |tenant| &tenant.endpoints)
    }

    /// Whether an endpoint may be sent to now; `None` when it is deleted.
    pub fn sending(&self, id: EndpointId) -> Option<Sending> {
        let endpoint = &self.endpoints.get(&id)?.record;
        let organization = &self.organizations.get(&endpoint.organization)?.record;
        Some(match organization.access() {
            WebhookAccess::Suspended => Sending::Suspended,
            WebhookAccess::SwitchedOff => Sending::Off,
            WebhookAccess::Active if endpoint.switch.is_on() => Sending::Open,
            WebhookAccess::Active => Sending::Off,
        })
    }

    /// The owner's endpoints that get the own form of a type now, ascending (W8).
    pub fn own_recipients(
        &self,
        organization: OrganizationId,
        name: NameId,
    ) -> impl Iterator<Item = EndpointId> {
        let all: &[(NameId, EndpointId)] = self
            .organizations
            .get(&organization)
            .map_or(&[], |tenant| &tenant.own);
        let start = all.partition_point(|(other, _)| *other < name);
        all.iter()
            .skip(start)
            .take_while(move |(other, _)| *other == name)
            .map(|(_, endpoint)| *endpoint)
    }

    /// Endpoints of other organizations than `except` that get the public form of a type now, above `after`
    /// and up to `up_to`, ascending (W8).
    pub fn public_recipients(
        &self,
        name: NameId,
        after: EndpointId,
        up_to: EndpointId,
        except: OrganizationId,
    ) -> impl Iterator<Item = (EndpointId, OrganizationId)> {
        let range = (Bound::Excluded(after), Bound::Included(up_to));
        let wanted = if after < up_to {
            self.public.get(&name)
        } else {
            None
        };
        wanted
            .into_iter()
            .flat_map(move |all| all.range(range))
            .map(|(endpoint, organization)| (*endpoint, *organization))
            .filter(move |(_, organization)| *organization != except)
    }

    /// A key by its hash.
    pub fn key(&self, hash: &KeyHash) -> Option<&Arc<ApiKey>> {
        self.keys_by_hash.get(hash)
    }

    /// A key by its id.
    pub fn key_by_id(&self, id: KeyId) -> Option<&Arc<ApiKey>> {
        self.keys
            .get(&id)
            .and_then(|hash| self.keys_by_hash.get(hash))
    }

    /// Keys with ids below `before`, newest first.
    pub fn keys_before(&self, before: Option<KeyId>) -> impl Iterator<Item = &Arc<ApiKey>> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        self.keys
            .range((Bound::Unbounded, end))
            .rev()
            .filter_map(|(_, hash)| self.keys_by_hash.get(hash))
    }
}

/// Changing things, after the commit that holds the same change.
impl Tables {
    /// Becomes what was read anew.
    pub fn replace(&mut self, fresh: Self, version: i64) {
        let keeping = self.keeping.wrapping_add(1);
        *self = Self {
            version,
            keeping,
            ..fresh
        };
    }

    /// Adds or replaces an organization.
    pub fn put_organization(&mut self, record: Arc<Organization>) {
        let id = record.id;
        // One that was not known may have been deleted, with another time.
        if self.organization(id).map(|known| known.kept) != Some(record.kept) {
            self.keeping = self.keeping.wrapping_add(1);
        }
        match self.organizations.get_mut(&id) {
            Some(tenant) => {
                let before = tenant.record.access();
                let after = record.access();
                tenant.record = record;
                if before != after {
                    self.index(id);
                }
            }
            None => {
                let tenant = Tenant {
                    record,
                    endpoints: Vec::new(),
                    own: Vec::new(),
                };
                self.organizations.insert(id, tenant);
            }
        }
    }

    /// Drops an organization, its endpoints and its keys.
    pub fn remove_organization(&mut self, id: OrganizationId) {
        if let Some(tenant) = self.organizations.remove(&id) {
            for endpoint in tenant.endpoints {
                if let Some(entry) = self.endpoints.remove(&endpoint) {
                    self.withdraw(&entry.record);
                }
            }
        }
        let keys: Vec<KeyId> = self
            .keys_by_hash
            .values()
            .filter(|key| key.scope.organization() == Some(id))
            .map(|key| key.id)
            .collect();
        for key in keys {
            self.remove_key(key);
        }
    }

    /// Adds or replaces an endpoint of a known organization.
    pub fn put_endpoint(&mut self, record: Arc<Endpoint>, secrets: SealedSecrets) {
        let organization = record.organization;
        self.hold(record, secrets);
        self.index(organization);
    }

    /// Drops an endpoint.
    pub fn remove_endpoint(&mut self, id: EndpointId) {
        if let Some(entry) = self.endpoints.remove(&id) {
            self.withdraw(&entry.record);
            let organization = entry.record.organization;
            if let Some(tenant) = self.organizations.get_mut(&organization) {
                tenant.endpoints.retain(|other| *other != id);
            }
            self.index(organization);
        }
    }

    /// Adds a key.
    pub fn put_key(&mut self, hash: KeyHash, record: Arc<ApiKey>) {
        self.keys.insert(record.id, hash);
        self.keys_by_hash.insert(hash, record);
    }

    /// Drops a key.
    pub fn remove_key(&mut self, id: KeyId) {
        if let Some(hash) = self.keys.remove(&id) {
            self.keys_by_hash.remove(&hash);
        }
    }

    /// Adds or replaces an endpoint's record; its subscriptions are indexed by [`Tables::index`].
    fn hold(&mut self, record: Arc<Endpoint>, secrets: SealedSecrets) {
        let id = record.id;
        self.newest = self.newest.max(id.raw());
        if let Some(tenant) = self.organizations.get_mut(&record.organization)
            && let Err(place) = tenant.endpoints.binary_search(&id)
        {
            tenant.endpoints.insert(place, id);
        }
        if let Some(before) = self.endpoints.insert(id, Entry { record, secrets }) {
            self.withdraw(&before.record);
        }
    }

    /// Takes an endpoint's public subscriptions out of the index.
    fn withdraw(&mut self, record: &Endpoint) {
        for (name, audience) in subscriptions(&self.types, record) {
            if audience == Audience::Public
                && let Some(all) = self.public.get_mut(&name)
            {
                all.remove(&record.id);
            }
        }
    }

    /// Indexes the subscriptions of all endpoints of an organization, as they may be sent to now.
    fn index(&mut self, id: OrganizationId) {
        let Some(tenant) = self.organizations.get_mut(&id) else {
            return;
        };
        let active = tenant.record.access() == WebhookAccess::Active;
        tenant.own.clear();
        for endpoint in &tenant.endpoints {
            let Some(Entry { record, .. }) = self.endpoints.get(endpoint) else {
                continue;
            };
            let open = active && record.switch.is_on();
            for (name, audience) in subscriptions(&self.types, record) {
                match (audience, open) {
                    (Audience::Own, true) => tenant.own.push((name, *endpoint)),
                    (Audience::Own, false) => {}
                    (Audience::Public, true) => {
                        self.public.entry(name).or_default().insert(*endpoint, id);
                    }
                    (Audience::Public, false) => {
                        if let Some(all) = self.public.get_mut(&name) {
                            all.remove(endpoint);
                        }
                    }
                }
            }
        }
        tenant.own.sort_unstable();
        tenant.own.shrink_to_fit();
        tenant.endpoints.shrink_to_fit();
    }
}

fn subscriptions(types: &Types, record: &Endpoint) -> impl Iterator<Item = (NameId, Audience)> {
    record
        .event_types
        .iter()
        .filter_map(|wire| Some((types.name_id(&wire.name)?, wire.audience)))
}

#[cfg(test)]
mod tests;
