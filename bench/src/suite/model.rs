//! The suite's report: sections of figures, each with its floor and bar beside it where it has one. Figures are judged
//! where they are made; what lays them out decides nothing.

use serde::Serialize;

use crate::measure::{Latency, Machine};
use crate::report::{Bound, SYNC_P50_MS, Verdict};

/// Everything one run of the suite measured.
#[derive(Debug, Clone, Serialize)]
pub struct SuiteReport {
    /// The machine it ran on.
    pub machine: Machine,
    /// The options, as `name=value`.
    pub settings: Vec<String>,
    /// The server that was measured.
    pub binary: String,
    /// When it began: seconds since 1970.
    pub began_at: u64,
    /// One 4 KiB write with `fdatasync` in the data directory.
    pub fdatasync: Latency,
    /// The parts, in the order they ran.
    pub sections: Vec<Section>,
}

/// One part of the suite.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// Its name.
    pub title: &'static str,
    /// What was done, in a sentence.
    pub about: String,
    /// What came of it.
    pub figures: Vec<Figure>,
    /// Latency against offered rate, in the part that measures it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<Point>,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// Its unit; empty for a ratio.
    pub unit: &'static str,
    /// The same with nothing between generator and receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar: Option<Limit>,
}

/// A bar and whether it was met.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Limit {
    /// The side of the limit the figure must be on.
    pub bound: Bound,
    /// The limit, in the figure's unit.
    pub limit: f64,
    /// The judgement.
    pub verdict: Verdict,
}

/// Latency at one offered rate, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Point {
    /// Events per second, offered.
    pub rate: u32,
    /// Through the server.
    pub server: Latency,
    /// Straight into the receiver.
    pub floor: Latency,
}

impl SuiteReport {
    /// Adds a part. Milliseconds count only where the disk syncs fast enough.
    pub fn add(&mut self, mut section: Section) -> &Section {
        if self.fdatasync.p50_ms > SYNC_P50_MS {
            let times = section
                .figures
                .iter_mut()
                .filter(|figure| figure.unit == "ms");
            for bar in times.filter_map(|figure| figure.bar.as_mut()) {
                if bar.verdict == Verdict::Missed {
                    bar.verdict = Verdict::NotCounted;
                }
            }
        }
        self.sections.push_mut(section)
    }
}

impl Section {
    /// An empty one.
    pub fn new(title: &'static str, about: impl Into<String>) -> Self {
        Self {
            title,
            about: about.into(),
            figures: Vec::new(),
            curve: Vec::new(),
        }
    }

    /// Adds a figure.
    pub fn figure(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> &mut Figure {
        self.figures.push_mut(Figure {
            name: name.into(),
            value,
            unit,
            floor: None,
            bar: None,
        })
    }
}

impl Figure {
    /// With the floor beside it.
    pub fn over(&mut self, floor: f64) -> &mut Self {
        self.floor = Some(floor);
        self
    }

    /// It should be at least this.
    pub fn at_least(&mut self, limit: f64) {
        let good = self.value >= limit;
        self.judge(Bound::AtLeast, limit, good);
    }

    /// It should be at most this.
    pub fn at_most(&mut self, limit: f64) {
        let good = self.value <= limit;
        self.judge(Bound::AtMost, limit, good);
    }

    fn judge(&mut self, bound: Bound, limit: f64, good: bool) {
        let verdict = if good { Verdict::Met } else { Verdict::Missed };
        self.bar = Some(Limit {
            bound,
            limit,
            verdict,
        });
    }
}
