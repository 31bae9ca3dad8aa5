//! `tidings apply` and `tidings export` against a real server: what they print, how they end, and what is on the server
//! afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;

#[path = "apply/bad_files.rs"]
mod bad_files;
#[path = "apply/damaged.rs"]
mod damaged;
#[path = "apply/scopes.rs"]
mod scopes;

use serde_json::Value;
use server::{Server, operator_key, tidings};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server and a folder for files.
pub struct Place {
    server: Server,
    folder: TempDir,
}

/// How a command ended and what it printed.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
        self
    }
}

impl Place {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Server::start_with(&data, &operator_key(), environment);
        Self { server, folder }
    }

    /// The same after its server was stopped and something was done to the database.
    fn started_anew(self, done: &str) -> Self {
        let Self { server, folder } = self;
        let (key, data) = (server.key.clone(), folder.path().join("data"));
        server.terminate();
        let database = rusqlite::Connection::open(data.join("tidings.db")).unwrap();
        database.execute_batch(done).unwrap();
        drop(database);
        let server = Server::start_with(&data, &key, &[]);
        Self { server, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = tidings()
            .args(arguments)
            .env("TIDINGS_SERVER", format!("http://{}", self.server.address))
            .env("TIDINGS_KEY", &self.server.key)
            .env("TEAM_TOKEN", "token-from-the-environment")
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _closed_early = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ended::of(&child.wait_with_output().unwrap())
    }

    pub fn apply(&self, file: &str, more: &[&str]) -> Ended {
        let mut arguments = vec!["apply", "-f", "-"];
        arguments.extend(more);
        self.run(&arguments, file)
    }

    fn export(&self, more: &[&str]) -> String {
        let mut arguments = vec!["export"];
        arguments.extend(more);
        self.run(&arguments, "").done().out
    }

    fn audit_entries(&self) -> usize {
        let page = self.server.ok("GET", "/v1/audit?limit=100", "");
        page["data"].as_array().unwrap().len()
    }

    fn endpoints(&self, organization: i64) -> Vec<Value> {
        let path = format!("/v1/organizations/{organization}/endpoints?limit=100");
        let page = self.server.ok("GET", &path, "");
        page["data"].as_array().unwrap().clone()
    }
}

const FILE: &str = r#"version: 1
event_types:
  - type: order.public.shipped
  - type: order.shipped
    label: "no"
    schema: {type: object, required: [id]}
    enforced: true
    example: {id: 12345678901234567890123, price: 1.50, off: no}
organizations:
  - id: 4417
    name: Larkspur Commons
    slug: larkspur
    add_ons: [api_access]
    endpoints:
      - url: https://CRM.example.com:443/hooks
        description: "yes: the CRM"
        event_types: &both [order.shipped, project.updated]
        headers:
          X-Team: {env: TEAM_TOKEN}
          X-Site: "7"
      - url: https://other.example.com/hooks
        enabled: false
        event_types: *both
        secret: an imported secret
  - id: 9001
    name: Riverside
    add_ons: [crm_integrations, api_access]
    webhooks: false
    retention:
      bodies_days: 7
    endpoints:
      - url: https://riverside.example.com/in
        event_types: [order.public.shipped]
"#;

#[test]
fn applied_twice_a_file_changes_nothing_the_second_time() {
    let place = Place::start();
    let planned = place.apply(FILE, &["--dry-run"]);
    let planned = planned.failed(
        3,
        &["7 to create, 1 to change, 0 to delete; nothing was changed (--dry-run)"],
    );
    assert!(
        planned
            .out
            .contains("+ event type order.shipped\n    label: \"no\"\n"),
        "{}",
        planned.out
    );
    assert!(
        planned
            .out
            .contains("    headers: [\"x-site\",\"x-team\"]\n"),
        "{}",
        planned.out
    );
    assert!(!planned.out.contains("token-from"), "{}", planned.out);
    place.apply(FILE, &[]).failed(3, &["give --yes"]);
    assert!(
        place.server.call("GET", "/v1/organizations/4417", "").0 == 404,
        "nothing was changed"
    );

    let first = place.apply(FILE, &["--yes"]).done();
    assert!(first.err.contains("8 changes were made"), "{}", first.err);
    // Of three endpoints one brings its secret.
    assert_eq!(first.out.matches("whsec_").count(), 2, "{}", first.out);
    let (riverside, before) = (place.endpoints(9001), place.audit_entries());
    assert_eq!(
        riverside[0]["status"], "off",
        "the first endpoint does not open what the file closes"
    );

    let second = place.apply(FILE, &["--yes"]).done();
    assert_eq!(second.out, "nothing to change\n");
    assert_eq!(place.audit_entries(), before);
    place.apply(FILE, &["--dry-run"]).done();
}

