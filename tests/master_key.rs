//! S6: the master key is changed while events run and the process is killed in the middle: every signature and custom
//! header stays right, and in the end nothing needs the older keys.
//!
//! `TIDINGS_SEED` replays the moments of the kills.

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

#[path = "support/seeded.rs"]
mod seeded;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

use seeded::Seeded;
use server::{Connection, Server, operator_key, tidings};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tidings_core::signature::verify_vomo;
use witness::Witness;

/// Endpoints, each with a secret of its own.
const ENDPOINTS: i64 = 100;
const KILLS: u64 = 20;

/// Posts to one organization after the other, some 500 a second, until told to stop or the server is gone.
fn produce(mut connection: Connection, stop: &AtomicBool, accepted: &AtomicUsize) {
    for organization in (1..=ENDPOINTS).cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let body = format!(
            "{{\"type\":\"project.updated\",\"organization_id\":{organization},\"data\":{{}}}}"
        );
        match connection.call("POST", "/v1/events", &body) {
            Ok((202, _)) => accepted.fetch_add(1, Ordering::Relaxed),
            Ok((status, answer)) => panic!("{status} {answer}"),
            Err(_gone) => return,
        };
        std::thread::sleep(Duration::from_millis(2)); // sleeps: the rate of the story
    }
}

fn under_load(
    server: Server,
    accepted: &AtomicUsize,
    story: impl FnOnce(Server) -> Server,
) -> Server {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let connection = Connection::open(server.address, &server.key).unwrap();
        let stop = &stop;
        scope.spawn(move || produce(connection, stop, accepted));
        let server = story(server);
        stop.store(true, Ordering::Relaxed);
        server
    })
}

fn rotate(data: &Path) {
    let made = tidings()
        .args(["master-key", "rotate"])
        .env("TIDINGS_DATA", data)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Acts of that name in the audit log of a stopped server.
fn acts(data: &Path, act: &str) -> i64 {
    let database = rusqlite::Connection::open(data.join("tidings.db")).unwrap();
    let count = "SELECT count(*) FROM audit WHERE act = ?1";
    database.query_row(count, [act], |row| row.get(0)).unwrap()
}

/// The first key alone is left in the file.
fn forget_older(data: &Path) {
    let path = data.join("master.key");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() > 1);
    std::fs::write(&path, text.lines().next().unwrap()).unwrap();
}

#[test]
fn s6_a_master_key_changed_under_load_with_kills_in_between_leaves_every_signature_and_header_right()
 {
    let mut random = Seeded::from_environment();
    let data = tempfile::tempdir().unwrap();
    let (witness, key) = (Witness::start(), operator_key());
    let mut server = Server::start(data.path(), &key);
    let mut secrets = HashMap::new();
    for organization in 1..=ENDPOINTS {
        server.organization(organization);
        let path = format!("/{organization}");
        let (id, secret) = server.endpoint(organization, &witness.url(&path), &["project.updated"]);
        server.authorize(organization, &id, &format!("Bearer of {path}"));
        secrets.insert(path, secret);
    }
    let accepted = AtomicUsize::new(0);
    for kill in 0..KILLS {
        // A file holds sixteen keys.
        if kill % 2 == 0 {
            rotate(data.path());
        }
        server = under_load(server, &accepted, |server| {
            // sleeps: the kill has to fall at a random moment of the sealing
            std::thread::sleep(Duration::from_millis(random.below(150)));
            server.kill();
            Server::start(data.path(), &key)
        });
    }
    // Once without a restart: the running server looks at its file.
    rotate(data.path());
    let before = accepted.load(Ordering::Relaxed);
    server = under_load(server, &accepted, |server| {
        // sleeps: between two looks at the file, and as long again
        std::thread::sleep(Duration::from_secs(11));
        server
    });
    assert!(accepted.load(Ordering::Relaxed) > before);
    assert!(server.terminate().success());
    assert!(acts(data.path(), "master_key.take") >= 1);
    assert!(acts(data.path(), "master_key.seal_anew") >= 1);
    forget_older(data.path());
    let server = Server::start(data.path(), &key);
    for organization in 1..=ENDPOINTS {
        server.ok(
            "POST",
            "/v1/events",
            &format!(
                "{{\"type\":\"project.updated\",\"organization_id\":{organization},\"data\":{{}}}}"
            ),
        );
    }
    let sent = accepted.load(Ordering::Relaxed) + usize::try_from(ENDPOINTS).unwrap();
    assert!(
        witness.wait_for(sent, Duration::from_secs(60)),
        "not everything arrived"
    );
    let seen = witness.seen();
    for (id, seen) in &seen {
        let signature = seen.header("vomo-signature").unwrap();
        let secret = secrets[&seen.path].as_bytes();
        verify_vomo(secret, &seen.body, signature).unwrap_or_else(|error| panic!("{id}: {error}"));
        let token = format!("Bearer of {}", seen.path);
        assert_eq!(seen.header("authorization"), Some(token.as_str()), "{id}");
    }
    eprintln!(
        "{KILLS} kills, {} deliveries, every signature right",
        seen.len()
    );
}
