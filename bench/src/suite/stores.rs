//! The parts about what lies in the store: a backlog, a full store, many endpoints.

use std::time::{Duration, Instant};

use super::model::Section;
use super::{Instance, Suite};
use crate::error::BenchError;
use crate::load::{self, Load, Pace, Target};
use crate::measure::{cpu_seconds, memory};
use crate::payload::now_ns;
use crate::phases::{At, Shape};
use crate::report::progress;
use crate::server::Wanted;

/// Events in one post while the store is filled.
const PER_POST: u64 = 100;
/// How long one round of filling lasts.
const FILLING: Duration = Duration::from_secs(5);
/// How long a server may take to come to rest after a store was filled, and how often that is looked at.
pub(super) const RESTS_WITHIN: Duration = Duration::from_secs(900);
const LOOKS: Duration = Duration::from_secs(2);
/// How long the server is left alone before its memory is read.
const SETTLES: Duration = Duration::from_secs(3);

/// Many deliveries of one endpoint wait: memory, the start after a crash, the drain.
pub(super) fn backlog(suite: &mut Suite) -> Result<Section, BenchError> {
    let waiting = suite.options.waiting;
    progress(&format!("backlog of {waiting}"));
    let mut section = Section::new(
        "Backlog",
        format!(
            "{waiting} events wait for an endpoint that takes requests and does not answer; then the server is killed, \
             started again, and the receiver answers. Tries that time out meanwhile are repeated on time."
        ),
    );
    let receiver = suite.rounds.receiver().clone();
    receiver.set_gate(false);
    let mut instance = suite.server(&[])?;
    let server = instance.server()?;
    let idle = memory(server.pid());
    let _target = server.set_up(&receiver.at("/gate"))?;
    let first_seq = suite.rounds.next_seq();
    receiver.begin(first_seq);
    let target = server.target("/v1/events/batch")?;
    let accepted = fill(&target, first_seq, waiting)?;
    std::thread::sleep(SETTLES);
    if let (Some(idle), Some(full)) = (idle, memory(server.pid())) {
        let limit = if waiting > 1_000_000 { 200.0 } else { 120.0 };
        section
            .figure("memory idle", idle.resident_mb, "MB")
            .at_most(25.0);
        section
            .figure("memory with the backlog", full.resident_mb, "MB")
            .at_most(limit);
        section.figure("memory peak", full.peak_mb, "MB");
    }
    progress("  kill and start");
    let ready = instance.crash()?.as_secs_f64();
    let limit = if waiting > 1_000_000 { 5.0 } else { 2.0 };
    section
        .figure("killed, start to ready", ready, "s")
        .at_most(limit);
    progress("  drain");
    let opened = now_ns();
    receiver.set_gate(true);
    let arrivals = receiver.collect(accepted, Duration::from_secs(15));
    let seconds = arrivals.last_ns.saturating_sub(opened) as f64 / 1e9;
    section.figure("drained", arrivals.unique as f64 / seconds.max(1e-9), "/s");
    section.figure(
        "arrived, of those accepted",
        arrivals.unique as f64 / accepted as f64,
        "",
    );
    section.figure("arrived twice", arrivals.duplicates as f64, "");
    receiver.set_gate(false);
    Ok(section)
}

