//! Who may come in: how many connections there are, in all and from one address, and who gives way when all places are
//! taken.
//!
//! A connection is a stranger until a request with a key or a session in force came over it. Invariants: an address has at
//! most its share of strangers, so that producers who share a proxy are not held against each other; when every place is
//! taken the oldest stranger gives way, but none within its first second ([`GRACE`]), which is ample for an honest request;
//! who is no stranger is never cut for another; a stranger is answered [`STRANGERS_REQUESTS`] times. So slow connections, however many, cannot keep honest ones out.
//! The keys of one organization make as many known as one address has strangers; what is more stays a stranger, so that nobody who
//! was given a key fills the house. Producers and operators are trusted with all of it.
//! Deliberately absent: limits on the requests of who has a key, and any memory of an address whose connections are over.

use crate::clock::{Clock, Monotonic};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidings_core::id::OrganizationId;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A stranger is not cut for another within so much time after it was listened to.
const GRACE: Duration = Duration::from_secs(1);
/// Requests of a stranger on one connection, ample for a page and what belongs to it: hundreds, sent at once, would keep
/// others waiting.
const STRANGERS_REQUESTS: u32 = 32;
/// That all places are taken is logged so often at most.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The door: what is decided by [`Book`], performed.
#[derive(Debug)]
pub(super) struct Door {
    inside: Mutex<Inside>,
    left: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct Inside {
    book: Book,
    /// How strangers are cut.
    cuts: HashMap<u64, AbortHandle>,
    told_at: Option<Monotonic>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Guest {
    door: Arc<Door>,
    number: u64,
    known: AtomicBool,
    asked: AtomicU32,
    /// Whom it comes from.
    pub address: IpAddr,
}

impl Door {
    /// With so many places, and so many strangers from one address.
    pub fn new(total: usize, per_address: usize, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            inside: Mutex::new(Inside {
                book: Book::new(total, per_address),
                cuts: HashMap::new(),
                told_at: None,
            }),
            left: Notify::new(),
            clock,
        })
    }

    /// A place for a connection from `address`, once there is one; `None` when the address has its share. One that is
    /// `unlimited` speaks for many and has no share.
    pub async fn admit(self: &Arc<Self>, address: IpAddr, unlimited: bool) -> Option<Guest> {
        loop {
            let now = self.clock.monotonic();
            let entry = self.inside().enter(address, unlimited, now);
            let until = match entry {
                Entry::Enough => return None,
                Entry::In { number, .. } => return Some(self.guest(number, address)),
                Entry::Full { until } => until,
            };
            match until {
                None => self.left.notified().await,
                Some(until) => {
                    let wait = Duration::from_micros(until.micros_since(now));
                    let _either = tokio::time::timeout(wait, self.left.notified()).await;
                }
            }
        }
    }

    /// How that guest is cut, should it have to give way.
    pub fn may_cut(&self, number: u64, cut: AbortHandle) {
        let mut inside = self.inside();
        if inside.book.is_stranger(number) {
            inside.cuts.insert(number, cut);
        }
    }

