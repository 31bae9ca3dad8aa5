//! One's own account: password, second factor and sessions.

use super::form::Faults;
use super::page::{self, Page, Section};
use super::pieces::{Field, action, fault_summary, moment, token};
use super::tries::{Try, Whose};
use super::visit::Visit;
use super::{
    Answer, Outcome, Refusal, UNPROCESSABLE, device, login, missing, password, second_factor,
};
use crate::store::accounts::{Account, Holder, Session};
use crate::store::directory::Changed;
use maud::{Markup, html};
use tidings_core::id::SessionId;
use zeroize::Zeroizing;

/// The account that is logged in; whoever came by a portal link has none.
pub(super) fn own(visit: &Visit) -> Result<Account, Refusal> {
    match &visit.login()?.session.holder {
        Holder::Account(account) => Ok(account.clone()),
        Holder::Portal { .. } => Err(missing("account", "")),
    }
}

/// `GET /admin/account`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    Ok(draw(&visit, &account, &Faults::default()).await?.into())
}

async fn draw(visit: &Visit, account: &Account, faults: &Faults) -> Result<Page, Refusal> {
    let store = &visit.api.store;
    let sessions = store.sessions(account.id, visit.now()).await?;
    let current = visit.login()?.session.id;
    let factor = second_factor::summary(visit, account).await?;
    let body = html! {
        h1 { (account.name) }
        section .panel {
            h2 { "Change the password" }
            (fault_summary(faults))
            form method="post" action="/admin/account/password" {
                (token(visit))
                input type="text" name="username" value=(account.name) autocomplete="username" hidden;
                (Field::text("current", "Current password", "").kind("password").required().autocomplete("current-password").draw(faults))
                (Field::text("password", "New password", "").kind("password").required().autocomplete("new-password")
                    .hint("At least 12 characters. All other sessions end.").draw(faults))
                button .primary type="submit" { "Change" }
            }
        }
        (factor)
        h2 { "Sessions" }
        table .list .cards {
            thead { tr { th scope="col" { "Browser" } th scope="col" { "From" } th scope="col" { "Opened" } th scope="col" { "Last used" } th scope="col" { span .hidden { "End" } } } }
            tbody { @for session in &sessions { (row(visit, session, session.id == current)) } }
        }
    };
    Ok(Page::new(account.name.clone(), Section::Account, body))
}

fn row(visit: &Visit, session: &Session, current: bool) -> Markup {
    html! {
        tr {
            td data-label="Browser" { span .cut { (session.agent) } }
            td data-label="From" { @if let Some(address) = session.address { (address) } @else { "–" } }
            td data-label="Opened" { (moment(session.opened_at)) }
            td data-label="Last used" { (moment(session.seen_at)) }
            td {
                @if current { span .badge .quiet { "this one" } }
                @else { (action(visit, &format!("/admin/account/sessions/{}/end", session.id), "End", "")) }
            }
        }
    }
}

/// `POST /admin/account/password`.
pub(super) async fn password(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    let store = &visit.api.store;
    let current = Zeroizing::new(visit.form.get("current").to_owned());
    let fresh = Zeroizing::new(visit.form.get("password").to_owned());
    let known = store.account_named(account.name.clone()).await?;
    let device = device::known(&visit, Some(&account)).await?;
    let place = visit.console().place(&visit, device.as_ref())?;
    let tried = Try::password(&visit, &Whose::Account(account.id), device)?;
    let hash = known.map(|(_, hash)| hash);
    let fault = if !password::is_right(&visit, place, &current, hash).await? {
        tried.wrong();
        Some(Faults::one("current", "This is not the current password."))
    } else {
        tried.right();
        password::refuse(&fresh, &account.name).map(|why| Faults::one("password", why))
    };
    if let Some(fault) = fault {
        let page = draw(&visit, &account, &fault).await?;
        return Ok(page.with_status(UNPROCESSABLE).into());
    }
    let hash = password::hash(&visit, &fresh).await?;
    let keep = Some(visit.login()?.session.id);
    match store
        .set_password(account.id, hash, keep, visit.actor())
        .await?
    {
        Changed::Done(()) => {
            let mut reply = page::see("/admin/account?done=password");
            // The password before was this browser's proof, too.
            login::know(&visit, account.id, &mut reply).await?;
            Ok(Answer::Reply(reply))
        }
        Changed::NotFound | Changed::AddOnRequired => Err(Refusal::Login),
    }
}

/// `POST /admin/account/sessions/{ses}/end`.
pub(super) async fn end_session(visit: Visit) -> Outcome {
    let account = own(&visit)?;
    let text = visit.param(0);
    let id: SessionId = text.parse().map_err(|_| missing("session", text))?;
    let store = &visit.api.store;
    match store
        .end_session(Some(account.id), id, visit.actor())
        .await?
    {
        Changed::Done(()) => Ok(Answer::see("/admin/account?done=session")),
        Changed::NotFound | Changed::AddOnRequired => Err(missing("session", text)),
    }
}
