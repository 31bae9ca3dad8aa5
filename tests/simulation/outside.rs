//! What happens around the node: producers, administrators, receivers, faults.

use crate::network::Behaviour;
use crate::plan::SECOND;
use crate::rules::Check;
use crate::world::{Event, World};
use tidings::engine::dispatcher::Input;
use tidings_core::delivery::Progress;
use tidings_core::id::EndpointId;

impl World {
    pub(crate) fn outside(&mut self, event: Event) -> Check {
        match event {
            Event::Post => self.post(Progress::NEW),
            Event::PostTest => self.post(Progress::TEST),
            Event::Behave => self.behave(),
            Event::Switch => self.switch(),
            Event::AskAgain => self.ask_again(),
            Event::StoreFaults(fails) => {
                self.store_fails = fails && !self.healed;
                if fails {
                    self.plan_in(SECOND / 20, 20 * SECOND, Event::StoreFaults(false));
                }
            }
            Event::ClockStep => {
                let step = self.chance.within(SECOND, 60 * SECOND) as i64;
                self.clock_offset += if self.chance.percent(50) { step } else { -step };
            }
            Event::Crash => self.crash(),
            Event::Drain if self.is_serving() => self.drain(),
            Event::Restart if self.node.is_none() => self.start_node(),
            Event::Look => return self.look(),
            Event::Heal => self.heal(),
            _ => {}
        }
        Ok(())
    }

    fn any_endpoint(&mut self) -> EndpointId {
        EndpointId::from_raw(self.chance.within(1, self.plan.endpoints) as i64)
    }

    fn post(&mut self, progress: Progress) {
        if !self.is_serving() {
            return;
        }
        let one = self.any_endpoint();
        let owner = self.store.endpoints[&one].organization;
        let public = self.chance.percent(20);
        let to = match progress {
            Progress::TEST => vec![one],
            _ => (self.store.endpoints.iter())
                .filter(|(_, row)| public || row.organization == owner)
                .map(|(id, _)| *id)
                .collect(),
        };
        self.accepting += 1;
        let life = self.life;
        self.plan_in(100, 3_000, Event::Accept { life, to, progress });
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
        self.store.cancel_waiting();
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
            self.life += 1;
            self.plan_in(SECOND / 10, 5 * SECOND, Event::Restart);
        }
    }

    fn look(&mut self) -> Check {
        let wait = if self.store.unfinished > 0 {
            SECOND * 3 / 10
        } else {
            5 * SECOND
        };
        self.plan_at(self.now + wait, Event::Look);
        if self.is_serving() && !self.store_fails && self.plan.clock_steps == 0 {
            let wall = self.clock();
            self.rules.nothing_is_stuck(&self.store, self.now, wall)
        } else {
            self.rules.excuse();
            Ok(())
        }
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
        self.tell(Input::Due(self.clock()));
    }
}
