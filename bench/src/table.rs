//! The report as a table for people: one figure a line, what was measured, the floor beside it, its bar and whether it
//! is met. It shows what a [`Report`] holds and decides nothing.

use crate::measure::Latency;
use crate::phases::Round;
use crate::report::{AtRate, Bar, Bound, Process, Report, Verdict};

/// One line of the table; what a figure does not have is empty.
#[derive(Default)]
struct Row {
    name: String,
    measured: String,
    floor: String,
}

/// The whole table, machine and setting above it.
pub fn of(report: &Report) -> String {
    let mut rows = vec![["figure", "measured", "floor", "bar", ""].map(str::to_owned)];
    rows.extend(
        all(report)
            .into_iter()
            .map(|row| with_bar(row, &report.bars)),
    );
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let [name, measured, floor, bar, _] = widths;
    let mut text = heading(report);
    for [a, b, c, d, e] in rows {
        let line = format!("{a:<name$}  {b:>measured$}  {c:>floor$}  {d:>bar$}  {e}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn heading(report: &Report) -> String {
    let (machine, setting) = (&report.machine, &report.setting);
    format!(
        "\nmachine    {} cores, {}, {}, {}\nsetting    {} s a round, {} connections, {} B bodies; \
         generator, receiver and server share the cores\n\n",
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.rustc.as_deref().unwrap_or("no rustc"),
        setting.seconds,
        setting.connections,
        setting.body_bytes,
    )
}

fn with_bar(row: Row, bars: &[Bar]) -> [String; 5] {
    let Some(bar) = bars.iter().find(|bar| bar.name == row.name) else {
        return [
            row.name,
            row.measured,
            row.floor,
            String::new(),
            String::new(),
        ];
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
    [
        row.name,
        row.measured,
        row.floor,
        format!("{sign} {}", bar.limit),
        verdict.to_owned(),
    ]
}

/// A row for every figure that is there.
fn all(report: &Report) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(disk) = report.fdatasync {
        rows.push(row("fdatasync p50, ms", millis(disk.p50_ms)));
        rows.push(row("fdatasync p99, ms", millis(disk.p99_ms)));
    }
    rows.extend(throughput(
        report.floor.as_ref(),
        report.throughput.as_ref(),
    ));
    rows.extend(report.latency.iter().flat_map(at_rate));
    for name in ["lost", "duplicates"] {
        let bar = report.bars.iter().find(|bar| bar.name == name);
        rows.extend(bar.map(|bar| row(name, whole(bar.value))));
    }
    rows.extend(report.process.iter().flat_map(process));
    rows
}

/// The closed loop, floor and server side by side; either may be absent.
fn throughput(floor: Option<&Round>, server: Option<&Round>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut both = |name: &str, show: fn(&Round) -> String| {
        let shown = |round: Option<&Round>| round.map(show).unwrap_or_default();
        rows.push(Row {
            name: name.to_owned(),
            measured: shown(server),
            floor: shown(floor),
        });
    };
    if floor.is_none() && server.is_none() {
        return rows;
    }
    both("end to end, events/s", |round| {
        whole(round.arrived_per_second)
    });
    both("accepted, events/s", |round| {
        whole(round.accepted_per_second)
    });
    both("refused or failed", |round| {
        (round.refused + round.failed).to_string()
    });
    both("accept p50, closed loop, ms", |round| {
        millis(round.accept.p50_ms)
    });
    both("accept p99, closed loop, ms", |round| {
        millis(round.accept.p99_ms)
    });
    both("bench CPU, µs/event", |round| tenths(round.bench_cpu_us));
    if let Some(server) = server {
        rows.push(row("server CPU, µs/event", tenths(server.server_cpu_us)));
        if let Some(floor) = floor {
            let part = server.arrived_per_second / floor.arrived_per_second;
            rows.push(row("throughput of floor", format!("{part:.3}")));
        }
    }
    rows
}

fn at_rate(at: &AtRate) -> Vec<Row> {
    let mut rows = Vec::with_capacity(8);
    let mut four = |what: &str, server: Latency, floor: Latency| {
        let mut one = |rank: &str, server: f64, floor: f64| {
            rows.push(Row {
                name: format!("{what} {rank} at {}/s, ms", at.rate),
                measured: millis(server),
                floor: millis(floor),
            });
        };
        one("p50", server.p50_ms, floor.p50_ms);
        one("p90", server.p90_ms, floor.p90_ms);
        one("p99", server.p99_ms, floor.p99_ms);
        one("max", server.max_ms, floor.max_ms);
    };
    four("accept", at.server.accept, at.floor.accept);
    four("arrival", at.server.arrival, at.floor.arrival);
    rows
}

fn process(process: &Process) -> Vec<Row> {
    vec![
        row(
            "memory idle, MB",
            tenths(process.idle.map(|memory| memory.resident_mb)),
        ),
        row(
            "memory after load, MB",
            tenths(process.after.map(|memory| memory.resident_mb)),
        ),
        row(
            "memory peak, MB",
            tenths(process.after.map(|memory| memory.peak_mb)),
        ),
        row("start to ready, ms", tenths(Some(process.ready_ms))),
        row(
            "start to ready with data, ms",
            tenths(Some(process.ready_again_ms)),
        ),
        row("stop, ms", tenths(Some(process.stop_ms))),
    ]
}

fn row(name: &str, measured: String) -> Row {
    Row {
        name: name.to_owned(),
        measured,
        ..Row::default()
    }
}

fn millis(value: f64) -> String {
    format!("{value:.3}")
}

fn tenths(value: Option<f64>) -> String {
    value.map_or_else(
        || "not known here".to_owned(),
        |value| format!("{value:.1}"),
    )
}

/// A whole number with a comma for each thousand.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
