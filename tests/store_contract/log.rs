//! The log, one thing at a time: an event with what became of it, a delivery with its body and attempts.

use crate::filled::{Filled, Stored};
use crate::lists::all;
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, organization, url};
use tidings::store::Reach;
use tidings::store::directory::{Directory, EndpointPatch, SwitchChange};
use tidings::store::log::{DeliveryFilter, Log, StateFilter};
use tidings_core::delivery::{Resting, Shown, State};
use tidings_core::event::Reference;
use tidings_core::id::DeliveryId;
use tidings_core::outcome::Outcome;

const UPDATED: &str = "project.updated";

#[tokio::test]
async fn an_event_is_seen_by_its_owner_and_by_those_it_went_to() {
    let world = World::with_organizations().await;
    let other = world.endpoint(RIVERSIDE, &["project.public.updated"]).await;
    let mine = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let (private, public) = (
        log.event(1, LARKSPUR, None),
        log.event(2, LARKSPUR, Some("r")),
    );
    log.delivery(private, &mine, Stored::at(State::Due));
    log.delivery(public, &mine, Stored::at(State::Exhausted));
    log.delivery(public, &other, Stored::at(State::Delivered));
    let see = |owner, event| {
        let world = &world;
        async move {
            let reach = Reach::One(organization(owner));
            let found = world.store.event(reach, event).await.unwrap();
            found.map(|event| event.deliveries)
        }
    };
    let rests = |resting| Shown::Resting(resting);
    assert_eq!(see(RIVERSIDE, private).await, None);
    assert_eq!(see(LARKSPUR, private).await, Some(vec![(Shown::Due, 1)]));
    assert_eq!(
        see(RIVERSIDE, public).await,
        Some(vec![(rests(Resting::Delivered), 1)])
    );
    assert_eq!(
        see(LARKSPUR, public).await,
        Some(vec![(rests(Resting::Exhausted), 1)])
    );
    let reference_to = |owner| {
        let (world, delivery) = (&world, if owner == LARKSPUR { &mine } else { &other });
        let id = DeliveryId {
            event: public,
            endpoint: delivery.id,
        };
        async move {
            let reach = Reach::One(organization(owner));
            let event = world.store.event(reach, public).await.unwrap().unwrap();
            let delivery = world.store.delivery(reach, id).await.unwrap().unwrap();
            assert_eq!(event.summary.reference, delivery.summary.reference);
            event.summary.reference
        }
    };
    assert_eq!(reference_to(LARKSPUR).await, Reference::parse("r"));
    assert_eq!(
        reference_to(RIVERSIDE).await,
        None,
        "a reference is its owner's"
    );
    let whole = world
        .store
        .event(Reach::All, public)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(whole.deliveries.len(), 2);
    assert_eq!(whole.data.as_deref(), Some(&b"{\"n\":2}"[..]));
    assert_eq!(whole.summary.reference, Reference::parse("r"));
    assert!(!whole.expanding);
}

#[tokio::test]
async fn what_waits_is_held_while_its_endpoint_is_off() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let id = log.delivery(
        log.event(1, LARKSPUR, None),
        &endpoint,
        Stored::at(State::Due),
    );
    let shown = || async {
        let found = world.store.delivery(Reach::All, id).await.unwrap();
        found.unwrap().summary.shown
    };
    assert_eq!(shown().await, Shown::Due);
    let off = EndpointPatch {
        switch: Some(SwitchChange::Off),
        ..EndpointPatch::default()
    };
    let patched = world
        .store
        .patch_endpoint(endpoint.organization, endpoint.id, off, actor());
    patched.await.unwrap();
    assert_eq!(shown().await, Shown::Held);
    let waiting = DeliveryFilter {
        state: Some(StateFilter::Waiting),
        ..DeliveryFilter::default()
    };
    assert_eq!(all(&world, &waiting, 10).await, [id]);
}

#[tokio::test]
async fn w11_a_delivery_shows_the_body_as_sent_and_each_attempt_with_its_url() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let event = log.event(1, LARKSPUR, None);
    let id = log.delivery(event, &endpoint, Stored::at(State::Exhausted));
    let moved = EndpointPatch {
        url: Some(url("https://elsewhere.example/in")),
        ..EndpointPatch::default()
    };
    let patched = world
        .store
        .patch_endpoint(endpoint.organization, endpoint.id, moved, actor());
    patched.await.unwrap();
    // Version 3 is that of a rotation: it changes the secrets, not what the request looks like.
    for (number, version) in [(1, 1), (2, 2), (3, 3)] {
        log.run(&format!(
            "INSERT INTO attempts VALUES ({}, {}, {number}, 1000, 20, NULL, 5, NULL, 7, 9, 503, 'busy', {version},
             17, 'v', 'w', '192.0.2.7:443', {headers}, {body}, 4)",
            event.raw(),
            endpoint.id.raw(),
            headers = crate::backend::bytes(b"a: b"),
            body = crate::backend::bytes(b"body"),
        ));
    }
    let detail = world.store.delivery(Reach::All, id).await.unwrap().unwrap();
    let body =
        format!("{{\"type\":\"{UPDATED}\",\"organization_id\":{LARKSPUR},\"data\":{{\"n\":1}}}}");
    assert_eq!(detail.body.as_deref(), Some(body.as_bytes()));
    let urls: Vec<_> = detail.attempts.iter().map(|one| one.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://receiver.example/hook",
            "https://elsewhere.example/in",
            "https://elsewhere.example/in"
        ]
    );
    let record = &detail.attempts[0].record;
    assert_eq!(record.outcome, Outcome::Status(503));
    assert_eq!(record.timing.dns, None);
    assert_eq!(record.timing.connect.unwrap().as_micros(), 5);
    assert_eq!(record.peer, "192.0.2.7:443".parse().ok());
    assert_eq!(
        (&record.answer.body[..], record.answer.body_bytes),
        (&b"body"[..], 4)
    );
    let expired = DeliveryId {
        event: log.event_id(9),
        ..id
    };
    assert!(
        world
            .store
            .delivery(Reach::All, expired)
            .await
            .unwrap()
            .is_none()
    );
}
