//! S10: a browser that somebody has logged in with before is not kept waiting by who guesses from however many networks.

use crate::console::{Login, PASSWORD, login, post};
use crate::world::{Answer, World};

const NAME: &str = "tidings-device=";

/// The mark that an answer leaves in a browser, as a cookie.
fn mark(answer: &Answer) -> Option<String> {
    let lines = answer.headers.get_all("set-cookie").iter();
    let mut lines = lines.filter_map(|line| line.to_str().ok());
    let line = lines.find(|line| line.starts_with(NAME))?;
    let rest = "; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000";
    assert!(line.ends_with(rest), "{line}");
    line.split(';').next().map(str::to_owned)
}

/// A login with that password from there, with these cookies.
async fn from(world: &World, address: &str, password: &str, cookie: &str) -> Answer {
    let body = format!("name=operator&password={password}");
    let headers = [("x-forwarded-for", address), ("cookie", cookie)];
    post(world, "/admin/login", &body, &headers).await
}

/// Guesses from as many networks as it takes until nobody's are looked at any more.
async fn guess_from_everywhere(world: &World) {
    for number in 0..100 {
        let answer = from(world, &format!("198.51.{number}.7"), "wrong", "").await;
        assert_eq!(answer.status, 422, "{number}: {}", answer.text);
    }
    let owner = from(world, "203.0.113.9", PASSWORD, "").await;
    owner.refused_page(429);
}

impl Answer {
    #[track_caller]
    fn refused_page(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
    }
}

#[tokio::test]
async fn s10_a_device_that_is_known_logs_in_while_others_guess_and_a_new_password_ends_that() {
    let world = World::with_organizations().await;
    login(&world).await;
    let known = mark(&from(&world, "203.0.113.9", PASSWORD, "").await).unwrap();
    // A key of the server's that a restart leaves as it is.
    let world = world.reopened("").await;
    guess_from_everywhere(&world).await;
    let entered = from(&world, "203.0.113.9", PASSWORD, &known).await;
    let fresh = mark(&entered).unwrap();
    entered.refused_page(303);
    let changed = {
        let last = known.len() - 2;
        let other = if known.as_bytes()[last] == b'A' {
            "B"
        } else {
            "A"
        };
        format!("{}{other}{}", &known[..last], &known[last + 1..])
    };
    for none in [changed.as_str(), &known[..known.len() - 1], NAME] {
        from(&world, "203.0.113.9", PASSWORD, none)
            .await
            .refused_page(429);
    }
    // Its own wrong ones are counted.
    for _ in 0..5 {
        from(&world, "203.0.113.9", "wrong", &fresh)
            .await
            .refused_page(422);
    }
    from(&world, "203.0.113.9", PASSWORD, &fresh)
        .await
        .refused_page(429);
    from(&world, "203.0.113.9", PASSWORD, &known)
        .await
        .refused_page(303);

    let session = entered.headers["set-cookie"].to_str().unwrap();
    let session = session.split(';').next().unwrap();
    let account = crate::console::get(&world, "/admin/account", session).await;
    let token = account
        .text
        .split("name=\"form_token\" value=\"")
        .nth(1)
        .unwrap();
    let token = token.split('"').next().unwrap();
    let other = "nine+herons+under+the+bridge";
    let form = format!("form_token={token}&current={PASSWORD}&password={other}");
    let both = format!("{session}; {known}");
    let headers = [("cookie", both.as_str())];
    let done = post(&world, "/admin/account/password", &form, &headers).await;
    done.refused_page(303);
    from(&world, "203.0.113.9", other, &known)
        .await
        .refused_page(429);
    from(&world, "203.0.113.9", other, &mark(&done).unwrap())
        .await
        .refused_page(303);
}

#[tokio::test]
async fn s10_a_mark_is_one_accounts_and_ends_after_a_year() {
    let world = World::with_organizations().await;
    let Login { .. } = login(&world).await;
    let known = mark(&from(&world, "203.0.113.9", PASSWORD, "").await).unwrap();
    let year = std::time::Duration::from_secs(365 * 86_400);
    let later = world.clock.now().plus(year);
    world.clock.set(later);
    guess_from_everywhere(&world).await;
    from(&world, "203.0.113.9", PASSWORD, &known)
        .await
        .refused_page(429);
}
