//! Simulated histories of one node: the real dispatcher, room and core against a model store, a model network and
//! everything that can go wrong, days of it in milliseconds, all from a seed.
//!
//! A failure names its seed: `TIDINGS_SEED=17 cargo test --test simulation` replays that history alone. How many
//! seeds there are `TIDINGS_TEST_TIER` says; how large they are on average the test says at its end. `bites` breaks
//! the node on purpose in every way we could think of, and the rules have to find each.
//!
//! What must hold: `rules` (slots, shares, what goes on the wire), `fairness` (round robin), `starvation` (nothing
//! waits that could go), `ledger` (who is to get what), `world` (what is left when all has healed is soon done).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

#[path = "simulation/chance.rs"]
mod chance;
#[path = "simulation/claims.rs"]
mod claims;
#[path = "simulation/fairness.rs"]
mod fairness;
#[path = "simulation/fan_out.rs"]
mod fan_out;
#[path = "simulation/ledger.rs"]
mod ledger;
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
#[path = "simulation/size.rs"]
mod size;
#[path = "simulation/starvation.rs"]
mod starvation;
#[path = "simulation/store.rs"]
mod store;
#[path = "simulation/world.rs"]
mod world;

use plan::Plan;
use sabotage::Sabotage;
use size::Size;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// What a history came to.
#[derive(Debug, PartialEq, Eq)]
struct History {
    trace: u64,
    size: Size,
}

fn run(seed: u64, sabotage: Sabotage) -> Result<History, String> {
    let mut world = World::new(Plan::of(seed), sabotage);
    match world.run() {
        Ok(()) => Ok(History {
            trace: world.trace,
            size: Size::of(&world),
        }),
        Err(broken) => Err(format!(
            "seed {seed} at {:?}: {broken}\n{:?}\nreplay it with TIDINGS_SEED={seed}",
            world.clock(),
            world.plan
        )),
    }
}

/// Runs seeds on all cores; the first failure ends it.
fn run_all(seeds: std::ops::Range<u64>) -> Size {
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Size::default()));
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
                        Ok(history) => sum.lock().unwrap().add(&history.size),
                        Err(broken) => panic!("{broken}"),
                    }
                }
            });
        }
    });
    sum.into_inner().unwrap()
}

#[test]
fn every_history_keeps_the_rules() {
    let number = |text: String| text.parse::<u64>().expect("TIDINGS_SEED is a number");
    let seeds = match std::env::var("TIDINGS_SEED").map(number) {
        Ok(seed) => seed..seed + 1,
        Err(_) => match std::env::var("TIDINGS_TEST_TIER").as_deref() {
            Ok("long") => 0..20_000,
            Ok("quick") => 0..200,
            _ => 0..500,
        },
    };
    let sum = run_all(seeds);
    // Not `print`: what a seed covers is to be seen when it passes, too.
    writeln!(std::io::stderr(), "simulation: {sum}").unwrap();
    assert!(sum.requests > 0, "the histories are empty");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..20 {
        assert_eq!(
            run(seed, Sabotage::Nothing),
            run(seed, Sabotage::Nothing),
            "seed {seed}"
        );
    }
    assert_ne!(run(1, Sabotage::Nothing), run(2, Sabotage::Nothing));
}

/// The rules are not rules on paper: each sabotage is found within some seeds, by the rule that is about it.
#[test]
fn bites() {
    for (sabotage, words) in Sabotage::ALL {
        let found = (0..300)
            .filter_map(|seed| run(seed, sabotage).err())
            .any(|broken| broken.contains(words));
        assert!(found, "nobody noticed {sabotage:?}");
    }
}
