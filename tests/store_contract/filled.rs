//! A log written from outside, so that a story can say exactly what is stored and how far the late indexes are.

use crate::world::{World, organization};
use rusqlite::{Connection, params};
use tidings::store::directory::{Directory, Endpoint};
use tidings_core::delivery::State;
use tidings_core::id::{DeliveryId, EventId};
use tidings_core::time::Timestamp;

pub struct Filled<'a> {
    pub world: &'a World,
    sql: Connection,
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
            sql: world.sql(),
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
        self.sql
            .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, 0, 0, ?4, ?5)")
            .unwrap()
            .execute(params![
                id.raw(),
                owner,
                self.name("project.updated"),
                moment,
                reference
            ])
            .unwrap();
        self.sql
            .prepare_cached("INSERT INTO bodies VALUES (?1, zeroblob(16), ?2)")
            .unwrap()
            .execute(params![
                id.raw(),
                format!("{{\"n\":{number}}}").into_bytes()
            ])
            .unwrap();
        id
    }

    pub fn delivery(&self, event: EventId, endpoint: &Endpoint, stored: Stored) -> DeliveryId {
        let rested = stored.state.resting().map(|_| self.start.as_micros());
        self.sql
            .prepare_cached(
                "INSERT INTO deliveries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 0, ?8, 1, 1, ?9)",
            )
            .unwrap()
            .execute(params![
                event.raw(),
                endpoint.id.raw(),
                endpoint.organization.get(),
                self.name("project.updated"),
                i64::from(stored.public),
                stored.state.code(),
                stored.round,
                self.start.as_micros() + 10_000_000,
                rested
            ])
            .unwrap();
        DeliveryId {
            event,
            endpoint: endpoint.id,
        }
    }

    /// What upkeep does: lists everything up to event `number`, in one commit.
    pub fn list_up_to(&self, number: i64) {
        let to = self.event_id(number).raw();
        self.sql
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 CREATE TEMP TABLE IF NOT EXISTS reach (a INTEGER);
                 DELETE FROM reach;
                 INSERT INTO reach SELECT coalesce((SELECT value FROM meta WHERE key = 'listed_to'), 0);
                 INSERT INTO events_listed SELECT organization_id, id FROM events, reach WHERE id > a AND id <= {to};
                 INSERT INTO references_listed SELECT organization_id, reference, id FROM events, reach
                    WHERE id > a AND id <= {to} AND reference IS NOT NULL;
                 INSERT INTO deliveries_listed SELECT endpoint_id, event_id FROM deliveries, reach
                    WHERE event_id > a AND event_id <= {to};
                 INSERT OR REPLACE INTO meta VALUES ('listed_to', {to});
                 COMMIT;"
            ))
            .unwrap();
    }

    pub fn run(&self, sql: &str) {
        self.sql.execute_batch(sql).unwrap();
    }

    /// Many rows in one commit.
    pub fn together(&self, write: impl FnOnce(&Self)) {
        self.run("BEGIN IMMEDIATE");
        write(self);
        self.run("COMMIT");
    }

    fn name(&self, name: &str) -> i64 {
        self.sql
            .prepare_cached("SELECT id FROM event_type_names WHERE name = ?1")
            .unwrap()
            .query_row([name], |row| row.get(0))
            .unwrap()
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
