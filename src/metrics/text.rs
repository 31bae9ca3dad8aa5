//! The text that Prometheus reads (exposition format 0.0.4).
//!
//! Writes only what stands in [`TABLE`], in its order, each once with its help and type; a test holds that all of it is
//! written.

use super::{Figures, Kind, Metric, TABLE, Times};
use std::fmt::Write as _;

/// The media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text while it is written.
#[derive(Debug, Default)]
pub struct Text {
    written: String,
    /// How far in the table.
    place: usize,
}

impl Text {
    /// Takes the metric of that name, which must come after those written before; answers whether it is in the table.
    fn open(&mut self, name: &str) -> Option<&'static Metric> {
        let rest = TABLE.get(self.place..).unwrap_or_default();
        let ahead = rest.iter().position(|metric| metric.name == name);
        debug_assert!(ahead.is_some(), "{name} is not in the table, or not there");
        let metric = rest.get(ahead?)?;
        self.place += ahead? + 1;
        // Writing into a String cannot fail.
        let _ = write!(
            self.written,
            "# HELP {name} {}\n# TYPE {name} {}\n",
            metric.help,
            metric.kind.name()
        );
        Some(metric)
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.written
    }
}

impl Figures for Text {
    fn figure(&mut self, name: &str, value: f64) {
        if self.open(name).is_some() {
            let _ = writeln!(self.written, "{name} {value}");
        }
    }

    fn figures(&mut self, name: &str, values: &mut dyn Iterator<Item = (&str, f64)>) {
        let Some(metric) = self.open(name) else {
            return;
        };
        for (value, figure) in values {
            let label = metric.label;
            let _ = writeln!(self.written, "{name}{{{label}=\"{value}\"}} {figure}");
        }
    }

    fn times(&mut self, name: &str, (steps, all, seconds): Times) {
        if self.open(name).is_none() {
            return;
        }
        for (bound, within) in steps {
            let _ = writeln!(self.written, "{name}_bucket{{le=\"{bound}\"}} {within}");
        }
        let _ = writeln!(self.written, "{name}_bucket{{le=\"+Inf\"}} {all}");
        let _ = write!(self.written, "{name}_sum {seconds}\n{name}_count {all}\n");
    }
}

impl Kind {
    /// The endings of the names under which its values stand.
    pub const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::*;
    use std::time::Duration;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let mut text = Text::default();
        text.figures("tidings_build_info", &mut [("1.2.3", 1.0)].into_iter());
        let times = Histogram::new([1_000, 2_500_000]);
        times.note(Duration::from_millis(1_500));
        text.times("tidings_attempt_seconds", times.read());
        text.figure("tidings_store_up", 0.0);
        let text = text.finish();
        for line in [
            "# TYPE tidings_build_info gauge",
            "tidings_build_info{version=\"1.2.3\"} 1",
            "# TYPE tidings_attempt_seconds histogram",
            "tidings_attempt_seconds_bucket{le=\"0.001\"} 0",
            "tidings_attempt_seconds_bucket{le=\"2.5\"} 1",
            "tidings_attempt_seconds_bucket{le=\"+Inf\"} 1",
            "tidings_attempt_seconds_sum 1.5",
            "tidings_attempt_seconds_count 1",
            "tidings_store_up 0",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line}\n{text}"
            );
        }
    }
}
