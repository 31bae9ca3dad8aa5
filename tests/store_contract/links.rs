//! One-time links: whose they are, how many wait to be used, and what becomes of them.

use crate::accounts::{accept, grant, hash, invitation, link, link_by, made, organization, person};
use crate::world::{LARKSPUR, RIVERSIDE, World};
use std::time::Duration;
use tidings::store::accounts::{Acceptance, Accounts as _, Purpose, Redeemed, Removed, Role};
use tidings::store::directory::{Changed, CreateKey, Directory as _, NewKey, Scope};
use tidings::store::{Actor, Reach};
use tidings_core::id::AccountId;
use tidings_core::limits::{MEMBERS_PER_ORGANIZATION, OPEN_LINKS};

#[tokio::test]
async fn s11_what_somebody_made_and_nobody_used_ends_with_them() {
    let world = World::with_organizations().await;
    let viewer = |id| invitation(id, Role::Viewer);
    let mary = made(&world, 1, invitation(LARKSPUR, Role::Administrator), "mary").await;
    link(&world, 2, invitation(RIVERSIDE, Role::Administrator)).await;
    accept(&world, 2, Acceptance::Account(mary.id)).await;
    let by_mary = format!("account {}", mary.id);
    for (token, owner) in [(10, LARKSPUR), (11, RIVERSIDE), (12, RIVERSIDE)] {
        link_by(&world, &by_mary, token, viewer(owner)).await;
    }
    let open = invitation(LARKSPUR, Role::Viewer);
    link_by(&world, "account acc_of_somebody_else", 13, open).await;
    let eve = accept(&world, 12, person("eve")).await;
    assert!(matches!(eve, Redeemed::Done(_)), "while mary is there");
    let is_open = async |token| {
        let now = world.clock.now();
        world.store.link(hash(token), now).await.unwrap().is_some()
    };
    let left = world
        .store
        .leave(mary.id, organization(LARKSPUR), Actor::server());
    assert_eq!(left.await.unwrap(), Removed::Done);
    assert!(!is_open(10).await, "she has no say there any more");
    assert!(is_open(11).await && is_open(13).await);
    let removed = world.store.remove_account(mary.id, Actor::server());
    assert_eq!(removed.await.unwrap(), Removed::Done);
    assert!(!is_open(11).await && is_open(13).await);

    let new = NewKey {
        hash: [9; 32],
        scope: Scope::Administrator(organization(LARKSPUR)),
        description: String::new(),
        expires_at: None,
    };
    let made = world.store.create_key(new, Actor::server()).await.unwrap();
    let CreateKey::Created(key) = made else {
        panic!("{made:?}")
    };
    let portal = Purpose::Portal {
        grant: grant(LARKSPUR, Role::Administrator),
        return_url: None,
    };
    link_by(&world, &format!("key {}", key.id), 14, portal).await;
    let revoked = world.store.revoke_key(Reach::All, key.id, Actor::server());
    assert!(matches!(revoked.await.unwrap(), Changed::Done(())));
    assert!(!is_open(14).await && is_open(13).await);
}

#[tokio::test]
async fn only_so_many_links_wait_to_be_used_and_who_is_locked_out_gets_one() {
    let world = World::with_organizations().await;
    for token in 1..=OPEN_LINKS as u32 {
        link(&world, token, invitation(LARKSPUR, Role::Viewer)).await;
    }
    let one_more = async |token, purpose| link_by(&world, "server", token, purpose).await;
    assert!(!one_more(2_000, invitation(LARKSPUR, Role::Viewer)).await);
    assert!(one_more(2_001, invitation(RIVERSIDE, Role::Viewer)).await);
    assert!(one_more(2_002, Purpose::Setup).await);
    accept(&world, 1, person("mary")).await;
    assert!(one_more(2_003, invitation(LARKSPUR, Role::Viewer)).await);
    assert!(!one_more(2_004, invitation(LARKSPUR, Role::Viewer)).await);
    let over = world.clock.now().plus(Duration::from_secs(901));
    world.clock.set(over);
    assert!(one_more(2_005, invitation(LARKSPUR, Role::Viewer)).await);
}

#[tokio::test]
async fn an_organization_has_so_many_members_and_the_invitation_stays() {
    let world = World::with_organizations().await;
    let members = MEMBERS_PER_ORGANIZATION;
    world.place.run(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {members})
            INSERT INTO accounts (id, name, operator, password, created_at) SELECT i, 'n' || i, 0, 'x', 0 FROM n;
         INSERT INTO account_grants (account_id, organization_id, role) SELECT id, {LARKSPUR}, 'viewer' FROM accounts"
    ));
    link(&world, 1, invitation(LARKSPUR, Role::Viewer)).await;
    assert_eq!(
        accept(&world, 1, person("mary")).await,
        Redeemed::OrganizationFull
    );
    let member = Acceptance::Account(AccountId::from_raw(8));
    link(&world, 2, invitation(LARKSPUR, Role::Administrator)).await;
    let raised = accept(&world, 2, member).await;
    assert!(matches!(raised, Redeemed::Done(_)), "who is one is no more");
    world
        .place
        .run("DELETE FROM account_grants WHERE account_id = 7");
    let joined = accept(&world, 1, person("mary")).await;
    assert!(matches!(joined, Redeemed::Done(_)), "{joined:?}");
}

#[tokio::test]
async fn other_organizations_links_hide_none_of_ones_own() {
    let world = World::new();
    link(&world, 1, invitation(LARKSPUR, Role::Viewer)).await;
    world
        .clock
        .set(world.clock.now().plus(Duration::from_secs(1)));
    for other in 2..=203 {
        link(&world, other, invitation(RIVERSIDE, Role::Viewer)).await;
    }
    let now = world.clock.now();
    let list = async |reach| world.store.links(reach, now).await.unwrap();
    let own = list(Reach::One(organization(LARKSPUR))).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].purpose, invitation(LARKSPUR, Role::Viewer));
    assert_eq!(list(Reach::All).await.len(), 200);
}
