//! What only several nodes can show: each sees what the others do, none takes what another holds, and what a dead one held
//! goes on.

use crate::cut::{Cut, Wire};
use crate::headers;
use crate::verbs::{FAILED, OK, UPDATED, ended, event, keyed, record, stored};
use crate::world::{LARKSPUR, World, actor, organization};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidings::engine::{Drained, Engine, EngineParts, Transport};
use tidings::store::Reach;
use tidings::store::directory::{Directory, Endpoint, SwitchChange};
use tidings::store::handover::{self, Receiver};
use tidings::store::queue::{Accepted, AttemptRecord, Job, Queue, Settled};
use tidings::store::retention::Retention;
use tidings::store::room::Room;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::{Store, StoreError};
use tidings_core::delivery::State;
use tidings_core::id::DeliveryId;
use tokio::sync::Notify;

/// One more node on the data of a world.
pub struct Node {
    pub store: Arc<SqlStore>,
    pub engine: Receiver,
}

impl Node {
    pub fn beside(world: &World, name: &str, room: usize) -> Self {
        Self::try_beside(world, name, room).unwrap()
    }

    fn try_beside(world: &World, name: &str, room: usize) -> Result<Self, StoreError> {
        let (handover, engine) = handover::channel(Room::new(room, 64 << 20));
        let key = MasterKey::from_bytes([7; 32]);
        let store = world.place.open_as(name, &world.clock, handover, key)?;
        Ok(Self { store, engine })
    }
}

#[tokio::test]
async fn custom_headers_that_one_node_was_given_are_opened_by_the_other() {
    let world = World::with_organizations().await;
    let two = Node::beside(&world, "two", 100);
    let made = headers::make(&world, LARKSPUR, &headers::token("Bearer one")).await;
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    let there = |node: &Node| node.store.headers(Reach::All, made.id).unwrap().unwrap();
    assert_eq!(there(&two), headers::token("Bearer one"));
    headers::give(&world, &made, &headers::token("Bearer two")).await;
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    assert_eq!(there(&two), headers::token("Bearer two"));
}

/// What another node had leased, once this one has it; it looks for such things by itself, too.
async fn taken_back(world: &World) -> Job {
    // Who took it back knows at once that it is due; this node looks for such rows every few seconds.
    for _ in 0..20_000 {
        world.store.recover(world.clock.now()).await.unwrap();
        if let Some(job) = world.claim(10).await.jobs.pop() {
            return job;
        }
    }
    panic!("nothing was taken back");
}

#[tokio::test]
async fn a_change_made_on_one_node_holds_on_the_other_with_its_next_transaction() {
    let world = World::with_organizations().await;
    let mut two = Node::beside(&world, "two", 100);
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    // No time to be told: the transaction itself looks.
    let id = stored(two.store.accept(vec![event(LARKSPUR)]).await.unwrap()[0]);
    let job = two.engine.jobs.try_recv().unwrap().remove(0);
    assert_eq!(
        (job.delivery.event, job.delivery.endpoint),
        (id, endpoint.id)
    );
    assert!(two.store.may_start(&job) && !world.store.may_start(&job));
    world.switch(&endpoint, SwitchChange::Off).await;
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    assert!(two.engine.jobs.try_recv().is_err());
    assert!(
        !two.store
            .endpoint(Reach::All, endpoint.id)
            .unwrap()
            .switch
            .is_on()
    );
    world
        .store
        .delete_organization(organization(LARKSPUR), actor())
        .await
        .unwrap();
    assert_eq!(
        two.store.accept(vec![event(LARKSPUR)]).await.unwrap(),
        [Accepted::UnknownOrganization]
    );
}

#[tokio::test]
async fn what_waits_is_claimed_by_one_node_and_never_by_two() {
    let world = World::with_room(4).organized().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let posted = (0..200).map(|_| event(LARKSPUR)).collect();
    world.store.accept(posted).await.unwrap();
    let (two, three) = (
        Node::beside(&world, "two", 150),
        Node::beside(&world, "three", 150),
    );
    let now = world.clock.now();
    let (mut second, mut third) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let (by_two, by_three) = tokio::join!(two.store.claim(16, now), three.store.claim(16, now));
        second.extend(by_two.unwrap().jobs);
        third.extend(by_three.unwrap().jobs);
    }
    let ids: HashSet<_> = second
        .iter()
        .chain(&third)
        .map(|job| job.delivery)
        .collect();
    assert_eq!(ids.len(), second.len() + third.len());
    assert!(second.len() > 20 && third.len() > 20, "both took part");
    let in_flight = world.count("SELECT count(*) FROM deliveries WHERE state = 1");
    assert!(in_flight >= ids.len() as i64);
}

