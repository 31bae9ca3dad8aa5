//! What the dispatcher decides, one rule at a time; the whole is driven by `tests/simulation.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod results;

use super::claims::FIRST_CLAIM;
use super::*;
use crate::store::queue::{Answer, Lease, Timing};
use crate::store::room::{Origin, Room};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::delivery::{Next, Progress};
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::outcome::{Failure, OwnFault};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const OK: Outcome = Outcome::Status(200);
const FAILED: Outcome = Outcome::Status(500);
const TIMED_OUT: Outcome = Outcome::Failed(Failure::HeaderTimeout);

/// A dispatcher, and what it decided so far.
struct Desk {
    dispatcher: Dispatcher,
    actions: Actions,
    room: Arc<Room>,
    now: Timestamp,
    events: i64,
}

impl Desk {
    /// One that has learnt that the store holds nothing.
    fn new(slots: usize) -> Self {
        let mut desk = Self {
            dispatcher: Dispatcher::new(slots, NOW),
            actions: Actions::default(),
            room: Room::new(1 << 20, usize::MAX),
            now: NOW,
            events: 0,
        };
        desk.decide();
        assert_eq!(desk.actions.claim, Some(FIRST_CLAIM), "it asks at once");
        desk.claimed(0, false, None);
        desk
    }

    fn job(&mut self, organization: i64, endpoint: i64, progress: Progress) -> Job {
        self.events += 1;
        let endpoint = EndpointId::from_raw(endpoint);
        Job {
            delivery: DeliveryId {
                event: EventId::from_raw(self.events),
                endpoint,
            },
            organization: OrganizationId::new(organization).unwrap(),
            wire_type: Arc::from("project.updated"),
            data: Bytes::new(),
            progress,
            due_at: self.now,
            lease: Lease { epoch: 1, fence: 1 },
            reservation: self.room.reserve(endpoint, 1, Origin::Fresh).unwrap(),
        }
    }

    /// So many deliveries arrive for an endpoint; nothing is decided yet.
    fn post(&mut self, organization: i64, endpoint: i64, count: usize) {
        let jobs = (0..count)
            .map(|_| self.job(organization, endpoint, Progress::NEW))
            .collect();
        self.take(Input::Arrived(jobs));
    }

    fn take(&mut self, input: Input) {
        self.dispatcher.take(self.now, input);
    }

    /// Decides until no more may start, as the driver does.
    fn decide(&mut self) {
        let (mut claim, mut settle) = (None, None);
        loop {
            self.dispatcher.decide(self.now, &mut self.actions);
            claim = claim.or(self.actions.claim.take());
            settle = settle.or(self.actions.settle.take());
            if !self.actions.more {
                break;
            }
        }
        (self.actions.claim, self.actions.settle) = (claim, settle);
    }

    /// The endpoints that start now, in order; their jobs are on the wire.
    fn starts(&mut self) -> (Vec<i64>, Vec<Job>) {
        self.decide();
        let jobs: Vec<Job> = self.on_the_wire();
        (jobs.iter().map(endpoint_of).collect(), jobs)
    }

    /// What was decided to start.
    fn on_the_wire(&mut self) -> Vec<Job> {
        self.actions
            .start
            .drain(..)
            .map(|start| start.job)
            .collect()
    }

    fn finish(&mut self, job: Job, outcome: Outcome) {
        let record = Box::new(AttemptRecord {
            number: job.progress.attempts + 1,
            started_at: self.now,
            lateness: Duration::ZERO,
            timing: Timing::default(),
            outcome,
            detail: String::new(),
            endpoint_version: 1,
            timestamp: 0,
            vomo_signature: String::new(),
            webhook_signature: String::new(),
            peer: None,
            answer: Answer::default(),
        });
        self.take(Input::Finished { job, record });
    }

    fn claimed(&mut self, count: usize, more: bool, next_due: Option<Timestamp>) {
        let jobs = (0..count).map(|_| self.job(1, 1, Progress::NEW)).collect();
        self.take(Input::Claimed(Claimed {
            jobs,
            more,
            next_due,
        }));
        self.decide();
    }

    fn pass(&mut self, wait: Duration) {
        self.now = self.now.plus(wait);
        self.decide();
    }

