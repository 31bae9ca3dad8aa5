//! Who is sent to next: slots, and a lane of waiting deliveries per endpoint.
//!
//! Invariants:
//! - never more attempts in flight than there are slots;
//! - an endpoint starts an attempt only while it holds fewer slots than are free, so the last ones are always
//!   left to others, a lone endpoint gets about half, and no number per endpoint has to be set;
//! - an endpoint holds no more than its [`super::window::Window`]: as many as help it;
//! - endpoints whose last try timed out start one only while all of them together hold less than half of the
//!   slots, and at the pace of `spread`;
//! - free slots go round the organizations, and within one round its endpoints; test sends go first;
//! - no slot stays free while an endpoint that may take it has something waiting.
//!
//! A start costs O(1), or O(log endpoints) for a lane that had to be parked; nothing ever looks at all lanes.
//! Deliberately absent: due times (what is here is due), and any bound on how much waits (every job holds its
//! room, see `store::room`).

use super::Start;
use super::lane::{Lane, Leave, Pace, Place, Slots};
use super::spread::Spread;
use crate::store::queue::Job;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use tidings_core::delivery::Round;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::time::Timestamp;

/// Lanes with nothing to do that are remembered, for what they know of their endpoint. The oldest goes first.
const IDLE_LANES: usize = 16_384;
/// Above this many idle lanes, one that becomes idle gives its memory back.
const WARM_LANES: usize = 1_024;

/// Why a slot is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// The attempt ended in a way that says the endpoint does not hang.
    Ended,
    /// The deadline ended the attempt.
    TimedOut,
    /// No attempt was made, or none that tells anything about the endpoint.
    Unknown,
}

/// A map whose order is the same in every run; its keys are ids given by us and by operators, not by strangers.
type ById<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// The lanes of one node.
#[derive(Debug)]
pub struct Lanes {
    slots: Slots,
    waiting: usize,
    lanes: ById<EndpointId, Lane>,
    organizations: ById<OrganizationId, Circle>,
    /// Organizations whose circle is not empty, in turn.
    turns: VecDeque<OrganizationId>,
    /// Endpoints with a test send in front.
    tests: VecDeque<EndpointId>,
    /// Lanes that hold as many slots as are free: fewest slots first, then longest parked.
    at_threshold: BTreeSet<(usize, u64, EndpointId)>,
    /// Lanes that time out while such lanes hold all they may: in the same order.
    at_share: BTreeSet<(usize, u64, EndpointId)>,
    parked_ever: u64,
    /// Lanes that were at their windows, and when those open.
    at_window: BTreeSet<(Timestamp, EndpointId)>,
    idle: VecDeque<EndpointId>,
}

/// The lanes of one organization that wait for a slot, in turn.
#[derive(Debug, Default)]
struct Circle {
    ring: VecDeque<EndpointId>,
    lanes: usize,
}

impl Lanes {
    /// No lanes, and that many slots; at least one.
    pub fn new(slots: usize) -> Self {
        let all = slots.max(1);
        let for_slow = (all / 2).max(1);
        Self {
            slots: Slots {
                all,
                for_slow,
                taken: 0,
                taken_by_slow: 0,
                waited_for_by_slow: 0,
                spread: Spread::new(for_slow),
            },
            waiting: 0,
            lanes: ById::default(),
            organizations: ById::default(),
            turns: VecDeque::new(),
            tests: VecDeque::new(),
            at_threshold: BTreeSet::new(),
            at_share: BTreeSet::new(),
            parked_ever: 0,
            at_window: BTreeSet::new(),
            idle: VecDeque::new(),
        }
    }

    /// Deliveries that wait for a slot.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Those of them whose endpoint's last try did not time out.
    pub const fn waiting_for_fast(&self) -> usize {
        self.waiting.saturating_sub(self.slots.waited_for_by_slow)
    }

    /// Slots taken.
    pub const fn in_flight(&self) -> usize {
        self.slots.taken
    }

    /// Slots taken by endpoints whose last try timed out.
    pub const fn in_flight_slow(&self) -> usize {
        self.slots.taken_by_slow
    }

    /// Puts a delivery into its endpoint's lane; a test send goes before all others of it.
    pub fn push(&mut self, job: Job) {
        let endpoint = job.delivery.endpoint;
        let organizations = &mut self.organizations;
        let lane = self.lanes.entry(endpoint).or_insert_with(|| {
            organizations.entry(job.organization).or_default().lanes += 1;
            Lane::new(job.organization)
        });
        self.waiting += 1;
        if lane.pace == Pace::Slow {
            self.slots.waited_for_by_slow += 1;
        }
        if job.progress.round == Round::Test {
            lane.waiting.insert(lane.tests, job);
            lane.tests += 1;
            self.tests.push_back(endpoint);
        } else {
            lane.waiting.push_back(job);
        }
        if lane.place == Place::Nowhere {
            lane.place = Place::Ring;
            enter(organizations, &mut self.turns, lane.organization, endpoint);
        }
    }

