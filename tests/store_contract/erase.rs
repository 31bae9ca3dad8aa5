//! What is erased is gone from everything that the database keeps, and nothing else is; it goes on after a crash.

use crate::audit::inspect;
use crate::verbs::{FAILED, OK, PUBLIC, UPDATED, ended, event, keyed, public_event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization};
use bytes::Bytes;
use std::time::{Duration, Instant};
use tidings::store::accounts::Accounts as _;
use tidings::store::audit::{Entry, Inspection, Tampering};
use tidings::store::directory::{Changed, Directory as _, NewEndpoint, OrganizationChange};
use tidings::store::erasure::{Erasing as _, Erasure};
use tidings::store::log::{Log as _, Retried};
use tidings::store::queue::{Accept, Change, Job, Queue as _};
use tidings::store::{Actor, Reach, StoreError};
use tidings_core::delivery::{CancelReason, State};
use tidings_core::event::Reference;
use tidings_core::id::{AccountId, ErasureId};
use tidings_core::outcome::Outcome;

/// Stands in everything that must go.
const CANARY: &str = "canary-7f3a91";

fn with_canary(mut accept: Accept) -> Accept {
    accept.event.data = Bytes::from(format!("{{\"name\":\"{CANARY}\"}}"));
    accept.event.reference = Reference::parse(CANARY);
    accept
}

/// Ends an attempt whose receiver answered with the canary.
async fn answered(world: &World, job: Job, outcome: Outcome) {
    let mut result = ended(job, outcome, world.clock.now());
    if let Change::Attempted { record, .. } = &mut result.change {
        record.answer.body = CANARY.as_bytes().into();
        record.detail = String::from(CANARY);
    }
    world.store.settle(vec![result]).await.unwrap();
}

/// Upkeep, with time passing, until an erasure has ended.
pub async fn finished(world: &World, id: ErasureId) -> Erasure {
    for round in 0..3_000 {
        world.rest().await;
        let erasure = world.store.erasure(id).await.unwrap().unwrap();
        if erasure.ended_at.is_some() {
            return erasure;
        }
        world.pass(Duration::from_secs(2));
        if round >= 50 {
            // sleeps: on PostgreSQL the lists wait for what anybody has open in the whole cluster, which gives no signal
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("it never ends");
}

/// How many files or rows the canary stands in.
fn sightings(world: &World) -> usize {
    let stands = |bytes: &Vec<u8>| {
        bytes
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes())
    };
    world
        .place
        .dump()
        .iter()
        .filter(|bytes| stands(bytes))
        .count()
}

/// The log beside the database is emptied by a thread of its own, which waits for readers a second apart.
#[expect(clippy::disallowed_methods, reason = "that thread works in real time")]
fn gone(world: &World) -> bool {
    let begun = Instant::now();
    while sightings(world) > 0 {
        if begun.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[tokio::test]
async fn an_erased_event_leaves_a_tombstone_and_nothing_that_is_about_anybody() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    let id = world.post(with_canary(public_event(LARKSPUR))).await;
    let mut jobs = world.jobs();
    let (flying, first) = (jobs.pop().unwrap(), jobs.pop().unwrap());
    let (late, early) = (flying.delivery, first.delivery);
    answered(&world, first, OK).await;
    world.pass(Duration::from_secs(2));
    world.rest().await;
    assert!(sightings(&world) > 0);

    let begun = world.store.erase_event(id, actor()).await.unwrap().unwrap();
    assert_eq!(world.count("SELECT count(*) FROM bodies"), 0, "at once");
    let again = world.store.erase_event(id, actor()).await.unwrap().unwrap();
    assert_eq!(
        (again.id, again.event),
        (begun.id, Some(id)),
        "once begun it is one"
    );
    world.pass(Duration::from_secs(2));
    world.rest().await;
    let running = world.store.erasure(begun.id).await.unwrap().unwrap();
    assert_eq!(running.ended_at, None, "what is in flight finishes first");
    answered(&world, flying, FAILED).await;
    let ended = finished(&world, begun.id).await;
    assert!(ended.removed >= 3, "{ended:?}");

    assert_eq!(world.state(early), State::Delivered);
    assert_eq!(world.state(late), State::Cancelled(CancelReason::Deleted));
    assert_eq!(world.count("SELECT count(*) FROM attempts"), 0);
    let shown = world.store.event(Reach::All, id).await.unwrap().unwrap();
    assert!(shown.summary.erased_at.is_some() && shown.data.is_none());
    assert_eq!(shown.summary.reference, None);
    let retried = world.store.retry(Reach::All, early, actor()).await;
    assert_eq!(retried, Ok(Retried::Erased));
    assert!(gone(&world), "it stands in {} places", sightings(&world));
    world.pass(Duration::from_secs(200));
    assert!(world.claim(10).await.jobs.is_empty());
}

#[tokio::test]
async fn what_waits_of_an_erased_event_is_cancelled_and_a_repeated_post_does_not_bring_it_back() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let id = world.post(with_canary(keyed(LARKSPUR, "once", 1))).await;
    let job = world.job();
    let delivery = job.delivery;
    world.end(job, FAILED).await;
    let begun = world.store.erase_event(id, actor()).await.unwrap().unwrap();
    finished(&world, begun.id).await;
    assert_eq!(
        world.state(delivery),
        State::Cancelled(CancelReason::Deleted)
    );
    world.pass(Duration::from_secs(200));
    assert!(world.claim(10).await.jobs.is_empty());
    let repeated = world.store.accept(vec![keyed(LARKSPUR, "once", 1)]).await;
    assert_eq!(
        repeated,
        Ok(vec![tidings::store::queue::Accepted::Repeated(id)])
    );
    assert!(world.jobs().is_empty());
}

#[tokio::test]
async fn what_lies_in_memory_of_an_erased_event_is_not_started() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let id = world.post(with_canary(event(LARKSPUR))).await;
    let job = world.job();
    let other = world.post(event(LARKSPUR)).await;
    let of_other = world.job();
    assert_eq!(of_other.delivery.event, other);
    assert!(world.store.may_start(&job));
    let begun = world.store.erase_event(id, actor()).await.unwrap().unwrap();
    assert!(!world.store.may_start(&job));
    assert!(world.store.may_start(&of_other));
    let delivery = job.delivery;
    world.hand_back(job).await;
    finished(&world, begun.id).await;
    assert_eq!(
        world.state(delivery),
        State::Cancelled(CancelReason::Deleted)
    );
}

