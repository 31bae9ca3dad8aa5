//! The parts about speed: what goes through, how soon, and what hanging receivers change for the others.

use std::time::Duration;

use super::Suite;
use super::model::{Point, Section};
use crate::error::BenchError;
use crate::load::Pace;
use crate::measure::memory;
use crate::phases::{At, Round, Shape};
use crate::report::progress;
use crate::secure::Authority;
use crate::server::{Server, Wanted};

/// Offered rates of the latency part, in events per second.
const RATES: [u32; 7] = [200, 1_000, 5_000, 10_000, 15_000, 20_000, 25_000];
/// Events of the fan-out part.
const FAN_OUT_EVENTS: u64 = 10;
/// Endpoints of the isolation part, and how many of them hang.
const ENDPOINTS: u64 = 100;
const HANGING: u64 = 90;

/// Single posts, closed loop.
pub(super) fn single(suite: &mut Suite) -> Result<Section, BenchError> {
    progress("single posts");
    let floor = suite.floor()?;
    let pace = Pace::Closed(suite.lasting());
    let url = suite.rounds.receiver().url();
    let round = through(suite, &url, "/v1/events", Shape::single(pace, 64))?;
    let mut section = Section::new(
        "Single posts",
        "64 connections post one event of 1 KiB at a time, each to one endpoint.",
    );
    rates(&mut section, &round, &floor, 0.28);
    if let Some(cpu) = round.server_cpu_us {
        section
            .figure("server CPU per event", cpu, "µs")
            .at_most(35.0);
    }
    latencies(&mut section, &round, &floor);
    Ok(section)
}

/// Batches of 100, closed loop.
pub(super) fn batch(suite: &mut Suite) -> Result<Section, BenchError> {
    progress("batches");
    let floor = suite.floor()?;
    let shape = Shape {
        per_post: 100,
        ..Shape::single(Pace::Closed(suite.lasting()), 8)
    };
    let url = suite.rounds.receiver().url();
    let round = through(suite, &url, "/v1/events/batch", shape)?;
    let mut section = Section::new(
        "Batches of 100",
        "8 connections post 100 events of 1 KiB at a time, all to one endpoint.",
    );
    rates(&mut section, &round, &floor, 0.45);
    if let Some(cpu) = round.server_cpu_us {
        section.figure("server CPU per delivery", cpu, "µs");
    }
    Ok(section)
}

/// One public event to many endpoints: on one origin, and on as many origins by name.
pub(super) fn fan_out(suite: &mut Suite) -> Result<Section, BenchError> {
    let recipients = suite.options.recipients;
    progress(&format!("fan-out to {recipients} endpoints"));
    let floor = suite.floor()?;
    let mut section = Section::new(
        "Fan-out",
        format!("{FAN_OUT_EVENTS} public events of 1 KiB, each to {recipients} endpoints."),
    );
    let shape = Shape {
        recipients,
        reached: recipients,
        public: true,
        ..Shape::single(
            Pace::Open {
                rate: 1_000,
                lasting: Duration::from_millis(FAN_OUT_EVENTS),
            },
            4,
        )
    };
    let port = suite.rounds.receiver().port();
    for (name, by_name) in [("one origin", false), ("an origin each", true)] {
        progress(&format!("  {name}"));
        let instance = suite.server(&[])?;
        let server = instance.server()?;
        let host = |number: u64| match by_name {
            true => format!("h{number}.localhost"),
            false => "127.0.0.1".to_owned(),
        };
        let url = |number| format!("http://{}:{port}/e/{number}", host(number));
        server.set_up_many((0..recipients).map(|number| Wanted {
            organization: 2 + number / 100,
            url: url(number),
            event_type: "project.public.updated",
        }))?;
        let target = server.target("/v1/events")?;
        let at = At::Server {
            target: &target,
            pid: server.pid(),
        };
        let round = suite.rounds.fire("fan-out", at, shape)?;
        let rate = round.arrived_per_second;
        section
            .figure(format!("deliveries, {name}"), rate, "/s")
            .over(floor.arrived_per_second);
        let part = section.figure(
            format!("of the floor, {name}"),
            rate / floor.arrived_per_second,
            "",
        );
        if !by_name {
            part.at_least(0.45);
        }
        section.figure(format!("longest accept, {name}"), round.accept.max_ms, "ms");
        section
            .figure(format!("lost, {name}"), round.lost as f64, "")
            .at_most(0.0);
        if let Some(memory) = memory(server.pid()) {
            section.figure(format!("memory peak, {name}"), memory.peak_mb, "MB");
        }
    }
    Ok(section)
}

