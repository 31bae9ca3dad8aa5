//! What is promised where one process has the data for itself: nobody else gets in, and lists are made from what it notes.

use crate::verbs::{UPDATED, event};
use crate::world::{LARKSPUR, World};
use std::time::Duration;
use tidings::store::StoreError;
use tidings::store::queue::{Queue, Upkeep};
use tidings_core::event::Reference;

#[tokio::test]
async fn one_process_at_a_time_and_the_other_is_named() {
    let world = World::new();
    let (handover, _engine) =
        tidings::store::handover::channel(tidings::store::room::Room::new(1, 1));
    let second = world.place.open(
        &world.clock,
        handover,
        tidings::store::seal::MasterKey::from_bytes([7; 32]),
    );
    let wanted = StoreError::Locked {
        path: world.place.0.path().to_owned(),
        pid: Some(std::process::id()),
    };
    assert_eq!(second.unwrap_err(), wanted);
}

#[tokio::test]
async fn lists_are_written_late_and_whole() {
    let mut world = World::with_organizations().await;
    for _ in 0..3 {
        world.endpoint(LARKSPUR, &[UPDATED]).await;
    }
    for _ in 0..4 {
        world
            .store
            .accept((0..700).map(|_| event(LARKSPUR)).collect())
            .await
            .unwrap();
        drop(world.jobs());
    }
    assert_eq!(world.count("SELECT count(*) FROM deliveries_listed"), 0);
    // Cut short in the middle of a batch, it is written all the same.
    for _ in 0..2 {
        assert_eq!(
            world.store.upkeep(world.clock.now()).await.unwrap(),
            Upkeep::More
        );
    }
    let world = world.reopen();
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM events_listed"), 2_800);
    assert_eq!(world.count("SELECT count(*) FROM deliveries_listed"), 8_400);
    let last = world.count("SELECT max(id) FROM events");
    assert_eq!(
        world.count("SELECT value FROM meta WHERE key = 'listed_to'"),
        last
    );
    // From here on from what was noted, one by one as it was stored.
    for round in 1..=30 {
        let group = (0..400 * (round % 3)).map(|_| event(LARKSPUR)).collect();
        world.store.accept(group).await.unwrap();
        world.pass(Duration::from_secs(1));
        world.store.upkeep(world.clock.now()).await.unwrap();
    }
    world.pass(Duration::from_secs(1));
    world.rest().await;
    // And when more is stored than is noted: what is missing is read at once, batch by batch.
    for _ in 0..20 {
        let group = (0..900).map(|_| event(LARKSPUR)).collect();
        world.store.accept(group).await.unwrap();
    }
    world.rest().await;
    let events = world.count("SELECT count(*) FROM events");
    assert_eq!(events, 2_800 + 30 * 400 + 20 * 900);
    assert_eq!(world.count("SELECT count(*) FROM events_listed"), events);
    assert_eq!(
        world.count("SELECT count(*) FROM deliveries_listed"),
        3 * events
    );
}

#[tokio::test]
async fn much_to_list_is_announced_whatever_it_is_made_of() {
    for reference in [None, Reference::parse("order-7")] {
        let world = World::with_organizations().await;
        world.endpoint(LARKSPUR, &[UPDATED]).await;
        world.rest().await;
        let told = async || {
            let wait = tokio::time::timeout(Duration::ZERO, world.engine.upkeep.notified());
            wait.await.is_ok()
        };
        for (events, announced) in [(3_000, false), (2_500, true), (2_500, false)] {
            let group = (0..events).map(|_| {
                let mut accept = event(LARKSPUR);
                accept.event.reference.clone_from(&reference);
                accept
            });
            world.store.accept(group.collect()).await.unwrap();
            assert_eq!(told().await, announced, "{events} {reference:?}");
        }
    }
}

#[tokio::test]
async fn w23_what_a_crashed_life_had_in_flight_is_nobodys_until_it_is_given_back() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    drop(world.job());
    let world = world.reopen();
    assert!(world.claim(100).await.jobs.is_empty());
    assert_eq!(world.store.recover(world.clock.now()).await.unwrap(), 1);
    assert_eq!(world.claim(100).await.jobs.len(), 1);
}
