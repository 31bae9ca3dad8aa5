//! Custom headers at rest: their values are sealed, open for the version of the endpoint they belong to and nowhere else, and
//! go with it (S6, S17).

use crate::verbs::{OK, UPDATED, event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, keys, new_endpoint, organization, url};
use base64::Engine as _;
use std::collections::HashSet;
use std::sync::Arc;
use tidings::store::directory::{
    Changed, CreateEndpoint, Directory, Endpoint, EndpointPatch, NewEndpoint, Rotation,
};
use tidings::store::log::Log as _;
use tidings::store::{Reach, SealedPart, StoreError};
use tidings_core::endpoint::CustomHeaders;
use tidings_core::id::EndpointId;
use tidings_core::secret::Overlap;

fn headers(pairs: &[(&str, &str)]) -> CustomHeaders {
    let given = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    CustomHeaders::parse(given.collect(), "vomo-signature").unwrap()
}

pub fn token(words: &str) -> CustomHeaders {
    headers(&[("authorization", words), ("x-tenant", "4417")])
}

pub async fn make(world: &World, owner: i64, headers: &CustomHeaders) -> Arc<Endpoint> {
    let new = NewEndpoint {
        headers: headers.clone(),
        ..new_endpoint(&[UPDATED])
    };
    let answer = world
        .store
        .create_endpoint(organization(owner), new, actor());
    match answer.await.unwrap() {
        CreateEndpoint::Created(made) => made,
        other => panic!("{other:?}"),
    }
}

async fn patch(
    world: &World,
    of: &Endpoint,
    patch: EndpointPatch,
) -> Result<Arc<Endpoint>, StoreError> {
    let answer = world
        .store
        .patch_endpoint(of.organization, of.id, patch, actor());
    match answer.await? {
        Changed::Done(endpoint) => Ok(endpoint),
        other => panic!("{other:?}"),
    }
}

pub async fn give(world: &World, of: &Endpoint, headers: &CustomHeaders) -> Arc<Endpoint> {
    let headers = Some(headers.clone());
    let given = EndpointPatch {
        headers,
        ..EndpointPatch::default()
    };
    patch(world, of, given).await.unwrap()
}

async fn move_to(world: &World, of: &Endpoint, target: &str) -> Result<Arc<Endpoint>, StoreError> {
    let url = Some(url(target));
    let moved = EndpointPatch {
        url,
        ..EndpointPatch::default()
    };
    patch(world, of, moved).await
}

async fn rotate(world: &World, of: &Endpoint) {
    let rotation = Rotation {
        fresh: crate::world::secret("whsec_second"),
        overlap: Overlap::from_seconds(60).unwrap(),
    };
    world
        .store
        .rotate_secret(of.organization, of.id, rotation, actor())
        .await
        .unwrap();
}

fn opened(world: &World, id: EndpointId) -> Result<CustomHeaders, StoreError> {
    let opened = world.store.headers(Reach::All, id);
    opened.map(Option::unwrap)
}

/// Keeps what is sealed now, to put it back later.
fn keep(world: &World, name: &str) {
    world.place.run(&format!(
        "CREATE TABLE {name} AS SELECT id, sealed_headers FROM endpoints"
    ));
}

fn put_back(world: &World, name: &str) {
    world.place.run(&format!(
        "UPDATE endpoints SET sealed_headers = (SELECT k.sealed_headers FROM {name} k WHERE k.id = endpoints.id)"
    ));
}

/// Every form of a text in which it could be found again.
fn forms(text: &str) -> [Vec<u8>; 3] {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = base64::engine::general_purpose::STANDARD.encode(text);
    [text.into(), hex.into(), base64.into()]
}

