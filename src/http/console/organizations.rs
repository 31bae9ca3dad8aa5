//! Organizations: choosing one, and for operators making, changing and deleting them.

use super::super::api::organizations::{delete_organization, put_organization, read_name};
use super::super::code::Code;
use super::form::{Faults, object};
use super::overview;
use super::page::{Page, Section};
use super::pieces::{Field, fault_summary, more, token};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, Refusal, UNPROCESSABLE};
use crate::store::directory::Page as ListPage;
use maud::{Markup, html};
use serde_json::Value;
use std::sync::Arc;
use tidings_core::organization::{AddOn, Organization, WebhookAccess};

/// Where the page is.
const PATH: &str = "/admin/organizations";
/// Organizations on a page: each has its counts.
const ROWS: usize = 25;

/// `GET /admin/organizations`.
pub(super) async fn list(visit: Visit) -> Outcome {
    let login = visit.login()?;
    let operator = login.is_operator();
    let (page, next) = if operator {
        if let Some(path) = jump(&visit) {
            return Ok(Answer::see(path));
        }
        let (name, (mut request, cursors)) = visit.asked(PATH, &["name"], read_name)?;
        request.limit = ROWS;
        let page = visit.api.store.organizations(name.as_deref(), &request);
        let next = cursors.write(page.next.as_ref());
        (page, next)
    } else {
        let own = login.organizations().into_iter();
        let items = own
            .filter_map(|id| visit.api.store.organization(id))
            .collect();
        (ListPage { items, next: None }, None)
    };
    let name = visit.query.trimmed("name");
    let body = html! {
        div .heading {
            h1 { "Organizations" }
            span .push {}
            @if operator { a .button .primary href={ (PATH) "/new" } { "Add an organization" } }
        }
        @if operator && name.is_empty() { (overview::of_everything(&visit).await?) }
        @if operator { (search(name)) }
        @if page.items.is_empty() && !name.is_empty() {
            div .empty {
                h2 { "Nothing fits" }
                p { "No organization " @if next.is_some() { "among those looked at so far " } "has “" (name) "” in its name." }
            }
        } @else if page.items.is_empty() {
            div .empty {
                h2 { "No organization yet" }
                p { "An organization is a customer of your platform. Your platform makes them through the API; here you can make one to try things out." }
                @if operator { p { a .button .primary href={ (PATH) "/new" } { "Add an organization" } } }
            }
        } @else {
            (table(&visit, &page.items).await?)
        }
        @if let Some(next) = next {
            @let query = visit.query.query(&["cursor", "done"]);
            (more(&format!("{PATH}?{query}{}cursor={next}", if query.is_empty() { "" } else { "&" })))
        }
    };
    Ok(Page::new("Organizations", Section::Organizations, body).into())
}

/// Straight to an organization by its number, if that is one's.
fn jump(visit: &Visit) -> Option<String> {
    let number = visit.query.trimmed("name").parse().ok()?;
    let id = tidings_core::id::OrganizationId::new(number)?;
    let found = visit.api.store.organization(id)?;
    Some(format!("/admin/overview?organization={}", found.id))
}

fn search(name: &str) -> Markup {
    html! {
        form .filters method="get" action=(PATH) role="search" {
            div .field {
                label for="name" { "Name or number" }
                input id="name" name="name" type="search" autocomplete="off" value=(name);
            }
            div .actions {
                button type="submit" { "Search" }
                @if !name.is_empty() { a .button href=(PATH) { "Clear" } }
            }
        }
    }
}

async fn table(visit: &Visit, items: &[Arc<Organization>]) -> Result<Markup, Refusal> {
    let operator = visit.login()?.is_operator();
    let mut rows = Vec::with_capacity(items.len());
    for organization in items {
        rows.push((
            organization,
            overview::rate_of(visit, organization.id).await?,
        ));
    }
    Ok(html! {
        table .list .cards {
            caption .hidden { "Organizations" }
            thead { tr {
                th scope="col" { "Organization" }
                th scope="col" { "Add-ons" }
                th scope="col" { "Webhooks" }
                th scope="col" { "Arrived, last 24 hours" }
                @if operator { th scope="col" { span .hidden { "Change" } } }
            } }
            tbody {
                @for (organization, rate) in &rows {
                    tr {
                        td data-label="Organization" {
                            a .strong href={ "/admin/overview?organization=" (organization.id) } { (organization.name) }
                            p .quiet { (organization.id) }
                        }
                        td data-label="Add-ons" {
                            @for (place, add_on) in organization.add_ons.iter().enumerate() { @if place > 0 { ", " } (add_on.label()) }
                            @if organization.add_ons.iter().next().is_none() { span .quiet { "none" } }
                        }
                        td data-label="Webhooks" { (access(organization)) }
                        td data-label="Arrived, 24 h" { (rate) }
                        @if operator { td { a href={ (PATH) "/" (organization.id) "/edit" } { "Change" } } }
                    }
                }
            }
        }
    })
}

