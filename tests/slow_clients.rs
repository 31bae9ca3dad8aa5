//! S14: slow and greedy clients cannot hold the door of the real binary. There are more of them than places, from 32
//! addresses, each back a second after it was cut; beside them honest producers, on kept connections and on new ones.
//!
//! The API speaks HTTP/1.1 only, so what HTTP/2 can be abused for is not among them; its preface is.
//! Held: no honest request is refused, memory stays, every slow connection is cut in time. Speed is printed, not held: clients
//! and server share the cores. So does a second server, and what the same crowd at its door does to ours is printed, too: that is the
//! cores' part.
#![cfg(target_os = "linux")]
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

#[path = "slow_clients/greedy.rs"]
mod greedy;
#[path = "slow_clients/honest.rs"]
mod honest;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod server;

use greedy::Crowd;
use honest::Latencies;
use server::{Server, operator_key};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many, for how long.
struct Size {
    clients: usize,
    /// `limits.connections`.
    places: usize,
    lasting: Duration,
    /// How long honest clients are looked at without slow ones.
    alone: Duration,
    /// How long with those at another server's door, which shows what sharing the cores does; at all only where it is long.
    elsewhere: Option<Duration>,
    /// What the slow ones may take, in bytes.
    memory: u64,
    /// Whether to wait for those that have the 30 s of an answer; else for the others only.
    is_patient: bool,
}

fn size() -> Size {
    match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => Size {
            clients: 5_000,
            places: 4_096,
            lasting: Duration::from_secs(120),
            alone: Duration::from_secs(30),
            elsewhere: Some(Duration::from_secs(60)),
            memory: 64 << 20,
            is_patient: true,
        },
        _ => Size {
            clients: 1_000,
            places: 600,
            lasting: Duration::from_secs(8),
            alone: Duration::from_secs(4),
            elsewhere: None,
            memory: 24 << 20,
            is_patient: false,
        },
    }
}

/// Resident memory of a process, in bytes.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<u64>().unwrap() * 1024
}

/// Open files of a process.
fn files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

#[test]
fn s14_who_never_says_a_word_takes_little() {
    const SILENT: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &operator_key());
    let (memory_before, files_before) = (memory(server.pid()), files(server.pid()));
    let silent: Vec<_> = (0..SILENT)
        .map(|_| std::net::TcpStream::connect(server.address).unwrap())
        .collect();
    let patience = Instant::now() + Duration::from_secs(4);
    while files(server.pid()) < files_before + SILENT && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5)); // sleeps: another process's sockets give no signal
    }
    // Answered after all of them were looked at.
    server.organization(1);
    let each = memory(server.pid()).saturating_sub(memory_before) / SILENT as u64;
    let held = files(server.pid()).saturating_sub(files_before);
    drop(silent);
    println!("{each} bytes for each of {held} silent connections");
    assert!(held >= SILENT, "{held} were held");
    // What reads a request starts with 8 KiB for it: 17 KB in all in a development build, 6 KB without.
    assert!(each < 9 * 1_024, "{each} bytes each");
}

/// A server with so many places for connections.
fn with_places(data: &Path, places: usize) -> Server {
    let places = places.to_string();
    let settings = [("TIDINGS_LIMITS_CONNECTIONS", places.as_str())];
    Server::start_with(data, &operator_key(), &settings)
}

/// What honest clients of `server` see while the crowd is at another one's door, on the same cores.
fn beside_anothers(server: &Server, size: &Size, lasting: Duration) -> Latencies {
    let folder = tempfile::tempdir().unwrap();
    let other = with_places(folder.path(), size.places);
    let _crowd = Crowd::gather(other.address, &other.key, size.clients);
    honest::serve_well(server, lasting, |_| {})
}

#[test]
fn s14_slow_clients_cannot_hold_the_door() {
    let size = size();
    greedy::allow_files(size.clients as u64 + 1_000);
    let folder = tempfile::tempdir().unwrap();
    let server = with_places(folder.path(), size.places);
    server.organization(1);
    let alone = honest::serve_well(&server, size.alone, |_| {});
    let elsewhere = (size.elsewhere).map(|lasting| beside_anothers(&server, &size, lasting));
    let (memory_before, files_before) = (memory(server.pid()), files(server.pid()));

    let crowd = Crowd::gather(server.address, &server.key, size.clients);
    let (mut most_memory, mut most_files) = (0, 0);
    let beside = honest::serve_well(&server, size.lasting, |_| {
        most_memory = most_memory.max(memory(server.pid()));
        most_files = most_files.max(files(server.pid()));
    });
    crowd.disperse();
    let stopped = Instant::now();
    let (left, patience) = match size.is_patient {
        true => (0, Duration::from_secs(35)),
        false => (
            size.clients * greedy::PATIENT / greedy::KINDS.len(),
            Duration::from_secs(13),
        ),
    };
    while files(server.pid()) > files_before + left + 5 && stopped.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(50)); // sleeps: another process's sockets give no signal
    }
    let (emptied, cut) = (stopped.elapsed(), crowd.ends());

    let taken = most_memory.saturating_sub(memory_before);
    println!(
        "{} slow clients, {} places, {:?}",
        size.clients, size.places, size.lasting
    );
    for (kind, ended) in &cut {
        println!("  {kind:<32} {ended:?}");
    }
    alone.show("alone");
    if let Some(elsewhere) = &elsewhere {
        elsewhere.show("beside them at another's door");
        println!("p99: {}", Latencies::ratios(&alone, elsewhere));
    }
    beside.show("beside them");
    println!("p99: {}", Latencies::ratios(&alone, &beside));
    println!(
        "memory + {:.1} MiB, files {most_files} at most",
        taken as f64 / f64::from(1 << 20)
    );
    println!("all but {left} cut {emptied:?} after the last one came");
    assert_eq!(beside.refused, 0, "honest requests were refused");
    assert!(beside.count() > 100, "honest requests stood still");
    // So many that all places were taken, or nearly so when it was looked at.
    assert!(
        most_files >= size.places * 9 / 10,
        "{most_files} files were open at most"
    );
    assert!(
        most_files <= size.places * 9 / 8 + files_before,
        "{most_files} files were open"
    );
    assert!(taken <= size.memory, "{taken} bytes");
    let longest = cut.iter().map(|(_, ended)| ended.longest).max().unwrap();
    assert!(
        longest <= Duration::from_secs(35),
        "one was held for {longest:?}"
    );
    assert!(
        emptied < patience,
        "some are held for longer than {emptied:?}"
    );
}
