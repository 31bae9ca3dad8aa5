//! Making deliveries: who is to get an event, and where each delivery starts.
//!
//! A delivery that finds room is stored as leased and handed over after the commit; any other is stored as
//! due, and set aside for the index of due rows ([`super::super::aside`]).

use super::super::aside::NO_EPOCH;
use super::super::step::Step;
use super::super::tables::rows::audience_code;
use super::super::tables::{NameId, Tables};
use super::super::upkeep::note_delivery;
use crate::store::StoreError;
use crate::store::queue::{Job, Lease};
use crate::store::room::{Origin, Reservation};
use bytes::Bytes;
use rusqlite::params;
use std::iter::Peekable;
use tidings_core::delivery::{Progress, Round, State};
use tidings_core::event_type::Audience;
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// The hash that a body is stored and checked with: the first half of BLAKE3.
pub type BodyHash = [u8; 16];

/// Hashes a body.
pub fn body_hash(data: &[u8]) -> BodyHash {
    let mut half = BodyHash::default();
    blake3::Hasher::new()
        .update(data)
        .finalize_xof()
        .fill(&mut half);
    half
}

/// What there is of an event's body.
pub enum Body {
    /// As it was posted.
    Whole(Bytes),
    /// Retention removed it.
    Gone,
    /// It no longer has its hash.
    Damaged,
}

/// Reads a body and checks its hash.
///
/// # Errors
/// The database failed.
pub fn stored_body(step: &mut Step<'_, '_>, event: EventId) -> Result<Body, StoreError> {
    let mut rows = step.statements.body.query([event.raw()])?;
    let Some(row) = rows.next()? else {
        return Ok(Body::Gone);
    };
    let hash: BodyHash = row.get(0)?;
    let data = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    if body_hash(data) == hash {
        return Ok(Body::Whole(Bytes::copy_from_slice(data)));
    }
    tracing::error!(%event, "the stored body no longer has its hash; it is never sent");
    Ok(Body::Damaged)
}

/// An event whose deliveries are being made.
#[derive(Debug, Clone, Copy)]
pub struct Posted {
    /// Which.
    pub id: EventId,
    /// Its owner.
    pub organization: OrganizationId,
    /// Its type.
    pub name: NameId,
    /// Whether it reaches other organizations.
    pub public: bool,
    /// When it was accepted: its deliveries are due from then on.
    pub accepted_at: Timestamp,
}

/// One recipient of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// Where to.
    pub endpoint: EndpointId,
    /// Whose endpoint.
    pub organization: OrganizationId,
    /// Under which form (W8).
    pub audience: Audience,
}

/// The recipients of an event after a cursor, ascending by endpoint: its owner's, and for a public one the others'.
/// Endpoints younger than the event are none: their ids come from the same source and are larger.
pub fn recipients<'a>(
    tables: &'a Tables,
    event: &Posted,
    after: EndpointId,
) -> impl Iterator<Item = Recipient> + use<'a> {
    let (owner, newest) = (event.organization, EndpointId::from_raw(event.id.raw()));
    let own = tables
        .own_recipients(owner, event.name)
        .skip_while(move |endpoint| *endpoint <= after)
        .take_while(move |endpoint| *endpoint <= newest)
        .map(move |endpoint| Recipient {
            endpoint,
            organization: owner,
            audience: Audience::Own,
        });
    let public = event
        .public
        .then(|| tables.public_recipients(event.name, after, newest, owner))
        .into_iter()
        .flatten()
        .map(|(endpoint, organization)| Recipient {
            endpoint,
            organization,
            audience: Audience::Public,
        });
    Merged {
        own: own.peekable(),
        public: public.peekable(),
    }
}

struct Merged<A: Iterator, B: Iterator> {
    own: Peekable<A>,
    public: Peekable<B>,
}

impl<A: Iterator<Item = Recipient>, B: Iterator<Item = Recipient>> Iterator for Merged<A, B> {
    type Item = Recipient;

    fn next(&mut self) -> Option<Recipient> {
        match (self.own.peek(), self.public.peek()) {
            (Some(own), Some(public)) if public.endpoint < own.endpoint => self.public.next(),
            (Some(_), _) => self.own.next(),
            (None, _) => self.public.next(),
        }
    }
}

/// Where a delivery starts.
#[derive(Debug)]
pub enum Start {
    /// In this node's memory.
    Leased(Reservation, Bytes),
    /// In the store, from the event's acceptance on.
    Waiting,
}

/// The start of a delivery with a whole body, as room allows.
pub fn start(step: &Step<'_, '_>, endpoint: EndpointId, data: &Bytes) -> Start {
    let origin = if step.memory.due.has_backlog(endpoint, step.now) {
        Origin::BehindBacklog
    } else {
        Origin::Fresh
    };
    match step.room.reserve(endpoint, data.len(), origin) {
        Some(reservation) => Start::Leased(reservation, data.clone()),
        None => Start::Waiting,
    }
}

/// Whether a delivery was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Now.
    Now,
    /// There was one of this event to this endpoint.
    Before,
}

/// Stores a delivery, and hands it over if it starts in memory.
///
/// # Errors
/// The database failed.
pub fn make(
    step: &mut Step<'_, '_>,
    event: &Posted,
    recipient: Recipient,
    round: Round,
    start: Start,
) -> Result<Made, StoreError> {
    let (state, epoch, fence) = match start {
        Start::Leased(..) => (State::InFlight, step.memory.epoch, 1),
        Start::Waiting => (step.due_state(), NO_EPOCH, 0),
    };
    let inserted = step.statements.insert_delivery.execute(params![
        event.id.raw(),
        recipient.endpoint.raw(),
        recipient.organization.get(),
        event.name.0,
        audience_code(recipient.audience),
        state.code(),
        round.code(),
        event.accepted_at.as_micros(),
        epoch,
        fence,
    ])?;
    if inserted == 0 {
        return Ok(Made::Before);
    }
    note_delivery(step, recipient.endpoint, event.id)?;
    match start {
        Start::Leased(reservation, data) => {
            let Some(wire_type) = step
                .tables
                .types
                .wire_text(event.name, recipient.audience)
                .cloned()
            else {
                return Err(unknown_name(event.name));
            };
            step.hand_over(Job {
                delivery: DeliveryId {
                    event: event.id,
                    endpoint: recipient.endpoint,
                },
                organization: recipient.organization,
                wire_type,
                data,
                progress: Progress {
                    round,
                    ..Progress::NEW
                },
                due_at: event.accepted_at,
                lease: Lease { epoch, fence },
                reservation,
            });
        }
        Start::Waiting => {
            let (endpoint, due_at) = (recipient.endpoint, event.accepted_at);
            if state == State::InFlight {
                step.memory.aside.add(endpoint, due_at, event.id);
            }
            step.waits(endpoint, due_at);
        }
    }
    Ok(Made::Now)
}

/// A stored number of an event type that the catalogue does not hold.
pub fn unknown_name(name: NameId) -> StoreError {
    StoreError::Internal {
        what: format!("event type number {} is not in the catalogue", name.0),
    }
}
