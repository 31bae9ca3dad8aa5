//! Adding an endpoint and changing one: Target URL, event types, description, custom headers.

use super::super::api::endpoints::{patch_endpoint, post_endpoint};
use super::super::problem::Problem;
use super::configuration::PATH;
use super::form::{Faults, Form, json_of, object};
use super::page::{Page, Section};
use super::pieces::{Field, fault_summary, token};
use super::secret;
use super::visit::{Place, Visit};
use super::{Answer, Outcome, UNPROCESSABLE};
use crate::catalogue::is_notice;
use crate::store::directory::Endpoint;
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::sync::Arc;
use tidings_core::event_type::{Audience, EventType, TypeStatus};
use tidings_core::organization::WebhookAccess;

/// What a form holds, as it was typed or as the endpoint has it.
struct Typed {
    url: String,
    description: String,
    headers: String,
    types: Form,
}

impl Typed {
    fn of_form(form: &Form) -> Self {
        Self {
            url: form.trimmed("url").to_owned(),
            description: form.trimmed("description").to_owned(),
            headers: form.get("headers").to_owned(),
            types: form.clone(),
        }
    }

    fn of_endpoint(endpoint: &Endpoint) -> Self {
        let types = endpoint.event_types.iter();
        Self {
            url: endpoint.url.as_str().to_owned(),
            description: endpoint.description.to_string(),
            headers: String::new(),
            types: Form::of(
                types
                    .map(|wire| (String::from("type"), wire.to_string()))
                    .collect(),
            ),
        }
    }

    fn empty() -> Self {
        Self::of_form(&Form::default())
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        let types = self.types.all("type").map(Value::from).collect();
        vec![
            ("url", Value::from(self.url.as_str())),
            ("description", Value::from(self.description.as_str())),
            ("event_types", Value::Array(types)),
        ]
    }

    /// `name: value` lines as an object; a line without a colon becomes a name that is refused as such.
    fn headers(&self) -> Value {
        let lines = self.headers.lines().map(str::trim);
        let members: Map<String, Value> = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(':').unwrap_or((line, "")))
            .map(|(name, value)| (name.trim().to_owned(), Value::from(value.trim())))
            .collect();
        Value::Object(members)
    }
}

/// What stands over the notices.
const NOTICES: &str = "notices about endpoints";

/// A row of the table of event types: own and public form of one type.
struct TypeRow {
    own: Option<Arc<EventType>>,
    public: Option<Arc<EventType>>,
}

/// The catalogue by object, with what is in use or chosen; notices, where they may be chosen, stand for themselves.
fn rows_by_object(visit: &Visit, place: &Place, chosen: &Form) -> Vec<(String, Vec<TypeRow>)> {
    let mut objects: Vec<(String, Vec<TypeRow>)> = Vec::new();
    for entry in visit.api.store.event_types() {
        let in_use =
            entry.status == TypeStatus::Active && visit.api.notices.may_choose(&entry, place.id());
        if !in_use && !chosen.holds("type", &entry.wire.to_string()) {
            continue;
        }
        let object = match is_notice(&entry) {
            true => NOTICES,
            false => entry.wire.name.object(),
        };
        let place = objects.iter().position(|(known, _)| known == object);
        let place = place.unwrap_or_else(|| {
            objects.push((object.to_owned(), Vec::new()));
            objects.len() - 1
        });
        let Some((_, rows)) = objects.get_mut(place) else {
            continue;
        };
        let same = rows.iter().position(|row| {
            [&row.own, &row.public]
                .into_iter()
                .flatten()
                .any(|other| other.wire.name == entry.wire.name)
        });
        let at = same.unwrap_or_else(|| {
            rows.push(TypeRow {
                own: None,
                public: None,
            });
            rows.len() - 1
        });
        if let Some(row) = rows.get_mut(at) {
            match entry.wire.audience {
                Audience::Own => row.own = Some(entry),
                Audience::Public => row.public = Some(entry),
            }
        }
    }
    objects
}

fn choice(entry: Option<&Arc<EventType>>, chosen: &Form, column: &str) -> Markup {
    html! {
        td data-label=(column) {
            @if let Some(entry) = entry {
                @let wire = entry.wire.to_string();
                label .check {
                    input type="checkbox" name="type" value=(wire) checked[chosen.holds("type", &wire)];
                    span .hidden { (wire) ": " (entry.description) }
                    code { (wire) }
                }
            } @else { span .quiet { "–" } }
        }
    }
}

