//! The handlers, one file for one kind of thing. Each reads what was sent, asks the store, and shows what is.

pub(super) mod audit;
pub(super) mod batch;
pub(super) mod compare;
pub(super) mod deliveries;
mod endpoint_input;
pub(super) mod endpoints;
pub(super) mod erasures;
pub(super) mod event_types;
pub(super) mod events;
pub(super) mod health;
pub(super) mod intake;
pub(super) mod keys;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod organizations;
pub(super) mod portal_links;
pub(super) mod replays;
pub(super) mod secrets;
pub(super) mod show;
pub(super) mod stats;
pub(super) mod test_send;

use super::code::Code;
use super::problem::Problem;
use super::query::CursorText;
use super::reply::Reply;
use crate::store::directory::{Changed, Page};
use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list, newest first unless said otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    data: Vec<T>,
    /// Where the next page starts; null at the end.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A page as an answer.
fn list<T, S: Serialize>(
    page: Page<T>,
    cursors: CursorText,
    show: impl Fn(T) -> S,
) -> Result<Reply, Problem> {
    let next_cursor = cursors.write(page.next.as_ref());
    Reply::ok(&List {
        data: page.items.into_iter().map(show).collect(),
        next_cursor,
    })
}

/// What a change came to; `missing` is said of what is not there.
fn done<T>(changed: Changed<T>, missing: impl FnOnce() -> Problem) -> Result<T, Problem> {
    match changed {
        Changed::Done(now) => Ok(now),
        Changed::NotFound => Err(missing()),
        Changed::AddOnRequired => Err(add_on_required()),
    }
}

/// W1: which add-on is missing.
fn add_on_required() -> Problem {
    Problem::new(
        Code::AddOnRequired,
        "Webhooks are part of the add-ons CRM Integrations and API Access; this organization has neither.",
    )
}
