//! The rules every history has to keep, checked against a bookkeeping of their own: slots and shares at every
//! start, what goes on the wire, when the store is asked. Round robin is in `fairness`, waiting in `starvation`,
//! who gets what in `ledger`.

use crate::fairness::Turns;
use crate::plan::Plan;
use crate::store::Row;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tidings::engine::dispatcher::window::SMALLEST;
use tidings::store::queue::Job;
use tidings_core::delivery::{Resting, Round, State};
use tidings_core::id::{DeliveryId, EndpointId};
use tidings_core::outcome::{Outcome, Verdict};
use tidings_core::time::Timestamp;

/// The rule that was broken, in words.
pub(crate) type Check = Result<(), String>;

/// Breaks a rule unless `kept`.
pub(crate) fn rule(kept: bool, words: impl FnOnce() -> String) -> Check {
    if kept { Ok(()) } else { Err(words()) }
}

/// How long a window may hold a delivery back: until it has opened to the thresholds.
const WINDOW: Duration = Duration::from_secs(5);
/// In this time endpoints that time out may start as many attempts as they may hold,
const PACE: Duration = Duration::from_secs(2);
/// in steps that are no shorter.
const PACE_STEP: Duration = Duration::from_millis(2);
/// With nothing in the way, a try starts this much after it is due at most,
const PUNCTUAL: Duration = Duration::from_millis(40);
/// and this much later when so many others may be due at the same moment: a claim brings no more of them.
const CLAIM: usize = 512;
const CLAIM_TAKES: Duration = Duration::from_millis(7);