#[tokio::test]
async fn w23_a_dead_nodes_work_goes_on_and_its_late_result_changes_nothing() {
    let world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let mut two = Node::beside(&world, "two", 100);
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    let late = two.engine.jobs.try_recv().unwrap().remove(0);
    let id = late.delivery;
    // It was stopped for longer than its lease lasts, and somebody noticed.
    world
        .place
        .run("UPDATE lives SET ended_at = clock_timestamp() WHERE node = 'two'");
    let job = taken_back(&world).await;
    assert_eq!((job.delivery, job.lease.fence), (id, late.lease.fence + 1));
    let result = ended(late, FAILED, world.clock.now());
    assert_eq!(
        two.store.settle(vec![result]).await.unwrap(),
        [Settled::LeaseLost]
    );
    assert_eq!(world.state(id), State::InFlight);
    assert_eq!(world.end(job, OK).await, Settled::Stored);
    assert_eq!(world.state(id), State::Delivered);
    // The other one is in a new life now, and goes on.
    stored(two.store.accept(vec![event(LARKSPUR)]).await.unwrap()[0]);
    let lives = "SELECT count(*) FROM lives WHERE node = 'two'";
    assert_eq!(world.count(lives), 2);
}

/// Makes every attempt a success, and says which were made.
#[derive(Default)]
struct Sent {
    deliveries: Mutex<Vec<DeliveryId>>,
    one: Notify,
}

impl Transport for Sent {
    async fn attempt(&self, job: &Job, _: &Arc<Endpoint>) -> AttemptRecord {
        self.deliveries.lock().unwrap().push(job.delivery);
        self.one.notify_one();
        record(job.progress.attempts + 1, OK, job.due_at)
    }
}

#[tokio::test]
async fn what_a_node_does_not_hold_any_more_is_not_sent() {
    let world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let mut two = Node::beside(&world, "two", 100);
    let posted = (0..2).map(|_| event(LARKSPUR)).collect();
    two.store.accept(posted).await.unwrap();
    let mut jobs = Vec::new();
    while let Ok(batch) = two.engine.jobs.try_recv() {
        jobs.extend(batch);
    }
    // As if it had been claimed in a life before this one.
    jobs[0].lease.epoch -= 1;
    let held = jobs[1].delivery;
    let (hand, handover) = handover::channel(Room::new(100, 64 << 20));
    let sent = Arc::new(Sent::default());
    let engine = Engine::start(EngineParts {
        store: Arc::clone(&two.store) as Arc<dyn Store>,
        handover,
        transport: Arc::clone(&sent),
        clock: world.clock.clone(),
        slots: 16,
    });
    hand.hand_over(jobs);
    sent.one.notified().await;
    assert_eq!(engine.drain(Duration::from_secs(20)).await, Drained::Clean);
    assert_eq!(*sent.deliveries.lock().unwrap(), [held]);
}

#[tokio::test]
async fn a_node_that_stops_cleanly_leaves_nothing_to_wait_for() {
    let world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let mut two = Node::beside(&world, "two", 100);
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    drop(two.engine.jobs.try_recv().unwrap());
    two.store.close().await;
    taken_back(&world).await;
}

#[tokio::test]
async fn two_processes_of_one_name_do_not_both_go_on() {
    let world = World::with_organizations().await;
    let namesake = Node::beside(&world, "one", 100);
    let failure = tokio::time::timeout(Duration::from_secs(20), world.store.failed()).await;
    assert!(matches!(failure.unwrap(), StoreError::Replaced { node, .. } if node == "one"));
    namesake.store.accept(vec![event(LARKSPUR)]).await.unwrap();
}

#[tokio::test]
async fn a_key_that_two_nodes_get_at_once_is_used_once() {
    let world = World::with_organizations().await;
    let two = Node::beside(&world, "two", 100);
    for number in 0..20 {
        let key = format!("key-{number}");
        let (here, there) = tokio::join!(
            world.store.accept(vec![keyed(LARKSPUR, &key, 1)]),
            two.store.accept(vec![keyed(LARKSPUR, &key, 1)])
        );
        match (here.unwrap()[0], there.unwrap()[0]) {
            (Accepted::Stored(first), Accepted::Repeated(again))
            | (Accepted::Repeated(again), Accepted::Stored(first)) => assert_eq!(first, again),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.count("SELECT count(*) FROM events"), 20);
}

#[tokio::test]
async fn two_nodes_may_make_the_tables_at_once() {
    let world = World::empty();
    let open = |name: &'static str| {
        let (handover, engine) = handover::channel(Room::new(10, 1 << 20));
        let (place, clock) = (&world.0, &world.1);
        let key = MasterKey::from_bytes([7; 32]);
        (place.open_as(name, clock, handover, key).unwrap(), engine)
    };
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|threads| {
        let opened = ["one", "two", "three"].map(|name| {
            let (open, runtime) = (&open, runtime.clone());
            threads.spawn(move || {
                let _inside = runtime.enter();
                open(name)
            })
        });
        for node in opened {
            node.join().unwrap();
        }
    });
    assert_eq!(
        world.0.numbers("SELECT count(*) FROM event_types")[0][0],
        Some(18)
    );
}

