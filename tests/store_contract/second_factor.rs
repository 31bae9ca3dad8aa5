//! S10 and S6: second factors in the store: sealed, used once, gone with what they belong to.

use crate::accounts::{hash, made, session};
use crate::world::World;
use crate::world::keys;
use std::time::Duration;
use tidings::store::accounts::{Account, Accounts as _, Purpose};
use tidings::store::directory::Changed;
use tidings::store::queue::{Queue as _, Upkeep};
use tidings::store::second_factor::{Checked, FirstCode, Given, SecondFactors as _, recovery_hash};
use tidings::store::{Actor, StoreError};
use tidings_core::totp::{TotpSecret, recovery_code};
use zeroize::Zeroizing;

fn secret(byte: u8) -> TotpSecret {
    TotpSecret::from_bytes([byte; 20])
}

fn recovery(byte: u8) -> Zeroizing<String> {
    recovery_code(&[byte; 10])
}

fn by_code(world: &World, byte: u8) -> Given {
    Given::Code(Zeroizing::new(secret(byte).code(world.clock.now())))
}

/// Switches a second factor on, with one recovery code.
async fn on(world: &World, account: &Account, byte: u8) {
    let store = &world.store;
    let begun = store.begin_second_factor(account.id, secret(byte), Actor::server());
    assert!(matches!(begun.await, Ok(Changed::Done(()))));
    let first = FirstCode {
        code: Zeroizing::new(secret(byte).code(world.clock.now())),
        recovery: vec![recovery_hash(account.id, &recovery(byte)).unwrap()],
    };
    let confirmed = store.confirm_second_factor(account.id, first, None, Actor::server());
    assert_eq!(confirmed.await.unwrap(), Checked::Right(()));
    world.pass(Duration::from_secs(30));
}

#[tokio::test]
async fn s10_a_second_factor_is_on_after_its_first_code_and_ends_all_other_sessions() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let store = &world.store;
    for token in [8, 9] {
        let opened = store.open_session(mary.id, session(token), Actor::server());
        opened.await.unwrap();
    }
    let now = world.clock.now();
    let keep = store
        .session(hash(9), now)
        .await
        .unwrap()
        .map(|found| found.id);
    let begun = store.begin_second_factor(mary.id, secret(1), Actor::server());
    assert!(matches!(begun.await, Ok(Changed::Done(()))));
    assert_eq!(store.second_factor(mary.id).await.unwrap(), None);
    let confirm = async |code: String| {
        let first = FirstCode {
            code: Zeroizing::new(code),
            recovery: Vec::new(),
        };
        let confirmed = store.confirm_second_factor(mary.id, first, keep, Actor::server());
        confirmed.await.unwrap()
    };
    assert_eq!(confirm(secret(2).code(now)).await, Checked::Wrong);
    world.pass(Duration::from_secs(901));
    let late = secret(1).code(world.clock.now());
    assert_eq!(
        confirm(late).await,
        Checked::Nothing,
        "it waits for a quarter of an hour"
    );
    on(&world, &mary, 1).await;
    let again = store.begin_second_factor(mary.id, secret(3), Actor::server());
    assert!(matches!(again.await, Ok(Changed::NotFound)), "one is on");
    assert!(store.account(mary.id).await.unwrap().unwrap().second_factor);
    let sessions = store.sessions(mary.id, world.clock.now()).await.unwrap();
    assert!(sessions.is_empty(), "{sessions:?}");
}

#[tokio::test]
async fn s10_a_code_and_a_recovery_code_are_accepted_once_and_half_a_login_is_no_session() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    on(&world, &mary, 1).await;
    let store = &world.store;
    let finish = async |half: u32, given: Given| {
        store.open_half_login(mary.id, hash(half)).await.unwrap();
        let none = store.session(hash(half), world.clock.now()).await.unwrap();
        assert!(none.is_none());
        let done = store.finish_login(hash(half), given, session(half + 100), Actor::server());
        done.await.unwrap()
    };
    assert_eq!(finish(10, by_code(&world, 2)).await, Checked::Wrong);
    assert_eq!(
        finish(11, by_code(&world, 1)).await,
        Checked::Right(mary.id)
    );
    assert_eq!(
        finish(12, by_code(&world, 1)).await,
        Checked::Wrong,
        "replayed"
    );
    let spare = || Given::Recovery(recovery(1));
    assert_eq!(finish(13, spare()).await, Checked::Right(mary.id));
    assert_eq!(finish(14, spare()).await, Checked::Wrong, "used up");
    let used = store.finish_login(hash(11), by_code(&world, 1), session(99), Actor::server());
    assert_eq!(used.await.unwrap(), Checked::Nothing);
    let session = store.session(hash(111), world.clock.now()).await.unwrap();
    assert!(session.is_some());
    world.pass(Duration::from_secs(301));
    let now = world.clock.now();
    assert!(store.half_login(hash(12), now).await.unwrap().is_none());
    while store.upkeep(now).await.unwrap() == Upkeep::More {}
    assert_eq!(world.count("SELECT count(*) FROM half_logins"), 0);
}

