//! One connection's bytes, watched: how long it may be silent, how long it may last, and what hyper says in its own words.
//!
//! hyper answers heads that it cannot parse itself, with a bare status. Such an answer is written before any
//! request reached the API, and so it is known here: it is replaced by a problem document. After an answer that
//! closes the connection, what the client still sends is read and dropped for a moment, so that the answer
//! is not lost to a reset.
//! Deliberately absent: parsing. Framing is hyper's; what it does not say of a head's lengths [`Lengths`] does.

use super::code::Code;
use super::framing::Lengths;
use super::head::UNCLEAR_LENGTH;
use super::problem::Problem;
use crate::clock::{Clock, Monotonic};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are dropped at most after the last answer.
const LINGER_BYTES: usize = 512 * 1024;

/// A deadline is noticed at most so much late.
const WATCH_STEP: Duration = Duration::from_secs(1);

/// So long a connection whose time is over is listened to after an answer that did not say so.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How long each phase of a connection may last.
#[derive(Debug, Clone, Copy)]
pub struct PhaseLimits {
    /// From the connection to its first byte.
    pub first_byte: Duration,
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// From the answer's making to its last byte on the way.
    pub answer: Duration,
    /// From the start of an answer that comes part by part to its end.
    pub stream: Duration,
    /// Between requests.
    pub idle: Duration,
    /// The same while no valid key or session came over the connection: perhaps the answers were never read.
    pub stranger_idle: Duration,
    /// From the last answer to the end, while the client still sends.
    pub linger: Duration,
    /// From the connection to its last answer: one that is due by then is given, and says `connection: close`.
    pub connection: Duration,
}

impl Default for PhaseLimits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(5),
            head: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            stream: Duration::from_secs(600),
            idle: Duration::from_secs(60),
            stranger_idle: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            connection: Duration::from_secs(600),
        }
    }
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Nothing came yet, on a connection just opened or between requests.
    Silent = 0,
    /// A request's head is coming.
    Head = 1,
    /// The API has the request; its body has limits of its own.
    Handling = 2,
    /// The answer is being written.
    Answering = 3,
    /// An answer comes part by part.
    Streaming = 4,
}

/// Shared by a connection's stream, its requests and its watchdog.
#[derive(Debug)]
pub(super) struct Watch {
    clock: Clock,
    limits: PhaseLimits,
    phase: AtomicU8,
    /// In microseconds of the monotonic clock.
    deadline: AtomicU64,
    /// When the connection has lasted long enough: what runs then is finished, and nothing waited for after.
    over_at: Monotonic,
    /// The last answer closes the connection, perhaps before everything was read.
    closing: AtomicBool,
    /// The head that came last does not say clearly how long its body is.
    unclear: AtomicBool,
    /// A valid key or session came.
    known: AtomicBool,
}

impl Watch {
    /// Of a connection just opened.
    pub fn new(clock: Clock, limits: PhaseLimits) -> Arc<Self> {
        let whole = u64::try_from(limits.connection.as_micros()).unwrap_or(u64::MAX);
        let over_at = Monotonic(clock.monotonic().0.saturating_add(whole));
        let watch = Self {
            clock,
            limits,
            over_at,
            phase: AtomicU8::new(Phase::Silent as u8),
            deadline: AtomicU64::new(u64::MAX),
            closing: AtomicBool::new(false),
            unclear: AtomicBool::new(false),
            known: AtomicBool::new(false),
        };
        watch.opened();
        Arc::new(watch)
    }

    fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Relaxed) == phase as u8
    }

    fn enter(&self, phase: Phase, limit: Duration) -> Monotonic {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        let Monotonic(now) = self.clock.monotonic();
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.deadline
            .store(now.saturating_add(micros), Ordering::Relaxed);
        Monotonic(now)
    }

    /// The connection is open: after its handshake, where it has one.
    pub fn opened(&self) {
        self.enter(Phase::Silent, self.limits.first_byte);
    }

    /// The API has a request.
    pub fn handling(&self) {
        self.phase.store(Phase::Handling as u8, Ordering::Relaxed);
        self.deadline.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether the head that came last gives two lengths, or one that is none.
    pub fn is_unclear(&self) -> bool {
        self.unclear.load(Ordering::Relaxed)
    }

    /// Whether its client is no stranger.
    pub fn knows(&self, known: bool) {
        self.known.store(known, Ordering::Relaxed);
    }

    /// Whether the connection has lasted long enough, so that the next answer is its last.
    pub fn is_over(&self) -> bool {
        self.clock.monotonic() >= self.over_at
    }

    /// Waits for the next request, no longer than the connection may last.
    fn wait(&self) {
        let idle = match self.known.load(Ordering::Relaxed) {
            true => self.limits.idle,
            false => self.limits.stranger_idle,
        };
        let Monotonic(now) = self.enter(Phase::Silent, idle);
        // Whose answer was made just before did not hear that it was the last one, and may have asked again already.
        let at_least = now.saturating_add(LAST_WAIT.as_micros() as u64);
        let last = self.over_at.0.max(at_least);
        self.deadline.fetch_min(last, Ordering::Relaxed);
    }

    /// The answer is made; it may be the connection's last.
    pub fn answering(&self, closing: bool) {
        self.closing.store(closing, Ordering::Relaxed);
        self.enter(Phase::Answering, self.limits.answer);
    }

    /// The answer comes part by part; it is the connection's last.
    pub fn streaming(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.enter(Phase::Streaming, self.limits.stream);
    }

    /// Returns when a phase has lasted too long.
    pub async fn expired(&self) {
        loop {
            let deadline = self.deadline.load(Ordering::Relaxed);
            let Monotonic(now) = self.clock.monotonic();
            if now >= deadline {
                return;
            }
            // A later phase may end sooner, so no look is far away.
            tokio::time::sleep(Duration::from_micros(deadline - now).min(WATCH_STEP)).await;
        }
    }
}

