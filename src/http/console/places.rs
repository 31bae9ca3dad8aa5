//! Places of those who wait for a password to be hashed: bounded in all and for each network, so that one network that logs
//! in without end, rightly or wrongly, leaves most of them to others. Who finds no place is told at once, and nothing is
//! counted against anybody.

use super::super::code::Code;
use super::super::problem::Problem;
use super::device::Device;
use super::tries::network;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidings_core::id::AccountId;

/// Places in all.
const ALL: usize = 20;
/// Places for one network.
const EACH: usize = 5;

/// Places beside them for devices that somebody has logged in from before, one for each account.
const KNOWN: usize = 5;

/// How many there are left.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_network: HashMap<IpAddr, usize>,
    known: HashSet<AccountId>,
}

/// One of them, until it is dropped.
pub(super) struct Place<'p> {
    places: &'p Places,
    whose: Whose,
}

/// By what a place is counted.
enum Whose {
    Network(Option<IpAddr>),
    Known(AccountId),
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a device that is known; where its account has one, or all are taken, it is nobody else than who comes
    /// from `address`.
    pub fn take_known(&self, device: &Device, address: IpAddr) -> Result<Place<'_>, Problem> {
        let account = device.account;
        let mut taken = self.taken();
        let free = taken.known.len() < KNOWN && taken.known.insert(account);
        drop(taken);
        match free {
            true => Ok(Place {
                places: self,
                whose: Whose::Known(account),
            }),
            false => self.take(address),
        }
    }

    /// A place for who comes from `address`; the inside of a network, where a proxy may stand for everybody, may have all.
    pub fn take(&self, address: IpAddr) -> Result<Place<'_>, Problem> {
        let network = network(address);
        let mut taken = self.taken();
        let of_network = network.and_then(|network| taken.by_network.get(&network));
        if taken.all >= ALL || of_network.is_some_and(|count| *count >= EACH) {
            let words = "Too many logins at once; try again in a moment.";
            return Err(Problem::new(Code::TooManyLogins, words));
        }
        taken.all += 1;
        if let Some(network) = network {
            *taken.by_network.entry(network).or_default() += 1;
        }
        drop(taken);
        Ok(Place {
            places: self,
            whose: Whose::Network(network),
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        let network = match self.whose {
            Whose::Known(account) => {
                taken.known.remove(&account);
                return;
            }
            Whose::Network(network) => network,
        };
        taken.all = taken.all.saturating_sub(1);
        let Some(network) = network else {
            return;
        };
        if let Some(count) = taken.by_network.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<'p>(places: &'p Places, address: [u8; 4], wanted: usize) -> Vec<Place<'p>> {
        (0..wanted)
            .map_while(|_| places.take(IpAddr::from(address)).ok())
            .collect()
    }

    #[test]
    fn s10_a_device_that_is_known_has_a_place_when_strangers_have_all() {
        let (places, home) = (Places::default(), IpAddr::from([192, 0, 2, 1]));
        let strangers = taken(&places, [10, 0, 0, 1], 100);
        assert!(places.take(home).is_err());
        let of = |account| Device::of(AccountId::from_raw(account), [1; 16]);
        let mary = places.take_known(&of(7), home);
        assert!(mary.is_ok());
        assert!(
            places.take_known(&of(7), home).is_err(),
            "one for each account"
        );
        let others: Vec<_> = (8..100)
            .map_while(|account| places.take_known(&of(account), home).ok())
            .collect();
        assert_eq!(others.len(), KNOWN - 1);
        drop(mary);
        assert!(places.take_known(&of(7), home).is_ok());
        drop((others, strangers));
        let left = places.taken();
        assert_eq!((left.all, left.known.len()), (0, 0));
    }

    #[test]
    fn s10_one_network_leaves_places_to_others_and_all_come_back() {
        let places = Places::default();
        let greedy = taken(&places, [198, 51, 100, 7], 100);
        assert_eq!(greedy.len(), EACH);
        assert_eq!(taken(&places, [198, 51, 100, 8], 1).len(), 0);
        let inside = taken(&places, [10, 0, 0, 1], 100);
        assert_eq!(inside.len(), ALL - EACH);
        assert_eq!(taken(&places, [203, 0, 113, 1], 1).len(), 0);
        drop(greedy);
        assert_eq!(taken(&places, [203, 0, 113, 1], 100).len(), EACH);
        drop(inside);
        let left = places.taken();
        assert_eq!((left.all, left.by_network.len()), (0, 0));
    }
}