    fn guest(self: &Arc<Self>, number: u64, address: IpAddr) -> Guest {
        Guest {
            door: Arc::clone(self),
            number,
            known: AtomicBool::new(false),
            asked: AtomicU32::new(0),
            address,
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn enter(&mut self, address: IpAddr, unlimited: bool, now: Monotonic) -> Entry {
        let entry = self.book.enter(address, unlimited, now);
        if let Entry::In {
            instead: Some(of), ..
        } = entry
            && let Some(cut) = self.cuts.remove(&of)
        {
            cut.abort();
        }
        let is_full = !matches!(entry, Entry::Enough | Entry::In { instead: None, .. });
        let told = |at: Monotonic| u128::from(now.micros_since(at)) < TOLD_EVERY.as_micros();
        if is_full && !self.told_at.is_some_and(told) {
            self.told_at = Some(now);
            tracing::warn!(
                "limits.connections is reached: the oldest connections without a valid key give way to new ones"
            );
        }
        entry
    }
}

impl Guest {
    /// Which one it is.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The server listens to it from now on.
    pub fn begins(&self) {
        let now = self.door.clock.monotonic();
        self.door.inside().book.begin(self.number, now);
    }

    /// Whether a key or a session in force came.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Counts a stranger's request; whether it was the last one that is answered here.
    pub fn has_asked_enough(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1 >= STRANGERS_REQUESTS
    }

    /// A request with a key or a session in force came, of `organization` if it is confined to one: no stranger any more,
    /// unless that one has its share.
    pub fn prove(&self, organization: Option<OrganizationId>) {
        if self.is_known() {
            return;
        }
        let mut inside = self.door.inside();
        if inside.book.know(self.number, organization) {
            inside.cuts.remove(&self.number);
            self.known.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.door.inside();
        inside.book.leave(self.number);
        inside.cuts.remove(&self.number);
        drop(inside);
        self.door.left.notify_one();
    }
}

/// Who is in: decides, and does nothing.
#[derive(Debug)]
struct Book {
    total: usize,
    per_address: usize,
    next: u64,
    guests: HashMap<u64, Entered>,
    /// The oldest first.
    strangers: BTreeSet<u64>,
    /// Strangers by address.
    shares: HashMap<IpAddr, usize>,
    /// Those that are none, by organization.
    known: HashMap<OrganizationId, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Entered {
    /// When it was first listened to; it cannot be called slow before.
    at: Option<Monotonic>,
    address: IpAddr,
    /// Whose key came.
    of: Option<OrganizationId>,
}

/// What becomes of a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// It has a place, perhaps another's, who is no guest any more.
    In { number: u64, instead: Option<u64> },
    /// Its address has its share of strangers.
    Enough,
    /// All places are taken: again when one leaves, or then.
    Full { until: Option<Monotonic> },
}

impl Book {
    fn new(total: usize, per_address: usize) -> Self {
        Self {
            total,
            per_address,
            next: 0,
            guests: HashMap::new(),
            strangers: BTreeSet::new(),
            shares: HashMap::new(),
            known: HashMap::new(),
        }
    }

    fn enter(&mut self, address: IpAddr, unlimited: bool, now: Monotonic) -> Entry {
        let address = share_of(address);
        let share = self.shares.get(&address).copied().unwrap_or(0);
        if share >= self.per_address && !unlimited {
            return Entry::Enough;
        }
        let mut instead = None;
        if self.guests.len() >= self.total {
            let oldest = self.strangers.first().copied();
            let entered = oldest.and_then(|number| Some((number, self.guests.get(&number)?.at)));
            let Some((number, at)) = entered else {
                return Entry::Full { until: None };
            };
            let since = at.unwrap_or(now);
            let until = Monotonic(since.0.saturating_add(GRACE.as_micros() as u64));
            if now.0 < until.0 {
                return Entry::Full { until: Some(until) };
            }
            self.leave(number);
            instead = Some(number);
        }
        let number = self.next;
        self.next += 1;
        self.guests.insert(
            number,
            Entered {
                at: None,
                address,
                of: None,
            },
        );
        self.strangers.insert(number);
        *self.shares.entry(address).or_insert(0) += 1;
        Entry::In { number, instead }
    }

    fn begin(&mut self, number: u64, now: Monotonic) {
        if let Some(guest) = self.guests.get_mut(&number) {
            guest.at = Some(now);
        }
    }

    fn is_stranger(&self, number: u64) -> bool {
        self.strangers.contains(&number)
    }

    /// No stranger any more, unless its organization has its share; answers whether.
    fn know(&mut self, number: u64, organization: Option<OrganizationId>) -> bool {
        let Some(guest) = self.guests.get_mut(&number) else {
            return false;
        };
        if let Some(of) = organization {
            let known = self.known.entry(of).or_insert(0);
            if *known >= self.per_address {
                return false;
            }
            *known += 1;
            guest.of = organization;
        }
        let address = guest.address;
        self.no_stranger(number, address);
        true
    }

    /// Said again, or of one who had to give way, it changes nothing.
    fn leave(&mut self, number: u64) {
        let Some(guest) = self.guests.remove(&number) else {
            return;
        };
        self.no_stranger(number, guest.address);
        if let Some(of) = guest.of {
            less(&mut self.known, of);
        }
    }

    fn no_stranger(&mut self, number: u64, address: IpAddr) {
        if self.strangers.remove(&number) {
            less(&mut self.shares, address);
        }
    }
}

/// One less; nothing is kept of none.
fn less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, of: K) {
    if let Some(count) = counts.get_mut(&of) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

/// Who shares one limit: an IPv4 address, or the 2^64 IPv6 addresses that one machine has for itself.
pub(super) fn share_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "tests"
    )]
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn enter(book: &mut Book, address: &str, at: u64) -> Entry {
        book.enter(address.parse().unwrap(), false, Monotonic(at))
    }

    fn entered(book: &mut Book, address: &str, at: u64) -> u64 {
        match enter(book, address, at) {
            Entry::In {
                number,
                instead: None,
            } => {
                book.begin(number, Monotonic(at));
                number
            }
            other => panic!("{other:?}"),
        }
    }

