//! An organization that keeps its events longer or shorter than the server says: its own go by its time, the others' by
//! theirs, whoever received them.

use crate::verbs::{FAILED, OK, PUBLIC, UPDATED, event, public_event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization};
use std::time::Duration;
use tidings::store::directory::{Directory as _, SwitchChange};
use tidings::store::retention::Retention;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::organization::KeptDays;

const DAY: Duration = Duration::from_secs(86_400);
/// What partitions of a week and pieces of an hour add.
const SOON: Duration = Duration::from_secs(8 * 86_400 + 3_600);
/// Keeps as the server says.
const TRAIL: i64 = 5_150;

const fn days(bodies: u32, attempts: u32) -> Option<KeptDays> {
    Some(KeptDays {
        bodies: Some(bodies),
        attempts: Some(attempts),
    })
}

/// As the server says.
const KEPT: Retention = Retention {
    bodies: Duration::from_secs(30 * 86_400),
    records: Duration::from_secs(90 * 86_400),
    audit: Duration::from_secs(365 * 86_400),
};

/// A server that keeps bodies for 30 days and the rest for 90.
async fn keeping(larkspur: Option<KeptDays>, riverside: Option<KeptDays>) -> World {
    let world = World::new();
    world.store.keep_events(KEPT);
    for (id, kept) in [(LARKSPUR, larkspur), (RIVERSIDE, riverside), (TRAIL, None)] {
        world.put_keeping(id, one_add_on(), kept).await;
        world.endpoint(id, &[UPDATED]).await;
    }
    world
}

/// Posts so many of each organization, and delivers them.
async fn post(world: &mut World, times: usize) {
    for _ in 0..times {
        for id in [LARKSPUR, RIVERSIDE, TRAIL] {
            world.post(event(id)).await;
        }
        for job in world.jobs() {
            world.end(job, OK).await;
        }
    }
    listed(world).await;
}

/// Lists may wait for whoever else is writing to the database.
async fn listed(world: &World) {
    let missing = "SELECT (SELECT count(*) FROM events) - (SELECT count(*) FROM events_listed)";
    for _ in 0..100 {
        world.pass(Duration::from_secs(2));
        world.rest().await;
        if world.count(missing) == 0 {
            return;
        }
    }
    panic!("they are never listed");
}

/// Bodies, and then events, of each organization.
fn kept(world: &World) -> [[i64; 3]; 2] {
    let count = |id: i64, joined: &str| {
        world.count(&format!(
            "SELECT count(*) FROM events e {joined} WHERE e.organization_id = {id}"
        ))
    };
    let bodies = "JOIN bodies b ON b.event_id = e.id";
    [bodies, ""].map(|joined| [LARKSPUR, RIVERSIDE, TRAIL].map(|id| count(id, joined)))
}

/// What is left of an event whose row is gone.
fn strays(world: &World) -> i64 {
    ["deliveries", "attempts", "bodies", "events_listed", "deliveries_listed", "references_listed"]
        .iter()
        .map(|table| {
            world.count(&format!(
                "SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = t.event_id)"
            ))
        })
        .sum()
}

#[tokio::test]
async fn longer_and_shorter_times_hold_beside_the_servers() {
    let mut world = keeping(days(60, 200), days(5, 10)).await;
    post(&mut world, 20).await;
    for (passed, wanted) in [
        (1, [[20, 20, 20], [20, 20, 20]]),
        (7, [[20, 0, 20], [20, 20, 20]]),
        (12, [[20, 0, 20], [20, 0, 20]]),
        (40, [[20, 0, 0], [20, 0, 20]]),
        (70, [[0, 0, 0], [20, 0, 20]]),
        (100, [[0, 0, 0], [20, 0, 0]]),
        (210, [[0, 0, 0], [0, 0, 0]]),
    ] {
        let begun = tidings_core::time::Timestamp::parse_rfc3339("2026-03-01T09:30:00Z").unwrap();
        world.clock.set(begun.plus(passed * DAY));
        world.rest().await;
        assert_eq!(kept(&world), wanted, "after {passed} days");
        assert_eq!(strays(&world), 0, "after {passed} days");
    }
}

#[tokio::test]
async fn only_shorter_ones_leave_the_servers_own_time_as_it_is() {
    let mut world = keeping(None, days(5, 10)).await;
    post(&mut world, 3).await;
    world.pass(12 * DAY);
    world.rest().await;
    assert_eq!(kept(&world), [[3, 0, 3], [3, 0, 3]]);
    world.pass(20 * DAY + SOON);
    world.rest().await;
    assert_eq!(kept(&world), [[0, 0, 0], [3, 0, 3]]);
    world.pass(60 * DAY);
    world.rest().await;
    assert_eq!((kept(&world), strays(&world)), ([[0; 3]; 2], 0));
}