#[tokio::test]
async fn s6_no_value_of_a_custom_header_is_on_disk_and_all_are_sent_after_a_restart() {
    const KNOWN_BY: usize = 12;
    let world = World::with_organizations().await;
    let (mut needles, mut wanted) = (HashSet::new(), Vec::new());
    for number in 0..100_u8 {
        let word = |turn: u8| blake3::hash(&[number, turn]).to_hex().to_string();
        let mut last = token(&word(0));
        let made = make(&world, LARKSPUR, &last).await;
        if number % 3 == 0 {
            last = token(&word(1));
            give(&world, &made, &last).await;
        }
        if number % 5 == 0 {
            rotate(&world, &made).await;
        }
        if number % 7 == 0 {
            let moved = move_to(&world, &made, "https://elsewhere.example/in").await;
            moved.unwrap();
        }
        for word in [word(0), word(1)] {
            needles.extend(forms(&word).map(|form| form[..KNOWN_BY].to_vec()));
        }
        wanted.push((made.id, last));
    }
    let files = world.place.dump();
    let mut windows = files.iter().flat_map(|file| file.windows(KNOWN_BY));
    assert!(files.iter().any(|file| {
        let mut parts = file.windows(KNOWN_BY);
        parts.any(|part| part == b"authorizatio")
    }));
    let hit = windows.find(|window| needles.contains(*window));
    assert_eq!(hit, None);
    let world = world.reopen();
    for (id, headers) in wanted {
        assert_eq!(opened(&world, id).unwrap(), headers);
        let shown = world.store.endpoint(Reach::All, id).unwrap();
        assert_eq!(shown.headers, headers.names());
    }
}

/// What somebody who can write to the database tries, and which endpoints it is tried on.
#[tokio::test]
async fn s6_sealed_headers_anywhere_but_where_they_belong_do_not_open() {
    for tried in [
        "UPDATE endpoints SET sealed_headers = (SELECT o.sealed_headers FROM endpoints o WHERE o.id = {other}) WHERE id = {one}",
        "UPDATE endpoints SET sealed_headers = (SELECT o.sealed_headers FROM endpoints o WHERE o.id = {foreign}) WHERE id = {one}",
        "UPDATE endpoints SET sealed_headers = newest_secret WHERE id = {one}",
        "UPDATE endpoints SET version = version + 1 WHERE id = {one}",
        "UPDATE endpoints SET sealed_headers = NULL WHERE id = {one}",
        "UPDATE endpoints SET header_names = '[\"x-other\",\"x-tenant\"]' WHERE id = {one}",
        "UPDATE endpoints SET header_names = '[]' WHERE id = {one}",
        "UPDATE endpoints SET sealed_headers = (SELECT k.sealed_headers FROM kept k WHERE k.id = {one}) WHERE id = {one}",
    ] {
        let world = World::with_organizations().await;
        let one = make(&world, LARKSPUR, &token("Bearer one")).await;
        let other = make(&world, LARKSPUR, &token("Bearer other")).await;
        let foreign = make(&world, RIVERSIDE, &token("Bearer foreign")).await;
        keep(&world, "kept");
        // What is kept is of the version before.
        give(&world, &one, &token("Bearer newer")).await;
        let statement = tried
            .replace("{one}", &one.id.raw().to_string())
            .replace("{other}", &other.id.raw().to_string())
            .replace("{foreign}", &foreign.id.raw().to_string());
        world.place.run(&statement);
        let world = world.reopen();
        let refused = StoreError::DoesNotOpen {
            endpoint: one.id,
            what: SealedPart::Headers,
        };
        assert_eq!(opened(&world, one.id), Err(refused.clone()), "{tried}");
        assert_eq!(opened(&world, other.id).unwrap(), token("Bearer other"));
        assert!(world.store.secrets(Reach::All, one.id).is_ok());
        // Nothing that would have to seal them again is done; given anew they are whole.
        let one = world.store.endpoint(Reach::All, one.id).unwrap();
        let moved = move_to(&world, &one, "https://elsewhere.example/in").await;
        assert_eq!(moved.unwrap_err(), refused, "{tried}");
        give(&world, &one, &token("Bearer anew")).await;
        assert_eq!(opened(&world, one.id).unwrap(), token("Bearer anew"));
        let world = world.reopen();
        assert_eq!(opened(&world, one.id).unwrap(), token("Bearer anew"));
    }
}

#[tokio::test]
async fn s6_a_new_master_key_seals_headers_anew_and_one_without_which_they_would_not_open_is_not_taken()
 {
    let world = World::with_organizations().await;
    let made = make(&world, LARKSPUR, &token("Bearer one")).await;
    let bare = make(&world, LARKSPUR, &CustomHeaders::default()).await;
    keep(&world, "kept");
    world.store.take_master_key(keys(&[9, 7])).await.unwrap();
    assert_eq!(world.store.seal_anew().await, Ok(2));
    let same = world.store.endpoint(Reach::All, made.id).unwrap();
    assert_eq!(same.version, made.version);
    assert_eq!(opened(&world, made.id).unwrap(), token("Bearer one"));
    // Secrets are sealed with the new one, headers with the old one, as after a crash in an older version.
    put_back(&world, "kept");
    let world = world.reopen_with(keys(&[9, 7]));
    let refused = world.store.take_master_key(keys(&[9])).await;
    assert!(matches!(refused, Err(StoreError::WrongMasterKey { .. })));
    assert_eq!(world.store.seal_anew().await, Ok(1));
    world.store.take_master_key(keys(&[9])).await.unwrap();
    let world = world.reopen_with(keys(&[9]));
    assert_eq!(opened(&world, made.id).unwrap(), token("Bearer one"));
    assert!(opened(&world, bare.id).unwrap().is_empty());
    let kept = "SELECT count(*) FROM endpoints WHERE sealed_headers IS NOT NULL";
    assert_eq!(world.count(kept), 1, "nothing is sealed without headers");
}

