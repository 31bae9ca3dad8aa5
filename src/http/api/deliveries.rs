//! Deliveries: lists, one with all its attempts, and one more try.

use super::super::code::Code;
use super::super::fields::{Fields, known};
use super::super::problem::Problem;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::route::Call;
use super::events::erased;
use super::events::raw;
use super::show::{AttemptShown, Audience, attempt, time};
use super::{List, add_on_required, list};
use crate::store::log::{DeliveryFilter, DeliverySummary, Retried, StateFilter};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::str::FromStr;
use tidings_core::delivery::Round;
use tidings_core::event::Reference;
use tidings_core::event_type::{EventTypeError, WireType};
use tidings_core::id::DeliveryId;
use tidings_core::limits::REFERENCE;
use tidings_core::time::Timestamp;
use utoipa::ToSchema;

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(in crate::http) struct DeliveryShown {
    /// Also the `webhook-id` of every try.
    id: String,
    organization_id: i64,
    event_id: String,
    endpoint_id: String,
    /// The type on the wire.
    r#type: String,
    #[schema(required = true)]
    reference: Option<String>,
    /// `waiting`, `delivered`, `exhausted`, `cancelled`.
    state: &'static str,
    /// `due`, `in_flight`, `held`; `add_on`, `deleted`, `discarded`, `expired`, `damaged`.
    #[schema(required = true)]
    reason: Option<&'static str>,
    /// Why tries are being made: `plan`, `retry`, `replay`, `test`.
    round: &'static str,
    /// HTTP requests made so far.
    attempts: u32,
    accepted_at: String,
    /// When the next try is due, while it waits.
    #[schema(required = true)]
    due_at: Option<String>,
    /// When it came to rest.
    #[schema(required = true)]
    rested_at: Option<String>,
    /// When its event was erased; null otherwise.
    erased_at: Option<String>,
}

fn show(delivery: &DeliverySummary) -> DeliveryShown {
    DeliveryShown {
        id: delivery.id.to_string(),
        organization_id: delivery.organization.get(),
        event_id: delivery.id.event.to_string(),
        endpoint_id: delivery.id.endpoint.to_string(),
        r#type: delivery.wire_type.to_string(),
        reference: delivery
            .reference
            .as_ref()
            .map(|reference| reference.as_str().to_owned()),
        state: delivery.shown.name(),
        reason: delivery.shown.reason(),
        round: match delivery.progress.round {
            Round::Plan => "plan",
            Round::Retry(_) => "retry",
            Round::Replay(_) => "replay",
            Round::Test => "test",
        },
        attempts: delivery.progress.attempts,
        accepted_at: time(delivery.accepted_at),
        due_at: delivery.due_at.map(time),
        rested_at: delivery.rested_at.map(time),
        erased_at: delivery.erased_at.map(time),
    }
}

/// A delivery with what was sent and all its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryDetail)]
pub(in crate::http) struct DeliveryDetailShown {
    #[serde(flatten)]
    delivery: DeliveryShown,
    /// The request body as it is sent; null once retention removed it.
    #[schema(value_type = Option<Object>, required = true)]
    body: Option<Box<RawValue>>,
    /// In the order they were made.
    attempt_log: Vec<AttemptShown>,
}

fn parsed<T: FromStr>(text: &str) -> Result<T, (Code, Cow<'static, str>)>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| (Code::InvalidId, Cow::Owned(format!("{error}."))))
}

const STATES: [(&str, StateFilter); 4] = [
    ("waiting", StateFilter::Waiting),
    ("delivered", StateFilter::Delivered),
    ("exhausted", StateFilter::Exhausted),
    ("cancelled", StateFilter::Cancelled),
];

/// The parameters that choose deliveries, but for `limit` and `cursor`.
pub(in crate::http) const FILTERS: [&str; 7] = [
    "endpoint",
    "state",
    "type",
    "event",
    "reference",
    "from",
    "to",
];

/// Reads them.
pub(in crate::http) fn read_filter(query: &mut Query<'_>) -> DeliveryFilter {
    let filter = DeliveryFilter {
        endpoint: query.optional("endpoint", parsed),
        state: query.choice("state", &STATES),
        wire_type: read_type(query),
        event: query.optional("event", parsed),
        reference: read_reference(query),
        from: query.time("from"),
        to: query.time("to"),
    };
    check_range(query, filter.from, filter.to);
    filter
}

/// A type in either form, as a filter.
pub(super) fn read_type(query: &mut Query<'_>) -> Option<WireType> {
    query.optional("type", |text| {
        let refused =
            |error: EventTypeError| (Code::InvalidEventType, Cow::Owned(format!("{error}.")));
        WireType::parse(text).map_err(refused)
    })
}

/// The producer's own id, as a filter.
pub(super) fn read_reference(query: &mut Query<'_>) -> Option<Reference> {
    query.optional("reference", |text| {
        Reference::parse(text).ok_or_else(|| {
            let detail = format!("1 to {REFERENCE} visible ASCII characters.");
            (Code::InvalidReference, Cow::Owned(detail))
        })
    })
}

