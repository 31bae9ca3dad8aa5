//! The engine's and the producers' side of a story: posting, taking jobs, ending attempts, looking at rows.

use crate::world::{World, organization};
use bytes::Bytes;
use std::time::Duration;
use tidings::store::queue::{
    Accept, Accepted, AttemptRecord, Change, Claimed, Idempotency, Job, Queue, Settled, Settlement,
    Timing, Upkeep,
};
use tidings_core::delivery::{Round, State};
use tidings_core::event::{IdempotencyKey, NewEvent, Publicity};
use tidings_core::event_type::EventTypeName;
use tidings_core::id::{DeliveryId, EventId};
use tidings_core::outcome::Outcome;
use tidings_core::time::Timestamp;

pub const UPDATED: &str = "project.updated";
pub const PUBLIC: &str = "project.public.updated";
pub const OK: Outcome = Outcome::Status(204);
pub const FAILED: Outcome = Outcome::Status(500);

/// An event of `owner` with the type `project.updated`.
pub fn event(owner: i64) -> Accept {
    Accept {
        event: NewEvent {
            organization: organization(owner),
            event_type: EventTypeName::parse(UPDATED).unwrap(),
            publicity: Publicity::Private,
            data: Bytes::from_static(br#"{"id":81}"#),
            reference: None,
        },
        idempotency: None,
        trace: None,
    }
}

pub fn public_event(owner: i64) -> Accept {
    let mut accept = event(owner);
    accept.event.publicity = Publicity::Public;
    accept
}

pub fn keyed(owner: i64, key: &str, content: u8) -> Accept {
    Accept {
        idempotency: Some(Idempotency {
            key: IdempotencyKey::parse(key).unwrap(),
            content: [content; 16],
        }),
        ..event(owner)
    }
}

pub fn stored(answer: Accepted) -> EventId {
    match answer {
        Accepted::Stored(id) => id,
        other => panic!("{other:?}"),
    }
}

/// A delivery as it lies on the disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Lying {
    pub state: State,
    pub round: Round,
    pub attempts: u32,
    pub failures: u8,
    pub due_at: Timestamp,
    pub rested_at: Option<Timestamp>,
}

impl World {
    /// Posts one event, which must be stored.
    pub async fn post(&self, accept: Accept) -> EventId {
        stored(self.store.accept(vec![accept]).await.unwrap()[0])
    }

    /// What was handed over since the last look.
    pub fn jobs(&mut self) -> Vec<Job> {
        let mut all = Vec::new();
        while let Ok(batch) = self.engine.jobs.try_recv() {
            assert!(!batch.is_empty());
            all.extend(batch);
        }
        all
    }

    /// The one job that was handed over.
    pub fn job(&mut self) -> Job {
        let mut jobs = self.jobs();
        assert_eq!(jobs.len(), 1);
        jobs.remove(0)
    }

    pub async fn claim(&self, limit: usize) -> Claimed {
        self.store.claim(limit, self.clock.now()).await.unwrap()
    }

    /// Ends an attempt now.
    pub async fn end(&self, job: Job, outcome: Outcome) -> Settled {
        let result = ended(job, outcome, self.clock.now());
        self.store.settle(vec![result]).await.unwrap()[0]
    }

    /// Gives a delivery back untouched.
    pub async fn hand_back(&self, job: Job) -> Settled {
        let result = Settlement {
            delivery: job.delivery,
            lease: job.lease,
            change: Change::HandedBack { due_at: job.due_at },
            reservation: job.reservation,
        };
        self.store.settle(vec![result]).await.unwrap()[0]
    }

    /// Upkeep and fan-outs until nothing is left; answers how many steps that took.
    pub async fn rest(&self) -> usize {
        for steps in 0..100_000 {
            let fan_out = self.store.expand(1_000).await.unwrap();
            let upkeep = self.store.upkeep(self.clock.now()).await.unwrap();
            if fan_out != Upkeep::More && upkeep != Upkeep::More {
                return steps;
            }
        }
        panic!("upkeep never ends");
    }

    pub fn lying(&self, id: DeliveryId) -> Lying {
        let row = &self.place.numbers(&format!(
            "SELECT CASE WHEN epoch = 0 AND state = 1 THEN 0 ELSE state END, round, attempts, failures, due_at, rested_at
             FROM deliveries WHERE event_id = {} AND endpoint_id = {}",
            id.event.raw(),
            id.endpoint.raw()
        ))[0];
        let number = |column: usize| row[column].unwrap();
        let code = |column| u8::try_from(number(column)).unwrap();
        Lying {
            state: State::from_code(code(0)).unwrap(),
            round: Round::from_code(code(1)).unwrap(),
            attempts: u32::try_from(number(2)).unwrap(),
            failures: code(3),
            due_at: Timestamp::from_micros(number(4)),
            rested_at: row[5].map(Timestamp::from_micros),
        }
    }

    pub fn state(&self, id: DeliveryId) -> State {
        self.lying(id).state
    }

    pub fn deliveries(&self) -> i64 {
        self.count("SELECT count(*) FROM deliveries")
    }
}

/// The result of an attempt, as the engine makes it.
pub fn ended(job: Job, outcome: Outcome, now: Timestamp) -> Settlement {
    let (progress, next) = tidings_core::retry::next(job.progress, outcome, now);
    Settlement {
        delivery: job.delivery,
        lease: job.lease,
        change: Change::Attempted {
            record: Box::new(record(progress.attempts, outcome, now)),
            progress,
            next,
        },
        reservation: job.reservation,
    }
}

pub fn record(number: u32, outcome: Outcome, now: Timestamp) -> AttemptRecord {
    AttemptRecord {
        number,
        started_at: now,
        lateness: Duration::from_micros(250),
        timing: Timing {
            total: Duration::from_millis(3),
            ..Timing::default()
        },
        outcome,
        detail: String::new(),
        endpoint_version: 1,
        timestamp: now.as_seconds(),
        vomo_signature: "ab".repeat(32),
        webhook_signature: String::from("v1,abc="),
        peer: Some(([192, 0, 2, 7], 443).into()),
        answer: Default::default(),
    }
}
