//! The catalogue and API keys: what a store starts with, and what operators make of it.

use crate::directory::{acts, done, page};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, organization, wire};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::Reach;
use tidings::store::directory::{Changed, CreateKey, Directory, NewKey, Scope};
use tidings::store::queue::Queue as _;
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus};
use tidings_core::limits::KEYS_PER_ORGANIZATION;

#[tokio::test]
async fn w9_the_catalogue_starts_with_the_contracts_types_and_takes_more() {
    let world = World::new();
    let all = world.store.event_types();
    let active = all
        .iter()
        .filter(|entry| entry.status == TypeStatus::Active);
    assert_eq!((all.len(), active.count()), (18, 15));
    let order: Vec<String> = all.iter().map(|entry| entry.wire.to_string()).collect();
    assert_eq!(order[0], "project.created");
    assert_eq!(order[17], "membership.deleted");
    let own = EventType {
        wire: wire("invoice.paid"),
        label: String::from("Invoice paid"),
        description: String::from("an invoice is paid"),
        status: TypeStatus::Active,
        compatible: false,
        schema: Some(Arc::from("{\"type\":\"object\"}")),
        schema_use: SchemaUse::Enforced,
        example: Some(Arc::from("{\"id\":1}")),
    };
    world
        .store
        .put_event_type(own.clone(), actor())
        .await
        .unwrap();
    let extension = world.store.event_type(&wire("membership.created")).unwrap();
    let switched_on = EventType {
        status: TypeStatus::Active,
        ..EventType::clone(&extension)
    };
    world
        .store
        .put_event_type(switched_on.clone(), actor())
        .await
        .unwrap();
    assert_eq!(acts(&world), ["event_type.put"; 2]);
    let world = world.reopen();
    assert_eq!(world.store.event_types().len(), 19);
    assert_eq!(*world.store.event_type(&own.wire).unwrap(), own);
    assert_eq!(
        *world.store.event_type(&switched_on.wire).unwrap(),
        switched_on
    );
    let order: Vec<String> = world
        .store
        .event_types()
        .iter()
        .map(|entry| entry.wire.to_string())
        .collect();
    assert_eq!(
        (&*order[15], &*order[18]),
        ("membership.created", "invoice.paid")
    );
    assert!(
        world
            .store
            .event_type(&wire("invoice.public.paid"))
            .is_none()
    );
}

#[tokio::test]
async fn keys_are_known_by_their_hash_until_they_are_revoked() {
    let world = World::with_organizations().await;
    let scopes = [
        Scope::Operator,
        Scope::Producer,
        Scope::Administrator(organization(LARKSPUR)),
        Scope::Viewer(organization(RIVERSIDE)),
    ];
    let mut made = Vec::new();
    for (number, scope) in (0_u8..).zip(scopes) {
        let new = NewKey {
            hash: [number; 32],
            scope,
            description: format!("key {number}"),
            expires_at: Some(world.clock.now().plus(Duration::from_secs(60))),
        };
        let key = world.store.create_key(new.clone(), actor()).await.unwrap();
        let again = world.store.create_key(new, actor()).await.unwrap();
        assert_eq!(key, again, "a hash in use answers its key");
        let CreateKey::Created(key) = key else {
            panic!("{key:?}")
        };
        made.push(key);
    }
    let world = world.reopen();
    for (number, key) in (0_u8..).zip(&made) {
        assert_eq!(world.store.key(&[number; 32]).as_ref(), Some(key));
    }
    let seen = |reach| -> Vec<_> {
        let keys = world.store.keys(reach, &page(10, None)).items;
        keys.iter().map(|key| key.id).collect()
    };
    assert_eq!(
        seen(Reach::All),
        [made[3].id, made[2].id, made[1].id, made[0].id]
    );
    assert_eq!(seen(Reach::One(organization(LARKSPUR))), [made[2].id]);
    let revoke = |reach, key: usize| world.store.revoke_key(reach, made[key].id, actor());
    for foreign in [0, 1, 3] {
        let answer = revoke(Reach::One(organization(LARKSPUR)), foreign).await;
        assert!(matches!(answer.unwrap(), Changed::NotFound));
    }
    done(revoke(Reach::One(organization(LARKSPUR)), 2).await.unwrap());
    done(revoke(Reach::All, 0).await.unwrap());
    assert!(world.store.key(&[2; 32]).is_none());
    let world = world.reopen();
    assert!(world.store.key(&[0; 32]).is_none());
    assert!(world.store.key(&[1; 32]).is_some());
    let preset = NewKey {
        hash: [0; 32],
        scope: Scope::Operator,
        description: String::new(),
        expires_at: None,
    };
    let again = world.store.create_key(preset, actor()).await.unwrap();
    assert_eq!(again, CreateKey::Revoked, "it does not come back");
    assert!(world.store.key(&[0; 32]).is_none());
}