/// Latency against offered rate.
pub(super) fn latency(suite: &mut Suite) -> Result<Section, BenchError> {
    progress("latency");
    let lasting = suite.lasting().min(Duration::from_secs(15));
    let mut section = Section::new(
        "Latency",
        "Single posts on schedule; from the scheduled moment to the receiver having all of it.",
    );
    let instance = suite.server(&[])?;
    let server = instance.server()?;
    let target = server.set_up(&suite.rounds.receiver().url())?;
    let at = At::Server {
        target: &target,
        pid: server.pid(),
    };
    for rate in RATES {
        progress(&format!("  {rate}/s"));
        let shape = Shape::single(Pace::Open { rate, lasting }, 64);
        let floor = suite
            .rounds
            .fire("latency of the floor", At::Floor, shape)?;
        let round = suite.rounds.fire("latency", at, shape)?;
        let bars = match rate {
            200 => Some((0.8, 2.5)),
            10_000 => Some((1.2, 8.0)),
            _ => None,
        };
        if let Some((p50, p99)) = bars {
            for (what, through, straight) in [
                ("arrival", round.arrival, floor.arrival),
                ("accept", round.accept, floor.accept),
            ] {
                section
                    .figure(format!("{what} p50 at {rate}/s"), through.p50_ms, "ms")
                    .over(straight.p50_ms)
                    .at_most(p50);
                section
                    .figure(format!("{what} p99 at {rate}/s"), through.p99_ms, "ms")
                    .over(straight.p99_ms)
                    .at_most(p99);
            }
        }
        section.curve.push(Point {
            rate,
            server: round.arrival,
            floor: floor.arrival,
        });
    }
    Ok(section)
}

/// Nine of ten endpoints hang: what the others notice.
pub(super) fn isolation(suite: &mut Suite) -> Result<Section, BenchError> {
    let seconds = suite.options.isolation_seconds;
    progress(&format!("isolation, twice {seconds} s"));
    let mut section = Section::new(
        "Isolation",
        format!(
            "{ENDPOINTS} endpoints get 20 events/s each for {seconds} s: once all answer, once {HANGING} take the \
             request and never answer. The figures are of the {} that always answer.",
            ENDPOINTS - HANGING
        ),
    );
    let well = isolated(suite, 0)?;
    let ill = isolated(suite, HANGING)?;
    let part = ill.arrived_per_second / well.arrived_per_second;
    section
        .figure("their throughput, of that when all answer", part, "")
        .at_least(0.95);
    section
        .figure("p50", ill.arrival.p50_ms, "ms")
        .over(well.arrival.p50_ms);
    section
        .figure("p99", ill.arrival.p99_ms, "ms")
        .over(well.arrival.p99_ms);
    section
        .figure(
            "p99, times that when all answer",
            ill.arrival.p99_ms / well.arrival.p99_ms,
            "",
        )
        .at_most(1.5);
    section.figure("lost", ill.lost as f64, "").at_most(0.0);
    Ok(section)
}

