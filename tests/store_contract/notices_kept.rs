//! What there is of notices beside the telling: their types in the catalogue, and those that wait to be mailed.

use crate::erase::finished;
use crate::notices::{OPERATORS, kinds, rule};
use crate::verbs::{FAILED, OK, UPDATED, event};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, organization, wire};
use std::time::Duration;
use tidings::store::Reach;
use tidings::store::directory::{Directory, SwitchChange};
use tidings::store::erasure::Erasing;
use tidings::store::log::Log;
use tidings::store::notices::{MAIL_KEPT, MAILS, Notices, Told};
use tidings_core::event::Reference;
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus, WireType};

/// How their types stand in the catalogue.
pub fn statuses(world: &World) -> Vec<Option<TypeStatus>> {
    let entry = |name: &&str| {
        let entry = world.store.event_type(&wire(name));
        entry.map(|entry| entry.status)
    };
    kinds().iter().map(entry).collect()
}

#[tokio::test]
async fn their_types_are_in_the_catalogue_while_an_organization_is_chosen() {
    let world = World::new();
    assert_eq!(statuses(&world), [None; 6]);
    world
        .store
        .tell_notices(Some(rule(None, true)))
        .await
        .unwrap();
    assert_eq!(statuses(&world), [None; 6]);
    let before = world.store.event_types().len();
    let world = world.tells().await;
    assert_eq!(statuses(&world), [Some(TypeStatus::Active); 6]);
    let after: Vec<String> = world
        .store
        .event_types()
        .iter()
        .map(|entry| entry.wire.to_string())
        .collect();
    assert_eq!(after[before..], kinds());
    let world = world.reopen();
    world.store.tell_notices(None).await.unwrap();
    assert_eq!(statuses(&world), [Some(TypeStatus::Inactive); 6]);
    let world = world.reopen().tells().await;
    assert_eq!(statuses(&world), [Some(TypeStatus::Active); 6]);
}

#[tokio::test]
async fn a_type_of_the_operators_own_keeps_its_name() {
    let world = World::new();
    let own = EventType {
        wire: WireType::parse("endpoint.failing").unwrap(),
        label: String::from("Mine"),
        description: String::new(),
        status: TypeStatus::Active,
        compatible: false,
        schema: None,
        schema_use: SchemaUse::Documents,
        example: None,
    };
    world
        .store
        .put_event_type(own.clone(), actor())
        .await
        .unwrap();
    let told = world.store.tell_notices(Some(rule(Some(OPERATORS), false)));
    assert_eq!(told.await, Ok(Told::NameTaken("endpoint.failing")));
    assert_eq!(world.store.tell_notices(None).await, Ok(Told::Ready));
    assert_eq!(*world.store.event_type(&own.wire).unwrap(), own);
}

#[tokio::test]
async fn mails_wait_for_one_who_takes_them_and_never_too_many() {
    let world = World::telling().await;
    let endpoint = world.endpoint(LARKSPUR, &[UPDATED]).await;
    assert_eq!(world.store.mails_waiting().await, Ok(None));
    world.switch(&endpoint, SwitchChange::Off).await;
    let first = world.clock.now();
    world.pass(Duration::from_secs(1));
    world.switch(&endpoint, SwitchChange::OnSendHeld).await;
    let waiting = world.store.mails_waiting().await.unwrap().unwrap();
    assert_eq!((waiting.count, waiting.oldest), (2, first));
    let lease = Duration::from_secs(60);
    let taken = world.store.take_mails(10, lease).await.unwrap();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].at, first);
    assert_eq!(world.store.take_mails(10, lease).await.unwrap(), []);
    assert_eq!(world.store.mails_waiting().await, Ok(None));
    // Whoever took them is gone.
    let world = world.reopen().tells().await;
    world.pass(lease);
    let again = world.store.take_mails(1, lease).await.unwrap();
    assert_eq!(again, taken[..1]);
    world
        .store
        .not_mailed(vec![again[0].id], lease * 2)
        .await
        .unwrap();
    let other = world.store.take_mails(10, lease).await.unwrap();
    assert_eq!(other, taken[1..]);
    world.store.mailed(vec![other[0].id]).await.unwrap();
    world.pass(lease * 2);
    assert_eq!(world.store.take_mails(10, lease).await.unwrap(), again);
    world.pass(MAIL_KEPT);
    assert_eq!(world.store.take_mails(10, lease).await.unwrap(), []);
    assert_eq!(world.count("SELECT count(*) FROM notice_mails"), 0);
    let all: String = (1..=MAILS + 5)
        .map(|id| {
            format!("INSERT INTO notice_mails VALUES ({id}, 0, 'endpoint.failing', '{{}}', 0);")
        })
        .collect();
    world.place.run(&all);
    world.switch(&endpoint, SwitchChange::Off).await;
    let kept = i64::try_from(MAILS).unwrap();
    assert_eq!(world.count("SELECT count(*) FROM notice_mails"), kept);
    assert_eq!(
        world.count("SELECT count(*) FROM notice_mails WHERE kind = 'endpoint.switched_off'"),
        1
    );
}

#[tokio::test]
async fn what_operators_were_told_of_an_erased_organization_goes_too_and_nothing_else_does() {
    let mut world = World::telling().await;
    let theirs = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let others = world.endpoint(RIVERSIDE, &[UPDATED]).await;
    let job = world.posted().await;
    world.end(job, FAILED).await;
    world.switch(&theirs, SwitchChange::Off).await;
    world.switch(&others, SwitchChange::Off).await;
    let all = world
        .store
        .set_webhooks(organization(LARKSPUR), SwitchChange::Off, actor());
    all.await.unwrap();
    let mut posted = event(OPERATORS);
    posted.event.reference = Reference::parse(&theirs.id.to_string());
    let posted = world.post(posted).await;
    for job in world.jobs() {
        world.end(job, OK).await;
    }
    world.pass(Duration::from_secs(2));
    world.rest().await;
    let told = |world: &World| {
        let events = format!("SELECT count(*) FROM events WHERE organization_id = {OPERATORS}");
        [
            world.count(&events),
            world.count("SELECT count(*) FROM notice_mails"),
        ]
    };
    assert_eq!(told(&world), [4, 3]);
    let erased = world
        .store
        .erase_organization(organization(LARKSPUR), actor());
    let id = erased.await.unwrap().unwrap().id;
    let ended = finished(&world, id).await;
    assert!(ended.removed > 5, "{ended:?}");
    assert_eq!(told(&world), [2, 1], "of the other, and what was posted");
    let left = world.store.event(Reach::All, posted).await.unwrap();
    assert!(left.is_some());
    for table in ["troubles", "trouble_notes"] {
        assert_eq!(world.count(&format!("SELECT count(*) FROM {table}")), 0);
    }
}
