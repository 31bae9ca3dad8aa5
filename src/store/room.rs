//! Room: how much of the work may be in this node's memory at once.
//!
//! Every delivery in memory holds one [`Reservation`] from the moment the store hands it over until its
//! result is settled; dropping it gives the room back, so none can leak. The bounds, each in deliveries and in bytes of bodies:
//! - all deliveries together;
//! - per endpoint, the dynamic threshold rule: an endpoint may hold at most as much as is free, so a saturated
//!   endpoint can never take the last of it and no number per endpoint has to be set;
//! - endpoints whose last try timed out hold half of it together, by the same rule among themselves: many that hang
//!   fill their half, and the others never notice.
//!
//! What finds no room waits in the store. Deliberately absent: room per organization; the dispatcher is fair over those.

use std::collections::hash_map::{Entry, OccupiedEntry};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidings_core::id::EndpointId;

/// Where a delivery that wants room comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Just accepted, and nothing older of its endpoint waits in the store.
    Fresh,
    /// Just accepted while older ones of its endpoint wait in the store: it may use half of the window.
    BehindBacklog,
    /// Claimed from the store.
    Claimed,
}

/// The room of one node.
#[derive(Debug)]
pub struct Room {
    all: Load,
    used: Mutex<Used>,
}

/// Deliveries, and bytes of their bodies.
#[derive(Debug, Default, Clone, Copy)]
struct Load {
    deliveries: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Used {
    all: Load,
    /// By endpoints whose last try timed out.
    slow: Load,
    endpoints: HashMap<EndpointId, Held>,
    /// Endpoints that became slow, oldest first; one that is not any more is still in it.
    became_slow: VecDeque<EndpointId>,
}

/// What one endpoint holds. Forgotten when that is nothing and its last try did not time out.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    load: Load,
    slow: bool,
}

/// Endpoints that are remembered as slow; then the one that has been the longest counts as any other until its next
/// try times out.
const SLOW_REMEMBERED: usize = 16_384;

/// Room taken by one delivery; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    room: Arc<Room>,
    endpoint: EndpointId,
    bytes: usize,
    slow: bool,
}

impl Load {
    const fn of(bytes: usize) -> Self {
        Self {
            deliveries: 1,
            bytes,
        }
    }

