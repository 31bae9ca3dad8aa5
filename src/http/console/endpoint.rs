//! One endpoint: what it is sent, its switch, its secret, a test, and the way to its deliveries.

use super::super::api::endpoints::{delete_endpoint, patch_endpoint};
use super::super::api::show::{Audience, url};
use super::configuration::PATH;
use super::overview;
use super::page::{Page, Section, part};
use super::pieces::{held_choice, moment, switch_body, token};
use super::visit::Visit;
use super::{Answer, Outcome, secret, test_send};
use crate::store::Reach;
use crate::store::directory::{Endpoint, Sending};
use maud::{Markup, html};
use tidings_core::organization::WebhookAccess;

/// Whether an endpoint is sent to now, as a badge.
pub(super) fn status(sending: Option<Sending>) -> Markup {
    let (look, words) = match sending {
        Some(Sending::Open) => ("good", "active"),
        Some(Sending::Off) | None => ("hold", "off"),
        Some(Sending::Suspended) => ("bad", "suspended"),
    };
    html! { span class={ "badge " (look) } { (words) } }
}

/// `GET /admin/integrations/webhooks/{ep}`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.endpoint()?;
    let live = overview::of_endpoint(&visit, &place, &endpoint).await?;
    let body = html! {
        p .back { a href={ (PATH) "?" (place.query()) } { "← Webhooks" } }
        div .heading {
            h1 .address { (url(&endpoint.url, Audience::of(&place.caller))) }
            (status(visit.api.store.sending(endpoint.id)))
            span .push {}
            @if place.may_change() { a .button href={ (PATH) "/" (endpoint.id) "/edit" } { "Change" } }
        }
        @if !endpoint.description.is_empty() { p { (endpoint.description) } }
        p .actions {
            a .button href={ "/admin/deliveries?" (place.query()) "&endpoint=" (endpoint.id) } { "Deliveries" }
            @if place.may_change() { a .button href={ (PATH) "/" (endpoint.id) "/replay" } { "Send again" } }
        }
        (part("endpoint-live", &live))
        @if place.may_change() && place.organization.access() != WebhookAccess::Suspended {
            (test_send::form(&visit, &endpoint, ""))
        }
        (types(&endpoint))
        @if place.may_change() { (secret::panel(&visit, &endpoint)) }
        @if place.may_change() { (switches(&visit, &endpoint)) }
        dl .facts {
            dt { "Id" } dd { code { (endpoint.id) } }
            dt { "Made" } dd { (moment(endpoint.created_at)) }
            dt { "Changed" } dd { (moment(endpoint.updated_at)) }
            @if !endpoint.headers.is_empty() {
                dt { "Custom headers" } dd { @for name in endpoint.headers.iter() { code { (name) ": ***" } " " } }
            }
        }
        @if visit.api.store.headers(Reach::One(endpoint.organization), endpoint.id).is_err() {
            p .notice .bad {
                "The stored custom headers cannot be opened, so nothing is sent. Whoever may change this endpoint mends it by giving them anew, all of them, or none."
            }
        }
    };
    Ok(Page::new("Endpoint", Section::Webhooks, body)
        .at(&place)
        .with_live("endpoint-live", live)
        .every(overview::COUNTED)
        .into())
}

fn types(endpoint: &Endpoint) -> Markup {
    html! {
        section .panel {
            div .heading {
                h2 { "Event types" }
                span .push {}
                a .button href={ (PATH) "/" (endpoint.id) "/code" } { "Receiver code" }
            }
            ul .chips {
                @for wire in &endpoint.event_types {
                    li { a href={ "/admin/event-types/" (wire) "?organization=" (endpoint.organization) } { code { (wire) } } }
                }
            }
        }
    }
}

fn switches(visit: &Visit, endpoint: &Endpoint) -> Markup {
    let path = format!("{PATH}/{}", endpoint.id);
    html! {
        section .panel {
            h2 { "Switch and delete" }
            @if endpoint.switch.is_on() {
                form .row method="post" action={ (path) "/switch" } {
                    (token(visit))
                    p { "Switched off, nothing is sent from that moment on. What waits is held; new events make no deliveries and can be replayed later." }
                    input type="hidden" name="enabled" value="false";
                    button type="submit" { "Switch off" }
                }
            } @else {
                form method="post" action={ (path) "/switch" } {
                    (token(visit))
                    input type="hidden" name="enabled" value="true";
                    (held_choice(""))
                    button .primary type="submit" { "Switch on" }
                }
            }
            details .more {
                summary { "Delete this endpoint" }
                form .row method="post" action={ (path) "/delete" } {
                    (token(visit))
                    p { "What waits is cancelled. The log of what was sent stays." }
                    button .danger type="submit" { "Delete the endpoint" }
                }
            }
        }
    }
}

/// `POST /admin/integrations/webhooks/{ep}/switch`.
pub(super) async fn switch(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let (on, body) = switch_body(&visit.form);
    patch_endpoint(visit.call_of(&place, &endpoint, None, body)).await?;
    let done = if on { "on" } else { "off" };
    Ok(Answer::see(format!("{PATH}/{}?done={done}", endpoint.id)))
}

/// `POST /admin/integrations/webhooks/{ep}/delete`.
pub(super) async fn delete(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    delete_endpoint(visit.call_of(&place, &endpoint, None, Vec::new())).await?;
    Ok(Answer::see(format!(
        "{PATH}?{}&done=deleted",
        place.query()
    )))
}
