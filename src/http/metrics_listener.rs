//! `telemetry.metrics_listen`: `/metrics` on a listener of its own, without a key, for a network where only the watcher is.
//!
//! Invariants: it answers `GET /metrics` and nothing else; few connections at a time, each for one request and some seconds.
//! Deliberately absent: TLS and keys, which the API's own listener has.

use super::Api;
use super::api::metrics;
use crate::metrics::text::MEDIA_TYPE;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections at a time; the next one waits.
const CONNECTIONS: usize = 8;
/// From the connection to the answer's end.
const ALL_OF_IT: Duration = Duration::from_secs(10);
/// Wait after accepting failed for want of file handles.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until it is dropped.
pub async fn serve_metrics(listener: TcpListener, api: Api) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let api = api.clone();
                tokio::spawn(async move {
                    let _late = timeout(ALL_OF_IT, answer_one(stream, api)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn answer_one(stream: TcpStream, api: Api) {
    let service = service_fn(|request: Request<Incoming>| {
        let api = &api;
        async move { Ok::<_, Infallible>(answer(&request, api).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends is its client's affair.
    let _ended = served.await;
}

async fn answer(request: &Request<Incoming>, api: &Api) -> Response<Full<Bytes>> {
    let wanted = request.uri().path() == "/metrics";
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, text) = match (wanted, read) {
        (true, true) => (StatusCode::OK, metrics::written(&api.0).await),
        (true, false) => (StatusCode::METHOD_NOT_ALLOWED, String::from("GET only\n")),
        (false, _) => (
            StatusCode::NOT_FOUND,
            String::from("only /metrics is here\n"),
        ),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}
