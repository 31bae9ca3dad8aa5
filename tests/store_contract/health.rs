//! What the store says of itself: a backlog is what could be sent and is not.

use crate::verbs::{UPDATED, event};
use crate::world::{LARKSPUR, World};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::{Endpoint, SwitchChange};
use tidings::store::health::Healthy;
use tidings::store::queue::Queue;
use tidings_core::time::Timestamp;

/// A delivery that waits in the store since then, and that its node has noticed.
async fn waiting() -> (World, Arc<Endpoint>, Timestamp) {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let due_at = job.due_at;
    world.hand_back(job).await;
    notice(&world).await;
    (world, endpoint, due_at)
}

/// Lets the node see what is due, and takes nothing.
async fn notice(world: &World) {
    let claimed = world.claim(0).await;
    assert!(claimed.jobs.is_empty() && claimed.more);
}

/// Since when something waits, and for how many endpoints.
async fn backlog(world: &World) -> (Option<Timestamp>, u64) {
    let health = world.store.health().await.unwrap();
    (health.oldest_due, health.endpoints_due)
}

#[tokio::test]
async fn what_is_handed_back_waits_since_it_was_due() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let due_at = job.due_at;
    world.pass(Duration::from_secs(2));
    world.hand_back(job).await;
    // Before a claim looks at it.
    assert_eq!(backlog(&world).await, (Some(due_at), 0));
}

#[tokio::test]
async fn what_found_no_room_waits_since_it_was_accepted() {
    let world = World::with_room(2).organized().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let (first, second) = (event(LARKSPUR), event(LARKSPUR));
    world.store.accept(vec![first, second]).await.unwrap();
    let accepted = world.clock.now();
    world.pass(Duration::from_secs(2));
    notice(&world).await;
    assert_eq!(backlog(&world).await, (Some(accepted), 1));
}

#[tokio::test]
async fn what_is_held_for_an_endpoint_that_is_off_is_no_backlog() {
    let (world, endpoint, due_at) = waiting().await;
    assert_eq!(backlog(&world).await, (Some(due_at), 1));
    world.switch(&endpoint, SwitchChange::Off).await;
    assert_eq!(backlog(&world).await, (None, 0));
    // Nor where the node has not looked at it in this life.
    let world = world.reopen();
    assert_eq!(backlog(&world).await, (None, 0));
    world.switch(&endpoint, SwitchChange::OnSendHeld).await;
    notice(&world).await;
    assert_eq!(backlog(&world).await, (Some(due_at), 1));
}

#[tokio::test]
async fn a_backlog_is_seen_behind_many_endpoints_that_are_not_sent_to() {
    let (world, endpoint, due_at) = waiting().await;
    world.place.run(&format!(
        "INSERT INTO deliveries (event_id, endpoint_id, organization_id, name_id, audience, state, round, attempts, failures,
            due_at, epoch, fence)
         WITH RECURSIVE gone (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM gone WHERE id < 1300)
         SELECT d.event_id, gone.id, d.organization_id, d.name_id, d.audience, d.state, d.round, d.attempts, d.failures,
            d.due_at - 1, d.epoch, d.fence
         FROM deliveries d CROSS JOIN gone WHERE d.endpoint_id = {}",
        endpoint.id.raw()
    ));
    assert_eq!(backlog(&world).await, (Some(due_at), 1));
    let world = world.reopen();
    notice(&world).await;
    assert_eq!(backlog(&world).await, (Some(due_at), 1));
}
