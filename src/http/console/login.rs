//! Logging in and out, and what slows guessing down without ever locking anybody out.

use super::super::auth::Who;
use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::form::Faults;
use super::page::{self, Page, Section};
use super::pieces::{Field, fault_summary, token};
use super::session::{self, SEC_FETCH_SITE};
use super::visit::Visit;
use super::{Answer, Outcome, Refusal, UNPROCESSABLE, password, second_factor_login};
use crate::store::Actor;
use crate::store::accounts::{NewSession, TokenHash};
use crate::store::directory::Changed;
use http::Method;
use maud::html;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;
use tidings_core::id::AccountId;
use tidings_core::limits::ACCOUNT_NAME;
use tidings_core::time::Timestamp;
use zeroize::Zeroizing;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The longest wait between two tries: a nuisance to who guesses, none to who mistypes.
const LONGEST: Duration = Duration::from_secs(30);
/// Failures are forgotten after this.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Names and networks that are remembered at once.
const REMEMBERED: usize = 10_000;

/// What failures are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Guessed {
    /// An account's name, known or not.
    Name(String),
    /// A network: /24 of IPv4, /56 of IPv6.
    Network(IpAddr),
}

/// Failed logins, by name and by network.
#[derive(Debug, Default)]
pub(super) struct Delays(HashMap<Guessed, (u32, Timestamp)>);

impl Delays {
    /// How long to wait before the next try is looked at.
    pub fn wait(&self, guessed: &[Guessed], now: Timestamp) -> Option<Duration> {
        let waits = guessed.iter().filter_map(|key| {
            let (failures, last) = self.0.get(key)?;
            let over = failures.checked_sub(FREE)?;
            let wait = Duration::from_secs(1 << over.min(6)).min(LONGEST);
            let until = last.plus(wait);
            (until > now).then(|| until.since(now))
        });
        waits.max()
    }

    /// One more failure.
    pub fn failed(&mut self, guessed: &[Guessed], now: Timestamp) {
        for key in guessed {
            if self.0.len() >= REMEMBERED && !self.0.contains_key(key) {
                self.forget_the_oldest();
            }
            let entry = self.0.entry(key.clone()).or_insert((0, now));
            if entry.1.plus(FORGOTTEN) <= now {
                entry.0 = 0;
            }
            *entry = (entry.0.saturating_add(1), now);
        }
    }

    /// Makes room for one more. Who fills this up with names has to hash a password for each, and gains less by it than
    /// by waiting.
    fn forget_the_oldest(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, (_, last))| *last);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.0.remove(&key);
        }
    }

    /// Somebody got in.
    pub fn succeeded(&mut self, guessed: &[Guessed]) {
        for key in guessed {
            self.0.remove(key);
        }
    }
}

/// The network an address counts by. A private one counts for nothing: a proxy stands there, and everybody behind it.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let inside = address.is_loopback() || address.is_private() || address.is_link_local();
            (!inside).then(|| (u32::from(address) & 0xffff_ff00).to_be_bytes().into())
        }
        IpAddr::V6(address) => {
            let inside = address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local();
            let kept = u128::from(address) & !((1_u128 << 72) - 1);
            (!inside).then(|| kept.to_be_bytes().into())
        }
    }
}

/// A path of ours to go to after a login; anything else is the start.
pub(super) fn next(text: &str) -> &str {
    let inside = text.starts_with("/admin") && !text.contains(['\\', '\r', '\n']);
    if inside { text } else { "/admin" }
}

/// What is answered to who is not logged in.
pub(super) fn needed(visit: &Visit) -> Reply {
    let asked = visit.head.uri.path_and_query();
    let asked = asked.map_or("/admin", |path| path.as_str());
    // Strict cookies stay away when a link elsewhere led here: once more, from a page of ours.
    let from_elsewhere = visit
        .header(&SEC_FETCH_SITE)
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    if visit.head.method == Method::GET && from_elsewhere {
        let body = html! {
            meta http-equiv="refresh" content={ "0;url=" (asked) };
            div .panel .narrow { p { a href=(asked) { "Go on" } } }
        };
        return Page::new("One moment", Section::Outside, body).reply(visit);
    }
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", asked)
        .finish();
    page::see(&format!("/admin/login?{query}"))
}

