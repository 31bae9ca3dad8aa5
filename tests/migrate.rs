//! From the embedded store to PostgreSQL: killed on the way, gone on with, checked, and then served from.
//!
//! `TIDINGS_TEST_TIER=long` carries a million events.

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

#[path = "support/cluster.rs"]
#[allow(dead_code, reason = "shared with the test of several nodes")]
mod cluster;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

use cluster::Cluster;
use server::{Connection, Server, operator_key, tidings};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use witness::Witness;

/// Events in one post.
const BATCH: u64 = 500;
/// What the endpoints' receivers ask for.
const TOKEN: &str = "Bearer carried-over";

fn migrate(from: &Path, url: &str) -> Command {
    let mut command = tidings();
    command
        .args(["migrate", "--from", &format!("sqlite:{}", from.display())])
        .env("TIDINGS_DATABASE_URL", url)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

fn post(server: &Server, from: u64, events: u64, organization: i64) {
    let mut connection = Connection::open(server.address, &server.key).unwrap();
    for first in (from..from + events).step_by(BATCH as usize) {
        let batch: Vec<String> = (first..first + BATCH)
            .map(|number| {
                format!(
                    "{{\"type\":\"project.updated\",\"organization_id\":{organization},\"reference\":\"order-{number}\",\"data\":{{\"number\":{number}}}}}"
                )
            })
            .collect();
        let body = format!("{{\"events\":[{}]}}", batch.join(","));
        let (status, answer) = connection.call("POST", "/v1/events/batch", &body).unwrap();
        assert!((200..300).contains(&status), "{status} {answer}");
    }
}

fn number(url: &str, sql: &str) -> i64 {
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    client.query_one(sql, &[]).unwrap().get(0)
}

/// Killed on its way; what it leaves is not served from.
fn cut_short(from: &Path, url: &str, events: u64) {
    // Killed as soon as events are on their way.
    let mut cut = migrate(from, url).spawn().unwrap();
    let lines = BufReader::new(cut.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if line.contains("audit") {
            break;
        }
    }
    cut.kill().unwrap();
    cut.wait().unwrap();
    let half = number(url, "SELECT count(*) FROM attempts");
    assert!((half as u64) < events, "it was not done yet");
    // Nodes do not start on half of it.
    let refused = tidings()
        .arg("serve")
        .env("TIDINGS_DATABASE_URL", url)
        .env("TIDINGS_MASTER_KEY_FILE", from.join("master.key"))
        .env("TIDINGS_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("tidings migrate"), "{said}");
}

/// What went over may be old once a server ran on the data again.
fn not_after_a_server_ran(from: &Path, url: &str) {
    let lives = |more: i64| {
        let data = rusqlite::Connection::open(from.join("tidings.db")).unwrap();
        data.execute("UPDATE nodes SET epoch = epoch + ?1", [more])
            .unwrap();
    };
    lives(1);
    let refused = migrate(from, url).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("a server ran on the data since"), "{said}");
    lives(-1);
}

/// A node on what arrived goes on with it.
fn served(from: &Path, url: &str, (key, good): (&str, &Witness), events: u64) {
    let key_file = from.join("master.key");
    let node = Server::start_with(
        from,
        key,
        &[
            ("TIDINGS_DATABASE_URL", url),
            ("TIDINGS_MASTER_KEY_FILE", key_file.to_str().unwrap()),
        ],
    );
    // What waited goes on, and what is new is delivered with the secret of before.
    let waiting = "SELECT count(*) FROM deliveries WHERE attempts < 2 AND organization_id = 2";
    for _ in 0..300 {
        if number(url, waiting) == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100)); // sleeps: the tables have no signal for an attempt
    }
    assert_eq!(number(url, waiting), 0, "the second tries were made");
    post(&node, events + BATCH, BATCH, 1);
    assert!(good.wait_for((events + BATCH) as usize, Duration::from_secs(30)));
    let seen = good.seen();
    let mut all = seen.values();
    assert!(all.all(|seen| seen.header("authorization") == Some(TOKEN)));
    // Lists that are not caught up with yet come in short pages.
    let (mut found, mut cursor) = (0, String::new());
    loop {
        let path = "/v1/organizations/1/deliveries?limit=100&reference=order-7";
        let page = node.ok("GET", &format!("{path}{cursor}"), "");
        found += page["data"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, 1);
    assert!(node.terminate().success());
}

#[test]
fn everything_is_carried_over_once_and_served_from_there() {
    let events: u64 = match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => 1_000_000,
        _ => 20_000,
    };
    let (data, key) = (tempfile::tempdir().unwrap(), operator_key());
    let (good, bad) = (Witness::start(), Witness::answering(503));
    let server = Server::start(data.path(), &key);
    for (organization, witness) in [(1, &good), (2, &bad)] {
        server.organization(organization);
        let (id, _) = server.endpoint(organization, &witness.url("/"), &["project.updated"]);
        server.authorize(organization, &id, TOKEN);
    }
    post(&server, 0, events, 1);
    assert!(good.wait_for(events as usize, Duration::from_secs(300)));
    // These are tried again in ten seconds, and by then the server is gone.
    post(&server, events, BATCH, 2);
    assert!(bad.wait_for(BATCH as usize, Duration::from_secs(30)));
    assert!(server.terminate().success());

    let cluster = Cluster::start();
    cut_short(data.path(), &cluster.url, events);
    not_after_a_server_ran(data.path(), &cluster.url);
    // Another master key makes no other data of it.
    let rotated = tidings()
        .args(["master-key", "rotate", "--data"])
        .arg(data.path())
        .status()
        .unwrap();
    assert!(rotated.success());
    let done = migrate(data.path(), &cluster.url).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    eprintln!("{said}{}", String::from_utf8_lossy(&done.stdout));
    let all = (events + BATCH) as i64;
    for table in ["events", "bodies", "deliveries", "attempts"] {
        let rows = number(&cluster.url, &format!("SELECT count(*) FROM {table}"));
        assert_eq!(rows, all, "{table}");
    }
    let again = migrate(data.path(), &cluster.url).output().unwrap();
    assert_eq!(again.status.code(), Some(78), "a full database is refused");

    served(data.path(), &cluster.url, (&key, &good), events);
}
