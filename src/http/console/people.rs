//! Who may come in: members of an organization, all accounts for operators, and the links that are open.

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::query::Query;
use super::page::{Page, Section};
use super::pieces::{action, copyable, moment, token};
use super::session;
use super::visit::{Place, Visit};
use super::{Answer, Outcome, Refusal, missing};
use crate::store::Reach;
use crate::store::accounts::{
    Account, Grant, Holder, Link, NewLink, Purpose, Removed, Role, Standing,
};
use crate::store::directory::{Changed, PageRequest};
use http::header::{HOST, ORIGIN};
use maud::{Markup, html};
use std::time::Duration;
use tidings_core::id::{AccountId, LinkId, OrganizationId};
use tidings_core::limits::{GRANTS_PER_ACCOUNT, INVITATION};

/// How long a link that sets a password anew may be used.
const PASSWORD_LINK: Duration = Duration::from_secs(86_400);

/// How people reach this server, from the setting or from how this request did.
fn base(visit: &Visit) -> String {
    if let Some(url) = &visit.console().public_url {
        return url.clone();
    }
    let scheme = match visit.header(&ORIGIN) {
        Some(origin) if origin.starts_with("https://") => "https",
        _ => "http",
    };
    format!("{scheme}://{}", visit.header(&HOST).unwrap_or("localhost"))
}

/// The page that shows a new link, once.
fn made(visit: &Visit, title: &str, (path, token): (&str, &str), link: &Link) -> Page {
    let url = format!("{}/admin/{path}/{token}", base(visit));
    let body = html! {
        h1 { (title) }
        section .panel .good {
            p { "Send this link. It works once, until " (moment(link.expires_at)) ", and is shown this once." }
            (copyable("link", &url))
        }
    };
    Page::new(title, Section::Account, body)
}

async fn invitation(visit: &Visit, standing: Standing) -> Result<(String, Link), Refusal> {
    let (token, hash) = session::new_token()?;
    let new = NewLink {
        hash,
        purpose: Purpose::Invitation(standing),
        expires_at: visit.now().plus(INVITATION),
    };
    let link = visit.api.store.create_link(new, visit.actor()).await?;
    Ok((token.to_string(), link))
}

fn links(visit: &Visit, links: &[Link]) -> Markup {
    html! {
        @if !links.is_empty() {
            h2 { "Open links" }
            table .list .cards {
                thead { tr { th scope="col" { "For" } th scope="col" { "Made" } th scope="col" { "Works until" } th scope="col" { span .hidden { "Revoke" } } } }
                tbody {
                    @for link in links {
                        tr {
                            td data-label="For" { (purpose(visit, &link.purpose)) }
                            td data-label="Made" { (moment(link.created_at)) }
                            td data-label="Works until" { (moment(link.expires_at)) }
                            td { (action(visit, &format!("/admin/links/{}/revoke", link.id), "Revoke", "")) }
                        }
                    }
                }
            }
        }
    }
}

fn purpose(visit: &Visit, purpose: &Purpose) -> String {
    let named = |grant: &Grant| {
        let organization = visit.api.store.organization(grant.organization);
        let name = organization.map_or_else(String::new, |found| found.name.clone());
        format!("{} of {name}", grant.role.name())
    };
    match purpose {
        Purpose::Setup => String::from("setup"),
        Purpose::Invitation(Standing::Operator) => String::from("a new operator"),
        Purpose::Invitation(Standing::Member(grants)) => {
            grants.iter().map(named).collect::<Vec<_>>().join(", ")
        }
        Purpose::Password(_) => String::from("a new password"),
        Purpose::Portal { grant, .. } => format!("portal: {}", named(grant)),
    }
}

fn is_self(visit: &Visit, id: AccountId) -> bool {
    visit.login.as_ref().is_some_and(
        |login| matches!(&login.session.holder, Holder::Account(account) if account.id == id),
    )
}

/// Members are the affair of people with an account: whoever came by a portal link stays only as long as that lasts.
fn person(visit: &Visit) -> Result<(), Refusal> {
    match visit.login()?.session.holder {
        Holder::Account(_) => Ok(()),
        Holder::Portal { .. } => Err(Problem::new(
            Code::MissingScope,
            "Members are invited and removed by people with an account of their own.",
        )
        .into()),
    }
}

