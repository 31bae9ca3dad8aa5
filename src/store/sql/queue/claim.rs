//! Leasing what waits in the store to this node: round the endpoints, as room allows.
//!
//! Who was served goes to the end of the turns; who found no room keeps its place, so that nobody is passed by for good
//! while room is short. One look at one endpoint costs one seek. Rows of endpoints that may not be sent to are never looked at.

use super::super::database::{LeaseRow, values};
use super::super::rest::{self, put_to_rest};
use super::super::step::Step;
use super::due_rows::{self, Row};
use super::place::{Body, stored_bodies, unknown_name};
use crate::store::StoreError;
use crate::store::directory::Sending;
use crate::store::queue::{Claimed, Job, Lease};
use crate::store::room::{Origin, Reservation};
use bytes::Bytes;
use std::collections::HashMap;
use tidings_core::delivery::{CancelReason, State};
use tidings_core::id::{DeliveryId, EndpointId, EventId};
use tidings_core::time::Timestamp;

/// Deliveries of one endpoint and turn.
const TURN: usize = 64;
/// Bodies asked for together: with the largest that is 4 MiB.
const READ_AHEAD: usize = 16;
/// Deliveries put to rest in one claim because their bodies cannot be sent.
const RESTED: usize = 256;

const PUT_TO_REST: &str = put_to_rest!(
    "WHERE event_id = ?3 AND endpoint_id = ?4 AND (state = 0 OR (state = 1 AND epoch = 0))"
);

/// What is being claimed.
struct Claim {
    now: Timestamp,
    limit: usize,
    jobs: Vec<Job>,
    rested: usize,
    /// Endpoints that found no room in this round: the first ones when some comes free.
    passed_by: Vec<EndpointId>,
    /// Bodies read so far: many deliveries may share one.
    bodies: HashMap<EventId, Body>,
}

/// A due delivery that found room, to be leased at the end of its endpoint's turn.
struct Taken {
    row: Row,
    data: Bytes,
    reservation: Reservation,
}

impl Taken {
    /// The claim that this is.
    const fn fence(&self) -> u32 {
        self.row.fence.saturating_add(1)
    }
}

/// What became of one endpoint's turn.
enum Turn {
    /// More of it is due now.
    More,
    /// It found no room for even one.
    NoRoom,
    /// Its next one is due then, if there is one.
    Done(Option<Timestamp>),
}

/// Leases at most `limit` deliveries that are due at `now`.
pub fn claim(step: &mut Step<'_>, limit: usize, now: Timestamp) -> Result<Claimed, StoreError> {
    step.memory.trust(step.database)?;
    let mut claim = Claim {
        now,
        limit,
        jobs: Vec::new(),
        rested: 0,
        passed_by: Vec::new(),
        bodies: HashMap::new(),
    };
    // Rounds go on while they bring something: an endpoint may have several turns, and never two in a row
    // while another waits for its first.
    loop {
        let before = claim.handled();
        for _ in 0..step.memory.due.ripen(now) {
            if claim.is_full() {
                break;
            }
            let Some(endpoint) = step.memory.due.take_turn() else {
                break;
            };
            claim.turn(step, endpoint)?;
        }
        for endpoint in claim.passed_by.drain(..).rev() {
            step.memory.due.put_first(endpoint);
        }
        if claim.is_full() || claim.handled() == before {
            break;
        }
    }
    if claim.rested >= RESTED {
        // Fewer jobs than wanted would mean that room was short; so the engine is told to look again.
        step.look_again();
    }
    Ok(Claimed {
        jobs: claim.jobs,
        more: step.memory.due.has_ready(),
        next_due: step.memory.due.next(),
    })
}

impl Claim {
    const fn handled(&self) -> usize {
        self.jobs.len() + self.rested
    }

    const fn is_full(&self) -> bool {
        self.jobs.len() >= self.limit || self.rested >= RESTED
    }

    fn turn(&mut self, step: &mut Step<'_>, endpoint: EndpointId) -> Result<(), StoreError> {
        let open = step.tables.sending(endpoint) == Some(Sending::Open);
        if !open || step.memory.sweeping.contains(&endpoint) {
            step.memory.due.park(endpoint, self.now);
            return Ok(());
        }
        match self.lease(step, endpoint)? {
            Turn::More => step.memory.due.put_back(endpoint),
            Turn::NoRoom => self.passed_by.push(endpoint),
            Turn::Done(Some(next)) => step.memory.due.add(endpoint, next),
            Turn::Done(None) => {}
        }
        Ok(())
    }

