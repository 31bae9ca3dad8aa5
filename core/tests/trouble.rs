//! Trouble: what is told does not depend on how attempts were gathered, nothing exhausted is forgotten, and there is no flood.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

use proptest::prelude::*;
use std::time::Duration;
use tidings_core::outcome::Outcome;
use tidings_core::time::Timestamp;
use tidings_core::trouble::{
    AT_MOST_EVERY, Digest, FAILING_AFTER, FAILING_ATTEMPTS, Trouble, Turn,
};

const START: Timestamp = Timestamp::from_millis(1_772_357_400_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy)]
enum Attempt {
    Success,
    Failure,
    Exhausted,
}

fn digest(attempt: Attempt, moment: Timestamp) -> Digest {
    match attempt {
        Attempt::Success => Digest::success(moment),
        Attempt::Failure => Digest::failure(moment, Outcome::Status(503), false),
        Attempt::Exhausted => Digest::failure(moment, Outcome::Status(503), true),
    }
}

fn name(turn: &Turn) -> String {
    match turn {
        Turn::Exhausted { count, .. } => format!("{count} exhausted"),
        Turn::Failing { failed, .. } => format!("failing after {failed}"),
        Turn::Recovered { since, at, .. } => {
            format!("recovered after {}", at.since(*since).as_secs())
        }
    }
}

/// A story: `90 f` is a failure after 90 s, `s` a success, `x` an exhausted delivery, `.` a look, `-` a switch off. Answers
/// what was told, with the moment.
fn told(story: &str) -> Vec<String> {
    let mut trouble = Trouble::default();
    let mut all = Vec::new();
    for part in story.split(", ") {
        let (second, what) = part.split_once(' ').unwrap();
        let second: u64 = second.parse().unwrap();
        let now = at(second);
        let turns = match what {
            "s" => trouble.meet(&digest(Attempt::Success, now), now),
            "f" => trouble.meet(&digest(Attempt::Failure, now), now),
            "x" => trouble.meet(&digest(Attempt::Exhausted, now), now),
            "." => trouble.wait(now).into_iter().collect(),
            "-" => {
                trouble.rest();
                Vec::new()
            }
            other => panic!("{other}"),
        };
        all.extend(turns.iter().map(|turn| format!("{second} {}", name(turn))));
    }
    all
}

#[test]
fn what_is_told_when() {
    for (story, wanted) in [
        // Failing: five minutes, five attempts, and one of them at the end.
        ("0 f, 10 f, 110 f, 200 f, 299 f", &[] as &[&str]),
        ("0 f, 10 f, 110 f, 200 f, 300 f", &["300 failing after 5"]),
        // The clock is set back: what was told in the future was never told, and what began there begins now.
        ("864000 x, 5 x", &["864000 1 exhausted", "5 1 exhausted"]),
        (
            "864000 x, 864010 x, 5 .",
            &["864000 1 exhausted", "5 1 exhausted"],
        ),
        (
            "864000 f, 0 f, 10 f, 110 f, 200 f, 300 f",
            &["300 failing after 6"],
        ),
        (
            "863000 f, 863010 f, 863020 f, 863030 f, 863400 f, 0 s, 10 f, 20 f, 30 f, 40 f, 310 f",
            &[
                "863400 failing after 5",
                "0 recovered after 0",
                "310 failing after 5",
            ],
        ),
        ("0 f, 300 f, 400 f, 500 f", &[]),
        ("0 f, 300 f, 400 f, 500 f, 600 f", &["600 failing after 5"]),
        // A success begins it all anew.
        ("0 f, 10 f, 110 f, 200 f, 250 s, 300 f, 310 f", &[]),
        // Once in an outage, and its end.
        (
            "0 f, 10 f, 110 f, 200 f, 300 f, 9000 f, 9001 f, 9010 s, 9011 s",
            &["300 failing after 5", "9010 recovered after 9010"],
        ),
        // A second outage within the hour is told when the hour is over, and not as over if it was not told.
        (
            "0 f, 1 f, 2 f, 3 f, 300 f, 310 s, 400 f, 401 f, 402 f, 403 f, 700 f, 3899 f, 3900 f, 3910 s",
            &[
                "300 failing after 5",
                "310 recovered after 310",
                "3900 failing after 7",
                "3910 recovered after 3510",
            ],
        ),
        (
            "0 f, 1 f, 2 f, 3 f, 300 f, 310 s, 400 f, 401 f, 402 f, 403 f, 700 f, 710 s",
            &["300 failing after 5", "310 recovered after 310"],
        ),
        // Exhausted: at once, then once an hour with how many since.
        (
            "0 f, 10 f, 110 x, 111 x, 200 x, 3709 ., 3710 ., 7400 .",
            &["110 1 exhausted", "3710 2 exhausted"],
        ),
        // Nothing succeeded during three tries: the next success is told.
        (
            "0 f, 10 f, 110 x, 500 s",
            &["110 1 exhausted", "500 recovered after 500"],
        ),
        // One event that is refused again and again among many that are taken: no outage.
        (
            "0 f, 5 s, 10 f, 60 s, 110 x, 111 s, 112 f, 120 s, 122 f, 130 s, 222 x, 223 s, 3710 .",
            &["110 1 exhausted", "3710 1 exhausted"],
        ),
        // Switched off, it is no outage any more; what was exhausted is told all the same.
        (
            "0 f, 10 f, 110 x, 120 x, 130 -, 5000 s, 5001 .",
            &["110 1 exhausted", "5000 1 exhausted"],
        ),
    ] {
        assert_eq!(told(story), wanted, "{story}");
    }
}

