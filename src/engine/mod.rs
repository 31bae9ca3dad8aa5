//! The engine: takes leased deliveries, makes one attempt each when it is due, and settles them.
//!
//! Deliberately absent: how a request is made ([`Transport`] is the seam), and where deliveries are kept
//! (the store).

pub mod resolver;
pub mod sender;

use crate::store::directory::Endpoint;
use crate::store::queue::{AttemptRecord, Job};
use std::future::Future;
use std::sync::Arc;

/// Makes attempts.
pub trait Transport: Send + Sync + 'static {
    /// Makes one attempt of `job`: look-up, vetting, connect, TLS, request and answer, all within the
    /// deadline (W17). Never fails: what went wrong is in the record. The record's `number` is
    /// `job.progress.attempts + 1`, its lateness is measured from `job.due_at`.
    fn attempt(
        &self,
        job: &Job,
        endpoint: &Arc<Endpoint>,
    ) -> impl Future<Output = AttemptRecord> + Send;
}
