//! How the store is, for operators: what waits and since when, which nodes there are, how much is stored.

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;
use tidings_core::time::Timestamp;

/// A node that works on this store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Since when this life of it goes on.
    pub since: Option<Timestamp>,
    /// Whether its lease goes on; one that was lost without a clean stop is told of for a quarter of an hour.
    pub alive: bool,
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// When the earliest delivery is due that waits in the store for an endpoint that is sent to; in the past while there
    /// is a backlog.
    pub oldest_due: Option<Timestamp>,
    /// Endpoints that are sent to, with something due now that no node holds.
    pub endpoints_due: u64,
    /// How far the lists, which are written late, lie behind the newest event.
    pub list_lag: Duration,
    /// Bytes of the database and its log, where that is cheap to know.
    pub bytes: Option<u64>,
    /// Nodes whose life was not ended.
    pub nodes: Vec<Node>,
}

/// Tells how the store is.
#[async_trait]
pub trait Healthy: Send + Sync {
    /// As it is now.
    async fn health(&self) -> Result<Health, StoreError>;
}
