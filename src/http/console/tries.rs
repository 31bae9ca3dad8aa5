//! Tries to be somebody, by password or code: what slows guessing down without ever locking anybody out (S10).
//!
//! Invariants: a try counts as wrong from before it is looked at until it was found right, so that no more of them are
//! looked at by being sent at once; a right password forgives nothing where a code is missing, and nothing at all to its
//! network, since who guesses may have an account, too. Passwords are counted by account and network together: somebody
//! elsewhere who guesses keeps nobody out. What they may guess from everywhere is bounded, far above what one network gets.
//! A [`Device`] that the account has logged in from before is counted on its own, whatever is counted elsewhere.
//! Accounts, names that nobody has, networks and devices have room of their own, so that none of them pushes out another.
//! Deliberately absent: a count that outlives the process, or that nodes share.

use super::super::code::Code;
use super::super::problem::Problem;
use super::Refusal;
use super::device::Device;
use super::visit::Visit;
use crate::store::accounts::Account;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;
use tidings_core::id::AccountId;
use tidings_core::time::Timestamp;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The longest wait between two tries: a nuisance to who guesses, none to who mistypes.
const LONGEST: Duration = Duration::from_secs(30);
/// Failures are forgotten after this.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Wrong passwords for one account from everywhere that cost nothing.
const FREE_EVERYWHERE: u32 = 100;
/// After each of these one of them is forgotten: ten a minute go on for ever, some 14,000 a day.
const FADES: Duration = Duration::from_secs(6);
/// What is remembered of each kind at once.
const REMEMBERED: usize = 10_000;

/// Who is meant by a try.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// Somebody.
    Account(AccountId),
    /// A name that nobody has, in lower case.
    Nobody(String),
}

impl Whose {
    /// Who is meant by `name`, if that is an account's.
    pub fn of(name: &str, account: Option<&Account>) -> Self {
        match account {
            Some(account) => Self::Account(account.id),
            None => Self::Nobody(name.to_lowercase()),
        }
    }
}

/// What failures are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Guessed {
    /// Somebody's password, from one network.
    Password(Whose, Option<IpAddr>),
    /// The same from everywhere.
    Everywhere(Whose),
    /// The same from a device that it has logged in from before.
    FromDevice(Device),
    /// An account's codes, from everywhere: who gets so far has the password.
    Code(AccountId),
    /// Anything, from a network: /24 of IPv4, /56 of IPv6.
    Network(IpAddr),
}

impl Guessed {
    /// In whose room it is kept.
    const fn room(&self) -> usize {
        match self {
            Self::Password(Whose::Account(_), _)
            | Self::Everywhere(Whose::Account(_))
            | Self::Code(_) => 0,
            Self::Password(Whose::Nobody(_), _) | Self::Everywhere(Whose::Nobody(_)) => 1,
            Self::Network(_) => 2,
            Self::FromDevice(_) => 3,
        }
    }
}

/// Failures, and when the last one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    /// How many of them still count.
    fn left(self, key: &Guessed, now: Timestamp) -> u32 {
        let passed = now.since(self.last);
        match key {
            Guessed::Everywhere(_) => {
                let faded = passed.as_secs() / FADES.as_secs();
                self.count
                    .saturating_sub(u32::try_from(faded).unwrap_or(u32::MAX))
            }
            _ if passed >= FORGOTTEN => 0,
            _ => self.count,
        }
    }

    /// From when on the next try is looked at.
    fn until(self, key: &Guessed) -> Timestamp {
        let wait = match key {
            Guessed::Everywhere(_) => match self.count.checked_sub(FREE_EVERYWHERE) {
                Some(over) => FADES.saturating_mul(over.saturating_add(1)),
                None => Duration::ZERO,
            },
            _ => match self.count.checked_sub(FREE) {
                Some(over) => Duration::from_secs(1 << over.min(6)).min(LONGEST),
                None => Duration::ZERO,
            },
        };
        self.last.plus(wait)
    }
}

/// A try that is counted as wrong for now, and what was known before it.
#[derive(Debug, Clone)]
struct Counted {
    key: Guessed,
    before: Option<Failures>,
    at: Timestamp,
}

/// Failed tries.
#[derive(Debug, Default)]
pub(super) struct Delays([HashMap<Guessed, Failures>; 4]);

impl Delays {
    fn get(&self, key: &Guessed) -> Option<Failures> {
        self.0.get(key.room())?.get(key).copied()
    }

