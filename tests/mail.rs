//! Mail: sent with the security that is asked for, refusals in words, and nothing waits for a server that is away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

#[path = "support/authority.rs"]
mod authority;
#[path = "mail/command.rs"]
mod command;
#[path = "mail/courier.rs"]
mod courier;
#[path = "mail/sending.rs"]
mod sending;
#[path = "mail/stub.rs"]
mod stub;