    /// The next delivery to start, with a slot taken for it; `None` when nothing may start now.
    pub fn start_next(&mut self, now: Timestamp) -> Option<Start> {
        if self.waiting == 0 || self.slots.free() == 0 {
            return None;
        }
        let start = self.next_test().or_else(|| self.next_in_turn(now))?;
        self.waiting -= 1;
        Some(start)
    }

    /// Gives back the slot of a delivery that [`Lanes::start_next`] started. Answers whether this changed if the
    /// endpoint counts as slow.
    pub fn release(&mut self, now: Timestamp, endpoint: EndpointId, released: Released) -> bool {
        let Some(lane) = self.lanes.get_mut(&endpoint) else {
            return false;
        };
        let changed = lane.give_back(now, &mut self.slots, released);
        if lane.tests > 0 {
            self.tests.push_back(endpoint);
        }
        match lane.place {
            Place::AtThreshold { held, since } => {
                self.at_threshold.remove(&(held, since, endpoint));
                self.queue_up(endpoint);
            }
            Place::AtShare { held, since } => {
                self.at_share.remove(&(held, since, endpoint));
                self.queue_up(endpoint);
            }
            Place::AtWindow => self.queue_up(endpoint),
            Place::Nowhere => self.rest(endpoint),
            Place::Ring => {}
        }
        // One slot came free, so at most one of each kind may have waited for just that.
        self.unpark_at_threshold();
        self.unpark_at_share();
        changed
    }

    /// Opens what opens with time. Call it before starting.
    pub fn pass(&mut self, now: Timestamp) {
        self.slots.spread.pass(now);
        self.open_windows(now);
    }

    fn open_windows(&mut self, now: Timestamp) {
        while self
            .at_window
            .first()
            .is_some_and(|(moment, _)| *moment <= now)
        {
            let Some((_, endpoint)) = self.at_window.pop_first() else {
                return;
            };
            let Some(lane) = self.lanes.get_mut(&endpoint) else {
                continue;
            };
            lane.watched = false;
            match lane.window.opens_at() {
                Some(moment) if lane.place == Place::AtWindow && moment > now => {
                    lane.watched = true;
                    self.at_window.insert((moment, endpoint));
                }
                Some(_) if lane.place == Place::AtWindow => {
                    lane.window.open(now);
                    self.queue_up(endpoint);
                }
                _ => {}
            }
        }
    }

    /// When to start again, if nothing happens before.
    pub fn moment(&self) -> Option<Timestamp> {
        let window = self.at_window.first().map(|(moment, _)| *moment);
        let share = self
            .slots
            .spread
            .moment()
            .filter(|_| !self.at_share.is_empty());
        window.into_iter().chain(share).min()
    }

    /// The clock was set back: a window opens no later than if it had become full now, and no pause is longer.
    pub fn set_back(&mut self, now: Timestamp) {
        self.slots.spread.set_back(now);
        for (mut moment, endpoint) in std::mem::take(&mut self.at_window) {
            if let Some(lane) = self.lanes.get_mut(&endpoint) {
                lane.window.set_back(now);
                moment = lane.window.opens_at().unwrap_or(now).min(moment);
            }
            self.at_window.insert((moment, endpoint));
        }
    }

    /// Takes out everything that waits, leaving what is in flight.
    pub fn drain(&mut self) -> impl Iterator<Item = Job> {
        self.waiting = 0;
        self.slots.waited_for_by_slow = 0;
        self.tests.clear();
        self.lanes.values_mut().flat_map(|lane| {
            lane.tests = 0;
            lane.waiting.drain(..)
        })
    }

    fn next_test(&mut self) -> Option<Start> {
        while let Some(endpoint) = self.tests.pop_front() {
            let Some(lane) = self.lanes.get_mut(&endpoint) else {
                continue;
            };
            // Without leave the test keeps the front of its lane and goes with the lane's turn.
            if lane.tests > 0 && matches!(self.slots.leave(lane), Leave::Granted) {
                return lane.take(&mut self.slots);
            }
        }
        None
    }

    fn next_in_turn(&mut self, now: Timestamp) -> Option<Start> {
        loop {
            let Some(endpoint) = self.next_lane() else {
                if self.unpark_at_threshold() || self.unpark_at_share() {
                    continue;
                }
                return None;
            };
            let Some(lane) = self.lanes.get_mut(&endpoint) else {
                continue;
            };
            lane.place = Place::Nowhere;
            if lane.waiting.is_empty() {
                self.rest(endpoint);
                continue;
            }
            let (held, since) = (lane.in_flight, self.parked_ever);
            match self.slots.leave(lane) {
                Leave::Granted => {
                    let start = lane.take(&mut self.slots);
                    if !lane.waiting.is_empty() {
                        self.next_turn(endpoint);
                    }
                    return start;
                }
                Leave::AtWindow => {
                    lane.window.full(now);
                    lane.place = Place::AtWindow;
                    if !std::mem::replace(&mut lane.watched, true) {
                        let opens_at = lane.window.opens_at().unwrap_or(now);
                        self.at_window.insert((opens_at, endpoint));
                    }
                }
                Leave::AtThreshold => {
                    lane.place = Place::AtThreshold { held, since };
                    self.at_threshold.insert((held, since, endpoint));
                }
                Leave::AtShare => self.next_turn(endpoint),
            }
            self.parked_ever += 1;
        }
    }