#[tokio::test]
async fn nothing_an_erased_organization_posted_goes_to_others_any_more() {
    let mut world = World::with_organizations().await;
    world.endpoint(RIVERSIDE, &[PUBLIC]).await;
    world.post(public_event(LARKSPUR)).await;
    let in_memory = world.job();
    world.post(public_event(LARKSPUR)).await;
    let waiting = world.job();
    let delivery = waiting.delivery;
    world.end(waiting, FAILED).await;
    let others = world.post(public_event(RIVERSIDE)).await;
    world.pass(Duration::from_secs(200));
    let larkspur = organization(LARKSPUR);
    let begun = world.store.erase_organization(larkspur, actor()).await;
    let begun = begun.unwrap().unwrap();
    assert!(!world.store.may_start(&in_memory), "it lies in memory");
    assert!(world.claim(10).await.jobs.is_empty(), "it is due");
    assert_eq!(
        world.state(delivery),
        State::Cancelled(CancelReason::Deleted)
    );
    world.hand_back(in_memory).await;
    // A new life of the node knows it, too.
    let world = world.reopen();
    assert!(world.claim(10).await.jobs.is_empty());
    finished(&world, begun.id).await;
    assert_eq!(
        world.count(&format!(
            "SELECT count(*) FROM events WHERE id = {}",
            others.raw()
        )),
        1
    );
    // Its number may be used again, also while something else is being erased.
    let mut world = world;
    world.put_organization(LARKSPUR, one_add_on()).await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    let other = world.post(event(LARKSPUR)).await;
    let _in_flight = world.job();
    let other = world.store.erase_event(other, actor()).await;
    assert!(other.unwrap().is_some());
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, FAILED).await;
    world.pass(Duration::from_secs(20));
    assert_eq!(world.claim(10).await.jobs.len(), 1);
}

