//! The engine on a real store, with attempts that do what a test says: what the driver performs, told in stories.
//!
//! What it decides is tested in `src/engine/dispatcher` and by the simulation. Nothing here waits by the clock:
//! attempts announce themselves, and draining ends when everything is on disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

#[path = "engine/world.rs"]
mod world;

use std::time::Duration;
use tidings::clock::Clock;
use tidings::engine::Drained;
use tidings::store::directory::{Directory, EndpointPatch, SwitchChange};
use tidings::store::queue::{NewTest, Queue, TestStarted};
use tidings_core::outcome::{Failure, Outcome};
use world::{Act, World, actor, organization, wire};

/// Longer than any drain may take, shorter than a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const DUE: i64 = 0;
const IN_FLIGHT: i64 = 1;
const DELIVERED: i64 = 2;

#[tokio::test]
async fn an_accepted_event_is_sent_and_settled() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(Act::Answer(Outcome::Status(204))).await;
    let engine = world.start(16);
    world.post().await;
    assert_eq!(world.attempted().await.endpoint, endpoint);
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(world.states(), [(DELIVERED, 1, 0)]);
}

#[tokio::test]
async fn a_failure_waits_for_its_time_in_the_store() {
    let mut world = World::new().await;
    world
        .endpoint(Act::Answer(Outcome::Failed(Failure::Refused)))
        .await;
    let engine = world.start(16);
    world.post().await;
    world.attempted().await;
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(world.states(), [(DUE, 1, 1)]);
    let wait =
        world.number("SELECT d.due_at - a.started_at - a.total FROM deliveries d JOIN attempts a");
    assert!(wait >= 10_000_000, "{wait} µs");
}

#[tokio::test]
async fn an_attempt_is_one_line_of_log_that_says_what_comes_next() {
    let said = world::Said::default();
    let _here = said.listen();
    let mut world = World::new().await;
    for act in [Outcome::Status(204), Outcome::Failed(Failure::Refused)] {
        world.endpoint(Act::Answer(act)).await;
    }
    let engine = world.start(16);
    world.post().await;
    world.attempted().await;
    world.attempted().await;
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    let mut lines = said.attempts();
    lines.sort_by_key(|line| line["number"].as_u64().zip(line["next_try_s"].as_u64()));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["next"], "delivered");
    assert_eq!(lines[0]["next_try_s"], serde_json::Value::Null);
    assert_eq!(lines[1]["next"], "waiting");
    assert_eq!(lines[1]["next_try_s"], 10);
    assert_eq!(lines[1]["outcome"], "refused");
}

#[tokio::test]
async fn an_attempt_that_panics_is_our_own_fault_and_loses_nothing() {
    let mut world = World::new().await;
    world.endpoint(Act::Panic).await;
    let engine = world.start(16);
    world.post().await;
    world.attempted().await;
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(world.states(), [(DUE, 1, 0)]);
    assert_eq!(world.number("SELECT outcome FROM attempts"), 2_000);
}

#[tokio::test]
async fn what_waits_is_due_once_an_endpoint_is_switched_off_and_only_tests_go_on() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(Act::Hold).await;
    let engine = world.start(1);
    world.post().await;
    world.attempted().await;
    world.post().await;
    let off = EndpointPatch {
        switch: Some(SwitchChange::Off),
        ..EndpointPatch::default()
    };
    let (owner, store) = (organization(), world.store.clone());
    store
        .patch_endpoint(owner, endpoint, off, actor())
        .await
        .unwrap();
    let test = NewTest {
        organization: owner,
        endpoint,
        wire_type: wire(),
        data: bytes::Bytes::from_static(b"{}"),
    };
    let TestStarted::Started { delivery, done } = store.test(test, actor()).await.unwrap() else {
        panic!("no test was started");
    };
    world.let_go();
    assert_eq!(world.attempted().await, delivery);
    world.let_go();
    assert_eq!(done.await.unwrap().outcome, Outcome::Status(200));
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(
        world.states(),
        [(DELIVERED, 1, 0), (DUE, 0, 0), (DELIVERED, 1, 0)]
    );
    assert!(world.is_quiet(), "the waiting one was sent");
}

#[tokio::test]
async fn a_drain_hands_back_what_waits_and_finishes_what_flies() {
    let mut world = World::new().await;
    world.endpoint(Act::Hold).await;
    let engine = world.start(2);
    for _ in 0..5 {
        world.post().await;
    }
    world.attempted().await;
    let drain = tokio::spawn(engine.drain(PATIENCE));
    // Whichever come before the drain does are finished, too.
    (0..5).for_each(|_| world.let_go());
    assert_eq!(drain.await.unwrap(), Drained::Clean);
    let states = world.states();
    assert_eq!(states[0], (DELIVERED, 1, 0));
    assert!(
        states.iter().all(|(state, ..)| *state != IN_FLIGHT),
        "{states:?}"
    );
}

#[tokio::test]
async fn a_drain_that_runs_out_of_time_says_so_and_the_next_life_goes_on() {
    let mut world = World::new().await;
    world.endpoint(Act::Hold).await;
    let engine = world.start(2);
    world.post().await;
    world.attempted().await;
    let drained = engine.drain(Duration::from_millis(50)).await;
    assert_eq!(drained, Drained::CutOff { in_flight: 1 });
    assert_eq!(world.states(), [(IN_FLIGHT, 0, 0)]);

    let mut world = world.reopen().await;
    world.let_go();
    let engine = world.start(2);
    world.attempted().await;
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(world.states(), [(DELIVERED, 1, 0)]);
}

#[tokio::test]
async fn w19_what_is_due_later_starts_then_and_never_earlier() {
    let world = World::new().await;
    world.endpoint(Act::Answer(Outcome::Status(200))).await;
    world.post().await;
    let clock = Clock::system();
    let due = clock.now().plus(Duration::from_millis(700));
    let mut world = world
        .stored(|sql| {
            let change = "UPDATE deliveries SET state = 0, attempts = 1, failures = 1, due_at = ?1";
            sql.execute(change, [due.as_micros()]).unwrap();
        })
        .await;
    let engine = world.start(2);
    world.attempted().await;
    assert!(clock.now() >= due);
    assert_eq!(engine.drain(PATIENCE).await, Drained::Clean);
    assert_eq!(world.states(), [(DELIVERED, 2, 1)]);
}
