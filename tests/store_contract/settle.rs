//! Results: attempt and next state together, under the claim that made them, and nothing else.

use crate::verbs::{FAILED, OK, UPDATED, ended, event};
use crate::world::{LARKSPUR, World};
use std::time::Duration;
use tidings::store::queue::{Change, Queue, Settled, Settlement};
use tidings_core::delivery::{CancelReason, State};
use tidings_core::outcome::{Outcome, OwnFault};

#[tokio::test]
async fn w17_a_2xx_is_delivered_and_its_attempt_is_on_the_log() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let id = job.delivery;
    world.pass(Duration::from_millis(40));
    assert_eq!(world.end(job, OK).await, Settled::Stored);
    let world = world.reopen();
    let lying = world.lying(id);
    assert_eq!(lying.state, State::Delivered);
    assert_eq!((lying.attempts, lying.failures), (1, 0));
    assert_eq!(lying.rested_at, Some(world.clock.now()));
    assert_eq!(
        world.count("SELECT outcome FROM attempts WHERE number = 1"),
        204
    );
}

#[tokio::test]
async fn w19_w20_retries_come_10_s_and_100_s_after_the_failure_and_never_earlier() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let mut job = world.job();
    let id = job.delivery;
    let ours = Outcome::OwnFault(OwnFault::Resources);
    for (outcome, wait) in [(FAILED, 10), (ours, 10), (FAILED, 100)] {
        world.pass(Duration::from_secs(3));
        world.end(job, outcome).await;
        let due = world.clock.now().plus(Duration::from_secs(wait));
        world.pass(Duration::from_secs(wait) - Duration::from_micros(1));
        let claimed = world.claim(10).await;
        assert_eq!((claimed.jobs.len(), claimed.more), (0, false));
        assert_eq!(claimed.next_due, Some(due));
        world.pass(Duration::from_micros(1));
        let mut claimed = world.claim(10).await;
        assert_eq!(claimed.jobs.len(), 1);
        job = claimed.jobs.remove(0);
        assert_eq!(job.due_at, due);
    }
    assert_eq!((job.progress.attempts, job.progress.failures), (3, 2));
    assert_eq!(world.end(job, FAILED).await, Settled::Stored);
    assert_eq!(world.state(id), State::Exhausted);
    assert_eq!(world.count("SELECT count(*) FROM attempts"), 4);
    assert_eq!(world.claim(10).await.next_due, None);
}

#[tokio::test]
async fn a_late_result_of_another_claim_changes_nothing() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let id = job.delivery;
    let late = ended(job, OK, world.clock.now());
    // The claim is lost: another life of the node gives the delivery back and claims it anew.
    let mut world = world.reopen();
    world.store.recover(world.clock.now()).await.unwrap();
    let again = world.claim(10).await.jobs.remove(0);
    assert_eq!(
        world.store.settle(vec![late]).await.unwrap(),
        [Settled::LeaseLost]
    );
    assert_eq!(world.state(id), State::InFlight);
    assert_eq!(world.count("SELECT count(*) FROM attempts"), 0);
    assert_eq!(world.end(again, FAILED).await, Settled::Stored);
    assert_eq!(world.state(id), State::Due);
    // Both were the first request, as far as each could know: the log has the one that counts.
    assert_eq!(world.count("SELECT outcome FROM attempts"), 500);
    assert_eq!(world.count("SELECT count(*) FROM attempts"), 1);
    assert!(world.jobs().is_empty());
}

#[tokio::test]
async fn a_result_stored_twice_counts_once() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let (id, lease) = (job.delivery, job.lease);
    assert_eq!(world.end(job, OK).await, Settled::Stored);
    let reservation = world
        .room()
        .reserve(id.endpoint, 0, tidings::store::room::Origin::Claimed)
        .unwrap();
    let twice = Settlement {
        delivery: id,
        lease,
        change: Change::Cancelled(CancelReason::Deleted),
        reservation,
    };
    assert_eq!(
        world.store.settle(vec![twice]).await.unwrap(),
        [Settled::LeaseLost]
    );
    assert_eq!(world.state(id), State::Delivered);
}

#[tokio::test]
async fn what_is_handed_back_is_due_as_it_was() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let (id, due_at) = (job.delivery, job.due_at);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.hand_back(job).await, Settled::Stored);
    assert_eq!(
        (world.lying(id).due_at, world.lying(id).attempts),
        (due_at, 0)
    );
    let mut claimed = world.claim(10).await;
    let job = claimed.jobs.remove(0);
    assert_eq!((job.due_at, job.lease.fence), (due_at, 2));
}

#[tokio::test]
async fn room_is_given_back_when_the_result_is_stored() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    assert_eq!(world.room().in_memory(), 1);
    let job = world.job();
    world.end(job, OK).await;
    assert_eq!(world.room().in_memory(), 0);
}
