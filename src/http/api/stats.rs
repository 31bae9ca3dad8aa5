//! Statistics over time, of an organization and of one endpoint.

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::endpoints::no_endpoint;
use super::show::time;
use crate::store::stats::Subject;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;
use tidings_core::stats::{BUCKET_SECONDS, Counts, Range, Series};
use utoipa::ToSchema;

/// What is shown when no time is chosen.
const DAY: Duration = Duration::from_secs(86_400);

/// Latency of whole answers, right to within a third.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Percentiles)]
pub(in crate::http) struct PercentilesShown {
    p50: f64,
    p95: f64,
    p99: f64,
}

/// What was counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counts)]
pub(in crate::http) struct CountsShown {
    /// HTTP requests made, test sends not among them.
    attempts: u64,
    /// Deliveries that arrived.
    delivered: u64,
    /// Deliveries whose tries were used up.
    exhausted: u64,
    /// Attempts by the class of their outcome.
    outcomes: BTreeMap<&'static str, u64>,
    /// Null without a whole answer.
    #[schema(required = true)]
    latency_ms: Option<PercentilesShown>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatsPoint)]
pub(in crate::http) struct PointShown {
    /// When the step begins.
    at: String,
    #[serde(flatten)]
    counts: CountsShown,
}

/// Statistics over time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stats)]
pub(in crate::http) struct StatsShown {
    from: String,
    to: String,
    step_seconds: i64,
    total: CountsShown,
    points: Vec<PointShown>,
}

fn counts(counts: &Counts) -> CountsShown {
    let latency = |share| counts.percentile(share);
    let percentiles = latency(0.5).zip(latency(0.95)).zip(latency(0.99));
    CountsShown {
        attempts: counts.attempts(),
        delivered: counts.delivered,
        exhausted: counts.exhausted,
        outcomes: counts.outcomes.clone(),
        latency_ms: percentiles.map(|((p50, p95), p99)| PercentilesShown { p50, p95, p99 }),
    }
}

fn show(series: &Series) -> StatsShown {
    let points = series.points.iter().enumerate();
    StatsShown {
        from: time(series.starts_at(0)),
        to: time(series.starts_at(series.points.len())),
        step_seconds: series.range.step * BUCKET_SECONDS,
        total: counts(&series.total),
        points: points
            .map(|(step, point)| PointShown {
                at: time(series.starts_at(step)),
                counts: counts(point),
            })
            .collect(),
    }
}

fn read(call: &Call) -> Result<Range, Problem> {
    let mut query = call.query(&["from", "to", "step"])?;
    let to = query.time("to").unwrap_or_else(|| call.api.clock.now());
    let from = query.time("from").unwrap_or_else(|| to.minus(DAY));
    let step = query.optional("step", |text| {
        let known = text.parse().ok().filter(|step| Range::STEPS.contains(step));
        known.ok_or((
            Code::InvalidChoice,
            Cow::Borrowed("One of 600, 3600, 21600, 86400 (seconds)."),
        ))
    });
    let range = match step {
        Some(step) => Range::new(from, to, step),
        None => Range::fitting(from, to),
    };
    if to <= from {
        query.refuse("to", Code::InvalidRange, "`to` must be later than `from`.");
    } else if range.is_none() {
        let detail = format!(
            "At most {} steps are answered at once: choose a shorter time or a larger `step`.",
            Range::MOST
        );
        query.refuse("from", Code::RangeTooLong, detail);
    }
    let fallback = Range {
        first: 0,
        step: 1,
        steps: 1,
    };
    query.finish(range.unwrap_or(fallback))
}

/// How much arrived at an organization's endpoints, and how fast.
#[utoipa::path(get, path = "/v1/organizations/{org}/stats", tag = "statistics", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"),
        ("from" = Option<String>, Query, description = "From then on (RFC 3339); a day before `to` if left out"),
        ("to" = Option<String>, Query, description = "Up to then (RFC 3339); now if left out"),
        ("step" = Option<i64>, Query, description = "Seconds of one step: 600, 3600, 21600 or 86400; if left out one that gives at most 150")),
    responses((status = 200, description = "Counted within seconds, with hundreds of busy endpoints within a minute; test sends are not among it", body = StatsShown)))]
pub(in crate::http) async fn organization_stats(call: Call) -> Result<Reply, Problem> {
    let organization = call.seen()?;
    let range = read(&call)?;
    let subject = Subject::Organization(organization);
    let series = call.api.store.stats(subject, range).await?;
    Reply::ok(&show(&series.unwrap_or_else(|| Series::empty(range))))
}

/// How much arrived at one endpoint, and how fast.
#[utoipa::path(get, path = "/v1/organizations/{org}/endpoints/{ep}/stats", tag = "statistics", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id"),
        ("from" = Option<String>, Query, description = "From then on (RFC 3339); a day before `to` if left out"),
        ("to" = Option<String>, Query, description = "Up to then (RFC 3339); now if left out"),
        ("step" = Option<i64>, Query, description = "Seconds of one step: 600, 3600, 21600 or 86400; if left out one that gives at most 150")),
    responses((status = 200, description = "Counted within seconds, with hundreds of busy endpoints within a minute; test sends are not among it", body = StatsShown)))]
pub(in crate::http) async fn endpoint_stats(call: Call) -> Result<Reply, Problem> {
    let organization = call.seen()?;
    let endpoint = call.endpoint()?;
    let range = read(&call)?;
    let subject = Subject::Endpoint(organization, endpoint);
    match call.api.store.stats(subject, range).await? {
        Some(series) => Reply::ok(&show(&series)),
        None => Err(no_endpoint(&call)),
    }
}
