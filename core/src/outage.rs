//! Whether it is our own network or resolver that is down, told from how tries at many hosts end (W20).
//!
//! Invariants: the evidence is the latest result of each host within the last 30 s, whatever the number of tries at it;
//! memory holds [`MAX_HOSTS`] hosts at most, the oldest forgotten first. A result costs O(log hosts), amortized.
//! Deliberately absent: what follows from a verdict, and the probe of the resolver.

use std::collections::{BTreeMap, VecDeque};

/// How long a result counts, in microseconds.
const WINDOW_MICROS: u64 = 30_000_000;

/// Below this many distinct hosts nothing is concluded.
const LEAST_HOSTS: usize = 20;

/// From this share of the hosts on, in percent, the fault is probably ours.
const LEAST_PERCENT: usize = 80;

/// Hosts remembered at most.
pub const MAX_HOSTS: usize = 4_096;

/// How a try at a host ended, as far as it tells of our own network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The name could not be looked up, or the host was unreachable or without a route.
    LocalClass,
    /// Anything else: the network carried us somewhere.
    Fine,
}

/// Whose fault failures are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No evidence that it is ours.
    Theirs,
    /// At least 80 % of at least 20 distinct hosts could not be reached within 30 s (W20).
    OursProbably,
}

/// The latest result of one host.
#[derive(Clone, Copy)]
struct Latest {
    at: u64,
    seen: Seen,
}

/// Gathers the evidence.
#[derive(Default)]
pub struct OutageDetector {
    hosts: BTreeMap<u64, Latest>,
    /// Results in the order of their time; those that are no longer their host's latest are skipped.
    order: VecDeque<(u64, u64)>,
    /// How many of `hosts` were seen as [`Seen::LocalClass`].
    failed: usize,
    /// The latest time fed.
    now: u64,
}

impl OutageDetector {
    /// Takes in how a try at a host ended. `now_micros` is monotonic; an earlier time than before counts as the
    /// latest one. `host` is a hash of the host's name or address.
    pub fn feed(&mut self, now_micros: u64, host: u64, seen: Seen) -> Verdict {
        self.advance(now_micros);
        let latest = Latest { at: self.now, seen };
        let before = self.hosts.insert(host, latest);
        self.failed += usize::from(seen == Seen::LocalClass);
        if let Some(before) = before {
            self.failed -= usize::from(before.seen == Seen::LocalClass);
        }
        // A second result at the very same time has its place in the order already.
        if before.is_none_or(|before| before.at != self.now) {
            self.order.push_back((self.now, host));
        }
        while self.hosts.len() > MAX_HOSTS {
            self.forget_oldest();
        }
        // Busy hosts leave results behind that count no more; dropping them when they are the half keeps it cheap.
        if self.order.len() > 2 * self.hosts.len() + LEAST_HOSTS {
            let hosts = &self.hosts;
            self.order
                .retain(|(at, host)| hosts.get(host).is_some_and(|latest| latest.at == *at));
        }
        self.verdict()
    }

    /// The verdict at a time at which nothing is fed.
    pub fn at(&mut self, now_micros: u64) -> Verdict {
        self.advance(now_micros);
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        let hosts = self.hosts.len();
        if hosts >= LEAST_HOSTS && self.failed * 100 >= hosts * LEAST_PERCENT {
            Verdict::OursProbably
        } else {
            Verdict::Theirs
        }
    }

    /// Forgets what is more than the window ago.
    fn advance(&mut self, now_micros: u64) {
        self.now = self.now.max(now_micros);
        let start = self.now.saturating_sub(WINDOW_MICROS);
        while self.order.front().is_some_and(|(at, _)| *at < start) {
            self.forget_oldest();
        }
    }

