//! The audit log in the database: written in the commit of what it tells, read for people.

use super::SqlStore;
use super::database::{Row, Sql, unreadable, values};
use super::directory::place;
use super::step::Step;
use crate::clock;
use crate::store::audit::{
    ActOutcome, AuditFilter, AuditLog, ERASE, Entry, EntryDigest, Form, Inspection, Link,
    RefusedAct, Salt,
};
use crate::store::directory::{Cursor, Page, PageRequest};
use crate::store::queue::Upkeep;
use crate::store::{Actor, StoreError};
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;
use tidings_core::id::{AccountId, AuditId, OrganizationId};
use tidings_core::time::Timestamp;

/// Before the first entry of a chain.
const BEGINNING: EntryDigest = EntryDigest([0; 32]);
/// Entries removed in one step.
const REMOVED_AT_ONCE: i64 = 500;

macro_rules! columns {
    () => {
        "id, at, actor, address, request_id, organization_id, act, subject, outcome, before, after, chain, previous, digest, erased,
            erasable, salt"
    };
}

macro_rules! filtered {
    ($scope:literal) => {
        concat!(
            "SELECT ", columns!(), " FROM audit WHERE ", $scope, " AND id < ?2
             AND at >= ?3 AND at < ?4 AND (act = ?5 OR ?5 = '' OR act LIKE ?6) AND (actor = ?7 OR ?7 = '')
             ORDER BY id DESC LIMIT ?8"
        )
    };
}

const ALL: &str = filtered!("?1 = 0");
const OF_ONE: &str = filtered!("organization_id = ?1");

/// One act to be put on the log.
#[derive(Debug)]
pub struct Act {
    name: &'static str,
    organization: Option<OrganizationId>,
    subject: String,
    outcome: ActOutcome,
    before: Option<Value>,
    after: Option<Value>,
}

impl Act {
    /// Something done to `subject` that left nothing behind to compare.
    pub const fn new(
        name: &'static str,
        organization: Option<OrganizationId>,
        subject: String,
    ) -> Self {
        Self {
            name,
            organization,
            subject,
            outcome: ActOutcome::Done,
            before: None,
            after: None,
        }
    }

    /// With how it was and how it is.
    #[must_use]
    pub fn turning(mut self, before: Option<Value>, after: Option<Value>) -> Self {
        self.before = before;
        self.after = after;
        self
    }

    /// That it was refused.
    #[must_use]
    pub fn refused(mut self, why: Value) -> Self {
        self.outcome = ActOutcome::Refused;
        self.after = Some(why);
        self
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The database failed.
    pub(in crate::store) fn record(
        self,
        step: &mut Step<'_>,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            id: AuditId::from_raw(step.next_id()),
            at: step.now,
            actor: actor.name.clone(),
            address: actor.address.map(|address| address.to_string()),
            request_id: actor.request_id.clone(),
            organization: self.organization,
            act: self.name.to_owned(),
            subject: self.subject,
            outcome: self.outcome,
            before: self.before,
            after: self.after,
            erased: false,
            link: None,
        };
        let chain = step.chain();
        let previous = last_of(step.sql(), chain)?;
        let salt = clock::random_bytes().map_err(|error| StoreError::Internal {
            what: error.to_string(),
        })?;
        insert(step.sql(), &entry.linked(chain, previous, Salt(salt)))
    }
}

fn last_of(sql: &dyn Sql, chain: u8) -> Result<EntryDigest, StoreError> {
    let last = sql.one(
        "SELECT digest FROM audit INDEXED BY audit_chain WHERE chain = ?1 ORDER BY id DESC LIMIT 1",
        values![chain],
        |row| row.get(0),
    )?;
    Ok(last.map_or(BEGINNING, EntryDigest))
}

fn insert(sql: &dyn Sql, entry: &Entry) -> Result<(), StoreError> {
    let link = entry.link.as_ref();
    let (erasable, salt) = match link.map(|link| link.form) {
        Some(Form::Parted { erasable, salt }) => (Some(erasable.0), salt.map(|salt| salt.0)),
        Some(Form::Whole) | None => (None, None),
    };
    let shown = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    sql.execute(
        concat!(
            "INSERT INTO audit (",
            columns!(),
            ")
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                ?16, ?17)"
        ),
        values![
            entry.id.raw(),
            entry.at.as_micros(),
            entry.actor,
            entry.address,
            entry.request_id,
            entry.organization.map(OrganizationId::get),
            entry.act,
            entry.subject,
            entry.outcome.name(),
            shown(&entry.before),
            shown(&entry.after),
            link.map(|link| link.chain),
            link.map(|link| link.previous.0),
            link.map(|link| link.digest.0),
            entry.erased,
            erasable,
            salt,
        ],
    )?;
    Ok(())
}