/// A stream that tells its [`Watch`] what happens on it.
pub(super) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
    /// Our words in place of hyper's, and how much of them is written.
    replacement: Option<(Vec<u8>, usize)>,
    lingered: usize,
    lengths: Lengths,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    pub const fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            watch,
            replacement: None,
            lingered: 0,
            lengths: Lengths::new(),
        }
    }

    /// Whether this is the start of an answer to a request that never reached the API.
    fn is_hypers_own(&self, bytes: &[u8]) -> bool {
        let unasked = self.watch.is(Phase::Head) || self.watch.is(Phase::Silent);
        unasked && bytes.starts_with(b"HTTP/1.")
    }

    /// Writes our words in place of `theirs`, all of them before it says that theirs are written.
    fn poll_replace(&mut self, cx: &mut Context<'_>, theirs: &[u8]) -> Poll<io::Result<usize>> {
        let unclear = self.watch.is_unclear();
        let (ours, written) = self
            .replacement
            .get_or_insert_with(|| (problem_for(theirs, unclear), 0));
        self.watch.closing.store(true, Ordering::Relaxed);
        while let Some(rest) = ours.get(*written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += count;
        }
        Poll::Ready(Ok(theirs.len()))
    }
}

/// A problem document for an answer that hyper wrote by itself.
fn problem_for(theirs: &[u8], unclear: bool) -> Vec<u8> {
    let (code, detail) = match theirs.get(9..12) {
        Some(b"431") => (
            Code::TooManyHeaders,
            "The headers are too many or too large.",
        ),
        Some(b"414") => (Code::UriTooLong, "The URI is longer than 8192 bytes."),
        _ if unclear => (Code::BadFraming, UNCLEAR_LENGTH),
        _ => (Code::BadRequest, "This is no HTTP/1.1 request."),
    };
    let shown = Problem::new(code, detail).shown(None);
    let body = serde_json::to_vec(&shown).unwrap_or_default();
    let status = code.status();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        super::problem::PROBLEM_JSON,
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    answer
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if !fresh.is_empty() && self.watch.is(Phase::Silent) {
            self.watch.enter(Phase::Head, self.watch.limits.head);
            self.lengths = Lengths::new();
        }
        if self.watch.is(Phase::Head) {
            self.lengths.read(fresh);
            let unclear = self.lengths.are_unclear();
            self.watch.unclear.store(unclear, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_hypers_own(bytes) {
            return self.poll_replace(cx, bytes);
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.iter().find(|part| !part.is_empty());
        let first = first.map_or(&[][..], |part| part);
        if self.is_hypers_own(first) {
            return self.poll_replace(cx, first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.watch.is(Phase::Answering) {
            self.watch.wait();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingered == 0 {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.watch.enter(Phase::Answering, self.watch.limits.linger);
        }
        if !self.watch.closing.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let mut dropped = [0_u8; 4096];
        while self.lingered < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut dropped);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => break,
                Poll::Ready(Ok(())) => self.lingered += buffer.filled().len(),
                Poll::Ready(Err(_)) => break,
                Poll::Pending => {
                    self.lingered = self.lingered.max(1);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypers_own_answers_become_problem_documents() {
        for (theirs, wanted) in [
            (
                &b"HTTP/1.1 431 Request Header Fields Too Large\r\n"[..],
                "too_many_headers",
            ),
            (b"HTTP/1.1 414 URI Too Long\r\n", "uri_too_long"),
            (b"HTTP/1.1 400 Bad Request\r\n", "bad_request"),
        ] {
            let ours = String::from_utf8(problem_for(theirs, false)).unwrap_or_default();
            assert!(ours.contains(&format!("\"code\":\"{wanted}\"")), "{ours}");
            assert!(
                theirs.starts_with(ours.as_bytes().get(..12).unwrap_or_default()),
                "{ours}"
            );
        }
    }
}
