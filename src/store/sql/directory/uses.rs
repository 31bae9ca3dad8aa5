//! When keys were last used, to the minute: noted in memory by whoever checks them, written a minute's worth at a time.
//!
//! Invariants: a request costs a look at memory and no statement; a key is written at most once a minute and node, and a time
//! is never replaced by an earlier one. Rows are written in the order of keys, so that two nodes never wait for each other in a
//! circle, and count as written when the next step finds that nobody undid them. What a crash loses is the last minute.

use super::super::database::{Sql, Value, values};
use super::super::step::Step;
use crate::store::StoreError;
use crate::store::queue::Upkeep;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidings_core::id::KeyId;
use tidings_core::time::Timestamp;

/// How exact it is, in seconds.
const MINUTE: i64 = 60;
/// Keys written in one step: each is a statement, and events wait meanwhile.
const AT_ONCE: usize = 32;
/// Keys asked for in one statement.
const ASKED: usize = 16;
const LAST_USES: &str = "SELECT id, used_at FROM api_keys WHERE used_at IS NOT NULL
     AND id IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// The keys that were used lately.
#[derive(Debug, Default, Clone)]
pub struct Uses(Arc<Mutex<Noted>>);

/// What a step wrote.
pub type Written = Vec<(KeyId, Timestamp)>;

#[derive(Debug, Default)]
struct Noted {
    minute: i64,
    /// Used in this minute.
    seen: HashSet<KeyId>,
    unwritten: BTreeMap<KeyId, Timestamp>,
}

impl Uses {
    /// A key was used.
    pub fn note(&self, key: KeyId, now: Timestamp) {
        let mut noted = self.lock();
        let minute = now.as_seconds().div_euclid(MINUTE);
        if noted.minute != minute {
            noted.minute = minute;
            noted.seen.clear();
        }
        if noted.seen.insert(key) {
            noted.unwritten.insert(key, now);
        }
    }

    /// When these keys were last used, as far as any node has written it or this one knows.
    pub fn last(
        &self,
        sql: &dyn Sql,
        keys: &[KeyId],
    ) -> Result<HashMap<KeyId, Timestamp>, StoreError> {
        // Memory first: what is written meanwhile is seen there or below.
        let mut found: HashMap<KeyId, Timestamp> = {
            let noted = self.lock();
            let here = |key: &KeyId| Some((*key, *noted.unwritten.get(key)?));
            keys.iter().filter_map(here).collect()
        };
        for part in keys.chunks(ASKED) {
            let mut asked = [Value::Null; ASKED];
            for (place, key) in asked.iter_mut().zip(part) {
                *place = Value::Int(key.raw());
            }
            sql.each(LAST_USES, &asked, &mut |row| {
                let written = Timestamp::from_micros(row.get(1)?);
                let last = found.entry(KeyId::from_raw(row.get(0)?)).or_insert(written);
                *last = written.max(*last);
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The first ones that are not written yet, by key.
    fn unwritten(&self) -> Written {
        let noted = self.lock();
        let first = noted.unwritten.iter().take(AT_ONCE);
        first.map(|(key, at)| (*key, *at)).collect()
    }

    /// These are written, unless they were used again meanwhile.
    fn wrote(&self, keys: &Written) {
        let unwritten = &mut self.lock().unwritten;
        for (key, at) in keys {
            if unwritten.get(key) == Some(at) {
                unwritten.remove(key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes some of what was noted.
pub fn step(step: &mut Step<'_>, _now: Timestamp) -> Result<Upkeep, StoreError> {
    // On disk since the step before, unless that was undone.
    let written = std::mem::take(&mut step.memory.uses_written);
    step.memory.uses.wrote(&written);
    let noted = step.memory.uses.unwritten();
    for (key, at) in &noted {
        step.sql().execute(
            "UPDATE api_keys SET used_at = ?2 WHERE id = ?1 AND (used_at IS NULL OR used_at < ?2)",
            values![key.raw(), at.as_micros()],
        )?;
    }
    let left = match noted.is_empty() {
        true => Upkeep::Idle,
        false => Upkeep::More,
    };
    step.memory.uses_written = noted;
    Ok(left)
}