fn access(organization: &Organization) -> Markup {
    let (look, words) = match organization.access() {
        WebhookAccess::Active => ("good", "on"),
        WebhookAccess::SwitchedOff => ("hold", "off"),
        WebhookAccess::Suspended => ("quiet", "no add-on"),
    };
    html! { span class={ "badge " (look) } { (words) } }
}

/// What the form holds.
struct Typed {
    id: String,
    name: String,
    slug: String,
    add_ons: Vec<String>,
    bodies_days: String,
    attempts_days: String,
    restore: Restore,
}

/// Whether an organization that was deleted is to come back with its number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restore {
    /// Nobody asked: nothing is known to have been deleted.
    Unasked,
    /// The number belonged to one, so the form asks.
    Asked,
    Wanted,
}

impl Typed {
    fn of_form(visit: &Visit) -> Self {
        let form = &visit.form;
        Self {
            id: form.trimmed("id").to_owned(),
            name: form.trimmed("name").to_owned(),
            slug: form.trimmed("slug").to_owned(),
            add_ons: form.all("add_ons").map(str::to_owned).collect(),
            bodies_days: form.trimmed("bodies_days").to_owned(),
            attempts_days: form.trimmed("attempts_days").to_owned(),
            restore: match form.get("restore") {
                "" => Restore::Unasked,
                _ => Restore::Wanted,
            },
        }
    }

    fn of(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.clone(),
            slug: organization.slug.clone().unwrap_or_default(),
            add_ons: organization
                .add_ons
                .iter()
                .map(|add_on| add_on.name().to_owned())
                .collect(),
            bodies_days: typed_days(organization.kept.bodies),
            attempts_days: typed_days(organization.kept.attempts),
            restore: Restore::Unasked,
        }
    }

    fn json(&self) -> Vec<u8> {
        let add_ons = self.add_ons.iter().map(|name| Value::from(name.as_str()));
        let mut members = vec![
            ("name", Value::from(self.name.as_str())),
            ("add_ons", Value::Array(add_ons.collect())),
        ];
        if !self.slug.is_empty() {
            members.push(("slug", Value::from(self.slug.as_str())));
        }
        if self.restore == Restore::Wanted {
            members.push(("restore", Value::Bool(true)));
        }
        let days = [
            ("bodies_days", number_or_null(&self.bodies_days)),
            ("attempts_days", number_or_null(&self.attempts_days)),
        ];
        members.push(("retention", days.into_iter().collect()));
        object(members)
    }
}

fn typed_days(days: Option<u32>) -> String {
    days.map(|days| days.to_string()).unwrap_or_default()
}

/// What the API is given for a number that may be left empty; what is none goes as it is, to be refused there.
fn number_or_null(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::from(text),
    }
}

fn draw(visit: &Visit, typed: &Typed, faults: &Faults, edited: Option<&Place>) -> Page {
    let title = match edited {
        Some(_) => "Change the organization",
        None => "Add an organization",
    };
    let body = html! {
        p .back { a href=(PATH) { "← Organizations" } }
        h1 { (title) }
        (fault_summary(faults))
        form .panel method="post" action=(visit.head.uri.path()) {
            (token(visit))
            (Field::text("name", "Name", &typed.name).required().draw(faults))
            @if edited.is_none() {
                (Field::text("id", "Number", &typed.id).kind("number").required()
                    .hint("Its id in your platform: it goes out with every request as organization_id.").draw(faults))
            }
            @if typed.restore != Restore::Unasked {
                label .check {
                    input type="checkbox" name="restore" value="true" checked[typed.restore == Restore::Wanted];
                    "Bring it back, with all that was sent before it was deleted"
                }
            }
            (Field::text("slug", "Short name", &typed.slug).hint("a-z, 0-9 and -").draw(faults))
            fieldset .plainly {
                legend { "Add-ons" }
                p .hint { "Either of them brings webhooks." }
                @for add_on in AddOn::ALL {
                    label .check {
                        input type="checkbox" name="add_ons" value=(add_on.name()) checked[typed.add_ons.iter().any(|name| name == add_on.name())];
                        (add_on.label())
                    }
                }
            }
            fieldset .plainly {
                legend { "How long its own events are kept" }
                p .hint { "In days; empty is as the server says. Public events that it receives are kept as their senders' are." }
                (Field::text("bodies_days", "Bodies", &typed.bodies_days).kind("number").draw(faults))
                (Field::text("attempts_days", "Events and attempts", &typed.attempts_days).kind("number").draw(faults))
            }
            button .primary type="submit" { @if edited.is_some() { "Save" } @else { "Add the organization" } }
        }
        @if let Some(place) = edited { (deletion(visit, place)) }
    };
    Page::new(title, Section::Organizations, body)
}

