//! Who is to get what, told from the events and the switches alone: at the end the deliveries have to be just these.
//!
//! An endpoint must get an event that it chose, is meant for and is older than, if it was on from its acceptance to
//! the end of its fan-out; it must not if it was never on in that time; and may else.

use crate::rules::{Check, rule};
use crate::store::ModelStore;
use std::collections::BTreeMap;
use tidings::store::directory::Sending;
use tidings_core::id::{DeliveryId, EndpointId, EventId};

/// All events that were accepted.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<EventId, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    must: Vec<EndpointId>,
    may: Vec<EndpointId>,
}

impl Ledger {
    /// An event was accepted.
    pub(crate) fn accepted(&mut self, store: &ModelStore, event: EventId) {
        let must = recipients(store, event);
        let may = must.clone();
        self.entries.insert(event, Entry { must, may });
    }

    /// A test was accepted, and made or not.
    pub(crate) fn tested(&mut self, id: DeliveryId, made: bool) {
        let only: Vec<EndpointId> = made.then_some(id.endpoint).into_iter().collect();
        let entry = Entry {
            must: only.clone(),
            may: only,
        };
        self.entries.insert(id.event, entry);
    }

    /// Endpoints may have been switched, or a part of a fan-out may be made again.
    pub(crate) fn refresh(&mut self, store: &ModelStore) {
        for event in store.fan_outs.keys() {
            let Some(entry) = self.entries.get_mut(event) else {
                continue;
            };
            let now = recipients(store, *event);
            entry.must.retain(|id| now.binary_search(id).is_ok());
            entry.may.extend(now);
            entry.may.sort_unstable();
            entry.may.dedup();
        }
    }

    /// The deliveries are those that have to be.
    pub(crate) fn balances(&self, store: &ModelStore) -> Check {
        let mut counted = 0;
        for (event, entry) in &self.entries {
            let of = |endpoint: i64| DeliveryId {
                event: *event,
                endpoint: EndpointId::from_raw(endpoint),
            };
            let made: Vec<EndpointId> = store
                .rows
                .range(of(0)..=of(i64::MAX))
                .map(|(id, _)| id.endpoint)
                .collect();
            counted += made.len();
            let lost = entry.must.iter().find(|id| made.binary_search(id).is_err());
            rule(lost.is_none(), || {
                format!("{event} has no delivery for {lost:?}, which is to get it")
            })?;
            let wrong = made.iter().find(|id| entry.may.binary_search(id).is_err());
            rule(wrong.is_none(), || {
                format!("{event} has a delivery for {wrong:?}, which is not to get it")
            })?;
        }
        rule(counted == store.rows.len(), || {
            format!("{} deliveries are of no event", store.rows.len() - counted)
        })
    }
}

/// Who would get an event now.
fn recipients(store: &ModelStore, event: EventId) -> Vec<EndpointId> {
    let row = store.events[&event];
    store
        .endpoints
        .iter()
        .filter(|(id, endpoint)| {
            let older = id.raw() < event.raw();
            let meant = endpoint.organization == row.owner || row.public;
            older && meant && endpoint.kinds & row.kind == row.kind
        })
        .map(|(id, _)| *id)
        .filter(|id| store.sending(*id) == Some(Sending::Open))
        .collect()
}
