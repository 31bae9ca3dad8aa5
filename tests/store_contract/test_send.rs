//! Test sends: one try with an id of its own, marked, told to whoever asked.

use crate::verbs::{FAILED, UPDATED};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, organization, wire};
use bytes::Bytes;
use tidings::store::directory::{Endpoint, SwitchChange};
use tidings::store::queue::{NewTest, Queue, TestStarted};
use tidings_core::delivery::{Round, State};
use tidings_core::organization::AddOns;

fn test_of(endpoint: &Endpoint, owner: i64) -> NewTest {
    NewTest {
        organization: organization(owner),
        endpoint: endpoint.id,
        wire_type: wire(UPDATED),
        data: Bytes::from_static(b"{}"),
    }
}

#[tokio::test]
async fn a_test_is_sent_while_switched_off_and_its_attempt_told_after_it_is_stored() {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.switch(&endpoint, SwitchChange::Off).await;
    let started = world
        .store
        .test(test_of(&endpoint, LARKSPUR), actor())
        .await;
    let TestStarted::Started { delivery, mut done } = started.unwrap() else {
        panic!("not started");
    };
    let job = world.job();
    assert_eq!((job.delivery, job.progress.round), (delivery, Round::Test));
    assert!(done.try_recv().is_err());
    world.end(job, FAILED).await;
    assert_eq!(done.await.unwrap().outcome, FAILED);
    assert_eq!(world.state(delivery), State::Exhausted);
    assert_eq!(world.count("SELECT count(*) FROM events WHERE test = 1"), 1);
    assert_eq!(
        world.count("SELECT count(*) FROM audit WHERE act = 'endpoint.test'"),
        1
    );
}

#[tokio::test]
async fn w1_no_test_without_the_add_on_nor_of_anothers_endpoint_nor_without_room() {
    let mut world = World::with_room(1).organized().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let start = async |world: &World, owner| {
        world
            .store
            .test(test_of(&endpoint, owner), actor())
            .await
            .unwrap()
    };
    assert!(matches!(
        start(&world, RIVERSIDE).await,
        TestStarted::NotFound
    ));
    assert!(matches!(
        start(&world, LARKSPUR).await,
        TestStarted::Started { .. }
    ));
    assert!(matches!(start(&world, LARKSPUR).await, TestStarted::Busy));
    drop(world.job());
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert!(matches!(
        start(&world, LARKSPUR).await,
        TestStarted::AddOnRequired
    ));
}

#[tokio::test]
async fn who_waits_for_a_test_is_told_when_the_server_stops() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let started = world
        .store
        .test(test_of(&endpoint, LARKSPUR), actor())
        .await;
    let TestStarted::Started { done, .. } = started.unwrap() else {
        panic!("not started");
    };
    world.store.close().await;
    assert!(done.await.is_err());
}
