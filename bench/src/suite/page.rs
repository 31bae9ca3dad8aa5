//! The suite's report for people: as lines for the terminal, and as one page with pictures that needs nothing else.

use std::fmt::Write as _;

use super::model::{Figure, Limit, Point, Section, SuiteReport};
use crate::report::{Bound, Verdict};

/// Width and height of a picture, and its margins.
const WIDE: f64 = 640.0;
const HIGH: f64 = 260.0;
const LEFT: f64 = 56.0;
const UNDER: f64 = 36.0;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2733; --paper: #fff; --line: #d5dbe1; --ours: #0b6e99; --floor: #9aa7b3;
  --met: #1a7f4b; --missed: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --paper: #14191f; --line: #36414c; --ours: #5bb8e0;
  --floor: #6d7a87; --met: #56c98d; --missed: #ff8a80; } }
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
.met { color: var(--met); } .missed { color: var(--missed); font-weight: 600; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
";

/// A section as lines.
pub fn text(section: &Section) -> String {
    let mut text = format!("\n{}\n", section.title);
    for figure in &section.figures {
        let _ = writeln!(
            text,
            "  {:<44} {:>14} {:>16} {:>10}  {}",
            figure.name,
            shown(figure.value, figure.unit),
            figure
                .floor
                .map(|floor| format!("floor {}", shown(floor, "")))
                .unwrap_or_default(),
            figure.bar.map(bar).unwrap_or_default(),
            figure
                .bar
                .map(|bar| verdict(bar.verdict))
                .unwrap_or_default(),
        );
    }
    for point in &section.curve {
        let _ = writeln!(
            text,
            "  {:>6}/s  p50 {:>8.3} ms  p99 {:>8.3} ms   floor {:>7.3} {:>8.3}",
            point.rate,
            point.server.p50_ms,
            point.server.p99_ms,
            point.floor.p50_ms,
            point.floor.p99_ms,
        );
    }
    text
}

/// The whole report as a page.
pub fn html(report: &SuiteReport) -> String {
    let machine = &report.machine;
    let facts = format!(
        "{} cores, {}, {}, {}; fdatasync p50 {:.2} ms, p99 {:.2} ms. Generator, receiver and server share the cores. {}.",
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.rustc.as_deref().unwrap_or("no rustc"),
        report.fdatasync.p50_ms,
        report.fdatasync.p99_ms,
        report.settings.join(", "),
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>Tidings: how fast</title>\n<style>{STYLE}</style>\n\
         <h1>Tidings: how fast</h1>\n<p>{}</p>\n",
        escaped(&facts)
    );
    for section in &report.sections {
        let _ = writeln!(
            page,
            "<h2>{}</h2>\n<p>{}</p>",
            escaped(section.title),
            escaped(&section.about)
        );
        page.push_str(&against_floor(&section.figures));
        page.push_str(&curve(&section.curve));
        page.push_str(&table(&section.figures));
    }
    page.push_str("</html>\n");
    page
}

fn table(figures: &[Figure]) -> String {
    let mut rows = "<table><tr><th>Figure<th>Measured<th>Floor<th>Bar<th></tr>\n".to_owned();
    for figure in figures {
        let class = match figure.bar.map(|bar| bar.verdict) {
            Some(Verdict::Met) => "met",
            Some(Verdict::Missed) => "missed",
            Some(Verdict::NotCounted) | None => "",
        };
        let _ = writeln!(
            rows,
            "<tr><td>{}<td>{}<td>{}<td>{}<td class=\"{class}\">{}</tr>",
            escaped(&figure.name),
            shown(figure.value, figure.unit),
            figure
                .floor
                .map(|floor| shown(floor, figure.unit))
                .unwrap_or_default(),
            figure.bar.map(bar).unwrap_or_default(),
            figure
                .bar
                .map(|bar| verdict(bar.verdict))
                .unwrap_or_default(),
        );
    }
    rows.push_str("</table>\n");
    rows
}

/// Rates as bars under their floor.
fn against_floor(figures: &[Figure]) -> String {
    let rates: Vec<(&Figure, f64)> = figures
        .iter()
        .filter(|figure| figure.unit == "/s")
        .filter_map(|figure| Some((figure, figure.floor?)))
        .collect();
    let most = rates.iter().map(|(_, floor)| *floor).fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let high = rates.len() as f64 * 48.0;
    let mut picture = format!(
        "<svg viewBox=\"0 0 {WIDE} {high}\" role=\"img\" aria-label=\"rates against the floor\">\n"
    );
    for (place, (figure, floor)) in rates.iter().enumerate() {
        let top = place as f64 * 48.0;
        for (value, offset, colour) in [(figure.value, 0.0, "ours"), (*floor, 10.0, "floor")] {
            let _ = writeln!(
                picture,
                "<rect x=\"0\" y=\"{}\" width=\"{:.1}\" height=\"9\" fill=\"var(--{colour})\"/>",
                top + 18.0 + offset,
                value / most * WIDE,
            );
        }
        let _ = writeln!(
            picture,
            "<text x=\"0\" y=\"{}\">{}: {} of {}</text>",
            top + 13.0,
            escaped(&figure.name),
            shown(figure.value, "/s"),
            shown(*floor, "/s"),
        );
    }
    picture.push_str("</svg>\n");
    picture
}

/// Latency against rate: the rates side by side, the times logarithmic.
fn curve(points: &[Point]) -> String {
    if points.len() < 2 {
        return String::new();
    }
    let times = points.iter().flat_map(|point| {
        [
            point.server.p50_ms,
            point.server.p99_ms,
            point.floor.p50_ms,
            point.floor.p99_ms,
        ]
    });
    let (least, most) = times
        .filter(|time| *time > 0.0)
        .fold((f64::MAX, f64::MIN), |(least, most), time| {
            (least.min(time), most.max(time))
        });
    let step = (WIDE - LEFT - 48.0) / (points.len() - 1) as f64;
    let x = |place: usize| LEFT + 24.0 + place as f64 * step;
    let share = |time: f64| (time.max(least) / least).ln() / (most / least).ln().max(1e-9);
    let y = |time: f64| HIGH - UNDER - share(time) * (HIGH - UNDER - 16.0);
    let mut picture = format!(
        "<svg viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"latency against offered rate\">\n"
    );
    for time in [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0] {
        if time >= least && time <= most {
            let _ = writeln!(
                picture,
                "<line x1=\"{LEFT}\" x2=\"{WIDE}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"var(--line)\"/><text x=\"0\" y=\"{1:.1}\">{time} ms</text>",
                y(time),
                y(time) + 4.0,
            );
        }
    }
    for (place, point) in points.iter().enumerate() {
        let _ = writeln!(
            picture,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(place),
            HIGH - 16.0,
            point.rate
        );
    }
    type Time = fn(&Point) -> f64;
    let lines: [(&str, &str, Time); 4] = [
        ("ours", "", |point| point.server.p50_ms),
        ("ours", "6 4", |point| point.server.p99_ms),
        ("floor", "", |point| point.floor.p50_ms),
        ("floor", "6 4", |point| point.floor.p99_ms),
    ];
    for (colour, dashes, time) in lines {
        let path: String = points
            .iter()
            .enumerate()
            .map(|(place, point)| format!("{:.1},{:.1} ", x(place), y(time(point))))
            .collect();
        let _ = writeln!(
            picture,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"var(--{colour})\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>"
        );
    }
    picture.push_str("</svg>\n<p>Events per second offered, from left to right. Blue: through the server, grey: straight into the receiver. Solid: p50, dashed: p99.</p>\n");
    picture
}

fn bar(bar: Limit) -> String {
    let sign = match bar.bound {
        Bound::AtLeast => "≥",
        Bound::AtMost => "≤",
    };
    format!("{sign} {}", bar.limit)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "MISSED",
        Verdict::NotCounted => "not counted",
    }
}

