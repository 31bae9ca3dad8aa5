//! The rules every history has to keep, checked against a bookkeeping of their own.

use crate::plan::Plan;
use crate::store::{ModelStore, Row};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tidings::store::queue::Job;
use tidings_core::delivery::{Round, State};
use tidings_core::id::{DeliveryId, EndpointId};
use tidings_core::outcome::{Outcome, Verdict};
use tidings_core::time::Timestamp;

/// The rule that was broken, in words.
pub(crate) type Check = Result<(), String>;

/// Breaks a rule unless `kept`.
pub(crate) fn rule(kept: bool, words: impl FnOnce() -> String) -> Check {
    if kept { Ok(()) } else { Err(words()) }
}

/// With nothing in the way, a try starts this much after it is due at most.
const PUNCTUAL: Duration = Duration::from_millis(40);
/// What is due and has room is claimed within this time, whatever was announced or not.
const CLAIMED_WITHIN: u64 = 2_600_000;

/// What the rules need to know of one life of the node.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    slots: usize,
    lanes: BTreeMap<EndpointId, Lane>,
    in_flight: usize,
    in_flight_slow: usize,
    on_the_wire: BTreeSet<DeliveryId>,
    received: BTreeSet<DeliveryId>,
    empty_claims: VecDeque<u64>,
    overdue_since: BTreeMap<EndpointId, (u64, Timestamp)>,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: usize,
    in_flight: usize,
    slow: bool,
}

