//! Pictures drawn by the server, as SVG: how a try's time was spent, and series over time.
//!
//! Colours come from the style sheet by class, so that light and dark fit; each bar has its numbers as a title, and each
//! chart a sentence for who cannot see it.

use super::pieces::{duration, moment, number};
use crate::store::queue::Timing;
use maud::{Markup, html};
use std::time::Duration;
use tidings_core::time::Timestamp;

/// Width and height of a series in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 120.0;
/// The deadline of a try in microseconds: the full width of a timing bar.
const DEADLINE: f64 = 3_000_000.0;

/// A part of a try's time.
struct Part {
    class: &'static str,
    label: &'static str,
    from: Duration,
    took: Duration,
}

fn parts(timing: &Timing) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = Duration::ZERO;
    let steps = [
        ("dns", "Name look-up", timing.dns),
        ("connect", "Connect", timing.connect),
        ("tls", "TLS", timing.tls),
    ];
    for (class, label, took) in steps {
        if let Some(took) = took {
            parts.push(Part {
                class,
                label,
                from: at,
                took,
            });
            at += took;
        }
    }
    let first = timing.first_byte.unwrap_or(timing.total);
    parts.push(Part {
        class: "wait",
        label: "Waiting for the answer",
        from: at,
        took: first.saturating_sub(at),
    });
    if timing.first_byte.is_some() {
        parts.push(Part {
            class: "answer",
            label: "Reading the answer",
            from: first,
            took: timing.total.saturating_sub(first),
        });
    }
    parts
}

/// How a try's time was spent. The bar's width is the 3 seconds it had, or the try itself when that was far less.
pub(super) fn timing(timing: &Timing) -> Markup {
    let parts = parts(timing);
    let total = timing.total.as_micros() as f64;
    let scale = if total * 20.0 < DEADLINE {
        total.max(1.0)
    } else {
        DEADLINE.max(total)
    };
    let x = |time: Duration| time.as_micros() as f64 / scale * WIDTH;
    html! {
        figure .timing {
            svg viewBox="0 0 720 14" preserveAspectRatio="none" role="img" aria-label="How the time was spent; the numbers follow." {
                rect .ground x="0" y="0" width="720" height="14" {}
                @for part in &parts {
                    rect class=(part.class) x=(round(x(part.from))) y="0" width=(round(x(part.took).max(1.0))) height="14" {
                        title { (part.label) " " (duration(part.took)) }
                    }
                }
            }
            ul .legend {
                @for part in &parts {
                    li { span class={ "dot " (part.class) } {} (part.label) " " strong { (duration(part.took)) } }
                }
            }
        }
    }
}

fn round(value: f64) -> String {
    format!("{value:.1}")
}

/// One step of a series.
pub(super) struct Bar {
    pub at: Timestamp,
    /// What went well, and what did not.
    pub good: u64,
    pub bad: u64,
    /// Why those failed, in a few words; empty when none did.
    pub why: String,
}

/// Good and bad over time, stacked.
pub(super) fn bars(label: &str, series: &[Bar]) -> Markup {
    let most = series
        .iter()
        .map(|bar| bar.good + bar.bad)
        .max()
        .unwrap_or(0);
    let step = WIDTH / series.len().max(1) as f64;
    let y = |count: u64| count as f64 / most.max(1) as f64 * HEIGHT;
    let (good, bad) = series
        .iter()
        .fold((0, 0), |(good, bad), bar| (good + bar.good, bad + bar.bad));
    html! {
        figure .series {
            figcaption { (label) }
            svg viewBox="0 0 720 120" preserveAspectRatio="none" role="img"
                aria-label={ (label) ": " (good) " received, " (bad) " failed, at most " (most) " in one step." } {
                @for (place, bar) in series.iter().enumerate() {
                    @let x = place as f64 * step;
                    @let (good, bad) = (y(bar.good), y(bar.bad));
                    g {
                        title { (bar.at.rfc3339()) ": " (number(bar.good)) " received, " (number(bar.bad)) " failed" @if !bar.why.is_empty() { " (" (bar.why) ")" } }
                        rect .hit x=(round(x)) y="0" width=(round(step)) height="120" {}
                        @if bar.good > 0 { rect .good x=(round(x)) y=(round(HEIGHT - good)) width=(round(step * 0.82)) height=(round(good.max(1.0))) {} }
                        @if bar.bad > 0 { rect .bad x=(round(x)) y=(round((HEIGHT - good - bad.max(2.0)).max(0.0))) width=(round(step * 0.82)) height=(round(bad.max(2.0))) {} }
                    }
                }
            }
            (axis(series.first().map(|bar| bar.at), series.last().map(|bar| bar.at), &format!("at most {}", number(most))))
        }
    }
}

fn axis(from: Option<Timestamp>, to: Option<Timestamp>, middle: &str) -> Markup {
    html! {
        p .axis {
            span { @if let Some(from) = from { (moment(from)) } }
            span { (middle) }
            span { @if let Some(to) = to { (moment(to)) } }
        }
    }
}

/// One step of three latencies in milliseconds; none where nothing happened.
pub(super) struct Latency {
    pub at: Timestamp,
    pub of: Option<[f64; 3]>,
}

/// Percentiles of latency over time, as lines.
pub(super) fn latency(label: &str, series: &[Latency]) -> Markup {
    let most = series
        .iter()
        .filter_map(|step| step.of)
        .map(|[.., highest]| highest)
        .fold(1.0, f64::max);
    let step = WIDTH / series.len().max(1) as f64;
    let line = |which: usize| {
        let mut path = String::new();
        let mut pen = 'M';
        for (place, latency) in series.iter().enumerate() {
            match latency.of.and_then(|of| of.get(which).copied()) {
                Some(value) => {
                    let (x, y) = (
                        (place as f64 + 0.5) * step,
                        HEIGHT - value / most * (HEIGHT - 4.0),
                    );
                    path.push_str(&format!("{pen}{x:.1} {y:.1}h0.1"));
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        path
    };
    html! {
        figure .series {
            figcaption { (label) }
            svg viewBox="0 0 720 120" preserveAspectRatio="none" role="img" aria-label={ (label) ": at most " (duration_ms(most)) "." } {
                path .p50 d=(line(0)) {}
                path .p95 d=(line(1)) {}
                path .p99 d=(line(2)) {}
            }
            (axis(series.first().map(|step| step.at), series.last().map(|step| step.at), &format!("at most {}", duration_ms(most))))
            ul .legend {
                li { span .dot .p50 {} "half are faster" }
                li { span .dot .p95 {} "95 of 100" }
                li { span .dot .p99 {} "99 of 100" }
            }
        }
    }
}

/// Milliseconds as people say them.
pub(super) fn duration_ms(millis: f64) -> String {
    duration(Duration::from_micros((millis * 1e3).max(0.0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_try_follow_each_other_and_fill_it() {
        let ms = Duration::from_millis;
        let timing = Timing {
            dns: Some(ms(5)),
            connect: Some(ms(10)),
            tls: None,
            first_byte: Some(ms(40)),
            total: ms(60),
        };
        let parts = parts(&timing);
        let mut at = Duration::ZERO;
        for part in &parts {
            assert_eq!(part.from, at, "{}", part.label);
            at += part.took;
        }
        assert_eq!(at, timing.total);
        assert_eq!(parts.len(), 4);
    }
}
