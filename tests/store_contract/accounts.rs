//! Accounts, sessions and links: made once, used once, over when they are over.

use crate::world::{LARKSPUR, RIVERSIDE, World};
use std::time::Duration;
use tidings::store::accounts::{
    Acceptance, Account, Accounts as _, Grant, Holder, NewLink, NewSession, Purpose, Redeemed,
    Removed, Role, Standing,
};
use tidings::store::directory::{Changed, Directory as _, PageRequest};
use tidings::store::{Actor, Reach};
use tidings_core::id::OrganizationId;
use tidings_core::limits::{SESSION_IDLE, SESSION_KEPT};

fn organization(id: i64) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

fn grant(id: i64, role: Role) -> Grant {
    Grant {
        organization: organization(id),
        role,
    }
}

fn member(id: i64, role: Role) -> Standing {
    Standing::Member(vec![grant(id, role)])
}

fn person(name: &str) -> Acceptance {
    Acceptance::Person {
        name: name.to_owned(),
        password: format!("hash of {name}"),
    }
}

async fn link(world: &World, token: u8, purpose: Purpose) {
    let new = NewLink {
        hash: [token; 32],
        purpose,
        expires_at: world.clock.now().plus(Duration::from_secs(900)),
    };
    world.store.create_link(new, Actor::server()).await.unwrap();
}

async fn accept(world: &World, token: u8, by: Acceptance) -> Redeemed<Account> {
    world
        .store
        .accept_link([token; 32], by, Actor::server())
        .await
        .unwrap()
}

async fn made(world: &World, token: u8, purpose: Purpose, name: &str) -> Account {
    link(world, token, purpose).await;
    match accept(world, token, person(name)).await {
        Redeemed::Done(account) => account,
        other => panic!("{other:?}"),
    }
}

fn session(token: u8) -> NewSession {
    NewSession {
        hash: [token; 32],
        address: Some("192.0.2.7".parse().unwrap()),
        agent: String::from("a browser"),
    }
}

#[tokio::test]
async fn a_link_is_used_once_and_not_after_its_time() {
    let world = World::new();
    link(&world, 1, Purpose::Setup).await;
    let now = world.clock.now();
    assert!(world.store.link([1; 32], now).await.unwrap().is_some());
    assert!(world.store.link([2; 32], now).await.unwrap().is_none());
    assert!(!world.store.has_operator().await.unwrap());
    let Redeemed::Done(account) = accept(&world, 1, person("mary")).await else {
        panic!("it works");
    };
    assert_eq!(
        (account.name.as_str(), account.standing),
        ("mary", Standing::Operator)
    );
    assert!(world.store.has_operator().await.unwrap());
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
    let invitation = |id, role| Purpose::Invitation(member(id, role));
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
    let mary = made(
        &world,
        1,
        Purpose::Invitation(member(LARKSPUR, Role::Viewer)),
        "mary",
    )
    .await;
    let store = &world.store;
    store
        .open_session(mary.id, session(9), Actor::server())
        .await
        .unwrap();
    let again = made(&world, 2, Purpose::Setup, "mary").await;
    assert_eq!((again.id, again.standing), (mary.id, Standing::Operator));
    assert!(
        store
            .session([9; 32], world.clock.now())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_last_operator_stays() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let store = &world.store;
    let remove = |id| store.remove_account(id, Actor::server());
    let viewer = member(LARKSPUR, Role::Viewer);
    assert_eq!(remove(mary.id).await.unwrap(), Removed::LastOperator);
    let stepped = store
        .set_standing(mary.id, viewer.clone(), Actor::server())
        .await
        .unwrap();
    assert_eq!(stepped, Removed::LastOperator);
    made(&world, 2, Purpose::Invitation(Standing::Operator), "john").await;
    assert_eq!(
        store
            .set_standing(mary.id, viewer, Actor::server())
            .await
            .unwrap(),
        Removed::Done
    );
    assert_eq!(remove(mary.id).await.unwrap(), Removed::Done);
    assert_eq!(remove(mary.id).await.unwrap(), Removed::NotFound);
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
    let found = store.session([7; 32], begun).await.unwrap().unwrap();
    assert_eq!(found.agent, "a browser");
    assert!(matches!(&found.holder, Holder::Account(account) if account.id == mary.id));
    let idle = begun.plus(SESSION_IDLE);
    assert!(store.session([7; 32], idle).await.unwrap().is_none());
    store
        .touch_session(id, begun.plus(Duration::from_secs(60)))
        .await
        .unwrap();
    assert!(store.session([7; 32], idle).await.unwrap().is_some());
    store
        .touch_session(id, begun.plus(SESSION_KEPT))
        .await
        .unwrap();
    assert!(
        store
            .session([7; 32], begun.plus(SESSION_KEPT))
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
    let id = store.link([1; 32], now).await.unwrap().unwrap().id;
    let open = |token| store.open_portal([1; 32], session(token), Actor::server());
    assert!(matches!(open(5).await.unwrap(), Redeemed::Done(_)));
    assert_eq!(open(6).await.unwrap(), Redeemed::NoLink);
    let found = store.session([5; 32], now).await.unwrap().unwrap();
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
    assert!(store.session([5; 32], now).await.unwrap().is_none());
}

#[tokio::test]
async fn who_gets_the_number_of_a_deleted_organization_gets_none_of_its_people() {
    let world = World::with_organizations().await;
    let viewer = Purpose::Invitation(member(LARKSPUR, Role::Viewer));
    let mary = made(&world, 1, viewer.clone(), "mary").await;
    link(&world, 2, viewer).await;
    let portal = Purpose::Portal {
        grant: grant(LARKSPUR, Role::Viewer),
        return_url: None,
    };
    link(&world, 3, portal).await;
    let store = &world.store;
    let opened = store
        .open_portal([3; 32], session(5), Actor::server())
        .await
        .unwrap();
    assert!(matches!(opened, Redeemed::Done(_)));
    let deleted = store
        .delete_organization(organization(LARKSPUR), Actor::server())
        .await
        .unwrap();
    assert!(matches!(deleted, Changed::Done(())));
    let now = world.clock.now();
    let left = store.account(mary.id).await.unwrap().unwrap();
    assert_eq!(left.standing, Standing::Member(Vec::new()));
    assert!(store.session([5; 32], now).await.unwrap().is_none());
    assert!(store.link([2; 32], now).await.unwrap().is_none());
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
