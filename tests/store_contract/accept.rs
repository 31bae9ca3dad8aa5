//! Accepting: what an answer promises, keys that are used again, who gets what, and what waits.

use crate::verbs::{PUBLIC, UPDATED, event, keyed, public_event, stored};
use crate::world::{LARKSPUR, RIVERSIDE, World, one_add_on};
use bytes::Bytes;
use std::time::Duration;
use tidings::store::Reach;
use tidings::store::directory::Directory;
use tidings::store::queue::{Accepted, Queue};
use tidings_core::delivery::{Progress, State};
use tidings_core::event_type::EventTypeName;
use tidings_core::limits::IDEMPOTENCY_KEPT;
use tidings_core::organization::AddOns;

#[tokio::test]
async fn w23_what_was_answered_is_there_in_the_next_life() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let id = world.post(event(LARKSPUR)).await;
    let job = world.job();
    assert_eq!(
        (job.delivery.event, job.delivery.endpoint),
        (id, endpoint.id)
    );
    assert_eq!(
        (&*job.wire_type, job.organization.get()),
        (UPDATED, LARKSPUR)
    );
    assert_eq!(&job.data[..], br#"{"id":81}"#);
    assert_eq!((job.progress, job.lease.fence), (Progress::NEW, 1));
    assert_eq!(job.due_at, world.clock.now());
    let delivery = job.delivery;
    drop(job);
    let world = world.reopen();
    // Claimed by a life that has ended: whether it has been taken back by now is not this rule's.
    assert!(matches!(
        world.state(delivery),
        State::InFlight | State::Due
    ));
    assert_eq!(world.count("SELECT count(*) FROM bodies"), 1);
}

#[tokio::test]
async fn w15_ids_grow_across_lives_even_when_the_clock_steps_back() {
    let world = World::with_organizations().await;
    let first = world.post(event(LARKSPUR)).await;
    world
        .clock
        .set(world.clock.now().minus(Duration::from_secs(3_600)));
    let world = world.reopen();
    assert!(world.post(event(LARKSPUR)).await > first);
}

#[tokio::test]
async fn one_bad_event_never_fails_its_group() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let mut strange = event(LARKSPUR);
    strange.event.event_type = EventTypeName::parse("nothing.known").unwrap();
    let group = vec![event(LARKSPUR), event(77), strange, event(LARKSPUR)];
    let answers = world.store.accept(group).await.unwrap();
    assert!(stored(answers[0]) < stored(answers[3]));
    assert_eq!(
        answers[1..3],
        [Accepted::UnknownOrganization, Accepted::UnknownType]
    );
    assert_eq!(world.jobs().len(), 2);
}

#[tokio::test]
async fn w8_an_own_event_goes_to_its_owners_endpoints_under_the_own_form_only() {
    let mut world = World::with_organizations().await;
    let mine = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.endpoint(LARKSPUR, &[PUBLIC]).await;
    world.endpoint(RIVERSIDE, &[UPDATED, PUBLIC]).await;
    world.post(event(LARKSPUR)).await;
    assert_eq!(world.job().delivery.endpoint, mine.id);
}

#[tokio::test]
async fn w8_a_public_event_goes_to_the_others_under_the_public_form() {
    let mut world = World::with_organizations().await;
    let mine = world.endpoint(LARKSPUR, &[UPDATED, PUBLIC]).await;
    let theirs = world.endpoint(RIVERSIDE, &[UPDATED, PUBLIC]).await;
    world.post(public_event(LARKSPUR)).await;
    let got: Vec<_> = world
        .jobs()
        .iter()
        .map(|job| {
            (
                job.delivery.endpoint,
                job.organization.get(),
                job.wire_type.to_string(),
            )
        })
        .collect();
    let wanted = [
        (mine.id, LARKSPUR, UPDATED.to_owned()),
        (theirs.id, RIVERSIDE, PUBLIC.to_owned()),
    ];
    assert_eq!(got, wanted);
}

#[tokio::test]
async fn w1_w2_without_an_add_on_events_are_stored_and_only_the_others_get_them() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let theirs = world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    world.post(public_event(LARKSPUR)).await;
    assert_eq!(world.job().delivery.endpoint, theirs.id);
    world.put_organization(LARKSPUR, one_add_on()).await;
    world.post(event(LARKSPUR)).await;
    assert_eq!(world.jobs().len(), 1, "given back, it works as it did");
}

