//! The second half of a login: the code, after a right password.
//!
//! Invariants: a login that waits for its code has a cookie and a table of its own and is no session anywhere; it is this
//! browser's, for five minutes. Wrong codes count with wrong passwords. Who has not given the right password never gets here,
//! and is not told whether an account has a second factor.

use super::form::Faults;
use super::login::{self, next};
use super::page::{self, Page, Section};
use super::pieces::{Field, fault_summary, token};
use super::tries::Try;
use super::visit::Visit;
use super::{Answer, Outcome, Refusal, UNPROCESSABLE, session};
use crate::store::accounts::TokenHash;
use crate::store::second_factor::{Checked, Given};
use maud::{Markup, html};
use tidings_core::id::AccountId;
use zeroize::Zeroizing;

/// After a right password: has the browser asked for a code.
pub(super) async fn begin(visit: &Visit, account: AccountId, path: &str) -> Outcome {
    let (token, hash) = session::new_token()?;
    visit.api.store.open_half_login(account, hash).await?;
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", path)
        .finish();
    let mut reply = page::see(&format!("/admin/login/code?{query}"));
    page::add_cookie(&mut reply, &session::give_half(visit, &token));
    Ok(Answer::Reply(reply))
}

/// What a form gives as second factor: the code, or in its place a recovery code.
pub(super) fn given(visit: &Visit) -> Given {
    let text = |name| Zeroizing::new(visit.form.trimmed(name).to_owned());
    match visit.form.trimmed("recovery") {
        "" => Given::Code(text("code")),
        _ => Given::Recovery(text("recovery")),
    }
}

/// The fields for it. A recovery code's is folded away until it is needed.
pub(super) fn fields(faults: &Faults) -> Markup {
    let folded = faults.field("recovery").is_none();
    html! {
        (Field::text("code", "Code", "").either().digits().autocomplete("one-time-code")
            .hint("Six digits from your authenticator app.").draw(faults))
        details .more open[!folded] {
            summary { "No app at hand?" }
            (Field::text("recovery", "Recovery code", "").either()
                .hint("In place of the code. Each works once.").draw(faults))
        }
    }
}

/// That what was given is not right, at the field it was given in.
pub(super) fn wrong(given: &Given) -> Faults {
    match given {
        Given::Code(_) => Faults::one(
            "code",
            "This code does not fit, or was used. Wait for the next one.",
        ),
        Given::Recovery(_) => Faults::one("recovery", "This is no recovery code that is left."),
    }
}

fn draw(visit: &Visit, faults: &Faults) -> Page {
    let path = next(match visit.form.has("next") {
        true => visit.form.get("next"),
        false => visit.query.get("next"),
    });
    let body = html! {
        div .panel .narrow {
            h1 { "Second step" }
            (fault_summary(faults))
            form method="post" action="/admin/login/code" {
                (token(visit))
                input type="hidden" name="next" value=(path);
                (fields(faults))
                button .primary type="submit" { "Log in" }
            }
            p .quiet { "Lost both? Ask an operator for a password link. " a href="/admin/login" { "Begin again" } }
        }
    };
    Page::new("Second step", Section::Outside, body)
}

/// The login that waits, and whose it is.
async fn waiting(visit: &Visit) -> Result<(TokenHash, AccountId), Refusal> {
    let Some(half) = session::half(visit) else {
        return Err(Refusal::Login);
    };
    let found = visit.api.store.half_login(half, visit.now()).await?;
    found
        .map(|account| (half, account.id))
        .ok_or(Refusal::Login)
}

/// `GET /admin/login/code`.
pub(super) async fn get(visit: Visit) -> Outcome {
    match waiting(&visit).await {
        Ok(_) => Ok(draw(&visit, &Faults::default()).into()),
        Err(Refusal::Login) => Ok(Answer::see("/admin/login")),
        Err(refusal) => Err(refusal),
    }
}

/// `POST /admin/login/code`.
pub(super) async fn post(visit: Visit) -> Outcome {
    let (half, account) = match waiting(&visit).await {
        Err(Refusal::Login) => return Ok(Answer::see("/admin/login")),
        waiting => waiting?,
    };
    let tried = Try::code(&visit, account)?;
    let (text, hash) = session::new_token()?;
    let new = login::new_session(&visit, hash);
    let given = given(&visit);
    let store = &visit.api.store;
    match store
        .finish_login(half, given.clone(), new, visit.actor())
        .await?
    {
        Checked::Right(_) => {
            tried.entered();
            login::end_current(&visit).await?;
            let mut entered = login::entered(&visit, &text, next(visit.form.get("next")));
            login::know(&visit, account, &mut entered).await?;
            for line in session::TAKE_HALF {
                page::add_cookie(&mut entered, line);
            }
            Ok(Answer::Reply(entered))
        }
        Checked::Wrong => {
            tried.wrong();
            let page = draw(&visit, &wrong(&given)).with_status(UNPROCESSABLE);
            Ok(page.into())
        }
        Checked::Nothing => Ok(Answer::see("/admin/login")),
    }
}
