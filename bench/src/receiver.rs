//! The receiver of the deliveries: an HTTP/1.1 keep-alive server on a thread and current-thread runtime of its own, that
//! answers `200` to everything and counts unique events, duplicates and latency from the due time in each body.
//! A phase begins with [`Receiver::begin`]; what arrives with a number from before counts as a stray, so a late
//! duplicate of one phase cannot pass for an event of the next.
//! Paths: `/ok` answers at once; `/e/N` does, too, and counts the event as the Nth of its recipients; `/hang` never
//! answers; `/gate` answers when the gate is opened; `/quiet` answers and counts nothing; `/fail` counts and answers `500`.
//! Deliberately absent: other failures (the product's tests have receivers for those).

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::error::BenchError;
use crate::payload::{FIRST_SEQ, Stamp, now_ns};
use crate::seqset::{Put, SeqSet};

/// How often a waiting phase looks at the count.
const LOOK: Duration = Duration::from_millis(20);

/// What arrived since the last [`Receiver::begin`].
#[derive(Debug, Default)]
pub struct Arrivals {
    /// The events that arrived.
    pub seen: SeqSet,
    /// How many different ones.
    pub unique: u64,
    /// Arrivals of an event that had arrived before.
    pub duplicates: u64,
    /// Arrivals that belong to another phase.
    pub strays: u64,
    /// Requests whose body was none of ours or broke off.
    pub unreadable: u64,
    /// When the last new event arrived: nanoseconds since 1970.
    pub last_ns: u64,
    /// From due to arrival in nanoseconds, one per unique event.
    pub latency_ns: Vec<u64>,
    /// The first number, and how many recipients each event has.
    first: (u64, u64),
}

impl Arrivals {
    fn from(first_seq: u64, recipients: u64) -> Self {
        Self {
            seen: SeqSet::from(first_seq),
            first: (first_seq, recipients),
            ..Self::default()
        }
    }

    /// An event arrived for the recipient of that number.
    fn note(&mut self, stamp: Option<Stamp>, recipient: u64, now: u64) {
        let Some(stamp) = stamp else {
            self.unreadable += 1;
            return;
        };
        let (first, recipients) = self.first;
        let place = stamp.seq.checked_sub(first).and_then(|event| {
            let delivery = event.checked_mul(recipients)?.checked_add(recipient)?;
            first.checked_add(delivery)
        });
        match place.map_or(Put::Outside, |place| self.seen.put(place)) {
            Put::New => {
                self.unique += 1;
                self.last_ns = now;
                self.latency_ns.push(now.saturating_sub(stamp.t_ns));
            }
            Put::Again => self.duplicates += 1,
            Put::Outside => self.strays += 1,
        }
    }
}

/// A running receiver; it runs until the process ends.
#[derive(Debug, Clone)]
pub struct Receiver {
    address: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    arrivals: Mutex<Arrivals>,
    gate: watch::Sender<bool>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens with a queue for a burst of new connections: in one that is too short they find no place, and come again a
/// second later. Only a fan-out to thousands of origins, all of them this one receiver, needs it.
fn queue(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(16_384)
}

impl Receiver {
    /// Starts one on a free port of the loopback address.
    pub fn start() -> Result<Self, BenchError> {
        Self::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts one on `address`.
    pub fn listen(address: SocketAddr) -> Result<Self, BenchError> {
        Self::serve(address, None)
    }

    /// Starts one on a free port that speaks TLS, and over it HTTP/2 or HTTP/1.1.
    pub fn secure(tls: TlsAcceptor) -> Result<Self, BenchError> {
        Self::serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(tls))
    }

    fn serve(address: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BenchError::io("start the receiver's runtime"))?;
        let listener = runtime
            .block_on(async { queue(address) })
            .map_err(BenchError::io(format!("listen on {address}")))?;
        let address = listener
            .local_addr()
            .map_err(BenchError::io("ask for the receiver's address"))?;
        let shared = Arc::new(Shared {
            arrivals: Mutex::new(Arrivals::from(FIRST_SEQ, 1)),
            gate: watch::Sender::new(false),
        });
        let (for_thread, secure) = (Arc::clone(&shared), tls.is_some());
        std::thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || runtime.block_on(serve(listener, for_thread, tls)))
            .map_err(BenchError::io("start the receiver's thread"))?;
        Ok(Self {
            address,
            tls: secure,
            shared,
        })
    }

    /// The URL to deliver to.
    pub fn url(&self) -> String {
        self.at("/ok")
    }

    /// The URL of a path.
    pub fn at(&self, path: &str) -> String {
        let port = self.address.port();
        if self.tls {
            // A certificate is for a name.
            format!("https://localhost:{port}{path}")
        } else {
            format!("http://{}{path}", self.address)
        }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Opens or shuts the gate.
    pub fn set_gate(&self, open: bool) {
        self.shared.gate.send_replace(open);
    }

    /// Forgets what arrived and counts events from `first_seq` on, each for one recipient.
    pub fn begin(&self, first_seq: u64) {
        self.begin_for(first_seq, 1);
    }

    /// Forgets what arrived and counts events from `first_seq` on, each for so many recipients.
    pub fn begin_for(&self, first_seq: u64, recipients: u64) {
        *self.lock() = Arrivals::from(first_seq, recipients);
    }

    /// How many requests arrived since the last beginning, of whatever kind.
    pub fn count(&self) -> u64 {
        let arrivals = self.lock();
        arrivals.unique + arrivals.duplicates + arrivals.strays + arrivals.unreadable
    }

    /// Waits until `expected` different events arrived, or nothing more has come for `quiet`; gives back what arrived.
    pub fn collect(&self, expected: u64, quiet: Duration) -> Arrivals {
        let (mut count, mut changed) = (self.count(), Instant::now());
        while self.lock().unique < expected && changed.elapsed() < quiet {
            std::thread::sleep(LOOK);
            let now = self.count();
            if now != count {
                (count, changed) = (now, Instant::now());
            }
        }
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.shared.lock()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles: give the open connections time to end.
            tokio::time::sleep(LOOK).await;
            continue;
        };
        // Without it answers would only be slower, never wrong.
        _ = stream.set_nodelay(true);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { answer(request, &shared).await }
            });
            // A broken connection shows in the counts.
            match tls {
                None => {
                    _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                }
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let stream = TokioIo::new(stream);
                    if is_http2 {
                        _ = http2::Builder::new(TokioExecutor::new())
                            .max_concurrent_streams(256)
                            .serve_connection(stream, service)
                            .await;
                    } else {
                        _ = http1::Builder::new()
                            .serve_connection(stream, service)
                            .await;
                    }
                }
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    let recipient = path
        .strip_prefix("/e/")
        .and_then(|number| number.parse().ok());
    let (hangs, gated, is_quiet) = (path == "/hang", path == "/gate", path == "/quiet");
    let fails = path == "/fail";
    let body = request.into_body().collect().await;
    if hangs {
        // Until the other side closes.
        std::future::pending::<()>().await;
    }
    if gated {
        // The sender lives as long as the receiver.
        _ = shared.gate.subscribe().wait_for(|open| *open).await;
    }
    let now = now_ns();
    if is_quiet {
        return Ok(Response::new(Full::new(Bytes::from_static(b"ok"))));
    }
    let stamp = body.ok().and_then(|body| Stamp::read(&body.to_bytes()));
    shared.lock().note(stamp, recipient.unwrap_or(0), now);
    let mut response = Response::new(Full::new(Bytes::from_static(b"ok")));
    if fails {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}