/// Both organizations with endpoints for both forms, one that holds the canary everywhere, and events of both.
async fn full_of_canaries(world: &mut World) {
    let named = OrganizationChange {
        name: String::from(CANARY),
        slug: Some(String::from(CANARY)),
        add_ons: one_add_on(),
        kept: None,
        restore: false,
    };
    let larkspur = organization(LARKSPUR);
    world
        .store
        .put_organization(larkspur, named, actor())
        .await
        .unwrap();
    let endpoint = NewEndpoint {
        url: crate::world::url(&format!("https://{CANARY}.example/hook")),
        description: String::from(CANARY),
        secret: crate::world::secret("whsec_secret"),
        ..crate::world::new_endpoint(&[UPDATED, PUBLIC])
    };
    world
        .store
        .create_endpoint(larkspur, endpoint, actor())
        .await
        .unwrap();
    world.endpoint(RIVERSIDE, &[UPDATED, PUBLIC]).await;
    world.place.run(&format!(
        "INSERT INTO accounts (id, name, operator, password, created_at) VALUES (77, '{CANARY}', 0, 'x', 0);
         INSERT INTO account_grants (account_id, organization_id, role) VALUES (77, {LARKSPUR}, 'viewer')"
    ));
    for number in 0..150 {
        world.post(with_canary(public_event(LARKSPUR))).await;
        let keyed = keyed(LARKSPUR, &format!("{CANARY}-{number}"), 1);
        world.post(with_canary(keyed)).await;
        world.post(public_event(RIVERSIDE)).await;
        for job in world.jobs() {
            let outcome = if number % 3 == 0 { FAILED } else { OK };
            match job.organization == larkspur {
                true => answered(world, job, outcome).await,
                false => drop(world.end(job, outcome).await),
            }
        }
    }
    world.pass(Duration::from_secs(2));
    world.rest().await;
}

#[tokio::test]
async fn everything_of_an_organization_goes_also_over_a_crash_and_nothing_of_others() {
    let mut world = World::with_organizations().await;
    full_of_canaries(&mut world).await;
    let larkspur = organization(LARKSPUR);
    assert!(sightings(&world) > 0);
    let begun = world.store.erase_organization(larkspur, actor()).await;
    let begun = begun.unwrap().unwrap();
    let again = world.store.erase_organization(larkspur, actor()).await;
    assert_eq!(again.unwrap().unwrap().id, begun.id);
    let anew = OrganizationChange {
        name: String::from("Anew"),
        slug: None,
        add_ons: one_add_on(),
        kept: None,
        restore: false,
    };
    let refused = world
        .store
        .put_organization(larkspur, anew.clone(), actor())
        .await;
    assert_eq!(
        refused.err(),
        Some(StoreError::BeingErased {
            organization: larkspur
        })
    );
    for _ in 0..3 {
        world.store.upkeep(world.clock.now()).await.unwrap();
    }
    let mut world = world.reopen();
    let ended = finished(&world, begun.id).await;
    assert!(ended.removed > 1_000, "{ended:?}");

    let left = |table: &str, column: &str| {
        world.count(&format!(
            "SELECT count(*) FROM {table} WHERE {column} = {LARKSPUR}"
        ))
    };
    for (table, column) in [
        ("events", "organization_id"),
        ("deliveries", "organization_id"),
        ("endpoints", "organization_id"),
        ("events_listed", "organization_id"),
        ("references_listed", "organization_id"),
        ("idempotency_keys", "organization_id"),
        ("organizations", "id"),
        ("api_keys", "organization_id"),
        ("account_grants", "organization_id"),
        ("suspensions", "organization_id"),
        ("stats", "-subject"),
    ] {
        assert_eq!(left(table, column), 0, "{table}");
    }
    assert!(gone(&world), "it stands in {} places", sightings(&world));
    // Of the others nothing is missing: their events, and their own deliveries of them.
    assert_eq!(world.count("SELECT count(*) FROM events"), 150);
    assert_eq!(world.count("SELECT count(*) FROM bodies"), 150);
    assert_eq!(world.deliveries(), 150);
    let orphans = "SELECT count(*) FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM deliveries d
        WHERE d.event_id = a.event_id AND d.endpoint_id = a.endpoint_id)";
    assert_eq!(world.count(orphans), 0);
    let put = world.store.put_organization(larkspur, anew, actor()).await;
    assert!(put.is_ok(), "it can be made anew");
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
}

