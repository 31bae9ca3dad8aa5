//! The accept loop: who may connect, how many, how long they may take, and how it ends.
//!
//! Invariants: no more connections than the limits say, in all and per address ([`super::door`]; one more may wait for its
//! place); none outlives its phase's deadline ([`super::connection`]), and one that has lasted its time ends with an answer, never within one; when told to stop, nothing new is accepted, requests in flight are
//! answered, idle connections are closed.

use super::Api;
use super::certificates::Certificates;
use super::connection::{PhaseLimits, Watch, Watched};
use super::door::{Door, Guest};
use super::framing::Unclear;
use crate::clock::Clock;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Header fields that hyper parses; more than the API takes, so that the API can say which limit was passed.
const PARSED_HEADERS: usize = 200;
/// Bytes of a head that hyper parses; more than the API takes, for the same reason.
const PARSED_BYTES: usize = 64 * 1024;
/// Wait after accepting failed for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// So many connections are accepted in one go: then those that are in have their turn, and sockets are looked at.
const AT_ONCE: usize = 4;

/// How many connections there may be, and how long each phase of one may last.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// From one address, without a valid key so far. This machine's own addresses and trusted proxies speak for many and
    /// have no such limit.
    pub per_address: usize,
    /// How long requests in flight may take after the server was told to stop.
    pub drain: Duration,
    /// How long each phase may last.
    pub phases: PhaseLimits,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 4_096,
            per_address: 256,
            drain: Duration::from_secs(20),
            phases: PhaseLimits::default(),
        }
    }
}

/// Serves `api` on `listener`, over TLS with certificates and in clear without, until `shutdown` is done; then answers
/// what is in flight and returns.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    limits: ConnectionLimits,
    certificates: Option<Certificates>,
    shutdown: impl Future<Output = ()>,
) {
    let clock = Clock::system();
    let door = Door::new(limits.total, limits.per_address, clock.clone());
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    let mut in_a_row = 0;
    loop {
        if in_a_row == AT_ONCE {
            in_a_row = 0;
            tokio::task::yield_now().await;
        }
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener) => accepted,
        };
        in_a_row += 1;
        let speaks_for_many = peer.is_loopback() || api.trusts(peer);
        let admitted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            admitted = door.admit(peer, speaks_for_many) => admitted,
        };
        let Some(guest) = admitted else {
            continue;
        };
        let number = guest.number();
        let watch = Watch::new(clock.clone(), limits.phases);
        let (api, stopping) = (api.clone(), stopping.clone());
        let secure = certificates.as_ref().map(Certificates::acceptor);
        let guest = Arc::new(guest);
        let cut = connections.spawn(connection((stream, secure), guest, (api, watch), stopping));
        door.may_cut(number, cut);
    }
    drop((listener, stop));
    api.stop_streams();
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!("connections were cut: they did not end in time");
    }
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    (stream, secure): (TcpStream, Option<TlsAcceptor>),
    guest: Arc<Guest>,
    (api, watch): (Api, Arc<Watch>),
    mut stopping: watch::Receiver<()>,
) {
    guest.begins();
    // An answer is one write; waiting for more would only hold it back.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(acceptor) = secure else {
        // Who never says a word needs none of what listening takes. A look, since tokio takes a new stream for readable.
        let mut first = [0];
        tokio::select! {
            biased;
            _said = stream.peek(&mut first) => {}
            () = watch.expired() => return,
            _told = stopping.changed() => return,
        }
        return speak(stream, guest, (api, watch), stopping).await;
    };
    // The handshake has the time of the first byte.
    let shaken = tokio::select! {
        shaken = Box::pin(acceptor.accept(stream)) => shaken,
        () = watch.expired() => return,
    };
    if let Ok(stream) = shaken {
        watch.opened();
        Box::pin(speak(stream, guest, (api, watch), stopping)).await;
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    guest: Arc<Guest>,
    (api, watch): (Api, Arc<Watch>),
    mut stopping: watch::Receiver<()>,
) {
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
    let service = service_fn(|mut request: Request<Incoming>| {
        watch.handling();
        if watch.is_unclear() {
            request.extensions_mut().insert(Unclear);
        }
        let (api, watch, guest) = (&api, &watch, &guest);
        async move {
            let mut response = api.answer(request, guest).await;
            let known = guest.is_known();
            watch.knows(known);
            if (!known && guest.has_asked_enough()) || watch.is_over() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            if !known {
                // Its next request may be here already: first others have their turn.
                tokio::task::yield_now().await;
            }
            match response.body().size_hint().exact() {
                Some(_) => watch.answering(response.headers().contains_key(CONNECTION)),
                None => watch.streaming(),
            }
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(PARSED_HEADERS)
        .max_buf_size(PARSED_BYTES)
        .half_close(true)
        .serve_connection(io, service);
    tokio::pin!(served);
    let expired = watch.expired();
    tokio::pin!(expired);
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            // How a connection ends is its client's affair; requests are answered or not.
            _ended = &mut served => return,
            () = &mut expired => return,
            _ = stopping.changed(), if !told => {
                told = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}
