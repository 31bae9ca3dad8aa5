//! Test sends: the catalogue's example, once, now, and the attempt as the answer.

use super::super::Shared;
use super::super::code::Code;
use super::super::fields::{Fields, Read, Value, known, wrong};
use super::super::notices::is_ours;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::add_on_required;
use super::endpoint_input::{near_type, sentence};
use super::endpoints::{existing, no_endpoint};
use super::show::{AttemptShown, Audience, attempt};
use crate::store::directory::Endpoint;
use crate::store::log::AttemptDetail;
use crate::store::queue::{AttemptRecord, NewTest, TestStarted};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use tidings_core::event_type::WireType;
use tidings_core::id::{DeliveryId, OrganizationId};
use utoipa::ToSchema;

/// A test waits for its attempt: the deadline and what settling takes.
const TEST_WAIT: Duration = Duration::from_secs(4);

/// Reads a type that the catalogue holds for the organization, in use or not.
fn read_known_type(value: Value<'_>, api: &Shared, organization: OrganizationId) -> Read<WireType> {
    let (text, store) = (value.string()?, &*api.store);
    match WireType::parse(&text) {
        Ok(wire) => match store.event_type(&wire) {
            Some(entry) if api.notices.may_choose(&entry, organization) => Ok(wire),
            Some(_) => wrong(Code::ReservedEventType, is_ours(&wire.name)),
            None => {
                let hint = near_type(&text, store);
                wrong(
                    Code::UnknownEventType,
                    format!("`{wire}` is not in the catalogue.{hint}"),
                )
            }
        },
        Err(error) => wrong(Code::InvalidEventType, sentence(&error.to_string())),
    }
}

/// A test send.
#[derive(Debug, ToSchema)]
#[schema(as = TestInput)]
pub(in crate::http) struct TestInput {
    /// The type, in own or public form, whose example is sent.
    #[schema(value_type = String)]
    event_type: WireType,
}

/// What a test send came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestResult)]
pub(in crate::http) struct TestShown {
    delivery_id: String,
    /// Null when it has not ended yet; look at the delivery then.
    #[schema(required = true)]
    attempt: Option<AttemptShown>,
}

/// Send the type's example now, and answer with the attempt.
#[utoipa::path(post, path = "/v1/organizations/{org}/endpoints/{ep}/test", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    request_body = TestInput,
    responses((status = 200, description = "The attempt was made, whatever came of it", body = TestShown),
        (status = 202, description = "The attempt has not ended yet", body = TestShown),
        (status = 403, description = "add_on_required"), (status = 429, description = "too_many_tests")))]
pub(in crate::http) async fn test_endpoint(call: Call) -> Result<Reply, Problem> {
    let endpoint = existing(&call, call.administered()?)?;
    call.no_query()?;
    let store = &call.api.store;
    let body = call.json()?;
    let mut fields = Fields::of(&body, known(&["event_type"]))?;
    let event_type = fields.required("event_type", |value| {
        read_known_type(value, &call.api, endpoint.organization)
    });
    let input = fields.finish(event_type.map(|event_type| TestInput { event_type }))?;
    let entry = store.event_type(&input.event_type);
    let Some(example) = entry.and_then(|entry| entry.example.clone()) else {
        return Err(Problem::field(
            "/event_type",
            Code::NoExample,
            "This type has no example to send; an operator can add one.",
        ));
    };
    call.api
        .rates
        .admit_test(endpoint.organization, endpoint.id)?;
    let test = NewTest {
        organization: endpoint.organization,
        endpoint: endpoint.id,
        wire_type: input.event_type,
        data: Bytes::copy_from_slice(example.as_bytes()),
    };
    match store.test(test, call.actor()).await? {
        TestStarted::NotFound => Err(no_endpoint(&call)),
        TestStarted::AddOnRequired => Err(add_on_required()),
        TestStarted::Busy => Err(Problem::busy()),
        TestStarted::Started { delivery, done } => {
            let record = tokio::time::timeout(TEST_WAIT, done).await;
            let record = record.ok().and_then(Result::ok);
            tested(&call, &endpoint, delivery, record)
        }
    }
}

fn tested(
    call: &Call,
    endpoint: &Endpoint,
    delivery: DeliveryId,
    record: Option<AttemptRecord>,
) -> Result<Reply, Problem> {
    let audience = Audience::of(call.caller()?);
    let status = match record {
        Some(_) => StatusCode::OK,
        None => StatusCode::ACCEPTED,
    };
    let attempt = record.map(|record| {
        let detail = AttemptDetail {
            record,
            url: endpoint.url.as_str().to_owned(),
            headers: endpoint.headers.clone(),
        };
        attempt(delivery, &detail, &call.api, audience)
    });
    Reply::json(
        status,
        &TestShown {
            delivery_id: delivery.to_string(),
            attempt,
        },
    )
}
