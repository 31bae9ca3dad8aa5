//! One endpoint's lane, and whether it may take a slot.

use super::Start;
use super::lanes::Released;
use super::spread::Spread;
use super::window::Window;
use crate::store::queue::Job;
use std::collections::VecDeque;
use tidings_core::id::OrganizationId;
use tidings_core::time::Timestamp;

/// The slots of one node.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) all: usize,
    pub(super) for_slow: usize,
    pub(super) taken: usize,
    pub(super) taken_by_slow: usize,
    /// Deliveries that wait for a slot in lanes of endpoints whose last try timed out.
    pub(super) waited_for_by_slow: usize,
    pub(super) spread: Spread,
}

/// What waits for one endpoint, and what is known of it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) organization: OrganizationId,
    pub(super) waiting: VecDeque<Job>,
    /// How many test sends stand in front.
    pub(super) tests: usize,
    pub(super) in_flight: usize,
    pub(super) pace: Pace,
    pub(super) window: Window,
    pub(super) place: Place,
    /// Whether it stands in the list of idle lanes, or did when it last was idle.
    pub(super) listed: bool,
    /// Whether it stands in the list of lanes whose windows may open.
    pub(super) watched: bool,
}

/// How an endpoint's last try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Fast,
    Slow,
}

/// Where a lane waits for its turn. With nothing waiting it may still stand in the ring; its turn is then skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    Ring,
    /// Until an attempt of its own ends, or its window opens.
    AtWindow,
    AtThreshold {
        held: usize,
        since: u64,
    },
    AtShare {
        held: usize,
        since: u64,
    },
}

/// Whether a lane may take a slot now.
pub(super) enum Leave {
    Granted,
    AtWindow,
    AtThreshold,
    AtShare,
}

impl Slots {
    pub(super) const fn free(&self) -> usize {
        self.all.saturating_sub(self.taken)
    }

    /// Whether one that is likely to hang may start.
    pub(super) const fn slow_left(&self) -> bool {
        self.taken_by_slow < self.for_slow && self.spread.has_left()
    }

    /// Whether the lane may take a slot.
    pub(super) const fn leave(&self, lane: &Lane) -> Leave {
        if !lane.window.admits(lane.in_flight) {
            Leave::AtWindow
        } else if lane.in_flight >= self.free() {
            Leave::AtThreshold
        } else if matches!(lane.pace, Pace::Slow) && !self.slow_left() {
            Leave::AtShare
        } else {
            Leave::Granted
        }
    }
}

impl Lane {
    /// Of an endpoint of which nothing is known.
    pub(super) fn new(organization: OrganizationId) -> Self {
        Self {
            organization,
            waiting: VecDeque::new(),
            tests: 0,
            in_flight: 0,
            pace: Pace::Fast,
            window: Window::default(),
            place: Place::Nowhere,
            listed: false,
            watched: false,
        }
    }

    /// Takes the front job and a slot.
    pub(super) fn take(&mut self, slots: &mut Slots) -> Option<Start> {
        let job = self.waiting.pop_front()?;
        let after_others = self.in_flight > 0 || self.pace == Pace::Slow;
        self.tests = self.tests.saturating_sub(1);
        self.in_flight += 1;
        slots.taken += 1;
        if self.pace == Pace::Slow {
            slots.taken_by_slow += 1;
            slots.waited_for_by_slow = slots.waited_for_by_slow.saturating_sub(1);
            slots.spread.started();
        }
        Some(Start { job, after_others })
    }

    /// Gives a slot back and learns from it. Answers whether its pace is another now.
    pub(super) fn give_back(
        &mut self,
        now: Timestamp,
        slots: &mut Slots,
        released: Released,
    ) -> bool {
        let before = self.pace;
        if self.pace == Pace::Slow {
            slots.taken_by_slow = slots.taken_by_slow.saturating_sub(self.in_flight);
            slots.waited_for_by_slow = slots.waited_for_by_slow.saturating_sub(self.waiting.len());
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        slots.taken = slots.taken.saturating_sub(1);
        if released != Released::TimedOut {
            self.window.ended(now);
        }
        if self.waiting.is_empty() {
            self.window.wide_enough(self.in_flight);
        }
        match released {
            Released::Ended => {
                if self.pace == Pace::Slow {
                    slots.spread.answered();
                }
                self.pace = Pace::Fast;
            }
            Released::TimedOut => self.pace = Pace::Slow,
            Released::Unknown => {}
        }
        if self.pace == Pace::Slow {
            slots.taken_by_slow += self.in_flight;
            slots.waited_for_by_slow += self.waiting.len();
        }
        self.pace != before
    }
}