    const fn add(&mut self, other: Self) {
        self.deliveries = self.deliveries.saturating_add(other.deliveries);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            deliveries: self.deliveries.saturating_sub(other.deliveries),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    const fn half(self) -> Self {
        Self {
            deliveries: self.deliveries / 2,
            bytes: self.bytes / 2,
        }
    }

    /// Whether an endpoint that holds `held` may take `more` where this is free.
    const fn admits(self, held: Self, more: Self) -> bool {
        held.deliveries < self.deliveries && held.bytes.saturating_add(more.bytes) <= self.bytes
    }
}

impl Room {
    /// Room for that many deliveries and that many bytes of bodies.
    pub fn new(deliveries: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            all: Load { deliveries, bytes },
            used: Mutex::new(Used::default()),
        })
    }

    /// How many deliveries fit in all.
    pub const fn capacity(&self) -> usize {
        self.all.deliveries
    }

    /// Takes room for one delivery of `endpoint` with a body of `bytes`, or `None` when it has to wait in the store.
    ///
    /// The first delivery in memory always fits, however large, so that no limit can stop everything; so does the first of
    /// endpoints that time out, in what is free.
    pub fn reserve(
        self: &Arc<Self>,
        endpoint: EndpointId,
        bytes: usize,
        origin: Origin,
    ) -> Option<Reservation> {
        let mut used = self.used();
        let more = Load::of(bytes);
        let Held { load: held, slow } = used.held(endpoint);
        let window = |free: Load| match origin {
            Origin::Fresh | Origin::Claimed => free,
            Origin::BehindBacklog => free.half(),
        };
        let free = self.all.minus(used.all);
        let fits = used.all.deliveries == 0 || window(free).admits(held, more);
        let fits_slow = !slow
            || used.slow.deliveries == 0
            || window(self.all.half().minus(used.slow)).admits(held, more);
        if !(fits && fits_slow) {
            return None;
        }
        used.all.add(more);
        if slow {
            used.slow.add(more);
        }
        used.endpoints.entry(endpoint).or_default().load.add(more);
        drop(used);
        Some(Reservation {
            room: Arc::clone(self),
            endpoint,
            bytes,
            slow,
        })
    }

    /// How many more deliveries of `endpoint` from the store should be claimed now, their bodies left aside: as many as would
    /// find room.
    pub fn left(&self, endpoint: EndpointId) -> usize {
        let used = self.used();
        let Held { load: held, slow } = used.held(endpoint);
        // Each takes one and leaves one less, until the endpoint holds what is free.
        let more = |all: Load, taken: Load| {
            let free = all.deliveries.saturating_sub(taken.deliveries);
            let first = usize::from(taken.deliveries == 0);
            free.saturating_sub(held.deliveries).div_ceil(2).max(first)
        };
        let in_all = more(self.all, used.all);
        match slow {
            true => in_all.min(more(self.all.half(), used.slow)),
            false => in_all,
        }
    }

    /// Deliveries in memory now.
    pub fn in_memory(&self) -> usize {
        self.used().all.deliveries
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn held(&self, endpoint: EndpointId) -> Held {
        self.endpoints.get(&endpoint).copied().unwrap_or_default()
    }

    /// An endpoint's last try timed out, or did not.
    fn learn(&mut self, endpoint: EndpointId, slow: bool) {
        let Entry::Occupied(mut entry) = self.endpoints.entry(endpoint) else {
            return;
        };
        let held = entry.get_mut();
        if held.slow == slow {
            return;
        }
        held.slow = slow;
        if slow {
            self.slow.add(held.load);
            self.became_slow.push_back(endpoint);
        } else {
            self.slow = self.slow.minus(held.load);
            forget_if_idle(entry);
        }
        if self.became_slow.len() > SLOW_REMEMBERED
            && let Some(oldest) = self.became_slow.pop_front()
        {
            self.learn(oldest, false);
        }
    }

    fn give_back(&mut self, endpoint: EndpointId, load: Load) {
        self.all = self.all.minus(load);
        if let Entry::Occupied(mut entry) = self.endpoints.entry(endpoint) {
            let held = entry.get_mut();
            held.load = held.load.minus(load);
            if held.slow {
                self.slow = self.slow.minus(load);
            }
            forget_if_idle(entry);
        }
    }
}

fn forget_if_idle(entry: OccupiedEntry<'_, EndpointId, Held>) {
    if entry.get().load.deliveries == 0 && !entry.get().slow {
        entry.remove();
    }
}

impl Reservation {
    /// Whether its endpoint's last try before had timed out.
    pub const fn is_slow(&self) -> bool {
        self.slow
    }

