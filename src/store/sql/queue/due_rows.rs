//! The next due rows of an endpoint: from their index, and from what was set aside a moment ago.

use super::super::database::{self, unreadable, values};
use super::super::step::Step;
use super::super::tables::NameId;
use crate::store::StoreError;
use tidings_core::delivery::{Progress, Round};
use tidings_core::event_type::Audience;
use tidings_core::id::{EndpointId, EventId, OrganizationId};
use tidings_core::time::Timestamp;

/// A due row.
pub struct Row {
    /// What is to be delivered.
    pub event: EventId,
    /// To whom.
    pub organization: OrganizationId,
    /// Of which type.
    pub name: NameId,
    /// Under which form (W8).
    pub audience: Audience,
    /// Where its plan stands.
    pub progress: Progress,
    /// From when on.
    pub due_at: Timestamp,
    /// Of its last lease; 0 if it had none.
    pub fence: u32,
    /// Whether it is set aside, not in the index of due rows.
    pub aside: bool,
}

/// The first due rows of an endpoint by time, whenever they are due.
///
/// # Errors
/// The database failed.
pub fn first(
    step: &mut Step<'_>,
    endpoint: EndpointId,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = indexed(step, endpoint, limit)?;
    let before = match rows.len() < limit {
        true => None,
        false => rows.last().map(|row| row.due_at),
    };
    let aside = step.memory.aside.of(endpoint).take(limit);
    let aside: Vec<_> = aside
        .take_while(|(_, due_at, _)| before.is_none_or(|before| *due_at < before))
        .collect();
    if !aside.is_empty() {
        for (_, _, event) in aside {
            rows.extend(set_aside(step, endpoint, event)?);
        }
        rows.sort_by_key(|row| (row.due_at, row.event));
        rows.truncate(limit);
    }
    Ok(rows)
}

/// From the index, after what was claimed before; once nothing is left there, from its start.
fn indexed(
    step: &mut Step<'_>,
    endpoint: EndpointId,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    loop {
        let (due_at, event) = step.memory.due.claimed_to(endpoint);
        let mut rows = Vec::new();
        step.database.due_rows(
            endpoint.raw(),
            (due_at.as_micros(), event.raw()),
            limit,
            &mut |row| {
                rows.push(read(row, false)?);
                Ok(())
            },
        )?;
        if !rows.is_empty() || !step.memory.due.start_over(endpoint) {
            return Ok(rows);
        }
    }
}

fn set_aside(
    step: &Step<'_>,
    endpoint: EndpointId,
    event: EventId,
) -> Result<Option<Row>, StoreError> {
    step.sql().one(
        "SELECT event_id, organization_id, name_id, audience, round, attempts, failures, due_at, fence
         FROM deliveries WHERE event_id = ?1 AND endpoint_id = ?2 AND state = 1 AND epoch = 0",
        values![event.raw(), endpoint.raw()],
        |row| read(row, true),
    )
}

fn read(row: &dyn database::Row, aside: bool) -> Result<Row, StoreError> {
    Ok(Row {
        event: EventId::from_raw(row.get(0)?),
        organization: row.get(1)?,
        name: NameId(row.get(2)?),
        audience: match row.get(3)? {
            0_u8 => Audience::Own,
            _ => Audience::Public,
        },
        progress: Progress {
            round: Round::from_code(row.get(4)?).ok_or_else(|| unreadable(4, "a round"))?,
            attempts: row.get(5)?,
            failures: row.get(6)?,
        },
        due_at: Timestamp::from_micros(row.get(7)?),
        fence: row.get(8)?,
        aside,
    })
}
