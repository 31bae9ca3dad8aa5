//! Cancelling what waits: in steps, never what came later, and never sent meanwhile.

use crate::verbs::{FAILED, OK, UPDATED, event};
use crate::world::{LARKSPUR, World, actor, one_add_on, organization};
use std::sync::Arc;
use tidings::store::directory::{Directory, Endpoint, SwitchChange};
use tidings::store::queue::Queue;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::organization::AddOns;

/// An endpoint with `waiting` deliveries in the store and one in flight.
async fn waiting(waiting: usize) -> (World, Arc<Endpoint>, tidings::store::queue::Job) {
    let mut world = World::with_room(2).organized().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let group = (0..=waiting).map(|_| event(LARKSPUR)).collect();
    world.store.accept(group).await.unwrap();
    let job = world.job();
    (world, endpoint, job)
}

fn cancelled(world: &World, reason: CancelReason) -> i64 {
    let state = State::Cancelled(reason).code();
    world.count(&format!(
        "SELECT count(*) FROM deliveries WHERE state = {state}"
    ))
}

#[tokio::test]
async fn w2_the_last_add_on_gone_cancels_what_waits_and_what_fails_later() {
    let (world, _, job) = waiting(2_500).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert!(world.claim(10).await.jobs.is_empty());
    let world = world.reopen();
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM sweeps"), 0);
    let id = job.delivery;
    drop(job);
    world.store.recover(world.clock.now()).await.unwrap();
    assert_eq!(cancelled(&world, CancelReason::AddOn), 2_501);
    assert_eq!(world.state(id), State::Cancelled(CancelReason::AddOn));
}

#[tokio::test]
async fn w2_a_failed_try_in_flight_is_cancelled_and_a_good_one_delivered() {
    for (outcome, wanted) in [
        (FAILED, State::Cancelled(CancelReason::AddOn)),
        (OK, State::Delivered),
    ] {
        let (world, _, job) = waiting(0).await;
        let id = job.delivery;
        world.put_organization(LARKSPUR, AddOns::NONE).await;
        world.end(job, outcome).await;
        assert_eq!(world.state(id), wanted);
    }
}

#[tokio::test]
async fn a_deleted_endpoint_cancels_what_waits_and_what_comes_back() {
    let (world, endpoint, job) = waiting(3).await;
    let id = job.delivery;
    let owner = organization(LARKSPUR);
    world
        .store
        .delete_endpoint(owner, endpoint.id, actor())
        .await
        .unwrap();
    world.hand_back(job).await;
    assert_eq!(world.state(id), State::Cancelled(CancelReason::Deleted));
    world.rest().await;
    assert_eq!(cancelled(&world, CancelReason::Deleted), 4);
}

#[tokio::test]
async fn discarding_cancels_what_was_held_and_not_what_comes_after() {
    let (mut world, endpoint, job) = waiting(3).await;
    world.switch(&endpoint, SwitchChange::Off).await;
    assert!(world.claim(10).await.jobs.is_empty());
    world.switch(&endpoint, SwitchChange::OnDiscardHeld).await;
    assert!(
        world.claim(10).await.jobs.is_empty(),
        "nothing held is sent while it is discarded"
    );
    let later = world
        .store
        .accept((0..3).map(|_| event(LARKSPUR)).collect())
        .await
        .unwrap();
    assert_eq!(later.len(), 3);
    drop((job, world.jobs()));
    world.rest().await;
    assert_eq!(cancelled(&world, CancelReason::Discarded), 3);
    let left = world.count("SELECT count(*) FROM deliveries WHERE state IN (0, 1)");
    assert_eq!(left, 4);
    assert!(!world.claim(10).await.jobs.is_empty());
}

#[tokio::test]
async fn a_delivered_one_that_was_being_sent_again_stays_delivered() {
    let (world, endpoint, job) = waiting(0).await;
    let id = job.delivery;
    world.end(job, OK).await;
    world.retry(id).await;
    assert_eq!(world.state(id), State::Due);
    world.switch(&endpoint, SwitchChange::Off).await;
    world.switch(&endpoint, SwitchChange::OnDiscardHeld).await;
    world.rest().await;
    assert_eq!(world.state(id), State::Delivered);
    world.put_organization(LARKSPUR, one_add_on()).await;
}
