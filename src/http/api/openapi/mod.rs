//! The OpenAPI document, generated from the handlers.
//!
//! A handler says what only it knows: its parameters, bodies and answers, the least scope that may call it
//! (`security(("key" = ["viewer"]))`), and the codes of its own refusals (`(status = 409, description = "endpoint_off")`).
//! What follows by rule is said here, once for all operations, so that a new one has it by itself: [`parameters`],
//! [`shapes`], [`problems`], [`links`]. Deliberately absent: anything that is not true of the server; tests/clients.rs holds the
//! one against the other.

mod links;
mod parameters;
mod problems;
mod shapes;

use super::super::problem::{Problem, ProblemShown};
use super::super::reply::Reply;
use super::super::route::Call;
use super::{
    audit, batch, compare, deliveries, endpoints, erasures, event_types, events, health, keys,
    metrics, organizations, portal_links, replays, secrets, stats, test_send,
};
use http::StatusCode;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidings",
        description = "A self-hosted server that sends webhooks.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    servers((url = "/", description = "Where this document is served")),
    tags(
        (name = "events", description = "Producers post events; one event becomes a delivery to every endpoint that chose its type."),
        (name = "organizations", description = "Whose events and endpoints they are, and the switch for all of an organization's webhooks."),
        (name = "endpoints", description = "Where requests go, which types, and the secrets they are signed with."),
        (name = "deliveries", description = "What became of an event at one endpoint, with every attempt."),
        (name = "replays", description = "Sending a time range again."),
        (name = "event types", description = "The catalogue."),
        (name = "statistics", description = "Counts and latency over time."),
        (name = "portal links", description = "Links into the console for an organization's people."),
        (name = "erasures", description = "Removing what can tell of anybody: one event, or (DELETE an organization) everything."),
        (name = "keys", description = "API keys."),
        (name = "audit", description = "Who did what, when, from where."),
        (name = "health", description = "For load balancers and tools."),
    ),
    paths(
        events::post_event, batch::post_events, events::get_event, events::list_events,
        erasures::erase_event, erasures::get_erasure,
        organizations::list_organizations, organizations::get_organization, organizations::put_organization,
        organizations::delete_organization, organizations::put_webhooks,
        endpoints::list_endpoints, endpoints::post_endpoint, endpoints::get_endpoint, endpoints::patch_endpoint,
        endpoints::delete_endpoint, test_send::test_endpoint, compare::compare_headers,
        secrets::get_secret, secrets::rotate_secret, secrets::confirm_secret,
        replays::post_replay, replays::get_replay, replays::delete_replay,
        event_types::list_event_types, event_types::get_event_type, event_types::put_event_type,
        stats::organization_stats, stats::endpoint_stats,
        portal_links::post_portal_link, portal_links::delete_portal_link,
        deliveries::list_deliveries, deliveries::get_delivery, deliveries::retry_delivery,
        audit::list_audit, audit::list_organization_audit,
        keys::list_keys, keys::post_key, keys::delete_key,
        health::get_healthz, health::get_readyz, metrics::get_metrics, get_openapi,
    ),
    components(schemas(ProblemShown)),
    modifiers(&Keys),
)]
struct Document;

/// How a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some(String::from(
            "An API key, as POST /v1/keys answers it. Operations name the scopes that may call them.",
        ));
        if let Some(components) = document.components.as_mut() {
            components.add_security_scheme("key", SecurityScheme::Http(bearer));
        }
    }
}

/// The document, complete.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    // The document is made of strings and lists of our own; it always has a JSON form.
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    shapes::complete(&mut document);
    for operation in operations(&mut document) {
        parameters::complete(operation);
        name_scopes(operation);
        problems::complete(operation);
    }
    problems::name(&mut document);
    links::complete(&mut document);
    document
});

static TEXT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string_pretty(&*DOCUMENT).unwrap_or_default());

/// Every operation of a document.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let methods = paths.into_iter().flat_map(Map::values_mut);
    methods
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
}

/// Everybody whose key says as much as the least scope that a handler names.
fn name_scopes(operation: &mut Map<String, Value>) {
    let least = operation
        .get("security")
        .and_then(|all| all.pointer("/0/key/0"))
        .and_then(Value::as_str);
    let all: &[&str] = match least {
        Some("any") => &["viewer", "producer", "administrator", "operator"],
        Some("viewer") => &["viewer", "administrator", "operator"],
        Some("administrator") => &["administrator", "operator"],
        Some("producer") => &["producer", "operator"],
        Some("operator") => &["operator"],
        Some(_) | None => return,
    };
    let named = serde_json::json!([{ "key": all }]);
    operation.insert(String::from("security"), named);
}

/// The document as a value.
pub(in crate::http) fn document() -> &'static Value {
    &DOCUMENT
}

/// The OpenAPI 3.1 document of the API, as JSON.
pub fn openapi() -> &'static str {
    &TEXT
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(in crate::http) async fn get_openapi(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    Ok(Reply::text(StatusCode::OK, openapi()))
}
