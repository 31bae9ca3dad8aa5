//! Whether the process lives, and whether it can serve.

use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use crate::store::Reach;
use serde::Serialize;
use tidings_core::id::EventId;
use utoipa::ToSchema;

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(in crate::http) struct HealthShown {
    status: &'static str,
}

const WELL: HealthShown = HealthShown { status: "ok" };

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = HealthShown)))]
pub(in crate::http) async fn get_healthz(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    Reply::ok(&WELL)
}

/// The store answers.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = HealthShown)))]
pub(in crate::http) async fn get_readyz(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    // The cheapest question that reaches the database: an id that is never given.
    let _nothing = call
        .api
        .store
        .event(Reach::All, EventId::from_raw(0))
        .await?;
    Reply::ok(&WELL)
}
