//! The part about people who look: pages of a full store while events run, and what that changes for the events.

use std::time::Duration;

use super::Suite;
use super::model::Section;
use super::stores::{RESTS_WITHIN, fill, rest};
use crate::error::BenchError;
use crate::load::Pace;
use crate::measure::Latency;
use crate::phases::{At, Shape};
use crate::report::progress;
use crate::viewers::Viewers;

/// Events per second while people look.
const RATE: u32 = 2_000;
/// People, each with a page a second and a live page.
const PEOPLE: usize = 10;

/// Pages at many stored deliveries, while events run.
pub(super) fn console(suite: &mut Suite) -> Result<Section, BenchError> {
    let stored = suite.options.stored;
    progress(&format!("console at {stored} stored deliveries"));
    let mut section = Section::new(
        "Console",
        format!(
            "{stored} events of 1 KiB were delivered. {RATE} more a second run, first alone, then while {PEOPLE} people \
             load a page a second each (lists with and without filters, overview) and follow the list live."
        ),
    );
    let receiver = suite.rounds.receiver().clone();
    let instance = suite.server(&[])?;
    let server = instance.server()?;
    let target = server.set_up(&receiver.url())?;
    progress("  filling");
    let first_seq = suite.rounds.next_seq();
    receiver.begin(first_seq);
    let accepted = fill(&server.target("/v1/events/batch")?, first_seq, stored)?;
    receiver.collect(accepted, Duration::from_secs(15));
    let pid = server.pid();
    rest(pid, RESTS_WITHIN);
    let at = At::Server {
        target: &target,
        pid,
    };
    let pace = Pace::Open {
        rate: RATE,
        lasting: suite.lasting().max(Duration::from_secs(20)),
    };
    let shape = Shape::single(pace, 16);
    progress("  events alone");
    let alone = suite.rounds.fire("events alone", at, shape)?;
    progress("  events, and people who look");
    let list = "/admin/deliveries?organization=1";
    let pages = [
        list.to_owned(),
        format!("{list}&state=exhausted"),
        format!("{list}&state=delivered&type=project.updated"),
        "/admin/overview?organization=1".to_owned(),
        "/admin/integrations/webhooks?organization=1".to_owned(),
    ];
    let viewers = Viewers::start(server, PEOPLE, &pages)?;
    let looked_at = suite.rounds.fire("events while people look", at, shape)?;
    let times = viewers.stop()?;
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let p95 = sorted
        .get(sorted.len() * 95 / 100)
        .map_or(0.0, |time| *time as f64 / 1e6);
    let pages = Latency::of(times);
    section.figure("pages", pages.events as f64, "");
    section.figure("page p50", pages.p50_ms, "ms");
    section.figure("page p95", p95, "ms").at_most(100.0);
    section.figure("page, longest", pages.max_ms, "ms");
    section
        .figure("arrival p50", looked_at.arrival.p50_ms, "ms")
        .over(alone.arrival.p50_ms);
    section
        .figure("arrival p99", looked_at.arrival.p99_ms, "ms")
        .over(alone.arrival.p99_ms);
    section
        .figure(
            "arrival p99, times that without viewers",
            looked_at.arrival.p99_ms / alone.arrival.p99_ms,
            "",
        )
        .at_most(1.2);
    section
        .figure("lost", (alone.lost + looked_at.lost) as f64, "")
        .at_most(0.0);
    Ok(section)
}
