//! Rows of the log as values. A stored value that its type does not hold is damage.

use super::super::tables::rows::{
    Unreadable, audience, damaged, headers, organization_id, unsigned,
};
use super::super::tables::{NameId, Tables};
use crate::store::directory::Sending;
use crate::store::log::{AttemptDetail, DeliverySummary, EventSummary};
use crate::store::queue::{Answer, AttemptRecord, Timing};
use bytes::Bytes;
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Result, Row};
use std::time::Duration;
use tidings_core::delivery::{Progress, Round, Shown, State};
use tidings_core::event::{Publicity, Reference};
use tidings_core::id::{DeliveryId, EndpointId, EventId};
use tidings_core::outcome::Outcome;
use tidings_core::time::Timestamp;

/// An event of a row of [`super::sql::EVENT`].
pub fn event(row: &Row<'_>, tables: &Tables) -> Result<EventSummary> {
    let name = NameId(row.get(2)?);
    Ok(EventSummary {
        id: EventId::from_raw(row.get(0)?),
        organization: organization_id(row, 1)?,
        event_type: tables
            .types
            .name(name)
            .cloned()
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, name.0))?,
        publicity: if row.get(3)? {
            Publicity::Public
        } else {
            Publicity::Private
        },
        test: row.get(4)?,
        accepted_at: Timestamp::from_micros(row.get(5)?),
        reference: reference(row, 6)?,
    })
}

/// A delivery of a row of [`super::sql::DELIVERY`].
pub fn delivery(row: &Row<'_>, tables: &Tables) -> Result<DeliverySummary> {
    let endpoint = EndpointId::from_raw(row.get(1)?);
    let name = NameId(row.get(3)?);
    let state = state(row, 5)?;
    let waits = state == State::Due;
    Ok(DeliverySummary {
        id: DeliveryId {
            event: EventId::from_raw(row.get(0)?),
            endpoint,
        },
        organization: organization_id(row, 2)?,
        wire_type: tables
            .types
            .wire_type(name, audience(row, 4)?)
            .cloned()
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, name.0))?,
        shown: shown(state, endpoint, tables),
        progress: progress(row)?,
        due_at: if waits {
            Some(Timestamp::from_micros(row.get(9)?))
        } else {
            None
        },
        rested_at: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_micros),
        accepted_at: Timestamp::from_micros(row.get(11)?),
        reference: reference(row, 12)?,
    })
}

/// A stored state as it is shown while its endpoint is as it is now.
pub fn shown(state: State, endpoint: EndpointId, tables: &Tables) -> Shown {
    Shown::of(state, tables.sending(endpoint) == Some(Sending::Off))
}

/// The state in a column.
pub fn state(row: &Row<'_>, column: usize) -> Result<State> {
    let code = row.get(column)?;
    State::from_code(code)
        .ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(column, code.into()))
}

/// The progress of a row of [`super::sql::DELIVERY`].
pub fn progress(row: &Row<'_>) -> Result<Progress> {
    let code: u8 = row.get(6)?;
    Ok(Progress {
        round: Round::from_code(code)
            .ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(6, code.into()))?,
        attempts: row.get(7)?,
        failures: row.get(8)?,
    })
}

/// An attempt of a row of [`super::sql::ATTEMPTS`].
pub fn attempt(row: &Row<'_>) -> Result<AttemptDetail> {
    let code: u16 = row.get(8)?;
    let record = AttemptRecord {
        number: row.get(0)?,
        started_at: Timestamp::from_micros(row.get(1)?),
        lateness: duration(row, 2)?.unwrap_or_default(),
        timing: Timing {
            dns: duration(row, 3)?,
            connect: duration(row, 4)?,
            tls: duration(row, 5)?,
            first_byte: duration(row, 6)?,
            total: duration(row, 7)?.unwrap_or_default(),
        },
        outcome: Outcome::from_code(code)
            .ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(8, code.into()))?,
        detail: row.get(9)?,
        endpoint_version: row.get(10)?,
        timestamp: row.get(11)?,
        vomo_signature: row.get(12)?,
        webhook_signature: row.get(13)?,
        peer: match row.get_ref(14)?.as_str_or_null()? {
            Some(text) => Some(
                text.parse()
                    .map_err(|error| damaged(14, Type::Text, error))?,
            ),
            None => None,
        },
        answer: Answer {
            headers: Bytes::from(row.get::<_, Vec<u8>>(15)?),
            body: Bytes::from(row.get::<_, Vec<u8>>(16)?),
            body_bytes: unsigned(row, 17)?,
        },
    };
    // A version that was never stored would be a defect; the attempt is shown all the same.
    let url: Option<String> = row.get(18)?;
    Ok(AttemptDetail {
        record,
        headers: match url {
            Some(_) => headers(row, 19)?,
            None => Vec::new(),
        },
        url: url.unwrap_or_default(),
    })
}

fn duration(row: &Row<'_>, column: usize) -> Result<Option<Duration>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => unsigned(row, column).map(|micros| Some(Duration::from_micros(micros))),
    }
}

fn reference(row: &Row<'_>, column: usize) -> Result<Option<Reference>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => Reference::parse(text)
            .map(Some)
            .ok_or_else(|| damaged(column, Type::Text, Unreadable("reference"))),
    }
}