#[tokio::test]
async fn accounts_let_into_an_organization_alone_go_also_when_it_was_deleted_before() {
    let mut world = World::with_organizations().await;
    full_of_canaries(&mut world).await;
    world.place.run(&format!(
        "INSERT INTO accounts (id, name, operator, password, created_at) VALUES
            (78, 'both', 0, 'x', 0), (79, 'operator', 1, 'x', 0), (80, 'other', 0, 'x', 0);
         INSERT INTO account_grants (account_id, organization_id, role) VALUES
            (78, {LARKSPUR}, 'viewer'), (78, {RIVERSIDE}, 'viewer'), (79, {LARKSPUR}, 'viewer'),
            (80, {RIVERSIDE}, 'viewer')"
    ));
    let accounts = |world: &World| -> Vec<i64> {
        let rows = world.place.numbers("SELECT id FROM accounts ORDER BY id");
        rows.iter().map(|row| row[0].unwrap()).collect()
    };
    let [larkspur, riverside] = [LARKSPUR, RIVERSIDE].map(organization);
    for id in [larkspur, riverside] {
        let deleted = world.store.delete_organization(id, actor()).await;
        deleted.unwrap();
        world.pass(Duration::from_secs(60));
    }
    assert_eq!(world.count("SELECT count(*) FROM account_grants"), 0);
    assert_eq!(accounts(&world), [77, 78, 79, 80]);
    let begun = world.store.erase_organization(larkspur, actor()).await;
    finished(&world, begun.unwrap().unwrap().id).await;
    assert_eq!(accounts(&world), [78, 79, 80]);
    assert!(gone(&world), "it stands in {} places", sightings(&world));
    let begun = world.store.erase_organization(riverside, actor()).await;
    finished(&world, begun.unwrap().unwrap().id).await;
    assert_eq!(accounts(&world), [79], "whom no other one knows");
    assert_eq!(world.count("SELECT count(*) FROM former_grants"), 0);
}

#[tokio::test]
async fn the_audit_log_stays_whole_when_entries_lose_what_they_said() {
    let mut world = World::with_organizations().await;
    full_of_canaries(&mut world).await;
    // What was done to its people's accounts stands on the log of no organization.
    let person = AccountId::from_raw(77);
    let password = String::from("y");
    let set = world.store.set_password(person, password, None, actor());
    set.await.unwrap();
    // A login and its end, from an address of the person's own.
    let own = Actor {
        name: format!("account {person}"),
        address: Some("192.0.2.7".parse().unwrap()),
        request_id: None,
    };
    let opened = world
        .store
        .open_session(person, crate::accounts::session(1), own.clone());
    let Changed::Done(session) = opened.await.unwrap() else {
        panic!("it is opened")
    };
    let ended = world.store.end_session(None, session, own);
    assert!(matches!(ended.await.unwrap(), Changed::Done(())));
    let begun = world
        .store
        .erase_organization(organization(LARKSPUR), actor())
        .await;
    finished(&world, begun.unwrap().unwrap().id).await;
    let log = crate::audit::all(&world, Default::default()).await;
    let mut inspection = Inspection::default();
    assert_eq!(inspect(&mut inspection, &log), []);
    assert!(inspection.erased > 2, "{inspection:?}");
    let account = AccountId::from_raw(77).to_string();
    let accounts = log.iter().filter(|entry| entry.subject == account);
    assert!(accounts.clone().count() > 2 && accounts.clone().all(|entry| entry.erased));
    let theirs = Some("192.0.2.7".parse().unwrap());
    assert!(log.iter().all(|entry| entry.address != theirs), "{log:?}");
    // Whoever passes a change off as an erasure is found out by what is still said.
    let place = log.iter().rposition(|entry| entry.erased).unwrap();
    let mut forged = log[place].clone();
    forged.after = Some(serde_json::json!("something"));
    assert_eq!(forged.is_whole(), Some(false));
    // What is kept of an erased one is still checked.
    let changes: [fn(&mut Entry); 5] = [
        |entry| entry.act = String::from("nothing"),
        |entry| entry.actor = String::from("server"),
        |entry| entry.organization = None,
        |entry| entry.subject.clear(),
        |entry| entry.request_id = None,
    ];
    for change in changes {
        let mut forged = log.clone();
        change(&mut forged[place]);
        let found = inspect(&mut Inspection::default(), &forged);
        assert_eq!(found, [Tampering::Changed(log[place].id)]);
    }
}
