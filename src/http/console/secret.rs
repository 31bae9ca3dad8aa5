//! The signing secret: shown to administrators only when they ask for it, rotated with an overlap, confirmed (W21).

use super::super::api::secrets::{confirm_secret, get_secret, rotate_secret};
use super::configuration::PATH;
use super::form::{json_of, object};
use super::page::{Page, Section};
use super::pieces::{action, copyable, moment, token};
use super::visit::{Place, Visit};
use super::{Answer, Outcome, test_send};
use crate::store::Reach;
use crate::store::directory::Endpoint;
use maud::{Markup, html};
use serde_json::Value;
use tidings_core::id::EndpointId;

/// The part of the endpoint's page; it holds no secret.
pub(super) fn panel(visit: &Visit, endpoint: &Endpoint) -> Markup {
    let path = format!("{PATH}/{}", endpoint.id);
    let store = &visit.api.store;
    let reach = Reach::One(endpoint.organization);
    let secrets = store.secrets(reach, endpoint.id);
    let opens = secrets.is_ok();
    let now = visit.now();
    let overlap = secrets
        .ok()
        .flatten()
        .and_then(|both| both.older(now).map(|older| older.until));
    html! {
        section .panel #secret {
            h2 { "Secret" }
            p { "Your receiver checks with it that a request comes from here. " code { "•••••••••••••••• " } }
            @if opens { (action(visit, &format!("{path}/secret"), "Reveal", "")) }
            @else { p .notice .bad { "The stored secret cannot be opened, so nothing is sent. Rotate it: that mends it, and your receiver needs the new one." } }
            @if let Some(until) = overlap {
                div .notice {
                    p { "Two secrets are in force until " (moment(until)) ". " code { (visit.api.signature_header) }
                        " is still signed with the " strong { "old" } " one; " code { "webhook-signature" } " carries both." }
                    (action(visit, &format!("{path}/confirm"), "My receiver has the new secret", "primary"))
                }
            }
            details .more {
                summary { "Rotate the secret" }
                form method="post" action={ (path) "/rotate" } {
                    (token(visit))
                    p { "Makes a new secret. For the overlap both are in force, so that no request fails while you change your receiver." }
                    div .field {
                        label for="overlap" { "Overlap" }
                        select id="overlap" name="overlap" {
                            option value="3600" { "1 hour" }
                            option value="86400" selected { "24 hours" }
                            option value="604800" { "7 days" }
                            option value="0" { "none: the old one ends now (it leaked)" }
                        }
                    }
                    button type="submit" { "Rotate" }
                }
            }
        }
    }
}

fn shown(id: &str, label: &str, secret: &str) -> Markup {
    html! {
        div .secret {
            p .label { (label) }
            (copyable(id, secret))
        }
    }
}

/// The page after an endpoint was made: its secret, and the next step.
pub(super) fn made(visit: &Visit, place: &Place, id: &str, secret: &str) -> Page {
    let endpoint = id
        .parse::<EndpointId>()
        .ok()
        .and_then(|id| visit.api.store.endpoint(Reach::One(place.id()), id));
    let body = html! {
        h1 { "The endpoint is ready" }
        section .panel .good {
            h2 { "1. Give your receiver the secret" }
            p { "Every request is signed with it. You can look at it again on the endpoint's page." }
            (shown("secret-text", "Secret", secret))
            @if let Some(endpoint) = &endpoint {
                p { a href={ (PATH) "/" (endpoint.id) "/code" } { "Receiver code in six languages" } }
            }
        }
        @if let Some(endpoint) = &endpoint { (test_send::form(visit, endpoint, "2. ")) }
        p { a .button href={ (PATH) "/" (id) } { "To the endpoint" } }
    };
    Page::new("The endpoint is ready", Section::Webhooks, body).at(place)
}

fn page(place: &Place, endpoint: &Endpoint, inner: &Markup) -> Page {
    let body = html! {
        p .back { a href={ (PATH) "/" (endpoint.id) } { "← The endpoint" } }
        h1 { "Secret" }
        section .panel { (inner) }
    };
    Page::new("Secret", Section::Webhooks, body).at(place)
}

/// `POST /admin/integrations/webhooks/{ep}/secret`: shown once on this page, and on the audit log.
pub(super) async fn reveal(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let call = visit.call_of(&place, &endpoint, None, Vec::new());
    let secrets = json_of(&get_secret(call).await?)?;
    let text = |name: &str| secrets.get(name).and_then(Value::as_str);
    let inner = html! {
        (shown("secret-text", "Secret", text("secret").unwrap_or_default()))
        @if let Some(older) = text("older_secret") { (shown("older-secret", "Older secret, until the overlap ends", older)) }
        p .quiet { "That you looked at it is on the audit log." }
    };
    Ok(page(&place, &endpoint, &inner).into())
}

/// `POST /admin/integrations/webhooks/{ep}/rotate`.
pub(super) async fn rotate(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    let seconds: u64 = visit.form.get("overlap").parse().unwrap_or(86_400);
    let body = object(vec![("overlap_seconds", Value::from(seconds))]);
    let call = visit.call_of(&place, &endpoint, None, body);
    let rotated = json_of(&rotate_secret(call).await?)?;
    let secret = rotated.get("secret").and_then(Value::as_str);
    let inner = html! {
        (shown("secret-text", "New secret", secret.unwrap_or_default()))
        @if seconds > 0 {
            ol {
                li { "Give your receiver the new secret." }
                li { "Send a test from the endpoint's page. Receivers that check " code { "webhook-signature" } " take both secrets now." }
                li { "Press “My receiver has the new secret” there: " code { (visit.api.signature_header) } " changes over at that moment." }
            }
        } @else { p { "The old secret ended at this moment." } }
    };
    Ok(page(&place, &endpoint, &inner).into())
}

/// `POST /admin/integrations/webhooks/{ep}/confirm`.
pub(super) async fn confirm(visit: Visit) -> Outcome {
    let (place, endpoint) = visit.administered_endpoint()?;
    confirm_secret(visit.call_of(&place, &endpoint, None, Vec::new())).await?;
    Ok(Answer::see(format!(
        "{PATH}/{}?done=confirmed",
        endpoint.id
    )))
}