    fn is_empty(book: &Book) -> bool {
        book.guests.is_empty()
            && book.strangers.is_empty()
            && book.shares.is_empty()
            && book.known.is_empty()
    }

    #[test]
    fn s14_an_address_has_its_share_of_strangers_and_who_has_a_key_is_none() {
        let mut book = Book::new(100, 2);
        let first = entered(&mut book, "192.0.2.1", 0);
        let second = entered(&mut book, "192.0.2.1", 0);
        assert_eq!(enter(&mut book, "192.0.2.1", 0), Entry::Enough);
        let other = entered(&mut book, "192.0.2.2", 0);
        assert!(book.know(first, None));
        let third = entered(&mut book, "192.0.2.1", 0);
        assert_eq!(enter(&mut book, "192.0.2.1", 0), Entry::Enough);
        let proxied = book.enter("192.0.2.1".parse().unwrap(), true, Monotonic(0));
        let Entry::In { number, .. } = proxied else {
            panic!("{proxied:?}");
        };
        for number in [first, second, other, third, number, number] {
            book.leave(number);
        }
        assert!(is_empty(&book), "{book:?}");
    }

    #[test]
    fn s14_an_ipv6_address_shares_with_its_network() {
        let mut book = Book::new(100, 1);
        entered(&mut book, "2001:db8::1", 0);
        assert_eq!(enter(&mut book, "2001:db8::ffff:2", 0), Entry::Enough);
        entered(&mut book, "2001:db8:0:1::1", 0);
    }

    #[test]
    fn s14_when_all_places_are_taken_the_oldest_stranger_gives_way_after_its_first_second() {
        let mut book = Book::new(3, 3);
        let old = entered(&mut book, "192.0.2.1", 0);
        let known = entered(&mut book, "192.0.2.1", 10);
        assert!(book.know(known, None));
        let young = entered(&mut book, "192.0.2.1", 20);
        let until = Some(Monotonic(SECOND));
        assert_eq!(enter(&mut book, "192.0.2.9", 30), Entry::Full { until });
        let number = young + 1;
        let instead = Some(old);
        assert_eq!(
            enter(&mut book, "192.0.2.9", SECOND),
            Entry::In { number, instead }
        );
        let until = Some(Monotonic(SECOND + 20));
        assert_eq!(enter(&mut book, "192.0.2.9", SECOND), Entry::Full { until });
        // Nobody is cut who was not listened to.
        book.leave(young);
        let Entry::In { number, .. } = enter(&mut book, "192.0.2.9", SECOND) else {
            panic!("there is a place");
        };
        book.leave(number - 1);
        entered(&mut book, "192.0.2.9", 9 * SECOND);
        let until = Some(Monotonic(11 * SECOND));
        assert_eq!(
            enter(&mut book, "192.0.2.9", 10 * SECOND),
            Entry::Full { until }
        );
        // Who had to go leaves once only.
        book.leave(old);
        assert_eq!(
            enter(&mut book, "192.0.2.9", 10 * SECOND),
            Entry::Full { until }
        );
    }

    #[test]
    fn s14_one_organization_s_keys_do_not_fill_the_house() {
        let mut book = Book::new(10, 2);
        let (own, other) = (OrganizationId::new(1), OrganizationId::new(2));
        let guests: Vec<u64> = (0..6)
            .map(|guest| entered(&mut book, &format!("192.0.2.{guest}"), 0))
            .collect();
        let known: Vec<bool> = guests[..4]
            .iter()
            .map(|guest| book.know(*guest, own))
            .collect();
        assert_eq!(known, [true, true, false, false]);
        assert!(book.is_stranger(guests[2]) && !book.is_stranger(guests[1]));
        assert!(book.know(guests[4], other) && book.know(guests[5], None));
        book.leave(guests[0]);
        assert!(book.know(guests[2], own), "there is room again");
        for guest in guests {
            book.leave(guest);
        }
        assert!(is_empty(&book), "{book:?}");
    }

    #[test]
    fn s14_who_has_a_key_never_gives_way() {
        let mut book = Book::new(1, 3);
        let known = entered(&mut book, "192.0.2.1", 0);
        assert!(book.know(known, None));
        let full = Entry::Full { until: None };
        assert_eq!(enter(&mut book, "192.0.2.9", 1_000 * SECOND), full);
        book.leave(known);
        entered(&mut book, "192.0.2.9", 1_000 * SECOND);
    }
}
