//! One life after another: what a crash leaves.

use crate::verbs::{OK, UPDATED, event};
use crate::world::{LARKSPUR, World};
use std::time::Duration;
use tidings::store::queue::Queue;
use tidings_core::delivery::State;

#[tokio::test]
async fn w23_what_a_crashed_life_had_in_flight_is_due_again() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world
        .store
        .accept((0..30).map(|_| event(LARKSPUR)).collect())
        .await
        .unwrap();
    let mut jobs = world.jobs();
    let settled = jobs.remove(0);
    let (done, open) = (settled.delivery, jobs[0].delivery);
    world.end(settled, OK).await;
    drop(jobs);
    let world = world.reopen();
    world.pass(Duration::from_secs(5));
    // Where nodes look after each other, some or all may be back before they are asked for.
    assert!(world.store.recover(world.clock.now()).await.unwrap() <= 29);
    assert_eq!(world.store.recover(world.clock.now()).await.unwrap(), 0);
    assert_eq!(
        (world.state(done), world.state(open)),
        (State::Delivered, State::Due)
    );
    let told = world.engine.due.take();
    assert!(told.is_some_and(|at| at <= world.clock.now()), "{told:?}");
    assert_eq!(world.claim(100).await.jobs.len(), 29);
}

#[tokio::test]
async fn recovery_leaves_what_this_life_leased() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    assert_eq!(world.store.recover(world.clock.now()).await.unwrap(), 0);
    let job = world.job();
    assert_eq!(world.state(job.delivery), State::InFlight);
}

#[tokio::test]
async fn what_is_due_is_known_in_the_next_life() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, crate::verbs::FAILED).await;
    let due = world.clock.now().plus(Duration::from_secs(10));
    let world = world.reopen();
    assert_eq!(world.claim(10).await.next_due, Some(due));
    world.pass(Duration::from_secs(10));
    assert_eq!(world.claim(10).await.jobs.len(), 1);
}
