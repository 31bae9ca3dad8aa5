//! Storing results: the attempt and the delivery's next state in one commit, under the claim that made it.

use super::super::aside::NO_EPOCH;
use super::super::step::Step;
use super::super::writer::Work;
use super::test_send::Waiting;
use crate::store::StoreError;
use crate::store::directory::Sending;
use crate::store::queue::{AttemptRecord, Change, NotSettled, Settled, Settlement};
use rusqlite::params;
use std::time::Duration;
use tidings_core::delivery::{CancelReason, Next, Round, State};
use tidings_core::id::{DeliveryId, EndpointId};
use tidings_core::time::Timestamp;
use tokio::sync::oneshot;

type Answer = Result<Vec<Settled>, NotSettled>;

/// Results on their way to the disk. Their room is given back after the commit.
struct Settling {
    results: Vec<Settlement>,
    outcomes: Vec<Settled>,
    waiting: Waiting,
    answer: oneshot::Sender<Answer>,
}

/// The work of storing results, and where its answer comes.
pub fn work(
    results: Vec<Settlement>,
    waiting: Waiting,
) -> (Box<dyn Work>, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let settling = Settling {
        outcomes: Vec::with_capacity(results.len()),
        results,
        waiting,
        answer,
    };
    (Box::new(settling), answered)
}

impl Work for Settling {
    fn run(&mut self, step: &mut Step<'_, '_>) -> Result<(), StoreError> {
        for result in &self.results {
            self.outcomes.push(settle(step, result)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let answer = match committed {
            Ok(()) => {
                for result in self.results {
                    if let Change::Attempted {
                        record, progress, ..
                    } = result.change
                        && progress.round == Round::Test
                    {
                        self.waiting.tell(result.delivery, *record);
                    }
                }
                Ok(self.outcomes)
            }
            Err(error) => Err(NotSettled {
                error: error.clone(),
                results: self.results,
            }),
        };
        let _caller_gone = self.answer.send(answer);
    }
}

/// What a claimed delivery becomes; absent parts stay as they were.
struct Becomes {
    state: State,
    due_at: Option<Timestamp>,
    attempts: Option<u32>,
    failures: Option<u8>,
}

fn settle(step: &mut Step<'_, '_>, result: &Settlement) -> Result<Settled, StoreError> {
    let id = result.delivery;
    let becomes = match &result.change {
        Change::Attempted {
            record,
            progress,
            next,
        } => {
            log(step, id, record)?;
            let (state, due_at) = match next {
                Next::Rest(resting) => (resting.state(), None),
                Next::DueAt(at) => (again(step, id.endpoint), Some(*at)),
            };
            Becomes {
                state,
                due_at,
                attempts: Some(progress.attempts),
                failures: Some(progress.failures),
            }
        }
        Change::HandedBack => Becomes {
            state: again(step, id.endpoint),
            due_at: None,
            attempts: None,
            failures: None,
        },
        Change::Cancelled(reason) => Becomes {
            state: State::Cancelled(*reason),
            due_at: None,
            attempts: None,
            failures: None,
        },
    };
    // What is handed back keeps a time that is not known here, so it goes to the index at once.
    let (state, epoch) = match (becomes.state, becomes.due_at) {
        (State::Due, Some(_)) => (step.due_state(), Some(NO_EPOCH)),
        (state, _) => (state, None),
    };
    let changed = step.statements.settle.execute(params![
        id.event.raw(),
        id.endpoint.raw(),
        result.lease.epoch,
        result.lease.fence,
        state.code(),
        becomes.due_at.map(Timestamp::as_micros),
        becomes.state.resting().map(|_| step.now.as_micros()),
        becomes.attempts,
        becomes.failures,
        epoch,
    ])?;
    if changed == 0 {
        return Ok(Settled::LeaseLost);
    }
    if becomes.state == State::Due {
        // The caller knows this time. What is handed back is due at once: its own time is past.
        let due_at = becomes.due_at.unwrap_or_default();
        if state == State::InFlight {
            step.memory.aside.add(id.endpoint, due_at, id.event);
        }
        step.memory.due.add(id.endpoint, due_at);
    }
    Ok(Settled::Stored)
}

/// What a delivery that is not done becomes: due, unless its endpoint is gone or suspended (W2).
pub fn again(step: &Step<'_, '_>, endpoint: EndpointId) -> State {
    match step.tables.sending(endpoint) {
        Some(Sending::Open | Sending::Off) => State::Due,
        Some(Sending::Suspended) => State::Cancelled(CancelReason::AddOn),
        None => State::Cancelled(CancelReason::Deleted),
    }
}

fn log(step: &mut Step<'_, '_>, id: DeliveryId, record: &AttemptRecord) -> Result<(), StoreError> {
    let timing = &record.timing;
    step.statements.insert_attempt.execute(params![
        id.event.raw(),
        id.endpoint.raw(),
        record.number,
        record.started_at.as_micros(),
        micros(record.lateness),
        timing.dns.map(micros),
        timing.connect.map(micros),
        timing.tls.map(micros),
        timing.first_byte.map(micros),
        micros(timing.total),
        record.outcome.code(),
        record.detail,
        record.endpoint_version,
        record.timestamp,
        record.vomo_signature,
        record.webhook_signature,
        record.peer.map(|peer| peer.to_string()),
        &record.answer.headers[..],
        &record.answer.body[..],
        i64::try_from(record.answer.body_bytes).unwrap_or(i64::MAX),
    ])?;
    Ok(())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
