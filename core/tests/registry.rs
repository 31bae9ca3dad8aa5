//! The address rules against a second classifier, written from the registries' texts in another shape (S1, S2): millions
//! of addresses, most of them near an edge, under opened blocks that are made up. `TIDINGS_TEST_TIER=long` tries 20 times as
//! many; `TIDINGS_SEED` replays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "registry/blocks.rs"]
mod blocks;

use blocks::{Kind, Registry};
use std::net::IpAddr;
use tidings_core::address::{Cidr, EgressRules};

/// SplitMix64: the same addresses for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Where addresses are drawn from.
struct Draw {
    random: Random,
    four: Vec<u128>,
    six: Vec<u128>,
}

impl Draw {
    /// Mostly near an edge, or inside the block behind it; some with the sign of ISATAP; the rest anywhere.
    fn address(&mut self) -> IpAddr {
        let is_ipv4 = self.random.next().is_multiple_of(3);
        let edges = if is_ipv4 { &self.four } else { &self.six };
        let edge = edges.get(self.random.below(edges.len())).copied().unwrap();
        let bits = if is_ipv4 { 32 } else { 128 };
        let noise = self.random.wide() >> self.random.below(128).max(128 - bits);
        let number = match self.random.next() % 8 {
            0..=2 => edge
                .wrapping_add(u128::from(self.random.next() % 5))
                .wrapping_sub(2),
            3..=5 => edge ^ noise,
            6 if !is_ipv4 => (edge ^ noise) & !(0xffff_ffff << 32) | 0x5efe << 32,
            _ => self.random.wide(),
        };
        match is_ipv4 {
            true => IpAddr::from(u32::try_from(number & 0xffff_ffff).unwrap().to_be_bytes()),
            false => IpAddr::from(number.to_be_bytes()),
        }
    }

    /// Up to three blocks around drawn addresses, for the product and as first and last address.
    fn opened(&mut self) -> (EgressRules, Vec<(IpAddr, IpAddr)>) {
        let mut rules = EgressRules::default();
        let mut ranges = Vec::new();
        for _ in 0..self.random.below(4) {
            let (most, number) = match self.address() {
                IpAddr::V4(v4) => (32, u128::from(u32::from_be_bytes(v4.octets()))),
                IpAddr::V6(v6) => (128, u128::from_be_bytes(v6.octets())),
            };
            let length = self.random.below(most + 1);
            let rest = if length == 0 && most == 128 {
                u128::MAX
            } else {
                (1 << (most - length)) - 1
            };
            let address = |number: u128| match most {
                32 => IpAddr::from(u32::try_from(number).unwrap().to_be_bytes()),
                _ => IpAddr::from(number.to_be_bytes()),
            };
            let (first, last) = (address(number & !rest), address(number | rest));
            rules
                .allow
                .push(format!("{first}/{length}").parse::<Cidr>().unwrap());
            ranges.push((first, last));
        }
        (rules, ranges)
    }
}

#[test]
fn s1_two_classifiers_agree_on_millions_of_addresses() {
    let tries: u64 = match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("quick") => 1_000_000,
        Ok("long") => 200_000_000,
        _ => 10_000_000,
    };
    let seed = std::env::var("TIDINGS_SEED").map_or(20_260, |seed| seed.parse().unwrap());
    let registry = Registry::read();
    let mut draw = Draw {
        random: Random(seed),
        four: registry.edges(true),
        six: registry.edges(false),
    };
    let mut met = [0_u64; 4];
    let (mut opened, mut by_setting) = (draw.opened(), 0_u64);
    for round in 0..tries {
        if round % 64 == 0 {
            opened = draw.opened();
        }
        let ip = draw.address();
        let verdict = opened.0.vet_address(ip);
        let code = verdict
            .as_ref()
            .map_or_else(|refusal| refusal.code(), |()| "ok");
        let second = registry.code(ip, &opened.1);
        assert_eq!(code, second, "{ip} with {:?}, seed {seed}", opened.0.allow);
        let kind = registry.kind(ip);
        by_setting += u64::from(kind != Kind::Public && code == "ok");
        if let Some(count) = met.get_mut(kind as usize) {
            *count += 1;
        }
    }
    println!(
        "{tries} addresses: public, special, carrier, metadata {met:?}; opened by a setting {by_setting}"
    );
    assert!(met.iter().all(|count| *count > tries / 1_000), "{met:?}");
    assert!(by_setting > tries / 1_000, "{by_setting}");
}

/// Every edge, and its neighbours, without chance.
#[test]
fn s1_two_classifiers_agree_at_every_edge() {
    let registry = Registry::read();
    let rules = EgressRules::default();
    for is_ipv4 in [true, false] {
        for edge in registry.edges(is_ipv4) {
            for number in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
                let ip = match is_ipv4 {
                    true => {
                        IpAddr::from(u32::try_from(number & 0xffff_ffff).unwrap().to_be_bytes())
                    }
                    false => IpAddr::from(number.to_be_bytes()),
                };
                let code = rules
                    .vet_address(ip)
                    .map_or_else(|refusal| refusal.code(), |()| "ok");
                assert_eq!(code, registry.code(ip, &[]), "{ip}");
            }
        }
    }
}
