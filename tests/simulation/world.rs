//! One history: posts, answers, faults and the node, in the order of simulated time.
//!
//! The node is the real dispatcher; around it stands what the driver does, with calls to the store and turns of
//! the loop that take a little time, so that whatever can overtake does overtake.

use crate::chance::Chance;
use crate::network::Network;
use crate::node::Node;
use crate::plan::{Plan, SECOND};
use crate::rules::{Check, Rules, rule};
use crate::sabotage::Sabotage;
use crate::store::{EndpointRow, ModelStore, OrganizationRow};
use std::collections::BTreeMap;
use tidings::engine::dispatcher::Input;
use tidings::store::queue::{AttemptRecord, Claimed, Job, Settlement};
use tidings_core::delivery::{Progress, Resting, Round};
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::time::Timestamp;

/// When the simulated clock starts.
const START: i64 = 1_767_225_600_000_000;

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    Post,
    PostTest,
    Accept {
        life: u32,
        to: Vec<EndpointId>,
        progress: Progress,
    },
    Turn {
        life: u32,
    },
    Alarm {
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
    Switch,
    AskAgain,
    StoreFaults(bool),
    ClockStep,
    Crash,
    Drain,
    Restart,
    Look,
    Heal,
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
    pub(crate) node: Option<Node>,
    pub(crate) life: u32,
    pub(crate) healed: bool,
    pub(crate) events: i64,
    pub(crate) accepting: usize,
    /// A hash over everything that happened, and how many requests were made.
    pub(crate) trace: u64,
    pub(crate) requests: u64,
}

impl World {
    pub(crate) fn new(plan: Plan, sabotage: Sabotage) -> Self {
        let mut world = Self {
            chance: Chance::new(plan.seed ^ 0x5EED),
            store: ModelStore::new(plan.room),
            rules: Rules::new(plan.slots),
            plan,
            sabotage,
            now: 0,
            clock_offset: 0,
            agenda: BTreeMap::new(),
            planned: 0,
            store_fails: false,
            network: Network::default(),
            node: None,
            life: 0,
            healed: false,
            events: 0,
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
        for number in 0..plan.endpoints {
            let organization = OrganizationId::new(1 + (number % plan.organizations) as i64);
            let organization = organization.unwrap();
            self.store.organizations.insert(
                organization,
                OrganizationRow {
                    on: true,
                    add_on: true,
                },
            );
            let row = EndpointRow {
                organization,
                on: true,
                deleted: false,
            };
            self.store
                .endpoints
                .insert(EndpointId::from_raw(1 + number as i64), row);
        }
        let times = [
            (plan.events, 0),
            (plan.tests, 1),
            (plan.behaviours, 2),
            (plan.switches, 3),
            (plan.asked_again, 4),
            (plan.store_faults, 5),
            (plan.crashes, 6),
            (plan.restarts, 7),
            (plan.clock_steps, 8),
        ];
        for (count, kind) in times {
            for _ in 0..count {
                let at = self.chance.within(0, plan.span);
                self.plan_at(
                    at,
                    match kind {
                        0 => Event::Post,
                        1 => Event::PostTest,
                        2 => Event::Behave,
                        3 => Event::Switch,
                        4 => Event::AskAgain,
                        5 => Event::StoreFaults(true),
                        6 => Event::Crash,
                        7 => Event::Drain,
                        _ => Event::ClockStep,
                    },
                );
            }
        }
        self.plan_at(0, Event::Restart);
        self.plan_at(0, Event::Look);
        self.plan_at(plan.span, Event::Heal);
    }

    /// Runs the history to its end: all healed, all finished, drained.
    pub(crate) fn run(&mut self) -> Check {
        while !(self.healed && self.store.unfinished == 0 && self.accepting == 0) {
            let patience = 400 * SECOND + self.store.rows.len() as u64 * SECOND / 10;
            rule(self.now < self.plan.span + patience, || {
                format!("{} deliveries never finish", self.store.unfinished)
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
            let wrong = self.store.wrong_rest(row);
            rule(wrong.is_none(), || {
                format!("{id}: {}: {row:?}", wrong.unwrap_or_default())
            })?;
            let delivered = row.state.resting() == Some(Resting::Delivered);
            rule(
                !delivered || row.progress.round != Round::Plan || self.rules.has_received(*id),
                || format!("{id} is said to be delivered and was never received"),
            )?;
        }
        Ok(())
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
        match event {
            Event::Turn { life } if life == self.life => self.turn(),
            Event::Alarm { life, set } if life == self.life => {
                if let Some(node) = &mut self.node
                    && node.alarm == Some(set)
                {
                    node.alarm = None;
                    self.turn_soon();
                }
                Ok(())
            }
            Event::Ended { life, job, record } if life == self.life => self.ended(job, record),
            Event::Claim {
                life,
                limit,
                asked_at,
            } if life == self.life => {
                let claimed = (!self.store_fails).then(|| self.store.claim(limit, asked_at));
                if let Some(claimed) = &claimed {
                    self.rules.claimed(self.now, claimed.jobs.len())?;
                    self.note(3, claimed.jobs.len() as i64);
                }
                self.plan_in(10, 2_000, Event::Claimed { life, claimed });
                Ok(())
            }
            Event::Claimed { life, claimed } if life == self.life => {
                self.tell(claimed.map_or(Input::ClaimFailed, Input::Claimed));
                Ok(())
            }
            Event::Settle { life, results } if life == self.life => self.settle(results),
            Event::Settled { life, failed } if life == self.life => {
                self.tell(failed.map_or(Input::Settled, Input::SettleFailed));
                Ok(())
            }
            Event::Accept { life, to, progress } => {
                self.accepting -= 1;
                if life == self.life && !self.store_fails {
                    self.accept(&to, progress);
                }
                Ok(())
            }
            // What belongs to an earlier life died with it.
            Event::Turn { .. }
            | Event::Alarm { .. }
            | Event::Ended { .. }
            | Event::Claim { .. }
            | Event::Claimed { .. }
            | Event::Settle { .. }
            | Event::Settled { .. } => Ok(()),
            other => self.outside(other),
        }
    }
}