fn draw(visit: &Visit, name: &str, faults: &Faults) -> Page {
    let next = next(match visit.form.has("next") {
        true => visit.form.get("next"),
        false => visit.query.get("next"),
    });
    let body = html! {
        div .panel .narrow {
            h1 { "Log in" }
            (fault_summary(faults))
            form method="post" action="/admin/login" {
                (token(visit))
                input type="hidden" name="next" value=(next);
                (Field::text("name", "Name", name).required().autocomplete("username").draw(faults))
                (Field::text("password", "Password", "").kind("password").required().autocomplete("current-password").draw(faults))
                button .primary type="submit" { "Log in" }
            }
            p .quiet { "Lost the way in? Ask an operator for a password link. Operators run " code { "tidings setup-link" } " where the server runs." }
        }
    };
    Page::new("Log in", Section::Outside, body)
}

/// `GET /admin/login`.
pub(super) async fn get(visit: Visit) -> Outcome {
    Ok(draw(&visit, "", &Faults::default()).into())
}

/// `POST /admin/login`.
pub(super) async fn post(visit: Visit) -> Outcome {
    let name: String = visit
        .form
        .trimmed("name")
        .chars()
        .take(ACCOUNT_NAME)
        .collect();
    let given = Zeroizing::new(visit.form.get("password").to_owned());
    let guessed = guessed(&visit, &name);
    let now = visit.now();
    check_wait(&visit, &guessed)?;
    let store = &visit.api.store;
    let found = store.account_named(name.clone()).await?;
    let (account, hash) = found.unzip();
    if !password::is_right(&visit, &given, hash).await? {
        visit
            .console()
            .with_delays(|delays| delays.failed(&guessed, now));
        let id = account.map(|account| account.id);
        store.login_refused(id, visit.actor()).await?;
        let faults = Faults::one("password", "Name and password do not fit.");
        return Ok(draw(&visit, &name, &faults)
            .with_status(UNPROCESSABLE)
            .into());
    }
    let path = next(visit.form.get("next"));
    match account {
        // Failures stay counted until the code is right, too.
        Some(account) if account.second_factor => {
            second_factor_login::begin(&visit, account.id, path).await
        }
        Some(account) => {
            visit
                .console()
                .with_delays(|delays| delays.succeeded(&guessed));
            open(&visit, account.id, path).await
        }
        None => Err(Refusal::Login),
    }
}

/// Refuses a try that comes before its time. Passwords and codes count together.
pub(super) fn check_wait(visit: &Visit, guessed: &[Guessed]) -> Result<(), Refusal> {
    let now = visit.now();
    let wait = visit
        .console()
        .with_delays(|delays| delays.wait(guessed, now));
    let Some(wait) = wait else {
        return Ok(());
    };
    let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
    let detail = format!("Too many wrong passwords or codes; try again in {seconds} s.");
    Err(Problem::new(Code::TooManyLogins, detail)
        .after(seconds)
        .into())
}

/// What tries to be an account from where this request comes from are counted by.
pub(super) fn guessed(visit: &Visit, name: &str) -> Vec<Guessed> {
    let mut guessed = vec![Guessed::Name(name.to_lowercase())];
    guessed.extend(network(visit.peer).map(Guessed::Network));
    guessed
}

/// Opens a session for an account and goes to `path` with it. A session before it ends.
pub(super) async fn open(visit: &Visit, account: AccountId, path: &str) -> Outcome {
    let (token, hash) = session::new_token()?;
    end_current(visit).await?;
    let actor = Actor {
        name: Who::Account(account).to_string(),
        ..visit.actor()
    };
    let store = &visit.api.store;
    match store
        .open_session(account, new_session(visit, hash), actor)
        .await?
    {
        Changed::Done(_) => Ok(enter(visit, &token, path)),
        Changed::NotFound | Changed::AddOnRequired => Err(Refusal::Login),
    }
}

