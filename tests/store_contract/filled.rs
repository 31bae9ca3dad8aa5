//! A log written from outside, so that a story can say exactly what is stored and how far the late indexes are.

use crate::backend::bytes;
use crate::world::{World, organization};
use std::cell::RefCell;
use tidings::store::directory::{Directory, Endpoint};
use tidings_core::delivery::State;
use tidings_core::id::{DeliveryId, EventId};
use tidings_core::time::Timestamp;

pub struct Filled<'a> {
    pub world: &'a World,
    /// Statements that are run together.
    gathered: RefCell<Option<String>>,
    name: i64,
    start: Timestamp,
}

/// What a delivery is stored with.
#[derive(Clone, Copy)]
pub struct Stored {
    pub state: State,
    pub round: u8,
    pub public: bool,
}

impl Stored {
    pub const fn at(state: State) -> Self {
        Self {
            state,
            round: 0,
            public: false,
        }
    }
}

impl<'a> Filled<'a> {
    pub fn new(world: &'a World) -> Self {
        Self {
            gathered: RefCell::default(),
            name: world.count("SELECT id FROM event_type_names WHERE name = 'project.updated'"),
            start: world.clock.now(),
            world,
        }
    }

    /// The moment of event `number`: one second after the one before.
    pub fn moment(&self, number: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis() + 1_000 * number)
    }

    pub fn event_id(&self, number: i64) -> EventId {
        EventId::from_raw(EventId::first_at(self.moment(number)).raw() + 5)
    }

    /// Event `number` of an owner: `project.updated`, with a body.
    pub fn event(&self, number: i64, owner: i64, reference: Option<&str>) -> EventId {
        let id = self.event_id(number);
        let moment = self.moment(number).as_micros();
        let reference = reference.map_or(String::from("NULL"), |text| format!("'{text}'"));
        self.run(&format!(
            "INSERT INTO events (id, organization_id, name_id, public, test, accepted_at, reference)
             VALUES ({id}, {owner}, {name}, 0, 0, {moment}, {reference});
             INSERT INTO bodies VALUES ({id}, {hash}, {data})",
            id = id.raw(),
            name = self.name,
            hash = bytes(&[0; 16]),
            data = bytes(format!("{{\"n\":{number}}}").as_bytes()),
        ));
        id
    }

    pub fn delivery(&self, event: EventId, endpoint: &Endpoint, stored: Stored) -> DeliveryId {
        let rested = match stored.state.resting() {
            Some(_) => self.start.as_micros().to_string(),
            None => String::from("NULL"),
        };
        self.run(&format!(
            "INSERT INTO deliveries VALUES ({}, {}, {}, {}, {}, {}, {}, 1, 0, {}, 1, 1, {rested})",
            event.raw(),
            endpoint.id.raw(),
            endpoint.organization.get(),
            self.name,
            i64::from(stored.public),
            stored.state.code(),
            stored.round,
            self.start.as_micros() + 10_000_000,
        ));
        DeliveryId {
            event,
            endpoint: endpoint.id,
        }
    }

    /// What upkeep does: lists everything up to event `number`, in one commit.
    pub fn list_up_to(&self, number: i64) {
        let to = self.event_id(number).raw();
        let reach = |id: &str| {
            format!(
                "{id} > (SELECT coalesce(max(value), 0) FROM meta WHERE key = 'listed_to') AND {id} <= {to}"
            )
        };
        self.run(&format!(
            "INSERT INTO events_listed SELECT organization_id, id FROM events WHERE {events};
             INSERT INTO references_listed SELECT organization_id, reference, id FROM events
                WHERE {events} AND reference IS NOT NULL;
             INSERT INTO deliveries_listed SELECT endpoint_id, event_id FROM deliveries WHERE {deliveries};
             INSERT INTO meta VALUES ('listed_to', {to}) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            events = reach("id"),
            deliveries = reach("event_id"),
        ));
    }

    /// Runs statements, at once or with the others that are gathered.
    pub fn run(&self, sql: &str) {
        match &mut *self.gathered.borrow_mut() {
            Some(gathered) => {
                gathered.push_str(sql);
                gathered.push(';');
            }
            None => self.world.place.run(sql),
        }
    }

    /// Many rows in one commit.
    pub fn together(&self, write: impl FnOnce(&Self)) {
        self.gathered.replace(Some(String::new()));
        write(self);
        let gathered = self.gathered.take().unwrap();
        self.world.place.run(&gathered);
    }

    /// Deletes an endpoint through the front door.
    pub async fn delete(&self, endpoint: &Endpoint) {
        self.world
            .store
            .delete_endpoint(
                organization(endpoint.organization.get()),
                endpoint.id,
                crate::world::actor(),
            )
            .await
            .unwrap();
    }
}