/// `GET /admin/members`.
pub(super) async fn members(visit: Visit) -> Outcome {
    person(&visit)?;
    let place = visit.place()?;
    let store = &visit.api.store;
    let reach = Reach::One(place.id());
    let page = PageRequest {
        limit: GRANTS_PER_ACCOUNT,
        after: None,
    };
    let accounts = store.accounts(reach, page).await?.items;
    let open = store.links(reach, visit.now()).await?;
    let query = place.query();
    let body = html! {
        h1 { "Members" }
        p { "Administrators set webhooks up and see secrets. Viewers see the log and change nothing." }
        @if accounts.is_empty() {
            div .empty { h2 { "No members yet" } p { "Invite the people who look after this organization's integrations." } }
        } @else {
            table .list .cards {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Last login" } @if place.may_change() { th scope="col" { span .hidden { "Remove" } } } } }
                tbody {
                    @for account in &accounts {
                        tr {
                            td data-label="Name" { strong { (account.name) } }
                            td data-label="Role" { (role_in(account, place.id())) }
                            td data-label="Last login" { @if let Some(at) = account.login_at { (moment(at)) } @else { "never" } }
                            @if place.may_change() {
                                td { (action(&visit, &format!("/admin/members/{}/remove?{query}", account.id), "Remove", "")) }
                            }
                        }
                    }
                }
            }
        }
        @if place.may_change() {
            (invite_form(&visit, &format!("/admin/members/invite?{query}"), false))
            (links(&visit, &open))
        }
    };
    Ok(Page::new("Members", Section::Members, body)
        .at(&place)
        .into())
}

fn role_in(account: &Account, organization: OrganizationId) -> &'static str {
    match &account.standing {
        Standing::Operator => "operator",
        Standing::Member(grants) => grants
            .iter()
            .find(|grant| grant.organization == organization)
            .map_or("", |grant| grant.role.name()),
    }
}

fn invite_form(visit: &Visit, path: &str, operators: bool) -> Markup {
    html! {
        section .panel {
            h2 { "Invite somebody" }
            form .row method="post" action=(path) {
                (token(visit))
                div .field {
                    label for="role" { "Role" }
                    select id="role" name="role" {
                        option value="administrator" { "Administrator" }
                        option value="viewer" { "Viewer" }
                        @if operators { option value="operator" { "Operator" } }
                    }
                }
                @if operators {
                    div .field {
                        label for="organization" { "Organization's number" span .quiet { " not for operators" } }
                        input id="organization" name="organization" type="text" inputmode="numeric";
                    }
                }
                button .primary type="submit" { "Make an invitation link" }
            }
        }
    }
}

fn member(place: &Place, role: Role) -> Standing {
    Standing::Member(vec![Grant {
        organization: place.id(),
        role,
    }])
}

/// `POST /admin/members/invite`.
pub(super) async fn invite_member(visit: Visit) -> Outcome {
    person(&visit)?;
    let place = visit.administered()?;
    let role = Role::named(visit.form.get("role")).unwrap_or(Role::Viewer);
    let (token, link) = invitation(&visit, member(&place, role)).await?;
    let page = made(&visit, "Invitation", ("invitation", &token), &link);
    Ok(page.at(&place).into())
}

fn account_in_path(visit: &Visit) -> Result<AccountId, Refusal> {
    let text = visit.param(0);
    text.parse().map_err(|_| missing("account", text))
}

fn removed(removed: Removed, visit: &Visit, back: &str) -> Outcome {
    match removed {
        Removed::Done => Ok(Answer::see(back)),
        Removed::NotFound => Err(missing("account", visit.param(0))),
        Removed::LastOperator => Err(Problem::new(
            Code::LimitReached,
            "This is the last operator; nobody could get in any more. Invite another one first.",
        )
        .into()),
    }
}

/// `POST /admin/members/{acc}/remove`.
pub(super) async fn remove_member(visit: Visit) -> Outcome {
    person(&visit)?;
    let place = visit.administered()?;
    let id = account_in_path(&visit)?;
    let store = &visit.api.store;
    let done = store.leave(id, place.id(), visit.actor()).await?;
    let back = format!("/admin/members?{}&done=deleted", place.query());
    removed(
        done,
        &visit,
        if is_self(&visit, id) { "/admin" } else { &back },
    )
}