/// Ends the session that a request came with, if it came with one.
pub(super) async fn end_current(visit: &Visit) -> Result<(), Refusal> {
    if let Some(login) = &visit.login {
        let store = &visit.api.store;
        store
            .end_session(None, login.session.id, visit.actor())
            .await?;
    }
    Ok(())
}

/// What is known of a session to open.
pub(super) fn new_session(visit: &Visit, hash: TokenHash) -> NewSession {
    NewSession {
        hash,
        address: Some(visit.peer),
        agent: visit.agent(),
    }
}

/// Goes to `path` with the cookie of a new session.
pub(super) fn enter(visit: &Visit, token: &str, path: &str) -> Answer {
    let mut reply = page::see(path);
    page::add_cookie(&mut reply, &session::give(visit, token));
    Answer::Reply(reply)
}

/// `POST /admin/logout`.
pub(super) async fn logout(visit: Visit) -> Outcome {
    end_current(&visit).await?;
    let body = html! {
        div .panel .narrow {
            h1 { "Logged out" }
            p { a .button .primary href="/admin/login" { "Log in" } }
        }
    };
    let mut page = Page::new("Logged out", Section::Outside, body);
    for line in session::TAKE {
        page = page.with_cookie(line);
    }
    let gone = Visit {
        login: None,
        ..visit
    };
    Ok(Answer::Reply(page.reply(&gone)))
}

impl super::Console {
    pub(super) fn with_delays<T>(&self, look: impl FnOnce(&mut Delays) -> T) -> T {
        look(&mut self.delays.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_five_failures_are_free_then_the_wait_grows_and_never_locks_out() {
        let mut delays = Delays::default();
        let who = [Guessed::Name(String::from("mary"))];
        let now = Timestamp::from_millis(1_000_000);
        for _ in 0..4 {
            delays.failed(&who, now);
        }
        assert_eq!(delays.wait(&who, now), None);
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            delays.failed(&who, now);
            let wait = delays.wait(&who, now).unwrap_or_default();
            assert!(wait >= longest && wait <= LONGEST, "{wait:?}");
            longest = wait;
        }
        assert_eq!(longest, LONGEST);
        assert_eq!(delays.wait(&who, now.plus(LONGEST)), None);
        delays.succeeded(&who);
        assert_eq!(delays.wait(&who, now), None);
    }

    #[test]
    fn s10_who_makes_up_many_names_is_not_let_guess_one_freely() {
        let mut delays = Delays::default();
        let now = Timestamp::from_millis(1_000_000);
        let name = |name: &str| [Guessed::Name(name.to_owned())];
        for number in 0..=REMEMBERED {
            delays.failed(&name(&number.to_string()), now);
        }
        assert_eq!(delays.0.len(), REMEMBERED);
        let later = now.plus(Duration::from_secs(1));
        for _ in 0..6 {
            delays.failed(&name("mary"), later);
        }
        assert!(delays.wait(&name("mary"), later).is_some());
    }

    #[test]
    fn s10_failures_count_for_the_whole_network() {
        let two = ["192.0.2.1", "192.0.2.200"].map(|text| text.parse().ok().and_then(network));
        assert_eq!(two[0], two[1]);
        let two =
            ["2001:db8::1", "2001:db8:0:100::1"].map(|text| text.parse().ok().and_then(network));
        assert_ne!(two[0], two[1]);
        assert!(two[0].is_some());
        for proxy in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"] {
            assert_eq!(proxy.parse().ok().and_then(network), None, "{proxy}");
        }
    }

    #[test]
    fn only_paths_of_the_console_are_gone_to_after_a_login() {
        for outside in [
            "https://elsewhere.example/",
            "//elsewhere.example",
            "/v1/keys",
            "",
        ] {
            assert_eq!(next(outside), "/admin");
        }
        assert_eq!(
            next("/admin/deliveries?state=exhausted"),
            "/admin/deliveries?state=exhausted"
        );
    }
}
