//! Posting many events at once: each accepted or refused on its own, all in one commit.
//!
//! The body is not checked as a whole. Its items are found by a scan that trusts nothing, each is checked by
//! itself with the limits of one event, and what is left when they are taken out is checked as well: so one
//! item that is refused (too deep, a key twice) leaves the others be, while text that is no JSON fails all.

use super::super::Shared;
use super::super::code::Code;
use super::super::fields::{Fields, Value, known};
use super::super::problem::{Problem, ProblemShown};
use super::super::reply::Reply;
use super::super::route::Call;
use super::events::{IDEMPOTENCY_KEY_HEADER, conflict};
use super::intake::{EventInput, KeyPlace, accept, store, type_is_gone, unknown_organization};
use crate::store::queue::{Accept, Accepted};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use std::ops::Range;
use tidings_core::json::{self, Kind, Limits};
use tidings_core::limits::{BATCH_EVENTS, EVENT_BYTES, JSON_DEPTH};
use utoipa::ToSchema;

/// Events to post.
#[derive(Debug, ToSchema)]
#[schema(as = BatchInput)]
#[expect(dead_code, reason = "it documents; the items are read one by one")]
pub(in crate::http) struct BatchInput {
    /// At most 1,000.
    #[schema(max_items = 1000)]
    events: Vec<EventInput>,
}

/// What became of each event, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchResults)]
pub(in crate::http) struct ResultsShown {
    results: Vec<ResultShown>,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchResult)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum ResultShown {
    /// It is stored under this id.
    Id(String),
    /// It is refused.
    Error(ProblemShown),
}

/// Post up to 1,000 events. What is accepted is on disk when this is answered.
#[utoipa::path(post, path = "/v1/events/batch", tag = "events", security(("key" = ["producer"])),
    request_body = BatchInput,
    responses((status = 202, description = "Each was accepted or refused on its own", body = ResultsShown),
        (status = 400, description = "invalid_idempotency_key"), (status = 429, description = "rate_limited")))]
pub(in crate::http) async fn post_events(call: Call) -> Result<Reply, Problem> {
    let began = call.api.clock.now();
    call.caller()?.may_post()?;
    call.no_query()?;
    if call.head.headers.contains_key(IDEMPOTENCY_KEY_HEADER) {
        return Err(Problem::new(
            Code::InvalidIdempotencyKey,
            "A batch has no key of its own: give each event its `idempotency_key`.",
        ));
    }
    let items = items(&call.body)?;
    call.api.rates.admit(items.len())?;
    let mut read: Vec<Result<(), Problem>> = Vec::with_capacity(items.len());
    let mut events: Vec<Accept> = Vec::with_capacity(items.len());
    for span in items {
        let text = call.body.get(span).unwrap_or_default();
        read.push(item(text, &call)?.map(|event| events.push(event)));
    }
    let stored = match events.is_empty() {
        true => Vec::new(),
        false => store(&call, events, began).await?,
    };
    let mut stored = stored.into_iter();
    let results = read
        .into_iter()
        .map(|read| match read {
            Ok(()) => result(stored.next()),
            Err(problem) => ResultShown::Error(problem.shown(None)),
        })
        .collect();
    Reply::json(StatusCode::ACCEPTED, &ResultsShown { results })
}

fn result(accepted: Option<Accepted>) -> ResultShown {
    let problem = match accepted {
        Some(Accepted::Stored(id) | Accepted::Repeated(id)) => {
            return ResultShown::Id(id.to_string());
        }
        Some(Accepted::Conflict { used_at }) => conflict(used_at),
        Some(Accepted::UnknownOrganization) => unknown_organization(),
        Some(Accepted::UnknownType) => type_is_gone(),
        None => Problem::internal(&"the store gave no answer for an event"),
    };
    ResultShown::Error(problem.shown(None))
}

/// Where the items stand in the body.
fn items(body: &[u8]) -> Result<Vec<Range<usize>>, Problem> {
    let events = json::members(body)
        .into_iter()
        .find(|member| member.key == "events" && member.kind == Kind::Array);
    let spans: Vec<Range<usize>> = match &events {
        Some(member) => {
            let list = body.get(member.span.clone()).unwrap_or_default();
            let at = member.span.start;
            let found = json::first_elements(list, BATCH_EVENTS + 1).into_iter();
            found.map(|span| span.start + at..span.end + at).collect()
        }
        None => Vec::new(),
    };
    if spans.len() > BATCH_EVENTS {
        return Err(Problem::field(
            "/events",
            Code::BatchTooLarge,
            format!("At most {BATCH_EVENTS} events in a batch: send the rest in another."),
        ));
    }
    check_frame(body, &spans)?;
    Ok(spans)
}

/// The body with `0` in place of each item is a JSON object with `events`, an array, and nothing else.
fn check_frame(body: &[u8], spans: &[Range<usize>]) -> Result<(), Problem> {
    let mut frame = Vec::new();
    let mut at = 0;
    for span in spans {
        frame.extend_from_slice(body.get(at..span.start).unwrap_or_default());
        frame.push(b'0');
        at = span.end;
    }
    frame.extend_from_slice(body.get(at..).unwrap_or_default());
    // The wrong place in the frame is another in the body: the body itself is asked where it breaks.
    let frame = json::compact(&frame, Limits::default()).or_else(|in_frame| {
        json::compact(body, WHOLE)
            .and(Err(in_frame))
            .map_err(Problem::from)
    })?;
    let mut fields = Fields::of(&frame, known(&["events"]))?;
    let count = fields.required("events", |value: Value<'_>| {
        value.list(usize::MAX, |_| Ok(()))
    });
    fields.finish(count).map(drop)
}

/// The body as a whole: its items stand two levels deep; how many values they hold is their own affair.
const WHOLE: Limits = Limits {
    depth: JSON_DEPTH + 2,
    values: usize::MAX,
};

/// One item: an event, or why it is refused. The outer error is text that is no JSON at all.
fn item(text: &[u8], call: &Call) -> Result<Result<Accept, Problem>, Problem> {
    let api: &Shared = &call.api;
    if text.len() > EVENT_BYTES {
        return Ok(Err(Problem::new(
            Code::EventTooLarge,
            format!(
                "An event is at most {EVENT_BYTES} bytes (got {}).",
                text.len()
            ),
        )));
    }
    match json::compact(text, Limits::default()) {
        Ok(compact) => Ok(accept(&Bytes::from(compact), KeyPlace::Field, api)),
        Err(error) if error.kind.is_unreadable() => json::compact(&call.body, WHOLE)
            .and(Err(error))
            .map_err(Problem::from),
        Err(error) => Ok(Err(error.into())),
    }
}
