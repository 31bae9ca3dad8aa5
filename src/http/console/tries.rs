//! Tries to be somebody, by password or code: what slows guessing down without ever locking anybody out (S10).
//!
//! Invariants: a try counts as wrong from before it is looked at until it was found right, so that no more of them are
//! looked at by being sent at once; a right password alone forgives nothing where a code is missing.
//! Deliberately absent: a count that outlives the process, or that nodes share.

use super::super::code::Code;
use super::super::problem::Problem;
use super::Refusal;
use super::visit::Visit;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;
use tidings_core::time::Timestamp;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The longest wait between two tries: a nuisance to who guesses, none to who mistypes.
const LONGEST: Duration = Duration::from_secs(30);
/// Failures are forgotten after this.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Names and networks that are remembered at once.
const REMEMBERED: usize = 10_000;

/// What failures are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Guessed {
    /// An account's name, known or not.
    Name(String),
    /// A network: /24 of IPv4, /56 of IPv6.
    Network(IpAddr),
}

/// Failed logins, by name and by network.
#[derive(Debug, Default)]
pub(super) struct Delays(HashMap<Guessed, (u32, Timestamp)>);

impl Delays {
    /// How long to wait before the next try is looked at.
    fn wait(&self, guessed: &[Guessed], now: Timestamp) -> Option<Duration> {
        let waits = guessed.iter().filter_map(|key| {
            let (failures, last) = self.0.get(key)?;
            let over = failures.checked_sub(FREE)?;
            let wait = Duration::from_secs(1 << over.min(6)).min(LONGEST);
            let until = last.plus(wait);
            (until > now).then(|| until.since(now))
        });
        waits.max()
    }

    /// One more failure.
    fn failed(&mut self, guessed: &[Guessed], now: Timestamp) {
        for key in guessed {
            if self.0.len() >= REMEMBERED && !self.0.contains_key(key) {
                self.forget_the_oldest();
            }
            let entry = self.0.entry(key.clone()).or_insert((0, now));
            if entry.1.plus(FORGOTTEN) <= now {
                entry.0 = 0;
            }
            *entry = (entry.0.saturating_add(1), now);
        }
    }

    /// A try from now on: counted by its name before it is looked at, so that many at once are not all looked at. What
    /// was known of the name before comes back with it.
    fn begin(
        &mut self,
        guessed: &[Guessed],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Duration> {
        if let Some(wait) = self.wait(guessed, now) {
            return Err(wait);
        }
        let name = guessed.get(..1).unwrap_or_default();
        let before = name.first().and_then(|name| self.0.get(name));
        let before = before.map(|(_, last)| *last);
        self.failed(name, now);
        Ok(before)
    }

    /// A try was right, but others before it stay counted.
    fn take_back(&mut self, name: &Guessed, before: Option<Timestamp>, begun: Timestamp) {
        let Some((failures, last)) = self.0.get_mut(name) else {
            return;
        };
        *failures = failures.saturating_sub(1);
        match before {
            Some(before) if *last == begun => *last = before,
            _ => {}
        }
        if *failures == 0 {
            self.0.remove(name);
        }
    }

    /// Makes room for one more. Who fills this up with names has to hash a password for each, and gains less by it than
    /// by waiting.
    fn forget_the_oldest(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, (_, last))| *last);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.0.remove(&key);
        }
    }

    /// Somebody got in.
    fn succeeded(&mut self, guessed: &[Guessed]) {
        for key in guessed {
            self.0.remove(key);
        }
    }
}

/// The network an address counts by. A private one counts for nothing: a proxy stands there, and everybody behind it.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let inside = address.is_loopback() || address.is_private() || address.is_link_local();
            (!inside).then(|| (u32::from(address) & 0xffff_ff00).to_be_bytes().into())
        }
        IpAddr::V6(address) => {
            let inside = address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local();
            let kept = u128::from(address) & !((1_u128 << 72) - 1);
            (!inside).then(|| kept.to_be_bytes().into())
        }
    }
}

/// A try that is looked at. Whoever is not told how it ended, has it counted as wrong.
pub(super) struct Try<'v> {
    visit: &'v Visit,
    guessed: Vec<Guessed>,
    before: Option<Timestamp>,
    begun: Timestamp,
}

