//! Storing results: the attempt and the delivery's next state in one commit, under the claim that made it.

use super::super::aside::{NO_EPOCH, Places};
use super::super::database::SettleRow;
use super::super::notices::Noted;
use super::super::rest;
use super::super::stats::Tally;
use super::super::step::Step;
use super::super::writer::Work;
use super::test_send::Waiting;
use crate::store::StoreError;
use crate::store::directory::Sending;
use crate::store::queue::{AttemptRecord, Change, NotSettled, Settled, Settlement};
use tidings_core::delivery::{CancelReason, Next, Round, State};
use tidings_core::id::{DeliveryId, EndpointId};
use tidings_core::time::Timestamp;
use tokio::sync::oneshot;

type Answer = Result<Stored, NotSettled>;

/// Results on their way to the disk. Their room is given back after the commit.
struct Settling {
    results: Vec<Settlement>,
    outcomes: Vec<Settled>,
    answer: oneshot::Sender<Answer>,
}

/// Results on disk, and what became of each. They go back to the caller, whose thread made them: freed by another
/// one, their memory would come back to it cold.
pub struct Stored {
    results: Vec<Settlement>,
    outcomes: Vec<Settled>,
}

/// The work of storing results, and where its answer comes.
pub fn work(results: Vec<Settlement>) -> (Box<dyn Work>, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let settling = Settling {
        outcomes: Vec::with_capacity(results.len()),
        results,
        answer,
    };
    (Box::new(settling), answered)
}

impl Stored {
    /// Counts them, and tells whoever waits for a test send.
    pub fn conclude(self, waiting: &Waiting, tally: &Tally) -> Vec<Settled> {
        tally.count(&self.results, &self.outcomes);
        for result in self.results {
            if let Change::Attempted {
                record, progress, ..
            } = result.change
                && progress.round == Round::Test
            {
                waiting.tell(result.delivery, *record);
            }
        }
        self.outcomes
    }
}

impl Work for Settling {
    /// All at once: two results of one piece never speak of the same delivery.
    fn run(&mut self, step: &mut Step<'_>) -> Result<(), StoreError> {
        let mut places = Places::left(step);
        let (rows, waits): (Vec<_>, Vec<_>) = self
            .results
            .iter()
            .map(|result| end(step, &mut places, result))
            .unzip();
        let held = step.database.settle(&rows)?;
        // Only now it is known whose claims still hold. An attempt of any other could take the place of one that counts.
        let attempts: Vec<_> = (self.results.iter().zip(&held))
            .filter(|(_, held)| **held)
            .filter_map(|(result, _)| attempt(result))
            .collect();
        if !attempts.is_empty() {
            step.database.insert_attempts(&attempts)?;
        }
        let mut noted = Noted::begin(step)?;
        let ends = rows.iter().zip(waits).zip(held);
        for (result, ((row, waits), held)) in self.results.iter().zip(ends) {
            if !held {
                self.outcomes.push(Settled::LeaseLost);
                continue;
            }
            noted.meet(&step.memory.notices, result);
            rest::count(step, row)?;
            if let Some(due_at) = waits {
                let id = result.delivery;
                if row.state == State::InFlight.code() {
                    step.memory.aside.add(id.endpoint, due_at, id.event);
                }
                step.memory.due.add(id.endpoint, due_at);
            }
            self.outcomes.push(Settled::Stored);
        }
        noted.write(step)
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let answer = match committed {
            Ok(()) => Ok(Stored {
                results: self.results,
                outcomes: self.outcomes,
            }),
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

/// The row that ends a claim, and from when on the delivery waits, if it does.
fn end(
    step: &Step<'_>,
    places: &mut Places,
    result: &Settlement,
) -> (SettleRow, Option<Timestamp>) {
    let id = result.delivery;
    let becomes = becomes(step, result);
    // What is handed back goes to the index at once: it is older than what is set aside.
    let handed_back = matches!(result.change, Change::HandedBack { .. });
    let (state, new_epoch) = match (becomes.state, handed_back) {
        (State::Due, false) => (places.due_state(), Some(NO_EPOCH)),
        (state, _) => (state, None),
    };
    let row = SettleRow {
        event: id.event.raw(),
        endpoint: id.endpoint.raw(),
        epoch: result.lease.epoch,
        fence: result.lease.fence,
        state: state.code(),
        due_at: becomes.due_at.map(Timestamp::as_micros),
        rested_at: becomes.state.resting().map(|_| step.now.as_micros()),
        attempts: becomes.attempts,
        failures: becomes.failures,
        new_epoch,
    };
    let waits = becomes.due_at.filter(|_| becomes.state == State::Due);
    (row, waits)
}

fn becomes(step: &Step<'_>, result: &Settlement) -> Becomes {
    let endpoint = result.delivery.endpoint;
    match &result.change {
        Change::Attempted { progress, next, .. } => {
            let (state, due_at) = match next {
                Next::Rest(resting) => (resting.state(), None),
                Next::DueAt(at) => (again(step, endpoint), Some(*at)),
            };
            Becomes {
                state,
                due_at,
                attempts: Some(progress.attempts),
                failures: Some(progress.failures),
            }
        }
        Change::HandedBack { due_at } => {
            Becomes::without_attempt(again(step, endpoint), Some(*due_at))
        }
        Change::Cancelled(reason) => Becomes::without_attempt(State::Cancelled(*reason), None),
    }
}

impl Becomes {
    const fn without_attempt(state: State, due_at: Option<Timestamp>) -> Self {
        Self {
            state,
            due_at,
            attempts: None,
            failures: None,
        }
    }
}

/// The attempt that a result tells of.
fn attempt(result: &Settlement) -> Option<(DeliveryId, &AttemptRecord)> {
    match &result.change {
        Change::Attempted { record, .. } => Some((result.delivery, &**record)),
        Change::HandedBack { .. } | Change::Cancelled(_) => None,
    }
}

/// What a delivery that is not done becomes: due, unless its endpoint is gone or suspended (W2).
pub fn again(step: &Step<'_>, endpoint: EndpointId) -> State {
    match step.tables.sending(endpoint) {
        Some(Sending::Open | Sending::Off) => State::Due,
        Some(Sending::Suspended) => State::Cancelled(CancelReason::AddOn),
        None => State::Cancelled(CancelReason::Deleted),
    }
}
