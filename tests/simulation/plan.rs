//! What a seed stands for: how large the node is, who its endpoints are, and what goes wrong.

use crate::chance::Chance;

/// One second, in microseconds.
pub(crate) const SECOND: u64 = 1_000_000;

/// More than all deliveries of a history: nothing ever waits for a slot.
const CALM_SLOTS: usize = 16_384;

/// The shape of one simulated history.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) slots: usize,
    pub(crate) room: usize,
    pub(crate) organizations: u64,
    pub(crate) endpoints: u64,
    pub(crate) events: u64,
    /// The time in which the events are posted and things go wrong, in microseconds.
    pub(crate) span: u64,
    /// Percent of the endpoints' changes of behaviour that make them hang.
    pub(crate) hanging: u64,
    pub(crate) behaviours: u64,
    pub(crate) switches: u64,
    pub(crate) store_faults: u64,
    pub(crate) crashes: u64,
    pub(crate) restarts: u64,
    pub(crate) clock_steps: u64,
    pub(crate) asked_again: u64,
    pub(crate) tests: u64,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let calm = Self {
            seed,
            slots: CALM_SLOTS,
            room: 100_000,
            organizations: chance.magnitude(1, 8),
            endpoints: chance.magnitude(1, 24),
            events: chance.magnitude(3, 250),
            span: chance.magnitude(1, 3_600) * SECOND,
            hanging: chance.pick(&[0, 10, 50, 100]),
            behaviours: chance.within(0, 30),
            switches: 0,
            store_faults: 0,
            crashes: 0,
            restarts: 0,
            clock_steps: 0,
            asked_again: chance.within(0, 10),
            tests: chance.within(0, 5),
        };
        if chance.percent(25) {
            return calm;
        }
        let narrow = Self {
            slots: chance.magnitude(1, 64) as usize,
            room: chance.magnitude(2, 200) as usize,
            switches: chance.within(0, 8),
            ..calm
        };
        if chance.percent(25) {
            return narrow;
        }
        Self {
            store_faults: chance.within(0, 3),
            crashes: chance.within(0, 2),
            restarts: chance.within(0, 2),
            clock_steps: chance.pick(&[0, 0, 2]),
            ..narrow
        }
    }

    /// Whether nothing stands in the way of any delivery, so that each must be on time.
    pub(crate) fn is_calm(&self) -> bool {
        self.slots == CALM_SLOTS && self.switches + self.store_faults + self.crashes == 0
    }
}