    /// Takes the next lane of the next organization out of the ring.
    fn next_lane(&mut self) -> Option<EndpointId> {
        let organization = self.turns.pop_front()?;
        let circle = self.organizations.get_mut(&organization)?;
        let endpoint = circle.ring.pop_front();
        if !circle.ring.is_empty() {
            self.turns.push_back(organization);
        }
        endpoint
    }

    /// Brings the parked lane that holds the fewest slots back into the ring, if a slot is free for it.
    fn unpark_at_threshold(&mut self) -> bool {
        let free = self.slots.free();
        match self.at_threshold.first().copied() {
            Some((held, since, endpoint)) if held < free => {
                self.at_threshold.remove(&(held, since, endpoint));
                self.queue_up(endpoint);
                true
            }
            _ => false,
        }
    }

    fn unpark_at_share(&mut self) -> bool {
        if self.slots.free() == 0 || !self.slots.slow_left() {
            return false;
        }
        match self.at_share.pop_first() {
            Some((_, _, endpoint)) => {
                self.queue_up(endpoint);
                true
            }
            None => false,
        }
    }

    /// Where a lane waits that has more to start: in the ring, or if it times out among those that do, where the one
    /// that holds the fewest slots comes first.
    fn next_turn(&mut self, endpoint: EndpointId) {
        match self.lanes.get_mut(&endpoint) {
            Some(lane) if lane.pace == Pace::Slow => {
                let (held, since) = (lane.in_flight, self.parked_ever);
                lane.place = Place::AtShare { held, since };
                self.at_share.insert((held, since, endpoint));
                self.parked_ever += 1;
            }
            _ => self.queue_up(endpoint),
        }
    }

    fn queue_up(&mut self, endpoint: EndpointId) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.place = Place::Ring;
            let organization = lane.organization;
            enter(
                &mut self.organizations,
                &mut self.turns,
                organization,
                endpoint,
            );
        }
    }

    /// A lane with nothing waiting: once nothing is in flight either, it is remembered for a while.
    fn rest(&mut self, endpoint: EndpointId) {
        let Some(lane) = self.lanes.get_mut(&endpoint) else {
            return;
        };
        if lane.in_flight > 0 || !lane.waiting.is_empty() {
            return;
        }
        if self.idle.len() >= WARM_LANES {
            lane.waiting = VecDeque::new();
        }
        if !lane.listed {
            lane.listed = true;
            self.idle.push_back(endpoint);
            if self.idle.len() > IDLE_LANES {
                self.forget_oldest();
            }
        }
    }

    /// Forgets the lane that was listed as idle first; one that is busy again is only taken off the list.
    fn forget_oldest(&mut self) {
        let Some(endpoint) = self.idle.pop_front() else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(&endpoint) else {
            return;
        };
        lane.listed = false;
        if lane.place != Place::Nowhere || lane.in_flight > 0 {
            return;
        }
        let organization = lane.organization;
        self.lanes.remove(&endpoint);
        if let Some(circle) = self.organizations.get_mut(&organization) {
            circle.lanes -= 1;
            if circle.lanes == 0 {
                self.organizations.remove(&organization);
            }
        }
    }
}

/// Puts a lane at the end of its organization's ring.
fn enter(
    organizations: &mut ById<OrganizationId, Circle>,
    turns: &mut VecDeque<OrganizationId>,
    organization: OrganizationId,
    endpoint: EndpointId,
) {
    let circle = organizations.entry(organization).or_default();
    circle.ring.push_back(endpoint);
    if circle.ring.len() == 1 {
        turns.push_back(organization);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::store::queue::Lease;
    use crate::store::room::{Origin, Room};
    use std::sync::Arc;
    use tidings_core::delivery::Progress;
    use tidings_core::id::{DeliveryId, EventId};
    use tidings_core::time::Timestamp;

    #[test]
    fn what_is_known_of_idle_endpoints_is_bounded() {
        let room = Room::new(10, usize::MAX);
        let mut lanes = Lanes::new(10);
        for number in 1..=3 * IDLE_LANES as i64 {
            let endpoint = EndpointId::from_raw(number);
            lanes.push(Job {
                delivery: DeliveryId {
                    event: EventId::from_raw(1),
                    endpoint,
                },
                organization: OrganizationId::new(number).unwrap(),
                wire_type: Arc::from("project.updated"),
                data: bytes::Bytes::new(),
                progress: Progress::NEW,
                due_at: Timestamp::default(),
                lease: Lease { epoch: 1, fence: 1 },
                reservation: room.reserve(endpoint, 1, Origin::Fresh).unwrap(),
            });
            assert!(lanes.start_next(Timestamp::default()).is_some());
            lanes.release(Timestamp::default(), endpoint, Released::TimedOut);
        }
        assert_eq!(lanes.lanes.len(), IDLE_LANES);
        assert_eq!(lanes.organizations.len(), IDLE_LANES);
        assert_eq!((lanes.in_flight(), lanes.in_flight_slow()), (0, 0));
    }
}
