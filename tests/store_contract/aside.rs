//! What waits since a moment ago is set aside before it is indexed: nobody can tell but by the pages written.

use crate::verbs::{FAILED, OK, UPDATED, event};
use crate::world::{LARKSPUR, World, actor, organization};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::{Directory, Endpoint};
use tidings::store::queue::{Job, Queue};
use tidings_core::delivery::{CancelReason, State};

const ASIDE: &str = "SELECT count(*) FROM deliveries WHERE state = 1 AND epoch = 0";
const INDEXED: &str = "SELECT count(*) FROM deliveries WHERE state = 0";

/// An endpoint, `events` for it, and what of them found room.
async fn crowded(room: usize, events: usize) -> (World, Arc<Endpoint>, Vec<Job>) {
    let mut world = World::with_room(room).organized().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    for start in (0..events).step_by(1_000) {
        let group = (start..events.min(start + 1_000)).map(|_| event(LARKSPUR));
        world.store.accept(group.collect()).await.unwrap();
    }
    let jobs = world.jobs();
    (world, endpoint, jobs)
}

/// Claims and ends one after another until nothing is due; answers how many there were, in the order of their events.
async fn serve(world: &World, mut last: i64) -> usize {
    for served in 0.. {
        let Some(job) = world.claim(1).await.jobs.pop() else {
            return served;
        };
        let event = job.delivery.event.raw();
        assert!(event > last, "the oldest come first");
        last = event;
        world.end(job, OK).await;
    }
    0
}

#[tokio::test]
async fn w22_what_found_no_room_is_due_and_claimed_oldest_first() {
    let (world, _, jobs) = crowded(4, 10).await;
    assert_eq!((jobs.len(), world.count(ASIDE)), (2, 8));
    let last = jobs[1].delivery.event.raw();
    for job in jobs {
        world.end(job, OK).await;
    }
    assert_eq!(serve(&world, last).await, 8);
    assert_eq!((world.count(ASIDE), world.count(INDEXED)), (0, 0));
}

#[tokio::test]
async fn w23_what_was_set_aside_is_known_in_the_next_life() {
    let (world, _, jobs) = crowded(4, 10).await;
    drop(jobs);
    let world = world.reopen();
    assert_eq!(world.store.recover(world.clock.now()).await.unwrap(), 2);
    assert_eq!((world.count(ASIDE), world.count(INDEXED)), (8, 2));
    assert_eq!(serve(&world, 0).await, 2 + 8);
}

#[tokio::test]
async fn w17_a_retry_is_set_aside_and_comes_in_its_time_among_what_is_indexed() {
    let (world, _, mut jobs) = crowded(100, 3).await;
    let retried = jobs.remove(0);
    let id = retried.delivery;
    world.end(retried, FAILED).await;
    assert_eq!((world.state(id), world.count(ASIDE)), (State::Due, 1));
    for job in jobs {
        // Back in the index: due since they were accepted, and so before the retry.
        world.hand_back(job).await;
    }
    let claimed = world.claim(10).await;
    assert_eq!(claimed.jobs.len(), 2);
    assert_eq!(
        claimed.next_due,
        Some(world.clock.now().plus(Duration::from_secs(10)))
    );
    for job in claimed.jobs {
        world.hand_back(job).await;
    }
    world.pass(Duration::from_secs(10));
    let claimed = world.claim(10).await;
    let order: Vec<_> = claimed.jobs.iter().map(|job| job.delivery).collect();
    assert_eq!((order.len(), order[2]), (3, id));
    assert_eq!(claimed.jobs[2].progress.attempts, 1);
}

#[tokio::test]
async fn one_that_is_tried_by_hand_waits_no_longer() {
    let (mut world, _, mut jobs) = crowded(100, 1).await;
    let job = jobs.remove(0);
    let id = job.delivery;
    world.end(job, FAILED).await;
    world.retry(id).await;
    // Later ones in the index, earlier than the retry was due before: it still comes first.
    world.pass(Duration::from_secs(1));
    let group = (0..5).map(|_| event(LARKSPUR)).collect();
    world.store.accept(group).await.unwrap();
    for job in world.jobs() {
        world.hand_back(job).await;
    }
    assert_eq!((world.count(ASIDE), world.count(INDEXED)), (1, 5));
    let claimed = world.claim(1).await;
    assert_eq!(claimed.jobs.len(), 1);
    assert_eq!(claimed.jobs[0].delivery, id);
}

#[tokio::test]
async fn w2_what_was_set_aside_is_cancelled_with_its_endpoint() {
    let (world, endpoint, jobs) = crowded(4, 10).await;
    let owner = organization(LARKSPUR);
    let deleted = world.store.delete_endpoint(owner, endpoint.id, actor());
    deleted.await.unwrap();
    world.rest().await;
    let code = State::Cancelled(CancelReason::Deleted).code();
    let cancelled = format!("SELECT count(*) FROM deliveries WHERE state = {code}");
    assert_eq!((world.count(&cancelled), world.count(ASIDE)), (8, 0));
    drop(jobs);
}

#[tokio::test]
async fn many_are_moved_to_the_index_and_none_is_lost_or_doubled() {
    let (world, _, jobs) = crowded(4, 20_000).await;
    assert_eq!(world.count(ASIDE), 16_384, "the set is bounded");
    assert_eq!(world.count(INDEXED), 20_000 - 16_384 - 2);
    world.rest().await;
    assert!((1..4_096).contains(&world.count(ASIDE)));
    for job in jobs {
        world.end(job, OK).await;
    }
    let mut seen = HashSet::new();
    loop {
        let claimed = world.claim(512).await;
        if claimed.jobs.is_empty() {
            break;
        }
        for job in claimed.jobs {
            assert!(seen.insert(job.delivery));
            world.end(job, OK).await;
        }
    }
    assert_eq!(seen.len(), 20_000 - 2);
}
