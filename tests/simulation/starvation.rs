//! Nothing waits long that could go: not a delivery that is due, not a fan-out.
//!
//! A delivery in memory may not wait at all while a slot is free that it may take, except for its endpoint's window
//! (`rules`). One in the store may
//! wait five seconds in all, counted while a slot was free that its endpoint may take and the room let it in.

use crate::plan::SECOND;
use crate::rules::{Check, Rules, rule};
use crate::store::ModelStore;
use std::collections::BTreeMap;
use tidings::store::directory::Sending;
use tidings::store::room::Origin;
use tidings_core::id::{DeliveryId, EndpointId, EventId};
use tidings_core::time::Timestamp;

/// A delivery may be due for this long while nothing keeps it from going.
const PATIENCE: u64 = 5 * SECOND;
/// The next part of a fan-out is made within this time.
const NEXT_PART: u64 = 2 * SECOND;

/// Who could have gone, and how long ago.
#[derive(Debug, Default)]
pub(crate) struct Starvation {
    waits: BTreeMap<EndpointId, Wait>,
    fan_out: Option<(EventId, EndpointId, u64)>,
}

#[derive(Debug)]
struct Wait {
    /// When it was due, and which it is.
    oldest: (Timestamp, DeliveryId),
    /// How long it could have gone, in microseconds.
    waited: u64,
    /// When it last was seen to be free to go.
    free_at: Option<u64>,
}

impl Starvation {
    /// Looks at everything that waits in the store. Answers whether something could go now.
    pub(crate) fn look(
        &mut self,
        store: &ModelStore,
        rules: &Rules,
        now: u64,
        wall: Timestamp,
    ) -> Result<bool, String> {
        self.waits.retain(|endpoint, wait| {
            store
                .oldest_due(*endpoint)
                .is_some_and(|oldest| oldest == wait.oldest)
        });
        let mut could_go = false;
        for endpoint in store.due.keys().copied() {
            let Some((due, delivery)) = store.oldest_due(endpoint) else {
                continue;
            };
            if due > wall || store.sending(endpoint) != Some(Sending::Open) {
                // The time until it is looked at again is not time in which it could have gone.
                if let Some(wait) = self.waits.get_mut(&endpoint) {
                    wait.free_at = None;
                }
                continue;
            }
            let bytes = store.events[&delivery.event].bytes;
            let free = rules.may_start(endpoint) && store.fits(endpoint, bytes, Origin::Claimed);
            let wait = self.waits.entry(endpoint).or_insert(Wait {
                oldest: (due, delivery),
                waited: 0,
                free_at: None,
            });
            if let (Some(before), true) = (wait.free_at, free) {
                wait.waited += now - before;
            }
            wait.free_at = free.then_some(now);
            could_go |= free;
            rule(wait.waited <= PATIENCE, || {
                format!("{delivery} is due since {due} and starves: nothing kept it for 5 s")
            })?;
        }
        self.fan_out_moves(store, now)?;
        Ok(could_go || !store.fan_outs.is_empty())
    }

    fn fan_out_moves(&mut self, store: &ModelStore, now: u64) -> Check {
        let oldest = store.fan_outs.first_key_value().map(|(id, at)| (*id, *at));
        let Some((event, after)) = oldest else {
            self.fan_out = None;
            return Ok(());
        };
        let since = match self.fan_out {
            Some((before, at, since)) if (before, at) == (event, after) => since,
            _ => now,
        };
        self.fan_out = Some((event, after, since));
        rule(now - since <= NEXT_PART, || {
            format!("the fan-out of {event} stands still after {after}")
        })
    }

    /// Something is broken that may delay claims: patience starts anew afterwards.
    pub(crate) fn excuse(&mut self) {
        *self = Self::default();
    }
}
