//! How many attempts of one endpoint are in flight at once: as many as help it (W22).
//!
//! A receiver that is busy is not served sooner by more requests at a time; they only queue up there, take
//! sockets, and run into the deadline. One that is far away needs many. Which it is shows when it is tried: while
//! more waits than the window lets through, the window is doubled for a moment, and stays so if that brought
//! more deliveries, as often as it does; or halved, and stays so if that brought no fewer. While nothing ends at
//! all it doubles every half second, so that what is sent to a receiver that hangs fails in time.
//!
//! Invariants: never below [`SMALLEST`]; an endpoint that profits from all that is free gets it within seconds;
//! one that has become idle starts anew.
//!
//! Deliberately absent: an upper end; that is the thresholds' ([`super::lanes`]).

use std::time::Duration;
use tidings_core::time::Timestamp;

/// What an endpoint may always have in flight, as far as slots are free.
pub const SMALLEST: u32 = 128;
/// How long a size is tried at least; it is also tried until each place was used twice.
const TRIAL: Duration = Duration::from_millis(20);
/// Between trials that changed nothing.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it is full and nothing ends before it opens.
const PATIENCE: Duration = Duration::from_millis(500);

/// The window of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    size: u32,
    /// Since when it is full and nothing has ended but by its deadline.
    stuck_since: Option<Timestamp>,
    /// What ended since it has been full.
    round: Option<Round>,
    /// Deliveries per second at the size before, while another is tried.
    before: Option<u64>,
    way: Way,
    next_trial: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    since: Timestamp,
    ended: u32,
}

/// Which other size is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: SMALLEST,
            stuck_since: None,
            round: None,
            before: None,
            way: Way::Up,
            next_trial: Timestamp::default(),
        }
    }
}

impl Window {
    /// Whether one more may start while `in_flight` are under way.
    pub const fn admits(&self, in_flight: usize) -> bool {
        in_flight < self.size as usize
    }

    /// More waits than it lets through.
    pub fn full(&mut self, now: Timestamp) {
        // Not later than now: the clock may have been set back since.
        self.stuck_since = Some(self.stuck_since.map_or(now, |since| since.min(now)));
        self.round.get_or_insert(Round {
            since: now,
            ended: 0,
        });
    }

    /// It let everything through; if nothing is in flight either, what it learnt is over.
    pub fn wide_enough(&mut self, in_flight: usize) {
        (self.round, self.stuck_since) = (None, None);
        if in_flight == 0 {
            *self = Self::default();
        } else if self.before.take().is_some() {
            // A trial that nothing came of: there was not enough to tell.
            self.go_back();
        }
    }

    /// When it opens, if nothing ends before; `None` unless it is full.
    pub fn opens_at(&self) -> Option<Timestamp> {
        self.stuck_since.map(|since| since.plus(PATIENCE))
    }

    /// Nothing has ended for long: twice as many may start.
    pub fn open(&mut self, now: Timestamp) {
        self.size = self.size.saturating_mul(2);
        (self.before, self.round, self.stuck_since) = (None, None, Some(now));
    }

    /// The clock was set back.
    pub fn set_back(&mut self, now: Timestamp) {
        self.stuck_since = self.stuck_since.map(|since| since.min(now));
    }

    /// An attempt ended, and not by its deadline.
    pub fn ended(&mut self, now: Timestamp) {
        self.stuck_since = None;
        let Some(round) = &mut self.round else { return };
        if now < round.since {
            // The clock was set back.
            round.since = now;
        }
        round.ended = round.ended.saturating_add(1);
        let time = now.since(round.since);
        if time < TRIAL || round.ended / 2 < self.size {
            return;
        }
        let rate = u64::from(round.ended) * 1_000_000 / (time.as_micros() as u64).max(1);
        self.round = Some(Round {
            since: now,
            ended: 0,
        });
        match self.before.take() {
            Some(before) => self.judge(now, before, rate),
            // A trial further away than a pause was planned before the clock was set back.
            None if now >= self.next_trial || self.next_trial > now.plus(PAUSE) => {
                self.try_other(rate);
            }
            None => {}
        }
    }

