//! The part of the events and deliveries that the late-written indexes do not cover yet.
//!
//! It is read from its end, newest first, and is short as long as upkeep runs; a bound keeps a call short when
//! upkeep does not.

use super::search::Place;
use super::{TAIL_LOOKED_AT, sql};
use crate::store::StoreError;
use rusqlite::Connection;

/// How a walk through a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// At the list's end.
    End,
    /// Before it; a later call goes on below this place.
    Stopped(Place),
}

/// Whether a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It does.
    On,
    /// It ends; a later call goes on below this place.
    Stop(Place),
}

/// Walks the deliveries above `listed_to` and below `below`, newest first; `meet` is given the place and the
/// recipient of each.
pub fn deliveries(
    connection: &Connection,
    listed_to: i64,
    below: Place,
    mut meet: impl FnMut(Place, i64) -> Result<Step, StoreError>,
) -> Result<Walk, StoreError> {
    let mut statement = connection.prepare_cached(sql::DELIVERY_TAIL)?;
    let mut rows = statement.query((listed_to, below.event, below.endpoint))?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let place = Place {
            event: row.get(0)?,
            endpoint: row.get(1)?,
        };
        if let Step::Stop(at) = meet(place, row.get(2)?)? {
            return Ok(Walk::Stopped(at));
        }
        looked_at += 1;
        if looked_at == TAIL_LOOKED_AT {
            return Ok(Walk::Stopped(place));
        }
    }
    Ok(Walk::End)
}

/// Walks the events above `listed_to` and below `below`, newest first; `meet` is given the id, the owner and
/// the reference of each.
pub fn events(
    connection: &Connection,
    listed_to: i64,
    below: i64,
    mut meet: impl FnMut(i64, i64, Option<&str>) -> Result<Step, StoreError>,
) -> Result<Walk, StoreError> {
    let mut statement = connection.prepare_cached(sql::EVENT_TAIL)?;
    let mut rows = statement.query((listed_to, below))?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let reference = row
            .get_ref(2)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)?;
        if let Step::Stop(at) = meet(id, row.get(1)?, reference)? {
            return Ok(Walk::Stopped(at));
        }
        looked_at += 1;
        if looked_at == TAIL_LOOKED_AT {
            return Ok(Walk::Stopped(Place::under(id)));
        }
    }
    Ok(Walk::End)
}
