//! The accept loop: who may connect, how many, how long they may take, and how it ends.
//!
//! Invariants: no more connections than the limits say, in all and per address; none outlives its phase's
//! deadline ([`super::connection`]); when told to stop, nothing new is accepted, requests in flight are
//! answered, idle connections are closed.

use super::Api;
use super::certificates::Certificates;
use super::connection::{PhaseLimits, Watch, Watched};
use super::framing::Unclear;
use crate::clock::Clock;
use http::Request;
use http::header::CONNECTION;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Header fields that hyper parses; more than the API takes, so that the API can say which limit was passed.
const PARSED_HEADERS: usize = 200;
/// Bytes of a head that hyper parses; more than the API takes, for the same reason.
const PARSED_BYTES: usize = 64 * 1024;
/// Wait after accepting failed for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many connections there may be, and how long each phase of one may last.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// From one address; loopback has no limit of its own.
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

/// Connections by address.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place, given back when dropped.
struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
    _total: OwnedSemaphorePermit,
}

impl Addresses {
    /// Counts one more, or says that there are enough.
    fn enter(&self, address: IpAddr, limit: usize) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        let fits = *count < limit || address.is_loopback();
        *count += usize::from(fits);
        if *count == 0 {
            counts.remove(&address);
        }
        fits
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .addresses
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
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
    let total = Arc::new(Semaphore::new(limits.total));
    let addresses = Arc::new(Addresses::default());
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &total) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else {
            break;
        };
        if !addresses.enter(peer, limits.per_address) {
            continue;
        }
        let place = Place {
            addresses: Arc::clone(&addresses),
            address: peer,
            _total: permit,
        };
        let watch = Watch::new(clock.clone(), limits.phases);
        let (api, stopping) = (api.clone(), stopping.clone());
        let secure = certificates.as_ref().map(Certificates::acceptor);
        connections.spawn(async move {
            connection((stream, secure), peer, (api, watch), stopping).await;
            drop(place);
        });
    }
    drop((listener, stop));
    api.stop_streams();
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!("connections were cut: they did not end in time");
    }
}

/// The next connection, once there is room for one; `None` never comes back unless the server is torn down.
async fn accept(
    listener: &TcpListener,
    total: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(total).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer.ip().to_canonical(), permit)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    (stream, secure): (TcpStream, Option<TlsAcceptor>),
    peer: IpAddr,
    (api, watch): (Api, Arc<Watch>),
    stopping: watch::Receiver<()>,
) {
    // An answer is one write; waiting for more would only hold it back.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(acceptor) = secure else {
        return speak(stream, peer, (api, watch), stopping).await;
    };
    // The handshake has the time of the first byte.
    let shaken = tokio::select! {
        shaken = acceptor.accept(stream) => shaken,
        () = watch.expired() => return,
    };
    if let Ok(stream) = shaken {
        watch.opened();
        speak(stream, peer, (api, watch), stopping).await;
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: IpAddr,
    (api, watch): (Api, Arc<Watch>),
    mut stopping: watch::Receiver<()>,
) {
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
    let service = service_fn(|mut request: Request<Incoming>| {
        watch.handling();
        if watch.is_unclear() {
            request.extensions_mut().insert(Unclear);
        }
        let (api, watch) = (&api, &watch);
        async move {
            let response = api.answer(request, peer).await;
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
