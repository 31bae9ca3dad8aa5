//! Endpoints: making, changing, looking at, deleting. Their secrets are in [`super::secrets`], tests in [`super::test_send`].

use super::super::auth::{Caller, no_organization};
use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::endpoint_input::{Input, PatchInput, read, read_patch, switch_change};
use super::show::{Audience, masked, time, url};
use super::{List, add_on_required, done, list};
use crate::store::Reach;
use crate::store::directory::{CreateEndpoint, Endpoint, EndpointPatch, NewEndpoint, Sending};
use http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_core::event_type::WireType;
use tidings_core::id::OrganizationId;
use tidings_core::limits::ENDPOINTS_PER_ORGANIZATION;
use tidings_core::organization::Switch;
use utoipa::ToSchema;

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(in crate::http) struct EndpointShown {
    id: String,
    organization_id: i64,
    /// Viewers see scheme and host only.
    url: String,
    description: String,
    event_types: Vec<String>,
    /// The endpoint's own switch.
    enabled: bool,
    /// `active`, `off` (its switch or its organization's), or `suspended` (no add-on).
    status: &'static str,
    /// Custom headers; values are never shown.
    headers: BTreeMap<String, &'static str>,
    created_at: String,
    updated_at: String,
    /// Only at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

fn show(endpoint: &Endpoint, sending: Option<Sending>, caller: &Caller) -> EndpointShown {
    EndpointShown {
        id: endpoint.id.to_string(),
        organization_id: endpoint.organization.get(),
        url: url(&endpoint.url, Audience::of(caller)),
        description: endpoint.description.to_string(),
        event_types: endpoint
            .event_types
            .iter()
            .map(WireType::to_string)
            .collect(),
        enabled: endpoint.switch.is_on(),
        status: match sending {
            Some(Sending::Open) => "active",
            Some(Sending::Off) | None => "off",
            Some(Sending::Suspended) => "suspended",
        },
        headers: masked(endpoint.headers.iter()).collect(),
        created_at: time(endpoint.created_at),
        updated_at: time(endpoint.updated_at),
        secret: None,
    }
}

/// What is said of an endpoint that does not exist or is another organization's.
pub(super) fn no_endpoint(call: &Call) -> Problem {
    Problem::missing(Code::NoSuchEndpoint, "endpoint", call.param(1))
}

/// Make an endpoint. Its secret is in this answer only.
#[utoipa::path(post, path = "/v1/organizations/{org}/endpoints", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number")),
    request_body = Input,
    responses((status = 201, description = "Made", body = EndpointShown),
        (status = 403, description = "add_on_required"), (status = 409, description = "limit_reached")))]
pub(in crate::http) async fn post_endpoint(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let input = read(&call.json()?, (&call.api, organization))?;
    let caller = call.caller()?;
    if input.secret.is_some() && !caller.is_operator() {
        return Err(Problem::new(
            Code::MissingScope,
            "Only operators may import a secret; leave `secret` out and one is made.",
        ));
    }
    let secret = match input.secret {
        Some(secret) => secret,
        None => super::secrets::fresh()?,
    };
    let shown = super::secrets::text(&secret);
    let new = NewEndpoint {
        url: input.url,
        description: input.description.unwrap_or_default(),
        event_types: input.event_types,
        switch: Switch::from_bool(input.enabled.unwrap_or(true)),
        headers: input.headers.unwrap_or_default(),
        secret,
    };
    let store = &call.api.store;
    match store
        .create_endpoint(organization, new, call.actor())
        .await?
    {
        CreateEndpoint::Created(endpoint) => {
            let mut made = show(&endpoint, store.sending(endpoint.id), caller);
            made.secret = Some(shown);
            Reply::json(StatusCode::CREATED, &made)
        }
        CreateEndpoint::NoOrganization => Err(no_organization(call.param(0))),
        CreateEndpoint::AddOnRequired => Err(add_on_required()),
        CreateEndpoint::LimitReached => Err(Problem::new(
            Code::LimitReached,
            format!("This organization has {ENDPOINTS_PER_ORGANIZATION} endpoints, its limit."),
        )),
    }
}

/// The endpoint in the path, which is the organization's.
pub(super) fn existing(
    call: &Call,
    organization: OrganizationId,
) -> Result<Arc<Endpoint>, Problem> {
    let id = call.endpoint()?;
    call.api
        .store
        .endpoint(Reach::One(organization), id)
        .ok_or_else(|| no_endpoint(call))
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/organizations/{org}/endpoints/{ep}", tag = "endpoints", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint", body = EndpointShown)))]
pub(in crate::http) async fn get_endpoint(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    let endpoint = existing(&call, call.seen()?)?;
    let sending = call.api.store.sending(endpoint.id);
    Reply::ok(&show(&endpoint, sending, call.caller()?))
}

/// An organization's endpoints, newest first.
#[utoipa::path(get, path = "/v1/organizations/{org}/endpoints", tag = "endpoints", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"),
        ("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page", body = List<EndpointShown>)))]
pub(in crate::http) async fn list_endpoints(call: Call) -> Result<Reply, Problem> {
    let organization = call.seen()?;
    let (request, cursors) = call.query(&["limit", "cursor"])?.page()?;
    let caller = call.caller()?;
    let store = &call.api.store;
    list(
        store.endpoints(organization, &request),
        cursors,
        |endpoint| show(&endpoint, store.sending(endpoint.id), caller),
    )
}

/// Change an endpoint; what is left out stays.
#[utoipa::path(patch, path = "/v1/organizations/{org}/endpoints/{ep}", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    request_body = PatchInput,
    responses((status = 200, description = "As it is now", body = EndpointShown), (status = 403, description = "add_on_required"), (status = 409, description = "does_not_open")))]
pub(in crate::http) async fn patch_endpoint(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let id = call.endpoint()?;
    let input = read_patch(&call.json()?, (&call.api, organization))?;
    let switch = input
        .enabled
        .map(|enabled| switch_change(enabled, input.held));
    let patch = EndpointPatch {
        url: input.url,
        description: input.description,
        event_types: input.event_types,
        switch,
        headers: input.headers,
    };
    let store = &call.api.store;
    let changed = store
        .patch_endpoint(organization, id, patch, call.actor())
        .await?;
    let endpoint = done(changed, || no_endpoint(&call))?;
    Reply::ok(&show(&endpoint, store.sending(id), call.caller()?))
}

/// Delete an endpoint; what waits is cancelled, history stays.
#[utoipa::path(delete, path = "/v1/organizations/{org}/endpoints/{ep}", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    responses((status = 204, description = "Deleted")))]
pub(in crate::http) async fn delete_endpoint(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let id = call.endpoint()?;
    let changed = call
        .api
        .store
        .delete_endpoint(organization, id, call.actor())
        .await?;
    done(changed, || no_endpoint(&call))?;
    Ok(Reply::done())
}