    /// Drops the oldest result and, if it is its host's latest, the host.
    fn forget_oldest(&mut self) {
        let Some((at, host)) = self.order.pop_front() else {
            return;
        };
        if self.hosts.get(&host).is_some_and(|latest| latest.at == at)
            && let Some(gone) = self.hosts.remove(&host)
        {
            self.failed -= usize::from(gone.seen == Seen::LocalClass);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// A detector fed with `failed` hosts that failed and `fine` others, all at one time.
    fn fed(at: u64, failed: u64, fine: u64) -> OutageDetector {
        let mut detector = OutageDetector::default();
        for host in 0..failed {
            detector.feed(at, host, Seen::LocalClass);
        }
        for host in failed..failed + fine {
            detector.feed(at, host, Seen::Fine);
        }
        detector
    }

    #[test]
    fn w20_four_fifths_of_twenty_hosts_make_it_ours() {
        let check = |failed, fine, expected| {
            assert_eq!(
                fed(0, failed, fine).at(0),
                expected,
                "{failed} failed, {fine} fine"
            );
        };
        check(0, 0, Verdict::Theirs);
        check(19, 0, Verdict::Theirs);
        check(20, 0, Verdict::OursProbably);
        check(16, 4, Verdict::OursProbably);
        check(15, 5, Verdict::Theirs);
        check(15, 4, Verdict::Theirs);
        check(79, 21, Verdict::Theirs);
        check(80, 20, Verdict::OursProbably);
        check(0, 1000, Verdict::Theirs);
    }

    #[test]
    fn w20_results_count_for_thirty_seconds() {
        let mut detector = fed(5 * SECOND, 20, 0);
        assert_eq!(detector.at(35 * SECOND), Verdict::OursProbably);
        assert_eq!(detector.at(35 * SECOND + 1), Verdict::Theirs);
        // One result at the edge holds the twentieth host, and only that one.
        let mut detector = fed(5 * SECOND, 19, 0);
        assert_eq!(
            detector.feed(0, 99, Seen::LocalClass),
            Verdict::OursProbably,
            "time does not go back"
        );
        detector.feed(20 * SECOND, 99, Seen::LocalClass);
        assert_eq!(detector.at(35 * SECOND + 1), Verdict::Theirs);
        assert_eq!((detector.hosts.len(), detector.failed), (1, 1));
        assert_eq!(detector.at(50 * SECOND + 1), Verdict::Theirs);
        assert_eq!(
            (detector.hosts.len(), detector.failed, detector.order.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn w20_hosts_count_once_with_their_latest_result() {
        let mut detector = OutageDetector::default();
        for at in 0..1000 {
            assert_eq!(
                detector.feed(at, at % 19, Seen::LocalClass),
                Verdict::Theirs
            );
        }
        assert_eq!(
            detector.feed(1000, 19, Seen::LocalClass),
            Verdict::OursProbably
        );
        for host in 0..4 {
            assert_eq!(detector.feed(1001, host, Seen::Fine), Verdict::OursProbably);
        }
        assert_eq!(detector.feed(1001, 4, Seen::Fine), Verdict::Theirs);
        assert_eq!(
            detector.feed(1001, 4, Seen::LocalClass),
            Verdict::OursProbably
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut detector = OutageDetector::default();
        for n in 0..50_000_u64 {
            detector.feed(n, n, Seen::LocalClass);
            assert!(detector.hosts.len() <= MAX_HOSTS && detector.order.len() <= 3 * MAX_HOSTS);
        }
        assert_eq!(
            (detector.hosts.len(), detector.failed),
            (MAX_HOSTS, MAX_HOSTS)
        );
        for n in 50_000..100_000 {
            detector.feed(n, n % 3, Seen::Fine);
            assert!(detector.order.len() <= 3 * MAX_HOSTS);
        }
    }

    #[test]
    fn the_count_agrees_with_a_count_of_all() {
        let mut detector = OutageDetector::default();
        let (mut draw, mut now) = (1_u64, 0);
        let mut all = Vec::new();
        for _ in 0..3000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += (draw >> 40) % (SECOND / 8);
            let host = (draw >> 33) % 40;
            let seen = if (draw >> 50) % 10 < 8 {
                Seen::LocalClass
            } else {
                Seen::Fine
            };
            all.push((now, host, seen));
            let mut latest = BTreeMap::new();
            for (at, host, seen) in &all {
                if at + WINDOW_MICROS >= now {
                    latest.insert(*host, *seen);
                }
            }
            let failed = latest
                .values()
                .filter(|seen| **seen == Seen::LocalClass)
                .count();
            let ours = latest.len() >= 20 && failed * 100 >= latest.len() * 80;
            let expected = if ours {
                Verdict::OursProbably
            } else {
                Verdict::Theirs
            };
            assert_eq!(detector.feed(now, host, seen), expected);
            assert_eq!(
                (detector.hosts.len(), detector.failed),
                (latest.len(), failed)
            );
        }
    }
}
