//! How many attempts of one endpoint are in flight at once: no more than help it.
//!
//! A receiver that is busy is not served sooner by more requests at a time; they only queue up there, take
//! sockets, and run into the deadline. One that is far away needs many. So an endpoint's window starts at
//! [`SMALLEST`], grows by one with each exchange that took about as long as its quickest, and shrinks by one with
//! each that took much longer (the idea of TCP Vegas).
//!
//! Invariants: never below [`SMALLEST`], so a wrong guess costs little; a timeout says nothing about how long an
//! exchange takes and changes nothing; while nothing ends at all, the window doubles every second, so that what is
//! sent to a receiver that hangs fails in time.
//!
//! Deliberately absent: an upper end; that is the thresholds' ([`super::lanes`]).

use std::time::Duration;

/// What an endpoint may always have in flight, as far as slots are free.
pub const SMALLEST: u32 = 128;
/// An exchange is still quick if it took twice as long as the quickest, and this much.
const SLACK: u32 = 2_000;
/// With fewer at once than this a receiver is not busy with ours. If it is slower then than its quickest was, that
/// one is forgotten, an eighth of the difference each time.
const FEW: u32 = 32;
const FORGETTING: u32 = 8;

/// The window of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    size: u32,
    /// Its quickest exchange in microseconds; 0 when none is known.
    quickest: u32,
    /// The most attempts in flight at once since there was one alone.
    crowd: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: SMALLEST,
            quickest: 0,
            crowd: 0,
        }
    }
}

impl Window {
    /// Whether one more may start while `in_flight` are under way.
    pub const fn admits(&self, in_flight: usize) -> bool {
        in_flight < self.size as usize
    }

    /// Nothing has ended for long: twice as many may start.
    pub fn open(&mut self) {
        self.size = self.size.saturating_mul(2);
    }

    /// One started and made it `in_flight`.
    pub fn started(&mut self, in_flight: usize) {
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        self.crowd = if in_flight <= 1 {
            1
        } else {
            self.crowd.max(in_flight)
        };
    }

    /// An exchange with an answer took `time`.
    pub fn learn(&mut self, time: Duration) {
        let time = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1);
        if self.quickest == 0 || time < self.quickest {
            self.quickest = time;
        } else if self.crowd < FEW {
            self.quickest += (time - self.quickest) / FORGETTING;
        }
        let quick = self.quickest.saturating_mul(2).saturating_add(SLACK);
        if time > quick.saturating_mul(2) {
            self.size = (self.size - 1).max(SMALLEST);
        } else if time <= quick && self.crowd >= self.size {
            self.size = self.size.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many exchanges in a full window, each as long as `time` says for the window of its moment.
    fn run(window: &mut Window, exchanges: u32, time: impl Fn(u32) -> u64) {
        for _ in 0..exchanges {
            window.started(window.size as usize);
            window.learn(Duration::from_micros(time(window.size)));
        }
    }

    /// So many exchanges one after the other.
    fn run_alone(window: &mut Window, exchanges: u32, time: Duration) {
        for _ in 0..exchanges {
            window.started(1);
            window.learn(time);
        }
    }

    #[test]
    fn a_far_receiver_gets_more_and_a_busy_one_does_not() {
        let mut far = Window::default();
        run(&mut far, 2_000, |_| 100_000);
        assert!(far.size >= 2_000);

        // Serves one after the other, 50 µs each.
        let mut busy = Window::default();
        run_alone(&mut busy, 1, Duration::from_micros(200));
        run(&mut busy, 10_000, |size| u64::from(size) * 50);
        assert_eq!(busy.size, SMALLEST);
    }

    #[test]
    fn one_that_gets_busy_gives_back_and_one_that_moved_away_is_learnt_anew() {
        let mut window = Window::default();
        run(&mut window, 500, |_| 20_000);
        let before = window.size;
        run(&mut window, 100, |_| 500_000);
        assert_eq!(window.size, before - 100);
        run_alone(&mut window, 100, Duration::from_millis(150));
        run(&mut window, 1_000, |_| 150_000);
        assert!(window.size > before);
    }

    #[test]
    fn the_end_of_a_crowd_is_not_taken_for_a_slower_receiver() {
        let mut window = Window::default();
        run_alone(&mut window, 1, Duration::from_millis(1));
        let quickest = window.quickest;
        run(&mut window, 100, |_| 50_000);
        // It thins out, and those left are as late as the others.
        for in_flight in (0..100).rev() {
            window.started(in_flight + 1);
            window.learn(Duration::from_millis(50));
            if in_flight > 1 {
                assert_eq!(window.quickest, quickest);
            }
        }
    }
}
