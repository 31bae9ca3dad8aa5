//! Ways to break the dispatcher on purpose, between it and the world: each must be found by the rules.

use std::time::Duration;
use tidings::engine::dispatcher::{Actions, Input};
use tidings::store::queue::Change;
use tidings_core::delivery::Next;
use tidings_core::outcome::{Failure, Outcome};
use tidings_core::time::Timestamp;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Nothing,
    RetriesEarly,
    CountsNothing,
    ForgetsWakeUps,
    ForgetsAnnouncements,
    LosesAResult,
    LosesFailedBatches,
    TakesMoreSlots,
    SeesNoTimeouts,
    StartsHalf,
}

impl Sabotage {
    pub(crate) const ALL: [Self; 9] = [
        Self::RetriesEarly,
        Self::CountsNothing,
        Self::ForgetsWakeUps,
        Self::ForgetsAnnouncements,
        Self::LosesAResult,
        Self::LosesFailedBatches,
        Self::TakesMoreSlots,
        Self::SeesNoTimeouts,
        Self::StartsHalf,
    ];

    pub(crate) fn slots(self, slots: usize) -> usize {
        match self {
            Self::TakesMoreSlots => slots + 1,
            _ => slots,
        }
    }

    /// Spoils what the dispatcher is told.
    pub(crate) fn input(self, input: Input) -> Option<Input> {
        match (self, input) {
            (Self::ForgetsAnnouncements, Input::Due(_)) => None,
            (Self::LosesFailedBatches, Input::SettleFailed(_)) => {
                Some(Input::SettleFailed(Vec::new()))
            }
            (Self::SeesNoTimeouts, Input::Finished { job, mut record }) => {
                if record.outcome == Outcome::Failed(Failure::HeaderTimeout) {
                    record.outcome = Outcome::Status(500);
                }
                Some(Input::Finished { job, record })
            }
            (_, input) => Some(input),
        }
    }

    /// Spoils what it decided.
    pub(crate) fn actions(self, actions: &mut Actions) {
        let results = actions.settle.as_mut();
        match self {
            Self::ForgetsWakeUps => actions.wake_at = None,
            Self::LosesAResult => {
                if let Some(results) = results.filter(|results| results.len() > 1) {
                    results.pop();
                }
            }
            Self::RetriesEarly => each_due(actions, |due| due.minus(Duration::from_millis(1))),
            Self::CountsNothing => {
                for result in results.into_iter().flatten() {
                    if let Change::Attempted { progress, next, .. } = &mut result.change
                        && progress.failures == 3
                    {
                        progress.failures = 2;
                        *next = Next::DueAt(Timestamp::default());
                    }
                }
            }
            Self::StartsHalf => {
                let half = actions.start.len().div_ceil(2);
                actions.start.truncate(half);
            }
            _ => {}
        }
    }
}

fn each_due(actions: &mut Actions, spoil: impl Fn(Timestamp) -> Timestamp) {
    for result in actions.settle.iter_mut().flatten() {
        if let Change::Attempted {
            next: Next::DueAt(due),
            ..
        } = &mut result.change
        {
            *due = spoil(*due);
        }
    }
}
