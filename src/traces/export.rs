//! Sends spans to a collector: OTLP over HTTP, in its JSON form.
//!
//! Invariants: what waits is bounded by the queue, what is sent at once by [`BATCH`]; a collector that is away or slow costs
//! the spans of that time and a warning a minute, never anything else. The last spans are sent when the server stops, within
//! [`PATIENCE`].

use super::{Span, Value};
use crate::clock::{Clock, Monotonic};
use crate::metrics::COUNTS;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Spans in one request.
const BATCH: usize = 512;
/// How long the first of them waits for company.
const MOMENT: Duration = Duration::from_secs(2);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two warnings.
const SELDOM: Duration = Duration::from_secs(60);
/// Bytes of an answer that are looked at.
const ANSWER: usize = 16 * 1024;

/// Where spans go.
pub struct Collector {
    /// Its address; `/v1/traces` is added to its path.
    pub url: url::Url,
    /// Further headers, such as a key.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// This program's version.
    pub version: &'static str,
    /// This node.
    pub instance: String,
    /// Authorities for its TLS.
    pub tls: Arc<rustls::ClientConfig>,
}

/// Sends what comes until nothing more can come.
pub async fn run(collector: Collector, mut spans: mpsc::Receiver<Span>, clock: Clock) {
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
        let sent = timeout(PATIENCE, post(&collector, body)).await;
        let sent = sent.unwrap_or_else(|_| Err(String::from("no answer in time")));
        if let Err(problem) = sent {
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
    let scope = json!({"name": "tidings", "version": collector.version});
    let resource = [
        ("service.name", "tidings"),
        ("service.version", collector.version),
        ("service.instance.id", &collector.instance),
    ];
    let resource = resource.map(|(key, text)| attribute(key, &Value::Text(text.to_owned())));
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": scope, "spans": spans.iter().map(shown).collect::<Vec<_>>()}],
    }]})
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({"stringValue": text}),
        // 64-bit numbers are strings in protobuf's JSON.
        Value::Number(number) => json!({"intValue": number.to_string()}),
    };
    json!({"key": key, "value": value})
}

fn shown(span: &Span) -> Json {
    let nanos = |moment: tidings_core::time::Timestamp| format!("{}000", moment.as_micros());
    let attributes: Vec<Json> = span
        .attributes
        .iter()
        .map(|(key, value)| attribute(key, value))
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

async fn post(collector: &Collector, body: String) -> Result<(), String> {
    let url = &collector.url;
    let host = url.host_str().ok_or("no host")?;
    let port = url.port_or_known_default().ok_or("no port")?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|error| error.to_string())?;
    if url.scheme() == "http" {
        return exchange(collector, body, stream).await;
    }
    let name = rustls::pki_types::ServerName::try_from(host.to_owned())
        .map_err(|error| error.to_string())?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&collector.tls));
    let stream = connector
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    exchange(collector, body, stream).await
}

async fn exchange(
    collector: &Collector,
    body: String,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<(), String> {
    let said = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
    let url = &collector.url;
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    let mut request = Request::post(path)
        .header("host", url.authority())
        .header("content-type", "application/json");
    for (name, value) in &collector.headers {
        request = request.header(name, value.as_str());
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(said)?;
    let status = response.status();
    let limited = http_body_util::Limited::new(response.into_body(), ANSWER);
    let _why = limited.collect().await;
    connection.abort();
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("it answered {status}")),
    }
}
