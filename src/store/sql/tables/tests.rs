//! The tables by themselves: who receives what, and what a reload finds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use super::*;
use crate::clock::Clock;
use rusqlite::Connection;
use std::time::Duration;
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::HeaderNames;
use tidings_core::event_type::{EventTypeName, WireType};
use tidings_core::organization::{AddOn, AddOns, KeptDays, Switch};

const UPDATED: NameId = NameId(1);
const EVERY: EndpointId = EndpointId::from_raw(i64::MAX);
const NONE: EndpointId = EndpointId::from_raw(0);

fn organization(id: i64, webhooks: Switch, add_ons: AddOns) -> Arc<Organization> {
    Arc::new(Organization {
        id: OrganizationId::new(id).unwrap(),
        name: String::from("Larkspur Commons"),
        slug: None,
        add_ons,
        webhooks,
        kept: KeptDays::default(),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    })
}

fn active(id: i64) -> Arc<Organization> {
    organization(id, Switch::On, AddOns::NONE.with(AddOn::ApiAccess))
}

fn put(tables: &mut Tables, id: i64, owner: i64, switch: Switch, types: &[&str]) {
    let record = Endpoint {
        id: EndpointId::from_raw(id),
        organization: OrganizationId::new(owner).unwrap(),
        url: TargetUrl::from_stored("https://receiver.example/hook").unwrap(),
        description: Box::default(),
        event_types: types
            .iter()
            .map(|text| WireType::parse(text).unwrap())
            .collect(),
        switch,
        headers: HeaderNames::default(),
        version: 1,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    let secrets = SealedSecrets {
        newest: Box::default(),
        older: None,
        headers: None,
    };
    tables.put_endpoint(Arc::new(record), secrets);
}

fn tables(organizations: &[i64]) -> Tables {
    let mut tables = Tables::default();
    for (id, name) in [(1, "project.updated"), (2, "campaign.updated")] {
        let name = EventTypeName::parse(name).unwrap();
        tables.types.put_name(NameId(id), name);
    }
    for id in organizations {
        tables.put_organization(active(*id));
    }
    tables
}

fn own(tables: &Tables, owner: i64) -> Vec<i64> {
    tables
        .own_recipients(OrganizationId::new(owner).unwrap(), UPDATED)
        .map(EndpointId::raw)
        .collect()
}

fn public(tables: &Tables, except: i64) -> Vec<i64> {
    tables
        .public_recipients(UPDATED, NONE, EVERY, OrganizationId::new(except).unwrap())
        .map(|(endpoint, _)| endpoint.raw())
        .collect()
}

#[test]
fn w8_own_goes_to_the_owner_and_public_to_everyone_else() {
    let mut tables = tables(&[1, 2, 3]);
    put(&mut tables, 30, 1, Switch::On, &["project.updated"]);
    put(
        &mut tables,
        10,
        1,
        Switch::On,
        &["project.updated", "project.public.updated"],
    );
    put(
        &mut tables,
        20,
        2,
        Switch::On,
        &["project.public.updated", "campaign.updated"],
    );
    put(&mut tables, 40, 3, Switch::On, &["project.public.updated"]);
    assert_eq!(own(&tables, 1), [10, 30]);
    assert_eq!(own(&tables, 2), Vec::<i64>::new());
    assert_eq!(public(&tables, 1), [20, 40]);
    assert_eq!(public(&tables, 2), [10, 40]);
}

#[test]
fn a_fan_out_goes_on_after_an_endpoint_and_ends_at_one() {
    let mut tables = tables(&[1, 2]);
    for id in 1..=100 {
        put(&mut tables, id, 2, Switch::On, &["project.public.updated"]);
    }
    let one = OrganizationId::new(1).unwrap();
    let part = |after: i64, up_to: i64| -> Vec<i64> {
        tables
            .public_recipients(
                UPDATED,
                EndpointId::from_raw(after),
                EndpointId::from_raw(up_to),
                one,
            )
            .map(|(endpoint, _)| endpoint.raw())
            .collect()
    };
    assert_eq!(part(97, 99), [98, 99]);
    assert_eq!(part(99, 99), Vec::<i64>::new());
    assert_eq!(part(100, 50), Vec::<i64>::new());
}

#[test]
fn only_what_may_be_sent_to_is_a_recipient() {
    let mut tables = tables(&[1, 2]);
    let types = ["project.updated", "project.public.updated"];
    put(&mut tables, 10, 1, Switch::On, &types);
    put(&mut tables, 11, 1, Switch::Off, &types);
    assert_eq!((own(&tables, 1), public(&tables, 2)), (vec![10], vec![10]));
    assert_eq!(tables.sending(EndpointId::from_raw(11)), Some(Sending::Off));
    let none = Vec::<i64>::new();
    for (record, sending) in [
        (
            organization(1, Switch::On, AddOns::NONE),
            Sending::Suspended,
        ),
        (
            organization(1, Switch::Off, AddOns::NONE.with(AddOn::ApiAccess)),
            Sending::Off,
        ),
    ] {
        tables.put_organization(record);
        assert_eq!(tables.sending(EndpointId::from_raw(10)), Some(sending));
        assert_eq!(
            (own(&tables, 1), public(&tables, 2)),
            (none.clone(), none.clone())
        );
    }
    tables.put_organization(active(1));
    assert_eq!((own(&tables, 1), public(&tables, 2)), (vec![10], vec![10]));
}

#[test]
fn a_changed_choice_and_a_deletion_leave_nothing_behind() {
    let mut tables = tables(&[1, 2]);
    put(
        &mut tables,
        10,
        1,
        Switch::On,
        &["project.updated", "project.public.updated"],
    );
    put(&mut tables, 10, 1, Switch::On, &["campaign.updated"]);
    assert_eq!((own(&tables, 1), public(&tables, 2)), (vec![], vec![]));
    put(
        &mut tables,
        10,
        1,
        Switch::On,
        &["project.public.updated", "project.updated"],
    );
    put(&mut tables, 11, 1, Switch::On, &["project.public.updated"]);
    tables.remove_endpoint(EndpointId::from_raw(10));
    assert_eq!((own(&tables, 1), public(&tables, 2)), (vec![], vec![11]));
    assert_eq!(tables.sending(EndpointId::from_raw(10)), None);
    tables.remove_organization(OrganizationId::new(1).unwrap());
    assert_eq!(public(&tables, 2), Vec::<i64>::new());
    assert!(tables.endpoint(EndpointId::from_raw(11)).is_none());
}

#[test]
fn a_type_has_two_forms_and_one_number() {
    let tables = tables(&[]);
    let text = tables.types.wire_text(UPDATED, Audience::Public).unwrap();
    assert_eq!(text.as_ref(), "project.public.updated");
    assert!(tables.types.wire_text(NameId(9), Audience::Own).is_none());
}

/// 100,000 endpoints of 1,000 organizations, each with two custom headers, as the database holds them.
fn filled() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(&crate::store::sqlite::schema::MIGRATIONS.concat())
        .unwrap();
    connection
        .execute_batch(
            r#"INSERT INTO event_type_names VALUES (1, 'project.updated'), (2, 'campaign.updated');
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
             INSERT INTO organizations SELECT i, 'Organization', NULL, 1, 1, 0, 0, NULL, NULL, NULL FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
             INSERT INTO endpoints SELECT i, 1 + i % 1000, 'https://receiver.example/hooks/' || i, '',
                '["authorization","x-tenant"]', 1, 1, zeroblob(95), NULL, NULL, 0, 0, NULL, randomblob(150) FROM n;
             INSERT INTO subscriptions SELECT id, 1, 0 FROM endpoints;
             INSERT INTO subscriptions SELECT id, 2, 0 FROM endpoints;
             INSERT INTO subscriptions SELECT id, 1, 1 FROM endpoints;"#,
        )
        .unwrap();
    connection
}

