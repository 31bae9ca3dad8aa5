//! The log: what was posted, what became of it, and the wish to send it again.
//!
//! Lists are complete and newest first: an index that is written late is read together with the part it
//! does not cover yet. A page may come back short with a cursor when a filter matched few of the rows that
//! one call may look at.

use super::directory::{Endpoint, Page, PageRequest};
use super::queue::AttemptRecord;
use super::{Actor, Reach, StoreError};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use tidings_core::delivery::{Progress, Shown};
use tidings_core::endpoint::HeaderNames;
use tidings_core::event::{Publicity, Reference};
use tidings_core::event_type::{EventTypeName, WireType};
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId, ReplayId};
use tidings_core::time::Timestamp;

/// An event, without its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// Its id.
    pub id: EventId,
    /// The owner.
    pub organization: OrganizationId,
    /// The own form of the type.
    pub event_type: EventTypeName,
    /// Whether it reaches other organizations.
    pub publicity: Publicity,
    /// The producer's own id.
    pub reference: Option<Reference>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Whether it is a test send.
    pub test: bool,
    /// When it was erased, if it was: its body, its reference and its attempts are gone then.
    pub erased_at: Option<Timestamp>,
}

/// An event with its data and what became of it within reach.
#[derive(Debug, Clone)]
pub struct EventDetail {
    /// The event.
    pub summary: EventSummary,
    /// The producer's `data`; `None` once retention removed it.
    pub data: Option<Bytes>,
    /// Deliveries within reach by shown state: (state, how many). Counted up to 10,000.
    pub deliveries: Vec<(Shown, u64)>,
    /// Whether its fan-out is still being made.
    pub expanding: bool,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySummary {
    /// Its id, the `webhook-id`.
    pub id: DeliveryId,
    /// The recipient.
    pub organization: OrganizationId,
    /// The type on the wire.
    pub wire_type: WireType,
    /// The producer's own id of the event.
    pub reference: Option<Reference>,
    /// Its state.
    pub shown: Shown,
    /// How far its tries have come.
    pub progress: Progress,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// When the next try is due, while it waits.
    pub due_at: Option<Timestamp>,
    /// When it came to rest.
    pub rested_at: Option<Timestamp>,
    /// When its event was erased, if it was.
    pub erased_at: Option<Timestamp>,
}

/// An attempt with the parts of its request that the delivery does not hold.
#[derive(Debug, Clone)]
pub struct AttemptDetail {
    /// As it was recorded.
    pub record: AttemptRecord,
    /// The URL it went to.
    pub url: String,
    /// The names of the endpoint's custom headers then; values of old versions are not kept.
    pub headers: HeaderNames,
}

/// A delivery with all its attempts.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    /// The delivery.
    pub summary: DeliverySummary,
    /// The endpoint, if it is not deleted.
    pub endpoint: Option<Arc<Endpoint>>,
    /// The request body as it is sent; `None` once retention removed it.
    pub body: Option<Bytes>,
    /// In the order they were made.
    pub attempts: Vec<AttemptDetail>,
}

/// Which of its own events an organization's list shows.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this type; in its public form those of them that are public.
    pub wire_type: Option<WireType>,
    /// With this reference.
    pub reference: Option<Reference>,
    /// Accepted then or later.
    pub from: Option<Timestamp>,
    /// Accepted before then.
    pub to: Option<Timestamp>,
}

/// Which deliveries a list shows.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Of one endpoint.
    pub endpoint: Option<EndpointId>,
    /// In this state.
    pub state: Option<StateFilter>,
    /// Of this type on the wire.
    pub wire_type: Option<WireType>,
    /// Of this event.
    pub event: Option<EventId>,
    /// Of events with this reference.
    pub reference: Option<Reference>,
    /// Of events accepted then or later.
    pub from: Option<Timestamp>,
    /// Of events accepted before then.
    pub to: Option<Timestamp>,
}

