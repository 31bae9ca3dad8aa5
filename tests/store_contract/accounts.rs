//! Accounts, sessions and links: made once, used once, over when they are over.

use crate::world::{LARKSPUR, RIVERSIDE, World};
use std::time::Duration;
use tidings::store::accounts::{
    Acceptance, Account, Accounts as _, Grant, Holder, Invited, NewLink, NewSession, Purpose,
    Redeemed, Removed, Role, Standing, TokenHash,
};
use tidings::store::directory::{Changed, Directory as _, PageRequest};
use tidings::store::{Actor, Reach};
use tidings_core::id::OrganizationId;
use tidings_core::limits::{GRANTS_PER_ACCOUNT, SESSION_IDLE, SESSION_KEPT};

pub fn organization(id: i64) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

pub fn grant(id: i64, role: Role) -> Grant {
    Grant {
        organization: organization(id),
        role,
    }
}

pub fn invitation(id: i64, role: Role) -> Purpose {
    Purpose::Invitation(Invited::Member(grant(id, role)))
}

pub fn hash(token: u32) -> TokenHash {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&token.to_le_bytes());
    hash
}

pub fn person(name: &str) -> Acceptance {
    Acceptance::Person {
        name: name.to_owned(),
        password: format!("hash of {name}"),
    }
}

pub async fn link(world: &World, token: u32, purpose: Purpose) {
    let made = link_by(world, &Actor::server().name, token, purpose).await;
    assert!(made, "it is open");
}

/// Answers whether there was room for it.
pub async fn link_by(world: &World, maker: &str, token: u32, purpose: Purpose) -> bool {
    let new = NewLink {
        hash: hash(token),
        purpose,
        expires_at: world.clock.now().plus(Duration::from_secs(900)),
    };
    let maker = Actor {
        name: maker.to_owned(),
        ..Actor::server()
    };
    let made = world.store.create_link(new, maker).await;
    made.unwrap().is_some()
}

pub async fn accept(world: &World, token: u32, by: Acceptance) -> Redeemed {
    world
        .store
        .accept_link(hash(token), by, Actor::server())
        .await
        .unwrap()
}

pub async fn made(world: &World, token: u32, purpose: Purpose, name: &str) -> Account {
    link(world, token, purpose).await;
    match accept(world, token, person(name)).await {
        Redeemed::Done(account) => account,
        other => panic!("{other:?}"),
    }
}

pub fn session(token: u32) -> NewSession {
    NewSession {
        hash: hash(token),
        address: Some("192.0.2.7".parse().unwrap()),
        agent: String::from("a browser"),
    }
}

