//! Replays: what was asked for and nothing else, and the same delivery, never a second one.

use crate::verbs::{FAILED, OK, PUBLIC, UPDATED, event, public_event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::{Endpoint, SwitchChange};
use tidings::store::log::{Log, NewReplay, ReplayInclude, ReplayStarted, ReplayState};
use tidings_core::delivery::{Resting, Round, State};
use tidings_core::organization::AddOns;

const ALL: ReplayInclude = ReplayInclude {
    exhausted: true,
    cancelled: true,
    delivered: true,
    missing: true,
};

/// Replays the last hour to an endpoint; answers (examined, queued).
async fn replay(world: &World, endpoint: &Endpoint, include: ReplayInclude) -> (u64, u64) {
    world.pass(Duration::from_secs(1));
    let new = NewReplay {
        organization: endpoint.organization,
        endpoint: endpoint.id,
        from: world.clock.now().minus(Duration::from_secs(3_600)),
        to: world.clock.now(),
        include,
    };
    let started = world.store.start_replay(new, actor()).await.unwrap();
    let ReplayStarted::Started(started) = started else {
        panic!("{started:?}");
    };
    world.rest().await;
    let ended = world
        .store
        .replay(endpoint.organization, started.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((ended.state, ended.percent), (ReplayState::Done, 100));
    (ended.examined, ended.queued)
}

/// One delivered, one exhausted, one discarded, and one event that was missed while switched off.
async fn history() -> (World, Arc<Endpoint>, [tidings_core::id::DeliveryId; 3]) {
    let mut world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let mut ids = Vec::new();
    for outcomes in [&[OK][..], &[FAILED; 3], &[]] {
        world.post(event(LARKSPUR)).await;
        let mut jobs = world.jobs();
        ids.push(jobs[0].delivery);
        for outcome in outcomes {
            world.end(jobs.remove(0), *outcome).await;
            world.pass(Duration::from_secs(100));
            jobs.extend(world.claim(1).await.jobs);
        }
        for job in jobs {
            world.hand_back(job).await;
        }
    }
    world.switch(&endpoint, SwitchChange::Off).await;
    world.post(event(LARKSPUR)).await;
    world.switch(&endpoint, SwitchChange::OnDiscardHeld).await;
    world.rest().await;
    let states = ids
        .iter()
        .map(|id| world.state(*id).code())
        .collect::<Vec<_>>();
    assert_eq!(states, [2, 3, 6]);
    (world, endpoint, [ids[0], ids[1], ids[2]])
}

#[tokio::test]
async fn a_replay_sends_what_it_includes_and_nothing_else() {
    let none = ReplayInclude::default();
    for (include, wanted) in [
        (
            ReplayInclude {
                exhausted: true,
                ..none
            },
            1,
        ),
        (
            ReplayInclude {
                cancelled: true,
                ..none
            },
            1,
        ),
        (
            ReplayInclude {
                delivered: true,
                ..none
            },
            1,
        ),
        (
            ReplayInclude {
                missing: true,
                ..none
            },
            1,
        ),
        (ALL, 4),
    ] {
        let (world, endpoint, _) = history().await;
        assert_eq!(
            replay(&world, &endpoint, include).await,
            (4, wanted),
            "{include:?}"
        );
        let claimed = world.claim(10).await;
        assert_eq!(claimed.jobs.len() as u64, wanted);
        assert_eq!(
            replay(&world, &endpoint, ALL).await.1,
            4 - wanted,
            "what is under way stays"
        );
    }
}

#[tokio::test]
async fn w15_a_replay_is_the_same_delivery_and_a_delivered_one_stays_delivered() {
    let (world, endpoint, [delivered, exhausted, _]) = history().await;
    replay(&world, &endpoint, ALL).await;
    let mut jobs = world.claim(10).await.jobs;
    let place = jobs
        .iter()
        .position(|job| job.delivery == delivered)
        .unwrap();
    let mut job = jobs.remove(place);
    assert_eq!(job.progress.round, Round::Replay(Resting::Delivered));
    for wait in [10, 100] {
        world.end(job, FAILED).await;
        world.pass(Duration::from_secs(wait));
        job = world.claim(1).await.jobs.remove(0);
    }
    world.end(job, FAILED).await;
    assert_eq!(world.state(delivered), State::Delivered);
    assert_eq!(world.lying(delivered).attempts, 4);
    let place = jobs
        .iter()
        .position(|job| job.delivery == exhausted)
        .unwrap();
    assert_eq!(
        jobs[place].progress.round,
        Round::Replay(Resting::Exhausted)
    );
    assert_eq!(world.count("SELECT count(*) FROM deliveries"), 4);
}

#[tokio::test]
async fn w8_missing_ones_are_those_of_the_endpoints_choice() {
    let mut world = World::with_organizations().await;
    for owner in [LARKSPUR, RIVERSIDE] {
        world.post(event(owner)).await;
        world.post(public_event(owner)).await;
    }
    let missing = ReplayInclude {
        missing: true,
        ..ReplayInclude::default()
    };
    for (types, wanted) in [(&[UPDATED][..], 2), (&[PUBLIC], 1), (&[UPDATED, PUBLIC], 3)] {
        let endpoint = world.endpoint(LARKSPUR, types).await;
        assert_eq!(
            replay(&world, &endpoint, missing).await,
            (4, wanted),
            "{types:?}"
        );
        assert_eq!(replay(&world, &endpoint, missing).await, (4, 0), "once");
    }
    assert!(world.jobs().is_empty());
}

#[tokio::test]
async fn w2_what_was_missed_without_an_add_on_is_not_replayable() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.switch(&endpoint, SwitchChange::Off).await;
    world.post(event(LARKSPUR)).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    world.post(event(LARKSPUR)).await;
    world.put_organization(LARKSPUR, one_add_on()).await;
    world.post(event(LARKSPUR)).await;
    world.switch(&endpoint, SwitchChange::OnSendHeld).await;
    let world = world.reopen();
    assert_eq!(replay(&world, &endpoint, ALL).await, (3, 2));
}

#[tokio::test]
async fn a_long_replay_goes_on_after_a_crash() {
    let world = World::with_organizations().await;
    let group = (0..1_800).map(|_| event(LARKSPUR)).collect();
    tidings::store::queue::Queue::accept(&*world.store, group)
        .await
        .unwrap();
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.pass(Duration::from_secs(1));
    let new = NewReplay {
        organization: endpoint.organization,
        endpoint: endpoint.id,
        from: world.clock.now().minus(Duration::from_secs(3_600)),
        to: world.clock.now(),
        include: ALL,
    };
    world.store.start_replay(new, actor()).await.unwrap();
    for _ in 0..3 {
        tidings::store::queue::Queue::upkeep(&*world.store, world.clock.now())
            .await
            .unwrap();
    }
    let made = world.deliveries();
    assert!(made > 0 && made < 1_800, "{made}");
    let world = world.reopen();
    world.rest().await;
    assert_eq!(world.deliveries(), 1_800);
    assert_eq!(world.count("SELECT queued FROM replays"), 1_800);
    let listed = world.count("SELECT count(*) FROM deliveries_listed");
    assert_eq!(listed, 1_800, "made late, they list themselves");
}
