//! Erasing an event, and how an erasure stands. Operators only: what is erased does not come back, and a producer's key lies
//! in every program that posts.

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::show::time;
use crate::store::erasure::Erasure;
use http::StatusCode;
use serde::Serialize;
use tidings_core::id::{ErasureId, EventId};
use utoipa::ToSchema;

/// An erasure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(in crate::http) struct ErasureShown {
    id: String,
    /// Whose it is.
    organization_id: i64,
    /// The event; null when everything of the organization goes.
    event_id: Option<String>,
    /// `running` or `done`.
    state: &'static str,
    /// Rows that are gone so far.
    removed: u64,
    created_at: String,
    /// When the last of it was gone.
    ended_at: Option<String>,
}

fn show(erasure: &Erasure) -> ErasureShown {
    ErasureShown {
        id: erasure.id.to_string(),
        organization_id: erasure.organization.get(),
        event_id: erasure.event.map(|event| event.to_string()),
        state: match erasure.ended_at {
            Some(_) => "done",
            None => "running",
        },
        removed: erasure.removed,
        created_at: time(erasure.created_at),
        ended_at: erasure.ended_at.map(time),
    }
}

/// That an erasure was begun; `missing` is said of what is not there.
pub(super) fn begun(
    erasure: Option<Erasure>,
    missing: impl FnOnce() -> Problem,
) -> Result<Reply, Problem> {
    match erasure {
        Some(erasure) => Reply::json(StatusCode::ACCEPTED, &show(&erasure)),
        None => Err(missing()),
    }
}

/// Erase an event: its body at once, then what its deliveries kept. What waits is cancelled; what is in flight finishes.
#[utoipa::path(delete, path = "/v1/events/{evt}", tag = "erasures", security(("key" = ["operator"])),
    params(("evt" = String, Path, description = "The event's id")),
    responses((status = 202, description = "Its body is gone; the rest goes as soon as nothing of it is in flight. Asked again, how that stands", body = ErasureShown)))]
pub(in crate::http) async fn erase_event(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    call.no_query()?;
    let missing = || Problem::missing(Code::NoSuchEvent, "event", call.param(0));
    let id: EventId = call.id(0, missing())?;
    let erasure = call.api.store.erase_event(id, call.actor()).await?;
    begun(erasure, missing)
}

/// How an erasure stands.
#[utoipa::path(get, path = "/v1/erasures/{ers}", tag = "erasures", security(("key" = ["operator"])),
    params(("ers" = String, Path, description = "The erasure's id")),
    responses((status = 200, description = "The erasure", body = ErasureShown)))]
pub(in crate::http) async fn get_erasure(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    call.no_query()?;
    let missing = || Problem::missing(Code::NoSuchErasure, "erasure", call.param(0));
    let id: ErasureId = call.id(0, missing())?;
    match call.api.store.erasure(id).await? {
        Some(erasure) => Reply::ok(&show(&erasure)),
        None => Err(missing()),
    }
}
