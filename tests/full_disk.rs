//! A disk that is really full: 503 with Retry-After, nothing acknowledged is lost, and it heals by itself (R3).
//!
//! The data directory is a small tmpfs in a mount namespace of the server's own (`unshare`, util-linux).

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

use server::{Connection, Server, operator_key};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use witness::Witness;

/// Mounts 24 MiB on the directory, fills 12 of it, and becomes the server.
const SCRIPT: &str = "mount -t tmpfs -o size=24m tmpfs \"$1\" && mkdir -m 700 \"$1/data\" \
    && head -c 12582912 /dev/zero > \"$1/ballast\" && exec \"$0\" serve";

fn start(mount: &Path, key: &str) -> Server {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "sh", "-c", SCRIPT, env!("CARGO_BIN_EXE_tidings")])
        .arg(mount);
    Server::run(command, &mount.join("data"), key)
}

/// One event of 100 KiB; answers whether it was acknowledged. Anything but 202 and 503 is a defect.
fn post(connection: &mut Connection, number: usize) -> bool {
    let pad = "x".repeat(100 * 1024);
    let body = format!(
        "{{\"type\":\"project.updated\",\"organization_id\":1,\"data\":{{\"n\":{number},\"pad\":\"{pad}\"}}}}"
    );
    match connection.call("POST", "/v1/events", &body).unwrap() {
        (202, _) => true,
        (503, problem) => {
            assert_eq!(problem["code"], "storage_full", "{problem}");
            false
        }
        (status, problem) => panic!("{status} {problem}"),
    }
}

#[test]
fn r3_a_full_disk_refuses_loses_nothing_and_heals() {
    let mount = tempfile::tempdir().unwrap();
    let server = start(mount.path(), &operator_key());
    let witness = Witness::start();
    server.organization(1);
    server.endpoint(1, &witness.url("/hook"), &["project.updated"]);
    let mut connection = Connection::open(server.address, &server.key).unwrap();
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for number in 0..400 {
        if post(&mut connection, number) {
            acknowledged.push(number);
        } else {
            refused += 1;
        }
        if refused == 20 {
            break;
        }
    }
    assert!(
        refused == 20 && !acknowledged.is_empty(),
        "{} accepted, {refused} refused",
        acknowledged.len()
    );

    // The server's own view of its disk, from outside.
    let ballast = PathBuf::from(format!(
        "/proc/{}/root{}",
        server.pid(),
        mount.path().join("ballast").display()
    ));
    std::fs::remove_file(ballast).unwrap();
    let freed = Instant::now();
    while !post(&mut connection, 1_000) {
        assert!(
            freed.elapsed() < Duration::from_secs(5),
            "it does not heal by itself"
        );
        std::thread::sleep(Duration::from_millis(50)); // sleeps: between two tries of a refused producer
    }
    acknowledged.push(1_000);
    assert!(
        witness.wait_for(acknowledged.len(), Duration::from_secs(30)),
        "an acknowledged event did not arrive"
    );
    let mut arrived: Vec<usize> = witness
        .seen()
        .values()
        .map(|seen| {
            serde_json::from_slice::<serde_json::Value>(&seen.body).unwrap()["data"]["n"]
                .as_u64()
                .unwrap() as usize
        })
        .collect();
    arrived.sort_unstable();
    assert_eq!(
        arrived, acknowledged,
        "what was refused did not arrive, what was acknowledged did"
    );
}