#[tokio::test]
async fn a_time_that_is_changed_or_taken_back_holds_from_then_on() {
    let mut world = keeping(days(200, 200), None).await;
    post(&mut world, 2).await;
    world.pass(100 * DAY);
    world.rest().await;
    assert_eq!(kept(&world), [[2, 0, 0], [2, 0, 0]]);
    let server = Some(KeptDays::default());
    world.put_keeping(LARKSPUR, one_add_on(), server).await;
    world.pass(DAY);
    world.rest().await;
    assert_eq!((kept(&world), strays(&world)), ([[0; 3]; 2], 0));
}

#[tokio::test]
async fn of_a_public_event_the_owners_time_counts_for_every_recipient() {
    let mut world = keeping(days(5, 10), days(60, 200)).await;
    world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    world.endpoint(LARKSPUR, &[PUBLIC]).await;
    world.post(public_event(LARKSPUR)).await;
    world.post(public_event(RIVERSIDE)).await;
    for job in world.jobs() {
        world.end(job, OK).await;
    }
    listed(&world).await;
    world.pass(12 * DAY);
    world.rest().await;
    let of = |owner: i64| {
        world.count(&format!(
            "SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event_id WHERE e.organization_id = {owner}"
        ))
    };
    assert_eq!((of(LARKSPUR), of(RIVERSIDE)), (0, 2));
    world.pass(90 * DAY);
    world.rest().await;
    assert_eq!(
        (of(RIVERSIDE), strays(&world)),
        (2, 0),
        "also what LARKSPUR received of it"
    );
}

#[tokio::test]
async fn a_step_asks_for_a_few_of_many_organizations_and_a_round_for_each_once_an_hour() {
    const MANY: i64 = 450;
    let mut world = keeping(None, None).await;
    let rows: Vec<String> = (0..MANY)
        .map(|number| {
            format!(
                "({}, 'Many', 1, 0, 0, 0, {}, 10)",
                10_000 + number,
                1 + number % 9
            )
        })
        .collect();
    world.place.run(&format!(
        "INSERT INTO organizations (id, name, add_ons, webhooks, created_at, updated_at, bodies_days, attempts_days)
         VALUES {}",
        rows.join(",")
    ));
    world = world.reopen();
    world.store.keep_events(KEPT);
    world.endpoint(10_000 + MANY - 1, &[UPDATED]).await;
    world.post(event(10_000 + MANY - 1)).await;
    for job in world.jobs() {
        world.end(job, OK).await;
    }
    listed(&world).await;
    world.pass(Duration::from_secs(120));
    let idle = world.rest().await;
    world.pass(12 * DAY);
    // Twice for each of them, and 200 times in a step.
    let busy = world.rest().await;
    assert!(
        busy >= idle + 4,
        "{busy} steps, {idle} while nothing is due"
    );
    // The last of them had its turn.
    assert_eq!(world.count("SELECT count(*) FROM events"), 0);
    // In the same hour nobody is asked for again.
    world.pass(Duration::from_secs(120));
    assert!(world.rest().await < 3);
    // Whoever comes later has a turn, too.
    world.put_keeping(LARKSPUR, one_add_on(), days(1, 2)).await;
    world.post(event(LARKSPUR)).await;
    for job in world.jobs() {
        world.end(job, OK).await;
    }
    listed(&world).await;
    world.pass(3 * DAY);
    world.rest().await;
    assert_eq!((kept(&world), strays(&world)), ([[0; 3]; 2], 0));
}

#[tokio::test]
async fn w23_what_is_held_ends_with_its_owners_time() {
    let mut world = keeping(days(60, 200), days(5, 10)).await;
    let mut held = Vec::new();
    for id in [LARKSPUR, RIVERSIDE, TRAIL] {
        world.post(event(id)).await;
    }
    for job in world.jobs() {
        held.push(job.delivery);
        world.end(job, FAILED).await;
    }
    for id in [LARKSPUR, RIVERSIDE, TRAIL] {
        let off = world
            .store
            .set_webhooks(organization(id), SwitchChange::Off, actor());
        off.await.unwrap();
    }
    listed(&world).await;
    let begun = world.clock.now();
    for (passed, ended) in [(1, 0), (14, 1), (48, 2), (78, 3)] {
        world.clock.set(begun.plus(passed * DAY));
        world.rest().await;
        let waiting = "SELECT count(*) FROM deliveries WHERE state < 2";
        assert_eq!(world.count(waiting), 3 - ended, "after {passed} days");
    }
    assert_eq!(strays(&world), 0);
    let expired = State::Cancelled(CancelReason::Expired);
    assert_eq!(world.state(held[0]), expired);
}
