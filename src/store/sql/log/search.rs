//! Lists of deliveries: complete, newest first, in pages that a filter may leave short.
//!
//! A list is walked by (event, endpoint), downwards; a cursor is the last place that was dealt with. Where the
//! rows come from depends on the filter: one event, a reference, a state out of the ordinary, or everything
//! (the tail first, then the endpoints' late-written lists merged). Each row is then looked up and held
//! against the whole filter. A reference finds the organization's own events: it is its producers' word.

use super::super::tables::Shared;
use super::endpoint_runs::{Rows, Runs};
use super::parts::Parts;
use super::tail::{self, Step, Walk};
use super::{LOOKED_AT, events, listed_to, rows, sql};
use crate::store::StoreError;
use crate::store::directory::{Cursor, Page, PageRequest};
use crate::store::log::{DeliveryFilter, DeliverySummary, StateFilter};
use crate::store::sql::database::{Row, Sql, values};
use std::collections::{HashSet, VecDeque};
use tidings_core::delivery::{CancelReason, Resting, Shown, State};
use tidings_core::event::Reference;
use tidings_core::id::{EventId, OrganizationId};

/// A place in a list of deliveries; lists go downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The event.
    pub event: i64,
    /// The endpoint.
    pub endpoint: i64,
}

impl Place {
    /// The place in a row that begins with event and endpoint.
    ///
    /// # Errors
    /// The row is damaged.
    pub fn of(row: &dyn Row) -> Result<Self, StoreError> {
        Ok(Self {
            event: row.get(0)?,
            endpoint: row.get(1)?,
        })
    }

    /// The place below everything of `event`.
    pub const fn under(event: i64) -> Self {
        Self { event, endpoint: 0 }
    }
}

struct Search<'a> {
    connection: &'a dyn Sql,
    tables: &'a Shared,
    organization: OrganizationId,
    filter: &'a DeliveryFilter,
    limit: usize,
    /// No event below this, and none from `ceiling` on.
    floor: i64,
    ceiling: i64,
    /// Where this call starts.
    below: Place,
    /// The last place that was dealt with.
    last: Place,
    looked_at: usize,
    found: Vec<DeliverySummary>,
}

