//! What happens around the node: producers, administrators, receivers, faults.

use crate::network::Behaviour;
use crate::node::LONGEST_SLEEP;
use crate::plan::SECOND;
use crate::rules::{Check, rule};
use crate::store::{EndpointRow, EventRow, OrganizationRow};
use crate::world::{Event, LOOK, World};
use tidings::engine::dispatcher::Input;
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};

/// How many event types there are.
const KINDS: u64 = 4;

/// What a producer or an administrator wants sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Post {
    Event(EventRow),
    Test(EndpointId, EventRow),
}

impl World {
    pub(crate) fn outside(&mut self, event: Event) -> Check {
        match event {
            Event::Post { test } => self.post(test),
            Event::Behave => self.behave(),
            Event::Behaves(endpoint) => self.network.set(endpoint, Behaviour::Answers),
            Event::Switch => self.switch(),
            Event::Newcomer => self.newcomer(),
            Event::AskAgain => self.ask_again(),
            Event::StoreFaults(fails) => {
                self.store_fails = fails && !self.healed;
                if fails {
                    self.plan_in(SECOND / 20, 20 * SECOND, Event::StoreFaults(false));
                }
            }
            Event::ClockStep => {
                let step = self.chance.within(SECOND, 60 * SECOND) as i64;
                let step = if self.chance.percent(50) { step } else { -step };
                self.clock_offset += step;
                self.store.clock_set += 1;
                // Set forward, the driver sleeps on for a while.
                self.excused_until = self.now + LONGEST_SLEEP;
            }
            Event::Crash => self.crash(),
            Event::Drain if self.is_serving() => self.drain(),
            Event::Restart if self.node.is_none() => self.start_node(),
            Event::Look { set } if self.look_at == Some(set) => return self.look(),
            Event::Heal => self.heal(),
            _ => {}
        }
        Ok(())
    }

    /// A new endpoint of some organization, which chooses three in four event types.
    pub(crate) fn newcomer(&mut self) {
        let number = self.store.endpoints.len() as u64;
        // The first ones give each organization one.
        let owner = if number < self.plan.organizations {
            number
        } else {
            self.chance.within(0, self.plan.organizations - 1)
        };
        let organization = organization(owner);
        let both_on = OrganizationRow {
            on: true,
            add_on: true,
        };
        let known = self.store.organizations.entry(organization);
        known.or_insert(both_on);
        let kinds = (0..KINDS).filter(|_| self.chance.percent(75));
        let row = EndpointRow {
            organization,
            kinds: kinds.fold(0, |kinds, kind| kinds | 1 << kind),
            on: true,
            deleted: false,
        };
        self.ids += 1;
        let id = EndpointId::from_raw(self.ids);
        self.store.endpoints.insert(id, row);
        self.endpoint_ids.push(id);
    }

    fn any_endpoint(&mut self) -> EndpointId {
        let last = self.endpoint_ids.len() as u64 - 1;
        self.endpoint_ids[self.chance.within(0, last) as usize]
    }

    fn post(&mut self, test: bool) {
        if !self.is_serving() {
            return;
        }
        let one = self.any_endpoint();
        let event = EventRow {
            owner: match self.chance.percent(self.plan.loud) {
                true => organization(0),
                false => self.store.endpoints[&one].organization,
            },
            public: self.chance.percent(self.plan.public),
            kind: 1 << self.chance.within(0, KINDS - 1),
            bytes: self.chance.magnitude(2, 10_000) as usize,
            accepted_at: self.clock(),
        };
        let post = match test {
            true => Post::Test(one, event),
            false => Post::Event(event),
        };
        self.accepting += 1;
        let life = self.life;
        self.plan_in(100, 3_000, Event::Accept { life, post });
    }

    /// The store takes an event, unless it fails or the node died meanwhile.
    pub(crate) fn accept(&mut self, post: Post) {
        self.ids += 1;
        let id = EventId::from_raw(self.ids);
        let accepted_at = self.clock();
        let handed = match post {
            Post::Event(event) => {
                let event = EventRow {
                    accepted_at,
                    ..event
                };
                let handed = self.store.accept(id, event, self.plan.first);
                self.ledger.accepted(&self.store, id);
                handed
            }
            Post::Test(endpoint, event) => {
                let (event, owner) = (
                    EventRow {
                        accepted_at,
                        ..event
                    },
                    id,
                );
                let id = DeliveryId {
                    event: owner,
                    endpoint,
                };
                let handed = self.store.accept_test(id, event);
                self.ledger.tested(id, !handed.jobs.is_empty());
                handed
            }
        };
        self.note(7, handed.jobs.len() as i64);
        self.hand_over(handed);
    }

