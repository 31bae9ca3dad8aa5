//! The course of one attempt: how far it has come and what is known of it, so that a deadline that ends it
//! anywhere still leaves a full record.

use super::answer::Kept;
use super::fault::Fault;
use super::request::Signed;
use crate::clock::Monotonic;
use crate::store::queue::Timing;
use std::net::SocketAddr;
use std::time::Duration;
use tidings_core::outcome::Failure;
use tidings_core::time::Timestamp;

/// What is known of an attempt.
pub(super) struct Course {
    /// When it started.
    pub(super) started_at: Timestamp,
    /// The way to the receiver.
    pub(super) journey: Journey,
    /// The signed request, once it was made.
    pub(super) signed: Option<Signed>,
    /// What came back.
    pub(super) answer: Kept,
}

/// The way to the receiver and its times.
pub(super) struct Journey {
    started: Monotonic,
    stage: Stage,
    /// The parts of the time that are over.
    pub(super) timing: Timing,
    /// The address that was dialled last.
    pub(super) peer: Option<SocketAddr>,
}

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Looking the name up.
    Name,
    /// Connecting.
    Connect,
    /// Shaking hands.
    Tls,
    /// Sending, and waiting for the answer's header.
    Header,
    /// Reading the answer's body.
    Body,
}

impl Course {
    /// An attempt that starts now.
    pub(super) fn start(started_at: Timestamp, started: Monotonic) -> Self {
        Self {
            started_at,
            journey: Journey {
                started,
                stage: Stage::Name,
                timing: Timing::default(),
                peer: None,
            },
            signed: None,
            answer: Kept::default(),
        }
    }
}

impl Journey {
    /// From the start to `now`.
    pub(super) fn since_start(&self, now: Monotonic) -> Duration {
        Duration::from_micros(now.micros_since(self.started))
    }

    /// The next stage begins.
    pub(super) fn enters(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// The request goes over a connection to `peer`.
    pub(super) fn waits_for_answer_of(&mut self, peer: SocketAddr) {
        self.peer = Some(peer);
        self.stage = Stage::Header;
    }

    /// The answer's header is there; said again, it changes nothing.
    pub(super) fn reads_answer(&mut self, now: impl FnOnce() -> Monotonic) {
        if self.stage != Stage::Body {
            self.timing.first_byte = Some(self.since_start(now()));
            self.stage = Stage::Body;
        }
    }

    /// What it means that the deadline passed here (W17).
    pub(super) fn deadline_passed(&self) -> Fault {
        let (failure, detail) = match self.stage {
            Stage::Name => return Fault::unanswered("no answer from the name servers within 3 s"),
            Stage::Connect => (Failure::ConnectTimeout, "no connection within 3 s"),
            Stage::Tls => (Failure::ConnectTimeout, "no TLS handshake within 3 s"),
            Stage::Header => (Failure::HeaderTimeout, "no answer within 3 s"),
            Stage::Body => (Failure::BodyTimeout, "the answer did not end within 3 s"),
        };
        Fault::failed(failure, detail)
    }
}
