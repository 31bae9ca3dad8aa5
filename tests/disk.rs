//! Power cuts and failing disks, under the real binary (R1, R3).
//!
//! A shim between the server and the kernel ([`disk/shim.c`](disk/shim.c)) records what is written and synced, or fails
//! a call. From the record, [`disk::Images`] builds what a disk may hold after a cut: everything synced, and of the rest
//! any part, torn between sectors. The store opens each image and must hold every event that was acknowledged before the
//! cut. `TIDINGS_SEED` replays; `TIDINGS_TEST_TIER=long` cuts and fails more often.

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

#[path = "disk/images.rs"]
mod disk;
#[path = "support/seeded.rs"]
mod seeded;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

use disk::{Images, Loss};
use rusqlite::Connection as Sql;
use seeded::Seeded;
use server::{Connection, Server, operator_key, tidings};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::store::room::Room;
use tidings::store::seal::file;
use tidings::store::sqlite::{self, Options};
use witness::Witness;

const PRODUCERS: u64 = 4;

/// How many, by tier.
fn times(quick: usize, long: usize) -> usize {
    match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => long,
        _ => quick,
    }
}

/// The shim, compiled.
fn shim(folder: &TempDir) -> PathBuf {
    let built = folder.path().join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/shim.c");
    let status = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .arg(&built)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(status.unwrap().success());
    built
}

/// Nanoseconds of the clock that the shim reads, too.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Acknowledged events by number, and when that was known.
type Acked = Mutex<HashMap<u64, u64>>;

/// Posts events one after another until told to stop, or the server is gone or refuses three in a row.
fn produce(server: &Server, next: &AtomicU64, acked: &Acked, stop: &AtomicBool) {
    let Ok(mut connection) = Connection::open(server.address, &server.key) else {
        return;
    };
    let mut refused = 0;
    while !stop.load(Ordering::Relaxed) && refused < 3 {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let pad = "x".repeat((number % 7 * 300) as usize);
        let body = format!(
            "{{\"type\":\"project.updated\",\"organization_id\":1,\"data\":{{\"n\":{number},\"pad\":\"{pad}\"}}}}"
        );
        match connection.call("POST", "/v1/events", &body) {
            Ok((202, _)) => {
                acked.lock().unwrap().insert(number, now());
                refused = 0;
            }
            Ok((status, problem)) => {
                assert!(status >= 500, "{status} {problem}");
                refused += 1;
            }
            Err(_) => return,
        }
    }
}

/// Several producers until `enough` are acknowledged or none of them goes on.
fn load(server: &Server, enough: usize) -> Acked {
    let (next, acked, stop) = (AtomicU64::new(0), Acked::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|_| scope.spawn(|| produce(server, &next, &acked, &stop)))
            .collect();
        let begun = Instant::now();
        while acked.lock().unwrap().len() < enough && producers.iter().any(|one| !one.is_finished())
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "it hangs");
            std::thread::sleep(Duration::from_millis(5)); // sleeps: the producers go on by themselves
        }
        stop.store(true, Ordering::Relaxed);
    });
    acked
}

/// The numbers of the events that a data directory holds.
fn stored(data: &Path) -> HashSet<u64> {
    let sql = Sql::open(data.join("tidings.db")).unwrap();
    let mut statement = sql.prepare("SELECT data FROM bodies").unwrap();
    let bodies = statement.query_map([], |row| row.get::<_, Vec<u8>>(0));
    bodies
        .unwrap()
        .map(|body| {
            let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
            body["n"].as_u64().unwrap()
        })
        .collect()
}

/// Opens the store on an image as a start after a cut does, and closes it; says what is wrong with it, if anything.
fn open(data: &Path) -> Result<(), String> {
    let (handover, engine) = tidings::store::handover::channel(Room::new(1_000, 1 << 26));
    let store = sqlite::open(Options {
        directory: data.to_owned(),
        clock: Clock::system(),
        handover,
        // Written by the server, too: without it the events could not be sent.
        key: file::read(&data.join("master.key")).map_err(|error| error.to_string())?,
    })
    .map_err(|error| error.to_string())?;
    drop((store, engine));
    let sql = Sql::open(data.join("tidings.db")).unwrap();
    let found: String = sql
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(found),
    }
}

/// Records a server under load until it is killed.
fn recorded(folder: &TempDir) -> (Images, HashMap<u64, u64>) {
    let data = folder.path().join("data");
    let record = folder.path().join("record");
    let witness = Witness::start();
    let mut command = tidings();
    command
        .arg("serve")
        .env("LD_PRELOAD", shim(folder))
        .env("DISK_DIRECTORY", &data)
        .env("DISK_RECORD", &record);
    let server = Server::run(command, &data, &operator_key());
    server.organization(1);
    server.endpoint(1, &witness.url("/hook"), &["project.updated"]);
    let acked = load(&server, 600).into_inner().unwrap();
    server.kill();
    (Images::read(&record), acked)
}

