//! The console's door, without a browser: forged requests change nothing, headers are on every answer, sessions end.

use crate::world::{Answer, LARKSPUR, World};
use std::time::Duration;
use tidings::store::Actor;
use tidings::store::accounts::{Accounts as _, NewLink, Purpose};

pub const PASSWORD: &str = "seven+geese+over+the+harbour";

/// A login: its cookie, and the token that its forms carry.
pub struct Login {
    pub cookie: String,
    pub token: String,
}

/// A form as a browser of this console sends it, with these lines in place of the usual ones.
pub async fn post(world: &World, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("origin", "http://tidings.test"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for (name, value) in headers {
        all.retain(|(known, _)| known != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
    world.request("POST", path, &all, body.as_bytes()).await
}

pub async fn get(world: &World, path: &str, cookie: &str) -> Answer {
    world.request("GET", path, &[("cookie", cookie)], b"").await
}

async fn setup_link(world: &World) -> String {
    let token = "t".repeat(43);
    let new = NewLink {
        hash: *blake3::hash(token.as_bytes()).as_bytes(),
        purpose: Purpose::Setup,
        expires_at: world.clock.now().plus(Duration::from_secs(900)),
    };
    world.store.create_link(new, Actor::server()).await.unwrap();
    format!("/admin/setup/{token}")
}

pub async fn login(world: &World) -> Login {
    let link = setup_link(world).await;
    let body = format!("name=operator&password={PASSWORD}");
    let entered = post(world, &link, &body, &[]).await;
    let_in(world, &entered).await
}

/// The login that an answer opened.
pub async fn let_in(world: &World, entered: &Answer) -> Login {
    assert_eq!(entered.status, 303, "{}", entered.text);
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = get(world, "/admin/account", &cookie).await;
    let field = "name=\"form_token\" value=\"";
    let token = page.text.split(field).nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    Login { cookie, token }
}

/// Whether organization 7 was made.
async fn was_made(world: &World) -> bool {
    world.send("GET", "/v1/organizations/7", "").await.status == 200
}

#[tokio::test]
async fn s11_forged_requests_are_refused_and_change_nothing() {
    let world = World::with_organizations().await;
    let Login { cookie, token } = login(&world).await;
    let form = format!("form_token={token}&id=7&name=x&add_ons=api_access");
    let without = "id=7&name=x&add_ons=api_access";
    let path = "/admin/organizations/new";
    let session = ("cookie", cookie.as_str());
    let null = ("origin", "null");
    let cases: &[(&str, &[(&str, &str)])] = &[
        (without, &[session]),
        ("form_token=&id=7&name=x", &[session]),
        (
            "form_token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&id=7&name=x",
            &[session],
        ),
        (&form, &[session, ("origin", "https://elsewhere.example")]),
        (&form, &[session, ("origin", "http://sub.tidings.test")]),
        (&form, &[session, null]),
        (&form, &[session, ("origin", "")]),
        (&form, &[session, ("origin", "http://tidings.test.example")]),
        (&form, &[session, ("origin", "http://tidings.test:1")]),
        (&form, &[session, ("origin", "file://")]),
        (&form, &[session, ("sec-fetch-site", "cross-site")]),
        (&form, &[session, ("sec-fetch-site", "same-site")]),
        (&form, &[session, ("sec-fetch-site", "none")]),
        (without, &[session, null, ("sec-fetch-site", "cross-site")]),
    ];
    for (body, headers) in cases {
        let answer = post(&world, path, body, headers).await;
        assert_eq!(answer.status, 403, "{body} {headers:?}: {}", answer.text);
        assert!(!was_made(&world).await, "{body} {headers:?}");
    }
    for kind in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json",
        "",
    ] {
        let answer = post(&world, path, &form, &[session, ("content-type", kind)]).await;
        assert_eq!(answer.status, 415, "{kind}: {}", answer.text);
        assert!(!was_made(&world).await, "{kind}");
    }
    for body in [without, "form_token=x"] {
        let answer = post(&world, path, body, &[]).await;
        assert_eq!(
            answer.status, 303,
            "without a session it leads to the login"
        );
        assert!(!was_made(&world).await);
    }
    assert_eq!(post(&world, path, &form, &[session]).await.status, 303);
    assert!(was_made(&world).await, "and the page's own form works");
}

#[tokio::test]
async fn s11_get_changes_nothing() {
    let world = World::with_organizations().await;
    let Login { cookie, token } = login(&world).await;
    for path in [
        "/admin/logout",
        "/admin/organizations/4417/delete",
        "/admin/keys/key_0000000000000/revoke",
    ] {
        let answer = get(&world, &format!("{path}?form_token={token}"), &cookie).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.headers["allow"], "POST", "{path}");
    }
    assert_eq!(get(&world, "/admin/account", &cookie).await.status, 200);
    assert_eq!(
        world.send("GET", "/v1/organizations/4417", "").await.status,
        200
    );
}

#[tokio::test]
async fn s11_a_session_ends_by_logout_by_idleness_and_by_age() {
    let world = World::with_organizations().await;
    let Login { cookie, token } = login(&world).await;
    let works = async |cookie: &str| get(&world, "/admin/account", cookie).await.status == 200;
    let later = |minutes: u64| {
        world
            .clock
            .set(world.clock.now().plus(Duration::from_secs(minutes * 60)))
    };
    assert!(works(&cookie).await);
    later(29);
    assert!(works(&cookie).await, "it is used within half an hour");
    later(31);
    assert!(!works(&cookie).await, "idle for longer it is over");

    let second = login_again(&world).await;
    for _ in 0..28 {
        later(25);
        assert!(works(&second.cookie).await);
    }
    later(25);
    assert!(
        !works(&second.cookie).await,
        "after twelve hours it is over however much it is used"
    );

    let third = login_again(&world).await;
    let body = format!("form_token={}", third.token);
    let out = post(&world, "/admin/logout", &body, &[("cookie", &third.cookie)]).await;
    assert_eq!(out.status, 200, "{}", out.text);
    assert!(!works(&third.cookie).await);
    assert_ne!(token, third.token);
}

async fn login_again(world: &World) -> Login {
    let body = format!("name=operator&password={PASSWORD}&next=/admin/account");
    let entered = post(world, "/admin/login", &body, &[]).await;
    let login = let_in(world, &entered).await;
    assert_eq!(entered.headers["location"], "/admin/account");
    login
}

#[tokio::test]
async fn s11_the_cookie_is_closed_to_scripts_and_other_sites_and_secure_over_tls() {
    let world = World::with_organizations().await;
    drop(login(&world).await);
    let body = format!("name=operator&password={PASSWORD}");
    let plain = post(&world, "/admin/login", &body, &[]).await;
    let cookie = plain.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("tidings=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let secure = post(
        &world,
        "/admin/login",
        &body,
        &[("origin", "https://tidings.test")],
    )
    .await;
    let cookie = secure.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-tidings=")
            && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
}

#[tokio::test]
async fn s10_guessing_is_slowed_down_and_known_and_unknown_names_look_alike() {
    let world = World::with_organizations().await;
    drop(login(&world).await);
    let wrong = async |name: &str| {
        let body = format!("name={name}&password=not+this+one+at+all");
        post(&world, "/admin/login", &body, &[]).await
    };
    let (known, unknown) = (wrong("operator").await, wrong("nobody").await);
    assert_eq!((known.status, unknown.status), (422, 422));
    let typed = |name: &str| format!("value=\"{name}\"");
    assert_eq!(
        known.text.replace(&typed("operator"), ""),
        unknown.text.replace(&typed("nobody"), "")
    );
    let mut refused = 0;
    for _ in 0..8 {
        refused += usize::from(wrong("operator").await.status == 429);
    }
    assert!(refused >= 4, "{refused}");
    let body = format!("name=operator&password={PASSWORD}");
    let slowed = post(&world, "/admin/login", &body, &[]).await;
    assert_eq!(slowed.status, 429, "also the right one waits");
    let wait: u64 = slowed.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    assert!(slowed.text.contains(&format!("try again in {wait} s.")));
    world
        .clock
        .set(world.clock.now().plus(Duration::from_secs(31)));
    assert_eq!(
        post(&world, "/admin/login", &body, &[]).await.status,
        303,
        "and is never locked out"
    );
}

#[tokio::test]
async fn s10_a_network_that_guesses_waits_as_a_whole_and_a_trusted_proxy_says_which() {
    let world = World::with_organizations().await;
    let guess = async |name: &str, from: &str| {
        let body = format!("name={name}&password=not+this+one+at+all");
        post(&world, "/admin/login", &body, &[("x-forwarded-for", from)])
            .await
            .status
    };
    let mut refused = 0;
    for guesser in 0..12 {
        let address = format!("198.51.100.{guesser}");
        refused += usize::from(guess(&format!("name{guesser}"), &address).await == 429);
    }
    assert!(refused >= 6, "{refused}");
    assert_eq!(
        guess("somebody", "203.0.113.9").await,
        422,
        "another network does not wait"
    );
}

#[tokio::test]
async fn s10_ones_own_login_forgives_the_network_nothing_and_who_guesses_elsewhere_keeps_nobody_out()
 {
    let world = World::with_organizations().await;
    drop(login(&world).await);
    let enter = async |name: &str, password: &str, from: &str| {
        let body = format!("name={name}&password={password}");
        post(&world, "/admin/login", &body, &[("x-forwarded-for", from)])
            .await
            .status
    };
    let mut looked_at = 0;
    for guess in 0..20 {
        if guess % 3 == 0 {
            enter("operator", PASSWORD, "198.51.100.9").await;
        }
        let name = format!("name{guess}");
        looked_at += usize::from(enter(&name, "not+this+one", "198.51.100.9").await == 422);
    }
    assert_eq!(looked_at, 5);
    for _ in 0..8 {
        enter("operator", "not+this+one", "192.0.2.7").await;
    }
    assert_eq!(enter("operator", PASSWORD, "192.0.2.7").await, 429);
    assert_eq!(
        enter("operator", PASSWORD, "203.0.113.9").await,
        303,
        "from elsewhere"
    );
}

#[tokio::test]
async fn s12_every_answer_of_the_console_has_the_headers_that_keep_it_safe() {
    let world = World::with_organizations().await;
    let Login { cookie, .. } = login(&world).await;
    for path in [
        "/",
        "/admin",
        "/admin/login",
        "/admin/nowhere",
        "/admin/account",
        "/admin/organizations",
        "/admin/assets/style.css",
        "/admin/assets/script.js",
        "/admin/setup/x",
        "/favicon.ico",
        "/admin/deliveries?organization=4417",
    ] {
        let answer = get(&world, path, &cookie).await;
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
        };
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{path}: {part}");
        }
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(
            header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        let kept = path.contains("assets") || path == "/favicon.ico";
        assert_eq!(header("cache-control") == "no-store", !kept, "{path}");
    }
}

