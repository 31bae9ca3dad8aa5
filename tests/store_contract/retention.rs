//! What was kept long enough goes, bodies first; nothing in flight does, and nothing younger.

use crate::verbs::{FAILED, OK, UPDATED, event};
use crate::world::{LARKSPUR, World, organization};
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::Reach;
use tidings::store::directory::{PageRequest, SwitchChange};
use tidings::store::log::{DeliveryFilter, Log as _, Retried};
use tidings::store::queue::Settled;
use tidings::store::retention::Retention;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::event::Reference;

const DAY: Duration = Duration::from_secs(86_400);
/// A day, and what partitions of a week and the pieces of an hour add.
const SOON: Duration = Duration::from_secs(8 * 86_400 + 3_600);

/// A world that keeps bodies for 30 days and records for 90.
async fn keeping() -> World {
    let world = World::with_organizations().await;
    remember(&world);
    world
}

fn remember(world: &World) {
    world.store.keep_events(Retention {
        bodies: 30 * DAY,
        records: 90 * DAY,
        audit: Duration::from_secs(365 * 86_400),
    });
}

const EVERYTHING: &str = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM bodies),
    (SELECT count(*) FROM deliveries), (SELECT count(*) FROM attempts), (SELECT count(*) FROM events_listed),
    (SELECT count(*) FROM deliveries_listed), (SELECT count(*) FROM references_listed), (SELECT count(*) FROM stats)";

#[tokio::test]
async fn bodies_go_after_their_time_and_records_after_theirs() {
    let mut world = keeping().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let mut accept = event(LARKSPUR);
    accept.event.reference = Reference::parse("order-7");
    world.post(accept).await;
    let job = world.job();
    let id = job.delivery;
    world.end(job, OK).await;
    world.pass(DAY);
    // Lists may wait for whoever else is writing to the database.
    while world.count("SELECT count(*) FROM deliveries_listed") == 0 {
        world.rest().await;
        world.pass(Duration::from_secs(1));
    }
    let all = world.place.numbers(EVERYTHING).remove(0);
    assert_eq!(all.iter().flatten().take(7).collect::<Vec<_>>(), [&1; 7]);
    assert!(all[7] > Some(0));

    world.pass(28 * DAY);
    world.rest().await;
    assert_eq!(
        world.place.numbers(EVERYTHING)[0],
        all,
        "until then nothing goes"
    );

    world.pass(SOON);
    world.rest().await;
    let left = world.place.numbers(EVERYTHING).remove(0);
    assert_eq!(
        (left[0], left[1], left[3]),
        (Some(1), Some(0), Some(1)),
        "the body alone"
    );
    let found = world.store.delivery(Reach::All, id).await.unwrap().unwrap();
    assert_eq!((found.body, found.attempts.len()), (None, 1));
    let again = world
        .store
        .retry(Reach::All, id, Actor::server())
        .await
        .unwrap();
    assert_eq!(again, Retried::BodyGone);

    world.pass(60 * DAY);
    world.rest().await;
    assert_eq!(world.place.numbers(EVERYTHING)[0], [Some(0); 8]);
    assert!(
        world
            .store
            .delivery(Reach::All, id)
            .await
            .unwrap()
            .is_none()
    );
    let page = PageRequest {
        limit: 10,
        after: None,
    };
    let list = world
        .store
        .deliveries(organization(LARKSPUR), DeliveryFilter::default(), page)
        .await
        .unwrap();
    assert!(list.items.is_empty());
}

#[tokio::test]
async fn what_is_younger_stays() {
    let mut world = keeping().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    for _ in 0..2 {
        world.post(event(LARKSPUR)).await;
        let job = world.job();
        world.end(job, OK).await;
        world.rest().await;
        world.pass(50 * DAY);
    }
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM events"), 1);
    assert_eq!(world.count("SELECT count(*) FROM attempts"), 1);
    assert_eq!(world.count("SELECT count(*) FROM bodies"), 0);
}

/// Deliveries that were counted as cancelled by this process.
fn cancelled() -> u64 {
    crate::ends::counted()[2]
}

#[tokio::test]
async fn w23_what_is_held_ends_when_its_body_goes() {
    for indexed in [false, true] {
        let before = cancelled();
        let mut world = keeping().await;
        let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            world.post(event(LARKSPUR)).await;
            let job = world.job();
            held.push(job.delivery);
            world.end(job, FAILED).await;
        }
        world.switch(&endpoint, SwitchChange::Off).await;
        world.pass(20 * DAY);
        world.rest().await;
        // One that has its body for longer.
        let other = world.endpoint(LARKSPUR, &[UPDATED]).await;
        world.post(event(LARKSPUR)).await;
        let job = world.job();
        let younger = job.delivery;
        world.end(job, FAILED).await;
        world.switch(&other, SwitchChange::Off).await;
        if indexed {
            let moved = "UPDATE deliveries SET state = 0 WHERE state = 1 AND epoch = 0";
            world.place.run(moved);
            world = world.reopen();
            remember(&world);
        }
        world.pass(10 * DAY + SOON);
        world.rest().await;
        for id in &held {
            let state = world.state(*id);
            assert_eq!(state, State::Cancelled(CancelReason::Expired), "{indexed}");
        }
        assert_eq!(world.state(younger), State::Due);
        assert_eq!(cancelled() - before, 3);
        world.switch(&endpoint, SwitchChange::OnSendHeld).await;
        assert!(world.claim(10).await.jobs.is_empty());
        // At once with its records it ends, too.
        world.pass(100 * DAY);
        world.rest().await;
        assert_eq!(world.deliveries(), 0);
        assert_eq!(cancelled() - before, 4);
    }
}

#[tokio::test]
async fn what_waits_without_a_body_is_cancelled_as_expired_by_whoever_claims_it() {
    let before = cancelled();
    let mut world = keeping().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let id = job.delivery;
    world.end(job, FAILED).await;
    world.pass(30 * DAY + SOON);
    world.place.run("DELETE FROM bodies");
    assert!(world.claim(10).await.jobs.is_empty());
    assert_eq!(world.state(id), State::Cancelled(CancelReason::Expired));
    assert_eq!(cancelled() - before, 1);
}

#[tokio::test]
async fn nothing_in_flight_is_removed() {
    let mut world = keeping().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let id = job.delivery;
    world.pass(90 * DAY + SOON);
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM events"), 1);
    assert_eq!(world.end(job, OK).await, Settled::Stored);
    assert_eq!(world.state(id), State::Delivered);
    world.pass(DAY);
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM attempts"), 0);
}

#[tokio::test]
async fn without_a_rule_everything_is_kept() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
    world.pass(4_000 * DAY);
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM bodies"), 1);
}
