//! Events: one with what became of it, and an organization's own.

use super::super::tables::{Shared, Tables};
use super::parts::Parts;
use super::search::Place;
use super::tail::{self, Step, Walk};
use super::{LOOKED_AT, listed_to, rows, sql};
use crate::store::directory::{Cursor, Page, PageRequest};
use crate::store::log::{EventDetail, EventSummary};
use crate::store::sql::database::{Row, Sql, values};
use crate::store::{Reach, StoreError};
use bytes::Bytes;
use tidings_core::delivery::Shown;
use tidings_core::id::{EndpointId, EventId, OrganizationId};

/// An event within reach, with the states of its deliveries within reach.
pub fn find(
    connection: &dyn Sql,
    tables: &Tables,
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
    tables: &Tables,
    id: EventId,
) -> Result<Option<EventSummary>, StoreError> {
    let found = connection.one(sql::EVENT, values![id.raw()], |row| {
        rows::event(row, tables)
    })?;
    Ok(found)
}

fn states(
    connection: &dyn Sql,
    tables: &Tables,
    reach: Reach,
    id: EventId,
) -> Result<Vec<(Shown, u64)>, StoreError> {
    let mut counts: Vec<(Shown, u64)> = Vec::new();
    let mut count = |row: &dyn Row| {
        let endpoint = EndpointId::from_raw(row.get(0)?);
        let shown = rows::shown(rows::state(row, 1)?, endpoint, tables);
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

/// One page of an organization's own events.
pub fn list(
    connection: &dyn Sql,
    tables: &Shared,
    organization: OrganizationId,
    page: &PageRequest,
) -> Result<Page<EventSummary>, StoreError> {
    let mut list = List {
        connection,
        tables,
        limit: page.limit.max(1),
        items: Vec::new(),
    };
    let next = match list.walk(organization.get(), super::super::directory::place(page))? {
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
    limit: usize,
    items: Vec<EventSummary>,
}

impl List<'_> {
    fn walk(&mut self, owner: i64, below: Option<i64>) -> Result<Walk, StoreError> {
        let (connection, below) = (self.connection, below.unwrap_or(i64::MAX));
        let listed_to = listed_to(connection)?;
        let walk = tail::events(connection, listed_to, below, |event, of, _| {
            if of == owner {
                self.meet(event)
            } else {
                Ok(Step::On)
            }
        })?;
        if walk != Walk::End {
            return Ok(walk);
        }
        let mut rows = Parts::new(below.min(listed_to.saturating_add(1)));
        let mut looked_at = 0;
        while let Some(event) = rows.next(|below, limit| {
            let below = values![owner, *below, limit];
            connection.all(sql::EVENTS_LISTED, below, |row| row.get(0))
        })? {
            if let Step::Stop(at) = self.meet(event)? {
                return Ok(Walk::Stopped(at));
            }
            looked_at += 1;
            if looked_at == LOOKED_AT {
                return Ok(Walk::Stopped(Place::under(event)));
            }
        }
        Ok(Walk::End)
    }

    fn meet(&mut self, event: i64) -> Result<Step, StoreError> {
        let id = EventId::from_raw(event);
        if let Some(summary) = summary(self.connection, &self.tables.read(), id)? {
            match self.items.last() {
                Some(last) if self.items.len() == self.limit => {
                    return Ok(Step::Stop(Place::under(last.id.raw())));
                }
                _ => self.items.push(summary),
            }
        }
        Ok(Step::On)
    }
}