impl<'v> Try<'v> {
    /// A try to be `name`; one that comes before its time is refused. Passwords and codes count together.
    pub fn begin(visit: &'v Visit, name: &str) -> Result<Self, Refusal> {
        let mut guessed = vec![Guessed::Name(name.to_lowercase())];
        guessed.extend(network(visit.peer).map(Guessed::Network));
        let begun = visit.now();
        let looked = visit
            .console()
            .with_delays(|delays| delays.begin(&guessed, begun));
        match looked {
            Ok(before) => Ok(Self {
                visit,
                guessed,
                before,
                begun,
            }),
            Err(wait) => Err(too_soon(wait).into()),
        }
    }

    /// It was wrong: it counts for the network, too.
    pub fn wrong(self) {
        let networks = self.guessed.get(1..).unwrap_or_default();
        let now = self.visit.now();
        self.visit
            .console()
            .with_delays(|delays| delays.failed(networks, now));
    }

    /// It was right; those before it stay counted.
    pub fn right(self) {
        if let Some(name) = self.guessed.first() {
            let console = self.visit.console();
            console.with_delays(|delays| delays.take_back(name, self.before, self.begun));
        }
    }

    /// Somebody got in with it.
    pub fn entered(self) {
        self.visit
            .console()
            .with_delays(|delays| delays.succeeded(&self.guessed));
    }
}

fn too_soon(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
    let detail = format!("Too many wrong passwords or codes; try again in {seconds} s.");
    Problem::new(Code::TooManyLogins, detail).after(seconds)
}

impl super::Console {
    fn with_delays<T>(&self, look: impl FnOnce(&mut Delays) -> T) -> T {
        look(&mut self.delays.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_five_failures_are_free_then_the_wait_grows_and_never_locks_out() {
        let mut delays = Delays::default();
        let who = [Guessed::Name(String::from("mary"))];
        let now = Timestamp::from_millis(1_000_000);
        for _ in 0..4 {
            delays.failed(&who, now);
        }
        assert_eq!(delays.wait(&who, now), None);
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            delays.failed(&who, now);
            let wait = delays.wait(&who, now).unwrap_or_default();
            assert!(wait >= longest && wait <= LONGEST, "{wait:?}");
            longest = wait;
        }
        assert_eq!(longest, LONGEST);
        assert_eq!(delays.wait(&who, now.plus(LONGEST)), None);
        delays.succeeded(&who);
        assert_eq!(delays.wait(&who, now), None);
    }

    #[test]
    fn s10_who_makes_up_many_names_is_not_let_guess_one_freely() {
        let mut delays = Delays::default();
        let now = Timestamp::from_millis(1_000_000);
        let name = |name: &str| [Guessed::Name(name.to_owned())];
        for number in 0..=REMEMBERED {
            delays.failed(&name(&number.to_string()), now);
        }
        assert_eq!(delays.0.len(), REMEMBERED);
        let later = now.plus(Duration::from_secs(1));
        for _ in 0..6 {
            delays.failed(&name("mary"), later);
        }
        assert!(delays.wait(&name("mary"), later).is_some());
    }

    #[test]
    fn s10_failures_count_for_the_whole_network() {
        let two = ["192.0.2.1", "192.0.2.200"].map(|text| text.parse().ok().and_then(network));
        assert_eq!(two[0], two[1]);
        let two =
            ["2001:db8::1", "2001:db8:0:100::1"].map(|text| text.parse().ok().and_then(network));
        assert_ne!(two[0], two[1]);
        assert!(two[0].is_some());
        for proxy in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"] {
            assert_eq!(proxy.parse().ok().and_then(network), None, "{proxy}");
        }
    }

    #[test]
    fn s10_tries_sent_at_once_are_not_all_looked_at_and_a_right_one_forgives_only_itself() {
        let mut delays = Delays::default();
        let who = [Guessed::Name(String::from("mary"))];
        let now = Timestamp::from_millis(1_000_000);
        let looked_at = (0..100).filter(|_| delays.begin(&who, now).is_ok()).count();
        assert_eq!(looked_at, 5);
        let later = now.plus(LONGEST);
        let before = delays.begin(&who, later);
        assert_eq!(before, Ok(Some(now)));
        delays.take_back(&who[0], Some(now), later);
        assert_eq!(delays.begin(&who, later), Ok(Some(now)), "five as before");
        assert!(delays.begin(&who, later).is_err());
        delays.succeeded(&who);
        assert_eq!(delays.begin(&who, later), Ok(None));
        delays.take_back(&who[0], None, later);
        assert!(delays.0.is_empty());
    }
}
