//! The OpenAPI document, generated from the handlers.

use super::super::code::Code;
use super::super::problem::{PROBLEM_JSON, Problem, ProblemShown};
use super::super::reply::Reply;
use super::super::route::Call;
use super::{
    audit, batch, compare, deliveries, endpoints, erasures, event_types, events, health, keys,
    metrics, organizations, portal_links, replays, secrets, stats, test_send,
};
use http::StatusCode;
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Tidings", description = "A self-hosted server that sends webhooks."),
    paths(
        events::post_event, batch::post_events, events::get_event, events::list_events,
        organizations::list_organizations, organizations::get_organization, organizations::put_organization,
        organizations::delete_organization, organizations::put_webhooks,
        endpoints::list_endpoints, endpoints::post_endpoint, endpoints::get_endpoint, endpoints::patch_endpoint,
        endpoints::delete_endpoint, compare::compare_headers, test_send::test_endpoint,
        secrets::get_secret, secrets::rotate_secret, secrets::confirm_secret,
        replays::post_replay, replays::get_replay, replays::delete_replay,
        event_types::list_event_types, event_types::get_event_type, event_types::put_event_type,
        stats::organization_stats, stats::endpoint_stats,
        portal_links::post_portal_link, portal_links::delete_portal_link,
        deliveries::list_deliveries, deliveries::get_delivery, deliveries::retry_delivery,
        audit::list_audit, audit::list_organization_audit,
        erasures::erase_event, erasures::get_erasure,
        keys::list_keys, keys::post_key, keys::delete_key,
        health::get_healthz, health::get_readyz, metrics::get_metrics, get_openapi,
    ),
    components(schemas(ProblemShown)),
    modifiers(&Keys, &Errors),
)]
struct Document;

/// Every operation takes a key, unless it says otherwise.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some(String::from("An API key, as POST /v1/keys answers it."));
        if let Some(components) = document.components.as_mut() {
            components.add_security_scheme("key", SecurityScheme::Http(bearer));
        }
        let scopes: [&str; 0] = [];
        document.security = Some(vec![SecurityRequirement::new("key", scopes)]);
    }
}

/// Every operation may answer a problem, and its codes are these.
struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description("A problem (RFC 9457)")
            .content(PROBLEM_JSON, problem)
            .build();
        for path in document.paths.paths.values_mut() {
            let operations: [&mut Option<Operation>; 5] = [
                &mut path.get,
                &mut path.put,
                &mut path.post,
                &mut path.delete,
                &mut path.patch,
            ];
            for operation in operations.into_iter().flatten() {
                let answers = &mut operation.responses.responses;
                answers.insert(String::from("default"), RefOr::T(response.clone()));
            }
        }
        let schemas = document.components.as_mut().map(|all| &mut all.schemas);
        for (name, schema) in schemas.into_iter().flatten() {
            if name == "Problem" || name == "FieldProblem" {
                list_codes(schema);
            }
        }
    }
}

fn list_codes(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema
        && let Some(RefOr::T(Schema::Object(code))) = object.properties.get_mut("code")
    {
        let names = Code::ALL.iter().map(|code| code.name().into());
        code.enum_values = Some(names.collect());
    }
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    // The document is made of strings and lists of our own; it always has a JSON form.
    Document::openapi().to_pretty_json().unwrap_or_default()
});

/// The OpenAPI 3.1 document of the API, as JSON.
pub fn openapi() -> &'static str {
    &TEXT
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1")))]
pub(in crate::http) async fn get_openapi(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    Ok(Reply::text(StatusCode::OK, openapi()))
}
