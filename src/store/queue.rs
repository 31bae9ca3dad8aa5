//! The queue's verbs: accept, claim, settle, expand, and the upkeep between them.
//!
//! Invariants every implementation keeps:
//! - accept stores the event, its idempotency key and its first deliveries in one commit, or nothing;
//! - settle stores the attempt and the delivery's next state in one commit;
//! - only the pair (epoch, fence) of a claim can settle it; a late result changes nothing;
//! - a delivery is unique by (event, endpoint): expansion, recovery and replay cannot duplicate it;
//! - what is leased to a node holds room in its memory, everything else waits in the store.

use super::room::Reservation;
use super::{Actor, StoreError};
use crate::traces::Context;
use async_trait::async_trait;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::delivery::{CancelReason, Next, Progress};
use tidings_core::event::{IdempotencyKey, NewEvent};
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::outcome::Outcome;
use tidings_core::time::Timestamp;
use tokio::sync::oneshot;

/// By which contents are told apart and bodies checked: the first half of BLAKE3.
pub type ContentHash = [u8; 16];

/// Hashes a content.
pub fn content_hash(content: &[u8]) -> ContentHash {
    let mut half = ContentHash::default();
    blake3::Hasher::new()
        .update(content)
        .finalize_xof()
        .fill(&mut half);
    half
}

/// A claim: which life of which node holds a delivery, and which claim of it this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The node's life. Every start is a new epoch.
    pub epoch: i64,
    /// Grows with every claim of the delivery.
    pub fence: u32,
}

/// One delivery in this node's memory, ready to be sent.
#[derive(Debug)]
pub struct Job {
    /// Which.
    pub delivery: DeliveryId,
    /// The recipient (W12).
    pub organization: OrganizationId,
    /// The type on the wire.
    pub wire_type: Arc<str>,
    /// The producer's `data`, compact; shared by all recipients of the event.
    pub data: Bytes,
    /// How far its tries have come.
    pub progress: Progress,
    /// When it was due: lateness is measured from here.
    pub due_at: Timestamp,
    /// The claim that may settle it.
    pub lease: Lease,
    /// Its room in memory.
    pub reservation: Reservation,
}

/// One event to store.
#[derive(Debug)]
pub struct Accept {
    /// The event; `data` is a compact JSON object.
    pub event: NewEvent<Bytes>,
    /// The producer's key, if it gave one.
    pub idempotency: Option<Idempotency>,
    /// The trace that the producer's request is part of, if it said so and traces are on.
    pub trace: Option<Context>,
}

/// An idempotency key and what it stands for.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The key, per organization.
    pub key: IdempotencyKey,
    /// A hash of the whole request content: the same key with another is a conflict.
    pub content: ContentHash,
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Stored now.
    Stored(EventId),
    /// The key was used before with the same content: this is the first answer again.
    Repeated(EventId),
    /// The key was used before with other content.
    Conflict {
        /// When it was used.
        used_at: Timestamp,
    },
    /// The organization is not known.
    UnknownOrganization,
    /// The catalogue does not hold the type.
    UnknownType,
}

impl Accepted {
    /// What became of it, in a word, for counting.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stored(_) => "accepted",
            Self::Repeated(_) => "repeated",
            Self::Conflict { .. } => "conflict",
            Self::UnknownOrganization | Self::UnknownType => "refused",
        }
    }
}

/// What a claim brought.
#[derive(Debug)]
pub struct Claimed {
    /// Leased to this node; each holds its room.
    pub jobs: Vec<Job>,
    /// Whether more is due now than had room or fitted the limit; with fewer jobs than the limit, room was short.
    pub more: bool,
    /// The earliest due time later than now, among endpoints that may be sent to: the next claim's moment.
    pub next_due: Option<Timestamp>,
}

/// How an attempt's time was spent; parts that did not happen are absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Name look-up.
    pub dns: Option<Duration>,
    /// TCP connect.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub tls: Option<Duration>,
    /// From the start to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// From the start to the end.
    pub total: Duration,
}

/// The answer of a receiver, cut to what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Header lines, `name: value` with `\n` between them, bytes as received.
    pub headers: Bytes,
    /// The beginning of the body.
    pub body: Bytes,
    /// Bytes of the body that were read in all.
    pub body_bytes: u64,
}

/// One HTTP request as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// 1 for the first request of the delivery.
    pub number: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// How much later than due it started.
    pub lateness: Duration,
    /// How its time was spent.
    pub timing: Timing,
    /// What became of it.
    pub outcome: Outcome,
    /// More than the outcome's class says: `certificate expired`, the refusal's text; empty when nothing.
    pub detail: String,
    /// The version of the endpoint's URL and headers it was made with.
    pub endpoint_version: u32,
    /// `webhook-timestamp` (seconds).
    pub timestamp: i64,
    /// The value of `vomo-signature`; empty when nothing was sent.
    pub vomo_signature: String,
    /// The value of `webhook-signature`; empty when nothing was sent.
    pub webhook_signature: String,
    /// The address that was dialled.
    pub peer: Option<SocketAddr>,
    /// The answer, if one came.
    pub answer: Answer,
}

