//! Secrets at rest and their rotation (W4, W21).

use crate::world::{LARKSPUR, RIVERSIDE, World, actor, keys, new_endpoint, organization, secret};
use base64::Engine as _;
use std::collections::HashSet;
use std::time::Duration;
use tidings::store::directory::{
    Changed, CreateEndpoint, Directory, NewEndpoint, Rotated, Rotation,
};
use tidings::store::handover;
use tidings::store::room::Room;
use tidings::store::seal::MasterKey;
use tidings::store::{Reach, SealedPart, StoreError};
use tidings_core::id::EndpointId;
use tidings_core::secret::{Overlap, Secret};

async fn rotate(world: &World, id: EndpointId, fresh: &str, overlap: u64) -> Rotated {
    let rotation = Rotation {
        fresh: secret(fresh),
        overlap: Overlap::from_seconds(overlap).unwrap(),
    };
    world
        .store
        .rotate_secret(organization(LARKSPUR), id, rotation, actor())
        .await
        .unwrap()
}

/// The newest secret, and the one that signs for `vomo-signature` now.
fn in_force(world: &World, id: EndpointId) -> (String, String) {
    let pair = world.store.secrets(Reach::All, id).unwrap().unwrap();
    let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
    (text(pair.newest()), text(pair.for_vomo(world.clock.now())))
}

fn pair(newest: &str, vomo: &str) -> (String, String) {
    (newest.to_owned(), vomo.to_owned())
}

#[tokio::test]
async fn w21_vomo_keeps_the_old_secret_through_a_restart_until_the_overlap_ends() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[]).await;
    assert_eq!(
        in_force(&world, made.id),
        pair("whsec_first", "whsec_first")
    );
    let Rotated::Done {
        endpoint: rotated,
        overlap_until,
    } = rotate(&world, made.id, "whsec_second", 3_600).await
    else {
        panic!("not rotated");
    };
    assert_eq!(rotated.version, made.version + 1);
    let overlap = Duration::from_secs(3_600);
    assert_eq!(overlap_until, Some(world.clock.now().plus(overlap)));
    let world = world.reopen();
    assert_eq!(
        in_force(&world, made.id),
        pair("whsec_second", "whsec_first")
    );
    world.pass(Duration::from_secs(3_600));
    assert_eq!(
        in_force(&world, made.id),
        pair("whsec_second", "whsec_second")
    );
}

#[tokio::test]
async fn w21_rotating_within_an_overlap_is_refused_except_with_overlap_zero() {
    let world = World::with_organizations().await;
    let id = world.endpoint(LARKSPUR, &[]).await.id;
    rotate(&world, id, "whsec_second", 3_600).await;
    let end = world.clock.now().plus(Duration::from_secs(3_600));
    let Rotated::OverlapRunning { until } = rotate(&world, id, "whsec_third", 60).await else {
        panic!("rotated within an overlap");
    };
    assert_eq!(until, end);
    assert!(matches!(
        rotate(&world, id, "whsec_third", 0).await,
        Rotated::Done { .. }
    ));
    assert_eq!(in_force(&world, id), pair("whsec_third", "whsec_third"));
    rotate(&world, id, "whsec_fourth", 60).await;
    world.pass(Duration::from_secs(60));
    assert!(matches!(
        rotate(&world, id, "whsec_fifth", 60).await,
        Rotated::Done { .. }
    ));
    assert_eq!(in_force(&world, id), pair("whsec_fifth", "whsec_fourth"));
}

