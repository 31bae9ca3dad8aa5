//! How fast attempts that are likely to hang are started: spread over the time they hang.
//!
//! Each opens a connection of its own, and ends when its deadline does. Started together they end together and the
//! next ones start together: every three seconds there would be a moment in which nobody else gets on. So a few may start
//! at a time, and as many in three seconds as may be in flight, and half as many more: the pace takes nothing from
//! endpoints that do hang.
//!
//! One that answers shows that hanging is over. Its start does not count, and another one may go: many endpoints
//! that come back together are sent to in a moment.

use std::time::Duration;
use tidings_core::time::Timestamp;

/// From some starts to the next at least: the runtime's timer goes by milliseconds. Few at a time: thirty-two made the p99
/// of others nearly twice that of two.
const SHORTEST: Duration = Duration::from_millis(2);
/// In which time all that may be in flight are started.
const ALL: Duration = Duration::from_secs(2);
/// Starts at a time at most, when many answer.
const MOST: usize = 128;

/// The pace.
#[derive(Debug)]
pub(super) struct Spread {
    left: usize,
    at_once: usize,
    again_at: Timestamp,
    every: Duration,
}

impl Spread {
    /// The pace for so many attempts in flight.
    pub(super) fn new(in_flight: usize) -> Self {
        let in_flight = in_flight.max(1);
        let at_once = in_flight.div_ceil((ALL.as_millis() / SHORTEST.as_millis()) as usize);
        Self {
            left: at_once,
            at_once,
            again_at: Timestamp::default(),
            every: ALL.mul_f64(at_once as f64 / in_flight as f64),
        }
    }

    /// Whether one may start.
    pub(super) const fn has_left(&self) -> bool {
        self.left > 0
    }

    /// One started.
    pub(super) const fn started(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// One answered.
    pub(super) fn answered(&mut self) {
        self.left = MOST.min(self.left + 2);
    }

    /// Lets the next ones start if their time has come.
    pub(super) fn pass(&mut self, now: Timestamp) {
        if now >= self.again_at {
            self.left = self.at_once.max(self.left / 2);
            self.again_at = now.plus(self.every);
        }
    }

    /// When the next ones may start, if none may now.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        (self.left == 0).then_some(self.again_at)
    }

    /// The clock was set back: the pause is no longer than if it began now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.again_at = self.again_at.min(now.plus(self.every));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts all that may start in so many milliseconds.
    fn run(spread: &mut Spread, from: Timestamp, millis: u64, answers: bool) -> usize {
        let mut started = 0;
        for moment in 0..millis {
            spread.pass(from.plus(Duration::from_millis(moment)));
            let now: Vec<_> = std::iter::from_fn(|| {
                let go = spread.has_left();
                spread.started();
                go.then_some(())
            })
            .collect();
            started += now.len();
            if answers {
                now.iter().for_each(|()| spread.answered());
            }
        }
        started
    }

    #[test]
    fn w22_starts_that_hang_are_spread_and_all_that_may_be_in_flight_get_on() {
        let start = Timestamp::from_millis(1_772_357_400_000);
        for in_flight in [1, 7, 32, 100, 2_048] {
            let mut spread = Spread::new(in_flight);
            let mut most = 0;
            let all: usize = (0..300)
                .map(|ten| {
                    let from = start.plus(Duration::from_millis(10 * ten));
                    let now = run(&mut spread, from, 10, false);
                    most = most.max(now);
                    now
                })
                .sum();
            assert!(all >= in_flight, "{all} of {in_flight} in three seconds");
            let ten = (in_flight / 100).max(2);
            assert!(most <= ten, "{most} of {in_flight} in ten milliseconds");
        }
    }

    #[test]
    fn many_that_answer_again_are_sent_to_in_a_moment() {
        let start = Timestamp::from_millis(1_772_357_400_000);
        let mut spread = Spread::new(2_048);
        assert!(run(&mut spread, start, 100, true) > 5_000);
    }

    #[test]
    fn r12_a_clock_set_back_costs_no_more_than_the_pause() {
        let start = Timestamp::from_millis(1_772_357_400_000);
        let mut spread = Spread::new(2_048);
        run(&mut spread, start, 10, false);
        let earlier = start.minus(Duration::from_secs(3_600));
        spread.set_back(earlier);
        assert!(run(&mut spread, earlier, 100, false) > 50);
    }
}
