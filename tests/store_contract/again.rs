//! Sending again: one more try by hand, and replays as they are asked for and stopped.

use crate::filled::{Filled, Stored};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization};
use tidings::store::Reach;
use tidings::store::directory::{Directory, Endpoint, EndpointPatch, SwitchChange};
use tidings::store::log::{Log, NewReplay, ReplayInclude, ReplayStarted, ReplayState, Retried};
use tidings_core::delivery::{CancelReason, Resting, Round, Shown, State};
use tidings_core::id::DeliveryId;
use tidings_core::organization::AddOns;

const UPDATED: &str = "project.updated";
const ALL: Reach = Reach::All;

async fn retry(world: &World, reach: Reach, id: DeliveryId) -> Retried {
    world.store.retry(reach, id, actor()).await.unwrap()
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

#[tokio::test]
async fn a_resting_delivery_is_due_now_and_remembers_where_it_rested() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    for (number, resting) in (1..).zip([
        Resting::Delivered,
        Resting::Exhausted,
        Resting::Cancelled(CancelReason::Discarded),
    ]) {
        let event = log.event(number, LARKSPUR, None);
        let id = log.delivery(event, &endpoint, Stored::at(resting.state()));
        world.engine.due.take();
        assert_eq!(retry(&world, ALL, id).await, Retried::Due);
        assert_eq!(world.engine.due.take(), Some(world.clock.now()));
        let now = world
            .store
            .delivery(ALL, id)
            .await
            .unwrap()
            .unwrap()
            .summary;
        assert_eq!(now.shown, Shown::Due);
        assert_eq!(now.progress.round, Round::Retry(resting));
        assert_eq!((now.progress.attempts, now.progress.failures), (1, 0));
        assert_eq!(now.due_at, Some(world.clock.now()));
    }
    let recorded =
        "SELECT count(*) FROM audit WHERE act = 'delivery.retry' AND actor = 'key key_1'";
    assert_eq!(world.count(recorded), 3);
}

#[tokio::test]
async fn a_waiting_delivery_waits_no_longer_and_keeps_its_round() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let id = log.delivery(
        log.event(1, LARKSPUR, None),
        &endpoint,
        Stored::at(State::Due),
    );
    assert_eq!(retry(&world, ALL, id).await, Retried::Due);
    let now = world
        .store
        .delivery(ALL, id)
        .await
        .unwrap()
        .unwrap()
        .summary;
    assert_eq!(now.progress.round, Round::Plan);
    assert_eq!(now.due_at, Some(world.clock.now()));
}

#[tokio::test]
async fn what_cannot_be_sent_again_says_why() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let at = |number, stored| log.delivery(log.event(number, LARKSPUR, None), &endpoint, stored);
    let exhausted = at(1, Stored::at(State::Exhausted));
    let in_flight = at(2, Stored::at(State::InFlight));
    let test = at(
        3,
        Stored {
            round: Round::Test.code(),
            ..Stored::at(State::Delivered)
        },
    );
    let bodiless = at(4, Stored::at(State::Exhausted));
    log.run(&format!(
        "DELETE FROM bodies WHERE event_id = {}",
        bodiless.event.raw()
    ));
    let foreign = Reach::One(organization(RIVERSIDE));
    assert_eq!(retry(&world, foreign, exhausted).await, Retried::NotFound);
    let unknown = DeliveryId {
        event: log.event_id(99),
        endpoint: endpoint.id,
    };
    assert_eq!(retry(&world, ALL, unknown).await, Retried::NotFound);
    assert_eq!(retry(&world, ALL, in_flight).await, Retried::InFlight);
    assert_eq!(retry(&world, ALL, test).await, Retried::Test);
    assert_eq!(retry(&world, ALL, bodiless).await, Retried::BodyGone);
    switch(&world, &endpoint, SwitchChange::Off).await;
    assert_eq!(retry(&world, ALL, exhausted).await, Retried::EndpointOff);
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert_eq!(retry(&world, ALL, exhausted).await, Retried::AddOnRequired);
    world.put_organization(LARKSPUR, one_add_on()).await;
    log.delete(&endpoint).await;
    assert_eq!(
        retry(&world, ALL, exhausted).await,
        Retried::EndpointDeleted
    );
    assert_eq!(
        world.count("SELECT count(*) FROM audit WHERE act = 'delivery.retry'"),
        0
    );
}

fn everything(endpoint: &Endpoint, log: &Filled<'_>) -> NewReplay {
    NewReplay {
        organization: endpoint.organization,
        endpoint: endpoint.id,
        from: log.moment(-100),
        to: log.moment(100),
        include: ReplayInclude {
            exhausted: true,
            cancelled: false,
            delivered: false,
            missing: true,
        },
    }
}

#[tokio::test]
async fn a_replay_is_one_at_a_time_and_may_be_stopped() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let new = everything(&endpoint, &log);
    let start = || world.store.start_replay(new.clone(), actor());
    let ReplayStarted::Started(replay) = start().await.unwrap() else {
        panic!("not started");
    };
    assert_eq!(replay.include, new.include);
    assert_eq!((replay.state, replay.percent), (ReplayState::Running, 0));
    // What is accepted after it was asked for is no part of it.
    let last = format!(
        "SELECT count(*) FROM replays WHERE end_event <= {}",
        replay.id.raw()
    );
    assert_eq!(world.count(&last), 1);
    let ReplayStarted::Running(running) = start().await.unwrap() else {
        panic!("two at once");
    };
    assert_eq!(running, replay.id);
    let foreign = organization(RIVERSIDE);
    assert!(
        world
            .store
            .replay(foreign, replay.id)
            .await
            .unwrap()
            .is_none()
    );
    let stop = |owner| world.store.stop_replay(owner, replay.id, actor());
    assert!(stop(foreign).await.unwrap().is_none());
    for _ in 0..2 {
        let stopped = stop(endpoint.organization).await.unwrap().unwrap();
        assert_eq!(stopped.state, ReplayState::Stopped);
    }
    assert_eq!(
        world.count("SELECT count(*) FROM audit WHERE act IN ('replay.start', 'replay.stop')"),
        2
    );
    assert!(matches!(start().await.unwrap(), ReplayStarted::Started(_)));
}

#[tokio::test]
async fn a_replay_needs_an_endpoint_that_may_be_sent_to() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let log = Filled::new(&world);
    let new = everything(&endpoint, &log);
    let start = |new| world.store.start_replay(new, actor());
    let foreign = NewReplay {
        organization: organization(RIVERSIDE),
        ..new.clone()
    };
    assert!(matches!(
        start(foreign).await.unwrap(),
        ReplayStarted::NotFound
    ));
    switch(&world, &endpoint, SwitchChange::Off).await;
    assert!(matches!(
        start(new.clone()).await.unwrap(),
        ReplayStarted::EndpointOff
    ));
    switch(&world, &endpoint, SwitchChange::OnSendHeld).await;
    let ReplayStarted::Started(replay) = start(new.clone()).await.unwrap() else {
        panic!("not started");
    };
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert!(matches!(
        start(new.clone()).await.unwrap(),
        ReplayStarted::AddOnRequired
    ));
    let now = world.store.replay(endpoint.organization, replay.id).await;
    assert_eq!(now.unwrap().unwrap().state, ReplayState::Stopped);
    world.put_organization(LARKSPUR, one_add_on()).await;
    log.delete(&endpoint).await;
    assert!(matches!(start(new).await.unwrap(), ReplayStarted::NotFound));
}