/// A state to filter by, as in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFilter {
    /// Due, in flight, or held.
    Waiting,
    /// A 2xx came back.
    Delivered,
    /// The third counted failure.
    Exhausted,
    /// Given up.
    Cancelled,
}

/// What became of the wish for one more try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It is due now.
    Due,
    /// No such delivery within reach.
    NotFound,
    /// A try is being made now.
    InFlight,
    /// The endpoint or its organization is switched off.
    EndpointOff,
    /// The endpoint was deleted.
    EndpointDeleted,
    /// The organization has no add-on that grants webhooks.
    AddOnRequired,
    /// Retention removed the body.
    BodyGone,
    /// The event was erased.
    Erased,
    /// A test is sent anew, not again.
    Test,
}

/// What a replay sends again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayInclude {
    /// Deliveries that ran out of tries.
    pub exhausted: bool,
    /// Deliveries that were cancelled.
    pub cancelled: bool,
    /// Deliveries that arrived.
    pub delivered: bool,
    /// Events that match the endpoint's choice and never became deliveries.
    pub missing: bool,
}

/// A replay to start.
#[derive(Debug, Clone)]
pub struct NewReplay {
    /// The endpoint's organization.
    pub organization: OrganizationId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Events accepted then or later.
    pub from: Timestamp,
    /// Events accepted before then.
    pub to: Timestamp,
    /// Which of them.
    pub include: ReplayInclude,
}

/// What became of the wish to replay.
#[derive(Debug, Clone)]
pub enum ReplayStarted {
    /// It runs.
    Started(Replay),
    /// No such endpoint in this organization.
    NotFound,
    /// The endpoint or its organization is switched off.
    EndpointOff,
    /// The organization has no add-on that grants webhooks.
    AddOnRequired,
    /// The endpoint has a replay running.
    Running(ReplayId),
}

/// How a replay stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The endpoint's organization.
    pub organization: OrganizationId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The range and what it includes.
    pub from: Timestamp,
    /// End of the range.
    pub to: Timestamp,
    /// Which deliveries.
    pub include: ReplayInclude,
    /// Running, done, or stopped.
    pub state: ReplayState,
    /// Events looked at.
    pub examined: u64,
    /// Deliveries made due.
    pub queued: u64,
    /// The part of the time range that is done, in percent.
    pub percent: u8,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Whether a replay goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    /// It goes on.
    Running,
    /// It came to the end of its range.
    Done,
    /// Someone stopped it.
    Stopped,
}

/// The log.
#[async_trait]
pub trait Log: Send + Sync {
    /// An event within reach: its owner's, and for recipients those they have deliveries of.
    async fn event(&self, reach: Reach, id: EventId) -> Result<Option<EventDetail>, StoreError>;
    /// An organization's own events.
    async fn events(
        &self,
        organization: OrganizationId,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<EventSummary>, StoreError>;
    /// A delivery within reach.
    async fn delivery(
        &self,
        reach: Reach,
        id: DeliveryId,
    ) -> Result<Option<DeliveryDetail>, StoreError>;
    /// Deliveries to an organization's endpoints.
    async fn deliveries(
        &self,
        organization: OrganizationId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError>;
    /// One more try now, asked for by hand.
    async fn retry(
        &self,
        reach: Reach,
        id: DeliveryId,
        actor: Actor,
    ) -> Result<Retried, StoreError>;
    /// Starts a replay.
    async fn start_replay(&self, new: NewReplay, actor: Actor)
    -> Result<ReplayStarted, StoreError>;
    /// How a replay stands.
    async fn replay(
        &self,
        organization: OrganizationId,
        id: ReplayId,
    ) -> Result<Option<Replay>, StoreError>;
    /// Stops a replay; what it made due is still sent.
    async fn stop_replay(
        &self,
        organization: OrganizationId,
        id: ReplayId,
        actor: Actor,
    ) -> Result<Option<Replay>, StoreError>;
}