#[tokio::test]
async fn w21_two_rotations_at_once_leave_one_winner() {
    let world = World::with_organizations().await;
    let id = world.endpoint(LARKSPUR, &[]).await.id;
    let (one, two) = tokio::join!(
        rotate(&world, id, "whsec_second", 60),
        rotate(&world, id, "whsec_third", 60)
    );
    let won = [one, two]
        .iter()
        .filter(|answer| matches!(answer, Rotated::Done { .. }))
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn w21_a_confirmed_switch_ends_the_overlap() {
    let world = World::with_organizations().await;
    let id = world.endpoint(LARKSPUR, &[]).await.id;
    rotate(&world, id, "whsec_second", 3_600).await;
    for _ in 0..2 {
        let answer = world
            .store
            .confirm_secret(organization(LARKSPUR), id, actor())
            .await
            .unwrap();
        assert!(matches!(answer, Changed::Done(_)));
    }
    assert_eq!(in_force(&world, id), pair("whsec_second", "whsec_second"));
    let confirmed = "SELECT count(*) FROM audit WHERE act = 'secret.confirm'";
    assert_eq!(world.count(confirmed), 1);
}

#[tokio::test]
async fn a_secret_is_revealed_on_the_record() {
    let world = World::with_organizations().await;
    let id = world.endpoint(LARKSPUR, &[]).await.id;
    let answer = world
        .store
        .reveal_secret(organization(LARKSPUR), id, actor())
        .await
        .unwrap();
    let Changed::Done(found) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(found.newest().expose(), b"whsec_first");
    let revealed = "SELECT count(*) FROM audit WHERE act = 'secret.reveal' AND actor = 'key key_1'";
    assert_eq!(world.count(revealed), 1);
}

/// Bytes that are enough to know a secret by.
const KNOWN_BY: usize = 12;

/// How often the beginning of any of the needles stands in any of the texts.
fn hits(texts: &[Vec<u8>], needles: &[Vec<u8>]) -> usize {
    let starts: HashSet<&[u8]> = needles.iter().map(|one| &one[..KNOWN_BY]).collect();
    texts
        .iter()
        .flat_map(|text| text.windows(KNOWN_BY))
        .filter(|window| starts.contains(window))
        .count()
}

#[tokio::test]
async fn no_form_of_a_secret_is_on_disk() {
    let world = World::with_organizations().await;
    let mut texts = Vec::new();
    for number in 0..100_u8 {
        let secret = Secret::generated(blake3::hash(&[number]).as_bytes());
        texts.push(secret.expose().to_vec());
        let new = NewEndpoint {
            secret,
            ..new_endpoint(&[])
        };
        let answer = world
            .store
            .create_endpoint(organization(LARKSPUR), new, actor())
            .await;
        let CreateEndpoint::Created(made) = answer.unwrap() else {
            panic!("not created");
        };
        if number % 10 == 0 {
            let fresh = format!("imported-{number}-secret");
            rotate(&world, made.id, &fresh, 60).await;
            texts.push(fresh.into_bytes());
        }
    }
    let files = world.place.dump();
    assert!(hits(&files, &[b"https://receiver.example/hook".to_vec()]) > 0);
    let base64 = base64::engine::general_purpose::STANDARD;
    let mut forms = Vec::new();
    for text in texts {
        // `whsec_` fills whole groups of base64, so forms of the whole text hold those of the rest.
        let raw = text.strip_prefix(b"whsec_").unwrap_or(&text);
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(base64.decode(raw).unwrap_or_else(|_| raw.to_vec()));
        forms.push(raw.to_vec());
        forms.push(base64.encode(raw).into_bytes());
        forms.push(hex.into_bytes());
    }
    assert_eq!(hits(&files, &forms), 0);
}

#[tokio::test]
async fn a_sealed_secret_in_another_row_or_column_does_not_open() {
    let world = World::with_organizations().await;
    let one = world.endpoint(LARKSPUR, &[]).await.id;
    let two = world.endpoint(LARKSPUR, &[]).await.id;
    rotate(&world, one, "whsec_second", 3_600).await;
    world.place.run(&format!(
        "UPDATE endpoints SET newest_secret = (SELECT newest_secret FROM endpoints WHERE id = {one})
         WHERE id = {two};
         UPDATE endpoints SET newest_secret = older_secret, older_secret = newest_secret WHERE id = {one}",
        one = one.raw(),
        two = two.raw(),
    ));
    let world = world.reopen();
    for id in [one, two] {
        let refused = StoreError::DoesNotOpen {
            endpoint: id,
            what: SealedPart::Secret,
        };
        assert_eq!(world.store.secrets(Reach::All, id).unwrap_err(), refused);
    }
    let revealed = world
        .store
        .reveal_secret(organization(LARKSPUR), one, actor());
    let refused = StoreError::DoesNotOpen {
        endpoint: one,
        what: SealedPart::Secret,
    };
    assert_eq!(revealed.await.unwrap_err(), refused);
    // A fresh secret mends it, and the broken pair is not waited for.
    let rotated = rotate(&world, one, "whsec_third", 3_600).await;
    assert!(matches!(rotated, Rotated::Done { .. }), "{rotated:?}");
    assert_eq!(in_force(&world, one), pair("whsec_third", "whsec_third"));
}

#[tokio::test]
async fn another_master_key_is_refused_at_open() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[]).await;
    let World {
        store,
        engine,
        clock,
        place,
        ..
    } = world;
    drop((store, engine));
    let open = |byte| {
        let (handover, engine) = handover::channel(Room::new(10, 1_000));
        let key = MasterKey::from_bytes([byte; 32]);
        let opened = place.open(&clock, handover, key);
        opened.map(|store| (store, engine))
    };
    assert!(matches!(open(8), Err(StoreError::WrongMasterKey { .. })));
    let (store, _engine) = open(7).unwrap();
    assert!(store.secrets(Reach::All, made.id).unwrap().is_some());
}