#[tokio::test]
async fn a_setup_link_is_not_used_up_by_looking_and_works_once() {
    let world = World::new().await;
    let link = setup_link(&world).await;
    for _ in 0..2 {
        assert_eq!(get(&world, &link, "").await.status, 200);
    }
    let weak = post(&world, &link, "name=a&password=short", &[]).await;
    assert_eq!(weak.status, 422);
    let body = format!("name=operator&password={PASSWORD}");
    let forged = post(
        &world,
        &link,
        &body,
        &[("origin", "https://elsewhere.example")],
    )
    .await;
    assert_eq!(forged.status, 403);
    assert_eq!(post(&world, &link, &body, &[]).await.status, 303);
    assert_eq!(post(&world, &link, &body, &[]).await.status, 404);
    assert_eq!(get(&world, &link, "").await.status, 404);
}

#[tokio::test]
async fn portal_links_are_made_refused_and_revoked_through_the_api() {
    let world = World::with_organizations().await;
    let path = format!("/v1/organizations/{LARKSPUR}/portal-links");
    let body =
        r#"{"role":"viewer","expires_in_seconds":60,"return_url":"https://platform.example/a"}"#;
    let link = world.send("POST", &path, body).await.expect(201);
    let url = link["url"].as_str().unwrap();
    assert!(url.contains("/admin/portal/"));
    for (body, code) in [
        (r#"{"role":"operator"}"#, "invalid_choice"),
        (
            r#"{"role":"viewer","expires_in_seconds":9}"#,
            "out_of_range",
        ),
        (
            r#"{"role":"viewer","expires_in_seconds":3601}"#,
            "out_of_range",
        ),
        (
            r#"{"role":"viewer","return_url":"javascript:alert(1)"}"#,
            "invalid_url",
        ),
        ("{}", "required"),
    ] {
        world.send("POST", &path, body).await.refused(422, code);
    }
    let entrance = format!("/admin/{}", url.split("/admin/").nth(1).unwrap());
    world
        .clock
        .set(world.clock.now().plus(Duration::from_secs(61)));
    assert_eq!(
        get(&world, &entrance, "").await.status,
        404,
        "it has expired"
    );
    let id = link["id"].as_str().unwrap();
    world
        .send("DELETE", &format!("{path}/{id}"), "")
        .await
        .expect(204);
    world
        .send("DELETE", &format!("{path}/{id}"), "")
        .await
        .refused(404, "no_such_portal_link");
    world
        .send(
            "DELETE",
            &format!("/v1/organizations/9001/portal-links/{id}"),
            "",
        )
        .await
        .refused(404, "no_such_portal_link");
}

#[tokio::test]
async fn where_a_portal_link_leads_back_to_is_kept_as_an_address_is_written() {
    let world = World::with_organizations().await;
    let path = format!("/v1/organizations/{LARKSPUR}/portal-links");
    // As JSON it may hold what an address cannot, and what no database keeps as text.
    let body = r#"{"role":"viewer","return_url":"http://a.example/\u0000?q=\u00fc"}"#;
    let link = world.send("POST", &path, body).await.expect(201);
    let url = link["url"].as_str().unwrap();
    let entrance = format!("/admin/{}", url.split("/admin/").nth(1).unwrap());
    let entered = post(&world, &entrance, "", &[]).await;
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    let place = entered.headers["location"].to_str().unwrap();
    let page = get(&world, place, cookie.split(';').next().unwrap()).await;
    let back = r#"href="http://a.example/%00?q=%C3%BC""#;
    assert!(page.text.contains(back), "{}", page.text);
    // Written out, each of these takes three bytes, unless they are the end.
    let long = format!("http://a.example/{}x", "\\u0000".repeat(700));
    let body = format!(r#"{{"role":"viewer","return_url":"{long}"}}"#);
    let answer = world.send("POST", &path, &body).await;
    answer.refused(422, "invalid_url");
}
