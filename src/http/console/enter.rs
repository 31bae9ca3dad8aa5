//! Links that make or change an account: the first operator's setup, invitations, new passwords.
//!
//! Looking at a link does not use it up: mail programs look at every link. The form does.

use super::super::code::Code;
use super::super::problem::Problem;
use super::form::Faults;
use super::page::{Page, Section};
use super::pieces::{Field, action, fault_summary, token};
use super::visit::Visit;
use super::{Answer, Outcome, Refusal, UNPROCESSABLE, login, password};
use crate::store::accounts::{
    Acceptance, Grant, Holder, Invited, Link, NewLink, Purpose, Redeemed, TokenHash, token_hash,
};
use maud::{Markup, html};
use tidings_core::limits::{
    ACCOUNT_NAME, GRANTS_PER_ACCOUNT, MEMBERS_PER_ORGANIZATION, SETUP_LINK,
};
use zeroize::Zeroizing;

/// The link in the path.
struct Found {
    hash: TokenHash,
    purpose: Purpose,
    /// Whether it is the command line's ticket, which is no row yet.
    ticket: bool,
}

pub(super) fn gone() -> Refusal {
    Problem::new(
        Code::NoSuchRoute,
        "This link was used, has expired or was revoked. Ask for a new one; operators run `tidings setup-link` where the server runs.",
    )
    .into()
}

fn too_many_roles() -> Refusal {
    Problem::new(
        Code::LimitReached,
        format!("This account has roles in {GRANTS_PER_ACCOUNT} organizations; more do not fit. Leave one, or make another account with this link."),
    )
    .into()
}

fn organization_full() -> Refusal {
    Problem::new(
        Code::LimitReached,
        format!("{MEMBERS_PER_ORGANIZATION} accounts have a role in this organization; more do not fit. Its administrators can remove some, then this link works."),
    )
    .into()
}

async fn find(visit: &Visit) -> Result<Found, Refusal> {
    let hash = token_hash(visit.param(0));
    let now = visit.now();
    if let Some(Link { purpose, .. }) = visit.api.store.link(hash, now).await? {
        return Ok(Found {
            hash,
            purpose,
            ticket: false,
        });
    }
    if visit.console().has_ticket(&hash, now) {
        return Ok(Found {
            hash,
            purpose: Purpose::Setup,
            ticket: true,
        });
    }
    Err(gone())
}

fn role_words(visit: &Visit, grant: &Grant) -> Markup {
    let name = visit.name_of(grant.organization);
    html! { strong { (grant.role.name()) } " of " strong { (name) } }
}

fn heading(visit: &Visit, purpose: &Purpose) -> (&'static str, Markup) {
    match purpose {
        Purpose::Setup => (
            "Set up Tidings",
            html! { p { "Make the account of an operator: who minds all organizations and this server. An account of the name you type is taken over: its sessions end, and its second factor is switched off." } },
        ),
        Purpose::Invitation(Invited::Operator) => (
            "You are invited",
            html! { p { "You are to become an operator: who minds all organizations and this server." } },
        ),
        Purpose::Invitation(Invited::Member(grant)) => (
            "You are invited",
            html! { p { "You are to become " (role_words(visit, grant)) "." } },
        ),
        Purpose::Password(_) => (
            "Choose a new password",
            html! { p { "All sessions of your account end, and its second factor is switched off: switch it on again after you are in." } },
        ),
        Purpose::Portal { .. } => ("Webhooks", html! {}),
    }
}

fn draw(visit: &Visit, found: &Found, faults: &Faults) -> Page {
    let (title, words) = heading(visit, &found.purpose);
    let path = visit.head.uri.path();
    let named = !matches!(found.purpose, Purpose::Password(_));
    let known = match (&found.purpose, &visit.login) {
        (Purpose::Invitation(_), Some(login)) => match &login.session.holder {
            Holder::Account(account) => Some(account.name.clone()),
            Holder::Portal { .. } => None,
        },
        _ => None,
    };
    let body = html! {
        div .panel .narrow {
            h1 { (title) }
            (words)
            @if let Some(name) = known {
                p { "You are logged in as " strong { (name) } "." }
                (action(visit, &format!("{path}?join=1"), "Add to this account", "primary"))
                p .quiet { "Or make another account:" }
            }
            (fault_summary(faults))
            form method="post" action=(path) {
                (token(visit))
                @if named {
                    (Field::text("name", "Your name", visit.form.trimmed("name")).required().autocomplete("username")
                        .hint("You log in with it; an e-mail address is a good one.").draw(faults))
                }
                (Field::text("password", "Password", "").kind("password").required().autocomplete("new-password")
                    .hint("At least 12 characters. A few unrelated words are best.").draw(faults))
                button .primary type="submit" { @if named { "Create the account" } @else { "Set the password" } }
            }
        }
    };
    Page::new(title, Section::Outside, body)
}