/// How many acknowledged events are missing in images of random cuts.
fn missing(images: &Images, acked: &HashMap<u64, u64>, cuts: usize, random: &mut Seeded) -> usize {
    let first = acked.values().min().unwrap();
    let mut missing = 0;
    for cut in 0..cuts {
        let folder = tempfile::tempdir().unwrap();
        let loss = Loss::ALL[cut % Loss::ALL.len()];
        let at = images.build(folder.path(), *first, loss, random);
        let stored = match open(folder.path()) {
            Ok(()) => stored(folder.path()),
            Err(damage) => {
                eprintln!("cut {cut} ({loss:?}): {damage}");
                missing += 1;
                continue;
            }
        };
        let known = acked.iter().filter(|(_, moment)| **moment <= at);
        let lost: Vec<_> = known.filter(|(n, _)| !stored.contains(n)).collect();
        if let Some((number, _)) = lost.first() {
            eprintln!(
                "cut {cut} ({loss:?}): event {number} and {} more",
                lost.len()
            );
        }
        missing += lost.len();
    }
    missing
}

#[test]
fn r1_a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    let mut random = Seeded::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let (images, acked) = recorded(&folder);
    assert!(acked.len() >= 600 && images.syncs() > 100);
    let cuts = times(300, 20_000);
    assert_eq!(missing(&images, &acked, cuts, &mut random), 0);
    // The same with a disk that forgets what it was told to sync, as with synchronous=OFF: the check must see it.
    let blind = images.without_syncs();
    assert!(
        missing(&blind, &acked, 30, &mut random) > 0,
        "it sees nothing"
    );
}

/// How a server ended that was given a failing disk.
#[derive(Debug, PartialEq, Eq, Hash)]
enum End {
    /// It did not start.
    NotStarted,
    /// It serves.
    Serving,
    /// By itself, with this code.
    Ended(Option<i32>),
}

/// A server whose `call`-th call of the disk fails; answers how it ended and what it acknowledged.
fn failing(shim: &Path, data: &Path, fault: &str, key: &str) -> (End, HashMap<u64, u64>) {
    let mut command = tidings();
    command
        .arg("serve")
        .env("LD_PRELOAD", shim)
        .env("DISK_DIRECTORY", data)
        .env("DISK_FAULT", fault);
    let Some(mut server) = Server::try_run(command, data, key) else {
        return (End::NotStarted, HashMap::new());
    };
    let acked = load(&server, 40).into_inner().unwrap();
    let end = match server.ended_within(Duration::from_millis(300)) {
        Some(status) => End::Ended(status.code()),
        None => End::Serving,
    };
    (end, acked)
}

#[test]
fn r3_a_call_of_the_disk_that_fails_is_never_a_false_acknowledgement() {
    const FAULTS: [&str; 4] = ["5", "28", "4", "short"]; // EIO, ENOSPC, EINTR
    let mut random = Seeded::from_environment();
    let folder = tempfile::tempdir().unwrap();
    let (shim, key, witness) = (shim(&folder), operator_key(), Witness::start());
    let mut ends: HashMap<(&str, End), usize> = HashMap::new();
    for number in 0..times(40, 2_000) {
        let fault = FAULTS[number % FAULTS.len()];
        let data = folder.path().join(format!("data-{number}"));
        let server = Server::start(&data, &key);
        server.organization(1);
        server.endpoint(1, &witness.url("/hook"), &["project.updated"]);
        assert!(server.terminate().success());

        let call = 1 + random.below(160);
        let (end, acked) = failing(&shim, &data, &format!("{call} {fault}"), &key);
        assert!(
            !matches!(end, End::Ended(code) if code != Some(74)),
            "call {call} with {fault}: {end:?}"
        );
        let server = Server::start(&data, &key);
        assert!(server.terminate().success());
        let stored = stored(&data);
        let lost: Vec<_> = acked.keys().filter(|n| !stored.contains(n)).collect();
        assert!(lost.is_empty(), "call {call} with {fault}: {lost:?}");
        *ends.entry((fault, end)).or_default() += 1;
        std::fs::remove_dir_all(&data).unwrap();
    }
    eprintln!("{ends:?}");
    assert!(ends.keys().any(|(_, end)| *end == End::Ended(Some(74))));
}
