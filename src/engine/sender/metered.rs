//! What a receiver may send over a shared connection, in all and at once.
//!
//! HTTP/2 has frames that belong to no answer, and interim answers without end; the library takes them as fast as they come,
//! and keeps some. So the bytes are counted below it: each request that is under way allows for the largest answer we
//! read whole and some talk beside it, and a task reads a little at a time, so that others have their turn.

use super::socket::Socket;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tidings_core::limits::ANSWER_BYTES;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one request allows for: a header, a body twice over (what is under way when we have read enough), and talk.
const PER_REQUEST: u64 = 4 * ANSWER_BYTES as u64;
/// What a frame costs beside its bytes: a small one is as much work as a large one.
const PER_FRAME: usize = 64;
/// Bytes that are read before others have their turn.
const AT_ONCE: usize = 8 * 1024;

/// How much more may come.
#[derive(Debug, Default)]
pub(super) struct Allowance(AtomicU64);

impl Allowance {
    /// Another request starts; with it so many are under way.
    pub(super) fn renew(&self, under_way: usize) {
        let bytes = PER_REQUEST.saturating_mul(under_way as u64);
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Takes what this costs; whether it was allowed.
    fn take(&self, cost: usize) -> bool {
        // In one go: a request that starts meanwhile must not lose what it brings.
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(cost as u64)
            });
        taken.is_ok()
    }
}

/// Where in a row of frames (RFC 9113, 4.1) the bytes are.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; 9],
    /// Bytes of the head that came.
    begun: usize,
    /// Bytes of the payload that are to come.
    left: usize,
}

impl Frames {
    /// How many begin in these bytes.
    fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut count = 0;
        loop {
            let part = self.left.min(bytes.len());
            self.left -= part;
            bytes = bytes.get(part..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else {
                return count;
            };
            if let Some(place) = self.head.get_mut(self.begun) {
                *place = *first;
            }
            bytes = rest;
            self.begun += 1;
            if self.begun == self.head.len() {
                let [high, middle, low, ..] = self.head;
                self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.begun = 0;
                count += 1;
            }
        }
    }
}

/// A socket whose reading is counted.
pub(super) struct Metered {
    socket: Socket,
    allowance: Arc<Allowance>,
    frames: Frames,
    /// Bytes since another task had its turn.
    at_once: usize,
}

impl Metered {
    /// This socket, with this allowance.
    pub(super) fn new(socket: Socket, allowance: Arc<Allowance>) -> Self {
        Self {
            socket,
            allowance,
            frames: Frames::default(),
            at_once: 0,
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at_once >= AT_ONCE {
            self.at_once = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, into);
        if read.is_pending() {
            self.at_once = 0;
        }
        ready!(read)?;
        let came = into.filled().get(before..).unwrap_or_default();
        let cost = came.len() + PER_FRAME * self.frames.count(came);
        self.at_once = self.at_once.saturating_add(cost);
        Poll::Ready(match self.allowance.take(cost) {
            true => Ok(()),
            false => Err(io::ErrorKind::QuotaExceeded.into()),
        })
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s15_frames_are_counted_however_their_bytes_come() {
        let frame = |length: u8| {
            let mut frame = vec![0, 0, length, 0, 0, 0, 0, 0, 1];
            frame.resize(9 + usize::from(length), 0xff);
            frame
        };
        let bytes = [frame(0), frame(5), frame(255), frame(0)].concat();
        for size in [1, 2, 8, 9, 10, 100, 1_000] {
            let mut frames = Frames::default();
            let count: usize = bytes.chunks(size).map(|part| frames.count(part)).sum();
            assert_eq!(count, 4, "{size} at once");
        }
    }

    #[test]
    fn s15_an_allowance_is_renewed_with_each_request_and_never_gathered() {
        let allowance = Allowance::default();
        assert!(!allowance.take(1));
        allowance.renew(2);
        allowance.renew(1);
        assert!(allowance.take(4 * ANSWER_BYTES));
        assert!(!allowance.take(1));
    }
}
