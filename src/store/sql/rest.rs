//! Deliveries that come to rest, counted once each, with the commit in which they do.
//!
//! What is given up before it was tried again rests where it rested before, if that was delivered: a delivery that arrived is
//! never shown as cancelled. The condition stands here once, for SQL; `Round::code` says what it means.

use super::database::{SettleRow, Value, values};
use super::step::Step;
use crate::store::StoreError;
use std::collections::BTreeMap;
use tidings_core::delivery::{Resting, State};

/// Whether a delivery that arrived before is being sent again, by hand or by a replay.
macro_rules! arrived_before {
    () => {
        "round IN (18, 34)"
    };
}

/// The state in which a row rests: delivered, if it arrived before, or what a parameter says.
macro_rules! resting_state {
    ($state:literal) => {
        concat!(
            "CASE WHEN ",
            $crate::store::sql::rest::arrived_before!(),
            " THEN CAST(2 AS BIGINT) ELSE CAST(",
            $state,
            " AS BIGINT) END"
        )
    };
}

/// Puts rows to rest: ?1 is the state of those that did not arrive before, ?2 the moment.
macro_rules! put_to_rest {
    ($where:literal) => {
        concat!(
            "UPDATE deliveries SET state = ",
            $crate::store::sql::rest::resting_state!("?1"),
            ", rested_at = ?2 ",
            $where,
            " RETURNING state"
        )
    };
}

pub(in crate::store) use arrived_before;
pub(super) use {put_to_rest, resting_state};

/// Runs a statement that [`put_to_rest`] or a removal made: each row of its answer is the state in which a delivery rests.
/// Answers how many there were.
///
/// # Errors
/// The database failed.
pub(super) fn put(
    step: &mut Step<'_>,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<usize, StoreError> {
    let mut rested: BTreeMap<u8, usize> = BTreeMap::new();
    step.sql().each(sql, values, &mut |row| {
        *rested.entry(row.get(0)?).or_default() += 1;
        Ok(())
    })?;
    for (state, deliveries) in &rested {
        if let Some(how) = State::from_code(*state).and_then(State::resting) {
            step.ended(how, *deliveries);
        }
    }
    Ok(rested.values().sum())
}

/// Counts a result that was stored, if its delivery rests now.
///
/// # Errors
/// The database failed.
pub(super) fn count(step: &mut Step<'_>, row: &SettleRow) -> Result<(), StoreError> {
    let asked = State::from_code(row.state).and_then(State::resting);
    let how = match asked {
        // The row may have become delivered instead; that is rare enough to ask.
        Some(Resting::Cancelled(_)) => {
            let state: u8 = step.sql().get(
                "SELECT state FROM deliveries WHERE event_id = ?1 AND endpoint_id = ?2",
                values![row.event, row.endpoint],
            )?;
            State::from_code(state).and_then(State::resting)
        }
        asked => asked,
    };
    if let Some(how) = how {
        step.ended(how, 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tidings_core::delivery::{CancelReason, Resting, Round, State};

    #[test]
    fn the_statements_numbers_are_those_of_rounds_and_states() {
        let rounds = [Round::Retry, Round::Replay].map(|round| round(Resting::Delivered).code());
        let [retry, replay] = rounds;
        assert_eq!(arrived_before!(), format!("round IN ({retry}, {replay})"));
        let delivered = State::Delivered.code();
        assert!(put_to_rest!("").contains(&format!(" THEN CAST({delivered} AS BIGINT) ELSE ")));
        let cancelled = CancelReason::ALL.map(|reason| State::Cancelled(reason).code());
        assert_eq!(
            cancelled.iter().min(),
            Some(&4),
            "from this one on they are cancelled"
        );
        let others = State::ALL.map(State::code).into_iter();
        assert_eq!(others.filter(|code| *code >= 4).count(), cancelled.len());
    }
}
