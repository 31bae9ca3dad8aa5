//! The part of the events and deliveries that the late-written indexes do not cover yet.
//!
//! It is read from its end, newest first, and is short as long as upkeep runs; a bound keeps a call short when
//! upkeep does not.

use super::parts::Parts;
use super::search::Place;
use super::{TAIL_LOOKED_AT, sql};
use crate::store::StoreError;
use crate::store::sql::database::{Sql, values};

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
    connection: &dyn Sql,
    listed_to: i64,
    below: Place,
    mut meet: impl FnMut(Place, i64) -> Result<Step, StoreError>,
) -> Result<Walk, StoreError> {
    let mut rows = Parts::new((below, 0));
    let mut looked_at = 0;
    while let Some((place, recipient)) = rows.next(|(below, _), limit| {
        let below = values![listed_to, below.event, below.endpoint, limit];
        connection.all(sql::DELIVERY_TAIL, below, |row| {
            Ok((Place::of(row)?, row.get(2)?))
        })
    })? {
        if let Step::Stop(at) = meet(place, recipient)? {
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
    connection: &dyn Sql,
    listed_to: i64,
    below: i64,
    mut meet: impl FnMut(i64, i64, Option<&str>) -> Result<Step, StoreError>,
) -> Result<Walk, StoreError> {
    let mut rows: Parts<(i64, i64, Option<String>)> = Parts::new((below, 0, None));
    let mut looked_at = 0;
    while let Some((id, owner, reference)) = rows.next(|(below, ..), limit| {
        let below = values![listed_to, *below, limit];
        connection.all(sql::EVENT_TAIL, below, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
    })? {
        if let Step::Stop(at) = meet(id, owner, reference.as_deref())? {
            return Ok(Walk::Stopped(at));
        }
        looked_at += 1;
        if looked_at == TAIL_LOOKED_AT {
            return Ok(Walk::Stopped(Place::under(id)));
        }
    }
    Ok(Walk::End)
}
