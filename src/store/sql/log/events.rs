//! Events: one with what became of it, and an organization's own.

use super::super::tables::Shared;
use super::parts::Parts;
use super::search::Place;
use super::tail::{self, Step, Walk};
use super::{LOOKED_AT, listed_to, rows, sql};
use crate::store::directory::{Cursor, Page, PageRequest};
use crate::store::log::{EventDetail, EventFilter, EventSummary};
use crate::store::sql::database::{Row, Sql, values};
use crate::store::{Reach, StoreError};
use bytes::Bytes;
use tidings_core::delivery::Shown;
use tidings_core::event::{Publicity, Reference};
use tidings_core::event_type::{Audience, WireType};
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// An event within reach, with the states of its deliveries within reach.
pub fn find(
    connection: &dyn Sql,
    tables: &Shared,
    reach: Reach,
    id: EventId,
) -> Result<Option<EventDetail>, StoreError> {
    let Some(mut summary) = summary(connection, tables, id)? else {
        return Ok(None);
    };
    let deliveries = states(connection, tables, reach, id)?;
    if !reach.covers(summary.organization) {
        if deliveries.is_empty() {
            return Ok(None);
        }
        // The owner's word, for the owner's eyes.
        summary.reference = None;
    }
    let expanding = connection.exists(sql::EXPANDING, values![id.raw()])?;
    Ok(Some(EventDetail {
        summary,
        data: data(connection, id)?,
        deliveries,
        expanding,
    }))
}

/// An event's data, while it is kept.
pub fn data(connection: &dyn Sql, id: EventId) -> Result<Option<Bytes>, StoreError> {
    let found: Option<Vec<u8>> = connection.one(sql::BODY, values![id.raw()], |row| row.get(0))?;
    Ok(found.map(Bytes::from))
}

fn summary(
    connection: &dyn Sql,
    tables: &Shared,
    id: EventId,
) -> Result<Option<EventSummary>, StoreError> {
    let found = connection.one(sql::EVENT, values![id.raw()], |row| {
        rows::event(row, &tables.read())
    })?;
    Ok(found)
}

fn states(
    connection: &dyn Sql,
    tables: &Shared,
    reach: Reach,
    id: EventId,
) -> Result<Vec<(Shown, u64)>, StoreError> {
    let mut counts: Vec<(Shown, u64)> = Vec::new();
    let mut count = |row: &dyn Row| {
        let endpoint = EndpointId::from_raw(row.get(0)?);
        let shown = rows::shown(rows::state(row, 1)?, endpoint, &tables.read());
        match counts.iter_mut().find(|(known, _)| *known == shown) {
            Some((_, count)) => *count += 1,
            None => counts.push((shown, 1)),
        }
        Ok(())
    };
    match reach {
        Reach::All => connection.each(sql::STATES, values![id.raw()], &mut count)?,
        Reach::One(own) => {
            connection.each(sql::OWN_STATES, values![id.raw(), own.get()], &mut count)?;
        }
    }
    Ok(counts)
}

/// Walks an organization's own events from below `below` down to `floor`, newest first, or those with a reference:
/// the tail, then the late-written list.
pub fn own(
    connection: &dyn Sql,
    (owner, reference): (OrganizationId, Option<&Reference>),
    (floor, below): (i64, i64),
    mut meet: impl FnMut(i64) -> Result<Step, StoreError>,
) -> Result<Walk, StoreError> {
    let owner = owner.get();
    let wanted = reference.map(Reference::as_str);
    let listed_to = listed_to(connection)?;
    let tail_ends = listed_to.max(floor.saturating_sub(1));
    let walk = tail::events(connection, tail_ends, below, |event, of, found| {
        if of == owner && (wanted.is_none() || found == wanted) {
            meet(event)
        } else {
            Ok(Step::On)
        }
    })?;
    if walk != Walk::End {
        return Ok(walk);
    }
    let mut rows = Parts::new(below.min(listed_to.saturating_add(1)));
    while let Some(event) = rows.next(|below, limit| match wanted {
        Some(wanted) => {
            let below = values![owner, wanted, *below, limit];
            connection.all(sql::REFERENCES_LISTED, below, |row| row.get(0))
        }
        None => {
            let below = values![owner, *below, limit];
            connection.all(sql::EVENTS_LISTED, below, |row| row.get(0))
        }
    })? {
        if event < floor {
            break;
        }
        if let Step::Stop(at) = meet(event)? {
            return Ok(Walk::Stopped(at));
        }
    }
    Ok(Walk::End)
}

/// One page of an organization's own events.
pub fn list(
    connection: &dyn Sql,
    tables: &Shared,
    organization: OrganizationId,
    filter: &EventFilter,
    page: &PageRequest,
) -> Result<Page<EventSummary>, StoreError> {
    let first_at = |moment: Timestamp| EventId::first_at(moment).raw();
    let floor = filter.from.map_or(0, first_at);
    let ceiling = filter.to.map_or(i64::MAX, first_at);
    let after = super::super::directory::place(page);
    let below = after.map_or(ceiling, |event| event.min(ceiling));
    let mut list = List {
        connection,
        tables,
        filter,
        limit: page.limit.max(1),
        last: below,
        looked_at: 0,
        items: Vec::new(),
    };
    let whose = (organization, filter.reference.as_ref());
    let walk = own(connection, whose, (floor, below), |event| list.meet(event))?;
    let next = match walk {
        Walk::End => None,
        Walk::Stopped(place) => Some(Cursor(vec![place.event])),
    };
    Ok(Page {
        items: list.items,
        next,
    })
}

struct List<'a> {
    connection: &'a dyn Sql,
    tables: &'a Shared,
    filter: &'a EventFilter,
    limit: usize,
    /// The last event that was dealt with.
    last: i64,
    looked_at: usize,
    items: Vec<EventSummary>,
}

impl List<'_> {
    /// Looks an event up, holds it against the filter, and keeps it if it fits.
    fn meet(&mut self, event: i64) -> Result<Step, StoreError> {
        if self.looked_at == LOOKED_AT {
            return Ok(Step::Stop(Place::under(self.last)));
        }
        self.looked_at += 1;
        let id = EventId::from_raw(event);
        let found = summary(self.connection, self.tables, id)?;
        if let Some(summary) = found.filter(|summary| self.fits(summary)) {
            if self.items.len() == self.limit {
                return Ok(Step::Stop(Place::under(self.last)));
            }
            self.items.push(summary);
        }
        self.last = event;
        Ok(Step::On)
    }

    /// Where it stands is the walk's affair; an erased one's reference is gone for readers before it is for the index.
    fn fits(&self, summary: &EventSummary) -> bool {
        let filter = self.filter;
        let is_of_type = |wire: &WireType| {
            wire.name == summary.event_type
                && (wire.audience == Audience::Own || summary.publicity == Publicity::Public)
        };
        filter.wire_type.as_ref().is_none_or(is_of_type)
            && (filter.reference.is_none() || filter.reference == summary.reference)
    }
}
