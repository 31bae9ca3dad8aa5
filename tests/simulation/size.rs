//! How large the histories are: a seed that passes is worth what it covers.

use crate::plan::SECOND;
use crate::world::World;
use std::fmt;

/// The size of one history, or the sum of many.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    histories: u64,
    organizations: u64,
    endpoints: u64,
    events: u64,
    deliveries: u64,
    largest: u64,
    pub(crate) requests: u64,
    faults: u64,
    seconds: u64,
}

impl Size {
    pub(crate) fn of(world: &World) -> Self {
        let deliveries = world.store.rows.len() as u64;
        Self {
            histories: 1,
            organizations: world.store.organizations.len() as u64,
            endpoints: world.store.endpoints.len() as u64,
            events: world.store.events.len() as u64,
            deliveries,
            largest: deliveries,
            requests: world.requests,
            faults: world.plan.faults(),
            seconds: world.now / SECOND,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.organizations += other.organizations;
        self.endpoints += other.endpoints;
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.largest = self.largest.max(other.largest);
        self.requests += other.requests;
        self.faults += other.faults;
        self.seconds += other.seconds;
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |sum: u64| sum / self.histories.max(1);
        write!(
            f,
            "{} seeds, on average {} organizations, {} endpoints, {} events, {} deliveries (at most {}), {} attempts, \
             {} faults and changes of behaviour, {} minutes",
            self.histories,
            each(self.organizations),
            each(self.endpoints),
            each(self.events),
            each(self.deliveries),
            self.largest,
            each(self.requests),
            each(self.faults),
            each(self.seconds) / 60,
        )
    }
}