#[test]
fn one_word_changed_is_one_change_and_the_difference_says_which() {
    let place = Place::start();
    place.apply(FILE, &["--yes"]).done();
    for (from, to, difference) in [
        (
            "name: Riverside",
            "name: Riverside Park",
            "~ organization 9001 \"Riverside Park\"\n    name: \"Riverside\" -> \"Riverside Park\"\n",
        ),
        (
            "[order.public.shipped]",
            "[project.deleted]",
            "    event_types: + project.deleted  - order.public.shipped\n",
        ),
        (
            "X-Site: \"7\"",
            "X-Site: \"8\"",
            "    headers: other values\n",
        ),
        (
            "required: [id]",
            "required: [id, name]",
            "~ event type order.shipped\n    schema: {",
        ),
        (
            "bodies_days: 7",
            "attempts_days: 400",
            "    retention: {\"bodies_days\":7,\"attempts_days\":null} -> {\"bodies_days\":null,\"attempts_days\":400}\n",
        ),
        (
            "webhooks: false",
            "webhooks: true",
            "    webhooks: false -> true\n",
        ),
        (
            "enabled: false",
            "enabled: true",
            "    enabled: false -> true\n",
        ),
    ] {
        let file = FILE.replace(from, to);
        assert_ne!(file, FILE, "{from}");
        let changed = place.apply(&file, &["--yes"]).done();
        assert!(
            changed.out.contains(difference),
            "{difference}: {}",
            changed.out
        );
        assert!(
            changed.err.contains("1 changes were made"),
            "{}",
            changed.err
        );
        place.apply(FILE, &["--yes"]).done();
    }
}

#[test]
fn only_prune_deletes_and_only_what_the_file_speaks_of() {
    let place = Place::start();
    place.apply(FILE, &["--yes"]).done();
    let fewer = "version: 1\norganizations:\n  - id: 4417\n    endpoints:\n      - url: https://other.example.com/hooks\n";
    assert_eq!(
        place.apply(fewer, &["--yes"]).done().out,
        "nothing to change\n"
    );
    let silent = "version: 1\nevent_types: []\n";
    assert_eq!(
        place.apply(silent, &["--prune", "--yes"]).done().out,
        "nothing to change\n"
    );

    let pruned = place.apply(fewer, &["--prune", "--yes"]).done();
    assert!(pruned.out.contains("- endpoint ep_"), "{}", pruned.out);
    assert!(
        pruned
            .out
            .contains("- organization 9001 \"Riverside\" with its 1 endpoints\n"),
        "{}",
        pruned.out
    );
    let left = place.endpoints(4417);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["url"], "https://other.example.com/hooks");
    assert_eq!(
        place.server.call("GET", "/v1/organizations/9001", "").0,
        404
    );
}

