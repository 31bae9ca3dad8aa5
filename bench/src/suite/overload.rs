//! The part about too much: ten times as many events are offered as the server is set to take.

use super::Suite;
use super::model::Section;
use crate::error::BenchError;
use crate::load::Pace;
use crate::measure::memory;
use crate::phases::{At, Shape};
use crate::report::progress;

/// Events a second that the server is set to take.
const TAKEN: u32 = 2_000;
/// Events a second that are offered.
const OFFERED: u32 = 10 * TAKEN;

/// What is taken, what is refused and how, and what the accepted ones notice.
pub(super) fn overload(suite: &mut Suite) -> Result<Section, BenchError> {
    progress("overload");
    let lasting = suite.lasting();
    let mut section = Section::new(
        "Overload",
        format!(
            "The server is set to take {TAKEN} events/s (limits.events_per_second); {OFFERED}/s are offered for {} s. Before \
             and after, for comparison, a little less than it takes.",
            lasting.as_secs()
        ),
    );
    let limit = ("TIDINGS_LIMITS_EVENTS_PER_SECOND", TAKEN.to_string());
    let instance = suite.server(&[limit])?;
    let server = instance.server()?;
    let target = server.set_up(&suite.rounds.receiver().url())?;
    let at = At::Server {
        target: &target,
        pid: server.pid(),
    };
    let offer = |rate| Shape::single(Pace::Open { rate, lasting }, 64);
    let before = suite
        .rounds
        .fire("before the overload", at, offer(TAKEN * 19 / 20))?;
    let during = suite.rounds.fire("overload", at, offer(OFFERED))?;
    let after = suite
        .rounds
        .fire("after the overload", at, offer(TAKEN * 19 / 20))?;
    let goodput = during.accepted_per_second / f64::from(TAKEN);
    section.figure("accepted", during.accepted_per_second, "/s");
    section
        .figure("accepted, of what it takes", goodput, "")
        .at_least(0.8);
    section.figure("refused", during.refused as f64, "");
    section
        .figure(
            "refused without 429 or 503 and Retry-After",
            (during.refused - during.put_off) as f64,
            "",
        )
        .at_most(0.0);
    section
        .figure("not answered", during.failed as f64, "")
        .at_most(0.0);
    section
        .figure("accepted and lost", during.lost as f64, "")
        .at_most(0.0);
    section
        .figure("accept p99", during.accept.p99_ms, "ms")
        .over(before.accept.p99_ms)
        .at_most(250.0);
    section
        .figure(
            "refused before and after it",
            (before.refused + after.refused) as f64,
            "",
        )
        .at_most(0.0);
    section
        .figure("accept p99 right after it", after.accept.p99_ms, "ms")
        .over(before.accept.p99_ms);
    if let Some(memory) = memory(server.pid()) {
        section
            .figure("memory peak", memory.peak_mb, "MB")
            .at_most(300.0);
    }
    Ok(section)
}
