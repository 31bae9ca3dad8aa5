//! S15: no receiver can fill memory or time, whatever it does: some forty kinds of bad ones, 200 attempts at a time, through
//! the real sender. S19: TLS is checked, always, and the attempt says why it was refused.
//!
//! The receivers run in a runtime of their own, so that the sender's tasks can be counted while the receivers live.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests against the real clock, which print what they measured"
)]
#![allow(
    clippy::too_many_lines,
    reason = "a table of cases stands in its function"
)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/secrets.rs"]
mod secrets;
#[path = "wire/world.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod world;

#[path = "zoo/beside.rs"]
mod beside;
#[path = "zoo/h2.rs"]
mod h2;
#[path = "zoo/measure.rs"]
mod measure;
#[path = "zoo/modes.rs"]
mod modes;
#[path = "zoo/outside.rs"]
mod outside;
#[path = "zoo/run.rs"]
mod run;
#[path = "zoo/tls.rs"]
mod tls;
