//! `telemetry.metrics_listen`: `/metrics` on a listener of its own, without a key, for a network where only the watcher is.
//!
//! Invariants: it answers `GET /metrics` and nothing else; few connections at a time, each for one request and some seconds.
//! Who asks is never held up by who is silent: a request has 2 s to be said, and while all places are taken the oldest
//! connection that has not said one gives way to the next.
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
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// Answers that are made at a time; the next one waits.
const ANSWERS: usize = 8;
/// From the connection to the end of the request's head.
const HEAD: Duration = Duration::from_secs(2);
/// From the connection to the answer's end.
const ALL_OF_IT: Duration = Duration::from_secs(10);
/// Wait after accepting failed for want of file handles.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until it is dropped.
pub async fn serve_metrics(listener: TcpListener, api: Api) {
    let answers = Arc::new(Semaphore::new(ANSWERS));
    let mut running = JoinSet::new();
    let mut places = Places::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while running.try_join_next().is_some() {}
                while !places.make_one() {
                    // All of them are being answered, and none longer than `ALL_OF_IT`.
                    let _ended = running.join_next().await;
                }
                let asked = Arc::new(AtomicBool::new(false));
                let (api, answers, heard) = (api.clone(), Arc::clone(&answers), Arc::clone(&asked));
                let connection = running.spawn(async move {
                    let _late =
                        timeout(ALL_OF_IT, answer_one(stream, (api, answers), &heard)).await;
                });
                places.0.push_back((connection, asked));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The connections, oldest first, and whether they have asked.
#[derive(Default)]
struct Places(VecDeque<(AbortHandle, Arc<AtomicBool>)>);

impl Places {
    /// Whether there is a place for one more, now or since the oldest silent one gave way.
    fn make_one(&mut self) -> bool {
        self.0.retain(|(connection, _)| !connection.is_finished());
        if self.0.len() < CONNECTIONS {
            return true;
        }
        let silent = |(_, asked): &(AbortHandle, Arc<AtomicBool>)| !asked.load(Ordering::Relaxed);
        let oldest = self.0.iter().position(silent);
        match oldest.and_then(|place| self.0.remove(place)) {
            Some((connection, _)) => {
                connection.abort();
                true
            }
            None => false,
        }
    }
}

async fn answer_one(stream: TcpStream, (api, answers): (Api, Arc<Semaphore>), asked: &AtomicBool) {
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let (api, answers) = (&api, &answers);
        async move {
            // The semaphore is never closed.
            let _turn = answers.acquire().await;
            Ok::<_, Infallible>(answer(&request, api).await)
        }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
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
