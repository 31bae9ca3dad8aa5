//! A receiver for `listen` and the demo: verifies what arrives, tells who watches, answers as it is told.
//!
//! It verifies as a customer would: both signatures over the bytes as received, before anything is parsed.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tidings_core::signature::{self, Delivered};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The largest body it takes.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// How far a timestamp may be from this machine's clock, in seconds.
pub const TOLERANCE: u32 = 300;

/// How it answers one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// With this status, after this time.
    Answer(u16, Duration),
    /// Never.
    Hang,
}

/// What the signatures of a request say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signatures {
    /// Both are right.
    Valid,
    /// The secret is not known here.
    Unchecked,
    /// What is wrong.
    Wrong(String),
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The path it came to.
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    /// `type` of the body.
    pub event_type: String,
    /// What the signatures say.
    pub signatures: Signatures,
    /// How it was answered.
    pub reaction: Reaction,
    /// The body, as received.
    pub body: Bytes,
    /// The header, as received.
    pub headers: HeaderMap,
}

/// What a receiver does with each request.
pub trait Behaviour: Send + Sync + 'static {
    /// The secrets that requests to `path` may be signed with; `None` when unknown.
    fn secret(&self, path: &str) -> Option<Vec<u8>>;
    /// How to answer.
    fn react(&self, path: &str, id: &str) -> Reaction;
    /// The instance's name of the signature header.
    fn signature_header(&self) -> &str;
    /// Seconds since the epoch.
    fn now_seconds(&self) -> i64;
}

/// Serves until the process ends; each request is told to `arrivals`.
pub async fn serve(
    listener: TcpListener,
    behaviour: Arc<impl Behaviour>,
    arrivals: mpsc::Sender<Arrival>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (behaviour, arrivals) = (Arc::clone(&behaviour), arrivals.clone());
        tokio::spawn(async move {
            let service =
                service_fn(|request| answer(request, Arc::clone(&behaviour), arrivals.clone()));
            let _client_gone = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    behaviour: Arc<impl Behaviour>,
    arrivals: mpsc::Sender<Arrival>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES).collect().await?.to_bytes();
    let path = head.uri.path().to_owned();
    let id = header(&head.headers, "webhook-id").to_owned();
    let signatures = match behaviour.secret(&path) {
        None => Signatures::Unchecked,
        Some(secret) => check(&secret, &head.headers, &body, behaviour.as_ref()),
    };
    let reaction = behaviour.react(&path, &id);
    let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let event_type = parsed
        .get("type")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("?")
        .to_owned();
    let _nobody_watches = arrivals
        .send(Arrival {
            path,
            id,
            event_type,
            signatures,
            reaction,
            body,
            headers: head.headers,
        })
        .await;
    match reaction {
        Reaction::Hang => std::future::pending().await,
        Reaction::Answer(status, delay) => {
            tokio::time::sleep(delay).await;
            Ok(Response::builder()
                .status(status)
                .body(Full::new(Bytes::from_static(b"ok\n")))?)
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn check(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    behaviour: &impl Behaviour,
) -> Signatures {
    let name = behaviour.signature_header();
    if let Err(error) = signature::verify_vomo(secret, body, header(headers, name)) {
        return Signatures::Wrong(format!("{name}: {error}"));
    }
    let delivered = Delivered {
        id: header(headers, "webhook-id"),
        timestamp: header(headers, "webhook-timestamp"),
        signature: header(headers, "webhook-signature"),
        body,
    };
    match signature::verify_standard(secret, &delivered, behaviour.now_seconds(), TOLERANCE) {
        Ok(()) => Signatures::Valid,
        Err(error) => Signatures::Wrong(format!("webhook-signature: {error}")),
    }
}
