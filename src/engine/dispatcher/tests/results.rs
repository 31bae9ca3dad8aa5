//! Results on their way into the store: what goes together, and when.

use super::super::settling::{ENOUGH, GATHER};
use super::*;

#[test]
fn results_gather_while_a_batch_commits() {
    let mut desk = Desk::new(100);
    desk.post(1, 1, 3);
    let (_, jobs) = desk.starts();
    let mut sizes = Vec::new();
    for job in jobs {
        desk.finish(job, OK);
        sizes.push(desk.batch().len());
    }
    desk.take(Input::Settled);
    sizes.push(desk.batch().len());
    assert_eq!(sizes, [1, 0, 0, 2]);
}

#[test]
fn a_batch_that_failed_goes_again_after_a_second() {
    let mut desk = Desk::new(100);
    desk.post(1, 1, 2);
    let (_, mut jobs) = desk.starts();
    desk.finish(jobs.remove(0), OK);
    let batch = desk.batch();
    desk.finish(jobs.remove(0), OK);
    desk.take(Input::SettleFailed(batch));
    assert_eq!(desk.batch().len(), 0);
    assert_eq!(desk.actions.wake_at, Some(NOW.plus(seconds(1))));
    desk.now = NOW.plus(seconds(1));
    assert_eq!(desk.batch().len(), 2);
}

#[test]
fn draining_hands_back_what_waits_and_finishes_what_flies() {
    let mut desk = Desk::new(4);
    desk.post(1, 1, 10);
    let (_, jobs) = desk.starts();
    assert_eq!(jobs.len(), 2);
    desk.take(Input::Drain);
    let batch = desk.batch();
    assert_eq!(batch.len(), 8);
    assert!(
        batch
            .iter()
            .all(|result| matches!(result.change, Change::HandedBack { .. }))
    );
    desk.take(Input::Settled);
    assert!(!desk.dispatcher.drained());
    desk.post(1, 2, 1);
    for job in jobs {
        desk.finish(job, OK);
    }
    assert_eq!(desk.batch().len(), 3);
    assert!(!desk.dispatcher.drained(), "results are not stored yet");
    desk.take(Input::Settled);
    desk.decide();
    assert!(desk.actions.start.is_empty() && desk.actions.claim.is_none());
    assert!(desk.dispatcher.drained());
}

#[test]
fn timeouts_gather_for_a_moment_and_hold_up_nothing_else() {
    let mut desk = Desk::new(100);
    desk.post(1, 1, 4);
    let (_, mut jobs) = desk.starts();
    desk.finish(jobs.remove(0), TIMED_OUT);
    assert_eq!(desk.batch().len(), 0);
    let gathered = NOW.plus(GATHER);
    assert_eq!(desk.actions.wake_at, Some(gathered));
    desk.finish(jobs.remove(0), OK);
    assert_eq!(desk.batch().len(), 1, "an answer does not wait for them");
    desk.take(Input::Settled);
    desk.pass(GATHER / 2);
    desk.finish(jobs.remove(0), TIMED_OUT);
    desk.pass(GATHER / 2 - Duration::from_micros(1));
    assert!(desk.actions.settle.is_none());
    desk.pass(Duration::from_micros(1));
    let batch = desk.actions.settle.take().unwrap();
    assert_eq!(batch.len(), 2, "and the last one not longer than the first");
    let due = |at: Timestamp| at.plus(seconds(10));
    let wanted = [NOW, NOW.plus(GATHER / 2)].map(due);
    let next = batch.iter().map(|result| match &result.change {
        Change::Attempted { next, .. } => *next,
        other => panic!("{other:?}"),
    });
    assert_eq!(
        next.collect::<Vec<_>>(),
        wanted.map(Next::DueAt),
        "W19: from when it failed"
    );
}

#[test]
fn many_timeouts_do_not_gather_and_a_draining_node_waits_for_them() {
    let mut desk = Desk::new(4_096);
    (1..=9).for_each(|organization| desk.post(organization, organization, 100));
    let (_, mut jobs) = desk.starts();
    let last = jobs.pop().unwrap();
    for job in jobs.drain(..ENOUGH) {
        desk.finish(job, TIMED_OUT);
    }
    assert_eq!(desk.batch().len(), ENOUGH);
    desk.take(Input::Settled);
    desk.take(Input::Drain);
    desk.batch();
    desk.take(Input::Settled);
    jobs.into_iter().for_each(|job| desk.finish(job, OK));
    desk.finish(last, TIMED_OUT);
    desk.batch();
    desk.take(Input::Settled);
    assert!(!desk.dispatcher.drained(), "one timeout is not stored yet");
    desk.pass(GATHER);
    assert!(desk.actions.settle.is_some());
    desk.take(Input::Settled);
    assert!(desk.dispatcher.drained());
}