#[test]
fn a_failure_in_the_middle_says_what_was_done_and_a_repeat_goes_on() {
    let place = Place::start();
    // What only the server knows: which addresses are closed.
    let file = FILE.replace("https://other.example.com/hooks", "http://10.1.2.3/hooks");
    let failed = place.apply(&file, &["--yes", "--secrets-out", "secrets"]);
    failed.failed(
        1,
        &[
            "4 of 8 changes were made",
            "endpoint of organization 4417: http://10.1.2.3/hooks",
            "egress.allow",
            "run it again",
        ],
    );
    assert_eq!(
        place.server.call("GET", "/v1/organizations/9001", "").0,
        404,
        "what comes after is not tried"
    );
    let kept = std::fs::read_to_string(place.path("secrets")).unwrap();
    assert_eq!(
        kept.lines().count(),
        1,
        "the secret of what was made is on disk"
    );
    let secret: Value = serde_json::from_str(kept.trim()).unwrap();
    assert_eq!(secret["organization_id"], 4417);
    let mode = std::fs::metadata(place.path("secrets"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    place
        .apply(FILE, &["--yes", "--secrets-out", "secrets"])
        .failed(1, &["secrets", "nothing was changed"]);
    let repeated = place.apply(FILE, &["--yes"]).done();
    assert!(
        repeated.err.contains("4 changes were made"),
        "{}",
        repeated.err
    );
    assert_eq!(
        place.apply(FILE, &["--yes"]).done().out,
        "nothing to change\n"
    );
}

/// An export without the ids that its server gave.
fn without_ids(export: &str) -> String {
    let lines = export.lines().filter(|line| !line.contains("id: ep_"));
    lines
        .map(|line| line.replace("- id: ep_", "-"))
        .fold(String::new(), |all, line| all + &line + "\n")
}

#[test]
fn the_servers_own_types_are_in_no_export() {
    let place = Place::start_with(&[("TIDINGS_NOTICES_ORGANIZATION", "4417")]);
    place
        .server
        .ok("GET", "/v1/event-types/endpoint.exhausted", "");
    let export = place.export(&[]);
    assert!(!export.contains("endpoint.exhausted"), "{export}");
    let empty = Place::start();
    empty.apply(&export, &["--yes"]).done();
    let file = "version: 1\nevent_types:\n  - type: endpoint.exhausted\n";
    empty
        .apply(file, &["--yes"])
        .failed(1, &["take it out of the file"]);
}

#[test]
fn an_export_applied_to_an_empty_server_exports_the_same_but_for_ids() {
    let (place, empty) = (Place::start(), Place::start());
    place.apply(FILE, &["--yes"]).done();
    let update = r#"{"enabled":false}"#;
    place
        .server
        .ok("PUT", "/v1/event-types/project.deleted", update);
    // Values of headers are never shown; an endpoint that is made needs them.
    let export = place.export(&["--with-secrets"]);
    assert!(export.contains("secret: an imported secret\n"), "{export}");
    assert!(export.contains("label: \"no\"\n"), "{export}");
    assert!(
        export.contains("id: 12345678901234567890123\n"),
        "numbers keep their digits: {export}"
    );
    assert_eq!(place.export(&["--with-secrets"]), export, "the same bytes");
    empty
        .apply(&export, &["--yes"])
        .failed(1, &["header `x-site` has no value"]);
    let filled = export
        .replace("x-site: null", "x-site: \"7\"")
        .replace("x-team: null", "x-team: {env: TEAM_TOKEN}");
    let applied = empty.apply(&filled, &["--yes"]).done();
    assert!(
        !applied.out.contains("whsec_"),
        "secrets that were given are not printed: {}",
        applied.out
    );
    assert_eq!(
        without_ids(&empty.export(&["--with-secrets"])),
        without_ids(&export)
    );
    assert_eq!(
        empty.apply(&filled, &["--yes"]).done().out,
        "nothing to change\n"
    );
    assert_eq!(
        place.apply(&export, &["--yes"]).done().out,
        "nothing to change\n"
    );

    assert!(!place.export(&[]).contains("secret:"));
    let one = place.export(&["--organization", "9001"]);
    assert!(
        one.contains("id: 9001")
            && !one.contains("4417")
            && !one.contains("event_types:\n  - type"),
        "{one}"
    );
    place
        .run(&["export", "--organization", "1"], "")
        .failed(1, &["no organization 1"]);
}

#[test]
fn the_outcome_as_json_says_each_change_and_whether_it_was_made() {
    let place = Place::start();
    let pending = place.apply(FILE, &["--dry-run", "--json"]);
    let planned: Value = serde_json::from_str(&pending.out).unwrap();
    assert_eq!(
        (pending.code, &planned["pending"], &planned["made"]),
        (3, &Value::from(8), &Value::from(0))
    );
    let made: Value =
        serde_json::from_str(&place.apply(FILE, &["--yes", "--json"]).done().out).unwrap();
    assert_eq!(
        (&made["pending"], &made["made"]),
        (&Value::from(0), &Value::from(8))
    );
    assert_eq!(made["secrets"].as_array().unwrap().len(), 2);
    assert!(
        made["changes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|change| change["made"] == true)
    );
}

#[test]
fn a_hundred_organizations_with_ten_endpoints_each_take_bounded_time() {
    let place = Place::start();
    let mut file = String::from("version: 1\norganizations:\n");
    for organization in 1..=100 {
        file += &format!(
            "  - id: {organization}\n    name: Organization {organization}\n    add_ons: [api_access]\n    endpoints:\n"
        );
        for endpoint in 1..=10 {
            file += &format!(
                "      - url: https://r{endpoint}.example.com/{organization}\n        event_types: [project.updated]\n"
            );
        }
    }
    let began = Instant::now();
    let made = place.apply(&file, &["--yes"]).done();
    assert!(made.err.contains("1100 changes were made"), "{}", made.err);
    let first = began.elapsed();
    assert_eq!(
        place.apply(&file, &["--yes"]).done().out,
        "nothing to change\n"
    );
    eprintln!(
        "applied in {first:?}, again in {:?}",
        began.elapsed() - first
    );
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
}
