//! The node: the real dispatcher, and what the driver does around it.

use crate::plan::SECOND;
use crate::rules::{Check, rule};
use crate::world::{Event, LOOK, World};
use std::time::Duration;
use tidings::engine::dispatcher::{Actions, Dispatcher, Input, Start};
use tidings::store::directory::Sending;
use tidings::store::queue::{Answer, AttemptRecord, Job, Settlement, Timing};
use tidings_core::delivery::Round;

/// The longest sleep of the driver, in microseconds.
pub(crate) const LONGEST_SLEEP: u64 = 5 * SECOND;
/// Attempts in flight take three seconds at most, results a moment more.
const DRAINED_WITHIN: u64 = 3_200_000;

/// The process: what is lost in a crash.
#[derive(Debug)]
pub(crate) struct Node {
    dispatcher: Dispatcher,
    actions: Actions,
    inbox: Vec<Input>,
    turn: bool,
    /// When the alarm rings, in simulated time.
    pub(crate) alarm: Option<u64>,
    /// When the janitor takes its next step.
    pub(crate) janitor: Option<u64>,
    pub(crate) draining_since: Option<u64>,
    claims: usize,
    settles: usize,
}

impl Node {
    /// Whether deliveries wait in memory for a slot, and not for endpoints that time out.
    pub(crate) fn is_loaded(&self) -> bool {
        self.dispatcher.waiting_for_fast() > 0
    }
}

impl World {
    pub(crate) fn start_node(&mut self) {
        self.store.recover();
        self.ledger.refresh(&self.store);
        self.rules.restart();
        self.node = Some(Node {
            dispatcher: Dispatcher::new(self.sabotage.slots(self.plan.slots), self.clock()),
            actions: Actions::default(),
            inbox: Vec::new(),
            turn: false,
            alarm: None,
            janitor: None,
            draining_since: None,
            claims: 0,
            settles: 0,
        });
        self.turn_soon();
        self.janitor_within(10, 2_000);
    }

    /// Whether the node is up and takes events.
    pub(crate) fn is_serving(&self) -> bool {
        self.node
            .as_ref()
            .is_some_and(|node| node.draining_since.is_none())
    }

    pub(crate) fn drain(&mut self) {
        if let Some(node) = &mut self.node {
            node.draining_since = Some(self.now);
            self.tell(Input::Drain);
        }
    }

    /// Something happened that the node learns in its next turn.
    pub(crate) fn tell(&mut self, input: Input) {
        if let Some(node) = &mut self.node {
            node.inbox.push(input);
            self.turn_soon();
        }
    }

    pub(crate) fn turn_soon(&mut self) {
        let life = self.life;
        if let Some(node) = &mut self.node
            && !node.turn
        {
            node.turn = true;
            self.plan_in(0, 300, Event::Turn { life });
        }
    }

    pub(crate) fn turn(&mut self) -> Check {
        let Some(mut node) = self.node.take() else {
            return Ok(());
        };
        node.turn = false;
        let now = self.clock();
        for input in std::mem::take(&mut node.inbox) {
            match &input {
                Input::Arrived(jobs) => self.arrived(&node, jobs),
                Input::Claimed(claimed) => {
                    node.claims -= 1;
                    self.arrived(&node, &claimed.jobs);
                }
                Input::ClaimFailed => node.claims -= 1,
                Input::Settled | Input::SettleFailed(_) => node.settles -= 1,
                Input::Finished { job, record } => {
                    self.store.learn(job.delivery.endpoint, record.outcome);
                    self.rules
                        .released(job.delivery.endpoint, Some(record.outcome));
                }
                Input::Drain => self.rules.drained(),
                Input::Withheld(_) | Input::Due(_) => {}
            }
            if let Some(input) = self.sabotage.input(input) {
                node.dispatcher.take(now, input);
            }
        }
        self.perform(&mut node)?;
        let draining_since = node.draining_since;
        if node.dispatcher.drained() {
            let since = draining_since.unwrap_or_default();
            return self.drained(since);
        }
        self.node = Some(node);
        Ok(())
    }

    fn arrived(&mut self, node: &Node, jobs: &[Job]) {
        if node.draining_since.is_none() {
            jobs.iter().for_each(|job| self.rules.arrived(job));
        }
    }

