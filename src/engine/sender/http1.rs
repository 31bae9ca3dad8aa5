//! An HTTP/1.1 connection, and one exchange over it.
//!
//! It belongs to the attempt that uses it: no task of its own, no wake-up from one task to another, no buffer
//! between exchanges, and an attempt that is dropped at its deadline closes it. Between attempts nobody watches
//! it; whether it is still open is asked when it is taken again.
//!
//! Invariants: one request, one answer; while the request goes out the answer is listened for, since a
//! receiver may refuse a large body before its end; a connection whose answer or request was not complete is
//! not used again.

use super::answer::Kept;
use super::course::Journey;
use super::fault::Fault;
use super::line::Exchanged;
use super::reader::{Reader, Taken};
use super::socket::Socket;
use crate::clock::Clock;
use bytes::{Buf, Bytes};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once: most answers whole.
const READ_AT_ONCE: usize = 4_096;

/// An open connection.
pub(super) struct Own {
    socket: Socket,
    peer: SocketAddr,
    reusable: bool,
}

/// One exchange under way.
struct Exchange<'a> {
    socket: &'a mut Socket,
    request: bytes::buf::Chain<Bytes, Bytes>,
    /// Bytes of the request that were handed to the socket.
    written: usize,
    flushed: bool,
    /// Why the rest of the request cannot be sent. An answer may be there all the same.
    unsendable: Option<io::Error>,
    reader: Reader,
}

impl Own {
    /// A new connection to `peer`.
    pub(super) fn new(socket: Socket, peer: SocketAddr) -> Self {
        Self {
            socket,
            peer,
            reusable: false,
        }
    }

    /// The address at its other end.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether another exchange may follow the last one.
    pub(super) fn is_reusable(&self) -> bool {
        self.reusable
    }

    /// Whether nothing has come since the last exchange: neither an end nor bytes that nobody asked for.
    pub(super) async fn is_quiet(&mut self) -> bool {
        poll_fn(|cx| {
            let mut space = [MaybeUninit::uninit(); 1];
            let read = Pin::new(&mut self.socket).poll_read(cx, &mut ReadBuf::uninit(&mut space));
            Poll::Ready(read.is_pending())
        })
        .await
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// The connection broke off, or what came is no HTTP. What had come by then is in `kept`.
    pub(super) async fn exchange(
        &mut self,
        (head, body): (Bytes, Bytes),
        journey: &mut Journey,
        kept: &mut Kept,
        clock: &Clock,
    ) -> Result<Exchanged, Fault> {
        self.reusable = false;
        let mut exchange = Exchange {
            socket: &mut self.socket,
            request: head.chain(body),
            written: 0,
            flushed: false,
            unsendable: None,
            reader: Reader::default(),
        };
        let exchanged = poll_fn(|cx| exchange.poll(cx, journey, kept, clock)).await?;
        self.reusable = exchange.flushed && exchange.reader.is_reusable();
        Ok(exchanged)
    }
}

impl Exchange<'_> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        journey: &mut Journey,
        kept: &mut Kept,
        clock: &Clock,
    ) -> Poll<Result<Exchanged, Fault>> {
        if !self.flushed && self.unsendable.is_none() {
            match self.poll_send(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(_)) if self.written == 0 => {
                    return Poll::Ready(Ok(Exchanged::Unprocessed));
                }
                Poll::Ready(Err(error)) => self.unsendable = Some(error),
                Poll::Pending => {}
            }
        }
        loop {
            let ending = match self.poll_answer(cx, kept) {
                Poll::Pending => match &self.unsendable {
                    Some(error) => return Poll::Ready(Err(self.broken(error))),
                    None => return Poll::Pending,
                },
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Ready(Ok(ending)) => ending,
            };
            let Some(status) = self.reader.status() else {
                continue;
            };
            journey.reads_answer(|| clock.monotonic());
            if let Taken::Over(ending) = ending {
                return Poll::Ready(Ok(Exchanged::Answered { status, ending }));
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.request.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 2];
            let count = self.request.chunks_vectored(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            let sent = ready!(Pin::new(&mut *self.socket).poll_write_vectored(cx, slices))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += sent;
            self.request.advance(sent);
        }
        Pin::new(&mut *self.socket).poll_flush(cx)
    }

    /// Reads what is there, once.
    fn poll_answer(&mut self, cx: &mut Context<'_>, kept: &mut Kept) -> Poll<Result<Taken, Fault>> {
        let mut space = [MaybeUninit::uninit(); READ_AT_ONCE];
        let mut read = ReadBuf::uninit(&mut space);
        let outcome = ready!(Pin::new(&mut *self.socket).poll_read(cx, &mut read));
        Poll::Ready(match (outcome, read.filled()) {
            (Err(error), _) => Err(self.broken(&error)),
            (Ok(()), []) => self.reader.end().map(Taken::Over),
            (Ok(()), bytes) => self.reader.take(bytes, kept),
        })
    }

    fn broken(&self, error: &io::Error) -> Fault {
        Fault::breaking_off(error, self.reader.awaits())
    }
}