#[tokio::test]
async fn another_value_is_another_version_and_the_same_is_no_change() {
    let world = World::with_organizations().await;
    let made = make(&world, LARKSPUR, &token("Bearer one")).await;
    let changes = "SELECT count(*) FROM audit WHERE act = 'endpoint.patch'";
    let same = give(&world, &made, &token("Bearer one")).await;
    assert_eq!((same.version, world.count(changes)), (made.version, 0));
    let other = give(&world, &made, &token("Bearer two")).await;
    assert_eq!((other.version, world.count(changes)), (made.version + 1, 1));
    assert_eq!(opened(&world, made.id).unwrap(), token("Bearer two"));
    let described = EndpointPatch {
        description: Some(String::from("another")),
        ..EndpointPatch::default()
    };
    let described = patch(&world, &made, described).await.unwrap();
    assert_eq!(described.version, other.version);
    rotate(&world, &made).await;
    let moved = move_to(&world, &made, "https://elsewhere.example/in").await;
    assert_eq!(moved.unwrap().version, other.version + 2);
    assert_eq!(opened(&world, made.id).unwrap(), token("Bearer two"));
    let none = give(&world, &made, &CustomHeaders::default()).await;
    assert!(none.headers.is_empty());
    let world = world.reopen();
    assert!(opened(&world, made.id).unwrap().is_empty());
}

#[tokio::test]
async fn a_version_that_was_keeps_the_names_it_was_sent_with_and_no_value() {
    let mut world = World::with_organizations().await;
    let made = make(&world, LARKSPUR, &token("Bearer one")).await;
    let event = world.post(event(LARKSPUR)).await;
    let job = world.job();
    world.end(job, OK).await;
    give(&world, &made, &headers(&[("x-key", "other-value")])).await;
    let id = tidings_core::id::DeliveryId {
        event,
        endpoint: made.id,
    };
    let found = world.store.delivery(Reach::All, id).await.unwrap().unwrap();
    let sent: Vec<&str> = found.attempts[0].headers.iter().collect();
    assert_eq!(sent, ["authorization", "x-tenant"]);
    let versions = "SELECT header_names FROM endpoint_versions ORDER BY version";
    assert_eq!(
        world.place.texts(versions),
        [r#"["authorization","x-tenant"]"#, r#"["x-key"]"#]
    );
}

#[tokio::test]
async fn what_was_sealed_goes_with_its_endpoint() {
    let world = World::with_organizations().await;
    let one = make(&world, LARKSPUR, &token("Bearer one")).await;
    make(&world, RIVERSIDE, &token("Bearer two")).await;
    let left =
        "SELECT count(*) FROM endpoints WHERE sealed_headers IS NOT NULL OR header_names <> '[]'";
    let deleted = world
        .store
        .delete_endpoint(one.organization, one.id, actor());
    assert!(matches!(deleted.await, Ok(Changed::Done(()))));
    assert_eq!(world.count(left), 1);
    assert_eq!(world.store.headers(Reach::All, one.id), Ok(None));
    let deleted = world
        .store
        .delete_organization(organization(RIVERSIDE), actor());
    assert!(matches!(deleted.await, Ok(Changed::Done(()))));
    assert_eq!(world.count(left), 0);
}

#[tokio::test]
async fn headers_are_opened_within_reach_only() {
    let world = World::with_organizations().await;
    let made = make(&world, LARKSPUR, &token("Bearer one")).await;
    let reach = |id| Reach::One(organization(id));
    assert_eq!(world.store.headers(reach(RIVERSIDE), made.id), Ok(None));
    assert_eq!(
        world.store.headers(reach(LARKSPUR), made.id),
        Ok(Some(token("Bearer one")))
    );
}