impl Rules {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            ..Self::default()
        }
    }

    /// A new life of the node: memory is empty.
    pub(crate) fn restart(&mut self) {
        let received = std::mem::take(&mut self.received);
        *self = Self {
            received,
            ..Self::new(self.slots)
        };
    }

    pub(crate) fn arrived(&mut self, job: &Job) {
        self.lanes.entry(job.delivery.endpoint).or_default().waiting += 1;
    }

    /// Whatever waits is handed back.
    pub(crate) fn drained(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.waiting = 0);
    }

    /// The dispatcher gave a delivery a slot.
    pub(crate) fn started(&mut self, job: &Job) -> Check {
        let id = job.delivery;
        let free = self.slots.saturating_sub(self.in_flight);
        rule(free > 0, || format!("{id} took a slot and none is free"))?;
        let share = (self.slots * 3 / 4).max(1);
        let slow_full = self.in_flight_slow >= share;
        let lane = self.lanes.entry(id.endpoint).or_default();
        rule(lane.in_flight < free, || {
            format!(
                "{id} started while its endpoint holds {} slots and {free} are free",
                lane.in_flight
            )
        })?;
        rule(!(lane.slow && slow_full), || {
            format!("{id} started while endpoints that time out hold all of their {share} slots")
        })?;
        rule(lane.waiting > 0, || format!("{id} came from nowhere"))?;
        lane.waiting -= 1;
        lane.in_flight += 1;
        self.in_flight += 1;
        self.in_flight_slow += usize::from(lane.slow);
        Ok(())
    }

    /// The dispatcher was told that a slot is free again.
    pub(crate) fn released(&mut self, endpoint: EndpointId, outcome: Option<Outcome>) {
        let lane = self.lanes.entry(endpoint).or_default();
        if lane.slow {
            self.in_flight_slow -= lane.in_flight;
        }
        lane.in_flight -= 1;
        self.in_flight -= 1;
        match outcome {
            Some(Outcome::Failed(failure)) => lane.slow = failure.is_timeout(),
            Some(Outcome::Status(_)) => lane.slow = false,
            Some(Outcome::OwnFault(_)) | None => {}
        }
        if lane.slow {
            self.in_flight_slow += lane.in_flight;
        }
    }

    /// No slot stays free while an endpoint that may take it has something waiting.
    pub(crate) fn no_slot_is_idle(&self) -> Check {
        let free = self.slots - self.in_flight;
        let slow_full = self.in_flight_slow >= (self.slots * 3 / 4).max(1);
        let idle = self.lanes.iter().find(|(_, lane)| {
            lane.waiting > 0 && lane.in_flight < free && !(lane.slow && slow_full)
        });
        rule(idle.is_none(), || {
            format!("{free} slots are free and {idle:?} waits")
        })
    }

    /// A request goes out.
    pub(crate) fn sent(&mut self, plan: &Plan, job: &Job, row: &Row, now: Timestamp) -> Check {
        let id = job.delivery;
        rule(
            row.state == State::InFlight && row.lease == job.lease,
            || format!("{id} is sent under a lease that is not in force: {row:?}"),
        )?;
        rule(plan.clock_steps > 0 || now >= row.due_at, || {
            format!("{id} is sent before it is due: {row:?}")
        })?;
        rule(plan.clock_steps > 0 || now >= row.not_before, || {
            format!("{id} is sent earlier than the plan of tries allows: {row:?}")
        })?;
        let tries = match row.progress.round {
            Round::Plan | Round::Replay(_) => 3,
            Round::Retry(_) | Round::Test => 1,
        };
        rule(row.failures < tries, || {
            format!("{id} is tried once too often: {row:?}")
        })?;
        let late = now.since(row.due_at);
        rule(!plan.is_calm() || late <= PUNCTUAL, || {
            format!("{id} is {late:?} late and nothing stood in its way")
        })?;
        rule(self.on_the_wire.insert(id), || {
            format!("{id} is on the wire twice")
        })
    }

    /// A request ended.
    pub(crate) fn answered(&mut self, plan: &Plan, id: DeliveryId, outcome: Outcome) -> Check {
        self.on_the_wire.remove(&id);
        if outcome.verdict() != Verdict::Success {
            return Ok(());
        }
        let first = self.received.insert(id);
        rule(first || plan.crashes > 0, || {
            format!("{id} was received twice and nothing crashed")
        })
    }

    pub(crate) fn has_received(&self, id: DeliveryId) -> bool {
        self.received.contains(&id)
    }

    /// One more round was asked for: it may be received again.
    pub(crate) fn asked_again(&mut self, id: DeliveryId) {
        self.received.remove(&id);
    }

    /// The store is not asked for nothing more than a hundred times a second.
    pub(crate) fn claimed(&mut self, now: u64, count: usize) -> Check {
        if count > 0 {
            return Ok(());
        }
        self.empty_claims.push_back(now);
        if self.empty_claims.len() <= 110 {
            return Ok(());
        }
        let oldest = self.empty_claims.pop_front().unwrap_or(0);
        rule(now - oldest > 1_000_000, || {
            "the store is asked in a busy loop".to_owned()
        })
    }

    /// What is due and has room does not stay in the store. Called a few times a second while nothing is broken.
    pub(crate) fn nothing_is_stuck(
        &mut self,
        store: &ModelStore,
        now: u64,
        wall: Timestamp,
    ) -> Check {
        use tidings::store::directory::Sending;
        use tidings::store::room::Origin;
        for endpoint in store.endpoints.keys().copied() {
            let oldest = store.oldest_due(endpoint).filter(|due| *due <= wall);
            let claimable = store.sending(endpoint) == Some(Sending::Open)
                && store.room.reserve(endpoint, 100, Origin::Claimed).is_some();
            let Some(oldest) = oldest.filter(|_| claimable) else {
                self.overdue_since.remove(&endpoint);
                continue;
            };
            let (since, what) = *self.overdue_since.entry(endpoint).or_insert((now, oldest));
            if what != oldest {
                self.overdue_since.insert(endpoint, (now, oldest));
            } else {
                rule(now - since < CLAIMED_WITHIN, || {
                    format!("{endpoint} has something due since {oldest} and room for it")
                })?;
            }
        }
        Ok(())
    }

    /// Something is broken that may delay claims: patience starts anew afterwards.
    pub(crate) fn excuse(&mut self) {
        self.overdue_since.clear();
    }
}
