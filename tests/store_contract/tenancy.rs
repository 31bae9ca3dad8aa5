//! S9: what belongs to one organization is never another's, whatever they call it.

use crate::verbs::{PUBLIC, UPDATED, keyed, stored};
use crate::world::{LARKSPUR, RIVERSIDE, World, actor, one_add_on, organization};
use std::collections::BTreeSet;
use tidings::store::Reach;
use tidings::store::accounts::{Accounts as _, Grant, Invited, NewLink, Purpose, Role};
use tidings::store::directory::{Changed, Directory as _, PageRequest};
use tidings::store::log::{DeliveryFilter, Log as _};
use tidings::store::queue::{Accept, Queue as _};
use tidings_core::event::{Publicity, Reference};
use tidings_core::id::EndpointId;

const ORGANIZATIONS: i64 = 20;
const EVENTS: i64 = 10_000;
/// One event in so many is public.
const PUBLIC_EVERY: i64 = 20;

/// The event of that number: every organization uses the same types, references and idempotency keys.
fn numbered(number: i64) -> Accept {
    let (owner, round) = (1 + number % ORGANIZATIONS, number / ORGANIZATIONS);
    let mut accept = keyed(owner, &format!("key-{round}"), 1);
    accept.event.reference = Reference::parse("the-same");
    if round % PUBLIC_EVERY == 0 {
        accept.event.publicity = Publicity::Public;
    }
    accept
}

#[tokio::test]
async fn s9_equal_names_in_twenty_organizations_are_never_crossed() {
    let world = World::new();
    let mut endpoints = Vec::new();
    for owner in 1..=ORGANIZATIONS {
        world.put_organization(owner, one_add_on()).await;
        let own = world.endpoint(owner, &[UPDATED]).await.id;
        endpoints.push((owner, own, world.endpoint(owner, &[PUBLIC]).await.id));
    }
    let mut posted = Vec::new();
    for number in 0..EVENTS {
        posted.push(numbered(number));
        if posted.len() == 500 {
            for answer in world
                .store
                .accept(std::mem::take(&mut posted))
                .await
                .unwrap()
            {
                // An idempotency key is its organization's: none of them was there before.
                stored(answer);
            }
        }
    }
    world.rest().await;

    let rounds = EVENTS / ORGANIZATIONS;
    let public = (rounds + PUBLIC_EVERY - 1) / PUBLIC_EVERY;
    let deliveries = EVENTS + public * ORGANIZATIONS * (ORGANIZATIONS - 1);
    assert_eq!(
        world.deliveries(),
        deliveries,
        "no one too many, none too few"
    );
    let crossed = "SELECT count(*) FROM deliveries d JOIN events e ON e.id = d.event_id
        JOIN endpoints p ON p.id = d.endpoint_id WHERE d.organization_id <> p.organization_id
        OR (d.audience = 0) <> (d.organization_id = e.organization_id)";
    assert_eq!(world.count(crossed), 0);
    for (owner, own, public) in endpoints {
        listed(&world, owner, BTreeSet::from([own, public])).await;
    }
}

/// That an organization's list, searched for what all of them have, shows its own endpoints only.
async fn listed(world: &World, owner: i64, own: BTreeSet<EndpointId>) {
    let filter = DeliveryFilter {
        reference: Reference::parse("the-same"),
        ..DeliveryFilter::default()
    };
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    let found = world.store.deliveries(organization(owner), filter, page);
    let found = found.await.unwrap().items;
    assert_eq!(found.len(), 100);
    for item in &found {
        assert_eq!(item.organization, organization(owner));
        assert!(own.contains(&item.id.endpoint));
    }
    let other = Reach::One(organization(1 + owner % ORGANIZATIONS));
    for item in found {
        assert!(
            world
                .store
                .delivery(other, item.id)
                .await
                .unwrap()
                .is_none()
        );
    }
}

#[tokio::test]
async fn s9_endpoints_and_their_secrets_are_found_within_reach_only() {
    let world = World::with_organizations().await;
    let made = world.endpoint(LARKSPUR, &[UPDATED]).await;
    let (own, other) = (organization(LARKSPUR), organization(RIVERSIDE));
    for (reach, there) in [
        (Reach::All, true),
        (Reach::One(own), true),
        (Reach::One(other), false),
    ] {
        assert_eq!(
            world.store.endpoint(reach, made.id).is_some(),
            there,
            "{reach:?}"
        );
        let secrets = world.store.secrets(reach, made.id).unwrap();
        assert_eq!(secrets.is_some(), there, "{reach:?}");
    }
}

#[tokio::test]
async fn s9_links_of_nobody_or_of_others_are_out_of_reach() {
    let world = World::with_organizations().await;
    let grant = Grant {
        organization: organization(LARKSPUR),
        role: Role::Viewer,
    };
    let purposes = [
        (Purpose::Setup, false),
        (Purpose::Invitation(Invited::Operator), false),
        (Purpose::Invitation(Invited::Member(grant)), true),
    ];
    for (number, (purpose, is_theirs)) in (1..).zip(purposes) {
        let new = NewLink {
            hash: [number; 32],
            purpose,
            expires_at: world.clock.now().plus(std::time::Duration::from_secs(60)),
        };
        let link = world
            .store
            .create_link(new, actor())
            .await
            .unwrap()
            .unwrap();
        for (owner, theirs) in [(RIVERSIDE, false), (LARKSPUR, is_theirs)] {
            let reach = Reach::One(organization(owner));
            let revoked = world
                .store
                .revoke_link(reach, link.id, actor())
                .await
                .unwrap();
            assert_eq!(
                matches!(revoked, Changed::Done(())),
                theirs,
                "{number} {owner}"
            );
        }
    }
}
