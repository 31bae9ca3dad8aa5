//! The retry plan (W17 to W20): what follows an attempt. The store is given a time, never a policy.

use crate::delivery::{Next, Progress, Resting, Round};
use crate::limits::{OWN_FAULT_WAIT, RETRY_WAITS};
use crate::outcome::{Outcome, Verdict};
use crate::time::Timestamp;

/// The progress and the next step of a delivery after one attempt that ended at `ended_at`.
///
/// Success rests as delivered. A counted failure waits 10 s, then 100 s, each from the moment of the
/// failure, and is exhausted at the third (W19). A fault of ours is repeated after 10 s and counts
/// nothing (W20). A retry by hand and a test are one counted try; a replay is a whole plan again.
pub fn next(before: Progress, outcome: Outcome, ended_at: Timestamp) -> (Progress, Next) {
    let attempts = before.attempts.saturating_add(1);
    match outcome.verdict() {
        Verdict::Success => (
            Progress { attempts, ..before },
            Next::Rest(Resting::Delivered),
        ),
        Verdict::NotCounted => (
            Progress { attempts, ..before },
            Next::DueAt(ended_at.plus(OWN_FAULT_WAIT)),
        ),
        Verdict::Failure => {
            let after = Progress {
                attempts,
                failures: before.failures.saturating_add(1),
                ..before
            };
            let step = match wait_after(after) {
                Some(wait) => Next::DueAt(ended_at.plus(wait)),
                None => Next::Rest(rest_after_failure(before.round)),
            };
            (after, step)
        }
    }
}

fn wait_after(after: Progress) -> Option<std::time::Duration> {
    match after.round {
        Round::Plan | Round::Replay(_) => RETRY_WAITS
            .get(usize::from(after.failures).saturating_sub(1))
            .copied(),
        Round::Retry(_) | Round::Test => None,
    }
}

const fn rest_after_failure(round: Round) -> Resting {
    match round {
        Round::Plan | Round::Test => Resting::Exhausted,
        Round::Retry(Resting::Delivered) | Round::Replay(Resting::Delivered) => Resting::Delivered,
        Round::Retry(_) | Round::Replay(_) => Resting::Exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::CancelReason;
    use crate::outcome::{Failure, OwnFault};
    use std::time::Duration;

    const FAILED: Outcome = Outcome::Status(500);
    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn run(mut progress: Progress, outcomes: &[Outcome]) -> Vec<Next> {
        let mut steps = Vec::new();
        for outcome in outcomes {
            let (after, step) = next(progress, *outcome, NOW);
            progress = after;
            steps.push(step);
        }
        assert_eq!(progress.attempts as usize, outcomes.len());
        steps
    }

    fn due(seconds: u64) -> Next {
        Next::DueAt(NOW.plus(Duration::from_secs(seconds)))
    }

    #[test]
    fn w19_three_tries_at_0_10_s_and_100_s() {
        assert_eq!(
            run(Progress::NEW, &[FAILED; 3]),
            [due(10), due(100), Next::Rest(Resting::Exhausted)]
        );
    }

    #[test]
    fn w19_every_kind_of_failure_is_retried_alike() {
        let failures = Failure::ALL.map(Outcome::Failed);
        let statuses = [301, 400, 401, 404, 410, 429, 500, 503].map(Outcome::Status);
        for outcome in failures.into_iter().chain(statuses) {
            assert_eq!(run(Progress::NEW, &[outcome]), [due(10)], "{outcome:?}");
        }
    }

    #[test]
    fn w20_our_own_fault_counts_nothing_and_is_repeated_after_10_s() {
        let ours = Outcome::OwnFault(OwnFault::Resources);
        let steps = run(
            Progress::NEW,
            &[ours, ours, FAILED, ours, FAILED, ours, FAILED],
        );
        assert_eq!(
            steps,
            [
                due(10),
                due(10),
                due(10),
                due(10),
                due(100),
                due(10),
                Next::Rest(Resting::Exhausted)
            ]
        );
    }

    #[test]
    fn a_failed_re_send_leaves_a_delivered_one_delivered() {
        let retry = Progress::NEW.again(Round::Retry(Resting::Delivered));
        assert_eq!(run(retry, &[FAILED]), [Next::Rest(Resting::Delivered)]);
        let replay = Progress::NEW.again(Round::Replay(Resting::Delivered));
        assert_eq!(
            run(replay, &[FAILED; 3]),
            [due(10), due(100), Next::Rest(Resting::Delivered)]
        );
    }

    #[test]
    fn a_retry_by_hand_is_one_try_and_a_replay_a_whole_plan() {
        for resting in [
            Resting::Exhausted,
            Resting::Cancelled(CancelReason::Discarded),
        ] {
            assert_eq!(
                run(Progress::NEW.again(Round::Retry(resting)), &[FAILED]),
                [Next::Rest(Resting::Exhausted)]
            );
            assert_eq!(
                run(Progress::NEW.again(Round::Replay(resting)), &[FAILED; 3])[2..],
                [Next::Rest(Resting::Exhausted)]
            );
        }
        assert_eq!(
            run(Progress::TEST, &[FAILED]),
            [Next::Rest(Resting::Exhausted)]
        );
        assert_eq!(
            run(Progress::TEST, &[Outcome::Status(204)]),
            [Next::Rest(Resting::Delivered)]
        );
    }
}
