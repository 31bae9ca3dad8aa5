//! S10: second factors, without a browser: what a login takes, what wrong codes cost, and what half a login may do.

use crate::console::{Login, PASSWORD, get, let_in, login, post};
use crate::totp::code;
use crate::world::{Answer, World};
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::accounts::{Accounts as _, NewLink, Purpose, token_hash};

const PATH: &str = "/admin/account/second-factor";

/// A second factor that is on, and the session it was switched on with.
struct Enrolled {
    login: Login,
    secret: String,
    recovery: Vec<String>,
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split(before).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap()
}

async fn send(world: &World, login: &Login, path: &str, form: &str) -> Answer {
    let body = format!("form_token={}&{form}", login.token);
    post(world, path, &body, &[("cookie", &login.cookie)]).await
}

fn recovery_codes(page: &str) -> Vec<String> {
    let list = between(page, "<ol class=\"codes\">", "</ol>");
    let codes = list.split("<code>").skip(1);
    codes
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

async fn enrol(world: &World, login: Login) -> Enrolled {
    let begun = send(
        world,
        &login,
        &format!("{PATH}/begin"),
        &format!("current={PASSWORD}"),
    )
    .await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    assert!(begun.text.contains("<svg class=\"qr\""), "{}", begun.text);
    let secret = between(&begun.text, "<code id=\"secret\">", "<").to_owned();
    let form = format!("code={}", code(&secret, world.clock.now()));
    let on = send(world, &login, &format!("{PATH}/confirm"), &form).await;
    assert_eq!(on.status, 200, "{}", on.text);
    let recovery = recovery_codes(&on.text);
    assert_eq!(recovery.len(), 10);
    // The code that switched it on is used.
    pass(world, 30);
    Enrolled {
        login,
        secret,
        recovery,
    }
}

fn pass(world: &World, seconds: u64) {
    let later = world.clock.now().plus(Duration::from_secs(seconds));
    world.clock.set(later);
}

/// Gives the password; the cookie of the half login.
async fn password(world: &World) -> String {
    let body = format!("name=operator&password={PASSWORD}&next=/admin/account");
    let answer = post(world, "/admin/login", &body, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let there = answer.headers["location"].to_str().unwrap();
    assert_eq!(there, "/admin/login/code?next=%2Fadmin%2Faccount");
    let cookies = answer.headers.get_all("set-cookie").iter().count();
    assert_eq!(cookies, 1, "a device is known only after the code");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    let strict = "; Path=/; HttpOnly; SameSite=Strict; Max-Age=300";
    assert!(
        cookie.starts_with("tidings-code=") && cookie.ends_with(strict),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

async fn give(world: &World, half: &str, form: &str) -> Answer {
    let body = format!("{form}&next=/admin/account");
    post(world, "/admin/login/code", &body, &[("cookie", half)]).await
}

async fn by_code(world: &World, half: &str, secret: &str) -> Answer {
    give(
        world,
        half,
        &format!("code={}", code(secret, world.clock.now())),
    )
    .await
}

#[tokio::test]
async fn s10_a_login_needs_password_and_code_and_a_code_works_once() {
    let world = World::with_organizations().await;
    let elsewhere = login(&world).await;
    let body = format!("name=operator&password={PASSWORD}");
    let here = let_in(&world, &post(&world, "/admin/login", &body, &[]).await).await;
    let on = enrol(&world, here).await;
    let works = async |cookie: &str| get(&world, "/admin/account", cookie).await.status == 200;
    assert!(
        works(&on.login.cookie).await && !works(&elsewhere.cookie).await,
        "others end"
    );

    let half = password(&world).await;
    let as_session = half.replace("tidings-code=", "tidings=");
    assert!(
        !works(&half).await && !works(&as_session).await,
        "half a login is none"
    );
    for wrong in ["code=000000", "code=", "recovery=AAAA-AAAA-AAAA-AAAA", ""] {
        let answer = give(&world, &half, wrong).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
    }
    let entered = by_code(&world, &half, &on.secret).await;
    let_in(&world, &entered).await;
    assert_eq!(entered.headers["location"], "/admin/account");
    let again = by_code(&world, &half, &on.secret).await;
    assert_eq!(
        again.headers["location"], "/admin/login",
        "a half login is used up"
    );
    let replayed = by_code(&world, &password(&world).await, &on.secret).await;
    assert_eq!(replayed.status, 422, "{}", replayed.text);
    pass(&world, 30);
    let_in(
        &world,
        &by_code(&world, &password(&world).await, &on.secret).await,
    )
    .await;
}

#[tokio::test]
async fn s10_a_recovery_code_logs_in_once() {
    let world = World::with_organizations().await;
    let on = enrol(&world, login(&world).await).await;
    let form = format!("recovery={}", on.recovery[3].to_lowercase());
    let_in(&world, &give(&world, &password(&world).await, &form).await).await;
    let again = give(&world, &password(&world).await, &form).await;
    assert_eq!(again.status, 422, "{}", again.text);
    let page = get(&world, PATH, &on.login.cookie).await;
    assert!(
        page.text
            .contains("Recovery codes left: <strong>9</strong>"),
        "{}",
        page.text
    );

    let form = format!(
        "current={PASSWORD}&code={}",
        code(&on.secret, world.clock.now())
    );
    let renewed = send(&world, &on.login, &format!("{PATH}/codes"), &form).await;
    let fresh = recovery_codes(&renewed.text);
    let old = format!("recovery={}", on.recovery[4]);
    assert_eq!(
        give(&world, &password(&world).await, &old).await.status,
        422
    );
    let new = format!("recovery={}", fresh[4]);
    let_in(&world, &give(&world, &password(&world).await, &new).await).await;
}

#[tokio::test]
async fn s10_wrong_codes_are_slowed_down_and_a_right_password_between_them_changes_nothing() {
    let world = World::with_organizations().await;
    let on = enrol(&world, login(&world).await).await;
    for _ in 0..5 {
        let answer = give(&world, &password(&world).await, "code=000000").await;
        assert_eq!(answer.status, 422, "{}", answer.text);
    }
    let waits = by_code(&world, &password(&world).await, &on.secret).await;
    assert_eq!(waits.status, 429, "the next code waits, the right one, too");
    pass(&world, 31);
    let_in(
        &world,
        &by_code(&world, &password(&world).await, &on.secret).await,
    )
    .await;
    let wrong = give(&world, &password(&world).await, "code=000000").await;
    assert_eq!(wrong.status, 422, "who got in is not waited for");
}

/// Awaits all of them at once.
async fn together(tries: impl Iterator<Item = impl Future<Output = Answer>>) -> Vec<Answer> {
    let mut tries: Vec<_> = tries.map(|one| (Box::pin(one), None)).collect();
    poll_fn(|context| {
        for (one, answer) in tries.iter_mut().filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(done) = one.as_mut().poll(context) {
                *answer = Some(done);
            }
        }
        match tries.iter().all(|(_, answer)| answer.is_some()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    tries.into_iter().filter_map(|(_, answer)| answer).collect()
}

/// How many were told to wait; all others were wrong.
fn waiting(answers: Vec<Answer>) -> usize {
    let (waits, wrong): (Vec<_>, Vec<_>) = answers.into_iter().partition(|one| one.status == 429);
    for answer in &wrong {
        assert_eq!(answer.status, 422, "{}", answer.text);
    }
    waits.len()
}

#[tokio::test]
async fn s10_codes_and_passwords_sent_at_once_are_not_all_looked_at() {
    let world = World::with_organizations().await;
    let on = enrol(&world, login(&world).await).await;
    let half = password(&world).await;
    let tries = (0..40).map(|_| give(&world, &half, "code=000000"));
    let refused = waiting(together(tries).await);
    assert_eq!(refused, 35, "five are looked at");
    pass(&world, 31);
    let_in(&world, &by_code(&world, &half, &on.secret).await).await;
    let form = "current=wrong&password=nine+owls+in+a+lighthouse";
    let tries = (0..12).map(|_| send(&world, &on.login, "/admin/account/password", form));
    let refused = waiting(together(tries).await);
    assert_eq!(
        refused, 7,
        "who has the session does not guess the password either"
    );
}

#[tokio::test]
async fn s10_half_a_login_is_over_after_five_minutes() {
    let world = World::with_organizations().await;
    let on = enrol(&world, login(&world).await).await;
    let half = password(&world).await;
    pass(&world, 299);
    assert_eq!(get(&world, "/admin/login/code", &half).await.status, 200);
    pass(&world, 2);
    assert_eq!(get(&world, "/admin/login/code", &half).await.status, 303);
    let late = by_code(&world, &half, &on.secret).await;
    assert_eq!(late.headers["location"], "/admin/login");
    assert!(late.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn s10_it_is_switched_off_by_password_and_code_together() {
    let world = World::with_organizations().await;
    let on = enrol(&world, login(&world).await).await;
    let off = format!("{PATH}/off");
    let right = code(&on.secret, world.clock.now());
    for form in [
        format!("current=wrong&code={right}"),
        format!("current={PASSWORD}&code=000000"),
        format!("current={PASSWORD}"),
    ] {
        let answer = send(&world, &on.login, &off, &form).await;
        assert_eq!(answer.status, 422, "{form}: {}", answer.text);
    }
    let form = format!("current={PASSWORD}&code={right}");
    let done = send(&world, &on.login, &off, &form).await;
    assert_eq!(done.headers["location"], "/admin/account?done=factor_off");
    let body = format!("name=operator&password={PASSWORD}");
    let_in(&world, &post(&world, "/admin/login", &body, &[]).await).await;
}

#[tokio::test]
async fn s10_an_operators_password_link_takes_the_factor_away_and_says_so() {
    let world = World::with_organizations().await;
    let on = enrol(&world, login(&world).await).await;
    let known = world.store.account_named(String::from("operator")).await;
    let account = known.unwrap().unwrap().0.id;
    let path = format!("/admin/people/{account}/password");
    let made = send(&world, &on.login, &path, "").await;
    assert!(
        made.text.contains("its second factor is switched off"),
        "{}",
        made.text
    );
    let token = between(&made.text, "/admin/password/", "<");
    let link = format!("/admin/password/{token}");
    let shown = get(&world, &link, "").await;
    assert!(
        shown.text.contains("its second factor is switched off"),
        "{}",
        shown.text
    );
    let own_name = post(&world, &link, "password=operator-operator", &[]).await;
    assert_eq!(own_name.status, 422, "its own name is no password");
    let used = post(&world, &link, "password=nine+owls+in+a+lighthouse", &[]).await;
    let_in(&world, &used).await;
    let audit = world
        .send("GET", "/v1/audit?act=second_factor.", "")
        .await
        .json();
    let acts: Vec<&str> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["act"].as_str().unwrap())
        .collect();
    assert_eq!(
        acts,
        [
            "second_factor.off",
            "second_factor.on",
            "second_factor.begin"
        ]
    );
    assert_eq!(audit["data"][0]["after"]["by"], "link");
}

#[tokio::test]
async fn s10_where_it_is_required_nothing_else_can_be_done_before() {
    let world = World::requiring_second_factors().await;
    let entered = login_without_page(&world).await;
    let token_page = get(&world, PATH, &entered).await;
    let token = between(&token_page.text, "name=\"form_token\" value=\"", "\"").to_owned();
    let login = Login {
        cookie: entered,
        token,
    };
    for path in [
        "/admin",
        "/admin/account",
        "/admin/organizations",
        "/admin/people",
        "/admin/keys",
        "/admin/engine",
        "/docs",
    ] {
        let answer = get(&world, path, &login.cookie).await;
        assert_eq!(answer.status, 303, "{path}");
        assert_eq!(answer.headers["location"], PATH, "{path}");
    }
    let new = send(&world, &login, "/admin/organizations/new", "id=7&name=x").await;
    assert_eq!(new.headers["location"], PATH);
    assert_eq!(
        world.send("GET", "/v1/organizations/7", "").await.status,
        404
    );
    let on = enrol(&world, login).await;
    assert_eq!(
        get(&world, "/admin/account", &on.login.cookie).await.status,
        200
    );
}

/// Logs in where the account's page is out of reach.
async fn login_without_page(world: &World) -> String {
    let token = "u".repeat(43);
    let new = NewLink {
        hash: token_hash(&token),
        purpose: Purpose::Setup,
        expires_at: world.clock.now().plus(Duration::from_secs(900)),
    };
    world.store.create_link(new, Actor::server()).await.unwrap();
    let body = format!("name=operator&password={PASSWORD}");
    let entered = post(world, &format!("/admin/setup/{token}"), &body, &[]).await;
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
