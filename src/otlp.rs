//! A collector of OpenTelemetry's, and how something is posted to it: OTLP over HTTP, in its JSON form.
//!
//! Deliberately absent: retries. What is told is a help to look at, and the next minute brings more; a queue of old figures
//! would only be in the way of new ones.

use crate::outgoing;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are looked at.
const ANSWER: usize = 16 * 1024;

/// Where traces and metrics go.
pub struct Collector {
    /// Its address; `/v1/traces` and `/v1/metrics` are added to its path.
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

/// Who tells: this service, its version and this node.
pub fn resource(collector: &Collector) -> Json {
    json!({"attributes": [
        attribute("service.name", "tidings"),
        attribute("service.version", collector.version),
        attribute("service.instance.id", &collector.instance),
    ]})
}

/// What part of it tells: all of it.
pub fn scope(collector: &Collector) -> Json {
    json!({"name": "tidings", "version": collector.version})
}

/// An attribute of words.
pub fn attribute(key: &str, text: &str) -> Json {
    json!({"key": key, "value": {"stringValue": text}})
}

impl Collector {
    /// Posts a document to a path below the collector's own.
    ///
    /// # Errors
    /// Words for the log: nobody is there, it takes too long, or does not answer 2xx.
    pub async fn post(&self, path: &str, body: String) -> Result<(), String> {
        timeout(PATIENCE, post(self, path, body))
            .await
            .unwrap_or_else(|_| Err(String::from("no answer in time")))
    }
}

async fn post(collector: &Collector, path: &str, body: String) -> Result<(), String> {
    let url = &collector.url;
    let mut connection = outgoing::connect(url, || Ok(Arc::clone(&collector.tls))).await?;
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    let mut request = Request::post(path)
        .header("host", url.authority())
        .header("content-type", "application/json");
    for (name, value) in &collector.headers {
        request = request.header(name, value.as_str());
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let response = connection
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status();
    let _why = Limited::new(response.into_body(), ANSWER).collect().await;
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("it answered {status}")),
    }
}