fn deletion(visit: &Visit, place: &Place) -> Markup {
    html! {
        details .more {
            summary { "Delete this organization" }
            form .panel .row method="post" action={ (PATH) "/" (place.id()) "/delete" } {
                (token(visit))
                p { "Its endpoints are deleted, and what waits is cancelled." }
                button .danger type="submit" { "Delete " (place.organization.name) }
            }
        }
    }
}

/// `GET /admin/organizations/new`.
pub(super) async fn get_new(visit: Visit) -> Outcome {
    visit.operator()?;
    let typed = Typed {
        id: String::new(),
        name: String::new(),
        slug: String::new(),
        add_ons: vec![AddOn::ApiAccess.name().to_owned()],
        bodies_days: String::new(),
        attempts_days: String::new(),
        restore: Restore::Unasked,
    };
    Ok(draw(&visit, &typed, &Faults::default(), None).into())
}

/// `POST /admin/organizations/new`.
pub(super) async fn post_new(visit: Visit) -> Outcome {
    let caller = visit.operator()?;
    let mut typed = Typed::of_form(&visit);
    let id = tidings_core::id::OrganizationId::new(typed.id.parse().unwrap_or(0));
    let faults = match id {
        None => Some(Faults::one(
            "id",
            "A whole number from 1 to 9007199254740991.",
        )),
        Some(id) if visit.api.store.organization(id).is_some() => Some(Faults::one(
            "id",
            "There is an organization with this number.",
        )),
        Some(_) => None,
    };
    if let Some(faults) = faults {
        return Ok(draw(&visit, &typed, &faults, None)
            .with_status(UNPROCESSABLE)
            .into());
    }
    match put_organization(visit.call(caller, &[&typed.id], typed.json())).await {
        Ok(_) => Ok(Answer::see(format!(
            "/admin/integrations/webhooks?organization={}&done=created",
            typed.id
        ))),
        Err(problem) => {
            if problem.code() == Code::OrganizationDeleted {
                typed.restore = Restore::Asked;
            }
            Ok(draw(&visit, &typed, &Faults::of(&problem), None)
                .with_status(UNPROCESSABLE)
                .into())
        }
    }
}

/// The organization in the path, for operators.
fn operated(visit: &Visit) -> Result<Place, Refusal> {
    visit.operator()?;
    let id = visit.param(0);
    match id
        .parse()
        .ok()
        .and_then(tidings_core::id::OrganizationId::new)
    {
        Some(id) => visit.place_of(id),
        None => Err(super::super::auth::no_organization(id).into()),
    }
}

/// `GET /admin/organizations/{org}/edit`.
pub(super) async fn get_edit(visit: Visit) -> Outcome {
    let place = operated(&visit)?;
    let typed = Typed::of(&place.organization);
    Ok(draw(&visit, &typed, &Faults::default(), Some(&place)).into())
}

/// `POST /admin/organizations/{org}/edit`.
pub(super) async fn post_edit(visit: Visit) -> Outcome {
    let place = operated(&visit)?;
    let typed = Typed::of_form(&visit);
    let id = place.id().to_string();
    match put_organization(visit.call(place.caller, &[&id], typed.json())).await {
        Ok(_) => Ok(Answer::see(format!("{PATH}?done=saved"))),
        Err(problem) => Ok(draw(&visit, &typed, &Faults::of(&problem), Some(&place))
            .with_status(UNPROCESSABLE)
            .into()),
    }
}

/// `POST /admin/organizations/{org}/delete`.
pub(super) async fn delete(visit: Visit) -> Outcome {
    let place = operated(&visit)?;
    let id = place.id().to_string();
    delete_organization(visit.call(place.caller, &[&id], Vec::new())).await?;
    Ok(Answer::see(format!("{PATH}?done=deleted")))
}