    /// Says whether the endpoint's last try timed out.
    pub fn learn(&self, slow: bool) {
        self.room.used().learn(self.endpoint, slow);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let load = Load::of(self.bytes);
        self.room.used().give_back(self.endpoint, load);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(number: i64) -> EndpointId {
        EndpointId::from_raw(number)
    }

    #[test]
    fn a_lone_endpoint_gets_half_and_leaves_room_for_others() {
        let room = Room::new(100, 1_000_000);
        let mut kept: Vec<_> =
            std::iter::from_fn(|| room.reserve(endpoint(1), 10, Origin::Fresh)).collect();
        assert_eq!(kept.len(), 50);
        kept.extend(std::iter::from_fn(|| {
            room.reserve(endpoint(2), 10, Origin::Fresh)
        }));
        assert_eq!(kept.len(), 75);
        drop(kept);
        assert_eq!(room.in_memory(), 0);
    }

    #[test]
    fn what_is_left_is_what_would_be_given() {
        for capacity in [0, 1, 2, 3, 10, 101] {
            for (before, slow) in [(0, false), (1, false), (4, false), (1, true), (4, true)] {
                let room = Room::new(capacity, usize::MAX);
                let mut kept: Vec<_> = (0..before)
                    .filter_map(|number| room.reserve(endpoint(number), 1, Origin::Claimed))
                    .collect();
                kept.iter().for_each(|one| one.learn(slow));
                let left = room.left(endpoint(0));
                let given: Vec<_> =
                    std::iter::from_fn(|| room.reserve(endpoint(0), 1, Origin::Claimed))
                        .take(200)
                        .collect();
                assert_eq!(given.len(), left, "{capacity} {before} {slow}");
                kept.extend(given);
            }
        }
    }

    #[test]
    fn a_fresh_one_behind_a_backlog_may_use_half_of_the_window() {
        let room = Room::new(90, 1_000_000);
        let kept: Vec<_> =
            std::iter::from_fn(|| room.reserve(endpoint(1), 10, Origin::BehindBacklog)).collect();
        assert_eq!(kept.len(), 30);
        assert!(room.reserve(endpoint(1), 10, Origin::Claimed).is_some());
    }

    #[test]
    fn bytes_are_bounded_but_a_first_large_one_always_fits() {
        let room = Room::new(100, 1_000);
        let large = room.reserve(endpoint(1), 5_000, Origin::Fresh);
        assert!(large.is_some());
        assert!(room.reserve(endpoint(2), 1, Origin::Fresh).is_none());
        drop(large);
        assert!(room.reserve(endpoint(2), 1, Origin::Fresh).is_some());
    }

    #[test]
    fn one_endpoint_never_takes_the_last_of_the_bytes() {
        let room = Room::new(1_000, 1_000);
        let kept: Vec<_> =
            std::iter::from_fn(|| room.reserve(endpoint(1), 100, Origin::Fresh)).collect();
        assert_eq!(kept.len(), 5);
        assert!(room.reserve(endpoint(2), 100, Origin::Fresh).is_some());
    }

    #[test]
    fn w22_endpoints_that_time_out_leave_half_of_the_room_to_others() {
        let room = Room::new(100, 1_000_000);
        let mut kept = Vec::new();
        for number in 1..=500 {
            let one = room.reserve(endpoint(number), 10, Origin::Fresh);
            one.unwrap_or_else(|| unreachable!()).learn(true);
        }
        assert_eq!(room.in_memory(), 0);
        for number in (1..=500).chain(1..=500) {
            kept.extend(room.reserve(endpoint(number), 10, Origin::Claimed));
        }
        assert_eq!(kept.len(), 50);
        assert!(kept.iter().all(Reservation::is_slow));
        // One that answers again is as any other, with all that it holds.
        if let Some(first) = kept.first() {
            first.learn(false);
        }
        let more = room.reserve(endpoint(1), 10, Origin::Fresh);
        assert!(more.is_some_and(|one| !one.is_slow()));
        assert!(room.reserve(endpoint(499), 10, Origin::Claimed).is_some());
        let healthy: Vec<_> =
            std::iter::from_fn(|| room.reserve(endpoint(501), 10, Origin::Fresh)).collect();
        assert_eq!(healthy.len(), 25);
    }

    #[test]
    fn what_is_remembered_of_slow_endpoints_is_bounded() {
        let room = Room::new(10, 1_000);
        for number in 0..2 * SLOW_REMEMBERED as i64 {
            if let Some(one) = room.reserve(endpoint(number), 1, Origin::Fresh) {
                one.learn(true);
            }
        }
        let used = room.used();
        assert_eq!(used.endpoints.len(), SLOW_REMEMBERED);
        assert_eq!(used.became_slow.len(), SLOW_REMEMBERED);
    }
}
