//! How many deliveries came to rest, and how: each is counted once, whoever put it there.

use crate::verbs::{FAILED, OK, UPDATED, event};
use crate::world::{LARKSPUR, World, actor, organization};
use std::sync::Arc;
use tidings::store::directory::{Directory, Endpoint, SwitchChange};
use tidings::store::erasure::Erasing;
use tidings::store::queue::{Change, Job, Queue, Settlement};
use tidings_core::delivery::{CancelReason, State};
use tidings_core::organization::AddOns;

/// What this process has counted: delivered, exhausted, cancelled.
pub fn counted() -> [u64; 3] {
    let ends: Vec<(&str, u64)> = tidings::metrics::COUNTS.ends.read().collect();
    ["delivered", "exhausted", "cancelled"]
        .map(|how| ends.iter().find(|(name, _)| *name == how).unwrap().1)
}

/// What was counted since.
fn since(before: [u64; 3]) -> [u64; 3] {
    let now = counted();
    std::array::from_fn(|how| now[how] - before[how])
}

/// An endpoint with `waiting` deliveries in the store and one in flight.
async fn waiting(waiting: usize) -> (World, Arc<Endpoint>, Job) {
    let mut world = World::with_room(2).organized().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let group = (0..=waiting).map(|_| event(LARKSPUR)).collect();
    world.store.accept(group).await.unwrap();
    let job = world.job();
    (world, endpoint, job)
}

fn given_up(job: Job) -> Settlement {
    Settlement {
        delivery: job.delivery,
        lease: job.lease,
        change: Change::Cancelled(CancelReason::Damaged),
        reservation: job.reservation,
    }
}

#[tokio::test]
async fn w2_without_an_add_on_what_waits_what_fails_and_what_a_crash_left_is_counted_as_cancelled()
{
    let before = counted();
    let (world, _, job) = waiting(3).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    world.rest().await;
    assert_eq!(since(before), [0, 0, 3], "what waits");
    world.end(job, FAILED).await;
    assert_eq!(since(before), [0, 0, 4], "what fails");
    let before = counted();
    let (world, _, job) = waiting(0).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    let world = world.reopen();
    drop(job);
    world.rest().await;
    world.store.recover(world.clock.now()).await.unwrap();
    assert_eq!(since(before), [0, 0, 1], "what a crash left");
}

#[tokio::test]
async fn what_is_handed_back_to_a_deleted_endpoint_is_counted_as_cancelled() {
    let before = counted();
    let (world, endpoint, job) = waiting(2).await;
    let owner = organization(LARKSPUR);
    let deleted = world.store.delete_endpoint(owner, endpoint.id, actor());
    deleted.await.unwrap();
    world.hand_back(job).await;
    world.rest().await;
    assert_eq!(since(before), [0, 0, 3]);
}

#[tokio::test]
async fn what_waits_of_an_erased_event_is_counted_as_cancelled() {
    let before = counted();
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let id = world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, FAILED).await;
    world.store.erase_event(id, actor()).await.unwrap();
    world.rest().await;
    assert_eq!(since(before), [0, 0, 1]);
}

#[tokio::test]
async fn results_are_counted_by_what_they_put_to_rest() {
    let before = counted();
    let (world, _, job) = waiting(0).await;
    let id = job.delivery;
    world.end(job, OK).await;
    assert_eq!(since(before), [1, 0, 0]);
    world.retry(id).await;
    let job = world.claim(1).await.jobs.remove(0);
    world.store.settle(vec![given_up(job)]).await.unwrap();
    assert_eq!(world.state(id), State::Delivered);
    assert_eq!(since(before), [2, 0, 0], "it arrived before");
    let (world, _, job) = waiting(0).await;
    world.store.settle(vec![given_up(job)]).await.unwrap();
    assert_eq!(since(before), [2, 0, 1]);
}

#[tokio::test]
async fn one_that_arrived_before_and_is_discarded_is_counted_as_delivered() {
    let (world, endpoint, job) = waiting(0).await;
    let id = job.delivery;
    world.end(job, OK).await;
    world.retry(id).await;
    let before = counted();
    world.switch(&endpoint, SwitchChange::Off).await;
    world.switch(&endpoint, SwitchChange::OnDiscardHeld).await;
    world.rest().await;
    assert_eq!(since(before), [1, 0, 0]);
}