#[tokio::test]
async fn s10_a_used_code_stays_used_after_a_restart_and_one_sent_twice_at_once_is_accepted_once() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    on(&world, &mary, 1).await;
    for half in [10, 11, 12] {
        let opened = world.store.open_half_login(mary.id, hash(half));
        opened.await.unwrap();
    }
    let (code, store) = (by_code(&world, 1), &world.store);
    let (one, other) = tokio::join!(
        store.finish_login(hash(10), code.clone(), session(110), Actor::server()),
        store.finish_login(hash(11), code.clone(), session(111), Actor::server()),
    );
    let done = [one.unwrap(), other.unwrap()];
    assert!(
        done.contains(&Checked::Right(mary.id)) && done.contains(&Checked::Wrong),
        "{done:?}"
    );
    let world = world.reopen();
    let store = &world.store;
    let again = store.finish_login(hash(12), code, session(112), Actor::server());
    assert_eq!(again.await.unwrap(), Checked::Wrong, "replayed");
    world.pass(Duration::from_secs(30));
    let next = store.finish_login(hash(12), by_code(&world, 1), session(112), Actor::server());
    assert_eq!(next.await.unwrap(), Checked::Right(mary.id));
}

#[tokio::test]
async fn s10_a_password_set_by_a_link_and_the_end_of_an_account_take_everything_along() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let john = made(&world, 2, Purpose::Setup, "john").await;
    for (account, byte) in [(&mary, 1), (&john, 2)] {
        on(&world, account, byte).await;
    }
    let store = &world.store;
    store.open_half_login(mary.id, hash(10)).await.unwrap();
    let again = made(&world, 3, Purpose::Password(mary.id), "").await;
    assert!(!again.second_factor);
    let offs = "SELECT count(*) FROM audit WHERE act = 'second_factor.off'";
    assert_eq!(world.count(offs), 1, "on the record");
    store
        .remove_account(john.id, Actor::server())
        .await
        .unwrap();
    for table in ["second_factors", "recovery_codes", "half_logins"] {
        assert_eq!(
            world.count(&format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
}

#[tokio::test]
async fn s6_second_factors_are_sealed_bound_to_their_account_and_sealed_anew() {
    let world = World::new();
    let mary = made(&world, 1, Purpose::Setup, "mary").await;
    let john = made(&world, 2, Purpose::Setup, "john").await;
    for (account, byte) in [(&mary, 1), (&john, 2)] {
        on(&world, account, byte).await;
    }
    let store = &world.store;
    let refused = store.take_master_key(keys(&[9])).await;
    assert!(matches!(refused, Err(StoreError::WrongMasterKey { .. })));
    store.take_master_key(keys(&[9, 7])).await.unwrap();
    let refused = store.take_master_key(keys(&[9])).await;
    assert!(
        matches!(refused, Err(StoreError::WrongMasterKey { .. })),
        "still needed"
    );
    assert_eq!(store.seal_anew().await, Ok(2));
    assert_eq!(store.seal_anew().await, Ok(0));
    store.take_master_key(keys(&[9])).await.unwrap();
    let spend = async |account: &Account, byte| {
        let given = by_code(&world, byte);
        let renewed = store.renew_recovery_codes(account.id, given, Vec::new(), Actor::server());
        renewed.await
    };
    assert_eq!(spend(&mary, 1).await, Ok(Checked::Right(())));
    world.place.run(&format!(
        "UPDATE second_factors SET secret = (SELECT secret FROM second_factors WHERE account_id = {})
         WHERE account_id = {}",
        mary.id.raw(),
        john.id.raw()
    ));
    let moved = spend(&john, 1).await;
    assert!(
        matches!(moved, Err(StoreError::Internal { .. })),
        "{moved:?}"
    );
}