/// What is to become of a claimed delivery.
#[derive(Debug)]
pub enum Change {
    /// An attempt ended.
    Attempted {
        /// For the log.
        record: Box<AttemptRecord>,
        /// The progress after it.
        progress: Progress,
        /// What follows; the store turns a further try into a cancellation where the endpoint is gone (W2).
        next: Next,
    },
    /// No attempt was made: due again as it was (drain, switched off).
    HandedBack {
        /// Since when it is due: the job's.
        due_at: Timestamp,
    },
    /// It must never be sent.
    Cancelled(CancelReason),
}

/// One result.
#[derive(Debug)]
pub struct Settlement {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The claim it was made under.
    pub lease: Lease,
    /// What is to become of it.
    pub change: Change,
    /// Its room, given back once this is stored.
    pub reservation: Reservation,
}

/// Results that could not be stored, given back so that they can be stored later.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotSettled {
    /// Why.
    pub error: StoreError,
    /// All of them, as they came; what a failing writer lost is missing and stays leased.
    pub results: Vec<Settlement>,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Stored.
    Stored,
    /// Someone else holds or finished the delivery: nothing was changed.
    LeaseLost,
}

/// A test send to make (see *States* in the contract).
#[derive(Debug, Clone)]
pub struct NewTest {
    /// The endpoint's organization.
    pub organization: OrganizationId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The type on the wire.
    pub wire_type: tidings_core::event_type::WireType,
    /// The catalogue's example, compact.
    pub data: Bytes,
}

/// What became of the wish to send a test.
#[derive(Debug)]
pub enum TestStarted {
    /// It is on its way; the receiver yields once its attempt is stored.
    Started {
        /// Its id.
        delivery: DeliveryId,
        /// Yields the stored attempt; closed without one when the server stops first.
        done: oneshot::Receiver<AttemptRecord>,
    },
    /// No such endpoint in this organization.
    NotFound,
    /// The organization has no add-on that grants webhooks (W1).
    AddOnRequired,
    /// This node's memory is full of other work; try again.
    Busy,
}

/// Whether upkeep left work for another step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Nothing left to do now.
    Idle,
    /// Something has to wait for what is under way: call again in a second.
    Waits,
    /// Call again soon.
    More,
}

/// The queue. All methods may be called from any task; an implementation batches them.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Stores events. The answers are in the order of the events; each is stored or refused on its own, all
    /// in one commit that is on disk when this returns. Deliveries that found room were handed over before.
    ///
    /// # Errors
    /// Nothing was stored: the disk is full, the store is busy, closed, or damaged.
    async fn accept(&self, events: Vec<Accept>) -> Result<Vec<Accepted>, StoreError>;

    /// Stores a test send as an event of its own with one delivery, hands it over, and says when it is done.
    ///
    /// # Errors
    /// As for [`Queue::accept`].
    async fn test(&self, test: NewTest, actor: Actor) -> Result<TestStarted, StoreError>;

    /// Leases at most `limit` due deliveries to this node, as room allows, going round the endpoints.
    /// Deliveries of endpoints that are off stay; their bodies are checked against their hash first.
    ///
    /// # Errors
    /// Nothing was leased.
    async fn claim(&self, limit: usize, now: Timestamp) -> Result<Claimed, StoreError>;

    /// Stores results, each with its attempt and next state in one commit. Need not be synced one by one:
    /// losing the last few repeats attempts (W23). What is due again by this is known to the caller; everything
    /// else that becomes due is announced on the handover after its commit.
    ///
    /// # Errors
    /// Nothing was stored; the deliveries stay leased, and the results come back.
    async fn settle(&self, results: Vec<Settlement>) -> Result<Vec<Settled>, NotSettled>;

    /// Makes the next parts of the oldest unfinished fan-outs, at most `limit` deliveries, in one commit with
    /// their cursors. That there is one is announced on the handover (`upkeep_left`) after the commit that left it.
    ///
    /// # Errors
    /// Nothing was made; the cursors stand where they were.
    async fn expand(&self, limit: usize) -> Result<Upkeep, StoreError>;

    /// One small step of whatever else is pending: cancelling in bulk, replays, late-written indexes, expired
    /// idempotency keys.
    ///
    /// # Errors
    /// The step was not made; it is taken again next time.
    async fn upkeep(&self, now: Timestamp) -> Result<Upkeep, StoreError>;

    /// Everything leased to earlier lives of this node becomes due again; called once before serving.
    /// Answers how many.
    ///
    /// # Errors
    /// Nothing was changed.
    async fn recover(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// Whether a claim may still be acted on: the node's life that made it goes on, its view of what may be sent is
    /// fresh, and the event is not being erased. Asked right before an attempt starts.
    fn may_start(&self, job: &Job) -> bool;

    /// Writes out what is pending and closes; later calls answer [`StoreError::Closed`].
    async fn close(&self);
}
