//! What becomes of events and deliveries while an organization has no add-on, or something is switched off or
//! deleted (W1, W2, W3, W5, W6, W8), told with the queue's verbs.

use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization};
use bytes::Bytes;
use std::sync::Arc;
use tidings::store::Reach;
use tidings::store::directory::{Directory, Endpoint, EndpointPatch, PageRequest, SwitchChange};
use tidings::store::log::{
    DeliveryFilter, Log, NewReplay, ReplayInclude, ReplayStarted, ReplayState,
};
use tidings::store::queue::{Accept, Accepted, Change, Queue, Settlement, Upkeep};
use tidings_core::delivery::{CancelReason, Resting, Shown};
use tidings_core::event::{NewEvent, Publicity};
use tidings_core::event_type::EventTypeName;
use tidings_core::id::{DeliveryId, EventId};
use tidings_core::organization::AddOns;
use tidings_core::time::Timestamp;

const OWN: &str = "project.updated";
const PUBLIC: &str = "project.public.updated";

async fn post(world: &World, owner: i64, publicity: Publicity) -> EventId {
    let event = NewEvent {
        organization: organization(owner),
        event_type: EventTypeName::parse(OWN).unwrap(),
        publicity,
        data: Bytes::from_static(b"{}"),
        reference: None,
    };
    let accept = Accept {
        event,
        idempotency: None,
        trace: None,
    };
    match world.store.accept(vec![accept]).await.unwrap().as_slice() {
        [Accepted::Stored(id)] => *id,
        other => panic!("{other:?}"),
    }
}

/// Gives back what was handed over, so that it waits in the store.
async fn hand_back(world: &mut World) -> usize {
    let mut results = Vec::new();
    while let Ok(jobs) = world.engine.jobs.try_recv() {
        results.extend(jobs.into_iter().map(|job| Settlement {
            delivery: job.delivery,
            lease: job.lease,
            change: Change::HandedBack { due_at: job.due_at },
            reservation: job.reservation,
        }));
    }
    let count = results.len();
    if count > 0 {
        world.store.settle(results).await.unwrap();
    }
    count
}

/// How many can be claimed now; they wait in the store again afterwards.
async fn claimable(world: &World) -> usize {
    let now = world.clock.now();
    let claimed = world.store.claim(100, now).await.unwrap();
    let results: Vec<_> = claimed
        .jobs
        .into_iter()
        .map(|job| Settlement {
            delivery: job.delivery,
            lease: job.lease,
            change: Change::HandedBack { due_at: job.due_at },
            reservation: job.reservation,
        })
        .collect();
    let count = results.len();
    if count > 0 {
        world.store.settle(results).await.unwrap();
    }
    count
}

async fn all_upkeep(world: &World) {
    while world.store.upkeep(world.clock.now()).await.unwrap() == Upkeep::More {}
}

async fn shown(world: &World, owner: i64) -> Vec<Shown> {
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    let list = world
        .store
        .deliveries(organization(owner), DeliveryFilter::default(), page)
        .await
        .unwrap();
    list.items.into_iter().map(|item| item.shown).collect()
}

async fn switch(world: &World, endpoint: &Endpoint, switch: SwitchChange) {
    let patch = EndpointPatch {
        switch: Some(switch),
        ..EndpointPatch::default()
    };
    let patched = world
        .store
        .patch_endpoint(endpoint.organization, endpoint.id, patch, actor());
    patched.await.unwrap();
}

async fn switch_all(world: &World, change: SwitchChange) {
    let owner = organization(LARKSPUR);
    let switched = world.store.set_webhooks(owner, change, actor());
    switched.await.unwrap();
}

const fn cancelled(reason: CancelReason) -> Shown {
    Shown::Resting(Resting::Cancelled(reason))
}

#[tokio::test]
async fn w1_events_of_an_organization_without_an_add_on_reach_the_others_only() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[OWN]).await;
    world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    post(&world, LARKSPUR, Publicity::Private).await;
    assert_eq!(hand_back(&mut world).await, 0);
    post(&world, LARKSPUR, Publicity::Public).await;
    assert_eq!(hand_back(&mut world).await, 1);
    assert_eq!(shown(&world, RIVERSIDE).await, [Shown::Due]);
    assert!(shown(&world, LARKSPUR).await.is_empty());
}