    /// How long to wait before the next try is looked at.
    fn wait<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a Guessed>,
        now: Timestamp,
    ) -> Option<Duration> {
        let waits = keys.into_iter().filter_map(|key| {
            let until = self.get(key)?.until(key);
            (until > now).then(|| until.since(now))
        });
        waits.max()
    }

    /// One more failure.
    fn failed(&mut self, key: &Guessed, now: Timestamp) {
        let Some(room) = self.0.get_mut(key.room()) else {
            return;
        };
        if room.len() >= REMEMBERED && !room.contains_key(key) {
            forget_the_least(room, now);
        }
        let left = room.get(key).map_or(0, |known| known.left(key, now));
        let count = left.saturating_add(1);
        room.insert(key.clone(), Failures { count, last: now });
    }

    /// A try from now on, counted by `keys` before it is looked at; a network that waits waits for this, too.
    fn begin(
        &mut self,
        keys: &[Guessed],
        network: Option<&Guessed>,
        now: Timestamp,
    ) -> Result<Vec<Counted>, Duration> {
        if let Some(wait) = self.wait(keys.iter().chain(network), now) {
            return Err(wait);
        }
        let count = |key: &Guessed| {
            let before = self.get(key);
            self.failed(key, now);
            Counted {
                key: key.clone(),
                before,
                at: now,
            }
        };
        Ok(keys.iter().map(count).collect())
    }

    /// A try was not wrong, but others before it stay counted.
    fn take_back(&mut self, counted: &Counted) {
        let room = self.0.get_mut(counted.key.room());
        let Some((room, known)) = room.and_then(|room| {
            let known = *room.get(&counted.key)?;
            Some((room, known))
        }) else {
            return;
        };
        let count = known.count.saturating_sub(1);
        let last = match counted.before {
            Some(before) if known.last == counted.at => before.last,
            _ => known.last,
        };
        match count {
            0 => drop(room.remove(&counted.key)),
            count => drop(room.insert(counted.key.clone(), Failures { count, last })),
        }
    }

    fn forget(&mut self, key: &Guessed) {
        if let Some(room) = self.0.get_mut(key.room()) {
            room.remove(key);
        }
    }
}

/// Makes room for one more. Who failed least goes first: a flood of made-up names pushes out itself.
fn forget_the_least(room: &mut HashMap<Guessed, Failures>, now: Timestamp) {
    let least = room
        .iter()
        .min_by_key(|(key, failures)| (failures.left(key, now), failures.last));
    if let Some(key) = least.map(|(key, _)| key.clone()) {
        room.remove(&key);
    }
}

/// The network an address counts by. A private one counts for nothing: a proxy stands there, and everybody behind it.
pub(super) fn network(address: IpAddr) -> Option<IpAddr> {
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
    counted: Vec<Counted>,
    network: Option<Guessed>,
}

impl<'v> Try<'v> {
    /// A password is tried; refused when it comes before its time.
    pub fn password(
        visit: &'v Visit,
        whose: &Whose,
        device: Option<Device>,
    ) -> Result<Self, Refusal> {
        if let Some(device) = device {
            return Self::begin(visit, &[Guessed::FromDevice(device)], None);
        }
        let network = network(visit.peer);
        let here = Guessed::Password(whose.clone(), network);
        Self::begin(visit, &[here, Guessed::Everywhere(whose.clone())], network)
    }

    /// A code is tried; refused when it comes before its time.
    pub fn code(visit: &'v Visit, account: AccountId) -> Result<Self, Refusal> {
        Self::begin(visit, &[Guessed::Code(account)], network(visit.peer))
    }

    fn begin(visit: &'v Visit, keys: &[Guessed], network: Option<IpAddr>) -> Result<Self, Refusal> {
        let network = network.map(Guessed::Network);
        let now = visit.now();
        let looked = visit
            .console()
            .with_delays(|delays| delays.begin(keys, network.as_ref(), now));
        match looked {
            Ok(counted) => Ok(Self {
                visit,
                counted,
                network,
            }),
            Err(wait) => Err(too_soon(wait).into()),
        }
    }

    /// It was wrong: it counts for the network, too.
    pub fn wrong(self) {
        let now = self.visit.now();
        if let Some(network) = &self.network {
            let console = self.visit.console();
            console.with_delays(|delays| delays.failed(network, now));
        }
    }

    /// It was right; those before it stay counted.
    pub fn right(self) {
        self.visit.console().with_delays(|delays| {
            for counted in &self.counted {
                delays.take_back(counted);
            }
        });
    }

    /// Somebody got in with it: what they mistyped before is forgotten, what others did elsewhere is not.
    pub fn entered(self) {
        self.visit.console().with_delays(|delays| {
            for counted in &self.counted {
                match counted.key {
                    Guessed::Everywhere(_) => delays.take_back(counted),
                    _ => delays.forget(&counted.key),
                }
            }
        });
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
mod tests;