/// A figure with as many digits as mean something.
fn shown(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    match unit {
        "" | "/s" => format!("{number}{unit}"),
        unit => format!("{number} {unit}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Latency, Machine};

    #[test]
    fn the_page_shows_every_figure_with_its_floor_and_verdict() {
        let mut section = Section::new("Single <posts>", "Some & more.");
        section
            .figure("end to end", 30_000.0, "/s")
            .over(150_000.0)
            .at_least(40_000.0);
        section.figure("idle", 12.5, "MB").at_most(25.0);
        let latency = |ms| Latency {
            events: 1,
            p50_ms: ms,
            p90_ms: ms,
            p99_ms: ms * 4.0,
            max_ms: ms,
        };
        for rate in [200, 10_000] {
            section.curve.push(Point {
                rate,
                server: latency(0.6),
                floor: latency(0.2),
            });
        }
        let lines = text(&section);
        assert!(
            lines.contains("30000/s") && lines.contains("MISSED") && lines.contains("12.5 MB"),
            "{lines}"
        );
        let page = html(&SuiteReport {
            machine: Machine::here(),
            settings: vec!["seconds=1".to_owned()],
            binary: String::new(),
            began_at: 0,
            fdatasync: latency(0.2),
            sections: vec![section],
        });
        for part in [
            "Single &lt;posts>",
            "Some &amp; more.",
            "30000/s of 150000/s",
            "class=\"missed\"",
            "class=\"met\"",
            "<polyline",
        ] {
            assert!(page.contains(part), "{part} is missing in {page}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
}
