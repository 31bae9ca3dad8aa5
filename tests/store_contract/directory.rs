//! Organizations and endpoints: every verb, what it leaves on the record, and that it is
//! still so in the next life of the process.

use crate::verbs::{OK, event};
use crate::world::{
    LARKSPUR, RIVERSIDE, World, actor, new_endpoint, one_add_on, organization, url, wire,
};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::{
    Changed, CreateEndpoint, Cursor, Directory, Endpoint, EndpointPatch, NewKey,
    OrganizationChange, PageRequest, Scope, Sending, SwitchChange,
};
use tidings::store::{Reach, StoreError};
use tidings_core::endpoint::CustomHeaders;
use tidings_core::id::EndpointId;
use tidings_core::organization::{AddOns, Switch};

const UPDATED: &str = "project.updated";

pub fn page(limit: usize, after: Option<Cursor>) -> PageRequest {
    PageRequest { limit, after }
}

pub fn done<T: std::fmt::Debug>(changed: Changed<T>) -> T {
    match changed {
        Changed::Done(value) => value,
        other => panic!("{other:?}"),
    }
}

async fn patch(world: &World, endpoint: EndpointId, patch: EndpointPatch) -> Arc<Endpoint> {
    let answer = world
        .store
        .patch_endpoint(organization(LARKSPUR), endpoint, patch, actor())
        .await;
    done(answer.unwrap())
}

fn switched(switch: SwitchChange) -> EndpointPatch {
    EndpointPatch {
        switch: Some(switch),
        ..EndpointPatch::default()
    }
}

pub fn acts(world: &World) -> Vec<String> {
    world.place.texts("SELECT act FROM audit ORDER BY id")
}

#[tokio::test]
async fn an_organization_is_made_changed_and_found_again() {
    let world = World::new();
    let id = organization(LARKSPUR);
    assert!(world.store.organization(id).is_none());
    let change = OrganizationChange {
        name: String::from("Larkspur Commons"),
        slug: Some(String::from("larkspur-commons")),
        add_ons: one_add_on(),
        kept: None,
        restore: false,
    };
    world
        .store
        .put_organization(id, change.clone(), actor())
        .await
        .unwrap();
    world.pass(Duration::from_secs(5));
    let renamed = OrganizationChange {
        name: String::from("Larkspur"),
        slug: None,
        ..change
    };
    let answer = world
        .store
        .put_organization(id, renamed.clone(), actor())
        .await
        .unwrap();
    assert_eq!(answer.slug.as_deref(), Some("larkspur-commons"));
    assert_eq!(answer.webhooks, Switch::Off);
    assert!(answer.updated_at > answer.created_at);
    let again = world
        .store
        .put_organization(id, renamed, actor())
        .await
        .unwrap();
    assert_eq!(again, answer);
    assert_eq!(acts(&world), ["organization.put"; 2], "no change, no act");
    let world = world.reopen();
    assert_eq!(world.store.organization(id), Some(answer));
}

#[tokio::test]
async fn organizations_come_by_id_in_pages() {
    let world = World::new();
    for id in [5, 3, 9, 1, 7] {
        world.put_organization(id, AddOns::NONE).await;
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let part = world.store.organizations(None, &page(2, after));
        found.extend(part.items.iter().map(|record| record.id.get()));
        match part.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, [1, 3, 5, 7, 9]);
}

#[tokio::test]
async fn w1_without_an_add_on_there_is_no_endpoint_and_no_switching_on() {
    let world = World::new();
    let id = organization(LARKSPUR);
    let create = || {
        world
            .store
            .create_endpoint(id, new_endpoint(&[UPDATED]), actor())
    };
    assert!(matches!(
        create().await.unwrap(),
        CreateEndpoint::NoOrganization
    ));
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert!(matches!(
        create().await.unwrap(),
        CreateEndpoint::AddOnRequired
    ));
    let set = |switch| world.store.set_webhooks(id, switch, actor());
    assert!(matches!(
        set(SwitchChange::OnSendHeld).await.unwrap(),
        Changed::AddOnRequired
    ));
    assert!(matches!(
        set(SwitchChange::Off).await.unwrap(),
        Changed::Done(_)
    ));
    assert!(matches!(
        world
            .store
            .set_webhooks(organization(RIVERSIDE), SwitchChange::OnSendHeld, actor())
            .await
            .unwrap(),
        Changed::NotFound
    ));
}