    fn behave(&mut self) {
        let endpoint = self.any_endpoint();
        let behaviour = if self.chance.percent(self.plan.hanging) {
            Behaviour::Hangs
        } else {
            self.chance.pick(&[
                Behaviour::Answers,
                Behaviour::Fails,
                Behaviour::Refuses,
                Behaviour::Flaps,
                Behaviour::Ours,
            ])
        };
        self.network.set(endpoint, behaviour);
        if behaviour == Behaviour::Ours {
            // It would be tried every ten seconds for days.
            self.plan_in(SECOND, 100 * SECOND, Event::Behaves(endpoint));
        }
    }

    /// An administrator or operator switches something; the store announces what may be sent again.
    fn switch(&mut self) {
        let id = self.any_endpoint();
        let what = self.chance.within(0, 9);
        let Some(endpoint) = self.store.endpoints.get_mut(&id) else {
            return;
        };
        let organization = self.store.organizations.get_mut(&endpoint.organization);
        match (what, organization) {
            (0..=4, _) => endpoint.on = !endpoint.on,
            (5..=6, Some(organization)) => organization.on = !organization.on,
            (7..=8, Some(organization)) => organization.add_on = !organization.add_on,
            _ => endpoint.deleted = true,
        }
        self.switched();
    }

    fn switched(&mut self) {
        self.store.cancel_waiting();
        self.ledger.refresh(&self.store);
        self.tell(Input::Due(self.clock()));
    }

    fn ask_again(&mut self) {
        if !self.is_serving() || self.store.rows.is_empty() {
            return;
        }
        let which = self.chance.within(0, self.store.rows.len() as u64 - 1) as usize;
        let (bulk, now) = (self.chance.percent(50), self.clock());
        let Some(id) = self.store.rows.keys().nth(which).copied() else {
            return;
        };
        if self.store.ask_again(id, bulk, now) {
            self.rules.asked_again(id);
            self.tell(Input::Due(now));
        }
    }

    fn crash(&mut self) {
        if self.node.take().is_some() {
            let lost = self.chance.within(0, 20) as usize;
            self.store.crash(lost);
            self.rules.crashed();
            self.life += 1;
            self.plan_in(SECOND / 10, 5 * SECOND, Event::Restart);
        }
    }

    /// Has somebody look by then whether anything starves.
    pub(crate) fn look_by(&mut self, at: u64) {
        if self.look_at.is_none_or(|set| at < set) {
            self.look_at = Some(at);
            self.plan_at(at, Event::Look { set: at });
        }
    }

    fn look(&mut self) -> Check {
        self.look_at = None;
        let wall = self.clock();
        if !self.is_serving() || self.store_fails || self.now <= self.excused_until {
            self.starvation.excuse();
            self.look_by(self.now + LOOK);
            return Ok(());
        }
        let could_go = self
            .starvation
            .look(&self.store, &self.rules, self.now, wall)?;
        let next = self.store.due.values().filter_map(|due| due.first());
        let next = next.map(|(due, _)| *due).filter(|due| *due > wall).min();
        match (could_go, next) {
            (true, _) => self.look_by(self.now + LOOK),
            (false, Some(due)) => {
                let wait = due.since(wall).as_micros() as u64;
                self.look_by(self.now + wait + LOOK);
            }
            (false, None) => {}
        }
        Ok(())
    }

    /// Everything works from now on.
    fn heal(&mut self) {
        self.healed = true;
        self.store_fails = false;
        self.network.heal();
        self.store
            .endpoints
            .values_mut()
            .for_each(|row| row.on = true);
        for organization in self.store.organizations.values_mut() {
            organization.on = true;
            organization.add_on = true;
        }
        self.switched();
    }

    /// The node is up, and what memory holds is what is leased.
    pub(crate) fn room_is_kept(&mut self) -> Check {
        if let Some(broken) = self.store.broken.take() {
            return Err(broken);
        }
        let (room, leased) = (self.store.room.in_memory(), self.store.in_memory());
        rule(self.node.is_none() || room == leased, || {
            format!("{leased} deliveries are leased, and {room} hold room")
        })
    }
}

fn organization(number: u64) -> OrganizationId {
    OrganizationId::new(1 + number as i64).unwrap()
}
