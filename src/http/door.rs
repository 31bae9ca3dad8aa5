//! Who may come in: how many connections there are, in all and from one address, and who gives way when all places are
//! taken.
//!
//! A connection is a stranger until a request with a key or a session in force came over it. Invariants: an address has at
//! most its share of strangers, so that producers who share a proxy are not held against each other; when every place is
//! taken the oldest stranger gives way, but none within its first second ([`GRACE`]), which is ample for an honest request;
//! who is no stranger is never cut for another; a stranger is answered [`STRANGERS_REQUESTS`] times. So slow connections, however many, cannot keep honest ones out.
//! The keys of one organization make as many known as one address has strangers; what is more stays a stranger, so that nobody who
//! was given a key fills the house. Producers and operators are trusted with all of it.
//! Known is who was let in by a key that is still in force: once it is revoked or over, the connection's next request makes it a stranger
//! again, older than all others, and is the last one answered ([`Guest::recheck`]).
//! Deliberately absent: limits on the requests of who has a key, and any memory of an address whose connections are over.

use crate::clock::{Clock, Monotonic};
use crate::store::directory::KeyHash;
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
    /// By what it is known; looked at only for a request that proves nothing by itself.
    proof: Mutex<Option<Proof>>,
    asked: AtomicU32,
    /// Whom it comes from.
    pub address: IpAddr,
}

/// What made a stranger known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A key with this hash.
    Key(KeyHash),
    /// A login of the console, or a portal link's.
    Session,
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
        if inside.book.is_in(number) {
            inside.cuts.insert(number, cut);
        }
    }

    fn guest(self: &Arc<Self>, number: u64, address: IpAddr) -> Guest {
        Guest {
            door: Arc::clone(self),
            number,
            known: AtomicBool::new(false),
            proof: Mutex::new(None),
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
    pub fn prove(&self, organization: Option<OrganizationId>, by: impl FnOnce() -> Option<Proof>) {
        if self.is_known() {
            return;
        }
        let mut inside = self.door.inside();
        if inside.book.know(self.number, organization) {
            *self.proof() = by();
            self.known.store(true, Ordering::Relaxed);
        }
    }

    /// A request came that proves nothing: whether what did before is still in force. Who is known by nothing any more is a
    /// stranger again, and this request its last.
    pub fn recheck(&self, is_in_force: impl FnOnce(Proof) -> bool) {
        if !self.is_known() {
            return;
        }
        let proof = *self.proof();
        if proof.is_some_and(is_in_force) {
            return;
        }
        self.door.inside().book.doubt(self.number);
        *self.proof() = None;
        self.asked.store(STRANGERS_REQUESTS, Ordering::Relaxed);
        self.known.store(false, Ordering::Relaxed);
    }

    fn proof(&self) -> MutexGuard<'_, Option<Proof>> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn is_in(&self, number: u64) -> bool {
        self.guests.contains_key(&number)
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

    /// A stranger again, whatever its address has of them: the answer that is on its way is the last one.
    fn doubt(&mut self, number: u64) {
        let Some(guest) = self.guests.get_mut(&number) else {
            return;
        };
        let (address, of) = (guest.address, guest.of.take());
        if self.strangers.insert(number) {
            *self.shares.entry(address).or_insert(0) += 1;
        }
        if let Some(of) = of {
            less(&mut self.known, of);
        }
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
mod tests;
