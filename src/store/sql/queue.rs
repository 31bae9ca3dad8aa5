//! The queue's verbs: what goes to the writer, and how.

mod accept;
mod claim;
mod due_rows;
mod place;
mod settle;
mod test_send;

pub use super::recover::ABANDONED;
pub(super) use accept::post_own;
pub(super) use place::{Body, Posted, Recipient, Start, make_all, recipients, start, stored_body};
pub(super) use settle::again;
pub(super) use test_send::Waiting;

use super::writer::Company;
use super::{SqlStore, expand, recover, upkeep};
use crate::store::queue::{
    Accept, Accepted, Claimed, Job, NewTest, NotSettled, Queue, Settled, Settlement, TestStarted,
    Upkeep, content_hash,
};
use crate::store::{Actor, StoreError};
use async_trait::async_trait;
use std::sync::atomic::Ordering;
use tidings_core::time::Timestamp;

#[async_trait]
impl Queue for SqlStore {
    async fn accept(&self, events: Vec<Accept>) -> Result<Vec<Accepted>, StoreError> {
        // Hashed here, so that the writer need not.
        let hashes: Vec<_> = events
            .iter()
            .map(|accept| content_hash(&accept.event.data))
            .collect();
        self.share(events.len(), move |step| {
            events
                .into_iter()
                .zip(&hashes)
                .map(|(accept, hash)| accept::accept(step, &accept, hash))
                .collect()
        })
        .await
    }

    async fn test(&self, test: NewTest, actor: Actor) -> Result<TestStarted, StoreError> {
        let waiting = self.waiting.clone();
        self.alone(move |step| test_send::start(step, test, &actor, &waiting))
            .await
    }

    async fn claim(&self, limit: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        self.share(limit, move |step| claim::claim(step, limit, now))
            .await
    }

    async fn settle(&self, results: Vec<Settlement>) -> Result<Vec<Settled>, NotSettled> {
        let company = Company::Patient(results.len());
        let (work, answered) = settle::work(results);
        self.queue(company, work).await;
        match answered.await {
            Ok(stored) => Ok(stored?.conclude(&self.waiting, &self.tally)),
            Err(_writer_gone) => Err(NotSettled {
                error: StoreError::Closed,
                results: Vec::new(),
            }),
        }
    }

    async fn expand(&self, limit: usize) -> Result<Upkeep, StoreError> {
        if !self.expanding.load(Ordering::Acquire) {
            return Ok(Upkeep::Idle);
        }
        self.alone(move |step| expand::expand(step, limit)).await
    }

    async fn upkeep(&self, now: Timestamp) -> Result<Upkeep, StoreError> {
        let retention = self.retention.get().copied();
        self.alone(move |step| {
            step.memory.chores.retiring.rule = retention;
            upkeep::step(step, now)
        })
        .await
    }

    async fn recover(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let some = self.alone(move |step| recover::recover(step, now)).await?;
            if some == 0 {
                return Ok(all);
            }
            all += some;
        }
    }

    fn may_start(&self, job: &Job) -> bool {
        let tenure = self.tenure.as_ref();
        let holds = tenure.is_none_or(|tenure| tenure.holds(job.lease.epoch));
        holds && !self.withheld.has(job.delivery.event)
    }

    async fn close(&self) {
        self.shut().await;
    }
}
