//! A store of its own for every test, on whatever `backend` brings, with a clock that stands still.

use crate::backend::Place;
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::Clock;
use tidings::store::directory::{
    Changed, CreateEndpoint, Directory, Endpoint, EndpointPatch, NewEndpoint, OrganizationChange,
    SwitchChange,
};
use tidings::store::handover::{self, Receiver};
use tidings::store::log::{Log, Retried};
use tidings::store::room::Room;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::{Actor, Reach};
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::WireType;
use tidings_core::id::{DeliveryId, OrganizationId};
use tidings_core::organization::{AddOn, AddOns, KeptDays, Switch};
use tidings_core::secret::Secret;
use tidings_core::time::Timestamp;

/// Two organizations that most stories need.
pub const LARKSPUR: i64 = 4_417;
pub const RIVERSIDE: i64 = 9_001;

pub struct World {
    pub store: Arc<SqlStore>,
    /// The engine's end of the handover.
    pub engine: Receiver,
    pub clock: Clock,
    pub place: Place,
    room: Arc<Room>,
}

impl World {
    pub fn new() -> Self {
        Self::with_room(1_000)
    }

    /// A place and a clock, and no node yet.
    pub fn empty() -> (Place, Clock) {
        let clock = Clock::manual(Timestamp::parse_rfc3339("2026-03-01T09:30:00Z").unwrap());
        (Place::new(), clock)
    }

    /// A world on data that is there already.
    pub fn over(place: Place, clock: Clock) -> Self {
        let room = Room::new(1_000, 64 << 20);
        let (store, engine) = open(&place, &clock, &room);
        Self {
            store,
            engine,
            clock,
            place,
            room,
        }
    }

    /// A world whose node has room for that many deliveries.
    pub fn with_room(room: usize) -> Self {
        let (place, clock) = Self::empty();
        let room = Room::new(room, 64 << 20);
        let (store, engine) = open(&place, &clock, &room);
        Self {
            store,
            engine,
            clock,
            place,
            room,
        }
    }

    /// The node's memory.
    pub const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// A world with both organizations, each with an add-on.
    pub async fn with_organizations() -> Self {
        Self::new().organized().await
    }

    /// This world with both organizations, each with an add-on.
    pub async fn organized(self) -> Self {
        for id in [LARKSPUR, RIVERSIDE] {
            self.put_organization(id, one_add_on()).await;
        }
        self
    }

    /// The same data in another life of the process.
    pub fn reopen(self) -> Self {
        self.reopen_with(keys(&[7]))
    }

    /// With these master keys.
    pub fn reopen_with(self, key: MasterKey) -> Self {
        let Self {
            store,
            engine,
            clock,
            place,
            room,
        } = self;
        drop((store, engine));
        let room = Room::new(room.capacity(), 64 << 20);
        let (handover, engine) = handover::channel(Arc::clone(&room));
        let store = place.open(&clock, handover, key).unwrap();
        Self {
            store,
            engine,
            clock,
            place,
            room,
        }
    }

    /// One number from outside.
    pub fn count(&self, sql: &str) -> i64 {
        self.place.numbers(sql)[0][0].unwrap()
    }

    /// Time passes.
    pub fn pass(&self, wait: Duration) {
        self.clock.set(self.clock.now().plus(wait));
    }

    pub async fn put_organization(&self, id: i64, add_ons: AddOns) {
        self.put_keeping(id, add_ons, None).await;
    }

    /// An organization that keeps its events for a time of its own.
    pub async fn put_keeping(&self, id: i64, add_ons: AddOns, kept: Option<KeptDays>) {
        let change = OrganizationChange {
            name: format!("Organization {id}"),
            slug: None,
            add_ons,
            kept,
            restore: true,
        };
        self.store
            .put_organization(organization(id), change, actor())
            .await
            .unwrap();
    }

    pub async fn switch(&self, endpoint: &Endpoint, switch: SwitchChange) {
        let patch = EndpointPatch {
            switch: Some(switch),
            ..EndpointPatch::default()
        };
        let answer = self
            .store
            .patch_endpoint(endpoint.organization, endpoint.id, patch, actor())
            .await;
        assert!(matches!(answer, Ok(Changed::Done(_))));
    }

    /// Asks for one more try, which must be granted.
    pub async fn retry(&self, id: DeliveryId) {
        let answer = self.store.retry(Reach::All, id, actor()).await;
        assert_eq!(answer, Ok(Retried::Due));
    }

    /// An endpoint that is on and chose these types.
    pub async fn endpoint(&self, owner: i64, types: &[&str]) -> Arc<Endpoint> {
        let answer = self
            .store
            .create_endpoint(organization(owner), new_endpoint(types), actor())
            .await
            .unwrap();
        match answer {
            CreateEndpoint::Created(endpoint) => endpoint,
            other => panic!("{other:?}"),
        }
    }
}

pub fn open(place: &Place, clock: &Clock, room: &Arc<Room>) -> (Arc<SqlStore>, Receiver) {
    let (handover, engine) = handover::channel(Arc::clone(room));
    let key = MasterKey::from_bytes([7; 32]);
    (place.open(clock, handover, key).unwrap(), engine)
}

/// The key of every world is `[7]`; these, the newest first.
pub fn keys(bytes: &[u8]) -> MasterKey {
    let hex: Vec<String> = bytes
        .iter()
        .map(|byte| format!("{byte:02x}").repeat(32))
        .collect();
    MasterKey::parse(&hex.join("\n")).unwrap()
}

pub fn organization(id: i64) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

pub fn one_add_on() -> AddOns {
    AddOns::NONE.with(AddOn::ApiAccess)
}

pub fn wire(text: &str) -> WireType {
    WireType::parse(text).unwrap()
}

pub fn url(text: &str) -> TargetUrl {
    TargetUrl::from_stored(text).unwrap()
}

pub fn secret(text: &str) -> Secret {
    Secret::imported(text.as_bytes().to_vec()).unwrap()
}

pub fn new_endpoint(types: &[&str]) -> NewEndpoint {
    NewEndpoint {
        url: url("https://receiver.example/hook"),
        description: String::from("their CRM"),
        event_types: types.iter().map(|text| wire(text)).collect(),
        switch: Switch::On,
        headers: CustomHeaders::default(),
        secret: secret("whsec_first"),
    }
}

pub fn actor() -> Actor {
    Actor {
        name: String::from("key key_1"),
        address: Some([192, 0, 2, 1].into()),
        request_id: Some(String::from("req_1")),
    }
}
