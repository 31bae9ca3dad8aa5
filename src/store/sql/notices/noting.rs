//! What is noted with results where something fails, and what the writer remembers for that.
//!
//! An endpoint that fails is known from its first failure to its next success: only for those a success says anything, so
//! where nothing fails nothing is looked up but an empty map. Failures that change nothing are gathered and noted every
//! [`NOTE_EVERY`]; an exhausted delivery and a success are noted with their results.
//!
//! Invariants: the map is bounded, and is read again from the database after a rollback. What it forgets by that are failures,
//! never exhausted deliveries or a success. A node learns what fails at others every [`LEARN_EVERY`].

use super::super::database::{Sql, values};
use super::super::step::Step;
use crate::store::StoreError;
use crate::store::notices::NoticeRule;
use crate::store::queue::{Change, Settlement};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tidings_core::delivery::{Next, Resting, Round};
use tidings_core::id::EndpointId;
use tidings_core::outcome::Verdict;
use tidings_core::time::Timestamp;
use tidings_core::trouble::Digest;

/// Failures of an endpoint are noted so often.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// What fails at other nodes is looked up so often.
const LEARN_EVERY: Duration = Duration::from_secs(5);
/// Endpoints that are known to fail. Of more than so many each failure is noted, and no success.
const KNOWN: usize = 65_536;

/// What the writer remembers.
#[derive(Debug, Default)]
pub(in super::super) struct Noting {
    /// Nothing is noted or told without one.
    pub rule: Option<Arc<NoticeRule>>,
    known: HashMap<EndpointId, Known>,
    /// Whether `known` is to be read first.
    doubted: bool,
    /// When upkeep looks at the notes again.
    pub next_look: Timestamp,
    learns_at: Timestamp,
}

/// An endpoint that fails.
#[derive(Debug, Default)]
struct Known {
    noted_at: Timestamp,
    /// What happened since.
    pending: Digest,
}

impl Known {
    /// Whether it is time for a note; also when the last one lies in the future, by a clock that was set back.
    fn may_note(&self, now: Timestamp) -> bool {
        now < self.noted_at || now.since(self.noted_at) >= NOTE_EVERY
    }
}

impl Noting {
    /// Tells by this rule from now on.
    pub fn follow(&mut self, rule: Option<NoticeRule>) {
        *self = Self {
            doubted: rule.is_some(),
            rule: rule.map(Arc::new),
            ..Self::default()
        };
    }

    /// A transaction was rolled back, perhaps with notes in it.
    pub fn doubt(&mut self) {
        self.known.clear();
        self.doubted = self.rule.is_some();
        self.next_look = Timestamp::default();
    }

    /// The clock was set back: every look is now.
    pub fn set_back(&mut self) {
        self.next_look = Timestamp::default();
        self.learns_at = Timestamp::default();
    }

    /// The endpoint's run of failures is over: it is known anew with its next failure.
    pub fn forget(&mut self, endpoint: EndpointId) {
        self.known.remove(&endpoint);
    }

    /// Reads what fails, if that is in doubt, or if other nodes may know of more.
    pub fn learn(&mut self, sql: &dyn Sql, now: Timestamp, shared: bool) -> Result<(), StoreError> {
        if !self.doubted && (!shared || now < self.learns_at) {
            return Ok(());
        }
        let known = &mut self.known;
        sql.each(
            "SELECT endpoint_id FROM troubles WHERE since IS NOT NULL
             UNION SELECT endpoint_id FROM trouble_notes WHERE failed > 0 LIMIT ?1",
            values![KNOWN],
            &mut |row| {
                known.entry(EndpointId::from_raw(row.get(0)?)).or_default();
                Ok(())
            },
        )?;
        self.doubted = false;
        self.learns_at = now.plus(LEARN_EVERY);
        Ok(())
    }

