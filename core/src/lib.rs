//! The decision core of Tidings: what to send, to whom, and when again.
//!
//! Everything here is pure and synchronous. There is no runtime, socket, file, clock or random source:
//! `now` and random bits are arguments, so the same input gives the same answer in the server, in the
//! simulation and in a fuzzer. Rust receivers may use [`signature`] to verify what they were sent.
//! Rule numbers (W1 to W23) are those of `docs/wire.md`.

pub mod address;
pub mod api_key;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod event_type;
pub mod id;
pub mod json;
pub mod limits;
pub mod notice;
pub mod organization;
pub mod outage;
pub mod outcome;
pub mod rate;
pub mod request;
pub mod retry;
pub mod secret;
pub mod signature;
pub mod stats;
pub mod time;
pub mod totp;
pub mod trouble;
