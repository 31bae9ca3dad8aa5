//! Sends spans to a collector: OTLP over HTTP, in its JSON form.
//!
//! Invariants: what waits is bounded by the queue, what is sent at once by a batch; a collector that is away or slow costs
//! the spans of that time and a warning a minute, never anything else. Those of the last moment before a stop may be lost.

use super::{Span, Value};
use crate::clock::{Clock, Monotonic};
use crate::metrics::COUNTS;
use crate::otlp::{Collector, attribute, resource, scope};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Spans in one request.
const BATCH: usize = 512;
/// How long the first of them waits for company.
const MOMENT: Duration = Duration::from_secs(2);
/// Between two warnings.
const SELDOM: Duration = Duration::from_secs(60);
/// Sends what comes until nothing more can come.
pub async fn run(collector: Arc<Collector>, mut spans: mpsc::Receiver<Span>, clock: Clock) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut warned: Option<Monotonic> = None;
    while let Some(first) = spans.recv().await {
        batch.push(first);
        let company = async {
            while batch.len() < BATCH
                && let Some(span) = spans.recv().await
            {
                batch.push(span);
            }
        };
        let _moment_over = timeout(MOMENT, company).await;
        let body = document(&collector, &batch).to_string();
        if let Err(problem) = collector.post("/v1/traces", body).await {
            COUNTS.spans_dropped.add(batch.len() as u64);
            let now = clock.monotonic();
            let long_ago = |at| u128::from(now.micros_since(at)) >= SELDOM.as_micros();
            if warned.is_none_or(long_ago) {
                warned = Some(now);
                let collector = collector.url.host_str().unwrap_or_default();
                tracing::warn!(collector, problem, "spans were dropped");
            }
        }
        batch.clear();
    }
}

fn document(collector: &Collector, spans: &[Span]) -> Json {
    json!({"resourceSpans": [{
        "resource": resource(collector),
        "scopeSpans": [{"scope": scope(collector), "spans": spans.iter().map(shown).collect::<Vec<_>>()}],
    }]})
}

fn shown(span: &Span) -> Json {
    let nanos = |moment: tidings_core::time::Timestamp| format!("{}000", moment.as_micros());
    let attributes: Vec<Json> = span
        .attributes
        .iter()
        .map(|(key, value)| match value {
            Value::Text(text) => attribute(key, text),
            // 64-bit numbers are strings in protobuf's JSON.
            Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
        })
        .collect();
    let status = match &span.failed {
        Some(why) => json!({"code": 2, "message": why}),
        None => json!({}),
    };
    let (began, ended) = span.time;
    let mut shown = json!({
        "traceId": span.trace.to_string(),
        "spanId": span.id.to_string(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(ended.max(began)),
        "attributes": attributes,
        "status": status,
    });
    if let (Some(parent), Some(object)) = (span.parent, shown.as_object_mut()) {
        object.insert(String::from("parentSpanId"), json!(parent.to_string()));
    }
    shown
}
