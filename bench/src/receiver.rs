//! The receiver of the deliveries: an HTTP/1.1 keep-alive server on a thread and current-thread runtime of its own, that
//! answers `200` to everything and counts unique events, duplicates and latency from the due time in each body.
//! A phase begins with [`Receiver::begin`]; what arrives with a number from before counts as a stray, so a late
//! duplicate of one phase cannot pass for an event of the next.
//! Deliberately absent: slow, hanging or failing answers (the product's tests have receivers for those).

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

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
}

impl Arrivals {
    fn from(first_seq: u64) -> Self {
        Self {
            seen: SeqSet::from(first_seq),
            ..Self::default()
        }
    }

    fn note(&mut self, stamp: Option<Stamp>, now: u64) {
        let Some(stamp) = stamp else {
            self.unreadable += 1;
            return;
        };
        match self.seen.put(stamp.seq) {
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
    arrivals: Arc<Mutex<Arrivals>>,
}

impl Receiver {
    /// Starts one on a free port of the loopback address.
    pub fn start() -> Result<Self, BenchError> {
        Self::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts one on `address`.
    pub fn listen(address: SocketAddr) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BenchError::io("start the receiver's runtime"))?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(BenchError::io(format!("listen on {address}")))?;
        let address = listener
            .local_addr()
            .map_err(BenchError::io("ask for the receiver's address"))?;
        let arrivals = Arc::new(Mutex::new(Arrivals::from(FIRST_SEQ)));
        let shared = Arc::clone(&arrivals);
        std::thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || runtime.block_on(serve(listener, shared)))
            .map_err(BenchError::io("start the receiver's thread"))?;
        Ok(Self { address, arrivals })
    }

    /// The URL to deliver to.
    pub fn url(&self) -> String {
        format!("http://{}/ok", self.address)
    }

    /// Forgets what arrived and counts events from `first_seq` on.
    pub fn begin(&self, first_seq: u64) {
        *self.lock() = Arrivals::from(first_seq);
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
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, arrivals: Arc<Mutex<Arrivals>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles: give the open connections time to end.
            tokio::time::sleep(LOOK).await;
            continue;
        };
        // Without it answers would only be slower, never wrong.
        _ = stream.set_nodelay(true);
        let arrivals = Arc::clone(&arrivals);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &arrivals));
            // A broken connection shows in the counts.
            _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    arrivals: &Mutex<Arrivals>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let now = now_ns();
    let stamp = body.ok().and_then(|body| Stamp::read(&body.to_bytes()));
    arrivals
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .note(stamp, now);
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}