#[tokio::test]
async fn r21_a_lost_answer_to_commit_is_asked_for_and_nothing_is_stored_twice() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let wire = Wire::to(world.place.port());
    let (handover, mut engine) = handover::channel(Room::new(100, 1 << 20));
    let store = world
        .place
        .open_over(&wire.address, "two", &world.clock, handover)
        .unwrap();
    // Whatever else the node commits meanwhile may be cut instead, so this is done several times.
    for round in 1..=5 {
        wire.cut_next(Cut::BeforeItsAnswer);
        let id = stored(store.accept(vec![event(LARKSPUR)]).await.unwrap()[0]);
        assert!(wire.was_cut());
        assert_eq!(world.count("SELECT count(*) FROM events"), round);
        let job = engine.jobs.try_recv().unwrap().remove(0);
        assert_eq!(
            (job.delivery.event, job.delivery.endpoint),
            (id, endpoint.id)
        );
        // A result is not stored twice, either, and its answer is not "too late".
        wire.cut_next(Cut::BeforeItsAnswer);
        let result = ended(job, OK, world.clock.now());
        assert_eq!(store.settle(vec![result]).await.unwrap(), [Settled::Stored]);
        assert_eq!(world.count("SELECT count(*) FROM attempts"), round);
    }
    // What never arrived is refused, and is not there.
    let mut events = 5;
    let refused = loop {
        wire.cut_next(Cut::BeforeCommit);
        match store.accept(vec![event(LARKSPUR)]).await {
            Ok(_) => events += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(refused, StoreError::Unreachable { .. }),
        "{refused:?}"
    );
    assert_eq!(world.count("SELECT count(*) FROM events"), events);
    stored(store.accept(vec![event(LARKSPUR)]).await.unwrap()[0]);
}

#[tokio::test]
async fn tls_to_the_database_is_verified() {
    let world = World::empty();
    let encrypted = |authorities: &[CertificateDer<'static>]| {
        let (handover, _engine) = handover::channel(Room::new(10, 1 << 20));
        world.0.open_encrypted(authorities, &world.1, handover)
    };
    let refused = encrypted(&[]).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unreachable { what } if what.contains("certificate")),
        "{refused:?}"
    );
    let path = std::env::var("TIDINGS_TEST_POSTGRES_CA").unwrap();
    let pem = std::fs::read(path).unwrap();
    let authority = CertificateDer::from_pem_slice(&pem).unwrap();
    let store = encrypted(&[authority]).unwrap();
    assert_eq!(store.event_types().len(), 18);
}

#[tokio::test]
async fn partitions_are_dropped_when_all_of_their_week_was_kept_long_enough() {
    let mut world = World::with_organizations().await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    world.store.keep_events(Retention {
        bodies: days(30),
        records: days(90),
        audit: Duration::from_secs(365 * 86_400),
    });
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
    let there = |world: &World| {
        ["bodies", "attempts", "deliveries", "events"].map(|table| {
            let sql = format!(
                "SELECT count(*) FROM pg_class WHERE relname = '{table}_20260226' AND pg_table_is_visible(oid)"
            );
            world.place.numbers(&sql)[0][0]
        })
    };
    world.pass(days(29));
    world.rest().await;
    assert_eq!(there(&world), [Some(1); 4]);
    world.pass(days(9));
    world.rest().await;
    assert_eq!(
        there(&world),
        [Some(0), Some(1), Some(1), Some(1)],
        "bodies go first"
    );
    world.pass(days(60));
    world.rest().await;
    assert_eq!(there(&world), [Some(0); 4]);
    world.post(event(LARKSPUR)).await;
}

#[tokio::test]
async fn r1_a_database_that_forgets_what_it_confirmed_is_refused() {
    let world = World::empty();
    let (handover, _engine) = handover::channel(Room::new(10, 1 << 20));
    let forgetful = world
        .0
        .open_with("-csynchronous_commit%3Doff", &world.1, handover);
    match forgetful {
        Err(StoreError::Unsuitable { what, location }) => {
            assert!(what.contains("synchronous_commit is off"), "{what}");
            assert!(what.contains("unsafe_durability"), "{what}");
            assert!(location.starts_with("postgres://127.0.0.1:"), "{location}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s6_a_node_that_still_has_the_old_master_key_first_seals_nothing_back() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let key = |bytes: [u8; 2]| {
        let hex = bytes.map(|byte| format!("{byte:02x}").repeat(32));
        MasterKey::parse(&hex.join(",")).unwrap()
    };
    let two = Node::beside(&world, "two", 100);
    two.store.take_master_key(key([7, 9])).await.unwrap();
    world.store.take_master_key(key([9, 7])).await.unwrap();
    assert_eq!(world.store.seal_anew().await, Ok(1));
    two.store.look_around().await.unwrap();
    assert_eq!(two.store.seal_anew().await, Ok(0));
    assert_eq!(world.store.seal_anew().await, Ok(0));
    for store in [&world.store, &two.store] {
        assert!(store.secrets(Reach::All, endpoint.id).unwrap().is_some());
    }
}
