//! Data of a version that kept custom headers in clear: after the next start no value is in the database, the receiver gets
//! what it got before, and a compacted file holds nothing of them.

use super::server::{operator_key, tidings};
use super::witness::Witness;
use super::{Api, Canaries, KNOWN_BY, Loud, MASTER_KEY, found};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tidings::store::seal::{self, MasterKey, Place};
use tidings_core::id::{EndpointId, OrganizationId};

/// Endpoints with a token each; the first is at the witness.
const ENDPOINTS: i64 = 500;

fn token(number: i64) -> String {
    blake3::hash(&number.to_be_bytes()).to_hex().to_string()
}

/// The migrations before the one that seals headers.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_before = |file: &&std::path::PathBuf| !text(file).ends_with("sealed_headers.sql");
    let files = files.iter().take_while(is_before);
    files
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the version before left.
fn old_data(data: &Path, target: &str) {
    std::fs::create_dir(data).unwrap();
    let database = rusqlite::Connection::open(data.join("tidings.db")).unwrap();
    database
        .execute_batch(
            "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;",
        )
        .unwrap();
    let migrations = migrations();
    for migration in &migrations {
        database.execute_batch(migration).unwrap();
    }
    let key = MasterKey::parse(MASTER_KEY).unwrap();
    database
        .execute_batch(&format!(
            "PRAGMA user_version = {}; PRAGMA application_id = 0x54444E47;
             INSERT INTO organizations (id, name, add_ons, webhooks, created_at, updated_at) VALUES (1, 'Larkspur', 2, 1, 1, 1);
             INSERT INTO event_type_names (id, name) VALUES (1, 'project.updated');
             INSERT INTO event_types (name_id, audience, position, label, description, active, compatible, enforced)
                VALUES (1, 0, 0, 'Project updated', 'x', 1, 1, 0);",
            migrations.len()
        ))
        .unwrap();
    let canary = seal::canary(&key).unwrap();
    database
        .execute("INSERT INTO meta VALUES ('canary', ?1)", [&*canary])
        .unwrap();
    let owner = OrganizationId::new(1).unwrap();
    for number in 1..=ENDPOINTS {
        let place = Place::NewestSecret(owner, EndpointId::from_raw(number));
        let secret = key.seal(place, b"whsec_of_old").unwrap();
        let headers = json!([["authorization", token(number)], ["x-tenant", "4417"]]).to_string();
        let url = format!("{target}/{number}");
        database
            .execute(
                "INSERT INTO endpoints (id, organization_id, url, description, headers, enabled, version, newest_secret, created_at,
                    updated_at) VALUES (?1, 1, ?2, '', ?3, ?4, 1, ?5, 1, 1)",
                rusqlite::params![number, url, headers, number == 1, &*secret],
            )
            .unwrap();
        database
            .execute(
                "INSERT INTO endpoint_versions VALUES (?1, 1, ?2, ?3)",
                rusqlite::params![number, url, headers],
            )
            .unwrap();
        database
            .execute("INSERT INTO subscriptions VALUES (?1, 1, 0)", [number])
            .unwrap();
    }
}

fn run(arguments: &[&str]) -> Output {
    let done = tidings()
        .args(arguments)
        .env("TIDINGS_MASTER_KEY", MASTER_KEY)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {said}");
    done
}

fn in_the_files(data: &Path, needles: &HashMap<Vec<u8>, String>) -> Vec<String> {
    let files = ["tidings.db", "tidings.db-wal", "tidings.db-shm"].map(|name| data.join(name));
    let there = files.iter().filter(|file| file.exists());
    there
        .flat_map(|file| found(needles, text(file), &std::fs::read(file).unwrap()))
        .collect()
}

#[test]
fn s6_an_upgrade_seals_every_custom_header_and_the_receiver_gets_the_same() {
    let place = tempfile::tempdir().unwrap();
    let (data, restored) = (place.path().join("data"), place.path().join("restored"));
    let (log, backup) = (place.path().join("log"), place.path().join("old.db"));
    let (witness, key) = (Witness::start(), operator_key());
    old_data(&data, &witness.url(""));
    let mut canaries = Canaries::default();
    for number in 1..=ENDPOINTS {
        canaries.put(&format!("token {number}"), &token(number));
    }
    let needles = canaries.needles();
    let before = in_the_files(&data, &needles);
    assert!(before.len() >= ENDPOINTS as usize, "{}", before.len());
    run(&["backup", text(&backup), "--data", text(&data)]);
    run(&["restore", text(&backup), "--data", text(&restored)]);
    for (data, events) in [(&data, 1), (&restored, 2)] {
        let server = Loud::start(data, &log, &key);
        let event =
            json!({"type": "project.updated", "organization_id": 1, "data": {"number": events}});
        Api::of(&server, &key).ok("POST", "/v1/events", &event);
        assert!(witness.wait_for(events, Duration::from_secs(60)));
        assert_eq!(in_the_files(data, &needles), Vec::<String>::new());
        drop(server);
        let said = std::fs::read(&log).unwrap();
        assert_eq!(found(&needles, "the log", &said), Vec::<String>::new());
        // Pieces that lay in the file before are not there after this, either.
        run(&["compact", "--data", text(data)]);
        assert_eq!(in_the_files(data, &needles), Vec::<String>::new());
    }
    for seen in witness.seen().values() {
        assert_eq!(seen.header("authorization"), Some(token(1).as_str()));
        assert_eq!(seen.header("x-tenant"), Some("4417"));
    }
    assert!(token(1).len() > KNOWN_BY);
}
