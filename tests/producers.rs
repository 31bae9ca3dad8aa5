//! The example producers, their very files, against a real PostgreSQL and a real server: every event whose record was
//! written arrives once, whatever happens to the relay; what is refused holds nothing up.
//!
//! Interpreters and packages are installed by `./test deps`; a missing one fails. `producers/gate.rs` stands between relay
//! and server and kills where it hurts.
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
#[path = "producers/gate.rs"]
mod gate;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;

use cluster::Cluster;
use gate::{Act, Gate};
use postgres::{Client, NoTls};
use serde_json::{Value, json};
use server::{Connection, Server, operator_key};
use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ORGANIZATION: i64 = 4417;
/// Half of what a relay waits that nobody wakes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows that two relays share.
const MANY: i64 = 1_200;
const ODD: &str = r#"{"n":12345678901234567890123,"price":1.50,"name":"Åse"}"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn deps() -> PathBuf {
    root().join("target/test-deps")
}

/// How a language's files are run, in a place of their own where they need one.
struct Language {
    write: Vec<String>,
    /// Posts until the table is empty.
    relay: Vec<String>,
    /// Posts for good, where there is such a one.
    listening: Option<Vec<String>>,
    place: TempDir,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-rT").arg(from).arg(to).status();
    assert!(done.unwrap().success(), "{}", from.display());
}

fn python() -> Language {
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("examples/producers/python"), place.path());
    copy(
        &root().join("tests/producers/write.py"),
        &place.path().join("write.py"),
    );
    let python = deps().join("clients/bin/python");
    let python = python.to_str().unwrap();
    Language {
        write: words(&[python, "-B", "write.py"]),
        relay: words(&[python, "-B", "relay.py", "--once"]),
        listening: Some(words(&[python, "-B", "relay.py"])),
        place,
    }
}

fn node() -> Language {
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("examples/producers/node"), place.path());
    copy(
        &root().join("tests/producers/write.mjs"),
        &place.path().join("write.mjs"),
    );
    let packages = deps().join("producers/node_modules");
    std::os::unix::fs::symlink(packages, place.path().join("node_modules")).unwrap();
    Language {
        write: words(&["node", "write.mjs"]),
        relay: words(&["node", "relay.mjs", "--once"]),
        listening: Some(words(&["node", "relay.mjs"])),
        place,
    }
}

fn laravel() -> Language {
    let place = tempfile::tempdir().unwrap();
    copy(&root().join("tests/producers/laravel"), place.path());
    copy(&root().join("examples/producers/laravel"), place.path());
    std::fs::create_dir_all(place.path().join("bootstrap/cache")).unwrap();
    // Debian's Laravel is older than its PHP, which says so.
    let artisan = ["php", "-d", "error_reporting=8191", "artisan"];
    Language {
        write: words(&[&artisan[..], &["write"]].concat()),
        relay: words(&[&artisan[..], &["tidings:relay"]].concat()),
        listening: None,
        place,
    }
}

/// A database with the outbox in it, a server, and what stands between the relay and it.
struct Scene {
    language: Language,
    cluster: Cluster,
    server: Server,
    gate: Gate,
    _data: TempDir,
}

