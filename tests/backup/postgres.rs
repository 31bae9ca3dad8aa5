//! On PostgreSQL: a dump that is taken while a node works, restored into another database and served from there; and newer
//! data there is refused by every command.

use super::cluster::Cluster;
use super::server::{Connection, Server, operator_key, tidings};
use super::{RECIPIENTS, holds, post, set_up};
use crate::witness::Witness;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// One of PostgreSQL's programs, from where the tests' server is.
fn program(name: &str) -> Command {
    let found = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin").join(name)))
        .filter(|path| path.exists())
        .max();
    Command::new(found.unwrap_or_else(|| name.into()))
}

fn node(data: &Path, url: &str, key: &str) -> Server {
    let key_file = data.join("shared.key");
    Server::start_with(
        data,
        key,
        &[
            ("TIDINGS_DATABASE_URL", url),
            ("TIDINGS_MASTER_KEY_FILE", key_file.to_str().unwrap()),
        ],
    )
}

#[test]
fn a_dump_of_a_working_postgresql_is_restored_and_served_from() {
    let (cluster, witness, key) = (Cluster::start(), Witness::start(), operator_key());
    let data = tempfile::tempdir().unwrap();
    tidings::store::seal::file::make(&data.path().join("shared.key")).unwrap();
    let server = node(data.path(), &cluster.url, &key);
    set_up(&server, &witness);
    let mut connection = Connection::open(server.address, &key).unwrap();
    let before: HashSet<String> = (0..60)
        .map(|number| post(&mut connection, number))
        .collect();
    let dump = data.path().join("tidings.dump");
    let dumped = program("pg_dump")
        .args(["--format=custom", "--dbname", &cluster.url, "--file"])
        .arg(&dump)
        .status()
        .unwrap();
    assert!(dumped.success());
    let after: Vec<String> = (60..90)
        .map(|number| post(&mut connection, number))
        .collect();
    assert!(witness.wait_for(90 * RECIPIENTS, Duration::from_secs(30)));
    assert!(server.terminate().success());

    let url = cluster.url.replace("/tidings?", "/restored?");
    let mut client = postgres::Client::connect(&cluster.url, postgres::NoTls).unwrap();
    client.batch_execute("CREATE DATABASE restored").unwrap();
    let restored = program("pg_restore")
        .args(["--exit-on-error", "--dbname", &url])
        .arg(&dump)
        .status()
        .unwrap();
    assert!(restored.success());
    let server = node(data.path(), &url, &key);
    // Lists that are not caught up with yet come in short pages.
    holds(&server, &before);
    let mut connection = Connection::open(server.address, &key).unwrap();
    let new = post(&mut connection, 90);
    assert!(after.iter().all(|old| *old < new), "{new}");
    assert!(server.terminate().success());

    newer_is_refused(data.path(), &url);
}

/// As a newer version leaves it (R19).
fn newer_is_refused(data: &Path, url: &str) {
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    client
        .batch_execute("INSERT INTO formats (format, written_by) VALUES (99, '9.8.7')")
        .unwrap();
    let needs = "use the version that wrote it (9.8.7) or later";
    for (arguments, code) in [
        (&["serve"][..], 78),
        (&["doctor"], 1),
        (&["setup-link"], 78),
    ] {
        let ended = tidings()
            .args(arguments)
            .env("TIDINGS_DATABASE_URL", url)
            .env("TIDINGS_MASTER_KEY_FILE", data.join("shared.key"))
            .env("TIDINGS_LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(needs), "{arguments:?}: {said}");
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    }
}
