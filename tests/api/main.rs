//! The HTTP API from outside: a real server on a loopback port over a real store. In the engine's place stands a
//! stub that settles what it is handed; what goes out on the wire is not this suite's question.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]
#![allow(clippy::too_many_lines, reason = "a table of cases stands in its test")]

mod batch;
mod console;
mod console_pages;
mod custom_headers;
mod deliveries;
mod endpoints;
mod events;
mod framing;
mod https;
mod keys;
mod organizations;
mod refusals;
mod refusals_of_endpoints;
mod slow;
mod stats;
mod tenancy;
mod types_of_events;
mod world;
