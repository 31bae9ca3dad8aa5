//! Tidings: a self-hosted server that sends webhooks.
//!
//! Layers: `store` knows the core crate; `engine` and `http` know `store` and core, not each other; only
//! `app` and `cli` know all. `tests/tidy.rs` holds that order.

pub mod app;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core_dump;
pub mod data_directory;
pub mod engine;
pub mod handles;
pub mod http;
pub mod mail;
pub mod metrics;
pub mod otlp;
pub mod outgoing;
mod respelled;
pub mod runtime;
pub mod secret_file;
pub mod service_manager;
mod signature_mistakes;
pub mod store;
pub mod telemetry;
pub mod traces;
