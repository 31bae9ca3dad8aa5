//! The console in a real browser (Debian's chromium): what its people do, what they may not, and what strangers cannot.
//!
//! Each test has a server, a receiver and a browser of its own. `TIDINGS_SCREENS=directory` has the walk through the pages
//! leave a picture of each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests of real processes, in real time"
)]

#[path = "../support/browser.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod browser;
#[path = "../support/receiver.rs"]
mod receiver;
#[path = "../support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;

mod access;
mod administrator;
mod hostile;
mod pages;
mod second_factor;
#[path = "../support/totp.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod totp;
mod world;