#[test]
fn what_is_over_is_forgotten_after_the_hour_and_what_is_not_stays() {
    let mut trouble = Trouble::default();
    assert!(trouble.is_over(START));
    trouble.meet(&digest(Attempt::Exhausted, at(0)), at(0));
    trouble.meet(&digest(Attempt::Success, at(10)), at(10));
    assert!(!trouble.is_over(at(3_599)));
    assert_eq!(trouble.look_at(), Some(at(3_600)));
    assert!(trouble.is_over(at(3_600)));
    trouble.meet(&digest(Attempt::Failure, at(20)), at(20));
    assert!(!trouble.is_over(at(9_000)));
}

fn attempts() -> impl Strategy<Value = Vec<(u64, Attempt)>> {
    let attempt = prop_oneof![
        3 => Just(Attempt::Success),
        4 => Just(Attempt::Failure),
        2 => Just(Attempt::Exhausted),
    ];
    let wait = prop_oneof![4 => 0_u64..30, 2 => 30_u64..400, 1 => 400_u64..5_000];
    proptest::collection::vec((wait, attempt), 0..120).prop_map(|steps| {
        let mut now = 0;
        let moved = |(wait, attempt)| {
            now += wait;
            (now, attempt)
        };
        steps.into_iter().map(moved).collect()
    })
}

proptest! {
    /// Notes may be put together in any pieces.
    #[test]
    fn a_digest_is_the_same_however_it_is_gathered(steps in attempts(), cut in 0_usize..120, other in 0_usize..120) {
        let all: Vec<Digest> = steps.iter().map(|(second, attempt)| digest(*attempt, at(*second))).collect();
        let fold = |part: &[Digest]| part.iter().fold(Digest::default(), |sum, next| sum.then(*next));
        let (cut, other) = (cut.min(all.len()), other.min(all.len()));
        let (first, second) = (cut.min(other), cut.max(other));
        let in_parts = fold(&all[..first]).then(fold(&all[first..second]).then(fold(&all[second..])));
        prop_assert_eq!(in_parts, fold(&all));
        let exhausted = steps.iter().filter(|(_, attempt)| matches!(attempt, Attempt::Exhausted)).count();
        prop_assert_eq!(fold(&all).exhausted_in_all() as usize, exhausted);
        let success = steps.iter().rposition(|(_, attempt)| matches!(attempt, Attempt::Success));
        let after = &steps[success.map_or(0, |place| place + 1)..];
        let moment = |step: Option<&(u64, Attempt)>| step.map(|(second, _)| at(*second));
        prop_assert_eq!(fold(&all).succeeded, success.map(|place| at(steps[place].0)));
        prop_assert_eq!(fold(&all).since, moment(after.first()));
        prop_assert_eq!(fold(&all).failed as usize, after.len());
        let last = steps.iter().rev().find(|(_, attempt)| !matches!(attempt, Attempt::Success));
        prop_assert_eq!(fold(&all).last.map(|(moment, _)| moment), moment(last));
    }

    /// Every exhausted delivery is told once; notices of a kind are an hour apart; a run is told to be over exactly if it was
    /// told, and what is told of it is true.
    #[test]
    fn nothing_exhausted_is_forgotten_and_there_is_no_flood(steps in attempts(), piece in 1_usize..8) {
        let mut trouble = Trouble::default();
        let mut told: Vec<(Timestamp, Turn)> = Vec::new();
        let mut now = START;
        for part in steps.chunks(piece) {
            let mut sum = Digest::default();
            for (second, attempt) in part {
                now = at(*second);
                sum = sum.then(digest(*attempt, now));
            }
            let turns = trouble.meet(&sum, now);
            told.extend(turns.into_iter().map(|turn| (now, turn)));
        }
        now = now.plus(AT_MOST_EVERY);
        told.extend(trouble.wait(now).map(|turn| (now, turn)));
        let wanted = steps.iter().filter(|(_, attempt)| matches!(attempt, Attempt::Exhausted)).count();
        let (mut exhausted, mut last, mut open) = (0, [None, None], false);
        for (moment, turn) in &told {
            let place = match turn {
                Turn::Exhausted { count, .. } => {
                    exhausted += *count as usize;
                    0
                }
                Turn::Failing { since, failed, last, .. } => {
                    prop_assert!(*failed >= FAILING_ATTEMPTS);
                    prop_assert!(last.unwrap().0.since(*since) >= FAILING_AFTER);
                    let lied = steps.iter().any(|(second, attempt)| {
                        matches!(attempt, Attempt::Success) && at(*second) > *since && at(*second) < last.unwrap().0
                    });
                    prop_assert!(!lied, "something succeeded meanwhile");
                    1
                }
                Turn::Recovered { .. } => {
                    prop_assert!(open, "nobody was told of the outage");
                    open = false;
                    continue;
                }
            };
            open = true;
            if let Some(before) = last[place].replace(*moment) {
                prop_assert!(moment.since(before) >= AT_MOST_EVERY);
            }
        }
        prop_assert_eq!(exhausted, wanted);
        prop_assert_eq!(trouble.untold, 0);
    }
}
