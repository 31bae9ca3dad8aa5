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

mod audit;
mod bad_inputs;
mod bad_inputs_bodies;
mod bad_inputs_lines;
mod bad_inputs_lists;
mod bad_inputs_requests;
mod bad_keys;
mod batch;
mod console;
mod console_pages;
mod custom_headers;
mod deliveries;
mod devices;
mod endpoints;
mod events;
mod faults;
mod framing;
mod https;
mod injections;
mod keys;
mod leaks;
mod matrix;
mod matrix_console;
mod matrix_console_rules;
mod matrix_rules;
mod matrix_scene;
mod notices;
mod organizations;
mod rates;
mod sealed;
mod second_factor;
mod slow;
mod stats;
#[path = "../support/totp.rs"]
mod totp;
mod types_of_events;
mod world;