impl Scene {
    fn new(language: Language) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), &operator_key());
        server.organization(ORGANIZATION);
        let gate = Gate::before(server.address);
        Self {
            language,
            cluster: Cluster::start(),
            server,
            gate,
            _data: data,
        }
    }

    fn database(&self) -> Client {
        Client::connect(&self.cluster.url, NoTls).unwrap()
    }

    fn run(&self, command: &[String], input: &str) -> Child {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .current_dir(self.language.place.path())
            .env("DATABASE_URL", &self.cluster.url)
            .env("TIDINGS_URL", &self.gate.url)
            .env("TIDINGS_KEY", &self.server.key)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} ({error}): run `./test deps`"));
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child
    }

    fn relay(&self) -> Child {
        self.run(&self.language.relay, "")
    }

    /// Each is type, data, and whether its transaction is committed.
    fn write(&self, rows: &[(&str, &str, bool)]) {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(kind, data, kept)| json!([kind, ORGANIZATION, data, kept]))
            .collect();
        let mut child = self.run(&self.language.write, &json!(rows).to_string());
        assert!(child.wait().unwrap().success(), "run `./test deps`");
    }

    /// What waits, and what was refused and why.
    fn outbox(&self) -> (i64, Vec<String>) {
        let mut database = self.database();
        let waiting = "SELECT count(*) FROM outbox WHERE refused IS NULL";
        let waiting = database.query_one(waiting, &[]).unwrap().get(0);
        let refused = "SELECT refused FROM outbox WHERE refused IS NOT NULL ORDER BY id";
        let refused = database.query(refused, &[]).unwrap();
        (waiting, refused.iter().map(|row| row.get(0)).collect())
    }

    /// The ids of all events that the server has.
    fn events(&self) -> HashSet<String> {
        let mut connection = Connection::open(self.server.address, &self.server.key).unwrap();
        let (mut found, mut cursor) = (HashSet::new(), String::new());
        loop {
            let path = format!("/v1/organizations/{ORGANIZATION}/events?limit=100{cursor}");
            let (status, page) = connection.call("GET", &path, "").unwrap();
            assert_eq!(status, 200, "{page}");
            let ids = page["data"].as_array().unwrap().iter();
            found.extend(ids.map(|event| event["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    }
}

fn every_written_event_arrives_once(language: Language) {
    let scene = Scene::new(language);
    scene.set_up();
    scene.write(&[
        ("project.updated", ODD, true),
        ("project.updated", r#"{"id":"taken back"}"#, false),
        ("project.mislaid", r#"{"id":"1"}"#, true),
        ("project.updated", r#"{"a":1,"a":2}"#, true),
        ("project.updated", r#"{"name":"\ud800"}"#, true),
        ("project.updated", r#"{"id":"2"}"#, true),
    ]);
    // Busy, a proxy, put off one by one, no answer at all, and then it dies between the post and its commit.
    scene
        .gate
        .play(&[Act::Busy, Act::Proxy, Act::PutOff, Act::Gone, Act::Kill]);
    let mut relay = scene.relay();
    scene.gate.victim.send(relay.id()).unwrap();
    assert!(!relay.wait().unwrap().success(), "it was killed");
    assert_eq!(scene.outbox(), (5, Vec::new()), "its rows are still there");
    assert!(scene.relay().wait().unwrap().success());
    let (waiting, refused) = scene.outbox();
    assert_eq!(waiting, 0);
    assert_eq!(
        refused,
        ["unknown_event_type", "duplicate_key", "lone_surrogate"]
    );
    let events = scene.events();
    assert_eq!(events.len(), 2, "each once");
    let held = events.iter().any(|id| {
        let event = scene.server.ok("GET", &format!("/v1/events/{id}"), "");
        event["data"]["name"] == "Åse"
    });
    assert!(held);
    shared_by_two(&scene);
    woken_by_a_row(&scene);
}

/// A relay that waits hears of a row at once; by itself it looks once a minute.
fn woken_by_a_row(scene: &Scene) {
    let Some(listening) = &scene.language.listening else {
        return;
    };
    let mut relay = scene.run(listening, "");
    let mut database = scene.database();
    let begun = Instant::now();
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND pid <> pg_backend_pid()
         AND datname = current_database() AND now() - state_change > interval '0.5 s'";
    while database.query_one(waits, &[]).unwrap().get::<_, i64>(0) == 0 {
        assert!(begun.elapsed() < PATIENCE, "it never waits");
        std::thread::sleep(Duration::from_millis(50)); // sleeps: the database tells nobody who is idle
    }
    scene.gate.play(&[Act::Kill]);
    scene.gate.victim.send(relay.id()).unwrap();
    let written = Instant::now();
    scene.write(&[("project.updated", r#"{"id":"3"}"#, true)]);
    // The gate kills it when it has posted.
    assert!(!relay.wait().unwrap().success());
    assert!(written.elapsed() < PATIENCE, "{:?}", written.elapsed());
}

/// Two relays on many rows: each row is posted by one of them.
fn shared_by_two(scene: &Scene) {
    let before = scene.events().len();
    scene.gate.keys();
    let many = format!(
        "INSERT INTO outbox (type, organization_id, data)
         SELECT 'project.updated', {ORGANIZATION}, json_build_object('n', n) FROM generate_series(1, {MANY}) n"
    );
    scene.database().batch_execute(&many).unwrap();
    let relays = [scene.relay(), scene.relay()];
    for mut relay in relays {
        assert!(relay.wait().unwrap().success());
    }
    assert_eq!(scene.outbox().0, 0);
    let keys = scene.gate.keys();
    assert_eq!(keys.len() as i64, MANY);
    assert!(
        keys.values().all(|times| *times == 1),
        "each by one of them"
    );
    assert_eq!((scene.events().len() - before) as i64, MANY);
}

impl Scene {
    /// The table, as the example makes it.
    fn set_up(&self) {
        let sql = std::fs::read_to_string(root().join("examples/producers/outbox.sql")).unwrap();
        self.database().batch_execute(&sql).unwrap();
    }

    /// The table's columns, as PostgreSQL tells them.
    fn columns(&self) -> Vec<(String, String, Option<String>)> {
        let sql = "SELECT column_name::text, data_type::text || is_nullable, column_default::text
             FROM information_schema.columns WHERE table_name = 'outbox' ORDER BY ordinal_position";
        let rows = self.database().query(sql, &[]).unwrap();
        rows.iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect()
    }
}

#[test]
fn python_every_written_event_arrives_once() {
    every_written_event_arrives_once(python());
}

#[test]
fn node_every_written_event_arrives_once() {
    every_written_event_arrives_once(node());
}

#[test]
fn laravel_every_written_event_arrives_once() {
    every_written_event_arrives_once(laravel());
}

#[test]
fn laravels_migration_makes_the_same_table() {
    let scene = Scene::new(laravel());
    let migrate = words(&[
        "php",
        "-d",
        "error_reporting=8191",
        "artisan",
        "migrate",
        "--force",
    ]);
    assert!(scene.run(&migrate, "").wait().unwrap().success());
    let migrated = scene.columns();
    let mut database = scene.database();
    database.batch_execute("DROP TABLE outbox").unwrap();
    scene.set_up();
    assert_eq!(migrated, scene.columns());
}