#[tokio::test]
async fn a_key_used_again_gives_the_first_answer_again() {
    let world = World::with_organizations().await;
    let first = world.post(keyed(LARKSPUR, "order-1", 1)).await;
    let used_at = world.clock.now();
    world.pass(Duration::from_secs(60));
    let world = world.reopen();
    let check = async |accept, wanted| {
        assert_eq!(world.store.accept(vec![accept]).await.unwrap(), [wanted]);
    };
    check(keyed(LARKSPUR, "order-1", 1), Accepted::Repeated(first)).await;
    check(
        keyed(LARKSPUR, "order-1", 2),
        Accepted::Conflict { used_at },
    )
    .await;
    assert!(
        world.post(keyed(RIVERSIDE, "order-1", 2)).await > first,
        "keys are per organization"
    );
    assert_eq!(world.count("SELECT count(*) FROM events"), 2);
}

#[tokio::test]
async fn a_key_used_twice_in_one_group_makes_one_event() {
    let world = World::with_organizations().await;
    let group = vec![
        keyed(LARKSPUR, "order-1", 1),
        keyed(LARKSPUR, "order-1", 1),
        keyed(LARKSPUR, "order-1", 2),
    ];
    let answers = world.store.accept(group).await.unwrap();
    let id = stored(answers[0]);
    assert_eq!(answers[1], Accepted::Repeated(id));
    assert_eq!(
        answers[2],
        Accepted::Conflict {
            used_at: world.clock.now()
        }
    );
}

#[tokio::test]
async fn a_key_is_forgotten_after_24_hours() {
    let world = World::with_organizations().await;
    let first = world.post(keyed(LARKSPUR, "order-1", 1)).await;
    world.pass(IDEMPOTENCY_KEPT);
    assert!(world.post(keyed(LARKSPUR, "order-1", 2)).await > first);
    world.pass(IDEMPOTENCY_KEPT);
    world.rest().await;
    assert_eq!(world.count("SELECT count(*) FROM idempotency_keys"), 0);
}

#[tokio::test]
async fn what_finds_no_room_waits_in_the_store_and_is_announced() {
    let mut world = World::with_room(4).organized().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    for _ in 0..5 {
        world.post(event(LARKSPUR)).await;
    }
    let jobs = world.jobs();
    assert_eq!(jobs.len(), 2, "one endpoint takes no more than is free");
    assert_eq!(world.engine.due.take(), Some(world.clock.now()));
    let claimed = world.claim(100).await;
    assert!(claimed.jobs.is_empty() && claimed.more);
    drop(jobs);
    let claimed = world.claim(100).await;
    assert_eq!(claimed.jobs.len(), 2);
    assert!(claimed.more);
    drop(claimed);
    let claimed = world.claim(100).await;
    assert_eq!(
        (claimed.jobs.len(), claimed.more, claimed.next_due),
        (1, false, None)
    );
}

#[tokio::test]
async fn w5_switched_off_no_deliveries_are_made() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world
        .switch(&endpoint, tidings::store::directory::SwitchChange::Off)
        .await;
    world.post(event(LARKSPUR)).await;
    assert_eq!((world.jobs().len(), world.deliveries()), (0, 0));
    assert!(world.store.endpoint(Reach::All, endpoint.id).is_some());
}

#[tokio::test]
async fn many_producers_at_once_are_all_answered_in_order() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let posts = (0..200_u32).map(|number| {
        let store = world.store.clone();
        let mut accept = event(LARKSPUR);
        accept.event.data = Bytes::from(format!("{{\"n\":{number}}}"));
        tokio::spawn(async move { stored(store.accept(vec![accept]).await.unwrap()[0]) })
    });
    let mut ids = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        ids.push(post.await.unwrap());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    let handed: Vec<_> = world.jobs().iter().map(|job| job.delivery.event).collect();
    assert_eq!(handed, ids, "handed over in the order of ids");
}

#[tokio::test]
async fn a_closed_store_takes_nothing() {
    let world = World::with_organizations().await;
    world.store.close().await;
    let answer = world.store.accept(vec![event(LARKSPUR)]).await;
    assert_eq!(answer.unwrap_err(), tidings::store::StoreError::Closed);
    let world = world.reopen();
    world.post(event(LARKSPUR)).await;
}
