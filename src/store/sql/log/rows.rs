//! Rows of the log as values. A stored value that its type does not hold is damage.

use super::super::tables::rows::{audience, header_names, moment};
use super::super::tables::{NameId, Tables};
use crate::store::StoreError;
use crate::store::directory::Sending;
use crate::store::log::{AttemptDetail, DeliverySummary, EventSummary};
use crate::store::queue::{Answer, AttemptRecord, Timing};
use crate::store::sql::database::{Row, unreadable};
use bytes::Bytes;
use std::time::Duration;
use tidings_core::delivery::{Progress, Round, Shown, State};
use tidings_core::endpoint::HeaderNames;
use tidings_core::event::{Publicity, Reference};
use tidings_core::id::{DeliveryId, EndpointId, EventId};
use tidings_core::outcome::Outcome;
use tidings_core::time::Timestamp;

/// An event of a row of [`super::sql::EVENT`].
pub fn event(row: &dyn Row, tables: &Tables) -> Result<EventSummary, StoreError> {
    let name = NameId(row.get(2)?);
    Ok(EventSummary {
        id: EventId::from_raw(row.get(0)?),
        organization: row.get(1)?,
        event_type: tables
            .types
            .name(name)
            .cloned()
            .ok_or_else(|| unreadable(2, "an event type"))?,
        publicity: if row.get(3)? {
            Publicity::Public
        } else {
            Publicity::Private
        },
        test: row.get(4)?,
        accepted_at: moment(row, 5)?,
        reference: reference(row, 6)?,
        erased_at: row.get::<Option<i64>>(7)?.map(Timestamp::from_micros),
    })
}

/// A delivery of a row of [`super::sql::DELIVERY`].
pub fn delivery(row: &dyn Row, tables: &Tables) -> Result<DeliverySummary, StoreError> {
    let endpoint = EndpointId::from_raw(row.get(1)?);
    let name = NameId(row.get(3)?);
    let state = state(row, 5)?;
    let waits = state == State::Due;
    Ok(DeliverySummary {
        id: DeliveryId {
            event: EventId::from_raw(row.get(0)?),
            endpoint,
        },
        organization: row.get(2)?,
        wire_type: tables
            .types
            .wire_type(name, audience(row, 4)?)
            .cloned()
            .ok_or_else(|| unreadable(3, "an event type"))?,
        shown: shown(state, endpoint, tables),
        progress: progress(row, 6)?,
        due_at: if waits { Some(moment(row, 9)?) } else { None },
        rested_at: row.get::<Option<i64>>(10)?.map(Timestamp::from_micros),
        accepted_at: moment(row, 11)?,
        reference: reference(row, 12)?,
        erased_at: row.get::<Option<i64>>(13)?.map(Timestamp::from_micros),
    })
}

/// A stored state as it is shown while its endpoint is as it is now.
pub fn shown(state: State, endpoint: EndpointId, tables: &Tables) -> Shown {
    Shown::of(state, tables.sending(endpoint) == Some(Sending::Off))
}

/// The state in a column.
pub fn state(row: &dyn Row, column: usize) -> Result<State, StoreError> {
    State::from_code(row.get(column)?).ok_or_else(|| unreadable(column, "a state"))
}

/// Round, attempts and failures, from a column on.
pub fn progress(row: &dyn Row, column: usize) -> Result<Progress, StoreError> {
    Ok(Progress {
        round: Round::from_code(row.get(column)?).ok_or_else(|| unreadable(column, "a round"))?,
        attempts: row.get(column + 1)?,
        failures: row.get(column + 2)?,
    })
}

/// An attempt of a row of [`super::sql::ATTEMPTS`].
pub fn attempt(row: &dyn Row) -> Result<AttemptDetail, StoreError> {
    let record = AttemptRecord {
        number: row.get(0)?,
        started_at: moment(row, 1)?,
        lateness: duration(row, 2)?.unwrap_or_default(),
        timing: Timing {
            dns: duration(row, 3)?,
            connect: duration(row, 4)?,
            tls: duration(row, 5)?,
            first_byte: duration(row, 6)?,
            total: duration(row, 7)?.unwrap_or_default(),
        },
        outcome: Outcome::from_code(row.get(8)?).ok_or_else(|| unreadable(8, "an outcome"))?,
        detail: row.get(9)?,
        endpoint_version: row.get(10)?,
        timestamp: row.get(11)?,
        vomo_signature: row.get(12)?,
        webhook_signature: row.get(13)?,
        peer: match row.text_or_null(14)? {
            Some(text) => Some(text.parse().map_err(|error| unreadable(14, error))?),
            None => None,
        },
        answer: Answer {
            headers: Bytes::copy_from_slice(row.bytes(15)?),
            body: Bytes::copy_from_slice(row.bytes(16)?),
            body_bytes: row.get(17)?,
        },
    };
    // A version that was never stored would be a defect; the attempt is shown all the same.
    let url: Option<String> = row.get(18)?;
    Ok(AttemptDetail {
        record,
        headers: match url {
            Some(_) => header_names(row, 19)?,
            None => HeaderNames::default(),
        },
        url: url.unwrap_or_default(),
    })
}

fn duration(row: &dyn Row, column: usize) -> Result<Option<Duration>, StoreError> {
    Ok(row.get::<Option<u64>>(column)?.map(Duration::from_micros))
}

fn reference(row: &dyn Row, column: usize) -> Result<Option<Reference>, StoreError> {
    match row.text_or_null(column)? {
        None => Ok(None),
        Some(text) => Reference::parse(text)
            .map(Some)
            .ok_or_else(|| unreadable(column, "a reference")),
    }
}
