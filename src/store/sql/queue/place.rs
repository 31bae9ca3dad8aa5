//! Making deliveries: who is to get an event, and where each delivery starts.
//!
//! A delivery that finds room is stored as leased and handed over after the commit; any other is stored as
//! due, and set aside for the index of due rows ([`super::super::aside`]).

use super::super::aside::{NO_EPOCH, Places};
use super::super::database::DeliveryRow;
use super::super::step::Step;
use super::super::tables::rows::audience_code;
use super::super::tables::{NameId, Tables};
use super::super::upkeep::note_delivery;
use crate::store::StoreError;
use crate::store::queue::{ContentHash, Job, Lease, content_hash};
use crate::store::room::{Origin, Reservation};
use bytes::Bytes;
use std::iter::Peekable;
use tidings_core::delivery::{Progress, Round, State};
use tidings_core::event_type::Audience;
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

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
pub fn stored_body(step: &Step<'_>, event: EventId) -> Result<Body, StoreError> {
    let mut found = stored_bodies(step, &[event])?;
    Ok(found.pop().map_or(Body::Gone, |(_, body)| body))
}

/// Reads the body of the first of these events, where it is there, and those of others if that costs no more; checks their
/// hashes.
///
/// # Errors
/// The database failed.
pub fn stored_bodies(
    step: &Step<'_>,
    events: &[EventId],
) -> Result<Vec<(EventId, Body)>, StoreError> {
    let ids: Vec<i64> = events.iter().map(|event| event.raw()).collect();
    let mut found = Vec::with_capacity(ids.len());
    step.database.bodies(&ids, &mut |row| {
        let event = EventId::from_raw(row.get(0)?);
        let (hash, data) = (row.get::<ContentHash>(1)?, row.bytes(2)?);
        found.push((
            event,
            if content_hash(data) == hash {
                Body::Whole(Bytes::copy_from_slice(data))
            } else {
                tracing::error!(%event, "the stored body no longer has its hash; it is never sent");
                Body::Damaged
            },
        ));
        Ok(())
    })?;
    Ok(found)
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
pub fn start(step: &Step<'_>, endpoint: EndpointId, data: &Bytes) -> Start {
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

/// The claim of a delivery that starts in memory: its first.
const FIRST_FENCE: u32 = 1;

/// Stores deliveries of one event, each unless there is one to its endpoint, and hands over what starts in memory. Of a
/// `fresh` event there is none before. Answers how many were made now.
///
/// # Errors
/// The database failed.
pub fn make_all(
    step: &mut Step<'_>,
    event: &Posted,
    round: Round,
    wanted: Vec<(Recipient, Start)>,
    fresh: bool,
) -> Result<usize, StoreError> {
    if wanted.is_empty() {
        return Ok(0);
    }
    let rows = rows(step, event, round, &wanted);
    let new = step.database.insert_deliveries(&rows, fresh)?;
    let mut made = 0;
    for ((row, (recipient, start)), new) in rows.iter().zip(wanted).zip(new) {
        if !new {
            continue;
        }
        made += 1;
        note_delivery(step, recipient.endpoint, event.id)?;
        match start {
            Start::Leased(reservation, data) => {
                hand_over(step, event, round, recipient, (reservation, data))?;
            }
            Start::Waiting => {
                let (endpoint, due_at) = (recipient.endpoint, event.accepted_at);
                if row.state == State::InFlight.code() {
                    step.memory.aside.add(endpoint, due_at, event.id);
                }
                step.waits(endpoint, due_at);
            }
        }
    }
    Ok(made)
}

/// The rows of deliveries. What waits is set aside as long as the set has places, counting those of earlier rows.
fn rows(
    step: &Step<'_>,
    event: &Posted,
    round: Round,
    wanted: &[(Recipient, Start)],
) -> Vec<DeliveryRow> {
    let mut places = Places::left(step);
    wanted
        .iter()
        .map(|(recipient, start)| {
            let (state, epoch, fence) = match start {
                Start::Leased(..) => (State::InFlight, step.memory.epoch, FIRST_FENCE),
                Start::Waiting => (places.due_state(), NO_EPOCH, 0),
            };
            DeliveryRow {
                event: event.id.raw(),
                endpoint: recipient.endpoint.raw(),
                organization: recipient.organization.get(),
                name: event.name.0,
                audience: audience_code(recipient.audience),
                state: state.code(),
                round: round.code(),
                due_at: event.accepted_at.as_micros(),
                epoch,
                fence,
            }
        })
        .collect()
}

/// Hands over a delivery that was just stored as leased.
fn hand_over(
    step: &mut Step<'_>,
    event: &Posted,
    round: Round,
    recipient: Recipient,
    (reservation, data): (Reservation, Bytes),
) -> Result<(), StoreError> {
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
        lease: Lease {
            epoch: step.memory.epoch,
            fence: FIRST_FENCE,
        },
        reservation,
    });
    Ok(())
}

/// A stored number of an event type that the catalogue does not hold.
pub fn unknown_name(name: NameId) -> StoreError {
    StoreError::Internal {
        what: format!("event type number {} is not in the catalogue", name.0),
    }
}
