//! Counting what became of attempts, and writing the counts down late.
//!
//! Results are counted when their commit is done ([`Tally::count`]), in memory and outside the writer's thread; upkeep
//! writes the counts in small parts, sorted, as additions, so that several nodes add up and none waits for another in a
//! circle. What a part holds stays in memory until its commit is known, so that a rollback neither loses nor doubles it.

use super::SqlStore;
use super::database::values;
use super::log::OWNS;
use super::step::Step;
use crate::store::StoreError;
use crate::store::queue::{AttemptRecord, Change, Settled, Settlement, Upkeep};
use crate::store::stats::{Stats, Subject};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_core::delivery::{Next, Round};
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::outcome::Verdict;
use tidings_core::stats::{Measure, Range, Series, bucket_of};
use tidings_core::time::Timestamp;

/// Few endpoints are written so often, many less often: each costs some rows.
const OFTEN: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_secs(60);
const FEW: usize = 256;
/// Endpoints (and their buckets) that are counted at once. So many are written without waiting; what more is sent to before
/// they are written is not counted.
const COUNTED: usize = 65_536;
/// Endpoints written in one step.
const PART: usize = 64;

/// What was counted of one endpoint in one bucket, by measure.
type Counted = BTreeMap<Measure, u32>;

/// What was counted and not written yet.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally(Arc<Mutex<HashMap<(EndpointId, i64), Counted>>>);

/// A part on its way to the disk.
#[derive(Debug, Default)]
pub(super) struct Writing {
    rows: Vec<(i64, i64, Measure, u32)>,
    /// Whether the rows were written in a transaction that nobody undid since.
    written: bool,
    /// Endpoints that were there when writing began and are not written yet.
    left: usize,
    last: Timestamp,
}

impl Writing {
    /// A transaction was rolled back, perhaps the one with the rows.
    pub(super) fn doubt(&mut self) {
        self.written = false;
    }

    /// The clock was set back: it is time for the next part.
    pub(super) fn set_back(&mut self) {
        self.last = Timestamp::default();
    }
}

impl Tally {
    /// Counts what was stored.
    pub(super) fn count(&self, results: &[Settlement], outcomes: &[Settled]) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (result, outcome) in results.iter().zip(outcomes) {
            if let Change::Attempted {
                record,
                progress,
                next,
            } = &result.change
                && *outcome == Settled::Stored
                && progress.round != Round::Test
            {
                let key = (result.delivery.endpoint, bucket_of(record.started_at));
                if counted.len() < COUNTED || counted.contains_key(&key) {
                    add(counted.entry(key).or_default(), record, next);
                }
            }
        }
    }

    /// How many endpoints there are.
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes out some endpoints.
    fn take(&self) -> Vec<((EndpointId, i64), Counted)> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = counted.keys().take(PART).copied().collect();
        keys.into_iter()
            .filter_map(|key| counted.remove_entry(&key))
            .collect()
    }
}

fn add(counted: &mut Counted, record: &AttemptRecord, next: &Next) {
    let latency = record
        .outcome
        .status()
        .map(|_| Measure::of_latency(record.timing.total));
    // One that arrived before and is sent again in vain stays delivered, and did not arrive once more.
    let rests = Measure::of_rest(next)
        .filter(|rest| *rest != Measure::DELIVERED || record.outcome.verdict() == Verdict::Success);
    let measures = [Some(Measure::of_outcome(record.outcome)), latency, rests];
    for measure in measures.into_iter().flatten() {
        *counted.entry(measure).or_insert(0) += 1;
    }
}

/// The number under which a subject is stored: endpoints are positive, organizations negative.
const fn stored(subject: Subject) -> i64 {
    match subject {
        Subject::All => 0,
        Subject::Organization(id) => -id.get(),
        Subject::Endpoint(_, id) => id.raw(),
    }
}