#[tokio::test]
async fn w3_the_first_endpoint_turns_the_organizations_switch_on() {
    let world = World::with_organizations().await;
    let id = organization(LARKSPUR);
    assert_eq!(world.store.organization(id).unwrap().webhooks, Switch::Off);
    let first = world.endpoint(LARKSPUR, &[UPDATED]).await;
    assert_eq!(world.store.organization(id).unwrap().webhooks, Switch::On);
    assert_eq!(world.store.sending(first.id), Some(Sending::Open));
    done(
        world
            .store
            .set_webhooks(id, SwitchChange::Off, actor())
            .await
            .unwrap(),
    );
    let second = world.endpoint(LARKSPUR, &[UPDATED]).await;
    assert_eq!(world.store.organization(id).unwrap().webhooks, Switch::Off);
    for endpoint in [first.id, second.id] {
        assert_eq!(world.store.sending(endpoint), Some(Sending::Off));
    }
    let world = world.reopen();
    assert_eq!(world.store.sending(first.id), Some(Sending::Off));
}

#[tokio::test]
async fn w2_losing_the_last_add_on_suspends_and_sweeps_and_keeps_the_settings() {
    let world = World::with_organizations().await;
    let mine = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let other = world.endpoint(RIVERSIDE, &[UPDATED]).await;
    world.put_organization(LARKSPUR, AddOns::NONE).await;
    assert_eq!(world.store.sending(mine.id), Some(Sending::Suspended));
    assert_eq!(world.store.sending(other.id), Some(Sending::Open));
    assert_eq!(world.store.endpoint(Reach::All, mine.id).unwrap(), mine);
    assert_eq!(
        world.count("SELECT count(*) FROM sweeps WHERE state = 4"),
        1
    );
    let refused = world
        .store
        .patch_endpoint(
            mine.organization,
            mine.id,
            switched(SwitchChange::OnSendHeld),
            actor(),
        )
        .await
        .unwrap();
    assert!(matches!(refused, Changed::AddOnRequired));
    world.put_organization(LARKSPUR, one_add_on()).await;
    assert_eq!(world.store.sending(mine.id), Some(Sending::Open));
}

#[tokio::test]
async fn w6_an_organization_has_several_endpoints_newest_first() {
    let world = World::with_organizations().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.endpoint(LARKSPUR, &[UPDATED]).await.id);
    }
    world.endpoint(RIVERSIDE, &[UPDATED]).await;
    made.reverse();
    let world = world.reopen();
    let id = organization(LARKSPUR);
    let first = world.store.endpoints(id, &page(3, None));
    let rest = world.store.endpoints(id, &page(3, first.next.clone()));
    let found: Vec<_> = first
        .items
        .iter()
        .chain(&rest.items)
        .map(|one| one.id)
        .collect();
    assert_eq!(found, made);
    assert_eq!((first.items.len(), rest.next), (3, None));
}