    /// What is to be noted of an endpoint now that this happened.
    fn gather(&mut self, endpoint: EndpointId, happened: Digest, now: Timestamp) -> Option<Digest> {
        let Some(known) = self.known.get_mut(&endpoint) else {
            let fails = happened.failed > 0;
            if fails && self.known.len() < KNOWN {
                let known = Known {
                    noted_at: now,
                    pending: Digest::default(),
                };
                self.known.insert(endpoint, known);
            }
            return (fails || happened.exhausted_in_all() > 0).then_some(happened);
        };
        let all = known.pending.then(happened);
        let over = happened.succeeded.is_some();
        if over || all.exhausted_in_all() > 0 || known.may_note(now) {
            *known = Known {
                noted_at: now,
                pending: Digest::default(),
            };
            if over && happened.failed == 0 {
                self.known.remove(&endpoint);
            }
            return Some(all);
        }
        known.pending = all;
        None
    }

    /// Takes what was gathered and waited long enough.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<(EndpointId, Digest)> {
        let mut taken = Vec::new();
        for (endpoint, known) in &mut self.known {
            if known.pending.failed > 0 && known.may_note(now) {
                taken.push((*endpoint, std::mem::take(&mut known.pending)));
                known.noted_at = now;
            }
        }
        taken
    }
}

/// What became of attempts in one piece of results, where it matters.
pub(in super::super) struct Noted {
    on: bool,
    happened: BTreeMap<EndpointId, Digest>,
}

impl Noted {
    /// Of a piece that is about to be stored.
    pub fn begin(step: &mut Step<'_>) -> Result<Self, StoreError> {
        let on = step.memory.notices.rule.is_some();
        if on && step.memory.notices.doubted {
            let sql = step.sql();
            step.memory.notices.learn(sql, step.now, false)?;
        }
        Ok(Self {
            on,
            happened: BTreeMap::new(),
        })
    }

    /// A result was stored.
    pub fn meet(&mut self, noting: &Noting, result: &Settlement) {
        if !self.on {
            return;
        }
        let Change::Attempted {
            record,
            progress,
            next,
        } = &result.change
        else {
            return;
        };
        let endpoint = result.delivery.endpoint;
        let digest = match record.outcome.verdict() {
            _ if progress.round == Round::Test => return,
            Verdict::NotCounted => return,
            Verdict::Success => {
                if !noting.known.contains_key(&endpoint) && !self.happened.contains_key(&endpoint) {
                    return;
                }
                Digest::success(record.started_at.plus(record.timing.total))
            }
            Verdict::Failure => {
                // A try asked for by hand leaves exhausted what was: somebody is looking at it.
                let planned = matches!(progress.round, Round::Plan | Round::Replay(_));
                let exhausted = planned && *next == Next::Rest(Resting::Exhausted);
                let at = record.started_at.plus(record.timing.total);
                Digest::failure(at, record.outcome, exhausted)
            }
        };
        let all = self.happened.entry(endpoint).or_default();
        *all = all.then(digest);
    }

    /// Writes what is to be noted, in the same transaction.
    pub fn write(self, step: &mut Step<'_>) -> Result<(), StoreError> {
        for (endpoint, happened) in self.happened {
            let Some(digest) = step.memory.notices.gather(endpoint, happened, step.now) else {
                continue;
            };
            let (last_at, last) = digest.last.unzip();
            let id = step.next_id();
            step.sql().execute(
                "INSERT INTO trouble_notes (id, endpoint_id, succeeded_at, since, failed, exhausted, exhausted_before,
                    last_at, last_outcome)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                values![
                    id,
                    endpoint.raw(),
                    digest.succeeded.map(Timestamp::as_micros),
                    digest.since.map(Timestamp::as_micros),
                    digest.failed,
                    digest.exhausted,
                    digest.exhausted_before,
                    last_at.map(Timestamp::as_micros),
                    last.map(|outcome| outcome.code()),
                ],
            )?;
        }
        Ok(())
    }
}
