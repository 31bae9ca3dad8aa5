//! W19 in real time: a receiver that always fails, the log of one delivery, and a retry by hand.
//!
//! It takes the 110 seconds of the contract's plan.

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

#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

use serde_json::Value;
use server::{Server, operator_key};
use std::time::{Duration, Instant};
use witness::Witness;

fn micros(time: &Value) -> i64 {
    time.as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_microsecond()
}

/// Asks for the delivery until it has that many attempts and rests or waits.
fn wait_for_attempts(server: &Server, path: &str, count: usize, patience: Duration) -> Value {
    let end = Instant::now() + patience;
    loop {
        let delivery = server.ok("GET", path, "");
        if delivery["attempt_log"].as_array().unwrap().len() >= count {
            return delivery;
        }
        assert!(Instant::now() < end, "{delivery}");
        std::thread::sleep(Duration::from_millis(50)); // sleeps: the API has no signal for a settled attempt
    }
}

#[test]
fn w19_three_tries_10_and_100_seconds_apart_then_exhausted_then_a_retry_with_the_same_id() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    let witness = Witness::answering(503);
    server.organization(1);
    server.endpoint(1, &witness.url("/hook"), &["project.updated"]);
    server.ok(
        "POST",
        "/v1/events",
        "{\"type\":\"project.updated\",\"organization_id\":1,\"data\":{\"n\":1}}",
    );
    assert!(witness.wait_for(1, Duration::from_secs(5)));
    let id = witness.seen().keys().next().unwrap().clone();
    let path = format!("/v1/deliveries/{id}");

    let delivery = wait_for_attempts(&server, &path, 3, Duration::from_secs(125));
    let attempts = delivery["attempt_log"].as_array().unwrap();
    assert_eq!(
        (delivery["state"].as_str(), attempts.len()),
        (Some("exhausted"), 3),
        "{delivery}"
    );
    for (pair, wait) in attempts.windows(2).zip([10_000_000, 100_000_000]) {
        let failed = micros(&pair[0]["started_at"])
            + (pair[0]["timing"]["total_ms"].as_f64().unwrap() * 1_000.0) as i64;
        let waited = micros(&pair[1]["started_at"]) - failed;
        let lateness = pair[1]["lateness_ms"].as_f64().unwrap();
        eprintln!("waited {waited} µs, {lateness} ms late");
        // The API's times are cut to milliseconds, so a millisecond is the error of measurement here.
        assert!(
            waited >= wait - 1_000,
            "earlier than {wait} µs: {waited} µs"
        );
        assert!(
            lateness < 250.0,
            "{lateness} ms late on a machine with little else to do"
        );
    }

    server.ok("POST", &format!("{path}/retry"), "");
    let delivery = wait_for_attempts(&server, &path, 4, Duration::from_secs(5));
    assert_eq!(delivery["state"], "exhausted");
    let seen = witness.seen();
    assert_eq!(
        (seen.len(), seen[&id].arrivals, seen[&id].changed),
        (1, 4, false),
        "the same webhook-id and body on every try"
    );
}
