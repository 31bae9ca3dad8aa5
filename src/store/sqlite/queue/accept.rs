//! Storing one event: its row, its body, its key, and its first deliveries.
//!
//! Everything a caller can get wrong is found before the first statement that writes, so that one bad event
//! never fails those committed with it.

use super::super::step::Step;
use super::super::upkeep::note_event;
use super::place::{self, BodyHash, Posted, Start};
use crate::store::StoreError;
use crate::store::queue::{Accept, Accepted, Idempotency};
use rusqlite::params;
use tidings_core::delivery::Round;
use tidings_core::event::{Publicity, Reference};
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::limits::{FIRST_FAN_OUT, IDEMPOTENCY_KEPT};
use tidings_core::time::Timestamp;

/// Stores an event, or says why not.
pub fn accept(
    step: &mut Step<'_, '_>,
    accept: &Accept,
    hash: &BodyHash,
) -> Result<Accepted, StoreError> {
    let event = &accept.event;
    if step.tables.organization(event.organization).is_none() {
        return Ok(Accepted::UnknownOrganization);
    }
    let Some(name) = step.tables.types.name_id(&event.event_type) else {
        return Ok(Accepted::UnknownType);
    };
    if let Some(key) = &accept.idempotency
        && let Some(answer) = used_before(step, event.organization, key)?
    {
        return Ok(answer);
    }
    let posted = Posted {
        id: EventId::from_raw(step.next_id()),
        organization: event.organization,
        name,
        public: event.publicity == Publicity::Public,
        accepted_at: step.now,
    };
    store(step, &posted, event.reference.as_ref())?;
    step.statements
        .insert_body
        .execute(params![posted.id.raw(), hash, &event.data[..]])?;
    if let Some(key) = &accept.idempotency {
        step.statements.insert_key.execute(params![
            event.organization.get(),
            key.key.as_str(),
            key.content,
            posted.id.raw(),
            step.now.as_micros(),
        ])?;
    }
    fan_out(step, &posted, &event.data)?;
    Ok(Accepted::Stored(posted.id))
}

fn store(
    step: &mut Step<'_, '_>,
    posted: &Posted,
    reference: Option<&Reference>,
) -> Result<(), StoreError> {
    step.statements.insert_event.execute(params![
        posted.id.raw(),
        posted.organization.get(),
        posted.name.0,
        posted.public,
        false,
        posted.accepted_at.as_micros(),
        reference.map(Reference::as_str),
    ])?;
    note_event(
        step,
        posted.organization,
        posted.id,
        reference.map(Reference::as_str),
    );
    Ok(())
}

/// The answer to a key that is remembered. Keys of this very group are found too: they are in the transaction.
fn used_before(
    step: &mut Step<'_, '_>,
    organization: OrganizationId,
    given: &Idempotency,
) -> Result<Option<Accepted>, StoreError> {
    let forgotten = step.now.minus(IDEMPOTENCY_KEPT);
    let mut rows = step
        .statements
        .find_key
        .query(params![organization.get(), given.key.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let content: [u8; 16] = row.get(0)?;
    let used_at = Timestamp::from_micros(row.get(2)?);
    Ok(if used_at <= forgotten {
        None
    } else if content == given.content {
        Some(Accepted::Repeated(EventId::from_raw(row.get(1)?)))
    } else {
        Some(Accepted::Conflict { used_at })
    })
}

/// Makes the first deliveries, and leaves a cursor for the rest.
fn fan_out(
    step: &mut Step<'_, '_>,
    posted: &Posted,
    data: &bytes::Bytes,
) -> Result<(), StoreError> {
    let mut recipients = place::recipients(step.tables, posted, EndpointId::from_raw(0));
    let mut last = EndpointId::from_raw(0);
    for recipient in recipients.by_ref().take(FIRST_FAN_OUT) {
        let start: Start = place::start(step, recipient.endpoint, data);
        place::make(step, posted, recipient, Round::Plan, start)?;
        last = recipient.endpoint;
    }
    if recipients.next().is_some() {
        step.connection()
            .prepare_cached("INSERT INTO fan_outs (event_id, after_endpoint) VALUES (?1, ?2)")?
            .execute(params![posted.id.raw(), last.raw()])?;
        step.leaves_fan_out();
    }
    Ok(())
}
