//! Logging in and out.

use super::super::auth::Who;
use super::super::reply::Reply;
use super::form::Faults;
use super::page::{self, Page, Section};
use super::pieces::{Field, fault_summary, token};
use super::session::{self, SEC_FETCH_SITE};
use super::tries::{Try, Whose};
use super::visit::Visit;
use super::{Answer, Outcome, Refusal, UNPROCESSABLE, device, password, second_factor_login};
use crate::store::Actor;
use crate::store::accounts::{NewSession, TokenHash};
use crate::store::directory::Changed;
use http::Method;
use maud::html;
use tidings_core::id::AccountId;
use tidings_core::limits::ACCOUNT_NAME;
use zeroize::Zeroizing;

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
    let store = &visit.api.store;
    let found = store.account_named(name.clone()).await?;
    let (account, hash) = found.unzip();
    let device = device::known(&visit, account.as_ref()).await?;
    let place = visit.console().place(&visit, device.as_ref())?;
    let tried = Try::password(&visit, &Whose::of(&name, account.as_ref()), device)?;
    if !password::is_right(&visit, place, &given, hash).await? {
        tried.wrong();
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
            tried.right();
            second_factor_login::begin(&visit, account.id, path).await
        }
        Some(account) => {
            tried.entered();
            open(&visit, account.id, path).await
        }
        None => Err(Refusal::Login),
    }
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
        Changed::Done(_) => {
            let mut reply = entered(visit, &token, path);
            know(visit, account, &mut reply).await?;
            Ok(Answer::Reply(reply))
        }
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
pub(super) fn entered(visit: &Visit, token: &str, path: &str) -> Reply {
    let mut reply = page::see(path);
    page::add_cookie(&mut reply, &session::give(visit, token));
    reply
}

/// After a whole login: this browser is one that the account has logged in from.
pub(super) async fn know(
    visit: &Visit,
    account: AccountId,
    reply: &mut Reply,
) -> Result<(), Refusal> {
    if let Some(line) = device::give(visit, account).await? {
        page::add_cookie(reply, &line);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

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
