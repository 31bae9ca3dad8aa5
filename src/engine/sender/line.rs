//! One open connection that speaks HTTP, and one exchange over it.
//!
//! An HTTP/1.1 connection belongs to the attempt that uses it and is driven by it: no task of its own, no
//! wake-up from one task to another, and an attempt that is dropped at its deadline closes it. Between
//! attempts nobody drives it; whether it is still open is asked when it is taken again. An HTTP/2
//! connection is shared and has a task.

use super::fault::{Awaited, Fault, certainly_unprocessed};
use super::request::Payload;
use super::socket::Socket;
use bytes::Bytes;
use http::{Request, Response, Version};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tidings_core::limits::{ANSWER_BYTES, ANSWER_HEADER_BYTES};

/// What an HTTP/2 receiver may send of one answer before we have read it: enough for every answer we read whole.
const ANSWER_WINDOW: u32 = 2 * ANSWER_BYTES as u32;

/// A connection as one attempt has it.
pub(super) struct Line {
    connection: Connection,
    kept: bool,
}

enum Connection {
    Own(Box<Own>),
    Shared(Stream),
}

/// An HTTP/1.1 connection, with the machine that drives it.
pub(super) struct Own {
    requests: http1::SendRequest<Payload>,
    machine: http1::Connection<TokioIo<Socket>, Payload>,
    over: bool,
    peer: SocketAddr,
}

/// An HTTP/2 connection that attempts share.
pub(super) struct Shared {
    requests: http2::SendRequest<Payload>,
    peer: SocketAddr,
    streams: Arc<AtomicUsize>,
    busy: AtomicUsize,
    left: AtomicBool,
}

/// One attempt's part of a shared connection. Dropped without a complete answer, it takes the connection out
/// of use: its path may be dead, and others would wait on it in vain.
pub(super) struct Stream {
    on: Arc<Shared>,
    complete: bool,
}

/// What became of a request that was handed to a connection.
pub(super) enum Sent {
    /// The answer's header is there.
    Answered(Response<Incoming>),
    /// The connection ended, and the request was certainly not processed.
    Unprocessed,
}

/// A part of an answer's body.
pub(super) enum Part {
    /// Bytes.
    Data(Bytes),
    /// Trailers, which nobody reads.
    Trailers,
}

/// Where a line goes when its attempt is over.
pub(super) enum Reuse {
    /// It may be kept.
    Own(Box<Own>),
    /// It is shared already, or may be from now on.
    Shared(Arc<Shared>),
    /// It is closed, or to be closed.
    No,
}

impl Line {
    /// Speaks HTTP over a new connection: the version that ALPN chose.
    ///
    /// # Errors
    /// The connection broke off.
    pub(super) async fn open(
        socket: Socket,
        version: Version,
        peer: SocketAddr,
    ) -> Result<Self, hyper::Error> {
        let connection = if version == Version::HTTP_2 {
            Connection::Shared(Stream::first(Shared::open(socket, peer).await?))
        } else {
            Connection::Own(Box::new(Own::open(socket, peer).await?))
        };
        Ok(Self {
            connection,
            kept: false,
        })
    }

    /// A line over a connection that was kept.
    pub(super) fn kept(own: Box<Own>) -> Self {
        Self {
            connection: Connection::Own(own),
            kept: true,
        }
    }

    /// A line over a connection that others use, too.
    pub(super) fn shared(stream: Stream) -> Self {
        Self {
            connection: Connection::Shared(stream),
            kept: true,
        }
    }

    /// Whether the connection was there before this attempt.
    pub(super) fn was_kept(&self) -> bool {
        self.kept
    }

    /// The address at its other end.
    pub(super) fn peer(&self) -> SocketAddr {
        match &self.connection {
            Connection::Own(own) => own.peer,
            Connection::Shared(stream) => stream.on.peer,
        }
    }

    /// The version that is spoken.
    pub(super) fn version(&self) -> Version {
        match &self.connection {
            Connection::Own(_) => Version::HTTP_11,
            Connection::Shared(_) => Version::HTTP_2,
        }
    }

    /// Sends a request and waits for the answer's header.
    ///
    /// # Errors
    /// The connection broke off, or what came is no HTTP.
    pub(super) async fn send(&mut self, request: Request<Payload>) -> Result<Sent, Fault> {
        match &mut self.connection {
            Connection::Own(own) => own.send(request).await,
            Connection::Shared(stream) => stream.send(request).await,
        }
    }

    /// The next part of the answer's body; `None` after its end.
    ///
    /// # Errors
    /// The connection broke off, or what came is no HTTP.
    pub(super) async fn part(&mut self, body: &mut Incoming) -> Result<Option<Part>, Fault> {
        let frame = match &mut self.connection {
            Connection::Own(own) => poll_fn(|cx| own.poll_part(cx, body)).await,
            Connection::Shared(_) => poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await,
        };
        match frame {
            None => Ok(None),
            Some(Ok(frame)) => Ok(Some(frame.into_data().map_or(Part::Trailers, Part::Data))),
            Some(Err(error)) => Err(Fault::exchanging(&error, Awaited::Body)),
        }
    }

