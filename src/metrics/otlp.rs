//! The same figures for a collector of OpenTelemetry's: OTLP's JSON form, cumulative since the process started.

use super::{Figures, Kind, Metric, TABLE, Times};
use crate::otlp::{Collector, attribute, resource, scope};
use serde_json::{Value as Json, json};

/// OTLP's number for sums and histograms that count since a start.
const CUMULATIVE: u8 = 2;

/// The document while it is made.
#[derive(Debug)]
pub struct Document {
    metrics: Vec<Json>,
    /// When counting began and now: nanoseconds since 1970, as OTLP writes them.
    time: (String, String),
}

impl Document {
    /// Without a figure. Times are in microseconds since 1970.
    pub fn new(started: i64, now: i64) -> Self {
        let nanos = |micros: i64| format!("{micros}000");
        Self {
            metrics: Vec::new(),
            time: (nanos(started), nanos(now)),
        }
    }

    /// All of it, as this collector gets it.
    pub fn finish(self, collector: &Collector) -> String {
        let all = json!({"resourceMetrics": [{
            "resource": resource(collector),
            "scopeMetrics": [{"scope": scope(collector), "metrics": self.metrics}],
        }]});
        all.to_string()
    }

    fn point(&self, labels: Json, value: f64) -> Json {
        json!({
            "attributes": labels,
            "startTimeUnixNano": self.time.0,
            "timeUnixNano": self.time.1,
            "asDouble": value,
        })
    }

    fn add(&mut self, metric: &Metric, points: Vec<Json>) {
        let data = match metric.kind {
            Kind::Gauge => ("gauge", json!({"dataPoints": points})),
            Kind::Counter => (
                "sum",
                json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true}),
            ),
            Kind::Histogram => (
                "histogram",
                json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE}),
            ),
        };
        let mut shown = json!({
            "name": metric.name,
            "description": metric.help,
            "unit": unit(metric.name),
        });
        if let Some(object) = shown.as_object_mut() {
            object.insert(data.0.to_owned(), data.1);
        }
        self.metrics.push(shown);
    }
}

/// UCUM's unit, from a name that says it.
fn unit(name: &str) -> &'static str {
    let name = name.trim_end_matches("_total");
    match () {
        () if name.ends_with("_seconds") => "s",
        () if name.ends_with("_bytes") => "By",
        () => "1",
    }
}

fn known(name: &str) -> Option<&'static Metric> {
    TABLE.iter().find(|metric| metric.name == name)
}

impl Figures for Document {
    fn figure(&mut self, name: &str, value: f64) {
        if let Some(metric) = known(name) {
            let point = self.point(json!([]), value);
            self.add(metric, vec![point]);
        }
    }

    fn figures(&mut self, name: &str, values: &mut dyn Iterator<Item = (&str, f64)>) {
        if let Some(metric) = known(name) {
            let points = values
                .map(|(value, figure)| self.point(json!([attribute(metric.label, value)]), figure));
            let points = points.collect();
            self.add(metric, points);
        }
    }

    fn times(&mut self, name: &str, (steps, all, seconds): Times) {
        let Some(metric) = known(name) else {
            return;
        };
        let mut before = 0;
        let mut counts: Vec<String> = Vec::with_capacity(steps.len() + 1);
        for (_, within) in &steps {
            counts.push((within - before).to_string());
            before = *within;
        }
        counts.push(all.saturating_sub(before).to_string());
        let bounds: Vec<f64> = steps.into_iter().map(|(bound, _)| bound).collect();
        let point = json!({
            "startTimeUnixNano": self.time.0,
            "timeUnixNano": self.time.1,
            "count": all.to_string(),
            "sum": seconds,
            "bucketCounts": counts,
            "explicitBounds": bounds,
        });
        self.add(metric, vec![point]);
    }
}
