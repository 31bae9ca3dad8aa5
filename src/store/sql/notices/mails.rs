//! Notices that wait to be mailed: few rows, the oldest first. Whoever takes some has them for a while, so that of several
//! nodes one mails them, and another does if that one is gone.

use super::super::database::{Sql, values};
use super::super::step::Step;
use crate::store::StoreError;
use crate::store::notices::{MAIL_KEPT, MAIL_PUT_OFF, MAILS, MailNotice, MailsWaiting};
use std::time::Duration;
use tidings_core::notice::Kind;
use tidings_core::time::Timestamp;

/// Adds one; when there are too many, the oldest goes.
pub(super) fn queue(step: &mut Step<'_>, kind: Kind, data: &str) -> Result<(), StoreError> {
    let id = step.next_id();
    let sql = step.sql();
    let dropped = sql.execute(
        "DELETE FROM notice_mails WHERE id IN (SELECT id FROM notice_mails ORDER BY id DESC LIMIT ?1 OFFSET ?1)",
        values![MAILS - 1],
    )?;
    if dropped > 0 {
        tracing::warn!(
            dropped,
            "too many notices wait to be mailed: the oldest are not mailed"
        );
    }
    sql.execute(
        "INSERT INTO notice_mails (id, at, kind, data, retry_at) VALUES (?1, ?2, ?3, ?4, 0)",
        values![id, step.now.as_micros(), kind.name(), data],
    )?;
    Ok(())
}

/// Nothing is put off to a moment after this one, except before the clock was set back.
fn too_far(now: Timestamp) -> i64 {
    now.plus(MAIL_PUT_OFF).as_micros()
}

/// What may be taken at `now`.
pub(super) fn waiting(sql: &dyn Sql, now: Timestamp) -> Result<Option<MailsWaiting>, StoreError> {
    let found = sql.one(
        "SELECT count(*), coalesce(min(at), 0) FROM notice_mails WHERE retry_at <= ?1 OR retry_at > ?2",
        values![now.as_micros(), too_far(now)],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
    )?;
    Ok(found
        .filter(|(count, _)| *count > 0)
        .map(|(count, oldest)| MailsWaiting {
            count: usize::try_from(count).unwrap_or(usize::MAX),
            oldest: Timestamp::from_micros(oldest),
        }))
}

/// Takes the oldest, and forgets those that were tried and are too old to be of use.
pub(super) fn take(
    step: &mut Step<'_>,
    limit: usize,
    lease: Duration,
) -> Result<Vec<MailNotice>, StoreError> {
    let (sql, now) = (step.sql(), step.now);
    let late = sql.execute(
        "DELETE FROM notice_mails WHERE at < ?1 AND retry_at > 0",
        values![now.minus(MAIL_KEPT).as_micros()],
    )?;
    if late > 0 {
        tracing::warn!(
            late,
            "notices could not be mailed for three days and are not any more"
        );
    }
    let taken = sql.all(
        "SELECT id, at, kind, data FROM notice_mails WHERE retry_at <= ?1 OR retry_at > ?2
         ORDER BY id LIMIT ?3 /* claim */",
        values![now.as_micros(), too_far(now), limit],
        |row| {
            Ok(MailNotice {
                id: row.get(0)?,
                at: Timestamp::from_micros(row.get(1)?),
                kind: row.get(2)?,
                data: row.get(3)?,
            })
        },
    )?;
    let ids: Vec<i64> = taken.iter().map(|notice| notice.id).collect();
    put_off(step, &ids, lease)?;
    Ok(taken)
}

/// They are not to be taken for a while.
pub(super) fn put_off(step: &Step<'_>, ids: &[i64], wait: Duration) -> Result<(), StoreError> {
    for id in ids {
        step.sql().execute(
            "UPDATE notice_mails SET retry_at = ?2 WHERE id = ?1",
            values![id, step.now.plus(wait.min(MAIL_PUT_OFF)).as_micros()],
        )?;
    }
    Ok(())
}

/// They are done.
pub(super) fn done(step: &Step<'_>, ids: &[i64]) -> Result<(), StoreError> {
    for id in ids {
        step.sql()
            .execute("DELETE FROM notice_mails WHERE id = ?1", values![id])?;
    }
    Ok(())
}
