//! Statistics: what was stored is counted once, written late, added up, and lost by nothing but a crash.

use crate::verbs::{FAILED, OK, UPDATED, ended, event};
use crate::world::{LARKSPUR, RIVERSIDE, World, organization, wire};
use bytes::Bytes;
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::queue::{NewTest, Queue, Settled, TestStarted};
use tidings::store::stats::{Stats as _, Subject};
use tidings_core::id::EndpointId;
use tidings_core::outcome::Outcome;
use tidings_core::stats::{Counts, Range};

async fn total(world: &World, subject: Subject) -> Option<Counts> {
    let now = world.clock.now();
    let day = Duration::from_secs(86_400);
    let range = Range::fitting(now.minus(day), now.plus(Duration::from_secs(1))).unwrap();
    world
        .store
        .stats(subject, range)
        .await
        .unwrap()
        .map(|series| series.total)
}

fn of(endpoint: EndpointId) -> Subject {
    Subject::Endpoint(organization(LARKSPUR), endpoint)
}

#[tokio::test]
async fn attempts_are_counted_for_their_endpoint_its_organization_and_everything() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await.id;
    for outcome in [OK, OK, FAILED] {
        world.post(event(LARKSPUR)).await;
        let job = world.job();
        world.end(job, outcome).await;
    }
    world.pass(Duration::from_secs(5));
    world.rest().await;
    for subject in [
        of(endpoint),
        Subject::Organization(organization(LARKSPUR)),
        Subject::All,
    ] {
        let counted = total(&world, subject).await.unwrap();
        assert_eq!(
            (counted.attempts(), counted.received(), counted.delivered),
            (3, 2, 2)
        );
        assert_eq!(counted.exhausted, 0);
    }
    let other = Subject::Organization(organization(RIVERSIDE));
    assert_eq!(total(&world, other).await, Some(Counts::default()));
    let foreign = Subject::Endpoint(organization(RIVERSIDE), endpoint);
    assert_eq!(total(&world, foreign).await, None);
}

#[tokio::test]
async fn counts_of_many_endpoints_are_written_once_a_minute() {
    let mut world = World::with_organizations().await;
    for _ in 0..257 {
        world.endpoint(LARKSPUR, &[UPDATED]).await;
    }
    world.rest().await;
    world.post(event(LARKSPUR)).await;
    world.rest().await;
    let mut jobs = world.jobs();
    jobs.extend(world.claim(1_000).await.jobs);
    assert_eq!(jobs.len(), 257);
    for job in jobs {
        world.end(job, OK).await;
    }
    let sent = async |world: &World| total(world, Subject::All).await.unwrap().attempts();
    world.pass(Duration::from_secs(59));
    world.rest().await;
    assert_eq!(sent(&world).await, 0);
    world.pass(Duration::from_secs(1));
    world.rest().await;
    assert_eq!(sent(&world).await, 257);
}

#[tokio::test]
async fn a_lost_claim_and_a_test_are_not_counted() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await.id;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    let mut late = ended(job, OK, world.clock.now());
    late.lease.fence += 1;
    assert_eq!(
        world.store.settle(vec![late]).await.unwrap(),
        [Settled::LeaseLost]
    );
    let test = NewTest {
        organization: organization(LARKSPUR),
        endpoint,
        wire_type: wire(UPDATED),
        data: Bytes::from_static(b"{}"),
    };
    let started = world.store.test(test, Actor::server()).await.unwrap();
    assert!(matches!(started, TestStarted::Started { .. }));
    let job = world.job();
    assert_eq!(world.end(job, OK).await, Settled::Stored);
    world.pass(Duration::from_secs(5));
    world.rest().await;
    assert_eq!(total(&world, of(endpoint)).await, Some(Counts::default()));
}

#[tokio::test]
async fn counts_are_written_when_the_store_closes_and_added_to_afterwards() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await.id;
    for round in 1..=2 {
        world.post(event(LARKSPUR)).await;
        let job = world.job();
        world.end(job, Outcome::Status(503)).await;
        world.store.close().await;
        world = world.reopen();
        let counted = total(&world, of(endpoint)).await.unwrap();
        assert_eq!(counted.outcomes.get("status"), Some(&round));
    }
}

#[tokio::test]
async fn a_step_that_is_undone_neither_loses_nor_doubles_what_it_wrote() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await.id;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
    world.pass(Duration::from_secs(5));
    world.place.run("ALTER TABLE stats RENAME TO hidden");
    let mut refused = 0;
    for _ in 0..10 {
        refused += usize::from(world.store.upkeep(world.clock.now()).await.is_err());
    }
    assert!(refused > 0, "the counts could not be written");
    world.place.run("ALTER TABLE hidden RENAME TO stats");
    world.pass(Duration::from_secs(5));
    world.rest().await;
    assert_eq!(total(&world, of(endpoint)).await.unwrap().attempts(), 1);
}