/// Many events are stored: throughput against that of an empty store, and disk.
pub(super) fn growth(suite: &mut Suite) -> Result<Section, BenchError> {
    let stored = suite.options.stored;
    progress(&format!("growth to {stored} events"));
    let mut section = Section::new(
        "Growth",
        format!(
            "Single posts as above, on an empty store and after {stored} events of 1 KiB were delivered."
        ),
    );
    let shape = Shape::single(Pace::Closed(suite.lasting()), 64);
    let instance = suite.server(&[])?;
    let server = instance.server()?;
    let receiver = suite.rounds.receiver().clone();
    let single = server.set_up(&receiver.url())?;
    let pid = server.pid();
    let at = At::Server {
        target: &single,
        pid,
    };
    progress("  on the empty store");
    let before = suite
        .rounds
        .fire("throughput on an empty store", at, shape)?;
    progress("  filling");
    let first_seq = suite.rounds.next_seq();
    receiver.begin(first_seq);
    let accepted = fill(&server.target("/v1/events/batch")?, first_seq, stored)?;
    receiver.collect(accepted, Duration::from_secs(15));
    progress("  until it rests: lists are written late");
    let rested = rest(pid, RESTS_WITHIN);
    section.figure("at rest after", rested.as_secs_f64(), "s");
    progress("  on the full store");
    let after = suite.rounds.fire("throughput on a full store", at, shape)?;
    section.figure("end to end, empty", before.arrived_per_second, "/s");
    section.figure("end to end, full", after.arrived_per_second, "/s");
    section
        .figure(
            "of that on the empty store",
            after.arrived_per_second / before.arrived_per_second,
            "",
        )
        .at_least(0.9);
    let events = (accepted + before.arrived + after.arrived) as f64;
    section
        .figure(
            "disk per event",
            instance.disk_bytes() as f64 / events / 1_024.0,
            "KiB",
        )
        .at_most(1.6);
    if let Some(memory) = memory(pid) {
        section.figure("memory", memory.resident_mb, "MB");
    }
    Ok(section)
}

/// Many endpoints are known: memory and start.
pub(super) fn endpoints(suite: &mut Suite) -> Result<Section, BenchError> {
    let endpoints = suite.options.endpoints;
    progress(&format!("{endpoints} endpoints"));
    let mut section = Section::new(
        "Many endpoints",
        format!(
            "{endpoints} endpoints in organizations of 100 are made through the API, one call each."
        ),
    );
    let mut instance = suite.server(&[])?;
    let server = instance.server()?;
    let idle = memory(server.pid());
    let receiver = suite.rounds.receiver().clone();
    let began = Instant::now();
    server.set_up_many((0..endpoints).map(|number| Wanted {
        organization: 2 + number / 100,
        url: receiver.at(&format!("/e/{number}")),
        event_type: "project.updated",
    }))?;
    section.figure(
        "made",
        endpoints as f64 / began.elapsed().as_secs_f64(),
        "/s",
    );
    std::thread::sleep(SETTLES);
    if let (Some(idle), Some(full)) = (idle, memory(server.pid())) {
        section.figure("memory idle", idle.resident_mb, "MB");
        section
            .figure(
                "memory more with them",
                full.resident_mb - idle.resident_mb,
                "MB",
            )
            .at_most(60.0);
    }
    let ready = instance.crash()?;
    section.figure("killed, start to ready", ready.as_secs_f64(), "s");
    after_start(&instance, &mut section);
    Ok(section)
}

/// Waits until a process uses next to no CPU, so that what it does late is done; answers how long that took.
pub(super) fn rest(pid: u32, at_most: Duration) -> Duration {
    let began = Instant::now();
    let mut before = cpu_seconds(pid);
    while began.elapsed() < at_most {
        std::thread::sleep(LOOKS);
        let now = cpu_seconds(pid);
        let used = now.zip(before).map(|(now, before)| now - before);
        if used.is_none_or(|used| used < LOOKS.as_secs_f64() * 0.02) {
            break;
        }
        before = now;
    }
    began.elapsed()
}

fn after_start(instance: &Instance, section: &mut Section) {
    std::thread::sleep(SETTLES);
    let started = instance
        .server()
        .ok()
        .and_then(|server| memory(server.pid()));
    if let Some(started) = started {
        section.figure("memory after that start", started.resident_mb, "MB");
    }
}

/// Posts batches until so many events were accepted, at least; answers how many were.
pub(super) fn fill(target: &Target, first_seq: u64, wanted: u64) -> Result<u64, BenchError> {
    let (mut accepted, mut posted) = (0, 0);
    while accepted < wanted {
        let loaded = load::run(&Load {
            target: target.clone(),
            pace: Pace::Closed(FILLING),
            connections: 8,
            body_bytes: 1_024,
            first_seq: first_seq + posted,
            per_post: PER_POST,
            public: false,
            organizations: 1,
        })?;
        if loaded.accepted == 0 {
            return Err(BenchError::NothingThrough {
                phase: "filling the store",
                posted: loaded.posted,
                refusal: loaded.refusal.unwrap_or_default(),
            });
        }
        accepted += loaded.accepted;
        posted += loaded.posted;
        progress(&format!("    {accepted} of {wanted}"));
    }
    Ok(accepted)
}
