//! Test sends: an event of its own with one delivery, and someone who waits for its attempt.

use super::super::audit::Act;
use super::super::database::EventRow;
use super::super::step::Step;
use super::super::upkeep::note_event;
use super::place::{self, Posted, Recipient, Start};
use crate::store::directory::Sending;
use crate::store::queue::{AttemptRecord, NewTest, TestStarted, content_hash};
use crate::store::room::Origin;
use crate::store::{Actor, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tidings_core::delivery::Round;
use tidings_core::id::{DeliveryId, EventId};
use tokio::sync::oneshot;

/// Who waits for which test.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<Mutex<HashMap<DeliveryId, oneshot::Sender<AttemptRecord>>>>);

impl Waiting {
    /// Waits for a test. Those who gave up waiting are forgotten.
    fn register(&self, test: DeliveryId) -> oneshot::Receiver<AttemptRecord> {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, tell| !tell.is_closed());
        waiting.insert(test, tell);
        told
    }

    /// Tells whoever waits for `test` what was stored of it.
    pub fn tell(&self, test: DeliveryId, record: AttemptRecord) {
        let tell = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&test);
        if let Some(tell) = tell {
            let _gave_up = tell.send(record);
        }
    }

    /// Nothing will be stored any more: whoever waits is told so.
    pub fn give_up(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// Stores a test send and hands it over; possible while switched off, not without the add-on.
pub fn start(
    step: &mut Step<'_>,
    test: NewTest,
    actor: &Actor,
    waiting: &Waiting,
) -> Result<TestStarted, StoreError> {
    let owner = step
        .tables
        .endpoint(test.endpoint)
        .map(|endpoint| endpoint.organization);
    let name = step.tables.types.name_id(&test.wire_type.name);
    let (true, Some(name)) = (owner == Some(test.organization), name) else {
        return Ok(TestStarted::NotFound);
    };
    if step.tables.sending(test.endpoint) == Some(Sending::Suspended) {
        return Ok(TestStarted::AddOnRequired);
    }
    let Some(reservation) = step
        .room
        .reserve(test.endpoint, test.data.len(), Origin::Claimed)
    else {
        return Ok(TestStarted::Busy);
    };
    let posted = Posted {
        id: EventId::from_raw(step.next_id()),
        organization: test.organization,
        name,
        public: false,
        accepted_at: step.now,
    };
    let recipient = Recipient {
        endpoint: test.endpoint,
        organization: test.organization,
        audience: test.wire_type.audience,
    };
    store(step, &posted, &test)?;
    let start = Start::Leased(reservation, test.data);
    place::make_all(step, &posted, Round::Test, vec![(recipient, start)], true)?;
    Act::new(
        "endpoint.test",
        Some(test.organization),
        test.endpoint.to_string(),
    )
    .record(step, actor)?;
    let delivery = DeliveryId {
        event: posted.id,
        endpoint: test.endpoint,
    };
    Ok(TestStarted::Started {
        delivery,
        done: waiting.register(delivery),
    })
}

fn store(step: &mut Step<'_>, posted: &Posted, test: &NewTest) -> Result<(), StoreError> {
    step.database.insert_event(&EventRow {
        id: posted.id.raw(),
        organization: posted.organization.get(),
        name: posted.name.0,
        public: posted.public,
        test: true,
        accepted_at: posted.accepted_at.as_micros(),
        reference: None,
        hash: &content_hash(&test.data),
        data: &test.data,
    })?;
    note_event(step, posted.organization, posted.id, None);
    Ok(())
}
