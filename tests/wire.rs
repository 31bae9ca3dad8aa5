//! The wire contract on real sockets: what a receiver gets (W10 to W16, W21), and what its answers mean (W17, W18, W20).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/name_server.rs"]
mod name_server;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/secrets.rs"]
mod secrets;
#[path = "wire/world.rs"]
mod world;

#[path = "wire/answers.rs"]
mod answers;
#[path = "wire/connections.rs"]
mod connections;
#[path = "wire/names.rs"]
mod names;
#[path = "wire/proxy.rs"]
mod proxy;
#[path = "wire/request.rs"]
mod request;
#[path = "wire/tls.rs"]
mod tls;