#[tokio::test]
async fn s6_a_new_master_key_is_taken_while_open_and_everything_is_sealed_anew() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[]).await;
    rotate(&world, made.id, "whsec_second", 3_600).await;
    let version = world.store.endpoint(Reach::All, made.id).unwrap().version;
    world.store.take_master_key(keys(&[9, 7])).await.unwrap();
    let between = world.endpoint(RIVERSIDE, &[]).await;
    assert_eq!(world.store.seal_anew().await, Ok(1));
    assert_eq!(world.store.seal_anew().await, Ok(0));
    assert_eq!(
        in_force(&world, made.id),
        pair("whsec_second", "whsec_first")
    );
    assert_eq!(
        world.store.endpoint(Reach::All, made.id).unwrap().version,
        version
    );
    // Nothing needs the old key any more.
    world.store.take_master_key(keys(&[9])).await.unwrap();
    assert_eq!(
        in_force(&world, made.id),
        pair("whsec_second", "whsec_first")
    );
    assert_eq!(
        in_force(&world, between.id),
        pair("whsec_first", "whsec_first")
    );
    let acts =
        "SELECT count(*) FROM audit WHERE act IN ('master_key.take', 'master_key.seal_anew')";
    assert_eq!(world.count(acts), 2);
}

#[tokio::test]
async fn s6_a_master_key_without_one_that_is_still_needed_is_not_taken() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[]).await;
    for bytes in [&[9][..], &[9, 8]] {
        let refused = world.store.take_master_key(keys(bytes)).await;
        assert!(matches!(refused, Err(StoreError::WrongMasterKey { .. })));
    }
    world.store.take_master_key(keys(&[9, 7])).await.unwrap();
    // The newest names the data now, and one secret is still sealed with the other.
    let refused = world.store.take_master_key(keys(&[9])).await;
    assert!(matches!(refused, Err(StoreError::WrongMasterKey { .. })));
    assert_eq!(
        in_force(&world, made.id),
        pair("whsec_first", "whsec_first")
    );
}

#[tokio::test]
async fn s6_a_start_with_a_new_key_before_the_old_one_goes_on_where_the_last_stopped() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[]).await;
    let World {
        store,
        engine,
        clock,
        place,
        ..
    } = world;
    drop((store, engine));
    let open = |key| {
        let (handover, engine) = handover::channel(Room::new(10, 1_000));
        place
            .open(&clock, handover, key)
            .map(|store| (store, engine))
    };
    drop(open(keys(&[9, 7])).unwrap());
    assert!(matches!(
        open(keys(&[9])),
        Err(StoreError::WrongMasterKey { .. })
    ));
    let (store, engine) = open(keys(&[9, 7])).unwrap();
    assert_eq!(store.seal_anew().await, Ok(0), "the data names another key");
    store.name_master_key().await.unwrap();
    assert_eq!(store.seal_anew().await, Ok(1));
    drop((store, engine));
    let (store, _engine) = open(keys(&[9])).unwrap();
    assert!(store.secrets(Reach::All, made.id).unwrap().is_some());
}
