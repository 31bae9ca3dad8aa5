//! How times, URLs, headers and attempts are shown, and to whom how much (S17, S24).

use super::super::Shared;
use super::super::auth::Caller;
use crate::store::log::AttemptDetail;
use crate::store::queue::{Answer, Timing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::time::Duration;
use tidings_core::address::TargetUrl;
use tidings_core::id::{AttemptId, DeliveryId};
use tidings_core::request::{CONTENT_TYPE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
use tidings_core::time::Timestamp;
use utoipa::ToSchema;

/// What stands in place of a custom header's value.
const MASK: &str = "***";

/// How much an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Audience {
    /// Operators and administrators: everything but custom headers' values.
    Full,
    /// Viewers: no paths of URLs (they carry tokens), no addresses, no words of the system.
    Reduced,
}

impl Audience {
    pub const fn of(caller: &Caller) -> Self {
        if caller.sees_everything() {
            Self::Full
        } else {
            Self::Reduced
        }
    }
}

/// RFC 3339 with milliseconds.
pub(super) fn time(moment: Timestamp) -> String {
    moment.rfc3339()
}

/// A target URL, whole or as scheme and host.
pub(in crate::http) fn url(target: &TargetUrl, audience: Audience) -> String {
    match audience {
        Audience::Full => target.as_str().to_owned(),
        Audience::Reduced => format!("{}://{}/…", target.scheme().as_str(), target.authority()),
    }
}

/// Custom headers with their values masked.
pub(super) fn masked<'a>(
    headers: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = (String, &'static str)> {
    headers.map(|name| (name.to_owned(), MASK))
}

/// A header line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Header)]
pub(in crate::http) struct HeaderShown {
    pub(in crate::http) name: String,
    pub(in crate::http) value: String,
}

/// How an attempt's time was spent, in milliseconds; parts that did not happen are left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timing)]
pub(in crate::http) struct TimingShown {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) dns_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) connect_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) tls_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) first_byte_ms: Option<f64>,
    pub(in crate::http) total_ms: f64,
}

/// The answer of a receiver, as much of it as is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Answer)]
pub(in crate::http) struct AnswerShown {
    #[schema(required = true)]
    pub(in crate::http) status: Option<u16>,
    pub(in crate::http) headers: Vec<HeaderShown>,
    /// As text; what is not UTF-8 is replaced.
    pub(in crate::http) body: String,
    /// Only where the body is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body_base64: Option<String>,
    /// Bytes that were read in all.
    pub(in crate::http) body_bytes: u64,
}

/// One HTTP request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(in crate::http) struct AttemptShown {
    pub(in crate::http) id: String,
    pub(in crate::http) number: u32,
    pub(in crate::http) started_at: String,
    /// How much later than due it started.
    pub(in crate::http) lateness_ms: f64,
    pub(in crate::http) timing: TimingShown,
    /// `success`, `redirect`, `status`, or what went wrong.
    pub(in crate::http) outcome: &'static str,
    /// The answer's status, if a whole answer came.
    #[schema(required = true)]
    pub(in crate::http) status: Option<u16>,
    /// More than the outcome says; not for viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) detail: Option<String>,
    /// The address that was dialled; not for viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) peer: Option<String>,
    pub(in crate::http) url: String,
    /// As they were sent, but for the values of custom ones.
    pub(in crate::http) request_headers: Vec<HeaderShown>,
    /// The answer, if one came.
    #[schema(required = true)]
    pub(in crate::http) answer: Option<AnswerShown>,
}

fn millis(part: Duration) -> f64 {
    part.as_micros() as f64 / 1_000.0
}

fn timing(timing: &Timing) -> TimingShown {
    TimingShown {
        dns_ms: timing.dns.map(millis),
        connect_ms: timing.connect.map(millis),
        tls_ms: timing.tls.map(millis),
        first_byte_ms: timing.first_byte.map(millis),
        total_ms: millis(timing.total),
    }
}

fn header(name: &str, value: impl Into<String>) -> HeaderShown {
    HeaderShown {
        name: name.to_owned(),
        value: value.into(),
    }
}

/// The request's headers, put together again from their parts; none when nothing was sent.
fn request_headers(delivery: DeliveryId, detail: &AttemptDetail, api: &Shared) -> Vec<HeaderShown> {
    let record = &detail.record;
    if record.webhook_signature.is_empty() {
        return Vec::new();
    }
    let mut headers = vec![
        header("content-type", CONTENT_TYPE),
        header("user-agent", format!("Tidings/{}", api.version)),
        header(&api.signature_header, record.vomo_signature.as_str()),
        header(WEBHOOK_ID, delivery.to_string()),
        header(WEBHOOK_TIMESTAMP, record.timestamp.to_string()),
        header(WEBHOOK_SIGNATURE, record.webhook_signature.as_str()),
    ];
    headers.extend(detail.headers.iter().map(|name| header(name, MASK)));
    headers
}

fn answer(answer: &Answer, status: Option<u16>) -> Option<AnswerShown> {
    if status.is_none() && answer.headers.is_empty() && answer.body.is_empty() {
        return None;
    }
    let lines = String::from_utf8_lossy(&answer.headers);
    let headers = lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| header(name, value.trim()))
        .collect();
    let body_base64 = match std::str::from_utf8(&answer.body) {
        Ok(_) => None,
        Err(_) => Some(STANDARD.encode(&answer.body)),
    };
    Some(AnswerShown {
        status,
        headers,
        body: String::from_utf8_lossy(&answer.body).into_owned(),
        body_base64,
        body_bytes: answer.body_bytes,
    })
}

/// One attempt of a delivery.
pub(in crate::http) fn attempt(
    delivery: DeliveryId,
    detail: &AttemptDetail,
    api: &Shared,
    audience: Audience,
) -> AttemptShown {
    let record = &detail.record;
    let full = audience == Audience::Full;
    let id = AttemptId {
        delivery,
        number: record.number,
    };
    let target = TargetUrl::from_stored(&detail.url);
    AttemptShown {
        id: id.to_string(),
        number: record.number,
        started_at: time(record.started_at),
        lateness_ms: millis(record.lateness),
        timing: timing(&record.timing),
        outcome: record.outcome.class(),
        status: record.outcome.status(),
        detail: Some(record.detail.clone()).filter(|text| full && !text.is_empty()),
        peer: record.peer.filter(|_| full).map(|peer| peer.to_string()),
        url: target.map_or_else(|_| String::new(), |target| url(&target, audience)),
        request_headers: request_headers(delivery, detail, api),
        answer: answer(&record.answer, record.outcome.status()),
    }
}