/// Refuses a range without anything in it.
pub(super) fn check_range(query: &mut Query<'_>, from: Option<Timestamp>, to: Option<Timestamp>) {
    if from.zip(to).is_some_and(|(from, to)| to <= from) {
        query.refuse("to", Code::InvalidRange, "`to` must be later than `from`.");
    }
}

/// Deliveries to an organization's endpoints, newest first.
#[utoipa::path(get, path = "/v1/organizations/{org}/deliveries", tag = "deliveries", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"),
        ("endpoint" = Option<String>, Query, description = "Of one endpoint"),
        ("state" = Option<String>, Query, description = "waiting, delivered, exhausted or cancelled"),
        ("type" = Option<String>, Query, description = "The type on the wire"),
        ("event" = Option<String>, Query, description = "Of one event"),
        ("reference" = Option<String>, Query, description = "Of events with this reference"),
        ("from" = Option<String>, Query, description = "Of events accepted then or later (RFC 3339)"),
        ("to" = Option<String>, Query, description = "Of events accepted before then (RFC 3339)"),
        ("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page; it may be short and still have a `next_cursor`", body = List<DeliveryShown>)))]
pub(in crate::http) async fn list_deliveries(call: Call) -> Result<Reply, Problem> {
    let organization = call.seen()?;
    let mut known = FILTERS.to_vec();
    known.extend(["limit", "cursor"]);
    let mut query = call.query(&known)?;
    let filter = read_filter(&mut query);
    let (request, cursors) = query.page()?;
    let page = call
        .api
        .store
        .deliveries(organization, filter, request)
        .await?;
    list(page, cursors, |delivery| show(&delivery))
}

fn no_delivery(call: &Call) -> Problem {
    Problem::missing(Code::NoSuchDelivery, "delivery", call.param(0))
}

/// One delivery with every attempt.
#[utoipa::path(get, path = "/v1/deliveries/{dlv}", tag = "deliveries", security(("key" = ["viewer"])),
    params(("dlv" = String, Path, description = "The delivery's id")),
    responses((status = 200, description = "The delivery", body = DeliveryDetailShown), (status = 410, description = "event_erased")))]
pub(in crate::http) async fn get_delivery(call: Call) -> Result<Reply, Problem> {
    let caller = call.caller()?;
    let reach = caller.reach()?;
    call.no_query()?;
    let id: DeliveryId = call.id(0, no_delivery(&call))?;
    let Some(found) = call.api.store.delivery(reach, id).await? else {
        return Err(no_delivery(&call));
    };
    if let Some(at) = found.summary.erased_at {
        return Err(erased(at));
    }
    let audience = Audience::of(caller);
    let attempts = found.attempts.iter();
    Reply::ok(&DeliveryDetailShown {
        delivery: show(&found.summary),
        body: found.body.as_deref().map(raw).transpose()?,
        attempt_log: attempts
            .map(|detail| attempt(id, detail, &call.api, audience))
            .collect(),
    })
}

/// That a delivery is due again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetryAccepted)]
pub(in crate::http) struct RetryShown {
    id: String,
    state: &'static str,
    reason: &'static str,
}

/// One more try now, with the same id.
#[utoipa::path(post, path = "/v1/deliveries/{dlv}/retry", tag = "deliveries", security(("key" = ["administrator"])),
    params(("dlv" = String, Path, description = "The delivery's id")),
    responses((status = 202, description = "It is due now", body = RetryShown), (status = 403, description = "add_on_required"),
        (status = 409, description = "in_flight, endpoint_off, endpoint_deleted, test_not_repeated"), (status = 410, description = "body_expired, event_erased")))]
pub(in crate::http) async fn retry_delivery(call: Call) -> Result<Reply, Problem> {
    let reach = call.caller()?.reach_to_change()?;
    call.no_query()?;
    let id: DeliveryId = call.id(0, no_delivery(&call))?;
    Fields::of(&call.json_or_nothing()?, known(&[]))?.finish(Some(()))?;
    let refused = |code, detail: &'static str| Err(Problem::new(code, detail));
    match call.api.store.retry(reach, id, call.actor()).await? {
        Retried::Due => Reply::json(
            StatusCode::ACCEPTED,
            &RetryShown {
                id: id.to_string(),
                state: "waiting",
                reason: "due",
            },
        ),
        Retried::NotFound => Err(no_delivery(&call)),
        Retried::InFlight => refused(Code::InFlight, "A try is being made now; wait for its end."),
        Retried::EndpointOff => refused(
            Code::EndpointOff,
            "The endpoint or its organization is switched off; switch it on first.",
        ),
        Retried::EndpointDeleted => refused(Code::EndpointDeleted, "The endpoint was deleted."),
        Retried::AddOnRequired => Err(add_on_required()),
        Retried::Erased => refused(
            Code::EventErased,
            "The event was erased; there is nothing to send.",
        ),
        Retried::BodyGone => refused(Code::BodyExpired, "The body was removed by retention."),
        Retried::Test => refused(
            Code::TestNotRepeated,
            "A test is sent anew: POST …/endpoints/{ep}/test.",
        ),
    }
}
