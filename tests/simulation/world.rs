//! One history: posts, answers, faults and the node, in the order of simulated time.
//!
//! The node is the real dispatcher; around it stands what the driver and the janitor do, with calls to the store and
//! turns of the loop that take a little time, so that whatever can overtake does overtake. At the end everything
//! heals, and all that is left has to be done within a minute and the plan of tries.

use crate::chance::Chance;
use crate::ledger::Ledger;
use crate::network::Network;
use crate::node::Node;
use crate::outside::Post;
use crate::plan::{Plan, SECOND};
use crate::rules::{Check, Rules, rests, rule};
use crate::sabotage::Sabotage;
use crate::starvation::Starvation;
use crate::store::ModelStore;
use std::collections::BTreeMap;
use tidings::engine::dispatcher::Input;
use tidings::store::queue::{AttemptRecord, Claimed, Job, Settlement};
use tidings_core::id::EndpointId;
use tidings_core::time::Timestamp;

/// When the simulated clock starts.
const START: i64 = 1_767_225_600_000_000;
/// Between two looks at what starves, while something happens.
pub(crate) const LOOK: u64 = SECOND * 3 / 10;
/// Once everything works, what is left is done within a minute,
const DRAINED: u64 = 60 * SECOND;
/// and the waits of the plan of tries.
const PLAN_OF_TRIES: u64 = 110 * SECOND;

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    Post {
        test: bool,
    },
    Accept {
        life: u32,
        post: Post,
    },
    Turn {
        life: u32,
    },
    Alarm {
        life: u32,
        set: u64,
    },
    Janitor {
        life: u32,
        set: u64,
    },
    Ended {
        life: u32,
        job: Job,
        record: Box<AttemptRecord>,
    },
    Claim {
        life: u32,
        limit: usize,
        asked_at: Timestamp,
    },
    Claimed {
        life: u32,
        claimed: Option<Claimed>,
    },
    Settle {
        life: u32,
        results: Vec<Settlement>,
    },
    Settled {
        life: u32,
        failed: Option<Vec<Settlement>>,
    },
    Behave,
    Behaves(EndpointId),
    Switch,
    Newcomer,
    AskAgain,
    StoreFaults(bool),
    ClockStep,
    Crash,
    Drain,
    Restart,
    Look {
        set: u64,
    },
    Heal,
}

impl Event {
    /// The life of the node it belongs to, if it dies with it.
    const fn life(&self) -> Option<u32> {
        match self {
            Self::Turn { life }
            | Self::Alarm { life, .. }
            | Self::Janitor { life, .. }
            | Self::Ended { life, .. }
            | Self::Claim { life, .. }
            | Self::Claimed { life, .. }
            | Self::Settle { life, .. }
            | Self::Settled { life, .. } => Some(*life),
            _ => None,
        }
    }
}

/// One history.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) chance: Chance,
    pub(crate) sabotage: Sabotage,
    pub(crate) now: u64,
    pub(crate) clock_offset: i64,
    agenda: BTreeMap<(u64, u64), Event>,
    planned: u64,
    pub(crate) store: ModelStore,
    pub(crate) store_fails: bool,
    pub(crate) network: Network,
    pub(crate) rules: Rules,
    pub(crate) starvation: Starvation,
    pub(crate) ledger: Ledger,
    pub(crate) look_at: Option<u64>,
    /// Until then nobody is blamed for what starves.
    pub(crate) excused_until: u64,
    pub(crate) node: Option<Node>,
    pub(crate) life: u32,
    pub(crate) healed: bool,
    /// The last id given: events and endpoints have theirs from one source.
    pub(crate) ids: i64,
    pub(crate) endpoint_ids: Vec<EndpointId>,
    pub(crate) accepting: usize,
    /// A hash over everything that happened, and how many requests were made.
    pub(crate) trace: u64,
    pub(crate) requests: u64,
}

impl World {
    pub(crate) fn new(plan: Plan, sabotage: Sabotage) -> Self {
        let mut world = Self {
            chance: Chance::new(plan.seed ^ 0x5EED),
            store: ModelStore::new(&plan, sabotage),
            rules: Rules::new(plan.slots),
            starvation: Starvation::default(),
            ledger: Ledger::default(),
            plan,
            sabotage,
            now: 0,
            clock_offset: 0,
            agenda: BTreeMap::new(),
            planned: 0,
            store_fails: false,
            network: Network::default(),
            look_at: None,
            excused_until: 0,
            node: None,
            life: 0,
            healed: false,
            ids: 0,
            endpoint_ids: Vec::new(),
            accepting: 0,
            trace: 0xCBF2_9CE4_8422_2325,
            requests: 0,
        };
        world.furnish();
        world
    }