    fn lease(&mut self, step: &mut Step<'_>, endpoint: EndpointId) -> Result<Turn, StoreError> {
        let left = step.room.left(endpoint);
        if left == 0 {
            return Ok(Turn::NoRoom);
        }
        let wanted = TURN
            .min(left)
            .min(self.limit.saturating_sub(self.jobs.len()));
        let mut rows = due_rows::first(step, endpoint, wanted + 1)?;
        let next = match rows.len() > wanted {
            true => rows.pop().map(|row| row.due_at),
            false => None,
        };
        let mut taken = Vec::with_capacity(rows.len());
        let ended = self.take(step, endpoint, rows, &mut taken)?;
        self.hold(step, endpoint, taken)?;
        Ok(match (ended, next) {
            (Some(turn), _) => turn,
            (None, Some(due)) if due <= self.now => Turn::More,
            (None, next) => Turn::Done(next),
        })
    }

    /// Takes room for the rows in their order; puts those to rest that cannot be sent. Answers what became of the turn if
    /// it ended before the last of them.
    fn take(
        &mut self,
        step: &mut Step<'_>,
        endpoint: EndpointId,
        rows: Vec<Row>,
        taken: &mut Vec<Taken>,
    ) -> Result<Option<Turn>, StoreError> {
        let rested = self.rested;
        let events: Vec<EventId> = rows.iter().map(|row| row.event).collect();
        for (place, row) in rows.into_iter().enumerate() {
            if row.due_at > self.now {
                return Ok(Some(Turn::Done(Some(row.due_at))));
            }
            let data = match self.body(step, events.get(place..).unwrap_or_default())? {
                Ok(data) => data,
                Err(reason) => {
                    give_up(step, &row, endpoint, reason)?;
                    step.memory.aside.remove(endpoint, row.due_at, row.event);
                    self.rested += 1;
                    continue;
                }
            };
            let Some(reservation) = step.room.reserve(endpoint, data.len(), Origin::Claimed) else {
                return Ok(Some(if taken.is_empty() && self.rested == rested {
                    Turn::NoRoom
                } else {
                    Turn::More
                }));
            };
            taken.push(Taken {
                row,
                data,
                reservation,
            });
        }
        Ok(None)
    }

    /// Leases what was taken, all at once, and makes jobs of it. When that fails its room is free again.
    fn hold(
        &mut self,
        step: &mut Step<'_>,
        endpoint: EndpointId,
        taken: Vec<Taken>,
    ) -> Result<(), StoreError> {
        if taken.is_empty() {
            return Ok(());
        }
        let epoch = step.memory.epoch;
        let leases: Vec<_> = taken
            .iter()
            .map(|taken| LeaseRow {
                event: taken.row.event.raw(),
                fence: taken.fence(),
                aside: taken.row.aside,
            })
            .collect();
        step.database.lease(endpoint.raw(), epoch, &leases)?;
        // A writer that is alone finds nothing in the index that is gone.
        if !step.database.sets_aside()
            && let Some(Taken { row, .. }) = taken.last()
        {
            step.memory.due.claimed(endpoint, row.due_at, row.event);
        }
        for taken in taken {
            let fence = taken.fence();
            let row = taken.row;
            step.memory.aside.remove(endpoint, row.due_at, row.event);
            self.jobs.push(Job {
                delivery: DeliveryId {
                    event: row.event,
                    endpoint,
                },
                organization: row.organization,
                wire_type: step
                    .tables
                    .types
                    .wire_text(row.name, row.audience)
                    .cloned()
                    .ok_or_else(|| unknown_name(row.name))?,
                data: taken.data,
                progress: row.progress,
                due_at: row.due_at,
                lease: Lease { epoch, fence },
                reservation: taken.reservation,
            });
        }
        Ok(())
    }

    /// The body of the first of these events; those of the others will be asked for, too.
    fn body(
        &mut self,
        step: &Step<'_>,
        events: &[EventId],
    ) -> Result<Result<Bytes, CancelReason>, StoreError> {
        let Some(event) = events.first() else {
            return Ok(Err(CancelReason::Expired));
        };
        if step.memory.withheld.is_ending(step.sql(), *event)? {
            return Ok(Err(CancelReason::Deleted));
        }
        if !self.bodies.contains_key(event) {
            let ahead = events
                .get(..READ_AHEAD.min(events.len()))
                .unwrap_or_default();
            self.bodies.extend(stored_bodies(step, ahead)?);
        }
        Ok(match self.bodies.get(event) {
            Some(Body::Whole(data)) => Ok(data.clone()),
            Some(Body::Damaged) => Err(CancelReason::Damaged),
            Some(Body::Gone) | None => Err(CancelReason::Expired),
        })
    }
}

/// Puts a delivery to rest that cannot be sent.
fn give_up(
    step: &mut Step<'_>,
    row: &Row,
    endpoint: EndpointId,
    reason: CancelReason,
) -> Result<(), StoreError> {
    let (state, now) = (State::Cancelled(reason).code(), step.now.as_micros());
    let (event, endpoint) = (row.event.raw(), endpoint.raw());
    rest::put(step, PUT_TO_REST, values![state, now, event, endpoint])?;
    Ok(())
}
