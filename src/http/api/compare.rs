//! Whether given values of custom headers are those that an endpoint has: values are never shown, and whoever keeps
//! settings in a file must be able to tell whether there is something to change.
//!
//! Operators only, since it answers guesses.

use super::super::fields::{Fields, known};
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::endpoint_input::read_headers;
use super::endpoints::existing;
use crate::store::{Reach, StoreError};
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use tidings_core::endpoint::CustomHeaders;
use utoipa::ToSchema;

/// Values to compare.
#[derive(Debug, ToSchema)]
#[schema(as = HeadersToCompare)]
pub(in crate::http) struct Input {
    /// Names and the values that are held against the endpoint's.
    #[schema(value_type = BTreeMap<String, String>)]
    headers: CustomHeaders,
}

/// What differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DifferingHeaders)]
pub(in crate::http) struct Differing {
    /// Names, in lower case, that the endpoint has not or has with another value. All of them where its headers cannot be
    /// opened: setting them anew mends that.
    differing: Vec<String>,
}

/// Say which of these custom headers differ from the endpoint's.
#[utoipa::path(post, path = "/v1/organizations/{org}/endpoints/{ep}/headers/compare", tag = "endpoints", security(("key" = ["operator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    request_body = Input,
    responses((status = 200, description = "What differs", body = Differing)))]
pub(in crate::http) async fn compare_headers(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    let organization = call.administered()?;
    call.no_query()?;
    let endpoint = existing(&call, organization)?;
    let body = call.json()?;
    let mut fields = Fields::of(&body, known(&["headers"]))?;
    let headers = fields.required("headers", |value| read_headers(value, &call.api));
    let input = fields.finish(headers.map(|headers| Input { headers }))?;
    let store = &call.api.store;
    let there = match store.headers(Reach::One(organization), endpoint.id) {
        Ok(there) => there.unwrap_or_default(),
        // They differ from any, as they do when they are set anew.
        Err(error @ StoreError::DoesNotOpen { .. }) => {
            tracing::error!(%error, "headers were compared with what does not open");
            CustomHeaders::default()
        }
        Err(error) => return Err(error.into()),
    };
    let same = |name: &str, value: &str| {
        let mut others = there.iter();
        others
            .any(|(other, had)| other == name && bool::from(had.as_bytes().ct_eq(value.as_bytes())))
    };
    let differing = input
        .headers
        .iter()
        .filter(|(name, value)| !same(name, value));
    Reply::ok(&Differing {
        differing: differing.map(|(name, _)| name.to_owned()).collect(),
    })
}
