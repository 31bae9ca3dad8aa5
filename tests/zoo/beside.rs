//! How long deliveries to receivers that answer take, beside two hundred that are hungry and get an event each a second: printed, not held, since speed on
//! a shared machine is no test. Held: each of them is answered.

use crate::authority::Authority;
use crate::receiver::{Receiver, Reply};
use crate::run::{ALONE, AT_ONCE, Zoo, all, runtime};
use crate::world::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tidings_core::outcome::Outcome;
use tokio::task::JoinSet;

/// Between two deliveries to the receiver that answers.
const PACE: Duration = Duration::from_millis(5);

/// Between two deliveries to hungry ones: two hundred get one a second each.
const HUNGRY_PACE: Duration = Duration::from_millis(5);

/// How many deliveries are measured, each way.
fn deliveries() -> usize {
    match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => 6_000,
        _ => 300,
    }
}

/// How long that many deliveries took, the quickest first.
fn took(zoo: &Zoo, url: &str, count: usize) -> Vec<Duration> {
    zoo.sender.block_on(async {
        let mut pace = tokio::time::interval(PACE);
        let mut under_way = JoinSet::new();
        for _ in 0..count {
            pace.tick().await;
            let (world, url) = (Arc::clone(&zoo.world), url.to_owned());
            under_way.spawn(async move {
                let begun = Instant::now();
                let record = world.send(&url).await;
                assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
                begun.elapsed()
            });
        }
        let mut took = under_way.join_all().await;
        took.sort_unstable();
        took
    })
}

fn show(what: &str, took: &[Duration]) -> f64 {
    let at =
        |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_secs_f64() * 1e3;
    let (median, late) = (at(50), at(99));
    println!("{what:<24} p50 {median:.2} ms, p99 {late:.2} ms");
    late
}

/// Sends to one hungry receiver after the other, until it is over.
async fn feed(world: Arc<World>, urls: Vec<String>, over: Arc<AtomicBool>) {
    let mut pace = tokio::time::interval(HUNGRY_PACE);
    let mut under_way = JoinSet::new();
    for url in urls.iter().cycle() {
        pace.tick().await;
        if over.load(Ordering::Relaxed) {
            break;
        }
        while under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        let (world, url) = (Arc::clone(&world), url.clone());
        under_way.spawn(async move { world.send(&url).await });
    }
    under_way.join_all().await;
}

#[test]
fn s15_receivers_that_answer_are_answered_beside_two_hundred_hungry_ones() {
    let _alone = ALONE.lock();
    let authority = Authority::new("Zoo");
    let watching = runtime(1);
    let healthy = watching.block_on(Receiver::start(|_| Reply::status(200)));
    let url = healthy.url("/");
    let mut hungry = all(&authority, "http://localhost/");
    hungry.retain(|mode| mode.is_hungry);
    let zoo = Zoo::open(&authority, hungry);
    took(&zoo, &url, 50);
    let alone = show("alone", &took(&zoo, &url, deliveries()));
    let over = Arc::new(AtomicBool::new(false));
    let urls = zoo.open.iter().map(|(_, site)| site.url.clone()).collect();
    let feeding = feed(Arc::clone(&zoo.world), urls, Arc::clone(&over));
    let feeding = zoo.sender.spawn(feeding);
    let beside = show("beside the hungry ones", &took(&zoo, &url, deliveries()));
    over.store(true, Ordering::Relaxed);
    zoo.sender.block_on(feeding).unwrap();
    println!("p99 {:.2} times", beside / alone);
    zoo.close();
}