/// Writes the next part, if it is time for one.
pub(super) fn step(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let endpoints = step.memory.tally.len();
    let wait = if endpoints <= FEW { OFTEN } else { SELDOM };
    let due = now.since(step.memory.writing.last) >= wait || endpoints >= COUNTED;
    write(step, now, due)
}

/// Writes the next part at once: the store is about to close.
pub(super) fn write_out(step: &mut Step<'_>) -> Result<Upkeep, StoreError> {
    let now = step.now;
    write(step, now, true)
}

fn write(step: &mut Step<'_>, now: Timestamp, due: bool) -> Result<Upkeep, StoreError> {
    let memory = &mut *step.memory;
    let writing = &mut memory.writing;
    if std::mem::take(&mut writing.written) {
        writing.rows.clear();
    }
    if writing.rows.is_empty() {
        if writing.left == 0 && due {
            // What is counted from now on waits for the next time.
            writing.left = memory.tally.len();
            writing.last = now;
        }
        if writing.left == 0 {
            return Ok(Upkeep::Idle);
        }
        writing.left = writing.left.saturating_sub(PART);
        let taken = memory.tally.take();
        step.memory.writing.rows = rows(step, taken)?;
    }
    for (subject, bucket, measure, count) in &step.memory.writing.rows {
        step.sql().execute(
            "INSERT INTO stats (subject, bucket, measure, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (subject, bucket, measure) DO UPDATE SET count = stats.count + excluded.count",
            values![subject, bucket, measure.code(), count],
        )?;
    }
    step.memory.writing.written = true;
    Ok(Upkeep::More)
}

/// The rows of a part: for each endpoint, for its organization and for everything, in the order of the table.
fn rows(
    step: &Step<'_>,
    taken: Vec<((EndpointId, i64), Counted)>,
) -> Result<Vec<(i64, i64, Measure, u32)>, StoreError> {
    let mut sums: BTreeMap<(i64, i64, Measure), u32> = BTreeMap::new();
    for ((endpoint, bucket), counted) in taken {
        let owner = owner(step, endpoint)?.map(|owner| stored(Subject::Organization(owner)));
        let subjects = [Some(endpoint.raw()), owner, Some(stored(Subject::All))];
        for (measure, count) in counted {
            for subject in subjects.into_iter().flatten() {
                *sums.entry((subject, bucket, measure)).or_insert(0) += count;
            }
        }
    }
    let rows = sums.into_iter();
    Ok(rows
        .map(|((subject, bucket, measure), count)| (subject, bucket, measure, count))
        .collect())
}

/// Whose an endpoint is, or was: it may have been deleted while it was sent to.
fn owner(step: &Step<'_>, endpoint: EndpointId) -> Result<Option<OrganizationId>, StoreError> {
    match step.tables.endpoint(endpoint) {
        Some(found) => Ok(Some(found.organization)),
        None => step.sql().one(
            "SELECT organization_id FROM endpoints WHERE id = ?1",
            values![endpoint.raw()],
            |row| row.get(0),
        ),
    }
}

/// What was counted of a subject: first bucket, first bucket after.
pub(super) const SERIES: &str = "SELECT bucket, measure, count FROM stats
    WHERE subject = ?1 AND bucket >= ?2 AND bucket < ?3";

#[async_trait]
impl Stats for SqlStore {
    async fn stats(&self, subject: Subject, range: Range) -> Result<Option<Series>, StoreError> {
        self.read(move |sql| {
            if let Subject::Endpoint(organization, endpoint) = subject
                && !sql.exists(OWNS, values![endpoint.raw(), organization.get()])?
            {
                return Ok(None);
            }
            let mut series = Series::empty(range);
            sql.each(
                SERIES,
                values![stored(subject), range.first, range.end()],
                &mut |row| {
                    let measure = Measure::from_code(row.get(1)?);
                    series.add(row.get(0)?, measure, row.get(2)?);
                    Ok(())
                },
            )?;
            Ok(Some(series))
        })
        .await
    }
}