    /// Keeps the size that was tried and tries the next, or goes back.
    fn judge(&mut self, now: Timestamp, before: u64, rate: u64) {
        let good = match self.way {
            Way::Up => rate * 10 >= before * 11,
            Way::Down => rate * 100 >= before * 97,
        };
        if good {
            self.try_other(rate);
            return;
        }
        self.go_back();
        self.next_trial = now.plus(PAUSE);
        self.way = match self.way {
            Way::Up => Way::Down,
            Way::Down => Way::Up,
        };
    }

    /// To the size before the one that is tried.
    fn go_back(&mut self) {
        self.size = match self.way {
            Way::Up => self.size / 2,
            Way::Down => self.size.saturating_mul(2),
        };
    }

    fn try_other(&mut self, rate: u64) {
        if self.way == Way::Down && self.size / 2 < SMALLEST {
            self.way = Way::Up;
        }
        self.before = Some(rate);
        self.size = match self.way {
            Way::Up => self.size.saturating_mul(2),
            Way::Down => self.size / 2,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Endless deliveries through a window, to a receiver that takes so many microseconds for each exchange at a
    /// size; sees which sizes it had at the end.
    fn run(window: &mut Window, seconds: u64, time: impl Fn(u64) -> u64) -> Vec<u32> {
        let start = Timestamp::from_millis(1_772_357_400_000);
        let end = start.plus(Duration::from_secs(seconds));
        let (mut now, mut sizes) = (start, Vec::new());
        window.full(now);
        while now < end {
            // One of `size` ends every time(size) / size; in steps of all of them.
            let size = window.size;
            now = now.plus(Duration::from_micros(time(u64::from(size)).max(1)));
            for _ in 0..size {
                window.ended(now);
            }
            window.full(now);
            sizes.push(window.size);
        }
        sizes
    }

    #[test]
    fn w22_a_far_receiver_gets_all_that_helps_within_seconds() {
        let mut far = Window::default();
        let sizes = run(&mut far, 3, |_| 100_000);
        assert!(far.size >= 2_048, "{sizes:?}");
    }

    #[test]
    fn a_busy_receiver_gets_no_more_than_it_needs() {
        // Serves one after the other, 25 µs each.
        let mut busy = Window::default();
        let sizes = run(&mut busy, 10, |size| size * 25);
        let small = sizes.iter().filter(|size| **size == SMALLEST).count();
        assert!(small * 10 > sizes.len() * 8, "{small} of {}", sizes.len());
    }

    #[test]
    fn a_window_that_is_too_wide_becomes_smaller() {
        let mut wide = Window {
            size: 4_096,
            ..Window::default()
        };
        let sizes = run(&mut wide, 10, |size| size * 25);
        assert!(
            sizes.last().is_some_and(|size| *size <= 2 * SMALLEST),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_trial_that_traffic_did_not_outlast_changes_nothing() {
        let now = Timestamp::from_millis(1_772_357_400_000);
        let mut window = Window::default();
        window.full(now);
        for _ in 0..2 * SMALLEST {
            window.ended(now.plus(TRIAL));
        }
        assert_eq!(window.size, 2 * SMALLEST, "tried");
        window.wide_enough(1);
        assert_eq!(window.size, SMALLEST);
    }

    #[test]
    fn r12_a_clock_set_back_while_its_lane_waits_elsewhere_does_not_keep_it_shut() {
        let now = Timestamp::from_millis(1_772_357_400_000);
        let earlier = now.minus(Duration::from_secs(3_600));
        let mut window = Window::default();
        window.full(now);
        window.full(earlier);
        assert_eq!(window.opens_at(), Some(earlier.plus(PATIENCE)));
        window.full(now);
        assert_eq!(window.opens_at(), Some(earlier.plus(PATIENCE)));
    }

    #[test]
    fn an_idle_endpoint_starts_anew() {
        let mut window = Window::default();
        window.open(Timestamp::default());
        window.wide_enough(3);
        assert_eq!(window.size, 2 * SMALLEST);
        window.wide_enough(0);
        assert_eq!(window.size, SMALLEST);
    }
}
