//! S23: the audit log is complete, reads as people ask, and shows what was changed or taken out of it.

use crate::world::{LARKSPUR, RIVERSIDE, World, actor, organization};
use serde_json::json;
use std::time::Duration;
use tidings::store::audit::{
    ActOutcome, AuditFilter, AuditLog as _, Entry, EntryDigest, Form, Inspection, RefusedAct,
    Tampering,
};
use tidings::store::directory::{PageRequest, SwitchChange};
use tidings::store::queue::{Queue as _, Upkeep};
use tidings::store::retention::Retention;
use tidings_core::id::AuditId;

pub async fn all(world: &World, filter: AuditFilter) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: 2, after };
        let page = world.store.audit(filter.clone(), page).await.unwrap();
        found.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

async fn tampering(world: &World) -> Vec<Tampering> {
    let mut inspection = Inspection::default();
    let entries = all(world, AuditFilter::default()).await;
    let found = inspect(&mut inspection, &entries);
    assert_eq!(inspection.seen, entries.len());
    found
}

/// What is wrong with entries, newest first.
pub fn inspect(inspection: &mut Inspection, entries: &[Entry]) -> Vec<Tampering> {
    let mut found: Vec<_> = entries
        .iter()
        .filter_map(|entry| inspection.meet(entry))
        .collect();
    found.extend(inspection.end());
    found
}

/// Two organizations, two endpoints, some changes.
async fn lived_in() -> World {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &[]).await;
    world.endpoint(RIVERSIDE, &[]).await;
    world.pass(Duration::from_secs(60));
    for switch in [SwitchChange::Off, SwitchChange::OnSendHeld] {
        world.switch(&endpoint, switch).await;
    }
    world
}

