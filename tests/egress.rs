//! Where requests may go and where they never go (S1 to S4): tables of cases, each of which is judged when a URL is
//! entered and again by an attempt of the real sender; a name server that changes its mind; proxies in the environment.
//!
//! No case leaves this host: public addresses are "dialled" by a [`Dialer`] that only writes them down.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "support/name_server.rs"]
mod name_server;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/secrets.rs"]
mod secrets;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "tests; each test file uses a part of it")]
mod server;
#[path = "wire/world.rs"]
#[allow(dead_code, reason = "tests; each test file uses a part of it")]
mod world;

#[path = "egress/addresses.rs"]
mod addresses;
#[path = "egress/environment.rs"]
mod environment;
#[path = "egress/hops.rs"]
mod hops;
#[path = "egress/names.rs"]
mod names;
#[path = "egress/rebinding.rs"]
mod rebinding;
#[path = "egress/table.rs"]
mod table;
#[path = "egress/urls.rs"]
mod urls;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tidings::engine::sender::Dialer;

/// The cases of S1 to S4, all tables together.
#[test]
fn s1_there_are_at_least_250_cases() {
    let tables = [table::ADDRESSES, table::URLS, table::NAMES, table::HOPS];
    let counts = tables.map(|text| table::cases(text).len());
    let sum: usize = counts.iter().sum();
    println!("{counts:?} cases of addresses, URLs, names and hops: {sum}");
    assert!(sum >= 250, "{sum}");
}

/// What would have been dialled.
#[derive(Clone, Default)]
struct Dialled(Arc<Mutex<Vec<SocketAddr>>>);

impl Dialled {
    /// A dialer that writes down and refuses.
    fn refusing(&self) -> Dialer {
        let mine = self.clone();
        Dialer::new(move |address| {
            mine.0.lock().unwrap().push(address);
            std::future::ready(Err(io::ErrorKind::ConnectionRefused.into()))
        })
    }

    /// A dialer that writes down and connects.
    fn connecting(&self) -> Dialer {
        let mine = self.clone();
        Dialer::new(move |address| {
            mine.0.lock().unwrap().push(address);
            tokio::net::TcpStream::connect(address)
        })
    }

    /// What was written down since it was last asked.
    fn take(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