/// One round: the first ten endpoints count, the others answer or hang.
fn isolated(suite: &mut Suite, hanging: u64) -> Result<Round, BenchError> {
    let counted = ENDPOINTS - HANGING;
    let instance = suite.server(&[])?;
    let server = instance.server()?;
    let receiver = suite.rounds.receiver().clone();
    server.set_up_many((0..ENDPOINTS).map(|number| Wanted {
        organization: 1,
        url: match number {
            number if number < counted => receiver.at(&format!("/e/{number}")),
            _ if hanging > 0 => receiver.at("/hang"),
            _ => receiver.at("/quiet"),
        },
        event_type: "project.updated",
    }))?;
    let target = server.target("/v1/events")?;
    let at = At::Server {
        target: &target,
        pid: server.pid(),
    };
    let shape = Shape {
        recipients: counted,
        reached: counted,
        ..Shape::single(
            Pace::Open {
                rate: 20,
                lasting: Duration::from_secs(suite.options.isolation_seconds),
            },
            8,
        )
    };
    suite.rounds.fire("isolation", at, shape)
}

/// Receivers with TLS.
pub(super) fn secure(suite: &mut Suite) -> Result<Section, BenchError> {
    progress("receivers with TLS");
    let floor = suite.floor()?;
    let mut section = Section::new(
        "Receivers with TLS",
        "Single posts as above; the receiver speaks TLS 1.3 and HTTP/1.1 or HTTP/2. The floor is without TLS.",
    );
    let authority = Authority::new()?;
    let extra = [(
        "TIDINGS_EGRESS_EXTRA_CA",
        authority.write(&suite.options.out)?.display().to_string(),
    )];
    for (name, http2) in [("HTTP/1.1", false), ("HTTP/2", true)] {
        progress(&format!("  {name}"));
        let mut rounds = suite.rounds.with(authority.receiver(http2)?);
        let instance = suite.server(&extra)?;
        let server = instance.server()?;
        let target = server.set_up(&rounds.receiver().url())?;
        let at = At::Server {
            target: &target,
            pid: server.pid(),
        };
        let shape = Shape::single(Pace::Closed(suite.lasting()), 64);
        let round = rounds.fire("TLS", at, shape)?;
        section
            .figure(
                format!("end to end, {name}"),
                round.arrived_per_second,
                "/s",
            )
            .over(floor.arrived_per_second);
        if let Some(cpu) = round.server_cpu_us {
            section.figure(format!("server CPU per event, {name}"), cpu, "µs");
        }
        section
            .figure(format!("lost, {name}"), round.lost as f64, "")
            .at_most(0.0);
    }
    Ok(section)
}

/// One round through a new server with one endpoint at `url`.
fn through(suite: &mut Suite, url: &str, path: &str, shape: Shape) -> Result<Round, BenchError> {
    progress("  through the server");
    let instance = suite.server(&[])?;
    let server: &Server = instance.server()?;
    server.set_up(url)?;
    let target = server.target(path)?;
    let at = At::Server {
        target: &target,
        pid: server.pid(),
    };
    suite.rounds.fire("throughput", at, shape)
}

fn rates(section: &mut Section, round: &Round, floor: &Round, bar: f64) {
    let straight = floor.arrived_per_second;
    section
        .figure("end to end", round.arrived_per_second, "/s")
        .over(straight);
    section
        .figure("of the floor", round.arrived_per_second / straight, "")
        .at_least(bar);
    section.figure("accepted", round.accepted_per_second, "/s");
    section
        .figure(
            "refused or failed",
            (round.refused + round.failed) as f64,
            "",
        )
        .at_most(0.0);
    section.figure("lost", round.lost as f64, "").at_most(0.0);
    section
        .figure("duplicates", round.duplicates as f64, "")
        .at_most(0.0);
}

fn latencies(section: &mut Section, round: &Round, floor: &Round) {
    section
        .figure("arrival p50 at saturation", round.arrival.p50_ms, "ms")
        .over(floor.arrival.p50_ms);
    section
        .figure("arrival p99 at saturation", round.arrival.p99_ms, "ms")
        .over(floor.arrival.p99_ms);
}
