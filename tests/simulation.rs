//! Simulated histories of one node: the real dispatcher and core against a model store, a model network and
//! everything that can go wrong, hours of it in milliseconds, all from a seed.
//!
//! A failure names its seed: `TIDINGS_SEED=17 cargo test --test simulation` replays that history alone.
//! `TIDINGS_TEST_TIER=long` runs fifty times as many. `bites` breaks the dispatcher on purpose in every way we
//! could think of, and the rules have to find each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

#[path = "simulation/chance.rs"]
mod chance;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/node.rs"]
mod node;
#[path = "simulation/outside.rs"]
mod outside;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/rules.rs"]
mod rules;
#[path = "simulation/sabotage.rs"]
mod sabotage;
#[path = "simulation/store.rs"]
mod store;
#[path = "simulation/world.rs"]
mod world;

use plan::Plan;
use sabotage::Sabotage;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// What a history came to.
#[derive(Debug, PartialEq, Eq)]
struct History {
    trace: u64,
    requests: u64,
}

fn run(seed: u64, sabotage: Sabotage) -> Result<History, String> {
    let mut world = World::new(Plan::of(seed), sabotage);
    match world.run() {
        Ok(()) => Ok(History {
            trace: world.trace,
            requests: world.requests,
        }),
        Err(broken) => Err(format!(
            "seed {seed} at {:?}: {broken}\n{:?}\nreplay it with TIDINGS_SEED={seed}",
            world.clock(),
            world.plan
        )),
    }
}

/// Runs seeds on all cores; the first failure ends it.
fn run_all(seeds: std::ops::Range<u64>) -> u64 {
    let (next, requests) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match run(seed, Sabotage::Nothing) {
                        Ok(history) => requests.fetch_add(history.requests, Ordering::Relaxed),
                        Err(broken) => panic!("{broken}"),
                    };
                }
            });
        }
    });
    requests.into_inner()
}

#[test]
fn every_history_keeps_the_rules() {
    let number = |text: String| text.parse::<u64>().expect("TIDINGS_SEED is a number");
    let seeds = match std::env::var("TIDINGS_SEED").map(number) {
        Ok(seed) => seed..seed + 1,
        Err(_) if std::env::var("TIDINGS_TEST_TIER").as_deref() == Ok("long") => 0..100_000,
        Err(_) => 0..2_000,
    };
    let requests = run_all(seeds);
    assert!(requests > 0, "the histories are empty");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..40 {
        assert_eq!(
            run(seed, Sabotage::Nothing),
            run(seed, Sabotage::Nothing),
            "seed {seed}"
        );
    }
    assert_ne!(run(1, Sabotage::Nothing), run(2, Sabotage::Nothing));
}

/// The rules are not rules on paper: each sabotage is found within some seeds.
#[test]
fn bites() {
    for sabotage in Sabotage::ALL {
        let found = (0..300).find_map(|seed| run(seed, sabotage).err());
        assert!(found.is_some(), "nobody noticed {sabotage:?}");
    }
}