/// `GET /admin/setup/{token}`, `/admin/invitation/{token}`, `/admin/password/{token}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let found = find(&visit).await?;
    if let Purpose::Portal { .. } = found.purpose {
        return Err(gone());
    }
    Ok(draw(&visit, &found, &Faults::default()).into())
}

/// `POST` to the same paths.
pub(super) async fn post(visit: Visit) -> Outcome {
    let found = find(&visit).await?;
    if visit.query.get("join") == "1" {
        return join(&visit, &found).await;
    }
    let name = visit.form.trimmed("name").to_owned();
    let given = Zeroizing::new(visit.form.get("password").to_owned());
    let (known, fault) = match &found.purpose {
        Purpose::Password(account) => {
            let account = visit.api.store.account(*account).await?;
            (account.map(|account| account.name), None)
        }
        _ => (None, refuse_name(&name).map(|why| Faults::one("name", why))),
    };
    let whose = known.as_ref().unwrap_or(&name);
    let fault =
        fault.or_else(|| password::refuse(&given, whose).map(|why| Faults::one("password", why)));
    if let Some(fault) = fault {
        return refused(&visit, &found, &fault);
    }
    let acceptance = Acceptance::Person {
        name,
        password: password::hash(&visit, &given).await?,
    };
    if found.ticket {
        keep_ticket(&visit, &found).await?;
    }
    let store = &visit.api.store;
    match store
        .accept_link(found.hash, acceptance, visit.actor())
        .await?
    {
        Redeemed::Done(account) => login::open(&visit, account.id, "/admin").await,
        Redeemed::NoLink => Err(gone()),
        Redeemed::NameTaken => refused(
            &visit,
            &found,
            &Faults::one(
                "name",
                "Somebody has this name. If it is you, log in first and open the link again.",
            ),
        ),
        Redeemed::TooManyRoles => Err(too_many_roles()),
        Redeemed::OrganizationFull => Err(organization_full()),
    }
}

fn refused(visit: &Visit, found: &Found, faults: &Faults) -> Outcome {
    Ok(draw(visit, found, faults).with_status(UNPROCESSABLE).into())
}

fn refuse_name(name: &str) -> Option<String> {
    let chars = name.chars().count();
    let strange = name.chars().any(char::is_control);
    (chars == 0 || chars > ACCOUNT_NAME || strange)
        .then(|| format!("1 to {ACCOUNT_NAME} characters."))
}

/// The command line's ticket becomes a link like all others, once.
async fn keep_ticket(visit: &Visit, found: &Found) -> Result<(), Refusal> {
    if !visit.console().take_ticket() {
        return Err(gone());
    }
    let new = NewLink {
        hash: found.hash,
        purpose: Purpose::Setup,
        expires_at: visit.now().plus(SETUP_LINK),
    };
    let made = visit.api.store.create_link(new, visit.actor()).await?;
    made.map(|_| ()).ok_or_else(gone)
}

/// Adds an invitation's role to the account that is logged in.
async fn join(visit: &Visit, found: &Found) -> Outcome {
    let Holder::Account(account) = &visit.login()?.session.holder else {
        return Err(gone());
    };
    let store = &visit.api.store;
    let by = Acceptance::Account(account.id);
    match store.accept_link(found.hash, by, visit.actor()).await? {
        Redeemed::Done(_) => Ok(Answer::see("/admin?done=joined")),
        Redeemed::NoLink | Redeemed::NameTaken => Err(gone()),
        Redeemed::TooManyRoles => Err(too_many_roles()),
        Redeemed::OrganizationFull => Err(organization_full()),
    }
}
