//! Who may come in: members of an organization, all accounts for operators, and the links that are open.

use super::super::api::portal_links::too_many_links;
use super::super::code::Code;
use super::super::problem::Problem;
use super::page::{Page, Section};
use super::pieces::{action, copyable, ending, moment, more, token};
use super::session;
use super::visit::{Place, Visit};
use super::{Answer, Outcome, Refusal, missing};
use crate::store::Reach;
use crate::store::accounts::{
    Account, Grant, Holder, Invited, Link, NewLink, Purpose, Removed, Role, Standing,
};
use crate::store::directory::Changed;
use maud::{Markup, html};
use tidings_core::id::{AccountId, LinkId, OrganizationId};
use tidings_core::limits::{INVITATION, PASSWORD_LINK};

/// Makes a link and the page that shows it, once.
async fn make_link(visit: &Visit, title: &str, purpose: Purpose) -> Result<Page, Refusal> {
    let resets = matches!(purpose, Purpose::Password(_));
    let (path, kept) = match purpose {
        Purpose::Password(_) => ("password", PASSWORD_LINK),
        _ => ("invitation", INVITATION),
    };
    let (token, hash) = session::new_token()?;
    let new = NewLink {
        hash,
        purpose,
        expires_at: visit.now().plus(kept),
    };
    let made = visit.api.store.create_link(new, visit.actor()).await?;
    let link = made.ok_or_else(too_many_links)?;
    let base = visit.console().base(visit.headers());
    let url = format!("{base}/admin/{path}/{}", *token);
    let body = html! {
        h1 { (title) }
        section .panel .good {
            p { "Send this link. It works once, until " (moment(link.expires_at)) ", and is shown this once." }
            @if resets { p { "Whoever uses it chooses a new password. All sessions of the account end, and " strong { "its second factor is switched off" } ": be sure whom you send it to." } }
            (copyable("link", &url))
        }
    };
    Ok(Page::new(title, Section::Account, body))
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
                            td { (revoking(visit, link)) }
                        }
                    }
                }
            }
        }
    }
}

fn revoking(visit: &Visit, link: &Link) -> Markup {
    let path = format!("/admin/links/{}/revoke", link.id);
    let ends = "Whoever was sent it cannot use it any more; a new one can be made.";
    ending(visit, &path, ("Revoke", "Revoke the link"), ends)
}

fn named(visit: &Visit, grant: &Grant) -> String {
    let name = visit.name_of(grant.organization);
    format!("{} of {name}", grant.role.name())
}

fn purpose(visit: &Visit, purpose: &Purpose) -> String {
    match purpose {
        Purpose::Setup => String::from("setup"),
        Purpose::Invitation(Invited::Operator) => String::from("a new operator"),
        Purpose::Invitation(Invited::Member(grant)) => named(visit, grant),
        Purpose::Password(_) => String::from("a new password"),
        Purpose::Portal { grant, .. } => format!("portal: {}", named(visit, grant)),
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

/// The accounts within reach that the query asks for, and where to go on.
async fn page_of(
    visit: &Visit,
    reach: Reach,
    list: &str,
) -> Result<(Vec<Account>, Option<String>), Refusal> {
    let (request, cursors) = visit.page(list)?;
    let page = visit.api.store.accounts(reach, request).await?;
    let next = cursors.write(page.next.as_ref());
    Ok((page.items, next))
}

/// `GET /admin/members`.
pub(super) async fn members(visit: Visit) -> Outcome {
    person(&visit)?;
    let place = visit.place()?;
    let store = &visit.api.store;
    let reach = Reach::One(place.id());
    let (accounts, next) =
        page_of(&visit, reach, &format!("/admin/members/{}", place.id())).await?;
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
                                td { (removing_member(&visit, &place, account)) }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(next) = next { (more(&format!("/admin/members?{query}&cursor={next}"))) }
        @if place.may_change() {
            (invite_form(&visit, &format!("/admin/members/invite?{query}"), false))
            (links(&visit, &open))
        }
    };
    Ok(Page::new("Members", Section::Members, body)
        .at(&place)
        .into())
}

fn removing_member(visit: &Visit, place: &Place, account: &Account) -> Markup {
    let path = format!("/admin/members/{}/remove?{}", account.id, place.query());
    let ends = format!(
        "{} has no role in {} any more, and no account if this was the only one.",
        account.name,
        visit.name_of(place.id())
    );
    ending(visit, &path, ("Remove", "Remove the member"), &ends)
}

fn removing_account(visit: &Visit, account: &Account) -> Markup {
    let path = format!("/admin/people/{}/remove", account.id);
    let ends = format!(
        "The account {} is deleted with all its roles, and its sessions end.",
        account.name
    );
    ending(visit, &path, ("Remove", "Remove the account"), &ends)
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

/// As what the form invites somebody to an organization.
fn member(visit: &Visit, place: &Place) -> Result<Invited, Refusal> {
    let role = visit.form.get("role");
    let role = Role::named(role).ok_or_else(|| missing("role", role))?;
    Ok(Invited::Member(Grant {
        organization: place.id(),
        role,
    }))
}

/// `POST /admin/members/invite`.
pub(super) async fn invite_member(visit: Visit) -> Outcome {
    person(&visit)?;
    let place = visit.administered()?;
    let invited = Purpose::Invitation(member(&visit, &place)?);
    let page = make_link(&visit, "Invitation", invited).await?;
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
    let (accounts, next) = page_of(&visit, Reach::All, "/admin/people").await?;
    let open = store.links(Reach::All, visit.now()).await?;
    let body = html! {
        h1 { "People" }
        table .list .cards {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Roles" } th scope="col" { "Last login" } th scope="col" { span .hidden { "Change" } } } }
            tbody {
                @for account in &accounts {
                    tr {
                        td data-label="Name" {
                            strong { (account.name) }
                            @if account.second_factor { " " span .badge .good { "second factor" } }
                        }
                        td data-label="Roles" { (roles(&visit, account)) }
                        td data-label="Last login" { @if let Some(at) = account.login_at { (moment(at)) } @else { "never" } }
                        td .acts {
                            (action(&visit, &format!("/admin/people/{}/password", account.id), "Password link", ""))
                            (removing_account(&visit, account))
                        }
                    }
                }
            }
        }
        @if let Some(next) = next { (more(&format!("/admin/people?cursor={next}"))) }
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
                    (named(visit, grant))
                }
            }
        }
    }
}

/// `POST /admin/people/invite`.
pub(super) async fn invite(visit: Visit) -> Outcome {
    visit.operator()?;
    let invited = match visit.form.get("role") {
        "operator" => Invited::Operator,
        _ => member(&visit, &visit.place()?)?,
    };
    let page = make_link(&visit, "Invitation", Purpose::Invitation(invited)).await?;
    Ok(page.into())
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
    let page = make_link(&visit, "Password link", Purpose::Password(id)).await?;
    Ok(page.into())
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