#[tokio::test]
async fn an_organization_has_so_many_keys_in_force_and_no_more() {
    let world = World::with_organizations().await;
    let end = world.clock.now().plus(Duration::from_secs(60));
    let make = async |number: u8, owner: i64, expires_at| {
        let new = NewKey {
            hash: [number; 32],
            scope: Scope::Viewer(organization(owner)),
            description: String::new(),
            expires_at,
        };
        world.store.create_key(new, actor()).await.unwrap()
    };
    for number in 1..=KEYS_PER_ORGANIZATION as u8 {
        let end = (number <= 2).then_some(end);
        assert!(matches!(
            make(number, LARKSPUR, end).await,
            CreateKey::Created(_)
        ));
    }
    assert_eq!(make(200, LARKSPUR, None).await, CreateKey::LimitReached);
    assert!(matches!(
        make(201, RIVERSIDE, None).await,
        CreateKey::Created(_)
    ));
    let known = make(3, LARKSPUR, None).await;
    let CreateKey::Created(known) = known else {
        panic!("one that is known is not one more: {known:?}")
    };
    let revoked = world.store.revoke_key(Reach::All, known.id, actor()).await;
    done(revoked.unwrap());
    assert!(matches!(
        make(202, LARKSPUR, None).await,
        CreateKey::Created(_)
    ));
    world.clock.set(end.plus(Duration::from_secs(1)));
    for number in 203..=204 {
        let made = make(number, LARKSPUR, None).await;
        assert!(
            matches!(made, CreateKey::Created(_)),
            "two are over: {made:?}"
        );
    }
    assert_eq!(make(205, LARKSPUR, None).await, CreateKey::LimitReached);
}

#[tokio::test]
async fn s8_when_a_key_was_last_used_is_known_to_the_minute_and_over_a_restart() {
    let world = World::with_organizations().await;
    let key = |number: u8| NewKey {
        hash: [number; 32],
        scope: Scope::Producer,
        description: String::new(),
        expires_at: None,
    };
    let mut ids = Vec::new();
    for number in 1..=2 {
        match world.store.create_key(key(number), actor()).await.unwrap() {
            CreateKey::Created(key) => ids.push(key.id),
            other => panic!("{other:?}"),
        }
    }
    let used = async |world: &World| {
        let mut found = world.store.last_uses(ids.clone()).await.unwrap();
        (found.remove(&ids[0]), found.remove(&ids[1]))
    };
    assert_eq!(used(&world).await, (None, None));
    let first = world.clock.now();
    world.store.note_use(ids[0], first);
    assert_eq!(
        used(&world).await,
        (Some(first), None),
        "before it is written"
    );
    let written = || world.count("SELECT count(*) FROM api_keys WHERE used_at IS NOT NULL");
    assert_eq!(written(), 0, "a request writes nothing");
    world.rest().await;
    assert_eq!(written(), 1);
    world
        .store
        .note_use(ids[0], first.plus(Duration::from_secs(59)));
    assert_eq!(used(&world).await, (Some(first), None), "to the minute");
    let later = first.plus(Duration::from_secs(60));
    world.store.note_use(ids[0], later);
    world.store.note_use(ids[1], later);
    world.rest().await;
    world.store.note_use(ids[1], first);
    world.rest().await;
    let world = world.reopen();
    assert_eq!(
        used(&world).await,
        (Some(later), Some(later)),
        "never an earlier one"
    );
    let last = later.plus(Duration::from_secs(300));
    world.store.note_use(ids[1], last);
    world.store.close().await;
    let written = format!(
        "SELECT count(*) FROM api_keys WHERE used_at = {}",
        last.as_micros()
    );
    assert_eq!(world.count(&written), 1, "a stop loses nothing");
}

#[tokio::test]
async fn s8_the_last_uses_of_many_keys_are_known_at_once() {
    let world = World::with_organizations().await;
    let mut ids = Vec::new();
    for number in 1..=35 {
        let key = NewKey {
            hash: [number; 32],
            scope: Scope::Producer,
            description: String::new(),
            expires_at: None,
        };
        match world.store.create_key(key, actor()).await.unwrap() {
            CreateKey::Created(key) => ids.push(key.id),
            other => panic!("{other:?}"),
        }
    }
    let first = world.clock.now();
    let minute = |number: usize| first.plus(Duration::from_secs(60 * number as u64));
    // Every third key is never used, and the last ones are not written yet.
    let used = |number: &usize| !number.is_multiple_of(3);
    for number in (0..30).filter(used) {
        world.store.note_use(ids[number], minute(number));
    }
    world.rest().await;
    for number in (20..35).filter(used) {
        world.store.note_use(ids[number], minute(number + 10));
    }
    let at = |number: usize| minute(if number < 20 { number } else { number + 10 });
    let wanted: Vec<_> = (0..35)
        .map(|number| used(&number).then(|| at(number)))
        .collect();
    let found = world.store.last_uses(ids.clone()).await.unwrap();
    let found: Vec<_> = ids.iter().map(|id| found.get(id).copied()).collect();
    assert_eq!(found, wanted);
}
