//! What happens while the database lets somebody wait, or was gone for a moment: others go on, and two that wait for the
//! same thing do not both get it.

use crate::cut::Wire;
use crate::nodes::Node;
use crate::verbs::{UPDATED, event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::Reach;
use tidings::store::directory::Directory;
use tidings::store::handover;
use tidings::store::log::{Log, NewReplay, ReplayInclude, ReplayStarted};
use tidings::store::queue::{Accepted, Queue};
use tidings::store::room::Room;
use tidings_core::id::ReplayId;

/// Waits until a count from outside is so much.
async fn until(world: &World, sql: &str, wanted: i64) {
    for _ in 0..5_000 {
        if world.count(sql) == wanted {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never {wanted}: {sql}");
}

#[tokio::test]
async fn the_directory_answers_while_what_another_node_changed_is_read() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let held = world.place.hold("LOCK TABLE endpoints");
    world.place.run(&format!(
        "UPDATE directory SET version = version + 1;
         INSERT INTO directory_changes (version, kind, subject) SELECT version, 0, {LARKSPUR} FROM directory"
    ));
    let store = Arc::clone(&world.store);
    let accepting = tokio::spawn(async move { store.accept(vec![event(LARKSPUR)]).await });
    let reads =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'endpoints'::regclass";
    until(&world, reads, 1).await;
    assert!(world.store.endpoint(Reach::All, endpoint.id).is_some());
    assert_eq!(world.count(reads), 1, "the answer waited for the database");
    drop(held);
    let accepted = accepting.await.unwrap().unwrap();
    assert!(matches!(accepted[0], Accepted::Stored(_)));
}

#[tokio::test]
async fn the_time_of_an_event_is_that_after_its_transaction_has_begun() {
    let world = World::with_organizations().await;
    let held = world.place.hold("LOCK TABLE directory");
    let store = Arc::clone(&world.store);
    let accepting = tokio::spawn(async move { store.accept(vec![event(LARKSPUR)]).await });
    // Other looks of the node wait there, too; the one that began to write has its row in `commits`.
    let begun = "SELECT count(*) FROM pg_locks waiting JOIN pg_locks writes USING (pid)
        WHERE NOT waiting.granted AND waiting.relation = 'directory'::regclass
            AND writes.relation = 'commits'::regclass AND writes.mode = 'RowExclusiveLock'";
    until(&world, begun, 1).await;
    world.pass(Duration::from_secs(5));
    drop(held);
    let Accepted::Stored(id) = accepting.await.unwrap().unwrap()[0] else {
        panic!("not stored");
    };
    assert_eq!(
        id.time(),
        world.clock.now(),
        "ids from before would lie below the lists' mark"
    );
}

#[tokio::test]
async fn old_changes_are_removed_and_a_node_that_missed_them_reads_everything() {
    let world = World::with_organizations().await;
    let two = Node::beside(&world, "two", 100);
    let name = |node: &Node| {
        let there = node.store.organization(organization(LARKSPUR));
        there.unwrap().name.clone()
    };
    let before = name(&two);
    let noted = "SELECT count(*) FROM directory_changes";
    // While this node looked away: more changes than are kept, the oldest of them one that it must see.
    world.place.run(&format!(
        "UPDATE organizations SET name = 'Renamed' WHERE id = {LARKSPUR};
         INSERT INTO directory_changes (version, kind, subject)
            SELECT directory.version + n, 0, CASE n WHEN 1 THEN {LARKSPUR} ELSE {RIVERSIDE} END
            FROM directory, generate_series(1, 10600) AS n;
         DELETE FROM directory_changes WHERE version = (SELECT version + 1 FROM directory);
         UPDATE directory SET version = version + 10600"
    ));
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    assert_ne!(before, "Renamed");
    assert_eq!(name(&two), "Renamed");
    assert!(world.count(noted) > 10_500);
    world.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    world.rest().await;
    assert_eq!(world.count(noted), 10_000);
    // What is left tells of the newest.
    let newest = "SELECT count(*) FROM directory WHERE version = (SELECT max(version) FROM directory_changes)";
    assert_eq!(world.count(newest), 1);
    world.rest().await;
    world.put_organization(LARKSPUR, one_add_on()).await;
    two.store.accept(vec![event(LARKSPUR)]).await.unwrap();
    let there = two.store.organization(organization(LARKSPUR)).unwrap();
    assert_eq!(there.add_ons, one_add_on());
}

#[tokio::test]
async fn a_read_after_a_restart_of_the_database_connects_anew() {
    let world = World::with_organizations().await;
    let wire = Wire::to(world.place.port());
    let (handover, _engine) = handover::channel(Room::new(10, 1 << 20));
    let store = world
        .place
        .open_over(&wire.address, "two", &world.clock, handover)
        .unwrap();
    for _ in 0..3 {
        let found = store.replay(organization(LARKSPUR), ReplayId::from_raw(1));
        assert!(matches!(found.await, Ok(None)));
        // Whatever ran over it breaks, and nobody is told before the next question.
        wire.lead(Some(world.place.port()));
    }
    wire.lead(None);
    let found = store.replay(organization(LARKSPUR), ReplayId::from_raw(1));
    assert!(found.await.is_err(), "one that is gone is not waited for");
}

#[tokio::test]
async fn of_two_replays_that_two_nodes_start_at_once_one_runs() {
    let world = World::with_organizations().await;
    let two = Node::beside(&world, "two", 100);
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let new = NewReplay {
        organization: endpoint.organization,
        endpoint: endpoint.id,
        from: world.clock.now().minus(Duration::from_secs(3_600)),
        to: world.clock.now(),
        include: ReplayInclude {
            missing: true,
            ..ReplayInclude::default()
        },
    };
    // Nobody gets further than having looked whether one runs.
    let held = world.place.hold("LOCK TABLE replays IN SHARE MODE");
    let starting = [&world.store, &two.store].map(|store| {
        let (store, new) = (Arc::clone(store), new.clone());
        tokio::spawn(async move { store.start_replay(new, actor()).await.unwrap() })
    });
    let both = "WITH stuck AS (SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'replays'::regclass)
        SELECT count(*) FROM pg_stat_activity
        WHERE pid IN (SELECT pid FROM stuck) OR pg_blocking_pids(pid) && ARRAY(SELECT pid FROM stuck)";
    until(&world, both, 2).await;
    drop(held);
    let mut ids = Vec::new();
    for answer in starting {
        match answer.await.unwrap() {
            ReplayStarted::Started(replay) => ids.push((replay.id, "started")),
            ReplayStarted::Running(id) => ids.push((id, "running")),
            other => panic!("{other:?}"),
        }
    }
    ids.sort_by_key(|(_, answer)| *answer);
    assert_eq!(ids, [(ids[0].0, "running"), (ids[0].0, "started")]);
    assert_eq!(world.count("SELECT count(*) FROM replays"), 1);
}
