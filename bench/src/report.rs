//! The report: all figures of a run as one value, as JSON for machines, with its bars judged. Its bars are set here; the
//! suite has its own; `table.rs` lays the same figures out for people.
//! Milliseconds of the whole path count only where the disk syncs fast enough; else the verdict says so.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report is printed, and progress goes to stderr"
)]

use std::path::Path;

use serde::Serialize;

use crate::error::BenchError;
use crate::measure::{Latency, Machine, Memory};
use crate::phases::Round;

/// End to end, single posts, as a part of the floor: at least this.
const THROUGHPUT_OF_FLOOR: f64 = 0.20;
/// Half of the events at [`BARRED_RATE`] arrive within this many milliseconds.
const ARRIVAL_P50_MS: f64 = 1.5;
/// 99 of 100 events at [`BARRED_RATE`] arrive within this many milliseconds.
const ARRIVAL_P99_MS: f64 = 5.0;
/// The rate, in events per second, whose latency has bars.
const BARRED_RATE: u32 = 200;
/// Resident memory of a server that has done nothing yet, in MB.
const IDLE_MB: f64 = 30.0;
/// From spawn to ready, in milliseconds.
const READY_MS: f64 = 200.0;
/// Latency bars count where the median `fdatasync` takes at most this many milliseconds.
pub const SYNC_P50_MS: f64 = 0.3;

/// Latency at one fixed rate.
#[derive(Debug, Clone, Serialize)]
pub struct AtRate {
    /// Events per second.
    pub rate: u32,
    /// Generator straight into the receiver.
    pub floor: Round,
    /// Through the server.
    pub server: Round,
}

/// What the server's process showed.
#[derive(Debug, Clone, Serialize)]
pub struct Process {
    /// The binary that was measured.
    pub binary: String,
    /// From spawn to ready, on an empty data directory.
    pub ready_ms: f64,
    /// Memory after it had been ready for a second, without load.
    pub idle: Option<Memory>,
    /// Memory after all load.
    pub after: Option<Memory>,
    /// From SIGTERM to its end.
    pub stop_ms: f64,
    /// From spawn to ready, on the data of this run.
    pub ready_again_ms: f64,
}

/// The options that figures depend on.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// Length of each round.
    pub seconds: u64,
    /// Connections of the generator.
    pub connections: usize,
    /// Length of a posted body.
    pub body_bytes: usize,
}

/// All figures of a run. What was not asked for is absent.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The machine it ran on.
    pub machine: Machine,
    /// How it was run.
    pub setting: Setting,
    /// One 4 KiB write with `fdatasync` in the data directory.
    pub fdatasync: Option<Latency>,
    /// Generator straight into the receiver, closed loop.
    pub floor: Option<Round>,
    /// Single posts through the server, closed loop.
    pub throughput: Option<Round>,
    /// Latency at fixed rates, open loop.
    pub latency: Vec<AtRate>,
    /// The server's process.
    pub process: Option<Process>,
    /// The figures with a bar, by [`Report::judge`].
    pub bars: Vec<Bar>,
}

/// Whether a figure meets its bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does.
    Met,
    /// It does not.
    Missed,
    /// It does not, on a disk too slow for it to count.
    NotCounted,
}

/// Which side of a limit is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The figure is to be at least the limit.
    AtLeast,
    /// The figure is to be at most the limit.
    AtMost,
}

/// One figure with its bar.
#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    /// The figure's name, as in the table.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// The side of the limit it must be on.
    pub bound: Bound,
    /// The limit, in the figure's unit.
    pub limit: f64,
    /// The judgement.
    pub verdict: Verdict,
}

impl Report {
    /// Fills `bars` from the figures that are there.
    pub fn judge(&mut self) {
        let mut bars = Vec::new();
        if let (Some(floor), Some(through)) = (&self.floor, &self.throughput) {
            let part = through.arrived_per_second / floor.arrived_per_second;
            bars.push(bar(
                "throughput of floor",
                part,
                Bound::AtLeast,
                THROUGHPUT_OF_FLOOR,
            ));
        }
        let slow_disk = self.fdatasync.is_some_and(|disk| disk.p50_ms > SYNC_P50_MS);
        for at in self.latency.iter().filter(|at| at.rate == BARRED_RATE) {
            let arrival = at.server.arrival;
            for (name, value, limit) in [
                ("arrival p50", arrival.p50_ms, ARRIVAL_P50_MS),
                ("arrival p99", arrival.p99_ms, ARRIVAL_P99_MS),
            ] {
                let mut bar = bar(
                    &format!("{name} at {}/s, ms", at.rate),
                    value,
                    Bound::AtMost,
                    limit,
                );
                if bar.verdict == Verdict::Missed && slow_disk {
                    bar.verdict = Verdict::NotCounted;
                }
                bars.push(bar);
            }
        }
        let through_server: Vec<&Round> = self
            .throughput
            .iter()
            .chain(self.latency.iter().map(|at| &at.server))
            .collect();
        if !through_server.is_empty() {
            let sum = |of: fn(&Round) -> u64| {
                through_server.iter().map(|round| of(round)).sum::<u64>() as f64
            };
            bars.push(bar("lost", sum(|round| round.lost), Bound::AtMost, 0.0));
            bars.push(bar(
                "duplicates",
                sum(|round| round.duplicates),
                Bound::AtMost,
                0.0,
            ));
        }
        if let Some(process) = &self.process {
            if let Some(idle) = process.idle {
                bars.push(bar(
                    "memory idle, MB",
                    idle.resident_mb,
                    Bound::AtMost,
                    IDLE_MB,
                ));
            }
            bars.push(bar(
                "start to ready, ms",
                process.ready_ms,
                Bound::AtMost,
                READY_MS,
            ));
        }
        self.bars = bars;
    }

    /// Writes the JSON to `path`, making its directory.
    pub fn write_json(&self, path: &Path) -> Result<(), BenchError> {
        let doing = || BenchError::io(format!("write {}", path.display()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(doing())?;
        }
        std::fs::write(path, serde_json::to_vec_pretty(self)?).map_err(doing())
    }

    /// Prints the table.
    pub fn print(&self) {
        print(&crate::table::of(self));
    }
}

fn bar(name: &str, value: f64, bound: Bound, limit: f64) -> Bar {
    let good = match bound {
        Bound::AtLeast => value >= limit,
        Bound::AtMost => value <= limit,
    };
    let verdict = if good { Verdict::Met } else { Verdict::Missed };
    Bar {
        name: name.to_owned(),
        value,
        bound,
        limit,
        verdict,
    }
}

/// Text for people on stdout.
pub fn print(text: &str) {
    print!("{text}");
}

/// One line of progress.
pub fn progress(line: &str) {
    eprintln!("{line}");
}

/// One value as a line of JSON on stdout.
pub fn print_json(value: &impl Serialize) -> Result<(), BenchError> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