#[tokio::test]
async fn w2_the_last_add_on_takes_what_waits_along_and_nothing_of_it_comes_back() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[OWN]).await;
    for _ in 0..3 {
        post(&world, LARKSPUR, Publicity::Private).await;
    }
    assert_eq!(hand_back(&mut world).await, 3);
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert_eq!(claimable(&world).await, 0);
    all_upkeep(&world).await;
    assert_eq!(
        shown(&world, LARKSPUR).await,
        [cancelled(CancelReason::AddOn); 3]
    );
    post(&world, LARKSPUR, Publicity::Private).await;
    world.put_organization(LARKSPUR, one_add_on()).await;
    post(&world, LARKSPUR, Publicity::Private).await;
    assert_eq!(hand_back(&mut world).await, 1, "works again as it was");
    let replayed = replay(&world, &endpoint).await;
    assert_eq!((replayed, shown(&world, LARKSPUR).await.len()), (0, 4));
}

#[tokio::test]
async fn w2_given_back_before_the_sweep_is_done_only_older_ones_are_cancelled() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[OWN]).await;
    post(&world, LARKSPUR, Publicity::Private).await;
    hand_back(&mut world).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    world.put_organization(LARKSPUR, one_add_on()).await;
    post(&world, LARKSPUR, Publicity::Private).await;
    hand_back(&mut world).await;
    all_upkeep(&world).await;
    assert_eq!(
        shown(&world, LARKSPUR).await,
        [Shown::Due, cancelled(CancelReason::AddOn)]
    );
    assert_eq!(claimable(&world).await, 1);
}

#[tokio::test]
async fn w3_the_organizations_switch_holds_and_makes_nothing_new() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[OWN]).await;
    post(&world, LARKSPUR, Publicity::Private).await;
    hand_back(&mut world).await;
    switch_all(&world, SwitchChange::Off).await;
    assert_eq!(shown(&world, LARKSPUR).await, [Shown::Held]);
    assert_eq!(claimable(&world).await, 0);
    post(&world, LARKSPUR, Publicity::Private).await;
    assert_eq!(shown(&world, LARKSPUR).await.len(), 1);
    switch_all(&world, SwitchChange::OnSendHeld).await;
    assert_eq!(shown(&world, LARKSPUR).await, [Shown::Due]);
    assert_eq!(claimable(&world).await, 1);
}

#[tokio::test]
async fn w3_what_the_organizations_switch_held_is_discarded_but_not_what_an_endpoints_own_holds() {
    let mut world = World::with_organizations().await;
    let open = world.endpoint(LARKSPUR, &[OWN]).await;
    let off = world.endpoint(LARKSPUR, &[OWN]).await;
    let event = post(&world, LARKSPUR, Publicity::Private).await;
    assert_eq!(hand_back(&mut world).await, 2);
    switch(&world, &off, SwitchChange::Off).await;
    switch_all(&world, SwitchChange::Off).await;
    switch_all(&world, SwitchChange::OnDiscardHeld).await;
    // Nothing of it is sent before it is gone, and what comes from now on is sent.
    assert_eq!(claimable(&world).await, 0);
    let later = post(&world, LARKSPUR, Publicity::Private).await;
    assert_eq!(hand_back(&mut world).await, 1);
    all_upkeep(&world).await;
    let became = async |event, endpoint: &Endpoint| {
        let endpoint = endpoint.id;
        let id = DeliveryId { event, endpoint };
        let found = world.store.delivery(Reach::All, id).await.unwrap();
        found.unwrap().summary.shown
    };
    let discarded = cancelled(CancelReason::Discarded);
    assert_eq!(became(event, &open).await, discarded);
    assert_eq!(became(event, &off).await, Shown::Held);
    assert_eq!(became(later, &open).await, Shown::Due);
    // On already, it discards nothing.
    switch_all(&world, SwitchChange::OnDiscardHeld).await;
    all_upkeep(&world).await;
    assert_eq!(became(later, &open).await, Shown::Due);
    switch(&world, &off, SwitchChange::OnSendHeld).await;
    assert_eq!(claimable(&world).await, 2);
}

