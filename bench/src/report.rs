//! The report: all figures of a run as one value, as JSON for machines and as a table for people, each figure with the
//! floor beside it and its bar where it has one. The bars are set here and nowhere else.
//! Milliseconds of the whole path count only where the disk syncs fast enough; else the verdict says so.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report is printed, and progress goes to stderr")]

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
const SYNC_P50_MS: f64 = 0.3;

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
            bars.push(bar("throughput of floor", part, Bound::AtLeast, THROUGHPUT_OF_FLOOR));
        }
        let slow_disk = self.fdatasync.is_some_and(|disk| disk.p50_ms > SYNC_P50_MS);
        for at in self.latency.iter().filter(|at| at.rate == BARRED_RATE) {
            let arrival = at.server.arrival;
            for (name, value, limit) in
                [("arrival p50", arrival.p50_ms, ARRIVAL_P50_MS), ("arrival p99", arrival.p99_ms, ARRIVAL_P99_MS)]
            {
                let mut bar = bar(&format!("{name} at {}/s, ms", at.rate), value, Bound::AtMost, limit);
                if bar.verdict == Verdict::Missed && slow_disk {
                    bar.verdict = Verdict::NotCounted;
                }
                bars.push(bar);
            }
        }
        let through_server: Vec<&Round> = self.throughput.iter().chain(self.latency.iter().map(|at| &at.server)).collect();
        if !through_server.is_empty() {
            let sum = |of: fn(&Round) -> u64| through_server.iter().map(|round| of(round)).sum::<u64>() as f64;
            bars.push(bar("lost", sum(|round| round.lost), Bound::AtMost, 0.0));
            bars.push(bar("duplicates", sum(|round| round.duplicates), Bound::AtMost, 0.0));
        }
        if let Some(process) = &self.process {
            if let Some(idle) = process.idle {
                bars.push(bar("memory idle, MB", idle.resident_mb, Bound::AtMost, IDLE_MB));
            }
            bars.push(bar("start to ready, ms", process.ready_ms, Bound::AtMost, READY_MS));
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
        print!("{}", self.table());
    }

    /// The whole table.
    pub fn table(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "\nmachine    {} cores, {}, {}, {}\nsetting    {} s a round, {} connections, {} B bodies; generator, receiver and server on these cores\n\n",
            machine.cores,
            machine.cpu,
            machine.kernel,
            machine.rustc.as_deref().unwrap_or("no rustc"),
            self.setting.seconds,
            self.setting.connections,
            self.setting.body_bytes,
        );
        let mut rows = vec![["figure", "measured", "floor", "bar", ""].map(str::to_owned)];
        rows.extend(self.rows().into_iter().map(|(name, measured, floor)| self.with_bar(name, measured, floor)));
        let mut widths = [0; 5];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let [name, measured, floor, bar, _] = widths;
        for [a, b, c, d, e] in rows {
            let line = format!("{a:<name$}  {b:>measured$}  {c:>floor$}  {d:>bar$}  {e}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn with_bar(&self, name: String, measured: String, floor: String) -> [String; 5] {
        let Some(bar) = self.bars.iter().find(|bar| bar.name == name) else {
            return [name, measured, floor, String::new(), String::new()];
        };
        let sign = match bar.bound {
            Bound::AtLeast => "≥",
            Bound::AtMost => "≤",
        };
        let verdict = match bar.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::NotCounted => "missed, not counted: the disk syncs too slowly",
        };
        [name, measured, floor, format!("{sign} {}", bar.limit), verdict.to_owned()]
    }

    /// Name, measured and floor of every figure that is there.
    fn rows(&self) -> Vec<(String, String, String)> {
        let mut rows = Vec::new();
        let mut row = |name: &str, measured: String, floor: String| rows.push((name.to_owned(), measured, floor));
        let none = String::new;
        if let Some(disk) = self.fdatasync {
            row("fdatasync p50, ms", millis(disk.p50_ms), none());
            row("fdatasync p99, ms", millis(disk.p99_ms), none());
        }
        match (&self.floor, &self.throughput) {
            (Some(floor), None) => row("end to end, events/s", none(), whole(floor.arrived_per_second)),
            (Some(floor), Some(through)) => {
                row("end to end, events/s", whole(through.arrived_per_second), whole(floor.arrived_per_second));
                let part = through.arrived_per_second / floor.arrived_per_second;
                row("throughput of floor", format!("{part:.3}"), none());
                row("accepted, events/s", whole(through.accepted_per_second), whole(floor.accepted_per_second));
                row("refused or failed", (through.refused + through.failed).to_string(), (floor.refused + floor.failed).to_string());
                row("accept p50, ms (closed loop)", millis(through.accept.p50_ms), millis(floor.accept.p50_ms));
                row("accept p99, ms (closed loop)", millis(through.accept.p99_ms), millis(floor.accept.p99_ms));
                row("server CPU, µs/event", optional(through.server_cpu_us), none());
                row("bench CPU, µs/event", optional(through.bench_cpu_us), optional(floor.bench_cpu_us));
            }
            (None, _) => {}
        }
        for at in &self.latency {
            for (what, server, floor) in
                [("accept", at.server.accept, at.floor.accept), ("arrival", at.server.arrival, at.floor.arrival)]
            {
                let mut line = |rank, server, floor| {
                    row(&format!("{what} {rank} at {}/s, ms", at.rate), millis(server), millis(floor));
                };
                line("p50", server.p50_ms, floor.p50_ms);
                line("p90", server.p90_ms, floor.p90_ms);
                line("p99", server.p99_ms, floor.p99_ms);
                line("max", server.max_ms, floor.max_ms);
            }
        }
        for name in ["lost", "duplicates"] {
            if let Some(bar) = self.bars.iter().find(|bar| bar.name == name) {
                row(name, whole(bar.value), none());
            }
        }
        if let Some(process) = &self.process {
            row("memory idle, MB", optional(process.idle.map(|memory| memory.resident_mb)), none());
            row("memory after load, MB", optional(process.after.map(|memory| memory.resident_mb)), none());
            row("memory peak, MB", optional(process.after.map(|memory| memory.peak_mb)), none());
            row("start to ready, ms", format!("{:.1}", process.ready_ms), none());
            row("start to ready with data, ms", format!("{:.1}", process.ready_again_ms), none());
            row("stop, ms", format!("{:.1}", process.stop_ms), none());
        }
        rows
    }
}

fn bar(name: &str, value: f64, bound: Bound, limit: f64) -> Bar {
    let good = match bound {
        Bound::AtLeast => value >= limit,
        Bound::AtMost => value <= limit,
    };
    let verdict = if good { Verdict::Met } else { Verdict::Missed };
    Bar { name: name.to_owned(), value, bound, limit, verdict }
}

fn millis(value: f64) -> String {
    format!("{value:.3}")
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "not known here".to_owned(), |value| format!("{value:.1}"))
}

fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
