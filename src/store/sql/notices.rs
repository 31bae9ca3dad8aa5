//! Notices on a database: what is noted with results ([`noting`]), what upkeep makes of it ([`chore`]), who is told
//! ([`tell`]), the types in the catalogue ([`entries`]), what waits to be mailed ([`mails`]), and how all of it goes when an
//! organization is erased ([`erase`]).

mod chore;
mod entries;
mod erase;
mod mails;
mod noting;
mod tell;

pub(super) use chore::step;
pub(super) use erase::about as erase_about;
pub(super) use noting::{Noted, Noting};
pub(super) use tell::{rotated, switched, switched_all};

use super::SqlStore;
use super::database::values;
use super::step::Step;
use crate::store::StoreError;
use crate::store::notices::{MailNotice, MailsWaiting, NoticeRule, Notices, Told};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl Notices for SqlStore {
    async fn tell_notices(&self, rule: Option<NoticeRule>) -> Result<Told, StoreError> {
        self.change(move |step| start(step, rule)).await
    }

    async fn mails_waiting(&self) -> Result<Option<MailsWaiting>, StoreError> {
        let now = self.clock.now();
        self.read(move |sql| mails::waiting(sql, now)).await
    }

    async fn take_mails(
        &self,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<MailNotice>, StoreError> {
        self.alone(move |step| mails::take(step, limit, lease))
            .await
    }

    async fn mailed(&self, ids: Vec<i64>) -> Result<(), StoreError> {
        self.alone(move |step| mails::done(step, &ids)).await
    }

    async fn not_mailed(&self, ids: Vec<i64>, wait: Duration) -> Result<(), StoreError> {
        self.alone(move |step| mails::put_off(step, &ids, wait))
            .await
    }
}

/// Follows the rule from now on; what was noted under another one is forgotten where nobody is told any more.
fn start(step: &mut Step<'_>, rule: Option<NoticeRule>) -> Result<Told, StoreError> {
    let organization = rule.as_ref().and_then(|rule| rule.organization);
    if let Told::NameTaken(name) = entries::prepare(step, organization)? {
        return Ok(Told::NameTaken(name));
    }
    let sql = step.sql();
    if rule.is_none() {
        for (any, forget) in [
            (
                "SELECT 1 FROM trouble_notes LIMIT 1",
                "DELETE FROM trouble_notes",
            ),
            ("SELECT 1 FROM troubles LIMIT 1", "DELETE FROM troubles"),
        ] {
            if sql.exists(any, values![])? {
                sql.execute(forget, values![])?;
            }
        }
    }
    if !rule.as_ref().is_some_and(|rule| rule.mail)
        && sql.exists("SELECT 1 FROM notice_mails LIMIT 1", values![])?
    {
        sql.execute("DELETE FROM notice_mails", values![])?;
    }
    step.memory.notices.follow(rule);
    Ok(Told::Ready)
}
