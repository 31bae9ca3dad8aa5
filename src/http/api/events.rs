//! Posting one event, and looking at what was posted.

use super::super::code::Code;
use super::super::head::single;
use super::super::problem::Problem;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::route::Call;
use super::deliveries::{check_range, read_reference, read_type};
use super::intake::{EventInput, KeyPlace, accept, store, type_is_gone, unknown_organization};
use super::show::time;
use super::{List, list};
use crate::store::log::{EventFilter, EventSummary};
use crate::store::queue::Accepted;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tidings_core::event::{IdempotencyKey, Publicity};
use tidings_core::id::EventId;
use tidings_core::limits::IDEMPOTENCY_KEY;
use tidings_core::time::Timestamp;
use utoipa::ToSchema;

pub(super) const IDEMPOTENCY_KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(given) = single(headers, &IDEMPOTENCY_KEY_HEADER)? else {
        return Ok(None);
    };
    let key = std::str::from_utf8(given)
        .ok()
        .and_then(IdempotencyKey::parse);
    match key {
        Some(key) => Ok(Some(key)),
        None => Err(Problem::new(
            Code::InvalidIdempotencyKey,
            format!("1 to {IDEMPOTENCY_KEY} visible ASCII characters."),
        )),
    }
}

/// What is said of a key that was used for something else.
pub(super) fn conflict(used_at: Timestamp) -> Problem {
    Problem::new(
        Code::IdempotencyConflict,
        format!("This key was used on {used_at} with other content."),
    )
}

/// The id of an accepted event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventAccepted)]
pub(in crate::http) struct AcceptedShown {
    id: String,
}

fn accepted(id: EventId) -> Reply {
    Reply::text(StatusCode::ACCEPTED, format!("{{\"id\":\"{id}\"}}"))
}

/// Post an event. It is on disk when this is answered.
#[utoipa::path(post, path = "/v1/events", tag = "events", security(("key" = ["producer"])),
    params(("idempotency-key" = Option<String>, Header, description = "Two posts with one key are one event; per organization, for 24 hours")),
    request_body = EventInput,
    responses((status = 202, description = "Stored; `Idempotent-Replayed: true` when it was before", body = AcceptedShown, headers(("idempotent-replayed" = Option<String>, description = "`true` when this key was used before"))),
        (status = 409, description = "idempotency_conflict"), (status = 429, description = "rate_limited")))]
pub(in crate::http) async fn post_event(call: Call) -> Result<Reply, Problem> {
    let began = call.api.clock.now();
    call.caller()?.may_post()?;
    call.no_query()?;
    call.api.rates.admit(1)?;
    let key = key_of(&call.head.headers)?;
    let text = Bytes::from(call.json()?);
    let event = accept(&text, KeyPlace::Header(key), &call.api)?;
    let answers = store(&call, vec![event], began).await?;
    match answers.first() {
        Some(Accepted::Stored(id)) => Ok(accepted(*id)),
        Some(Accepted::Repeated(id)) => {
            Ok(accepted(*id).with(REPLAYED, HeaderValue::from_static("true")))
        }
        Some(Accepted::Conflict { used_at }) => Err(conflict(*used_at)),
        Some(Accepted::UnknownOrganization) => Err(unknown_organization()),
        Some(Accepted::UnknownType) => Err(type_is_gone()),
        None => Err(Problem::internal(&"the store gave no answer for an event")),
    }
}

/// An event, without its data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(in crate::http) struct EventShown {
    id: String,
    organization_id: i64,
    /// The own form.
    r#type: String,
    public: bool,
    #[schema(required = true)]
    reference: Option<String>,
    /// Whether it is a test send.
    test: bool,
    accepted_at: String,
    /// When it was erased; null otherwise.
    erased_at: Option<String>,
}

fn show(event: &EventSummary) -> EventShown {
    EventShown {
        id: event.id.to_string(),
        organization_id: event.organization.get(),
        r#type: event.event_type.to_string(),
        public: event.publicity == Publicity::Public,
        reference: event
            .reference
            .as_ref()
            .map(|reference| reference.as_str().to_owned()),
        test: event.test,
        accepted_at: time(event.accepted_at),
        erased_at: event.erased_at.map(time),
    }
}