#[tokio::test]
async fn w5_held_deliveries_are_sent_or_discarded_when_an_endpoint_is_on_again() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[OWN]).await;
    for (on, claims, state) in [
        (SwitchChange::OnSendHeld, 1, Shown::Due),
        (
            SwitchChange::OnDiscardHeld,
            0,
            cancelled(CancelReason::Discarded),
        ),
    ] {
        let event = post(&world, LARKSPUR, Publicity::Private).await;
        hand_back(&mut world).await;
        switch(&world, &endpoint, SwitchChange::Off).await;
        assert_eq!(claimable(&world).await, 0);
        post(&world, LARKSPUR, Publicity::Private).await;
        assert_eq!(hand_back(&mut world).await, 0, "meanwhile none is made");
        switch(&world, &endpoint, on).await;
        assert_eq!(claimable(&world).await, claims);
        all_upkeep(&world).await;
        let found = world.store.event(Reach::All, event).await.unwrap().unwrap();
        assert_eq!(found.deliveries, [(state, 1)]);
    }
}

#[tokio::test]
async fn what_was_missed_while_off_can_be_replayed() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[OWN]).await;
    switch(&world, &endpoint, SwitchChange::Off).await;
    for _ in 0..3 {
        post(&world, LARKSPUR, Publicity::Private).await;
    }
    all_upkeep(&world).await;
    switch(&world, &endpoint, SwitchChange::OnSendHeld).await;
    assert_eq!(replay(&world, &endpoint).await, 3);
    assert_eq!(hand_back(&mut world).await, 0);
    assert_eq!(claimable(&world).await, 3);
    assert_eq!(shown(&world, LARKSPUR).await, [Shown::Due; 3]);
}

/// Replays everything to its end; answers how many deliveries it made due.
async fn replay(world: &World, endpoint: &Arc<Endpoint>) -> u64 {
    let new = NewReplay {
        organization: endpoint.organization,
        endpoint: endpoint.id,
        from: Timestamp::from_millis(world.clock.now().as_millis() - 1_000),
        to: Timestamp::from_millis(world.clock.now().as_millis() + 1_000),
        include: ReplayInclude {
            missing: true,
            ..ReplayInclude::default()
        },
    };
    let started = world.store.start_replay(new, actor()).await.unwrap();
    let ReplayStarted::Started(replay) = started else {
        panic!("{started:?}");
    };
    all_upkeep(world).await;
    let done = world.store.replay(endpoint.organization, replay.id).await;
    let done = done.unwrap().unwrap();
    assert_eq!((done.state, done.percent), (ReplayState::Done, 100));
    done.queued
}

#[tokio::test]
async fn a_deleted_endpoint_or_organization_cancels_what_waits() {
    let mut world = World::with_organizations().await;
    let mine = world.endpoint(LARKSPUR, &[OWN]).await;
    world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    post(&world, LARKSPUR, Publicity::Public).await;
    assert_eq!(hand_back(&mut world).await, 2);
    let deleted = world
        .store
        .delete_endpoint(mine.organization, mine.id, actor());
    deleted.await.unwrap();
    let deleted = world
        .store
        .delete_organization(organization(RIVERSIDE), actor());
    deleted.await.unwrap();
    assert_eq!(claimable(&world).await, 0);
    all_upkeep(&world).await;
    for owner in [LARKSPUR, RIVERSIDE] {
        assert_eq!(
            shown(&world, owner).await,
            [cancelled(CancelReason::Deleted)]
        );
    }
}

#[tokio::test]
async fn w6_w8_each_endpoint_gets_its_own_form_even_at_one_url() {
    let mut world = World::with_organizations().await;
    for (owner, types) in [
        (LARKSPUR, &[OWN, PUBLIC][..]),
        (LARKSPUR, &[OWN]),
        (LARKSPUR, &[PUBLIC]),
        (RIVERSIDE, &[OWN, PUBLIC]),
        (RIVERSIDE, &["campaign.updated"]),
    ] {
        world.endpoint(owner, types).await;
    }
    post(&world, LARKSPUR, Publicity::Public).await;
    let mut sent = Vec::new();
    while let Ok(jobs) = world.engine.jobs.try_recv() {
        sent.extend(jobs.iter().map(|job| {
            let owner = job.organization.get();
            (owner, job.wire_type.to_string())
        }));
    }
    sent.sort();
    let own = (LARKSPUR, OWN.to_owned());
    assert_eq!(sent, [own.clone(), own, (RIVERSIDE, PUBLIC.to_owned())]);
}