    /// The batch that goes to the store now.
    fn batch(&mut self) -> Vec<Settlement> {
        self.decide();
        self.actions.settle.take().unwrap_or_default()
    }
}

fn endpoint_of(job: &Job) -> i64 {
    job.delivery.endpoint.raw()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn w22_an_endpoint_gets_half_of_the_slots_and_never_the_last() {
    let mut desk = Desk::new(100);
    desk.post(1, 1, 1_000);
    assert_eq!(desk.starts().0.len(), 50);
    desk.post(1, 2, 1_000);
    assert_eq!(desk.starts().0.len(), 25);
    desk.post(2, 3, 1);
    assert_eq!(desk.starts().0, [3], "a healthy one never waits for them");
}

#[test]
fn w22_endpoints_that_time_out_share_half() {
    let mut desk = Desk::new(400);
    (1..=90).for_each(|endpoint| desk.post(endpoint, endpoint, 1));
    for job in desk.starts().1 {
        desk.finish(job, TIMED_OUT);
    }
    for endpoint in 1..=90 {
        desk.post(endpoint, endpoint, 100);
    }
    let (mut started, mut jobs) = desk.starts();
    assert_eq!(started.len(), 1, "not all at once");
    for _ in 0..210 {
        desk.pass(Duration::from_millis(10));
        let more = desk.on_the_wire();
        started.extend(more.iter().map(endpoint_of));
        jobs.extend(more);
    }
    assert_eq!(started.len(), 200);
    let each: Vec<usize> = (1..=90)
        .map(|endpoint| started.iter().filter(|other| **other == endpoint).count())
        .collect();
    assert!(each.iter().all(|count| (2..=3).contains(count)), "{each:?}");
    desk.post(91, 91, 1_000);
    assert_eq!(desk.starts().0.len(), 100, "half of what is left");
    // An answer, whatever it says, ends the suspicion; the endpoint may now use what is free.
    let answered = jobs.into_iter().next().unwrap();
    let endpoint = endpoint_of(&answered);
    desk.finish(answered, FAILED);
    let (started, _) = desk.starts();
    assert!(
        started.iter().filter(|other| **other == endpoint).count() > 1,
        "{started:?}"
    );
}

#[test]
fn w22_what_waits_for_endpoints_that_time_out_is_no_load() {
    let mut desk = Desk::new(10);
    let counts = |desk: &Desk| {
        let dispatcher = &desk.dispatcher;
        (dispatcher.waiting(), dispatcher.waiting_for_fast())
    };
    desk.post(1, 1, 100);
    desk.post(2, 2, 50);
    let (_, mut jobs) = desk.starts();
    let rest = 150 - jobs.len();
    assert_eq!(counts(&desk), (rest, rest));
    let first = jobs.iter().position(|job| endpoint_of(job) == 1).unwrap();
    let hung = jobs.remove(first);
    let of_two = 50 - jobs.iter().filter(|job| endpoint_of(job) == 2).count();
    desk.finish(hung, TIMED_OUT);
    assert_eq!(counts(&desk), (rest, of_two));
    desk.post(1, 1, 10);
    assert_eq!(counts(&desk), (rest + 10, of_two));
    desk.pass(seconds(1));
    let started = desk.on_the_wire();
    let by_one = started.iter().filter(|job| endpoint_of(job) == 1).count();
    assert!(by_one > 0);
    let left = rest + 10 - started.len();
    let of_two = of_two - (started.len() - by_one);
    assert_eq!(counts(&desk), (left, of_two));
    // An answer: all of it counts again.
    let answered = started.into_iter().find(|job| endpoint_of(job) == 1);
    desk.finish(answered.unwrap(), FAILED);
    assert_eq!(counts(&desk), (left, left));
    desk.take(Input::Drain);
    assert_eq!(counts(&desk), (0, 0));
}

#[test]
fn w22_slots_go_round_organizations_first_and_endpoints_second() {
    let mut desk = Desk::new(4);
    for endpoint in 1..=4 {
        desk.post(9, endpoint, 1);
    }
    let (_, mut running) = desk.starts();
    assert_eq!(running.len(), 4);
    // Organization 1 has three endpoints, 2 and 3 have one each; one slot comes free at a time.
    for (organization, endpoint) in [(1, 11), (1, 12), (1, 13), (2, 21), (3, 31)] {
        desk.post(organization, endpoint, 4);
    }
    let mut order = Vec::new();
    while let Some(done) = running.pop() {
        desk.finish(done, OK);
        let (started, jobs) = desk.starts();
        order.extend(started);
        running.extend(jobs);
    }
    assert_eq!(order[..9], [11, 21, 31, 12, 21, 31, 13, 21, 31]);
}

#[test]
fn a_test_send_goes_first() {
    let mut desk = Desk::new(2);
    desk.post(1, 1, 10);
    let (_, jobs) = desk.starts();
    desk.post(1, 2, 10);
    let (_, more) = desk.starts();
    let test = desk.job(1, 2, Progress::TEST);
    let event = test.delivery.event;
    desk.take(Input::Arrived(vec![test]));
    for job in jobs.into_iter().chain(more) {
        desk.finish(job, OK);
    }
    let (_, jobs) = desk.starts();
    assert_eq!(jobs[0].delivery.event, event);
}

#[test]
fn w19_a_failed_try_is_due_10_s_after_it_failed_and_the_node_wakes_then() {
    let mut desk = Desk::new(4);
    desk.post(1, 1, 1);
    let (_, mut jobs) = desk.starts();
    desk.now = NOW.plus(seconds(2));
    desk.finish(jobs.remove(0), FAILED);
    let batch = desk.batch();
    let due = NOW.plus(seconds(12));
    let Change::Attempted { next, progress, .. } = &batch[0].change else {
        panic!("{batch:?}");
    };
    assert_eq!((*next, progress.failures), (Next::DueAt(due), 1));
    assert_eq!(desk.actions.wake_at, None, "not stored yet");
    desk.take(Input::Settled);
    desk.decide();
    assert_eq!(
        (desk.actions.wake_at, desk.actions.claim),
        (Some(due), None)
    );
    desk.pass(Duration::from_micros(9_999_999));
    assert_eq!(desk.actions.claim, None, "never earlier");
    desk.pass(Duration::from_micros(1));
    assert_eq!(desk.actions.claim, Some(FIRST_CLAIM));
}

#[test]
fn w20_our_own_fault_says_nothing_about_the_endpoint() {
    let mut desk = Desk::new(2);
    desk.post(1, 1, 1);
    let (_, mut jobs) = desk.starts();
    desk.finish(jobs.remove(0), Outcome::OwnFault(OwnFault::Network));
    let batch = desk.batch();
    let Change::Attempted { next, progress, .. } = &batch[0].change else {
        panic!("{batch:?}");
    };
    assert_eq!(
        (*next, progress.failures),
        (Next::DueAt(NOW.plus(seconds(10))), 0)
    );
    assert_eq!(desk.dispatcher.lanes.in_flight_slow(), 0);
}

#[test]
fn a_claim_that_failed_goes_again_after_a_second() {
    let mut desk = Desk::new(100);
    desk.take(Input::Due(NOW));
    desk.pass(seconds(1));
    assert_eq!(desk.actions.claim.take(), Some(FIRST_CLAIM));
    desk.take(Input::Due(NOW));
    desk.decide();
    assert_eq!(desk.actions.claim, None, "one at a time");
    desk.take(Input::ClaimFailed);
    desk.pass(Duration::from_millis(999));
    assert_eq!(desk.actions.claim, None);
    desk.pass(Duration::from_millis(1));
    assert_eq!(desk.actions.claim, Some(FIRST_CLAIM));
}

#[test]
fn what_is_announced_while_a_claim_is_out_is_asked_for_after_it() {
    let mut desk = Desk::new(100);
    desk.take(Input::Due(NOW));
    desk.pass(seconds(1));
    assert_eq!(desk.actions.claim.take(), Some(FIRST_CLAIM));
    let due = NOW.plus(seconds(5));
    desk.take(Input::Due(due));
    desk.claimed(0, false, Some(NOW.plus(seconds(9))));
    assert_eq!(desk.actions.wake_at, Some(due));
}

#[test]
fn without_room_a_claim_follows_room_that_came_free() {
    let mut desk = Desk::new(4);
    desk.take(Input::Due(NOW));
    desk.pass(seconds(1));
    desk.actions.claim = None;
    desk.claimed(3, true, None);
    assert_eq!(desk.actions.claim, None, "there is no room");
    let (_, jobs) = desk.starts();
    let job = jobs.into_iter().next().unwrap();
    desk.finish(job, OK);
    desk.batch();
    desk.take(Input::Settled);
    desk.pass(Duration::from_millis(10));
    assert_eq!(desk.actions.claim, Some(FIRST_CLAIM));
}

#[test]
fn a_burst_of_one_endpoint_goes_through_its_window() {
    let mut desk = Desk::new(4_096);
    desk.post(1, 1, 1_000);
    let (first, mut jobs) = desk.starts();
    assert_eq!(first.len(), 128);
    desk.finish(jobs.pop().unwrap(), OK);
    let (next, _) = desk.starts();
    assert_eq!(next, [1], "one ended, one starts");
}

#[test]
fn the_window_of_an_endpoint_that_hangs_doubles_every_half_second() {
    let half = Duration::from_millis(500);
    let mut desk = Desk::new(4_096);
    desk.post(1, 1, 1_000);
    desk.decide();
    assert_eq!(desk.actions.wake_at, Some(NOW.plus(half)));
    let mut on_the_wire = desk.on_the_wire();
    for wanted in [256, 512, 1_000] {
        desk.pass(half);
        on_the_wire.append(&mut desk.on_the_wire());
        assert_eq!(on_the_wire.len(), wanted);
    }
}

#[test]
fn tries_that_time_out_in_between_keep_no_window_shut() {
    let mut desk = Desk::new(4_096);
    desk.post(1, 1, 1_000);
    let mut on_the_wire = desk.starts().1;
    for step in 0..700 {
        desk.pass(Duration::from_millis(3));
        on_the_wire.append(&mut desk.on_the_wire());
        if step % 8 == 0 {
            desk.finish(on_the_wire.pop().unwrap(), TIMED_OUT);
            on_the_wire.append(&mut desk.starts().1);
        }
    }
    assert!(on_the_wire.len() > 800, "{}", on_the_wire.len());
}

#[test]
fn a_window_does_not_open_while_answers_come() {
    let mut desk = Desk::new(4_096);
    desk.post(1, 1, 1_000);
    let (_, mut on_the_wire) = desk.starts();
    for _ in 0..8 {
        desk.pass(Duration::from_millis(400));
        assert!(desk.actions.start.is_empty());
        desk.finish(on_the_wire.pop().unwrap(), FAILED);
        on_the_wire.extend(desk.starts().1);
        assert_eq!(on_the_wire.len(), 128);
    }
}

#[test]
fn who_has_not_answered_starts_after_the_others_of_a_burst() {
    let mut desk = Desk::new(4_096);
    let burst = |desk: &mut Desk| {
        for endpoint in 1..=3 {
            desk.post(1, endpoint, 1);
        }
        desk.decide();
        let order: Vec<bool> = desk
            .actions
            .start
            .iter()
            .map(|start| start.after_others)
            .collect();
        (order, desk.on_the_wire())
    };
    let (order, mut jobs) = burst(&mut desk);
    assert_eq!(order, [false, false, false]);
    desk.finish(jobs.pop().unwrap(), OK);
    desk.finish(jobs.pop().unwrap(), TIMED_OUT);
    // The first one has one in flight, the second let it time out, the third answered.
    assert_eq!(burst(&mut desk).0, [true, true, false]);
}

#[test]
fn likely_hangers_are_started_a_few_at_a_time() {
    let mut desk = Desk::new(4_096);
    for endpoint in 1..=40 {
        desk.post(endpoint, endpoint, 1);
    }
    for job in desk.starts().1 {
        desk.finish(job, TIMED_OUT);
    }
    for endpoint in 1..=40 {
        desk.post(endpoint, endpoint, 1);
    }
    for started in [3, 6, 9] {
        desk.decide();
        assert_eq!(desk.actions.start.len(), started);
        let again = desk.actions.wake_at.unwrap();
        desk.pass(again.since(desk.now));
    }
}

#[test]
fn r12_a_clock_set_back_does_not_keep_windows_shut() {
    let mut desk = Desk::new(4_096);
    desk.post(1, 1, 200);
    assert_eq!(desk.starts().0.len(), 128);
    desk.now = desk.now.minus(Duration::from_secs(3_600));
    assert_eq!(desk.starts().0.len(), 0);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.actions.start.len(), 72);
}
