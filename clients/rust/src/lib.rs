//! A client for Tidings, the webhook sender, and what its receivers verify webhooks with.
//!
//! [`Tidings`] posts events and calls every operation of the server's OpenAPI document, waits where the server asks for it
//! and gives refusals as [`Error::Refused`]. [`Verifier`] checks both signatures of a webhook. [`generated`] is made from
//! `clients/openapi.json` by `clients/generate.sh`; nothing in there is written by hand.
//!
//! ```no_run
//! # async fn run(key: &str) -> Result<(), tidings_client::Error> {
//! use tidings_client::{NewEvent, Tidings};
//! use tidings_client::generated::{
//!     ListDeliveriesRequest, ListDeliveriesRequestPath, ListDeliveriesRequestQuery, ListDeliveriesRequestQueryState as State,
//! };
//!
//! let tidings = Tidings::new("http://127.0.0.1:8420", key)?;
//! let event = NewEvent::new("project.updated", 4417, &serde_json::json!({"id": "318842"}))?.idempotency_key("order-17");
//! let event_id = tidings.post_event(&event).await?;
//!
//! let mut exhausted = tidings.pages(async |api, cursor| {
//!     let query = ListDeliveriesRequestQuery { state: Some(State::Exhausted), cursor, ..Default::default() };
//!     api.list_deliveries(ListDeliveriesRequest { path: ListDeliveriesRequestPath { org: 4417 }, query }).await
//! });
//! while let Some(delivery) = exhausted.next().await? {
//!     println!("{} {}", delivery.id, delivery.attempts);
//! }
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod client;
mod event;
#[rustfmt::skip]
#[allow(clippy::all, reason = "generated")]
pub mod generated;
mod pages;
mod retries;
pub mod webhooks;

pub use answer::{Error, Refusal};
pub use client::Tidings;
pub use event::NewEvent;
pub use pages::{Page, Pages};
pub use retries::Retries;
pub use webhooks::{Reason, VerificationError, Verifier, Webhook};