#[tokio::test]
async fn s23_acts_are_listed_newest_first_with_who_what_and_from_where() {
    let world = lived_in().await;
    let entries = all(&world, AuditFilter::default()).await;
    assert!(entries.is_sorted_by(|newer, older| newer.id > older.id));
    let newest = &entries[0];
    assert_eq!(
        (newest.act.as_str(), newest.actor.as_str(), newest.outcome),
        ("endpoint.patch", "key key_1", ActOutcome::Done)
    );
    assert_eq!(newest.address.as_deref(), Some("192.0.2.1"));
    assert_eq!(newest.organization, Some(organization(LARKSPUR)));
    let (before, after) = (
        newest.before.as_ref().unwrap(),
        newest.after.as_ref().unwrap(),
    );
    assert_eq!(
        (&before["enabled"], &after["enabled"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn s23_filters_ask_for_an_organization_an_act_an_actor_and_a_time() {
    let world = lived_in().await;
    let count = async |filter| all(&world, filter).await.len();
    let whole = count(AuditFilter::default()).await;
    let act = |act: &str| AuditFilter {
        act: Some(act.to_owned()),
        ..AuditFilter::default()
    };
    assert_eq!(count(act("endpoint.patch")).await, 2);
    assert_eq!(count(act("endpoint.")).await, 4);
    assert_eq!(count(act("endpoint")).await, 0);
    let of = |id| AuditFilter {
        organization: Some(organization(id)),
        ..AuditFilter::default()
    };
    assert_eq!(
        count(of(LARKSPUR)).await + count(of(RIVERSIDE)).await,
        whole
    );
    assert_eq!(count(of(5)).await, 0);
    let recent = AuditFilter {
        from: Some(world.clock.now()),
        ..AuditFilter::default()
    };
    let earlier = AuditFilter {
        to: Some(world.clock.now()),
        ..AuditFilter::default()
    };
    assert_eq!(count(recent).await, 2);
    assert_eq!(count(earlier).await, whole - 2);
    let nobody = AuditFilter {
        actor: Some(String::from("key key_2")),
        ..AuditFilter::default()
    };
    assert_eq!(count(nobody).await, 0);
}

#[tokio::test]
async fn s23_what_was_refused_is_on_the_log_with_the_reason() {
    let world = World::with_organizations().await;
    let refused = RefusedAct {
        organization: Some(organization(LARKSPUR)),
        subject: String::from("DELETE /v1/organizations/4417"),
        why: json!({"status": 403, "code": "missing_scope"}),
    };
    world.store.note_refused(refused, actor()).await.unwrap();
    let newest = &all(&world, AuditFilter::default()).await[0];
    assert_eq!(
        (newest.act.as_str(), newest.outcome),
        ("request.refuse", ActOutcome::Refused)
    );
    assert_eq!(newest.after.as_ref().unwrap()["code"], "missing_scope");
}

#[tokio::test]
async fn s23_a_changed_byte_is_found_in_every_column() {
    for change in [
        "actor = 'key key_2'",
        "address = '192.0.2.2'",
        "request_id = NULL",
        "organization_id = 9001",
        "act = 'endpoint.create'",
        "subject = 'ep_0000000000001'",
        "outcome = 'refused'",
        "before = '{}'",
        "after = NULL",
        "at = at + 1000",
        "erased = 1",
        "salt = NULL",
        "erasable = digest",
        "erasable = NULL, salt = NULL",
    ] {
        let world = lived_in().await;
        assert_eq!(tampering(&world).await, []);
        let patched = all(&world, AuditFilter::default()).await[1].id;
        world.place.run(&format!(
            "UPDATE audit SET {change} WHERE id = {}",
            patched.raw()
        ));
        assert_eq!(
            tampering(&world).await,
            [Tampering::Changed(patched)],
            "{change}"
        );
    }
}

/// What an erasure does to an entry, with no erasure on the log.
const LIKE_ERASED: &str = "erased = 1, before = NULL, after = NULL, address = NULL, salt = NULL";

#[tokio::test]
async fn s23_an_entry_that_is_marked_as_erased_is_found_where_nothing_was() {
    for (change, wanted) in [
        ("", Tampering::NotErased as fn(AuditId) -> Tampering),
        (", act = 'nothing'", Tampering::Changed),
        (", actor = 'server'", Tampering::Changed),
        (", organization_id = NULL", Tampering::Changed),
        // As an older version would have done it.
        (", erasable = NULL, actor = 'server'", Tampering::Changed),
    ] {
        let world = lived_in().await;
        let patched = all(&world, AuditFilter::default()).await[1].id;
        world.place.run(&format!(
            "UPDATE audit SET {LIKE_ERASED}{change} WHERE id = {}",
            patched.raw()
        ));
        let found = tampering(&world).await;
        assert_eq!(found.first(), Some(&wanted(patched)), "{change}: {found:?}");
    }
}

/// The log as an older version would have written the oldest of it.
fn older_form(entries: &[Entry], oldest: usize) -> Vec<Entry> {
    let mut chain: Vec<Entry> = entries.iter().rev().cloned().collect();
    let mut previous = EntryDigest::default();
    for (place, entry) in chain.iter_mut().enumerate() {
        let link = entry.link.as_mut().unwrap();
        (link.form, link.previous) = match place < oldest {
            true => (Form::Whole, previous),
            false => (link.form, previous),
        };
        let form = link.form;
        previous = entry.digest_after(&previous, form);
        entry.link.as_mut().unwrap().digest = previous;
    }
    chain.reverse();
    chain
}

#[tokio::test]
async fn s23_entries_of_the_older_form_stay_verifiable_and_none_comes_after_a_new_one() {
    let world = lived_in().await;
    let entries = all(&world, AuditFilter::default()).await;
    let old = older_form(&entries, 3);
    assert_eq!(inspect(&mut Inspection::default(), &old), []);
    let last = old.len() - 1;
    let mut changed = old.clone();
    changed[last].subject = String::from("4418");
    let found = inspect(&mut Inspection::default(), &changed);
    assert_eq!(found, [Tampering::Changed(old[last].id)]);
    // An erased one is believed if the log tells of the erasure.
    let mut erased = old.clone();
    let entry = &mut erased[last];
    (entry.erased, entry.address, entry.after) = (true, None, None);
    let id = entry.id;
    let found = inspect(&mut Inspection::default(), &erased);
    assert_eq!(found, [Tampering::NotErased(id)]);
    // Whoever knows the form of old can write a new one in it, and is found out by its place.
    let mut forged: Vec<Entry> = entries.iter().rev().cloned().collect();
    let place = forged.len() - 2;
    let mut previous = forged[place - 1].link.unwrap().digest;
    for (number, entry) in forged.iter_mut().enumerate().skip(place) {
        let link = entry.link.as_mut().unwrap();
        link.previous = previous;
        if number == place {
            link.form = Form::Whole;
        }
        let form = link.form;
        previous = entry.digest_after(&previous, form);
        entry.link.as_mut().unwrap().digest = previous;
    }
    let id = forged[place].id;
    forged.reverse();
    let found = inspect(&mut Inspection::default(), &forged);
    assert_eq!(found, [Tampering::Changed(id)]);
}

#[tokio::test]
async fn s23_a_missing_entry_is_found_and_so_is_one_made_anew() {
    let world = lived_in().await;
    let entries = all(&world, AuditFilter::default()).await;
    let (newer, gone, older) = (entries[1].id, &entries[2], entries[3].id);
    world
        .place
        .run(&format!("DELETE FROM audit WHERE id = {}", gone.id.raw()));
    assert_eq!(
        tampering(&world).await,
        [Tampering::Missing { older, newer }]
    );
}

#[tokio::test]
async fn s23_an_entry_that_was_put_in_is_found() {
    let world = lived_in().await;
    let (newer, older) = {
        let entries = all(&world, AuditFilter::default()).await;
        (entries[1].id.raw(), entries[2].id.raw())
    };
    let between = older + (newer - older) / 2;
    world.place.run(&format!(
        "INSERT INTO audit (id, at, actor, act, subject) VALUES ({between}, 0, 'server', 'key.create', 'key_1')"
    ));
    let mut inspection = Inspection::default();
    let entries = all(&world, AuditFilter::default()).await;
    let found = inspect(&mut inspection, &entries);
    assert_eq!(found, [Tampering::PutIn(AuditId::from_raw(between))]);
}

#[tokio::test]
async fn s23_a_chain_goes_on_after_a_restart() {
    let world = lived_in().await.reopen();
    world.endpoint(LARKSPUR, &[]).await;
    assert_eq!(tampering(&world).await, []);
}

#[tokio::test]
async fn s23_entries_are_kept_as_long_as_was_said_and_the_rest_stays_whole() {
    let world = lived_in().await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    world.store.keep_events(Retention {
        bodies: days(30),
        records: days(90),
        audit: days(365),
    });
    let before = all(&world, AuditFilter::default()).await.len();
    world.pass(days(364));
    let newest = world.endpoint(LARKSPUR, &[]).await;
    while world.store.upkeep(world.clock.now()).await.unwrap() == Upkeep::More {}
    assert_eq!(all(&world, AuditFilter::default()).await.len(), before + 1);
    world.pass(days(2));
    while world.store.upkeep(world.clock.now()).await.unwrap() == Upkeep::More {}
    let left = all(&world, AuditFilter::default()).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].subject, newest.id.to_string());
    assert_eq!(tampering(&world).await, []);
}
