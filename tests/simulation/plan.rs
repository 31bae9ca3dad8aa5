//! What a seed stands for: how large the node is, who its endpoints are, and what goes wrong.
//!
//! A plan asks for nothing that its slots and its room cannot do: what waits when everything heals fits into the
//! time that the drain is given.

use crate::chance::Chance;
use tidings_core::limits::FIRST_FAN_OUT;

/// One second, in microseconds.
pub(crate) const SECOND: u64 = 1_000_000;

/// More than all deliveries of a history: nothing ever waits for a slot.
const CALM_SLOTS: usize = 16_384;
/// A history of so many deliveries is a large one.
const LARGE: u64 = 5_000;
/// The longest time in which events are posted: four days.
const LONGEST: u64 = 4 * 24 * 3_600;

/// The shape of one simulated history.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) slots: usize,
    pub(crate) room: usize,
    /// Room in bytes of bodies.
    pub(crate) bytes: usize,
    pub(crate) organizations: u64,
    pub(crate) endpoints: u64,
    /// Endpoints made while events are posted.
    pub(crate) newcomers: u64,
    pub(crate) events: u64,
    /// Percent of the events that reach other organizations too.
    pub(crate) public: u64,
    /// Percent of the events that one organization posts, on top of its share.
    pub(crate) loud: u64,
    /// Deliveries made in the commit that accepts their event.
    pub(crate) first: usize,
    /// Deliveries that one continuation of a fan-out makes.
    pub(crate) part: usize,
    /// The time in which the events are posted and things go wrong, in microseconds.
    pub(crate) span: u64,
    /// Moments around which half of everything happens.
    pub(crate) crowds: u64,
    /// How long such a crowd lasts, in microseconds.
    pub(crate) crowded: u64,
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
        let calm = Self::calm(seed, &mut chance);
        if chance.percent(25) {
            return calm;
        }
        let deliveries = calm.events * calm.audience();
        let (slots, room) = (1 + deliveries / 1_000, 2 + deliveries / 150);
        let narrow = Self {
            slots: chance.magnitude(slots, slots + 127) as usize,
            room: chance.magnitude(room, room + 1_000) as usize,
            bytes: match chance.percent(25) {
                true => chance.magnitude(20_000, 2_000_000) as usize,
                false => usize::MAX,
            },
            switches: chance.within(0, 8),
            ..calm
        };
        if chance.percent(25) {
            return narrow;
        }
        Self {
            store_faults: chance.within(0, 6),
            crashes: chance.within(0, 6),
            restarts: chance.within(0, 3),
            clock_steps: chance.pick(&[0, 0, 2]),
            ..narrow
        }
    }

    /// Nothing is in the way of any delivery but its receiver.
    fn calm(seed: u64, chance: &mut Chance) -> Self {
        let (deliveries, endpoints) = match chance.percent(50) {
            true => (LARGE, chance.within(150, 200)),
            false => (chance.magnitude(5, LARGE), chance.magnitude(1, 200)),
        };
        let mut plan = Self {
            seed,
            slots: CALM_SLOTS,
            // Half of it is for endpoints that time out, and that may be all.
            room: 200_000,
            bytes: usize::MAX,
            organizations: chance.magnitude(1, endpoints.min(24)),
            endpoints,
            newcomers: chance.within(0, endpoints / 8),
            events: 0,
            public: chance.pick(&[0, 5, 20, 100]),
            loud: chance.pick(&[0, 0, 50, 90]),
            first: FIRST_FAN_OUT,
            part: 0,
            span: chance.magnitude(1, LONGEST) * SECOND,
            crowds: chance.within(1, 6),
            crowded: chance.magnitude(SECOND / 100, 60 * SECOND),
            hanging: chance.pick(&[0, 10, 50, 100]),
            behaviours: chance.within(0, 5 + endpoints),
            switches: 0,
            store_faults: 0,
            crashes: 0,
            restarts: 0,
            clock_steps: 0,
            asked_again: chance.within(0, 10),
            tests: chance.within(0, 10),
        };
        plan.events = (deliveries / plan.audience()).clamp(1, 2_000);
        if chance.percent(50) {
            plan.first = chance.magnitude(1, 64) as usize;
        }
        // A loaded node makes twenty parts a second: so many that none takes longer than that.
        plan.part = chance.magnitude(1 + endpoints / 20, 1 + endpoints) as usize;
        plan
    }

    /// Endpoints that an event reaches on average: three in four choose its type.
    fn audience(&self) -> u64 {
        let own = self.endpoints / self.organizations;
        let mixed = own * (100 - self.public) + self.endpoints * self.public;
        (mixed * 3 / 400).max(1)
    }

    /// What goes wrong, in numbers.
    pub(crate) fn faults(&self) -> u64 {
        self.behaviours
            + self.switches
            + self.store_faults
            + self.crashes
            + self.restarts
            + self.clock_steps
    }

    /// Whether nothing stands in the way of any delivery, so that each must be on time.
    pub(crate) fn is_calm(&self) -> bool {
        self.slots == CALM_SLOTS && self.switches + self.store_faults + self.crashes == 0
    }
}