/// One page of an organization's deliveries.
pub fn deliveries(
    connection: &dyn Sql,
    tables: &Shared,
    organization: OrganizationId,
    filter: &DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<DeliverySummary>, StoreError> {
    let floor = filter.from.map_or(0, |from| EventId::first_at(from).raw());
    let ceiling = filter.to.map_or(i64::MAX, |to| EventId::first_at(to).raw());
    let start = Place::under(ceiling);
    let below = place_of(page).map_or(start, |place| place.min(start));
    let mut search = Search {
        connection,
        tables,
        organization,
        filter,
        limit: page.limit.max(1),
        floor,
        ceiling,
        below,
        last: below,
        looked_at: 0,
        found: Vec::new(),
    };
    let next = match search.walk()? {
        Walk::End => None,
        Walk::Stopped(place) => Some(Cursor(vec![place.event, place.endpoint])),
    };
    Ok(Page {
        items: search.found,
        next,
    })
}

fn place_of(page: &PageRequest) -> Option<Place> {
    match page.after.as_ref()?.0.as_slice() {
        [event, endpoint] => Some(Place {
            event: *event,
            endpoint: *endpoint,
        }),
        _ => None,
    }
}

impl Search<'_> {
    fn walk(&mut self) -> Result<Walk, StoreError> {
        if let Some(event) = self.filter.event {
            return Ok(match self.event(event.raw())? {
                Step::On => Walk::End,
                Step::Stop(place) => Walk::Stopped(place),
            });
        }
        if let Some(reference) = &self.filter.reference {
            return self.referenced(reference);
        }
        let endpoints = self.endpoints()?;
        match self.filter.state {
            Some(StateFilter::Waiting) => self.waiting(&endpoints),
            Some(StateFilter::Exhausted) => self.in_states(&endpoints, &[State::Exhausted]),
            Some(StateFilter::Cancelled) => {
                self.in_states(&endpoints, &CancelReason::ALL.map(State::Cancelled))
            }
            Some(StateFilter::Delivered) | None => self.everything(&endpoints),
        }
    }

    /// The endpoints whose deliveries are wanted, deleted ones too.
    fn endpoints(&self) -> Result<Vec<i64>, StoreError> {
        let owner = self.organization.get();
        if let Some(endpoint) = self.filter.endpoint {
            let owns = self
                .connection
                .exists(sql::OWNS, values![endpoint.raw(), owner])?;
            return Ok(if owns {
                vec![endpoint.raw()]
            } else {
                Vec::new()
            });
        }
        self.connection
            .all(sql::ENDPOINTS, values![owner], |row| row.get(0))
    }

    /// The tail, then the late-written lists.
    fn everything(&mut self, endpoints: &[i64]) -> Result<Walk, StoreError> {
        let listed_to = listed_to(self.connection)?;
        let tail_ends = listed_to.max(self.floor.saturating_sub(1));
        let wanted: HashSet<i64> = endpoints.iter().copied().collect();
        let owner = self.organization.get();
        let (connection, below) = (self.connection, self.below);
        let walk = tail::deliveries(connection, tail_ends, below, |place, recipient| {
            if recipient == owner && wanted.contains(&place.endpoint) {
                self.meet(place)
            } else {
                Ok(Step::On)
            }
        })?;
        if walk != Walk::End {
            return Ok(walk);
        }
        let below = below.min(Place::under(listed_to.saturating_add(1)));
        let mut runs = Runs::down_to(self.floor);
        for endpoint in endpoints {
            runs.add(connection, Rows::Listed, *endpoint, below)?;
        }
        self.merge(runs)
    }

    /// States whose rows are in an index that is never late.
    fn in_states(&mut self, endpoints: &[i64], states: &[State]) -> Result<Walk, StoreError> {
        let runs = self.runs_in(endpoints, states)?;
        self.merge(runs)
    }

    fn runs_in(&self, endpoints: &[i64], states: &[State]) -> Result<Runs, StoreError> {
        let mut runs = Runs::down_to(self.floor);
        for state in states {
            for endpoint in endpoints {
                let rows = Rows::InState(state.code());
                runs.add(self.connection, rows, *endpoint, self.below)?;
            }
        }
        Ok(runs)
    }

    /// What waits in the store, and what this node holds.
    fn waiting(&mut self, endpoints: &[i64]) -> Result<Walk, StoreError> {
        let wanted: HashSet<i64> = endpoints.iter().copied().collect();
        let (mut in_flight, floor) = (VecDeque::new(), self.floor);
        let below = values![self.below.event, self.below.endpoint];
        self.connection.each(sql::IN_FLIGHT, below, &mut |row| {
            let place = Place::of(row)?;
            if place.event >= floor && wanted.contains(&place.endpoint) {
                in_flight.push_back(place);
            }
            Ok(())
        })?;
        let mut runs = self.runs_in(endpoints, &[State::Due])?;
        runs.add_known(self.connection, in_flight)?;
        self.merge(runs)
    }

    fn merge(&mut self, mut runs: Runs) -> Result<Walk, StoreError> {
        while let Some(place) = runs.next(self.connection)? {
            if let Step::Stop(at) = self.meet(place)? {
                return Ok(Walk::Stopped(at));
            }
        }
        Ok(Walk::End)
    }

    /// The deliveries of the organization's events with a reference.
    fn referenced(&mut self, reference: &Reference) -> Result<Walk, StoreError> {
        let whose = (self.organization, Some(reference));
        // Of the event at `below` itself, endpoints smaller than the one there are still to come.
        let below = self
            .below
            .event
            .saturating_add(i64::from(self.below.endpoint > 0));
        let (connection, floor) = (self.connection, self.floor);
        events::own(connection, whose, (floor, below), |event| self.event(event))
    }

    /// The organization's deliveries of one event.
    fn event(&mut self, event: i64) -> Result<Step, StoreError> {
        if let Some(stop) = self.spent() {
            return Ok(stop);
        }
        let below = match event.cmp(&self.below.event) {
            std::cmp::Ordering::Less => i64::MAX,
            std::cmp::Ordering::Equal => self.below.endpoint,
            std::cmp::Ordering::Greater => return Ok(Step::On),
        };
        let connection = self.connection;
        let owner = self.organization.get();
        let mut rows = Parts::new(below);
        while let Some(endpoint) = rows.next(|below, limit| {
            let below = values![event, owner, *below, limit];
            connection.all(sql::OF_EVENT, below, |row| row.get(0))
        })? {
            let place = Place { event, endpoint };
            if let stop @ Step::Stop(_) = self.meet(place)? {
                return Ok(stop);
            }
        }
        self.last = Place::under(event);
        Ok(Step::On)
    }

    /// Looks a row up, holds it against the filter, and keeps it if it fits.
    fn meet(&mut self, place: Place) -> Result<Step, StoreError> {
        if let Some(stop) = self.spent() {
            return Ok(stop);
        }
        let found =
            self.connection
                .one(sql::DELIVERY, values![place.event, place.endpoint], |row| {
                    rows::delivery(row, &self.tables.read())
                })?;
        if let Some(summary) = found.filter(|summary| self.fits(summary)) {
            if self.found.len() == self.limit {
                return Ok(Step::Stop(self.last));
            }
            self.found.push(summary);
        }
        self.last = place;
        Ok(Step::On)
    }

    /// Where to stop because enough was looked at, else one look less is left.
    fn spent(&mut self) -> Option<Step> {
        if self.looked_at == LOOKED_AT {
            return Some(Step::Stop(self.last));
        }
        self.looked_at += 1;
        None
    }

    fn fits(&self, summary: &DeliverySummary) -> bool {
        let filter = self.filter;
        let event = summary.id.event.raw();
        summary.organization == self.organization
            && event >= self.floor
            && event < self.ceiling
            && is(&filter.endpoint, &summary.id.endpoint)
            && is(&filter.event, &summary.id.event)
            && is(&filter.wire_type, &summary.wire_type)
            && (filter.reference.is_none() || filter.reference == summary.reference)
            && filter
                .state
                .is_none_or(|wanted| shows(wanted, summary.shown))
    }
}

fn is<T: PartialEq>(wanted: &Option<T>, found: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

const fn shows(wanted: StateFilter, shown: Shown) -> bool {
    match shown {
        Shown::Due | Shown::InFlight | Shown::Held => matches!(wanted, StateFilter::Waiting),
        Shown::Resting(Resting::Delivered) => matches!(wanted, StateFilter::Delivered),
        Shown::Resting(Resting::Exhausted) => matches!(wanted, StateFilter::Exhausted),
        Shown::Resting(Resting::Cancelled(_)) => matches!(wanted, StateFilter::Cancelled),
    }
}