#[tokio::test]
async fn an_organization_has_a_thousand_endpoints_at_most() {
    let world = World::with_organizations().await;
    for _ in 0..1_000 {
        world.endpoint(LARKSPUR, &[]).await;
    }
    let answer = world
        .store
        .create_endpoint(organization(LARKSPUR), new_endpoint(&[]), actor())
        .await;
    assert!(matches!(answer.unwrap(), CreateEndpoint::LimitReached));
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_versions_what_is_sent() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let described = EndpointPatch {
        description: Some(String::from("their other CRM")),
        event_types: Some(vec![
            wire("campaign.updated"),
            wire("project.public.updated"),
        ]),
        ..EndpointPatch::default()
    };
    let after = patch(&world, made.id, described).await;
    assert_eq!((after.version, &after.url), (1, &made.url));
    let headers = vec![(String::from("x-tenant"), String::from("s3cr3t-value"))];
    let moved = EndpointPatch {
        url: Some(url("https://elsewhere.example/in")),
        headers: Some(CustomHeaders::stored(headers)),
        ..EndpointPatch::default()
    };
    let after = patch(&world, made.id, moved).await;
    assert_eq!(after.version, 2);
    let versions = "SELECT count(*) FROM endpoint_versions";
    assert_eq!(world.count(versions), 2);
    patch(&world, made.id, EndpointPatch::default()).await;
    assert_eq!(world.count(versions), 2);
    let masked = world
        .place
        .texts("SELECT coalesce(before, '') || coalesce(after, '') FROM audit")
        .concat();
    assert!(masked.contains("x-tenant") && !masked.contains("s3cr3t-value"));
    let world = world.reopen();
    let stored = world.store.endpoint(Reach::All, made.id).unwrap();
    assert_eq!(stored.headers, after.headers);
    let opened = world.store.headers(Reach::All, made.id).unwrap().unwrap();
    assert_eq!(
        opened.iter().collect::<Vec<_>>(),
        [("x-tenant", "s3cr3t-value")]
    );
    assert_eq!(stored.url, after.url);
    let mut chosen = stored.event_types.clone();
    chosen.sort();
    assert_eq!(
        *chosen,
        [wire("campaign.updated"), wire("project.public.updated")]
    );
}

#[tokio::test]
async fn switching_off_holds_and_on_sends_or_discards() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let sweeps = "SELECT count(*) FROM sweeps";
    patch(&world, made.id, switched(SwitchChange::Off)).await;
    assert_eq!(world.store.sending(made.id), Some(Sending::Off));
    world.engine.due.take();
    patch(&world, made.id, switched(SwitchChange::OnSendHeld)).await;
    assert_eq!(world.store.sending(made.id), Some(Sending::Open));
    assert_eq!(world.count(sweeps), 0);
    assert_eq!(
        world.engine.due.take(),
        Some(world.clock.now()),
        "the engine is told"
    );
    patch(&world, made.id, switched(SwitchChange::OnDiscardHeld)).await;
    assert_eq!(world.count(sweeps), 0, "it was on: nothing is held");
    patch(&world, made.id, switched(SwitchChange::Off)).await;
    patch(&world, made.id, switched(SwitchChange::OnDiscardHeld)).await;
    assert_eq!(
        world.count("SELECT count(*) FROM sweeps WHERE state = 6"),
        1
    );
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone_its_row_and_versions_stay_without_secrets() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let foreign = world
        .store
        .delete_endpoint(organization(RIVERSIDE), made.id, actor())
        .await
        .unwrap();
    assert!(matches!(foreign, Changed::NotFound));
    let delete = || {
        world
            .store
            .delete_endpoint(organization(LARKSPUR), made.id, actor())
    };
    done(delete().await.unwrap());
    assert!(matches!(delete().await.unwrap(), Changed::NotFound));
    assert_eq!(world.store.sending(made.id), None);
    assert!(world.store.secrets(Reach::All, made.id).unwrap().is_none());
    assert_eq!(
        world.count("SELECT count(*) FROM sweeps WHERE state = 5"),
        1
    );
    let kept =
        "SELECT count(*) FROM endpoints WHERE deleted_at IS NOT NULL AND length(newest_secret) = 0";
    assert_eq!(world.count(kept), 1);
    assert_eq!(world.count("SELECT count(*) FROM endpoint_versions"), 1);
    let world = world.reopen();
    assert!(world.store.endpoint(Reach::All, made.id).is_none());
}

