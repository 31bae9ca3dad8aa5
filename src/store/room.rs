//! Room: how much of the work may be in this node's memory at once.
//!
//! Every delivery in memory holds one [`Reservation`] from the moment the store hands it over until its
//! result is settled; dropping it gives the room back, so none can leak. Three bounds: deliveries in all,
//! bytes in all, and per endpoint the dynamic threshold rule: an endpoint may hold at most as much as is
//! free, so a saturated endpoint can never take the last of it and no number per endpoint has to be set.
//! What finds no room waits in the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
    deliveries: usize,
    bytes: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    deliveries: usize,
    bytes: usize,
    by_endpoint: HashMap<EndpointId, usize>,
}

/// Room taken by one delivery; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    room: Arc<Room>,
    endpoint: EndpointId,
    bytes: usize,
}

impl Room {
    /// Room for that many deliveries and that many bytes of bodies.
    pub fn new(deliveries: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            deliveries,
            bytes,
            used: Mutex::new(Used::default()),
        })
    }

    /// How many deliveries fit in all.
    pub const fn capacity(&self) -> usize {
        self.deliveries
    }

    /// Takes room for one delivery of `endpoint` with a body of `bytes`, or `None` when it has to wait in the store.
    ///
    /// The first delivery in memory always fits, however large, so that no limit can stop everything.
    pub fn reserve(
        self: &Arc<Self>,
        endpoint: EndpointId,
        bytes: usize,
        origin: Origin,
    ) -> Option<Reservation> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.deliveries.saturating_sub(used.deliveries);
        let held = used.by_endpoint.get(&endpoint).copied().unwrap_or(0);
        let window = match origin {
            Origin::Fresh | Origin::Claimed => free,
            Origin::BehindBacklog => free / 2,
        };
        let first = used.deliveries == 0;
        let fits = free > 0 && held < window && used.bytes.saturating_add(bytes) <= self.bytes;
        if !(fits || first) {
            return None;
        }
        used.deliveries += 1;
        used.bytes = used.bytes.saturating_add(bytes);
        *used.by_endpoint.entry(endpoint).or_insert(0) += 1;
        drop(used);
        Some(Reservation {
            room: Arc::clone(self),
            endpoint,
            bytes,
        })
    }

    /// Deliveries in memory now.
    pub fn in_memory(&self) -> usize {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .deliveries
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut used = self
            .room
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        used.deliveries = used.deliveries.saturating_sub(1);
        used.bytes = used.bytes.saturating_sub(self.bytes);
        if let Some(held) = used.by_endpoint.get_mut(&self.endpoint) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                used.by_endpoint.remove(&self.endpoint);
            }
        }
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
}
