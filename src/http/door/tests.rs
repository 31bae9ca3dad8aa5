//! Who has a place, who gives way, and whose place is only lent.
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
    assert!(book.strangers.contains(&guests[2]) && !book.strangers.contains(&guests[1]));
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

#[test]
fn s8_who_lost_its_key_is_a_stranger_again_and_the_first_to_give_way() {
    let mut book = Book::new(3, 2);
    let own = OrganizationId::new(1);
    let once = entered(&mut book, "192.0.2.1", 0);
    assert!(book.know(once, own));
    entered(&mut book, "192.0.2.1", 0);
    entered(&mut book, "192.0.2.1", 0);
    assert_eq!(enter(&mut book, "192.0.2.1", SECOND), Entry::Enough);
    book.doubt(once);
    assert!(book.known.is_empty(), "its organization has its share back");
    // It counts against its address from now on, as two others do.
    book.leave(once + 1);
    assert_eq!(enter(&mut book, "192.0.2.1", SECOND), Entry::Enough);
    entered(&mut book, "192.0.2.7", SECOND);
    let (number, instead) = (once + 4, Some(once));
    assert_eq!(
        enter(&mut book, "192.0.2.9", 2 * SECOND),
        Entry::In { number, instead }
    );
    // Said of one who is gone, or twice, it changes nothing.
    book.doubt(once);
    book.doubt(number);
    for guest in once..=number {
        book.leave(guest);
    }
    assert!(is_empty(&book), "{book:?}");
}