/// The table of event types, grouped by object.
fn types_table(visit: &Visit, place: &Place, chosen: &Form, faults: &Faults) -> Markup {
    let fault = faults.field("event_types");
    html! {
        fieldset .types aria-describedby="event_types-hint" {
            legend { "Event types" }
            p .hint id="event_types-hint" {
                strong { "Own" } ": something of your organization changes. "
                strong { "Public" } ": a public record of another organization on the network changes; your own are not among these."
            }
            @if let Some(fault) = fault { p .fault role="alert" { (fault) } }
            p .all hidden { button .plain type="button" data-check="own" { "All own" } " " button .plain type="button" data-check="none" { "None" } }
            @for (object, rows) in rows_by_object(visit, place, chosen) {
                table .list .cards .choose {
                    caption { (title_of(&object)) }
                    thead { tr { th scope="col" { "When" } th scope="col" { "Own" } th scope="col" { "Public" } } }
                    tbody {
                        @for row in &rows {
                            tr {
                                th scope="row" data-label="When" { (row_label(row)) }
                                (choice(row.own.as_ref(), chosen, "Own"))
                                (choice(row.public.as_ref(), chosen, "Public"))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row_label(row: &TypeRow) -> String {
    let entry = row.own.as_ref().or(row.public.as_ref());
    entry.map_or_else(String::new, |entry| entry.label.clone())
}

/// `group_member` is "Group member".
fn title_of(object: &str) -> String {
    let spaced = object.replace('_', " ");
    let mut chars = spaced.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}

fn draw(
    visit: &Visit,
    place: &Place,
    typed: &Typed,
    (faults, edited): (&Faults, Option<&Endpoint>),
) -> Page {
    let title = match edited {
        Some(_) => "Change the endpoint",
        None => "Add an endpoint",
    };
    let action = match edited {
        Some(endpoint) => format!("{PATH}/{}/edit", endpoint.id),
        None => format!("{PATH}/new?{}", place.query()),
    };
    let back = match edited {
        Some(endpoint) => format!("{PATH}/{}", endpoint.id),
        None => format!("{PATH}?{}", place.query()),
    };
    let body = html! {
        p .back { a href=(back) { "← Back" } }
        h1 { (title) }
        (fault_summary(faults))
        form .panel method="post" action=(action) {
            (token(visit))
            (Field::text("url", "Target URL", &typed.url).kind("url").required()
                .hint("Where requests go: https, reachable from the internet.").draw(faults))
            (types_table(visit, place, &typed.types, faults))
            (Field::text("description", "Description", &typed.description)
                .hint("For you and your colleagues, such as the name of the system behind it.").draw(faults))
            (headers_field(typed, edited, faults))
            div .actions {
                button .primary type="submit" { @if edited.is_some() { "Save" } @else { "Add the endpoint" } }
                a .button href=(back) { "Cancel" }
            }
        }
    };
    Page::new(title, Section::Webhooks, body).at(place)
}

fn headers_field(typed: &Typed, edited: Option<&Endpoint>, faults: &Faults) -> Markup {
    let kept = edited.filter(|endpoint| !endpoint.headers.is_empty());
    html! {
        details .more open[!typed.headers.is_empty() || faults.field("headers").is_some()] {
            summary { "Custom headers" }
            div .field {
                label for="headers" { "One per line, as " code { "name: value" } }
                textarea id="headers" name="headers" rows="3" aria-describedby="headers-hint headers-fault" spellcheck="false" { (typed.headers) }
                @if let Some(endpoint) = kept {
                    p .hint id="headers-hint" { "Now: " @for (place, name) in endpoint.headers.iter().enumerate() { @if place > 0 { ", " } code { (name) } }
                        ". Values are never shown. Leave this empty to keep them; what you write here takes the place of all." }
                    label .check { input type="checkbox" name="clear_headers" value="1"; "Remove all custom headers" }
                } @else {
                    p .hint id="headers-hint" { "Sent with every request, for instance a token your gateway asks for. Values are not shown again." }
                }
                @if let Some(fault) = faults.field("headers") { p .fault id="headers-fault" { (fault) } }
            }
        }
    }
}

/// `GET /admin/integrations/webhooks/new`.
pub(super) async fn get_new(visit: Visit) -> Outcome {
    let place = visit.administered()?;
    if place.organization.access() == WebhookAccess::Suspended {
        return Ok(Answer::see(format!("{PATH}?{}", place.query())));
    }
    Ok(draw(&visit, &place, &Typed::empty(), (&Faults::default(), None)).into())
}

/// `POST /admin/integrations/webhooks/new`.
pub(super) async fn post_new(visit: Visit) -> Outcome {
    let place = visit.administered()?;
    let typed = Typed::of_form(&visit.form);
    let mut members = typed.members();
    members.push(("headers", typed.headers()));
    let id = place.id().to_string();
    match post_endpoint(visit.call(place.caller, &[&id], object(members))).await {
        Ok(reply) => {
            let made = json_of(&reply)?;
            let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
            Ok(secret::made(&visit, &place, text("id"), text("secret")).into())
        }
        Err(problem) => refused(&visit, &place, &typed, (&problem, None)),
    }
}

/// `GET /admin/integrations/webhooks/{ep}/edit`.
pub(super) async fn get_edit(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let typed = Typed::of_endpoint(&endpoint);
    Ok(draw(
        &visit,
        &place,
        &typed,
        (&Faults::default(), Some(&endpoint)),
    )
    .into())
}

/// `POST /admin/integrations/webhooks/{ep}/edit`.
pub(super) async fn post_edit(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let typed = Typed::of_form(&visit.form);
    let mut members = typed.members();
    if visit.form.has("clear_headers") || !typed.headers.trim().is_empty() {
        members.push(("headers", typed.headers()));
    }
    let call = visit.call_of(&place, &endpoint, None, object(members));
    match patch_endpoint(call).await {
        Ok(_) => Ok(Answer::see(format!("{PATH}/{}?done=saved", endpoint.id))),
        Err(problem) => refused(&visit, &place, &typed, (&problem, Some(&endpoint))),
    }
}

fn refused(
    visit: &Visit,
    place: &Place,
    typed: &Typed,
    (problem, edited): (&Problem, Option<&Endpoint>),
) -> Outcome {
    if problem.faults().is_empty() {
        return Err(problem.clone().into());
    }
    let faults = Faults::of(problem);
    Ok(draw(visit, place, typed, (&faults, edited))
        .with_status(UNPROCESSABLE)
        .into())
}
