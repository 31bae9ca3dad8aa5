//! Webhooks Configuration: the feature switch and the endpoints of an organization.

use super::super::api::organizations::put_webhooks;
use super::super::api::show::{Audience, url};
use super::endpoint::status;
use super::page::{Page, Section};
use super::pieces::{endpoint_words, held_choice, switch_body, token};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, Refusal};
use crate::store::directory::{Endpoint, PageRequest};
use maud::{Markup, html};
use std::sync::Arc;
use tidings_core::limits::ENDPOINTS_PER_ORGANIZATION;
use tidings_core::organization::WebhookAccess;

/// Where the page is.
pub(super) const PATH: &str = "/admin/integrations/webhooks";

/// All of an organization's endpoints, newest first.
pub(super) fn endpoints_of(visit: &Visit, place: &Place) -> Vec<Arc<Endpoint>> {
    let page = PageRequest {
        limit: ENDPOINTS_PER_ORGANIZATION,
        after: None,
    };
    visit.api.store.endpoints(place.id(), &page).items
}

/// `GET /admin/integrations/webhooks`.
pub(super) async fn get(visit: Visit) -> Outcome {
    let place = match visit.place() {
        // Several organizations and none named: choose.
        Err(Refusal::Problem(_)) if visit.query.trimmed("organization").is_empty() => {
            return Ok(Answer::see("/admin/organizations"));
        }
        place => place?,
    };
    let endpoints = endpoints_of(&visit, &place);
    let access = place.organization.access();
    let body = html! {
        div .heading {
            h1 { "Webhooks" }
            @if place.may_change() && access != WebhookAccess::Suspended && !endpoints.is_empty() {
                a .button .primary href={ (PATH) "/new?" (place.query()) } { "Add an endpoint" }
            }
        }
        @match access {
            WebhookAccess::Suspended => (suspended(&visit, &place)),
            WebhookAccess::Active | WebhookAccess::SwitchedOff => (feature_switch(&visit, &place, &endpoints)),
        }
        @if endpoints.is_empty() {
            @if access != WebhookAccess::Suspended { (empty(&place)) }
        } @else {
            (list(&visit, &place, &endpoints))
        }
    };
    Ok(Page::new("Webhooks", Section::Webhooks, body)
        .at(&place)
        .into())
}

fn suspended(visit: &Visit, place: &Place) -> Markup {
    html! {
        div .panel .warn {
            h2 { "Webhooks are not part of this organization's plan" }
            p { "They come with the add-on " strong { "CRM Integrations" } " or " strong { "API Access" }
                "; " (place.organization.name) " has neither. Nothing is sent." }
            @if visit.is_operator() {
                p { a .button .primary href={ "/admin/organizations/" (place.id()) "/edit" } { "Change the add-ons" } }
            } @else {
                p { "Ask the people who run your platform to add one of them. Endpoints that were set up before are kept and work again then." }
            }
        }
    }
}

fn feature_switch(visit: &Visit, place: &Place, endpoints: &[Arc<Endpoint>]) -> Markup {
    let on = place.organization.webhooks.is_on();
    let hint = match endpoints.iter().any(|endpoint| !endpoint.switch.is_on()) {
        true => "What an endpoint holds that is off itself stays held.",
        false => "",
    };
    html! {
        @if on || !endpoints.is_empty() {
            div .panel .row .warn[!on] {
                div {
                    h2 { "Webhooks are " @if on { "on" } @else { "off" } }
                    p .quiet {
                        @if on { "Events go to the endpoints below." }
                        @else { "Nothing is sent. What was waiting is held, and new events make no deliveries." }
                    }
                }
                @if place.may_change() {
                    form .inline method="post" action={ (PATH) "/switch?" (place.query()) } {
                        (token(visit))
                        input type="hidden" name="enabled" value=(!on);
                        @if !on { (held_choice(hint)) }
                        button type="submit" .primary[!on] { @if on { "Switch all off" } @else { "Switch on" } }
                    }
                }
            }
        }
    }
}

fn empty(place: &Place) -> Markup {
    html! {
        div .empty {
            h2 { "No endpoint yet" }
            p { "An endpoint is the address of your system that is told when something happens here: an https URL that takes POST requests." }
            @if place.may_change() {
                p { a .button .primary href={ (PATH) "/new?" (place.query()) } { "Add an endpoint" } }
            } @else {
                p .quiet { "An administrator of this organization can add one." }
            }
        }
    }
}

fn list(visit: &Visit, place: &Place, endpoints: &[Arc<Endpoint>]) -> Markup {
    let audience = Audience::of(&place.caller);
    html! {
        table .list .cards {
            caption .hidden { "Endpoints" }
            thead { tr {
                th scope="col" { "Target URL" }
                th scope="col" { "Events" }
                th scope="col" { "State" }
            } }
            tbody {
                @for endpoint in endpoints {
                    tr {
                        td data-label="Target URL" {
                            @let (_, words) = endpoint_words(endpoint, audience);
                            a .strong href={ (PATH) "/" (endpoint.id) } { (url(&endpoint.url, audience)) }
                            @if !words.is_empty() { p .quiet { (words) } }
                        }
                        td data-label="Events" {
                            (endpoint.event_types.len()) " type" @if endpoint.event_types.len() != 1 { "s" }
                        }
                        td data-label="State" { (status(visit.api.store.sending(endpoint.id))) }
                    }
                }
            }
        }
    }
}

/// `POST /admin/integrations/webhooks/switch`.
pub(super) async fn switch(visit: Visit) -> Outcome {
    let place = visit.administered()?;
    let (on, body) = switch_body(&visit.form);
    let id = place.id().to_string();
    put_webhooks(visit.call(place.caller, &[&id], body)).await?;
    let done = if on { "on" } else { "off" };
    Ok(Answer::see(format!("{PATH}?{}&done={done}", place.query())))
}
