//! How guessing is slowed down (S10).

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

fn mary(network: &str) -> [Guessed; 2] {
    let whose = Whose::Account(AccountId::from_raw(7));
    let here = Guessed::Password(whose.clone(), network.parse().ok());
    [here, Guessed::Everywhere(whose)]
}

/// Wrong passwords of mary's from there, until one is not looked at.
fn looked_at(delays: &mut Delays, network: &str, now: Timestamp) -> usize {
    let keys = mary(network);
    (0..1_000)
        .take_while(|_| delays.begin(&keys, None, now).is_ok())
        .count()
}

#[test]
fn s10_five_failures_are_free_then_the_wait_grows_and_never_locks_out() {
    let mut delays = Delays::default();
    let [who, _] = mary("192.0.2.0");
    for _ in 0..4 {
        delays.failed(&who, NOW);
    }
    assert_eq!(delays.wait([&who], NOW), None);
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        delays.failed(&who, NOW);
        let wait = delays.wait([&who], NOW).unwrap_or_default();
        assert!(wait >= longest && wait <= LONGEST, "{wait:?}");
        longest = wait;
    }
    assert_eq!(longest, LONGEST);
    assert_eq!(delays.wait([&who], NOW.plus(LONGEST)), None);
    delays.failed(&who, NOW.plus(FORGOTTEN));
    assert_eq!(delays.wait([&who], NOW.plus(FORGOTTEN)), None);
}

#[test]
fn s10_who_guesses_elsewhere_keeps_nobody_out_and_is_bounded_from_everywhere() {
    let mut delays = Delays::default();
    assert_eq!(looked_at(&mut delays, "198.51.100.0", NOW), 5);
    assert_eq!(looked_at(&mut delays, "203.0.113.0", NOW), 5);
    assert_eq!(looked_at(&mut delays, "192.0.2.0", NOW), 5, "mary herself");
    let from_everywhere = (0..100)
        .map(|number| looked_at(&mut delays, &format!("10.0.{number}.0"), NOW))
        .sum::<usize>();
    assert_eq!(from_everywhere + 15, FREE_EVERYWHERE as usize);
    let minute = NOW.plus(Duration::from_secs(60));
    let within_a_minute = (0..100)
        .map(|number| looked_at(&mut delays, &format!("10.1.{number}.0"), minute))
        .sum::<usize>();
    assert_eq!(within_a_minute, 10);
}

#[test]
fn s10_a_device_that_is_known_waits_for_nobody_else_and_no_longer_than_for_itself() {
    let mut delays = Delays::default();
    for number in 0..100 {
        looked_at(&mut delays, &format!("10.0.{number}.0"), NOW);
    }
    assert_eq!(
        looked_at(&mut delays, "192.0.2.0", NOW),
        0,
        "mary elsewhere"
    );
    let [one, two] = [1, 2].map(|mark| {
        let device = Device::of(AccountId::from_raw(7), [mark; 16]);
        [Guessed::FromDevice(device)]
    });
    let tries = |delays: &mut Delays, key: &[Guessed], now| {
        (0..1_000)
            .take_while(|_| delays.begin(key, None, now).is_ok())
            .count()
    };
    assert_eq!(tries(&mut delays, &one, NOW), 5);
    assert_eq!(tries(&mut delays, &one, NOW.plus(LONGEST)), 1);
    assert_eq!(tries(&mut delays, &two, NOW), 5, "another device of hers");
    let minute = NOW.plus(Duration::from_secs(60));
    assert_eq!(
        looked_at(&mut delays, "192.0.2.0", minute),
        5,
        "as without them"
    );
}

#[test]
fn s10_made_up_names_and_networks_push_out_no_account() {
    let mut delays = Delays::default();
    let [here, everywhere] = mary("192.0.2.0");
    let code = Guessed::Code(AccountId::from_raw(7));
    let (busy, later) = (
        Guessed::Network(IpAddr::from([198, 51, 100, 0])),
        NOW.plus(Duration::from_secs(1)),
    );
    for _ in 0..6 {
        delays.failed(&here, NOW);
        delays.failed(&code, NOW);
        delays.failed(&busy, NOW);
    }
    for number in 0..u32::try_from(REMEMBERED).unwrap_or(0) + 100 {
        let name = Guessed::Password(Whose::Nobody(number.to_string()), None);
        delays.failed(&name, later);
        delays.failed(&Guessed::Network(IpAddr::from(number.to_be_bytes())), later);
    }
    assert!(delays.0.iter().all(|room| room.len() <= REMEMBERED));
    for key in [&here, &code, &busy] {
        assert!(delays.wait([key], later).is_some(), "{key:?}");
    }
    assert_eq!(delays.wait([&everywhere], later), None);
}

#[test]
fn s10_failures_count_for_the_whole_network() {
    let two = ["192.0.2.1", "192.0.2.200"].map(|text| text.parse().ok().and_then(network));
    assert_eq!(two[0], two[1]);
    let two = ["2001:db8::1", "2001:db8:0:100::1"].map(|text| text.parse().ok().and_then(network));
    assert_ne!(two[0], two[1]);
    assert!(two[0].is_some());
    for proxy in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"] {
        assert_eq!(proxy.parse().ok().and_then(network), None, "{proxy}");
    }
    let mut delays = Delays::default();
    let from = Guessed::Network(IpAddr::from([192, 0, 2, 0]));
    for _ in 0..6 {
        delays.failed(&from, NOW);
    }
    assert!(delays.begin(&mary("192.0.2.0"), Some(&from), NOW).is_err());
}

#[test]
fn s10_tries_sent_at_once_are_not_all_looked_at_and_a_right_one_forgives_only_itself() {
    let mut delays = Delays::default();
    assert_eq!(looked_at(&mut delays, "192.0.2.0", NOW), 5);
    let (keys, later) = (mary("192.0.2.0"), NOW.plus(LONGEST));
    let counted = delays.begin(&keys, None, later).unwrap_or_default();
    let before = counted.first().and_then(|counted| counted.before);
    assert_eq!(
        before,
        Some(Failures {
            count: 5,
            last: NOW
        })
    );
    for counted in &counted {
        delays.take_back(counted);
    }
    assert_eq!(delays.get(&keys[0]), before, "five as before");
    assert!(delays.begin(&keys, None, later).is_ok());
    assert!(delays.begin(&keys, None, later).is_err());
    delays.forget(&keys[0]);
    let counted = delays.begin(&keys[..1], None, later).unwrap_or_default();
    for counted in &counted {
        delays.take_back(counted);
    }
    assert_eq!(delays.get(&keys[0]), None);
}
