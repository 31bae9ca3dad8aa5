//! Statistics over time: of everything, of an organization, of an endpoint.
//!
//! They are an aid beside the log: written every few seconds, so a crash can lose the last of them, and never a test send.
//! What became of one delivery the log says, exactly.

use super::StoreError;
use async_trait::async_trait;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::stats::{Range, Series};

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Everything: operators only.
    All,
    /// An organization's endpoints together.
    Organization(OrganizationId),
    /// An endpoint that is or was the organization's.
    Endpoint(OrganizationId, EndpointId),
}

/// Statistics.
#[async_trait]
pub trait Stats: Send + Sync {
    /// What was counted; `None` when the endpoint is not the organization's.
    async fn stats(&self, subject: Subject, range: Range) -> Result<Option<Series>, StoreError>;
}