    /// Gives the connection back after a complete answer.
    pub(super) async fn reuse(self) -> Reuse {
        match self.connection {
            Connection::Own(mut own) => {
                if own.is_open().await {
                    Reuse::Own(own)
                } else {
                    Reuse::No
                }
            }
            Connection::Shared(mut stream) => {
                stream.complete = true;
                if self.kept {
                    Reuse::No
                } else {
                    Reuse::Shared(Arc::clone(&stream.on))
                }
            }
        }
    }
}

impl Own {
    async fn open(socket: Socket, peer: SocketAddr) -> Result<Self, hyper::Error> {
        let (requests, machine) = http1::Builder::new()
            .max_header_size(ANSWER_HEADER_BYTES)
            .max_buf_size(ANSWER_BYTES)
            .handshake(TokioIo::new(socket))
            .await?;
        Ok(Self {
            requests,
            machine,
            over: false,
            peer,
        })
    }

    /// Whether the next request may go over it; asked between requests.
    pub(super) async fn is_open(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(!self.over && self.requests.is_ready())
        })
        .await
    }

    async fn send(&mut self, request: Request<Payload>) -> Result<Sent, Fault> {
        let mut answer = pin!(self.requests.try_send_request(request));
        poll_fn(|cx| {
            drive(&mut self.machine, &mut self.over, cx);
            match answer.as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(Sent::Answered(response))),
                Poll::Ready(Err(error)) if error.message().is_some() => {
                    Poll::Ready(Ok(Sent::Unprocessed))
                }
                Poll::Ready(Err(error)) => {
                    Poll::Ready(Err(Fault::exchanging(error.error(), Awaited::Header)))
                }
                // Had the machine taken the request, it would have said why there is no answer.
                Poll::Pending if self.over => Poll::Ready(Ok(Sent::Unprocessed)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.drive(cx);
        Pin::new(body).poll_frame(cx)
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.machine, &mut self.over, cx);
    }
}

fn drive(
    machine: &mut http1::Connection<TokioIo<Socket>, Payload>,
    over: &mut bool,
    cx: &mut Context<'_>,
) {
    // An error of the machine reaches whoever waits for the answer; here it only means the end.
    if !*over && Pin::new(machine).poll(cx).is_ready() {
        *over = true;
    }
}

impl Shared {
    async fn open(socket: Socket, peer: SocketAddr) -> Result<Arc<Self>, hyper::Error> {
        let (requests, mut machine) = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(2 * ANSWER_HEADER_BYTES as u32)
            .initial_stream_window_size(ANSWER_WINDOW)
            .initial_connection_window_size(16 * ANSWER_WINDOW)
            .handshake(TokioIo::new(socket))
            .await?;
        let streams = Arc::new(AtomicUsize::new(machine.current_max_send_streams()));
        let allowed = Arc::clone(&streams);
        // Ends when the other side closes, or when the pool and every attempt have let go of `requests`.
        tokio::spawn(poll_fn(move |cx| {
            let ended = Pin::new(&mut machine).poll(cx);
            if ended.is_pending() {
                allowed.store(machine.current_max_send_streams(), Ordering::Relaxed);
            }
            ended.map(drop)
        }));
        Ok(Arc::new(Self {
            requests,
            peer,
            streams,
            busy: AtomicUsize::new(0),
            left: AtomicBool::new(false),
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
    fn first(shared: Arc<Shared>) -> Self {
        shared.busy.fetch_add(1, Ordering::Relaxed);
        Self {
            on: shared,
            complete: false,
        }
    }

    /// A stream of this connection, if it has one to spare: an attempt never queues for one.
    pub(super) fn on(shared: &Arc<Shared>) -> Option<Self> {
        let free = shared.busy.load(Ordering::Relaxed) < shared.streams.load(Ordering::Relaxed);
        (free && shared.is_open()).then(|| Self::first(Arc::clone(shared)))
    }

    async fn send(&mut self, request: Request<Payload>) -> Result<Sent, Fault> {
        match self.on.requests.clone().try_send_request(request).await {
            Ok(response) => Ok(Sent::Answered(response)),
            Err(error) if error.message().is_some() || certainly_unprocessed(error.error()) => {
                self.on.left.store(true, Ordering::Relaxed);
                Ok(Sent::Unprocessed)
            }
            Err(error) => Err(Fault::exchanging(error.error(), Awaited::Header)),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.complete {
            self.on.left.store(true, Ordering::Relaxed);
        }
        self.on.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
