//! Fan-out: the first deliveries with the accept, the rest in parts that no crash can lose or repeat.

use crate::verbs::{PUBLIC, UPDATED, event, public_event};
use crate::world::{LARKSPUR, RIVERSIDE, World, one_add_on};
use std::time::Duration;
use tidings::store::directory::SwitchChange;
use tidings::store::queue::{Queue, Upkeep};
use tidings_core::limits::FIRST_FAN_OUT;

/// Organizations of a thousand endpoints each that want what others publish.
async fn subscribers(world: &World, organizations: i64) {
    for number in 0..organizations {
        let owner = 20_000 + number;
        world.put_organization(owner, one_add_on()).await;
        for _ in 0..1_000 {
            world.endpoint(owner, &[PUBLIC]).await;
        }
    }
}

#[tokio::test]
async fn one_event_reaches_every_subscriber_once_with_a_crash_between_the_parts() {
    let mut world = World::with_room(500).organized().await;
    subscribers(&world, 2).await;
    let event = world.post(public_event(LARKSPUR)).await;
    assert_eq!(world.deliveries(), FIRST_FAN_OUT as i64);
    assert_eq!(world.store.expand(700).await.unwrap(), Upkeep::More);
    assert_eq!(world.deliveries(), FIRST_FAN_OUT as i64 + 700);
    let handed = world.jobs().len();
    assert!(handed <= 500);
    let mut world = world.reopen();
    world.store.recover(world.clock.now()).await.unwrap();
    world.rest().await;
    assert_eq!(world.deliveries(), 2_000);
    world.pass(Duration::from_secs(3));
    // An event's deliveries are listed in parts, too. Where several nodes can write, a list waits for transactions that are
    // open, also those of other tests on the same database.
    let listed = || world.count("SELECT count(*) FROM deliveries_listed");
    for _ in 0..10_000 {
        world.rest().await;
        if listed() == 2_000 {
            break;
        }
    }
    assert_eq!(listed(), 2_000);
    assert_eq!(world.store.expand(700).await.unwrap(), Upkeep::Idle);
    let mut sent = std::collections::HashSet::new();
    loop {
        let mut jobs = world.jobs();
        jobs.extend(world.claim(256).await.jobs);
        if jobs.is_empty() {
            break;
        }
        for job in jobs {
            assert_eq!(job.delivery.event, event);
            assert!(sent.insert(job.delivery.endpoint), "sent once");
            world.end(job, crate::verbs::OK).await;
        }
    }
    assert_eq!(sent.len(), 2_000);
    assert_eq!(
        world.count("SELECT count(*) FROM deliveries WHERE state <> 2"),
        0
    );
}

#[tokio::test]
async fn own_and_public_recipients_share_one_cursor() {
    let world = World::with_organizations().await;
    for _ in 0..50 {
        world.endpoint(LARKSPUR, &[UPDATED]).await;
        world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    }
    world.post(public_event(LARKSPUR)).await;
    while world.store.expand(7).await.unwrap() == Upkeep::More {}
    for audience in [0, 1] {
        let sql = format!("SELECT count(*) FROM deliveries WHERE audience = {audience}");
        assert_eq!(world.count(&sql), 50);
    }
    assert_eq!(world.count("SELECT count(*) FROM fan_outs"), 0);
}

/// One commit each, and they would come in faster than they are made.
#[tokio::test]
async fn many_fan_outs_that_miss_little_go_on_together_oldest_first() {
    let world = World::with_organizations().await;
    for _ in 0..FIRST_FAN_OUT + 3 {
        world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    }
    let mut events = Vec::new();
    for _ in 0..9 {
        events.push(world.post(public_event(LARKSPUR)).await);
    }
    assert_eq!(world.store.expand(5 * 3 + 1).await.unwrap(), Upkeep::More);
    let first = FIRST_FAN_OUT as i64;
    for (place, event) in events.iter().enumerate() {
        let made = world.count(&format!(
            "SELECT count(*) FROM deliveries WHERE event_id = {}",
            event.raw()
        ));
        let more = match place {
            0..5 => 3,
            5 => 1,
            _ => 0,
        };
        assert_eq!(made, first + more, "event {place}");
    }
    assert_eq!(world.store.expand(1_000).await.unwrap(), Upkeep::Idle);
    assert_eq!(world.deliveries(), 9 * (first + 3));
}

#[tokio::test]
async fn endpoints_made_or_switched_off_meanwhile_get_nothing() {
    let world = World::with_organizations().await;
    let mut all = Vec::new();
    for _ in 0..FIRST_FAN_OUT + 3 {
        all.push(world.endpoint(RIVERSIDE, &[PUBLIC]).await);
    }
    world.pass(Duration::from_secs(1));
    world.post(public_event(LARKSPUR)).await;
    let last = all.last().unwrap();
    world.switch(last, SwitchChange::Off).await;
    world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    world.rest().await;
    assert_eq!(world.deliveries(), FIRST_FAN_OUT as i64 + 2);
}

#[tokio::test]
async fn a_fan_out_is_announced_and_an_ordinary_event_is_not() {
    let world = World::with_organizations().await;
    for _ in 0..FIRST_FAN_OUT + 1 {
        world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    }
    let told = async |world: &World| {
        let wait = tokio::time::timeout(Duration::ZERO, world.engine.upkeep.notified());
        wait.await.is_ok()
    };
    world.post(event(LARKSPUR)).await;
    assert!(!told(&world).await);
    world.post(public_event(LARKSPUR)).await;
    assert!(told(&world).await);
}