/// `GET /admin/people`.
pub(super) async fn all(visit: Visit) -> Outcome {
    visit.operator()?;
    let store = &visit.api.store;
    let cursor = visit.query.query(&["done"]);
    let (request, cursors) = Query::of("/admin/people", Some(&cursor), &["cursor"])?.page()?;
    let page = store.accounts(Reach::All, request).await?;
    let next = cursors.write(page.next.as_ref());
    let open = store.links(Reach::All, visit.now()).await?;
    let body = html! {
        h1 { "People" }
        table .list .cards {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Roles" } th scope="col" { "Last login" } th scope="col" { span .hidden { "Change" } } } }
            tbody {
                @for account in &page.items {
                    tr {
                        td data-label="Name" { strong { (account.name) } }
                        td data-label="Roles" { (roles(&visit, account)) }
                        td data-label="Last login" { @if let Some(at) = account.login_at { (moment(at)) } @else { "never" } }
                        td .acts {
                            (action(&visit, &format!("/admin/people/{}/password", account.id), "Password link", ""))
                            (action(&visit, &format!("/admin/people/{}/remove", account.id), "Remove", "danger"))
                        }
                    }
                }
            }
        }
        @if let Some(next) = next {
            nav .pages aria-label="Pages" { a .button rel="next" href={ "/admin/people?cursor=" (next) } { "More" } }
        }
        (invite_form(&visit, "/admin/people/invite", true))
        (links(&visit, &open))
    };
    Ok(Page::new("People", Section::People, body).into())
}

fn roles(visit: &Visit, account: &Account) -> Markup {
    html! {
        @match &account.standing {
            Standing::Operator => { "operator" }
            Standing::Member(grants) => {
                @for (place, grant) in grants.iter().enumerate() {
                    @if place > 0 { ", " }
                    (grant.role.name()) " of "
                    @let organization = visit.api.store.organization(grant.organization);
                    @if let Some(organization) = organization { (organization.name) } @else { (grant.organization) }
                }
            }
        }
    }
}

/// `POST /admin/people/invite`.
pub(super) async fn invite(visit: Visit) -> Outcome {
    visit.operator()?;
    let standing = match visit.form.get("role") {
        "operator" => Standing::Operator,
        role => match Role::named(role) {
            Some(role) => member(&visit.place()?, role),
            None => return Err(missing("role", role)),
        },
    };
    let (token, link) = invitation(&visit, standing).await?;
    Ok(made(&visit, "Invitation", ("invitation", &token), &link).into())
}

/// `POST /admin/people/{acc}/remove`.
pub(super) async fn remove(visit: Visit) -> Outcome {
    visit.operator()?;
    let id = account_in_path(&visit)?;
    let done = visit.api.store.remove_account(id, visit.actor()).await?;
    removed(done, &visit, "/admin/people?done=deleted")
}

/// `POST /admin/people/{acc}/password`.
pub(super) async fn password_link(visit: Visit) -> Outcome {
    visit.operator()?;
    let id = account_in_path(&visit)?;
    let store = &visit.api.store;
    if store.account(id).await?.is_none() {
        return Err(missing("account", visit.param(0)));
    }
    let (token, hash) = session::new_token()?;
    let new = NewLink {
        hash,
        purpose: Purpose::Password(id),
        expires_at: visit.now().plus(PASSWORD_LINK),
    };
    let link = store.create_link(new, visit.actor()).await?;
    Ok(made(&visit, "Password link", ("password", &token), &link).into())
}

/// `POST /admin/links/{lnk}/revoke`.
pub(super) async fn revoke_link(visit: Visit) -> Outcome {
    person(&visit)?;
    let login = visit.login()?;
    let text = visit.param(0);
    let id: LinkId = text.parse().map_err(|_| missing("link", text))?;
    let store = &visit.api.store;
    let operator = login.is_operator();
    let reaches: Vec<Reach> = match operator {
        true => vec![Reach::All],
        false => login
            .organizations()
            .into_iter()
            .filter(|id| visit.place_of(*id).is_ok_and(|place| place.may_change()))
            .map(Reach::One)
            .collect(),
    };
    for reach in reaches {
        if let Changed::Done(()) = store.revoke_link(reach, id, visit.actor()).await? {
            return Ok(Answer::see(match reach {
                Reach::All => String::from("/admin/people?done=revoked"),
                Reach::One(own) => format!("/admin/members?organization={own}&done=revoked"),
            }));
        }
    }
    Err(missing("link", text))
}