fn read(row: &dyn Row) -> Result<Entry, StoreError> {
    let shown = |column| -> Result<Option<Value>, StoreError> {
        let text = row.text_or_null(column)?;
        let value = text.map(serde_json::from_str).transpose();
        value.map_err(|error| unreadable(column, error))
    };
    let form = match row.get::<Option<[u8; 32]>>(15)? {
        Some(erasable) => Form::Parted {
            erasable: EntryDigest(erasable),
            salt: row.get::<Option<[u8; 16]>>(16)?.map(Salt),
        },
        None => Form::Whole,
    };
    let link = row.get::<Option<u8>>(11)?.map(|chain| {
        Ok::<_, StoreError>(Link {
            chain,
            previous: EntryDigest(row.get(12)?),
            digest: EntryDigest(row.get(13)?),
            form,
        })
    });
    Ok(Entry {
        id: AuditId::from_raw(row.get(0)?),
        at: Timestamp::from_micros(row.get(1)?),
        actor: row.get(2)?,
        address: row.get(3)?,
        request_id: row.get(4)?,
        organization: row.get(5)?,
        act: row.get(6)?,
        subject: row.get(7)?,
        outcome: ActOutcome::named(row.text(8)?).ok_or_else(|| unreadable(8, "an outcome"))?,
        before: shown(9)?,
        after: shown(10)?,
        erased: row.get(14)?,
        link: link.transpose()?,
    })
}

fn list(
    sql: &dyn Sql,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<Entry>, StoreError> {
    let limit = page.limit.max(1);
    let act = filter.act.as_deref().unwrap_or_default();
    let kind = match act.strip_suffix('.') {
        Some(kind) => format!("{kind}.%"),
        None => String::new(),
    };
    let moment = |at: Option<Timestamp>, otherwise| at.map_or(otherwise, Timestamp::as_micros);
    let statement = match filter.organization {
        Some(_) => OF_ONE,
        None => ALL,
    };
    let mut items = sql.all(
        statement,
        values![
            filter.organization.map_or(0, OrganizationId::get),
            place(page).unwrap_or(i64::MAX),
            moment(filter.from, 0),
            moment(filter.to, i64::MAX),
            act,
            kind,
            filter.actor.as_deref().unwrap_or_default(),
            limit + 1,
        ],
        read,
    )?;
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    Ok(Page {
        next: last.map(|last| Cursor(vec![last.id.raw()])),
        items,
    })
}

#[async_trait]
impl AuditLog for SqlStore {
    async fn audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<Entry>, StoreError> {
        self.read(move |sql| list(sql, &filter, &page)).await
    }

    async fn note_refused(&self, refused: RefusedAct, actor: Actor) -> Result<(), StoreError> {
        self.share(1, move |step| {
            Act::new("request.refuse", refused.organization, refused.subject)
                .refused(refused.why)
                .record(step, &actor)
        })
        .await
    }
}

/// Takes out of an organization's entries what they say of before and after and from where; answers of how many. Its own
/// erasure stays as it is.
///
/// # Errors
/// The database failed.
pub(super) fn redact(
    sql: &dyn Sql,
    id: OrganizationId,
    at_most: usize,
) -> Result<usize, StoreError> {
    sql.execute(
        "UPDATE audit SET before = NULL, after = NULL, address = NULL, salt = NULL, erased = 1 WHERE id IN (
            SELECT id FROM audit INDEXED BY audit_of
            WHERE organization_id = ?1 AND erased = 0 AND act <> ?3 ORDER BY id LIMIT ?2)",
        values![id.get(), at_most, ERASE],
    )
}

/// The same for what was done to one person's account.
///
/// # Errors
/// The database failed.
pub(super) fn redact_account(sql: &dyn Sql, id: AccountId) -> Result<(), StoreError> {
    sql.execute(
        "UPDATE audit SET before = NULL, after = NULL, address = NULL, salt = NULL, erased = 1
         WHERE subject = ?1 AND erased = 0",
        values![id.to_string()],
    )?;
    Ok(())
}

/// How many places of the log are not as they were written.
///
/// # Errors
/// The database failed.
pub(super) fn faults(sql: &dyn Sql) -> Result<u64, StoreError> {
    let (mut inspection, mut faults) = (Inspection::default(), 0);
    sql.each(
        concat!("SELECT ", columns!(), " FROM audit ORDER BY id DESC"),
        values![],
        &mut |row| {
            faults += u64::from(inspection.meet(&read(row)?).is_some());
            Ok(())
        },
    )?;
    Ok(faults + inspection.end().len() as u64)
}

/// Removes what was kept long enough, oldest first, so that a chain never has a hole.
pub(super) fn retire(step: &Step<'_>, kept: Duration) -> Result<Upkeep, StoreError> {
    let removed = step.sql().execute(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ?1 ORDER BY id LIMIT ?2)",
        values![
            AuditId::first_at(step.now.minus(kept)).raw(),
            REMOVED_AT_ONCE
        ],
    )?;
    Ok(match removed {
        0 => Upkeep::Idle,
        _ => Upkeep::More,
    })
}