/// An event with its data and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventDetail)]
pub(in crate::http) struct EventDetailShown {
    #[serde(flatten)]
    event: EventShown,
    /// As it is sent; null once retention removed it.
    #[schema(value_type = Option<Object>, required = true)]
    data: Option<Box<RawValue>>,
    /// Deliveries within reach by state; waiting ones also by reason, as in `waiting.held`.
    deliveries: BTreeMap<String, u64>,
    /// Whether deliveries are still being made.
    expanding: bool,
}

/// Stored JSON as it is, byte for byte.
pub(super) fn raw(data: &[u8]) -> Result<Box<RawValue>, Problem> {
    serde_json::from_slice(data).map_err(|error| Problem::internal(&error))
}

/// What is said of what belongs to an event that was erased.
pub(in crate::http) fn erased(at: Timestamp) -> Problem {
    Problem::new(
        Code::EventErased,
        format!("The event was erased on {at}; lists still show that it was."),
    )
}

/// One event: its data, and its deliveries by state.
#[utoipa::path(get, path = "/v1/events/{evt}", tag = "events", security(("key" = ["viewer"])),
    params(("evt" = String, Path, description = "The event's id")),
    responses((status = 200, description = "The event", body = EventDetailShown), (status = 410, description = "event_erased")))]
pub(in crate::http) async fn get_event(call: Call) -> Result<Reply, Problem> {
    let reach = call.caller()?.reach()?;
    call.no_query()?;
    let missing = || Problem::missing(Code::NoSuchEvent, "event", call.param(0));
    let id: EventId = call.id(0, missing())?;
    let Some(found) = call.api.store.event(reach, id).await? else {
        return Err(missing());
    };
    if let Some(at) = found.summary.erased_at {
        return Err(erased(at));
    }
    let mut deliveries = BTreeMap::new();
    for (shown, count) in &found.deliveries {
        let name = match shown.reason() {
            Some(reason) => format!("{}.{reason}", shown.name()),
            None => shown.name().to_owned(),
        };
        *deliveries.entry(name).or_insert(0) += count;
    }
    Reply::ok(&EventDetailShown {
        event: show(&found.summary),
        data: found.data.as_deref().map(raw).transpose()?,
        deliveries,
        expanding: found.expanding,
    })
}

/// The parameters that choose events, but for `limit` and `cursor`.
pub(in crate::http) const FILTERS: [&str; 4] = ["type", "reference", "from", "to"];

/// Reads them.
pub(in crate::http) fn read_filter(query: &mut Query<'_>) -> EventFilter {
    let filter = EventFilter {
        wire_type: read_type(query),
        reference: read_reference(query),
        from: query.time("from"),
        to: query.time("to"),
    };
    check_range(query, filter.from, filter.to);
    filter
}

/// An organization's own events, newest first, with deliveries or without. Public events of others are not among them:
/// they are found by their deliveries.
#[utoipa::path(get, path = "/v1/organizations/{org}/events", tag = "events", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"),
        ("type" = Option<String>, Query, description = "Of this type; in its public form those of them that are public"),
        ("reference" = Option<String>, Query, description = "With this reference"),
        ("from" = Option<String>, Query, description = "Accepted then or later (RFC 3339)"),
        ("to" = Option<String>, Query, description = "Accepted before then (RFC 3339)"),
        ("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page; it may be short and still have a `next_cursor`", body = List<EventShown>)))]
pub(in crate::http) async fn list_events(call: Call) -> Result<Reply, Problem> {
    let organization = call.seen()?;
    let mut known = FILTERS.to_vec();
    known.extend(["limit", "cursor"]);
    let mut query = call.query(&known)?;
    let filter = read_filter(&mut query);
    let (request, cursors) = query.page()?;
    let page = call.api.store.events(organization, filter, request).await?;
    list(page, cursors, |event| show(&event))
}