/// What the rules need to know of one life of the node.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    slots: usize,
    lanes: BTreeMap<EndpointId, Lane>,
    waiting: usize,
    in_flight: usize,
    in_flight_slow: usize,
    /// When an endpoint that times out last started one.
    slow_started: Timestamp,
    turns: Turns,
    on_the_wire: BTreeSet<DeliveryId>,
    /// What was received, and how many crashes there had been.
    received: BTreeMap<DeliveryId, u32>,
    crashes: u32,
    empty_claims: VecDeque<u64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Lane {
    waiting: usize,
    in_flight: usize,
    slow: bool,
    /// When it last held as many slots as every endpoint may have: its window held the rest back.
    full_at: Option<Timestamp>,
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
            crashes: self.crashes,
            ..Self::new(self.slots)
        };
    }

    /// What was sent and not stored may be sent again.
    pub(crate) fn crashed(&mut self) {
        self.crashes += 1;
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn arrived(&mut self, job: &Job) {
        let endpoint = job.delivery.endpoint;
        let lane = self.lanes.entry(endpoint).or_default();
        lane.waiting += 1;
        self.waiting += 1;
        if lane.waiting == 1 {
            self.turns.fill(job.organization, endpoint);
        }
        self.queue(endpoint);
    }

    /// Whatever waits is handed back.
    pub(crate) fn drained(&mut self) {
        self.waiting = 0;
        for (endpoint, lane) in &mut self.lanes {
            if std::mem::take(&mut lane.waiting) > 0 {
                self.turns.empty(*endpoint);
            }
        }
    }

    fn queue(&mut self, endpoint: EndpointId) {
        if let Some(lane) = self.lanes.get(&endpoint)
            && lane.waiting > 0
            && lane.in_flight == 0
            && !lane.slow
        {
            self.turns.queue(endpoint);
        }
    }

    /// What all endpoints whose last try timed out may hold together.
    fn slow_share(&self) -> usize {
        (self.slots / 2).max(1)
    }

    /// From one start of an endpoint that times out to the next of any of them, at most, while one may start.
    fn slow_pause(&self) -> Duration {
        PACE / self.slow_share() as u32 + PACE_STEP
    }

    /// Whether an endpoint may take a slot now.
    pub(crate) fn may_start(&self, endpoint: EndpointId) -> bool {
        let lane = self.lanes.get(&endpoint).copied().unwrap_or_default();
        lane.in_flight < self.slots.saturating_sub(self.in_flight)
            && !(lane.slow && self.in_flight_slow >= self.slow_share())
    }

    /// The dispatcher gave a delivery a slot.
    pub(crate) fn started(&mut self, job: &Job, now: Timestamp) -> Check {
        let id = job.delivery;
        let free = self.slots.saturating_sub(self.in_flight);
        rule(free > 0, || format!("{id} took a slot and none is free"))?;
        let (share, slow) = (self.slow_share(), self.in_flight_slow);
        let lane = self.lanes.entry(id.endpoint).or_default();
        rule(lane.in_flight < free, || {
            format!(
                "{id} started above its share: its endpoint holds {} slots and {free} are free",
                lane.in_flight
            )
        })?;
        rule(!(lane.slow && slow >= share), || {
            format!("{id} started while endpoints that time out hold all of their {share} slots")
        })?;
        rule(lane.waiting > 0, || format!("{id} came from nowhere"))?;
        self.turns
            .start(id.endpoint, job.progress.round == Round::Test)?;
        lane.waiting -= 1;
        lane.in_flight += 1;
        if lane.waiting == 0 {
            self.turns.empty(id.endpoint);
        }
        self.waiting -= 1;
        self.in_flight += 1;
        if lane.slow {
            self.in_flight_slow += 1;
            self.slow_started = now;
        }
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
        self.queue(endpoint);
    }

    /// No slot stays free while an endpoint that may take it has something waiting. One that holds as many as every
    /// endpoint may have waits for its window, how long is the starvation rule's; one that times out for its pace.
    pub(crate) fn no_slot_is_idle(&mut self, now: Timestamp) -> Check {
        // The clock may have been set back.
        self.slow_started = self.slow_started.min(now);
        let slow_wait = now.since(self.slow_started) < self.slow_pause();
        if self.waiting == 0 || self.in_flight == self.slots {
            return Ok(());
        }
        let idle = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.waiting > 0 && lane.in_flight < SMALLEST as usize)
            .filter(|(_, lane)| !(lane.slow && slow_wait))
            .find(|(endpoint, _)| self.may_start(**endpoint));
        rule(idle.is_none(), || {
            let free = self.slots - self.in_flight;
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
        rule(row.failures < tries(row), || {
            format!("{id} is tried once too often: {row:?}")
        })?;
        let late = now.since(row.due_at.max(row.made_at));
        let others = self.received.len() + self.waiting + self.in_flight;
        let slow_pause = self.slow_pause();
        let mut punctual = PUNCTUAL + CLAIM_TAKES * (others / CLAIM) as u32;
        if let Some(lane) = self.lanes.get_mut(&id.endpoint) {
            if lane.in_flight >= SMALLEST as usize {
                lane.full_at = Some(now);
            }
            if lane.full_at.is_some_and(|full| full >= row.due_at) {
                punctual += WINDOW;
            }
            if lane.slow {
                punctual += slow_pause + (slow_pause - PACE_STEP) * others as u32;
            }
        }
        rule(!plan.is_calm() || late <= punctual, || {
            format!("{id} is {late:?} late and nothing stood in its way")
        })?;
        rule(self.on_the_wire.insert(id), || {
            format!("{id} is on the wire twice")
        })
    }

    /// A request ended.
    pub(crate) fn answered(&mut self, id: DeliveryId, outcome: Outcome) -> Check {
        self.on_the_wire.remove(&id);
        if outcome.verdict() != Verdict::Success {
            return Ok(());
        }
        let before = self.received.insert(id, self.crashes);
        rule(before.is_none_or(|crashes| crashes < self.crashes), || {
            format!("{id} was received twice and nothing crashed in between")
        })
    }

    pub(crate) fn has_received(&self, id: DeliveryId) -> bool {
        self.received.contains_key(&id)
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
}

/// Counted failures that end a round.
fn tries(row: &Row) -> u8 {
    match row.progress.round {
        Round::Plan | Round::Replay(_) => 3,
        Round::Retry(_) | Round::Test => 1,
    }
}

/// A delivery rests, and as it may.
pub(crate) fn rests(id: DeliveryId, row: &Row, received: bool) -> Check {
    let (Some(resting), round) = (row.state.resting(), row.progress.round) else {
        return Err(format!("{id} does not rest at the end: {row:?}"));
    };
    let before = match round {
        Round::Retry(before) | Round::Replay(before) => Some(before),
        Round::Plan | Round::Test => None,
    };
    rule(
        resting != Resting::Exhausted || row.failures == tries(row),
        || format!("{id} is exhausted before its tries: {row:?}"),
    )?;
    rule(
        before != Some(Resting::Delivered) || resting == Resting::Delivered,
        || format!("{id} was delivered and is not any more: {row:?}"),
    )?;
    let delivered = resting == Resting::Delivered && before.is_none();
    rule(!delivered || received, || {
        format!("{id} is said to be delivered and was never received")
    })
}
