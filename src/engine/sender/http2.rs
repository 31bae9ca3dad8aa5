//! An HTTP/2 connection, which attempts share, and one exchange over it. It has a task of its own.
//!
//! Invariants: an attempt never queues for a stream; one that was dropped without a complete answer takes the
//! connection out of use, since its path may be dead and others would wait on it in vain; what a receiver sends is
//! bounded, answers or not ([`super::metered`]); the task ends soon after the last user has let go, whatever the receiver
//! does.

use super::answer::{Ending, Kept, header_lines};
use super::course::Journey;
use super::fault::{Awaited, Fault, certainly_unprocessed};
use super::line::Exchanged;
use super::metered::{Allowance, Metered};
use super::request::Payload;
use super::socket::Socket;
use crate::clock::Clock;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tidings_core::limits::{ANSWER_BYTES, ANSWER_HEADER_BYTES, ANSWER_HEADERS};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What a receiver may send of one answer before we have read it: enough for every answer we read whole.
const ANSWER_WINDOW: u32 = 2 * ANSWER_BYTES as u32;

/// The size of a header as HTTP/2 counts it: 32 bytes more for each field (RFC 9113, 6.5.2).
const HEADER_LIST: u32 = (ANSWER_HEADER_BYTES + 32 * ANSWER_HEADERS) as u32;

/// How long an orderly farewell may take: a receiver that reads nothing never takes it.
const FAREWELL: Duration = Duration::from_secs(1);

/// An HTTP/2 connection that attempts share.
pub(super) struct Shared {
    requests: http2::SendRequest<Payload>,
    peer: SocketAddr,
    streams: Arc<AtomicUsize>,
    busy: AtomicUsize,
    left: AtomicBool,
    allowance: Arc<Allowance>,
    /// Gone when the last user is.
    _in_use: oneshot::Sender<()>,
}

/// One attempt's part of a shared connection.
pub(super) struct Stream {
    on: Arc<Shared>,
    complete: bool,
}

impl Shared {
    /// Speaks HTTP/2 over a new connection.
    ///
    /// # Errors
    /// The connection broke off.
    pub(super) async fn open(socket: Socket, peer: SocketAddr) -> Result<Arc<Self>, Fault> {
        let allowance = Arc::new(Allowance::default());
        allowance.renew(1);
        let io = TokioIo::new(Metered::new(socket, Arc::clone(&allowance)));
        let (requests, mut machine) = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(HEADER_LIST)
            .initial_stream_window_size(ANSWER_WINDOW)
            .initial_connection_window_size(16 * ANSWER_WINDOW)
            .handshake(io)
            .await
            .map_err(|error| Fault::exchanging(&error, Awaited::Header))?;
        let streams = Arc::new(AtomicUsize::new(machine.current_max_send_streams()));
        let allowed = Arc::clone(&streams);
        let (in_use, left) = oneshot::channel();
        // Ends when the other side closes, or soon after the pool and every attempt have let go of `requests`.
        tokio::spawn(async move {
            let mut machine = std::pin::pin!(poll_fn(move |cx| {
                let ended = Pin::new(&mut machine).poll(cx);
                if ended.is_pending() {
                    allowed.store(machine.current_max_send_streams(), Ordering::Relaxed);
                }
                ended.map(drop)
            }));
            tokio::select! {
                () = machine.as_mut() => {}
                _gone = left => drop(timeout(FAREWELL, machine).await),
            }
        });
        Ok(Arc::new(Self {
            requests,
            peer,
            streams,
            busy: AtomicUsize::new(0),
            left: AtomicBool::new(false),
            allowance,
            _in_use: in_use,
        }))
    }

    /// Whether requests may still go over it.
    pub(super) fn is_open(&self) -> bool {
        !self.left.load(Ordering::Relaxed) && !self.requests.is_closed()
    }

    /// Whether no attempt uses it.
    pub(super) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

impl Stream {
    /// The first stream of a new connection.
    pub(super) fn first(shared: Arc<Shared>) -> Self {
        let others = shared.busy.fetch_add(1, Ordering::Relaxed);
        shared.allowance.renew(others.saturating_add(1));
        Self {
            on: shared,
            complete: false,
        }
    }

    /// A stream of this connection, if it has one to spare.
    pub(super) fn on(shared: &Arc<Shared>) -> Option<Self> {
        let free = shared.busy.load(Ordering::Relaxed) < shared.streams.load(Ordering::Relaxed);
        (free && shared.is_open()).then(|| Self::first(Arc::clone(shared)))
    }

    /// The connection it is part of.
    pub(super) fn connection(&self) -> &Arc<Shared> {
        &self.on
    }

    /// The address at its other end.
    pub(super) fn peer(&self) -> SocketAddr {
        self.on.peer
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// The connection broke off, or what came is no HTTP. What had come by then is in `kept`.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Payload>,
        journey: &mut Journey,
        kept: &mut Kept,
        clock: &Clock,
    ) -> Result<Exchanged, Fault> {
        let response = match self.on.requests.clone().try_send_request(request).await {
            Ok(response) => response,
            Err(error) if error.message().is_some() || certainly_unprocessed(error.error()) => {
                self.on.left.store(true, Ordering::Relaxed);
                return Ok(Exchanged::Unprocessed);
            }
            Err(error) => return Err(Fault::exchanging(error.error(), Awaited::Header)),
        };
        let status = response.status();
        journey.reads_answer(|| clock.monotonic());
        kept.headers = header_lines(lines(response.headers()))?;
        let ending = if status == StatusCode::SWITCHING_PROTOCOLS {
            Ending::CutOff
        } else {
            read(response.into_body(), kept).await?
        };
        self.complete = ending == Ending::Complete;
        Ok(Exchanged::Answered {
            status: status.as_u16(),
            ending,
        })
    }
}

fn lines(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

async fn read(mut body: Incoming, kept: &mut Kept) -> Result<Ending, Fault> {
    if body.is_end_stream() {
        return Ok(Ending::Complete);
    }
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| Fault::exchanging(&error, Awaited::Body))?;
        // Trailers are read by nobody.
        if let Ok(data) = frame.into_data() {
            kept.add(&data);
        }
        if kept.is_too_much() {
            return Ok(Ending::CutOff);
        }
    }
    Ok(Ending::Complete)
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.complete {
            self.on.left.store(true, Ordering::Relaxed);
        }
        self.on.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
