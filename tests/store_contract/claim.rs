//! Claiming: round the endpoints, never what may not be sent, never a damaged body.

use crate::verbs::{OK, UPDATED, event};
use crate::world::{LARKSPUR, RIVERSIDE, World, one_add_on, organization};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::{Directory, Endpoint, SwitchChange};
use tidings::store::queue::Queue;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::id::EndpointId;

/// Two endpoints, the first with a long backlog in the store, the second with a short one behind it.
async fn backlogs(room: usize) -> (World, Arc<Endpoint>, Arc<Endpoint>) {
    let mut world = World::with_room(room).organized().await;
    let busy = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let calm = world.endpoint(RIVERSIDE, &[UPDATED]).await;
    for (owner, events) in [(LARKSPUR, 300), (RIVERSIDE, 5)] {
        let group = (0..events).map(|_| event(owner)).collect();
        world.store.accept(group).await.unwrap();
        world.pass(Duration::from_secs(1));
    }
    for job in world.jobs() {
        world.hand_back(job).await;
    }
    (world, busy, calm)
}

fn by_endpoint(jobs: &[tidings::store::queue::Job]) -> HashMap<EndpointId, usize> {
    let mut counted = HashMap::new();
    for job in jobs {
        *counted.entry(job.delivery.endpoint).or_insert(0) += 1;
    }
    counted
}

#[tokio::test]
async fn w22_a_long_backlog_does_not_stand_before_a_short_one() {
    let (world, busy, calm) = backlogs(1_000).await;
    let claimed = world.claim(100).await;
    let counted = by_endpoint(&claimed.jobs);
    assert_eq!((counted[&busy.id], counted[&calm.id]), (95, 5));
    assert!(claimed.more);
}

#[tokio::test]
async fn w22_a_saturated_endpoint_leaves_room_for_the_others() {
    let (world, busy, calm) = backlogs(20).await;
    let claimed = world.claim(100).await;
    let counted = by_endpoint(&claimed.jobs);
    assert_eq!((counted[&busy.id], counted[&calm.id]), (10, 5));
    assert!(claimed.more);
}

#[tokio::test]
async fn w22_who_finds_no_room_is_next_when_some_comes_free() {
    const ENDPOINTS: i64 = 6;
    let mut world = World::with_room(4);
    let mut ids = Vec::new();
    for owner in 1..=ENDPOINTS {
        world.put_organization(owner, one_add_on()).await;
        ids.push(world.endpoint(owner, &[UPDATED]).await.id);
    }
    for owner in 1..=ENDPOINTS {
        let group = (0..40).map(|_| event(owner)).collect();
        world.store.accept(group).await.unwrap();
    }
    world.pass(Duration::from_secs(1));
    for job in world.jobs() {
        world.hand_back(job).await;
    }
    let mut served: HashMap<EndpointId, usize> = HashMap::new();
    for _ in 0..ENDPOINTS {
        for job in world.claim(512).await.jobs {
            *served.entry(job.delivery.endpoint).or_insert(0) += 1;
            world.end(job, OK).await;
        }
    }
    for id in ids {
        assert!(served.contains_key(&id), "{id} was passed by: {served:?}");
    }
}

#[tokio::test]
async fn the_oldest_of_an_endpoint_come_first_and_each_once() {
    let (world, ..) = backlogs(1_000).await;
    let mut seen = HashMap::new();
    loop {
        let claimed = world.claim(64).await;
        for job in &claimed.jobs {
            let before = seen.insert(job.delivery.endpoint, job.delivery.event);
            assert!(before.is_none_or(|before| before < job.delivery.event));
        }
        if !claimed.more {
            break;
        }
    }
    assert_eq!(
        world.count("SELECT count(*) FROM deliveries WHERE state = 0"),
        0
    );
    assert_eq!(
        world.count("SELECT count(*) FROM deliveries WHERE fence > 2"),
        0
    );
}

#[tokio::test]
async fn switched_off_they_are_held_and_on_again_announced() {
    let (mut world, busy, _) = backlogs(1_000).await;
    world.switch(&busy, SwitchChange::Off).await;
    let claimed = world.claim(1_000).await;
    assert_eq!(
        (claimed.jobs.len(), claimed.more, claimed.next_due),
        (5, false, None)
    );
    drop(claimed);
    assert!(world.claim(1_000).await.jobs.is_empty());
    world.engine.due.take();
    world.switch(&busy, SwitchChange::OnSendHeld).await;
    assert!(
        world
            .engine
            .due
            .take()
            .is_some_and(|due| due <= world.clock.now())
    );
    assert_eq!(world.claim(1_000).await.jobs.len(), 300);
    assert!(world.jobs().is_empty());
}

#[tokio::test]
async fn w3_the_organizations_switch_holds_all_of_its_endpoints() {
    let (world, ..) = backlogs(1_000).await;
    let owner = organization(LARKSPUR);
    let actor = crate::world::actor;
    world
        .store
        .set_webhooks(owner, SwitchChange::Off, actor())
        .await
        .unwrap();
    assert_eq!(world.claim(1_000).await.jobs.len(), 5);
    world
        .store
        .set_webhooks(owner, SwitchChange::OnSendHeld, actor())
        .await
        .unwrap();
    assert_eq!(world.claim(1_000).await.jobs.len(), 300);
}

#[tokio::test]
async fn a_damaged_body_is_never_sent() {
    let (world, _, calm) = backlogs(1_000).await;
    let id = world
        .claim(1_000)
        .await
        .jobs
        .into_iter()
        .find(|job| job.delivery.endpoint == calm.id);
    let job = id.unwrap();
    let (id, good) = (
        job.delivery,
        world.count("SELECT count(*) FROM deliveries") - 1,
    );
    let world = world.reopen();
    world.store.recover(world.clock.now()).await.unwrap();
    world.place.run(&format!(
        "UPDATE bodies SET data = {} WHERE event_id = {}",
        crate::backend::bytes(b"{}"),
        id.event.raw()
    ));
    assert_eq!(world.claim(1_000).await.jobs.len() as i64, good);
    assert_eq!(world.state(id), State::Cancelled(CancelReason::Damaged));
}

#[tokio::test]
async fn a_body_that_retention_removed_is_never_sent() {
    let (world, ..) = backlogs(1_000).await;
    world.place.run("DELETE FROM bodies");
    world.engine.due.take();
    let claimed = world.claim(100).await;
    assert!(claimed.jobs.is_empty() && claimed.more);
    let again = world.engine.due.take();
    assert!(again.is_some(), "the engine is to look again");
    let claimed = world.claim(100).await;
    assert!(claimed.jobs.is_empty() && !claimed.more);
    assert_eq!(world.engine.due.take(), None);
    let expired = "SELECT count(*) FROM deliveries WHERE state = 7";
    assert_eq!(world.count(expired), 305);
}
