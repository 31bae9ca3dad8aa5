//! The catalogue of event types: what each is about, its schema and its example; operators switch types on and off.

use super::super::api::event_types::put_event_type;
use super::super::code::Code;
use super::super::problem::Problem;
use super::form::object;
use super::page::{Page, Section};
use super::pieces::{block, token};
use super::visit::{Place, Visit};
use super::{Answer, Outcome};
use crate::catalogue::is_notice;
use maud::{Markup, html};
use serde_json::Value;
use std::sync::Arc;
use tidings_core::event_type::{Audience, EventType, SchemaUse, TypeStatus, WireType};
use tidings_core::request::CONTENT_TYPE;

/// Where the page is.
const PATH: &str = "/admin/event-types";

/// The organization whose pages these are read among, if one is named.
fn place(visit: &Visit) -> Option<Place> {
    visit.place().ok()
}

fn page(visit: &Visit, title: &str, body: Markup) -> Page {
    let page = Page::new(title, Section::EventTypes, body);
    match place(visit) {
        Some(place) => page.at(&place),
        None => page,
    }
}

/// What the links between these pages carry along.
fn along(visit: &Visit) -> String {
    place(visit).map_or_else(String::new, |place| format!("?{}", place.query()))
}

/// `GET /admin/event-types`.
pub(super) async fn list(visit: Visit) -> Outcome {
    let operator = visit.login()?.is_operator();
    let types = visit.api.store.event_types();
    let shown = types
        .iter()
        .filter(|entry| (operator || entry.status == TypeStatus::Active) && visit.shows(entry));
    let along = along(&visit);
    let body = html! {
        h1 { "Event types" }
        p { "A type is " code { "object.action" } " for your own records, and " code { "object.public.action" }
            " for public records of other organizations. Your receiver finds it in the body as " code { "type" } "." }
        table .list .cards {
            caption .hidden { "Event types" }
            thead { tr { th scope="col" { "Type" } th scope="col" { "What it is" } th scope="col" { "When" } @if operator { th scope="col" { "State" } } } }
            tbody {
                @for entry in shown {
                    tr {
                        td data-label="Type" { a .strong href={ (PATH) "/" (entry.wire) (along) } { code { (entry.wire) } } }
                        td data-label="What it is" { (entry.label) }
                        td data-label="When" { (entry.description) }
                        @if operator { td data-label="State" { (status(entry)) } }
                    }
                }
            }
        }
    };
    Ok(page(&visit, "Event types", body).into())
}

fn status(entry: &EventType) -> Markup {
    match entry.status {
        TypeStatus::Active => html! { span .badge .good { "on" } },
        TypeStatus::Inactive => html! { span .badge .quiet { "off" } },
    }
}

fn find(visit: &Visit) -> Result<Arc<EventType>, Problem> {
    let text = visit.param(0);
    let missing = || Problem::missing(Code::NoSuchEventType, "event type", text);
    let wire = WireType::parse(text).map_err(|_| missing())?;
    let entry = visit.api.store.event_type(&wire);
    entry.filter(|entry| visit.shows(entry)).ok_or_else(missing)
}

/// `GET /admin/event-types/{type}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let operator = visit.login()?.is_operator();
    let entry = find(&visit)?;
    let organization = place(&visit).map_or(4417, |place| place.id().get());
    let body = html! {
        p .back { a href={ (PATH) (along(&visit)) } { "← Event types" } }
        div .heading { h1 { code { (entry.wire) } } (status(&entry)) }
        p { strong { (entry.label) } ": " (entry.description) }
        p { @match entry.wire.audience {
            Audience::Own if is_notice(&entry) => "A notice: Tidings itself makes it, for endpoints of the operators' organization.",
            Audience::Own => "Goes to the organization whose record it is.",
            Audience::Public => "Goes to every other organization on the network that chose it; organization_id is the receiving organization's.",
        } }
        @if let Some(example) = &entry.example {
            h2 { "Example of a request" }
            (block("request", "Example request", &format!("POST /your/path HTTP/1.1\ncontent-type: {CONTENT_TYPE}\n{}: …\nwebhook-id: dlv_…\nwebhook-timestamp: …\nwebhook-signature: v1,…\n\n{{\"type\":\"{}\",\"organization_id\":{organization},\"data\":{example}}}", visit.api.signature_header, entry.wire)))
            h2 { "Its data" }
            (block("example", "Example of data", &laid_out(example)))
        }
        @if let Some(schema) = &entry.schema {
            h2 { "Schema" }
            p .quiet { @match entry.schema_use {
                SchemaUse::Documents => "It documents; real payloads may carry more and fewer keys. Read what you need and ignore the rest.",
                SchemaUse::Enforced => "Events that do not fit it are refused.",
            } }
            (block("schema", "JSON Schema", &laid_out(schema)))
        }
        @if operator && !is_notice(&entry) { (switch_form(&visit, &entry)) }
    };
    Ok(page(&visit, &entry.wire.to_string(), body).into())
}

fn laid_out(json: &str) -> String {
    crate::respelled::for_reading(json.as_bytes()).unwrap_or_else(|| json.to_owned())
}

fn switch_form(visit: &Visit, entry: &EventType) -> Markup {
    let on = entry.status == TypeStatus::Active;
    html! {
        form .panel .row method="post" action={ (PATH) "/" (entry.wire) "/switch" } {
            (token(visit))
            p { @if on { "Switched off, it can no longer be chosen or posted." } @else { "Switched on, organizations can choose it and your platform can post it." } }
            input type="hidden" name="enabled" value=(!on);
            button type="submit" .primary[!on] { @if on { "Switch off" } @else { "Switch on" } }
        }
    }
}

/// `POST /admin/event-types/{type}/switch`.
pub(super) async fn switch(visit: Visit) -> Outcome {
    let caller = visit.operator()?;
    let entry = find(&visit)?;
    let on = visit.form.get("enabled") == "true";
    let body = object(vec![("enabled", Value::Bool(on))]);
    let wire = entry.wire.to_string();
    put_event_type(visit.call(caller, &[&wire], body)).await?;
    Ok(Answer::see(format!("{PATH}/{wire}?done=saved")))
}