#[tokio::test]
async fn a_link_is_used_once_and_not_after_its_time() {
    let world = World::new();
    link(&world, 1, Purpose::Setup).await;
    let now = world.clock.now();
    assert!(world.store.link(hash(1), now).await.unwrap().is_some());
    assert!(world.store.link(hash(2), now).await.unwrap().is_none());
    let Redeemed::Done(account) = accept(&world, 1, person("mary")).await else {
        panic!("it works");
    };
    assert_eq!(
        (account.name.as_str(), account.standing),
        ("mary", Standing::Operator)
    );
    assert_eq!(accept(&world, 1, person("eve")).await, Redeemed::NoLink);
    link(&world, 3, Purpose::Setup).await;
    world.clock.set(now.plus(Duration::from_secs(901)));
    assert_eq!(accept(&world, 3, person("eve")).await, Redeemed::NoLink);
    assert!(
        world
            .store
            .account_named(String::from("eve"))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_invitation_makes_an_account_or_adds_to_one_and_a_name_is_nobodys_twice() {
    let world = World::new();
    let mary = made(&world, 1, invitation(LARKSPUR, Role::Viewer), "mary").await;
    link(&world, 2, invitation(RIVERSIDE, Role::Administrator)).await;
    assert_eq!(accept(&world, 2, person("mary")).await, Redeemed::NameTaken);
    let Redeemed::Done(joined) = accept(&world, 2, Acceptance::Account(mary.id)).await else {
        panic!("a name that is taken does not use the link up");
    };
    let both = Standing::Member(vec![
        grant(LARKSPUR, Role::Viewer),
        grant(RIVERSIDE, Role::Administrator),
    ]);
    assert_eq!(joined.standing, both);
    link(&world, 3, invitation(RIVERSIDE, Role::Viewer)).await;
    let Redeemed::Done(kept) = accept(&world, 3, Acceptance::Account(mary.id)).await else {
        panic!("it joins");
    };
    assert_eq!(kept.standing, both, "a lower role takes nothing away");
    let page = PageRequest {
        limit: 10,
        after: None,
    };
    let seen = world
        .store
        .accounts(Reach::One(organization(LARKSPUR)), page)
        .await
        .unwrap();
    assert_eq!(seen.items.len(), 1);
    let store = &world.store;
    let leave = |id| store.leave(mary.id, organization(id), Actor::server());
    assert_eq!(leave(LARKSPUR).await.unwrap(), Removed::Done);
    assert_eq!(leave(LARKSPUR).await.unwrap(), Removed::NotFound);
    assert_eq!(leave(RIVERSIDE).await.unwrap(), Removed::Done);
    assert!(
        store.account(mary.id).await.unwrap().is_none(),
        "without a role there is no account"
    );
}

#[tokio::test]
async fn a_setup_link_takes_a_known_name_over_and_ends_its_sessions() {
    let world = World::new();
    let mary = made(&world, 1, invitation(LARKSPUR, Role::Viewer), "mary").await;
    let store = &world.store;
    store
        .open_session(mary.id, session(9), Actor::server())
        .await
        .unwrap();
    let again = made(&world, 2, Purpose::Setup, "mary").await;
    assert_eq!((again.id, again.standing), (mary.id, Standing::Operator));
    assert!(
        store
            .session(hash(9), world.clock.now())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn s10_a_password_link_is_over_when_another_is_made_or_the_password_changes() {
    let world = World::with_organizations().await;
    let mary = made(&world, 1, invitation(LARKSPUR, Role::Viewer), "mary").await;
    let anew = |token| link(&world, token, Purpose::Password(mary.id));
    anew(2).await;
    anew(3).await;
    assert_eq!(accept(&world, 2, person("mary")).await, Redeemed::NoLink);
    let used = accept(&world, 3, person("mary")).await;
    assert!(matches!(used, Redeemed::Done(_)), "{used:?}");
    anew(4).await;
    let changed = world
        .store
        .set_password(mary.id, String::from("a hash"), None, Actor::server());
    assert!(matches!(changed.await, Ok(Changed::Done(()))));
    assert_eq!(accept(&world, 4, person("mary")).await, Redeemed::NoLink);
}

#[tokio::test]
async fn s9_who_leaves_an_organization_shows_it_nothing_of_another() {
    let world = World::with_organizations().await;
    let mary = made(&world, 1, invitation(LARKSPUR, Role::Viewer), "mary").await;
    link(&world, 2, invitation(RIVERSIDE, Role::Administrator)).await;
    accept(&world, 2, Acceptance::Account(mary.id)).await;
    let leave = world
        .store
        .leave(mary.id, organization(LARKSPUR), Actor::server());
    assert_eq!(leave.await.unwrap(), Removed::Done);
    let shown = "SELECT count(*) FROM audit WHERE act = 'account.leave' AND organization_id = 4417";
    assert_eq!(world.count(shown), 1);
    let told = format!("{shown} AND (before LIKE '%{RIVERSIDE}%' OR after LIKE '%{RIVERSIDE}%')");
    assert_eq!(world.count(&told), 0);
}

#[tokio::test]
async fn the_last_operator_stays() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let store = &world.store;
    let remove = |id| store.remove_account(id, Actor::server());
    assert_eq!(remove(mary.id).await.unwrap(), Removed::LastOperator);
    link(&world, 2, invitation(LARKSPUR, Role::Viewer)).await;
    let Redeemed::Done(still) = accept(&world, 2, Acceptance::Account(mary.id)).await else {
        panic!("it joins");
    };
    assert_eq!(still.standing, Standing::Operator, "a role makes no less");
    let leave = store.leave(mary.id, organization(LARKSPUR), Actor::server());
    assert_eq!(leave.await.unwrap(), Removed::NotFound);
    let operator = Purpose::Invitation(Invited::Operator);
    made(&world, 3, operator, "john").await;
    assert_eq!(remove(mary.id).await.unwrap(), Removed::Done);
    assert_eq!(remove(mary.id).await.unwrap(), Removed::NotFound);
}

#[tokio::test]
async fn a_role_too_many_is_refused_and_the_invitation_stays() {
    let world = World::new();
    let mary = made(&world, 1, invitation(1, Role::Viewer), "mary").await;
    for other in 2..=GRANTS_PER_ACCOUNT as i64 {
        link(&world, other as u32, invitation(other, Role::Viewer)).await;
        let joined = accept(&world, other as u32, Acceptance::Account(mary.id)).await;
        assert!(matches!(joined, Redeemed::Done(_)), "{other}: {joined:?}");
    }
    link(&world, 9_999, invitation(LARKSPUR, Role::Viewer)).await;
    let refused = accept(&world, 9_999, Acceptance::Account(mary.id)).await;
    assert_eq!(refused, Redeemed::TooManyRoles);
    let taken = accept(&world, 9_999, person("john")).await;
    assert!(
        matches!(taken, Redeemed::Done(_)),
        "another may still use it"
    );
}

#[tokio::test]
async fn s11_a_session_is_over_when_idle_when_old_and_when_ended() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let store = &world.store;
    let begun = world.clock.now();
    let open = async |token| match store
        .open_session(mary.id, session(token), Actor::server())
        .await
        .unwrap()
    {
        Changed::Done(id) => id,
        other => panic!("{other:?}"),
    };
    let id = open(7).await;
    let found = store.session(hash(7), begun).await.unwrap().unwrap();
    assert_eq!(found.agent, "a browser");
    assert!(matches!(&found.holder, Holder::Account(account) if account.id == mary.id));
    let idle = begun.plus(SESSION_IDLE);
    assert!(store.session(hash(7), idle).await.unwrap().is_none());
    store
        .touch_session(id, begun.plus(Duration::from_secs(60)))
        .await
        .unwrap();
    assert!(store.session(hash(7), idle).await.unwrap().is_some());
    store
        .touch_session(id, begun.plus(SESSION_KEPT))
        .await
        .unwrap();
    assert!(
        store
            .session(hash(7), begun.plus(SESSION_KEPT))
            .await
            .unwrap()
            .is_none()
    );
    let (here, there) = (open(8).await, open(9).await);
    let end = |account, id| store.end_session(account, id, Actor::server());
    assert!(matches!(
        end(Some(mary.id), here).await.unwrap(),
        Changed::Done(())
    ));
    assert!(matches!(
        end(Some(mary.id), here).await.unwrap(),
        Changed::NotFound
    ));
    let changed = store
        .set_password(
            mary.id,
            String::from("another"),
            Some(there),
            Actor::server(),
        )
        .await
        .unwrap();
    assert!(matches!(changed, Changed::Done(())));
    let left = store.sessions(mary.id, begun).await.unwrap();
    assert_eq!(
        left.iter().map(|session| session.id).collect::<Vec<_>>(),
        [there]
    );
    let (_, hash) = store
        .account_named(String::from("mary"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(hash, "another");
}

#[tokio::test]
async fn a_portal_link_opens_its_organization_once_and_revoking_ends_what_it_opened() {
    let world = World::new();
    let purpose = Purpose::Portal {
        grant: grant(LARKSPUR, Role::Administrator),
        return_url: Some(String::from("https://platform.example/")),
    };
    link(&world, 1, purpose.clone()).await;
    let store = &world.store;
    let now = world.clock.now();
    let id = store.link(hash(1), now).await.unwrap().unwrap().id;
    let open = |token| store.open_portal(hash(1), session(token), Actor::server());
    assert!(open(5).await.unwrap().is_some());
    assert!(open(6).await.unwrap().is_none());
    let found = store.session(hash(5), now).await.unwrap().unwrap();
    let Holder::Portal {
        grant: granted,
        return_url,
        ..
    } = found.holder
    else {
        panic!("a portal's session");
    };
    assert_eq!(granted, grant(LARKSPUR, Role::Administrator));
    assert_eq!(return_url.as_deref(), Some("https://platform.example/"));
    let revoke = |reach| store.revoke_link(reach, id, Actor::server());
    assert!(matches!(
        revoke(Reach::One(organization(RIVERSIDE))).await.unwrap(),
        Changed::NotFound
    ));
    assert!(matches!(
        revoke(Reach::One(organization(LARKSPUR))).await.unwrap(),
        Changed::Done(())
    ));
    assert!(store.session(hash(5), now).await.unwrap().is_none());
}

#[tokio::test]
async fn who_gets_the_number_of_a_deleted_organization_gets_none_of_its_people() {
    let world = World::with_organizations().await;
    let viewer = invitation(LARKSPUR, Role::Viewer);
    let mary = made(&world, 1, viewer.clone(), "mary").await;
    link(&world, 2, viewer).await;
    let portal = Purpose::Portal {
        grant: grant(LARKSPUR, Role::Viewer),
        return_url: None,
    };
    link(&world, 3, portal).await;
    let store = &world.store;
    let opened = store
        .open_portal(hash(3), session(5), Actor::server())
        .await
        .unwrap();
    assert!(opened.is_some());
    let deleted = store
        .delete_organization(organization(LARKSPUR), Actor::server())
        .await
        .unwrap();
    assert!(matches!(deleted, Changed::Done(())));
    let now = world.clock.now();
    let left = store.account(mary.id).await.unwrap().unwrap();
    assert_eq!(left.standing, Standing::Member(Vec::new()));
    assert!(store.session(hash(5), now).await.unwrap().is_none());
    assert!(store.link(hash(2), now).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let store = &world.store;
    store
        .open_session(mary.id, session(7), Actor::server())
        .await
        .unwrap();
    let rows = || {
        world
            .place
            .numbers("SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM links)")
    };
    world.rest().await;
    assert_eq!(rows(), [[Some(1), Some(1)]]);
    world
        .clock
        .set(world.clock.now().plus(Duration::from_secs(3 * 86_400)));
    world.rest().await;
    assert_eq!(rows(), [[Some(0), Some(0)]]);
}