#[tokio::test]
async fn a_deleted_organization_takes_endpoints_and_keys_along_and_may_come_back() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let hash = [1; 32];
    let key = NewKey {
        hash,
        scope: Scope::Administrator(organization(LARKSPUR)),
        description: String::new(),
        expires_at: None,
    };
    world.store.create_key(key, actor()).await.unwrap();
    let delete = || {
        world
            .store
            .delete_organization(organization(LARKSPUR), actor())
    };
    done(delete().await.unwrap());
    assert!(matches!(delete().await.unwrap(), Changed::NotFound));
    assert!(world.store.key(&hash).is_none());
    assert!(world.store.endpoint(Reach::All, made.id).is_none());
    let world = world.reopen();
    assert!(world.store.organization(organization(LARKSPUR)).is_none());
    assert!(world.store.key(&hash).is_none());
    world.put_organization(LARKSPUR, one_add_on()).await;
    let back = world.store.organization(organization(LARKSPUR)).unwrap();
    assert_eq!(back.webhooks, Switch::Off);
    assert!(
        world
            .store
            .endpoints(back.id, &page(10, None))
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn tenancy_an_endpoint_answers_to_its_own_organization_only() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let foreign = organization(RIVERSIDE);
    let answer = world
        .store
        .patch_endpoint(foreign, made.id, switched(SwitchChange::Off), actor())
        .await
        .unwrap();
    assert!(matches!(answer, Changed::NotFound));
    for answer in [
        world.store.confirm_secret(foreign, made.id, actor()).await,
        world
            .store
            .reveal_secret(foreign, made.id, actor())
            .await
            .map(|answer| match answer {
                Changed::NotFound => Changed::NotFound,
                other => panic!("{other:?}"),
            }),
    ] {
        assert!(matches!(answer.unwrap(), Changed::NotFound));
    }
    assert_eq!(world.store.sending(made.id), Some(Sending::Open));
    assert!(
        world
            .store
            .endpoints(foreign, &page(10, None))
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn every_act_is_on_the_record_with_who_and_from_where() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    patch(&world, made.id, switched(SwitchChange::Off)).await;
    done(
        world
            .store
            .delete_endpoint(made.organization, made.id, actor())
            .await
            .unwrap(),
    );
    assert_eq!(
        acts(&world),
        [
            "organization.put",
            "organization.put",
            "endpoint.create",
            "webhooks.set",
            "endpoint.patch",
            "endpoint.delete"
        ]
    );
    let complete = format!(
        "SELECT count(*) FROM audit WHERE actor = 'key key_1' AND address = '192.0.2.1' AND request_id = 'req_1'
         AND subject IN ('{}', '{LARKSPUR}', '{RIVERSIDE}') AND organization_id IS NOT NULL",
        made.id
    );
    assert_eq!(world.count(&complete), 6);
}

#[tokio::test]
async fn s9_the_number_of_a_deleted_organization_comes_with_its_history_or_not_at_all() {
    let mut world = World::with_organizations().await;
    world.endpoint(LARKSPUR, &[UPDATED]).await;
    world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
    let id = organization(LARKSPUR);
    let deleted_at = world.clock.now();
    world.store.delete_organization(id, actor()).await.unwrap();
    let mut change = OrganizationChange {
        name: String::from("Somebody else"),
        slug: None,
        add_ons: one_add_on(),
        kept: None,
        restore: false,
    };
    let refused = world
        .store
        .put_organization(id, change.clone(), actor())
        .await;
    assert_eq!(
        refused.err(),
        Some(StoreError::WasDeleted {
            organization: id,
            deleted_at
        })
    );
    assert!(world.store.organization(id).is_none());
    change.restore = true;
    let back = world
        .store
        .put_organization(id, change.clone(), actor())
        .await;
    assert_eq!(back.unwrap().name, "Somebody else");
    assert_eq!(world.deliveries(), 1);
    change.name = String::from("Once more");
    let again = world.store.put_organization(id, change, actor()).await;
    assert_eq!(
        again.unwrap().name,
        "Once more",
        "there is nothing to restore"
    );
}
