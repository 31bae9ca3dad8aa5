//! What happens while the database lets somebody wait, or was gone for a moment: others go on.

use crate::cut::Wire;
use crate::verbs::{UPDATED, event};
use crate::world::{LARKSPUR, World, organization};
use std::sync::Arc;
use tidings::store::Reach;
use tidings::store::directory::Directory;
use tidings::store::handover;
use tidings::store::log::Log;
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
