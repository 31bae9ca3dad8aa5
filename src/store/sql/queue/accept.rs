//! Storing one event: its row, its body, its key, and its first deliveries.
//!
//! Everything a caller can get wrong is found before the first statement that writes, so that one bad event
//! never fails those committed with it.

use super::super::database::{EventRow, values};
use super::super::step::Step;
use super::super::tables::NameId;
use super::super::upkeep::note_event;
use super::place::{self, Posted};
use crate::store::StoreError;
use crate::store::queue::{Accept, Accepted, ContentHash, Idempotency, content_hash};
use crate::traces::tracer;
use bytes::Bytes;
use tidings_core::delivery::Round;
use tidings_core::event::{Publicity, Reference};
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::limits::{FIRST_FAN_OUT, IDEMPOTENCY_KEPT};
use tidings_core::time::Timestamp;

/// Stores an event, or says why not.
pub fn accept(
    step: &mut Step<'_>,
    accept: &Accept,
    hash: &ContentHash,
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
    if let Some((tracer, context)) = tracer().zip(accept.trace) {
        tracer.remember(posted.id, context);
    }
    let reference = event.reference.as_ref().map(Reference::as_str);
    store(step, &posted, (reference, &event.data), hash)?;
    if let Some(key) = &accept.idempotency {
        remember(step, &posted, key)?;
    }
    fan_out(step, &posted, &event.data)?;
    Ok(Accepted::Stored(posted.id))
}

/// Stores an event that the server itself makes, in an organization that is there.
pub fn post_own(
    step: &mut Step<'_>,
    (organization, name): (OrganizationId, NameId),
    reference: &str,
    data: &Bytes,
) -> Result<(), StoreError> {
    let posted = Posted {
        id: EventId::from_raw(step.next_id()),
        organization,
        name,
        public: false,
        accepted_at: step.now,
    };
    let hash = content_hash(data);
    store(step, &posted, (Some(reference), data), &hash)?;
    fan_out(step, &posted, data)
}

fn store(
    step: &mut Step<'_>,
    posted: &Posted,
    (reference, data): (Option<&str>, &Bytes),
    hash: &ContentHash,
) -> Result<(), StoreError> {
    step.database.insert_event(&EventRow {
        id: posted.id.raw(),
        organization: posted.organization.get(),
        name: posted.name.0,
        public: posted.public,
        test: false,
        accepted_at: posted.accepted_at.as_micros(),
        reference,
        hash,
        data,
    })?;
    note_event(step, posted.organization, posted.id, reference);
    Ok(())
}

/// Remembers a key; one that is forgotten by now and still there is replaced.
fn remember(step: &Step<'_>, posted: &Posted, given: &Idempotency) -> Result<(), StoreError> {
    step.sql().execute(
        "INSERT INTO idempotency_keys (organization_id, key, content, event_id, used_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (organization_id, key) DO UPDATE
         SET content = excluded.content, event_id = excluded.event_id, used_at = excluded.used_at",
        values![
            posted.organization.get(),
            given.key.as_str(),
            given.content,
            posted.id.raw(),
            step.now.as_micros(),
        ],
    )?;
    Ok(())
}

/// The answer to a key that is remembered. Keys of this very group are found too: they are in the transaction. Nobody
/// else uses the key until that ends.
fn used_before(
    step: &Step<'_>,
    organization: OrganizationId,
    given: &Idempotency,
) -> Result<Option<Accepted>, StoreError> {
    let forgotten = step.now.minus(IDEMPOTENCY_KEPT);
    step.database.hold_key(organization, given.key.as_str())?;
    let used = step.sql().one(
        "SELECT content, event_id, used_at FROM idempotency_keys
         WHERE organization_id = ?1 AND key = ?2",
        values![organization.get(), given.key.as_str()],
        |row| {
            let content: [u8; 16] = row.get(0)?;
            let event = EventId::from_raw(row.get(1)?);
            Ok((content, event, Timestamp::from_micros(row.get(2)?)))
        },
    )?;
    let Some((content, event, used_at)) = used else {
        return Ok(None);
    };
    Ok(if used_at <= forgotten {
        None
    } else if content == given.content {
        Some(Accepted::Repeated(event))
    } else {
        Some(Accepted::Conflict { used_at })
    })
}

/// Makes the first deliveries, and leaves a cursor for the rest.
fn fan_out(step: &mut Step<'_>, posted: &Posted, data: &Bytes) -> Result<(), StoreError> {
    let mut recipients = place::recipients(step.tables, posted, EndpointId::from_raw(0));
    let mut last = EndpointId::from_raw(0);
    let mut wanted = Vec::new();
    for recipient in recipients.by_ref().take(FIRST_FAN_OUT) {
        wanted.push((recipient, place::start(step, recipient.endpoint, data)));
        last = recipient.endpoint;
    }
    place::make_all(step, posted, Round::Plan, wanted, true)?;
    if recipients.next().is_some() {
        step.sql().execute(
            "INSERT INTO fan_outs (event_id, after_endpoint) VALUES (?1, ?2)",
            values![posted.id.raw(), last.raw()],
        )?;
        step.leaves_fan_out();
    }
    Ok(())
}