    /// Organizations, endpoints, and everything the plan says at times drawn by chance.
    fn furnish(&mut self) {
        let plan = self.plan.clone();
        (0..plan.endpoints).for_each(|_| self.newcomer());
        let crowds: Vec<u64> = (0..plan.crowds)
            .map(|_| self.chance.within(0, plan.span))
            .collect();
        let times: [(u64, fn() -> Event); 10] = [
            (plan.events, || Event::Post { test: false }),
            (plan.tests, || Event::Post { test: true }),
            (plan.behaviours, || Event::Behave),
            (plan.switches, || Event::Switch),
            (plan.newcomers, || Event::Newcomer),
            (plan.asked_again, || Event::AskAgain),
            (plan.store_faults, || Event::StoreFaults(true)),
            (plan.crashes, || Event::Crash),
            (plan.restarts, || Event::Drain),
            (plan.clock_steps, || Event::ClockStep),
        ];
        for (count, event) in times {
            for _ in 0..count {
                let at = match self.chance.percent(50) {
                    true => self.chance.pick(&crowds) + self.chance.within(0, plan.crowded),
                    false => self.chance.within(0, plan.span),
                };
                self.plan_at(at.min(plan.span), event());
            }
        }
        self.plan_at(0, Event::Restart);
        self.plan_at(plan.span, Event::Heal);
    }

    /// Runs the history to its end: all healed, all finished, drained, and everybody has what was meant for him.
    pub(crate) fn run(&mut self) -> Check {
        let set_back = self.plan.clock_steps * 60 * SECOND;
        let end = self.plan.span + DRAINED + PLAN_OF_TRIES + set_back;
        while !(self.healed && self.is_done()) {
            rule(self.now <= end, || {
                let (left, fan_outs) = (self.store.unfinished, self.store.fan_outs.len());
                format!("{left} deliveries and {fan_outs} fan-outs do not finish in time")
            })?;
            self.step()?;
        }
        let began = self.now;
        self.drain();
        while self.node.is_some() {
            rule(self.now < began + 10 * SECOND, || {
                "the node never drains".to_owned()
            })?;
            self.step()?;
        }
        rule(self.store.room.in_memory() == 0, || {
            "room leaked".to_owned()
        })?;
        for (id, row) in &self.store.rows {
            rests(*id, row, self.rules.has_received(*id))?;
        }
        self.ledger.balances(&self.store)
    }

    fn is_done(&self) -> bool {
        self.store.unfinished == 0 && self.store.fan_outs.is_empty() && self.accepting == 0
    }

    pub(crate) fn clock(&self) -> Timestamp {
        Timestamp::from_micros(START + self.now as i64 + self.clock_offset)
    }

    pub(crate) fn plan_at(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.agenda.insert((at.max(self.now), self.planned), event);
    }

    pub(crate) fn plan_in(&mut self, low: u64, high: u64, event: Event) {
        let wait = self.chance.within(low, high);
        self.plan_at(self.now + wait, event);
    }

    pub(crate) fn note(&mut self, kind: u64, what: i64) {
        for part in [kind, self.now, what as u64] {
            self.trace = (self.trace ^ part).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn step(&mut self) -> Check {
        let Some(((at, _), event)) = self.agenda.pop_first() else {
            return Err("nothing will ever happen again".to_owned());
        };
        self.now = at;
        self.store.now = self.clock();
        // What belongs to an earlier life died with it.
        if event.life().is_none_or(|life| life == self.life) {
            self.happen(event)?;
        }
        self.room_is_kept()
    }

    fn happen(&mut self, event: Event) -> Check {
        let life = self.life;
        match event {
            Event::Turn { .. } => return self.turn(),
            Event::Alarm { set, .. } => {
                if let Some(node) = &mut self.node
                    && node.alarm == Some(set)
                {
                    node.alarm = None;
                    self.turn_soon();
                }
            }
            Event::Janitor { set, .. } => self.janitor_step(set),
            Event::Ended { job, record, .. } => return self.ended(job, record),
            Event::Claim {
                limit, asked_at, ..
            } => {
                let claimed = (!self.store_fails).then(|| self.store.claim(limit, asked_at));
                if let Some(claimed) = &claimed {
                    self.rules.claimed(self.now, claimed.jobs.len())?;
                    self.note(3, claimed.jobs.len() as i64);
                }
                self.plan_in(10, 2_000, Event::Claimed { life, claimed });
            }
            Event::Claimed { claimed, .. } => {
                self.tell(claimed.map_or(Input::ClaimFailed, Input::Claimed));
            }
            Event::Settle { results, .. } => return self.settle(results),
            Event::Settled { failed, .. } => {
                self.tell(failed.map_or(Input::Settled, Input::SettleFailed));
            }
            Event::Accept { life, post } => {
                self.accepting -= 1;
                if life == self.life && !self.store_fails {
                    self.accept(post);
                }
            }
            other => return self.outside(other),
        }
        Ok(())
    }
}
