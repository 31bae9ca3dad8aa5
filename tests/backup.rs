//! Backups under the real binary (R20): made while a server works, each restored and looked into; and what a backup and a
//! restore refuse. `TIDINGS_TEST_TIER=long` makes 20 under load.

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

#[path = "backup/compact.rs"]
mod compact;
#[path = "backup/postgres.rs"]
mod on_postgres;
#[path = "backup/refused.rs"]
mod refused;

use serde_json::Value;
use server::{Connection, Server, operator_key, tidings};
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use witness::Witness;

/// Posted each second while backups are made.
const RATE: u32 = 300;
const PRODUCERS: u32 = 4;
/// The owner's endpoint and one of another organization: every event makes two deliveries.
const RECIPIENTS: usize = 2;

/// Runs `tidings` with these arguments.
fn run(arguments: &[&str]) -> Output {
    tidings().args(arguments).output().unwrap()
}

/// Runs what must answer with one JSON object.
fn report(arguments: &[&str]) -> Value {
    let done = run(arguments);
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn set_up(server: &Server, witness: &Witness) {
    for (organization, event_type) in [(1, "project.updated"), (2, "project.public.updated")] {
        server.organization(organization);
        server.endpoint(
            organization,
            &witness.url(&format!("/{organization}")),
            &[event_type],
        );
    }
}

fn post(connection: &mut Connection, number: u32) -> String {
    let body = format!(
        "{{\"type\":\"project.updated\",\"organization_id\":1,\"public\":true,\"data\":{{\"number\":{number}}}}}"
    );
    let (status, answer) = connection.call("POST", "/v1/events", &body).unwrap();
    assert_eq!(status, 202, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Tells the producers to stop when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Posts on time until told to stop; says what was acknowledged.
fn produce(
    mut connection: Connection,
    acked: &Mutex<HashSet<String>>,
    next: &AtomicU32,
    stop: &AtomicBool,
) {
    let begun = Instant::now();
    for turn in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let due = Duration::from_secs(1) * turn * PRODUCERS / RATE;
        if let Some(early) = due.checked_sub(begun.elapsed()) {
            std::thread::sleep(early); // sleeps: a steady load has a time for each event
        }
        let id = post(&mut connection, next.fetch_add(1, Ordering::Relaxed));
        acked.lock().unwrap().insert(id);
    }
}

/// All rows of a list.
fn all(server: &Server, list: &str) -> Vec<Value> {
    let mut connection = Connection::open(server.address, &server.key).unwrap();
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{list}?limit=100{cursor}");
        let (status, mut page) = connection.call("GET", &path, "").unwrap();
        assert_eq!(status, 200, "{page}");
        rows.extend(page["data"].take().as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// The restored data holds each of these events, with its deliveries.
fn holds(server: &Server, wanted: &HashSet<String>) {
    let events: HashSet<String> = all(server, "/v1/organizations/1/events")
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<_> = wanted.difference(&events).take(5).collect();
    assert!(lost.is_empty(), "acknowledged before the backup: {lost:?}");
    let mut deliveries: HashMap<String, usize> = HashMap::new();
    for organization in [1, 2] {
        for row in all(
            server,
            &format!("/v1/organizations/{organization}/deliveries"),
        ) {
            *deliveries
                .entry(row["event_id"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    for event in wanted {
        assert_eq!(deliveries.get(event), Some(&RECIPIENTS), "{event}");
    }
}

#[test]
fn r20_backups_under_load_hold_every_event_acknowledged_before_they_began() {
    let times = match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => 20,
        _ => 3,
    };
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let witness = Witness::start();
    let key = operator_key();
    let server = Server::start(&data, &key);
    set_up(&server, &witness);
    let (acked, next, stop) = (
        Mutex::new(HashSet::new()),
        AtomicU32::new(0),
        AtomicBool::new(false),
    );
    std::thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            let connection = Connection::open(server.address, &server.key).unwrap();
            let (acked, next, stop) = (&acked, &next, &stop);
            scope.spawn(move || produce(connection, acked, next, stop));
        }
        let _even_when_this_fails = Stop(&stop);
        for round in 0..times {
            std::thread::sleep(Duration::from_millis(700)); // sleeps: there has to be something new in each
            let copy = place.path().join(format!("copy-{round}.db"));
            let before = acked.lock().unwrap().clone();
            let made = report(&["backup", text(&copy), "--data", text(&data), "--json"]);
            assert!(made["events"].as_u64().unwrap() >= before.len() as u64);
            let restored = place.path().join(format!("restored-{round}"));
            let master = data.join("master.key");
            report(&[
                "restore",
                text(&copy),
                "--data",
                text(&restored),
                "--key",
                text(&master),
                "--json",
            ]);
            let other = Server::start(&restored, &key);
            holds(&other, &before);
            assert!(other.terminate().success());
            eprintln!(
                "backup {round}: {} acknowledged before it, all there",
                before.len()
            );
            std::fs::remove_dir_all(&restored).unwrap();
            std::fs::remove_file(&copy).unwrap();
        }
    });
    let rate = f64::from(next.load(Ordering::Relaxed));
    eprintln!("{rate} events were posted meanwhile, without a refusal");
    assert!(server.terminate().success());
}

#[test]
fn a_restored_server_goes_on_with_ids_above_and_sends_what_waited_under_its_old_id() {
    let place = tempfile::tempdir().unwrap();
    let (data, restored) = (place.path().join("data"), place.path().join("restored"));
    let copies = place.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    let failing = Witness::answering(500);
    let key = operator_key();
    let server = Server::start(&data, &key);
    set_up(&server, &failing);
    let mut connection = Connection::open(server.address, &key).unwrap();
    let waiting = post(&mut connection, 1);
    assert!(failing.wait_for(RECIPIENTS, Duration::from_secs(10)));
    let before: HashSet<String> = failing.seen().into_keys().collect();

    let made = report(&[
        "backup",
        text(&copies),
        "--data",
        text(&data),
        "--with-master-key",
        "--json",
    ]);
    let copy = Path::new(made["file"].as_str().unwrap()).to_owned();
    let beside = Path::new(made["master_key"].as_str().unwrap()).to_owned();
    for file in [&copy, &beside] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let left = std::fs::read_dir(&copies).unwrap().count();
    assert_eq!(left, 2, "nothing but the copy and the key");
    // What the old server gives after the backup, the new one must not give again.
    let after: Vec<String> = (2..40)
        .map(|number| post(&mut connection, number))
        .collect();
    server.kill();

    let back = report(&["restore", text(&copy), "--data", text(&restored), "--json"]);
    assert_eq!(back["last_event"]["id"], Value::from(waiting.as_str()));
    let server = Server::start(&restored, &key);
    let mut connection = Connection::open(server.address, &key).unwrap();
    for number in 40..80 {
        let id = post(&mut connection, number);
        assert!(after.iter().all(|old| *old < id), "{id}");
    }
    // Two tries were left of what waited: they come, as the delivery they belong to.
    let story: HashSet<String> = all(&server, "/v1/organizations/1/deliveries")
        .iter()
        .chain(&all(&server, "/v1/organizations/2/deliveries"))
        .filter(|row| row["event_id"] == waiting.as_str())
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(story, before, "the same webhook-ids");
}
