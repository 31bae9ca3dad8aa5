//! The model store's fan-out: the first deliveries with the event, the rest in parts, each in one commit with its
//! cursor; and the janitor, which asks for the parts.

use crate::plan::SECOND;
use crate::store::{Commit, EventRow, Made, ModelStore};
use crate::world::{Event, World};
use std::ops::Bound;
use tidings::engine::dispatcher::Input;
use tidings::store::directory::Sending;
use tidings::store::queue::Job;
use tidings_core::delivery::Progress;
use tidings_core::id::{DeliveryId, EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Between parts while deliveries wait in memory, as the janitor has it.
const LOADED: u64 = SECOND / 20;
/// From traffic to a step, and without traffic.
const TRAFFIC: u64 = SECOND * 4 / 10;
const IDLE: u64 = 15 * SECOND;
/// After the store failed.
const AFTER_FAILURE: u64 = SECOND;

/// What a commit made, for the node to learn.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    pub(crate) jobs: Vec<Job>,
    pub(crate) due: Option<Timestamp>,
    /// Whether a fan-out is left.
    pub(crate) left: bool,
}

impl ModelStore {
    /// Stores an event and its first deliveries, synced.
    pub(crate) fn accept(&mut self, id: EventId, event: EventRow, first: usize) -> Handed {
        self.events.insert(id, event);
        let (mut commit, mut handed) = (Commit::default(), Handed::default());
        let start = EndpointId::from_raw(0);
        if let Some(last) = self.make_part(&mut commit, &mut handed, (id, start), first) {
            self.fan_outs.insert(id, last);
            handed.left = true;
        }
        self.unsynced.clear();
        handed
    }

    /// Stores a test send, if it finds room.
    pub(crate) fn accept_test(&mut self, id: DeliveryId, event: EventRow) -> Handed {
        self.events.insert(id.event, event);
        let mut handed = Handed::default();
        let sendable = matches!(
            self.sending(id.endpoint),
            Some(Sending::Open | Sending::Off)
        );
        if sendable
            && let Made::InMemory(job) = self.make(&mut Commit::default(), id, Progress::TEST)
        {
            handed.jobs.push(job);
        }
        self.unsynced.clear();
        handed
    }

    /// Makes the next part of the oldest fan-out, in one commit with its cursor; `None` when there is none.
    pub(crate) fn expand(&mut self, part: usize) -> Option<Handed> {
        let (event, after) = self.fan_outs.first_key_value().map(|(id, at)| (*id, *at))?;
        let (mut commit, mut handed) = (Commit::default(), Handed::default());
        match self.make_part(&mut commit, &mut handed, (event, after), part) {
            Some(last) => self.fan_outs.insert(event, last),
            None => self.fan_outs.remove(&event),
        };
        if !self.sabotage.moves_the_cursor_first() {
            commit.cursor = Some((event, after));
        }
        self.unsynced.push(commit);
        Some(handed)
    }

    /// Makes deliveries after a cursor; answers where it stands then, if there are more.
    fn make_part(
        &mut self,
        commit: &mut Commit,
        handed: &mut Handed,
        (event, after): (EventId, EndpointId),
        part: usize,
    ) -> Option<EndpointId> {
        let row = self.events[&event];
        let newest = self.sabotage.newest_recipient(event);
        let recipients: Vec<EndpointId> = self
            .endpoints
            .range((Bound::Excluded(after), Bound::Included(newest)))
            .filter(|(_, endpoint)| endpoint.kinds & row.kind != 0)
            .filter(|(_, endpoint)| row.public || endpoint.organization == row.owner)
            .map(|(id, _)| *id)
            .filter(|id| self.sending(*id) == Some(Sending::Open))
            .take(part + 1)
            .collect();
        for endpoint in recipients.iter().take(part).copied() {
            match self.make(commit, DeliveryId { event, endpoint }, Progress::NEW) {
                Made::InMemory(job) => handed.jobs.push(job),
                Made::Waits => handed.due = Some(row.accepted_at),
                Made::Not => {}
            }
        }
        let last = recipients.get(self.sabotage.cursor_at(part));
        (recipients.len() > part).then_some(last.copied()).flatten()
    }
}

impl World {
    /// The janitor takes a step soon: at the start, and when it is told that a fan-out was left.
    pub(crate) fn janitor_within(&mut self, low: u64, high: u64) {
        let at = self.now + self.chance.within(low, high);
        let life = self.life;
        if let Some(node) = &mut self.node
            && node.draining_since.is_none()
            && node.janitor.is_none_or(|set| at < set)
        {
            node.janitor = Some(at);
            self.plan_at(at, Event::Janitor { life, set: at });
        }
    }

    /// There was traffic, or none for long: an idle janitor looks whether a fan-out was left.
    pub(crate) fn janitor_idles(&mut self, traffic: bool) {
        if !self.store.fan_outs.is_empty() {
            let wait = if traffic { TRAFFIC } else { IDLE + TRAFFIC };
            self.janitor_within(wait, wait + 1_000);
        }
    }

    pub(crate) fn janitor_step(&mut self, set: u64) {
        let (loaded, serving) = match &mut self.node {
            Some(node) if node.janitor == Some(set) => {
                node.janitor = None;
                (node.is_loaded(), node.draining_since.is_none())
            }
            _ => return,
        };
        if !serving {
            return;
        }
        if self.store_fails {
            return self.janitor_within(AFTER_FAILURE, AFTER_FAILURE + 1_000);
        }
        match self.store.expand(self.plan.part) {
            Some(handed) => {
                self.note(5, handed.jobs.len() as i64);
                self.hand_over(handed);
                match loaded {
                    true => self.janitor_within(LOADED, LOADED + 1_000),
                    false => self.janitor_within(10, 2_000),
                }
            }
            None => self.janitor_idles(false),
        }
    }

    /// What follows a commit that made deliveries.
    pub(crate) fn hand_over(&mut self, handed: Handed) {
        if !handed.jobs.is_empty() {
            self.tell(Input::Arrived(handed.jobs));
            self.janitor_idles(true);
        }
        if let Some(moment) = handed.due {
            self.tell(Input::Due(moment));
        }
        if handed.left && self.sabotage.hears_of_fan_outs() {
            self.janitor_within(10, 2_000);
        }
    }
}