    /// What the driver's loop of the same name does.
    fn perform(&mut self, node: &mut Node) -> Check {
        loop {
            let now = self.clock();
            node.dispatcher.decide(now, &mut node.actions);
            self.sabotage.actions(&mut node.actions);
            let life = self.life;
            if let Some(limit) = node.actions.claim.take() {
                node.claims += 1;
                let asked_at = now;
                self.plan_in(
                    10,
                    2_000,
                    Event::Claim {
                        life,
                        limit,
                        asked_at,
                    },
                );
            }
            if let Some(results) = node.actions.settle.take() {
                node.settles += 1;
                self.plan_in(10, 2_000, Event::Settle { life, results });
            }
            rule(node.claims <= 1 && node.settles <= 1, || {
                "more than one claim or batch of results is with the store".to_owned()
            })?;
            if node.actions.start.is_empty() {
                break;
            }
            for Start { job, .. } in &node.actions.start {
                self.note(6, job.delivery.endpoint.raw());
                self.rules.started(job, now)?;
            }
            for Start { job, .. } in std::mem::take(&mut node.actions.start) {
                let sending = self.store.sending(job.delivery.endpoint);
                match (sending, job.progress.round) {
                    (Some(Sending::Open), _) | (Some(Sending::Off), Round::Test) => {
                        self.send(job)?;
                    }
                    _ => {
                        self.rules.released(job.delivery.endpoint, None);
                        node.dispatcher.take(now, Input::Withheld(job));
                    }
                }
            }
        }
        let in_flight = node.dispatcher.in_flight();
        rule(in_flight == self.rules.in_flight(), || {
            let known = self.rules.in_flight();
            format!("the dispatcher counts {in_flight} slots taken, {known} are")
        })?;
        let in_memory = node.dispatcher.waiting() + in_flight;
        let capacity = self.store.room.capacity();
        rule(in_memory <= capacity, || {
            format!("{in_memory} in memory, room for {capacity}")
        })?;
        if node.draining_since.is_none() {
            let now = self.clock();
            self.rules.no_slot_is_idle(now)?;
        }
        self.set_alarm(node);
        self.look_by(self.now + LOOK);
        Ok(())
    }

    fn set_alarm(&mut self, node: &mut Node) {
        let Some(moment) = node.actions.wake_at else {
            return;
        };
        let wait = moment.since(self.clock()).as_micros() as u64;
        // Timers ring up to a millisecond late, and never early.
        let rings = self.now + wait.min(LONGEST_SLEEP) + self.chance.within(0, 1_000);
        if node.alarm.is_none_or(|set| rings < set) {
            node.alarm = Some(rings);
            let life = self.life;
            self.plan_at(rings, Event::Alarm { life, set: rings });
        }
    }

    fn send(&mut self, job: Job) -> Check {
        let now = self.clock();
        let row = self.store.rows[&job.delivery];
        self.rules.sent(&self.plan, &job, &row, now)?;
        let clock_set = row.clock_set < self.store.clock_set;
        rule(clock_set || now >= row.not_before, || {
            let id = job.delivery;
            format!("{id} is sent earlier than the plan of tries allows: {row:?}")
        })?;
        self.store.sent(job.delivery);
        self.requests += 1;
        self.note(1, job.delivery.event.raw());
        let (takes, outcome) = self
            .network
            .attempt(&mut self.chance, job.delivery.endpoint);
        let record = Box::new(AttemptRecord {
            number: job.progress.attempts + 1,
            started_at: now,
            lateness: now.since(job.due_at),
            timing: Timing {
                total: Duration::from_micros(takes),
                ..Timing::default()
            },
            outcome,
            detail: String::new(),
            endpoint_version: 1,
            timestamp: now.as_seconds(),
            vomo_signature: String::new(),
            webhook_signature: String::new(),
            peer: None,
            answer: Answer::default(),
        });
        let life = self.life;
        self.plan_at(self.now + takes, Event::Ended { life, job, record });
        Ok(())
    }

    pub(crate) fn ended(&mut self, job: Job, record: Box<AttemptRecord>) -> Check {
        self.note(2, i64::from(record.outcome.code()));
        self.rules.answered(job.delivery, record.outcome)?;
        self.tell(Input::Finished { job, record });
        Ok(())
    }

    pub(crate) fn settle(&mut self, results: Vec<Settlement>) -> Check {
        let life = self.life;
        let failed = if self.store_fails {
            Some(results)
        } else {
            self.note(4, results.len() as i64);
            let lost = self.store.settle(results);
            rule(lost == 0, || {
                format!("{lost} leases were lost and nobody took them")
            })?;
            None
        };
        self.plan_in(10, 2_000, Event::Settled { life, failed });
        Ok(())
    }

    /// The node has ended in good order.
    fn drained(&mut self, since: u64) -> Check {
        let took = self.now - since;
        rule(took <= DRAINED_WITHIN || self.plan.store_faults > 0, || {
            format!("draining took {took} µs")
        })?;
        // What was accepted during the last moments is recovered at the next start.
        let left = self.store.in_flight().next();
        rule(left.is_none() || !self.healed, || {
            format!("{left:?} is still leased")
        })?;
        self.life += 1;
        self.plan_in(SECOND / 10, 3 * SECOND, Event::Restart);
        Ok(())
    }
}