#[test]
fn a_hundred_thousand_endpoints_are_loaded_at_once() {
    let connection = filled();
    connection
        .execute_batch("UPDATE endpoints SET deleted_at = 1 WHERE id = 7")
        .unwrap();
    let clock = Clock::system();
    let started = clock.monotonic();
    let tables = Tables::load(&connection).unwrap();
    let took = Duration::from_micros(clock.monotonic().micros_since(started));
    assert_eq!(tables.endpoints.len(), 99_999);
    assert_eq!(own(&tables, 8).len(), 99);
    assert_eq!(public(&tables, 8).len(), 99_900);
    println!("loaded in {took:?}");
}

#[test]
fn an_organization_that_another_node_changed_is_read_again() {
    let connection = filled();
    let mut tables = Tables::load(&connection).unwrap();
    let id = OrganizationId::new(8).unwrap();
    connection
        .execute_batch(
            "UPDATE endpoints SET deleted_at = 1 WHERE id = 7;
             UPDATE endpoints SET enabled = 0 WHERE id = 1007;
             UPDATE organizations SET name = 'Renamed' WHERE id = 8;
             INSERT INTO api_keys VALUES (5, zeroblob(32), 'viewer', 8, '', 0, NULL, NULL, NULL);",
        )
        .unwrap();
    let part = read_organization(&connection, id).unwrap();
    tables.take(part).unwrap();
    assert_eq!(tables.organization(id).unwrap().name, "Renamed");
    assert_eq!(tables.endpoint_ids(id).len(), 99);
    assert_eq!(own(&tables, 8).len(), 98);
    assert_eq!(public(&tables, 1).len(), 99_898);
    assert!(tables.key(&[0; 32]).is_some());
    connection
        .execute_batch("UPDATE organizations SET deleted_at = 1 WHERE id = 8; UPDATE api_keys SET revoked_at = 1;")
        .unwrap();
    let part = read_organization(&connection, id).unwrap();
    tables.take(part).unwrap();
    assert!(tables.organization(id).is_none() && tables.key(&[0; 32]).is_none());
    assert_eq!(tables.endpoints.len(), 99_900);
}
