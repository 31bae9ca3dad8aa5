//! S23 on the real binary: `tidings audit` shows the log, and `--verify` finds one changed byte in the database file.

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

use server::{Server, operator_key, tidings};
use std::process::Output;

fn audit(server: &Server, arguments: &[&str]) -> Output {
    tidings()
        .arg("audit")
        .args(arguments)
        .env("TIDINGS_SERVER", format!("http://{}", server.address))
        .env("TIDINGS_KEY", &server.key)
        .output()
        .unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn s23_one_changed_byte_in_the_database_is_found_and_named() {
    let data = tempfile::tempdir().unwrap();
    let key = operator_key();
    let server = Server::start(data.path(), &key);
    for id in 1..=150 {
        server.organization(id);
    }
    let shown = audit(&server, &["--act", "organization.", "--limit", "120"]);
    let lines = text(&shown.stdout);
    assert_eq!(lines.lines().count(), 120, "{shown:?}");
    assert!(
        lines.starts_with("20") && lines.contains("organization.put  150  by key key_"),
        "{lines}"
    );
    let json = audit(&server, &["--limit", "1", "--json"]);
    let entry: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(entry["act"], "organization.put");
    let whole = audit(&server, &["--verify"]);
    assert!(whole.status.success(), "{whole:?}");
    assert!(text(&whole.stdout).starts_with("whole: 15"), "{whole:?}");
    assert!(server.terminate().success());
    let database = rusqlite::Connection::open(data.path().join("tidings.db")).unwrap();
    let changed = database
        .execute("UPDATE audit SET subject = '78' WHERE subject = '77'", [])
        .unwrap();
    assert_eq!(changed, 1);
    drop(database);
    let server = Server::start(data.path(), &key);
    let found = audit(&server, &["--verify"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    assert!(text(&found.stdout).starts_with("WRONG: aud_"), "{found:?}");
    assert_eq!(text(&found.stdout).lines().count(), 1);
}

#[test]
fn s23_what_is_passed_off_as_erased_is_found_and_named() {
    let data = tempfile::tempdir().unwrap();
    let key = operator_key();
    let server = Server::start(data.path(), &key);
    for id in 1..=4 {
        server.organization(id);
    }
    assert!(server.terminate().success());
    let database = rusqlite::Connection::open(data.path().join("tidings.db")).unwrap();
    let forge = |change: &str, subject: &str| {
        let forged = format!(
            "UPDATE audit SET erased = 1, before = NULL, after = NULL, address = NULL, salt = NULL {change}
             WHERE act = 'organization.put' AND subject = '{subject}'"
        );
        assert_eq!(database.execute(&forged, []).unwrap(), 1);
    };
    forge(", act = 'nothing', actor = 'server'", "2");
    forge("", "3");
    drop(database);
    let server = Server::start(data.path(), &key);
    let found = audit(&server, &["--verify"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let said = text(&found.stdout);
    assert!(said.contains("is not what was written"), "{said}");
    assert!(said.contains("knows of no such erasure"), "{said}");
}
