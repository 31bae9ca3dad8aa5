//! The command line: what it prints, how it ends, and that every error names what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/manual.rs"]
mod manual;
#[path = "cli/send.rs"]
mod send;
#[path = "support/server.rs"]
#[allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "shared with the other process tests"
)]
mod server;
#[path = "cli/start.rs"]
mod start;

#[path = "cli/secret_files.rs"]
mod secret_files;
#[path = "cli/verify.rs"]
mod verify;

use server::{Server, operator_key, tidings};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    run_with(arguments, &[], "")
}

fn run_with(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut child = tidings()
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _closed_early = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `serve` must end with this code and one line that holds these words.
fn check_refused(data: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let mut all = vec![
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ];
    all.extend(arguments);
    let output = run(&all);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    for word in words {
        assert!(
            errors.contains(word),
            "{arguments:?}: {word:?} is not in: {errors}"
        );
    }
    assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
}

#[test]
fn bad_inputs_j_settings_are_refused_with_their_name_value_and_origin() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("tidings.toml");
    std::fs::write(&file, "\n\n\negres.allow = []\n").unwrap();
    let config = file.to_str().unwrap();
    check_refused(
        data.path(),
        &["--config", config],
        78,
        &["egres.allow", "line 4", "did you mean `egress.allow`?"],
    );
    check_refused(
        data.path(),
        &["--egress-allow", "10.1.2.0/33"],
        78,
        &["egress.allow", "10.1.2.0/33", "(flag)"],
    );
    check_refused(
        data.path(),
        &["--egress-allow", "10.1.2.3/24"],
        78,
        &["10.1.2.0/24"],
    );
    check_refused(
        data.path(),
        &["--limits-attempts", "0"],
        78,
        &["limits.attempts", "16 to 65536"],
    );
    check_refused(
        data.path(),
        &["--config", "/nonexistent.toml"],
        78,
        &["/nonexistent.toml", "cannot be read"],
    );
    let key = data.path().join("operator");
    std::fs::write(&key, "tdg_o_mistyped").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    check_refused(
        data.path(),
        &["--operator-key-file", key.to_str().unwrap()],
        78,
        &["operator_key", "tidings key generate"],
    );
}

#[test]
fn a_data_directory_that_cannot_be_made_and_a_lost_master_key_are_named() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    check_refused(&file.join("below"), &[], 78, &["below", "`data`"]);
    drop(Server::start(data.path(), &operator_key()));
    std::fs::remove_file(data.path().join("master.key")).unwrap();
    check_refused(
        data.path(),
        &[],
        78,
        &["tidings.db", "master.key", "`master_key_file`"],
    );
    assert!(
        !data.path().join("master.key").exists(),
        "no second key is made"
    );
}

#[test]
fn bad_input_122_a_data_directory_in_use_names_the_process() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    check_refused(
        data.path(),
        &[],
        78,
        &["in use by another process", &server.pid().to_string()],
    );
}

#[test]
fn bad_input_123_an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let output = run(&[
        "serve",
        "--data",
        data.path().to_str().unwrap(),
        "--listen",
        &address,
    ]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains(&address));
}

#[test]
fn a_damaged_database_is_named_with_the_way_to_restore() {
    let data = tempfile::tempdir().unwrap();
    Server::start(data.path(), &operator_key()).terminate();
    let database = data.path().join("tidings.db");
    std::fs::write(&database, vec![0x5a; 65_536]).unwrap();
    check_refused(
        data.path(),
        &[],
        78,
        &[
            database.to_str().unwrap(),
            "is damaged",
            "docs/operate/backup.md",
        ],
    );
}

#[test]
fn another_master_key_is_refused_and_a_lost_one_is_not_replaced() {
    let data = tempfile::tempdir().unwrap();
    Server::start(data.path(), &operator_key()).terminate();
    let other = data.path().join("other");
    std::fs::write(&other, "1".repeat(64)).unwrap();
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).unwrap();
    check_refused(
        data.path(),
        &["--master-key-file", other.to_str().unwrap()],
        78,
        &["master key does not fit", "master_key_file"],
    );
    std::fs::remove_file(data.path().join("master.key")).unwrap();
    check_refused(data.path(), &[], 78, &["master.key"]);
    assert!(!data.path().join("master.key").exists());
}

#[test]
fn a_first_start_prints_one_operator_key_once_and_the_files_are_private() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    Server::start(&data, &operator_key()).terminate();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&data), mode(&data.join("master.key"))),
        (0o700, 0o600)
    );
}

#[test]
fn print_config_shows_origins_and_hides_secrets() {
    let output = run_with(
        &["serve", "--print-config", "--listen", "127.0.0.1:1"],
        &[
            ("TIDINGS_EGRESS_ALLOW", "10.0.0.0/8,127.0.0.1/32"),
            ("TIDINGS_MASTER_KEY", "canary"),
        ],
        "",
    );
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(
        shown.contains("listen = \"127.0.0.1:1\"  # flag"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "egress.allow = [\"10.0.0.0/8\", \"127.0.0.1/32\"]  # environment TIDINGS_EGRESS_ALLOW"
        ),
        "{shown}"
    );
    assert!(
        shown.contains("master_key = (hidden)") && !shown.contains("canary"),
        "{shown}"
    );
}

#[test]
fn verify_judges_the_contract_vectors_and_names_the_likely_mistake() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../core/tests/vectors.json")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("body");
    let path = file.to_str().unwrap();
    for vector in vectors.as_array().unwrap() {
        let field = |name: &str| vector[name].as_str().unwrap().to_owned();
        let timestamp = vector["webhook-timestamp"].to_string();
        std::fs::write(&file, field("body")).unwrap();
        let (secret, vomo, standard, id) = (
            field("secret"),
            field("vomo-signature"),
            field("webhook-signature"),
            field("webhook-id"),
        );
        let arguments = [
            "verify",
            "--secret",
            &secret,
            "--body",
            path,
            "--signature",
            &vomo,
            "--webhook-id",
            &id,
            "--webhook-timestamp",
            &timestamp,
            "--webhook-signature",
            &standard,
        ];
        let output = run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().count(), 2);
        std::fs::write(&file, field("body") + "\n").unwrap();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains("ends with a line break"),
            "{}",
            text(&output.stderr)
        );
    }
    let first = &vectors[0];
    let pretty: serde_json::Value = serde_json::from_str(first["body"].as_str().unwrap()).unwrap();
    std::fs::write(&file, pretty.to_string()).unwrap();
    let bare = first["secret"].as_str().unwrap();
    let output = run(&[
        "verify",
        "--secret",
        bare,
        "--body",
        path,
        "--signature",
        &"0".repeat(64),
    ]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn verify_names_a_secret_that_lost_its_prefix() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../core/tests/vectors.json")).unwrap();
    let first = &vectors[0];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("body");
    let path = file.to_str().unwrap();
    let whole = first["secret"].as_str().unwrap();
    std::fs::write(&file, first["body"].as_str().unwrap()).unwrap();
    let output = run(&[
        "verify",
        "--secret",
        whole.strip_prefix("whsec_").unwrap(),
        "--body",
        path,
        "--signature",
        first["vomo-signature"].as_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("whsec_ is missing"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_preset_key_that_was_revoked_stays_so_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    let listed = server.ok("GET", "/v1/keys", "");
    let preset = listed["data"][0]["id"].as_str().unwrap().to_owned();
    let (status, _) = server.call("DELETE", &format!("/v1/keys/{preset}"), "");
    assert_eq!(status, 204);
    assert_eq!(server.call("GET", "/v1/keys", "").0, 401);
    let key = server.key.clone();
    server.terminate();
    let folder = data.path().to_str().unwrap();
    let again = run_with(
        &["serve", "--listen", "127.0.0.1:0", "--data", folder],
        &[("TIDINGS_OPERATOR_KEY", &key)],
        "",
    );
    let errors = text(&again.stderr);
    assert_eq!(again.status.code(), Some(78), "{errors}");
    assert!(
        errors.contains("this key was revoked") && !errors.contains(&key),
        "{errors}"
    );
}

#[test]
fn keys_are_created_and_revoked_and_every_command_has_help_with_an_example() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    server.organization(1);
    let url = format!("http://{}", server.address);
    let environment = [
        ("TIDINGS_SERVER", url.as_str()),
        ("TIDINGS_KEY", server.key.as_str()),
    ];
    let made = run_with(
        &[
            "key",
            "create",
            "--scope",
            "viewer",
            "--organization",
            "1",
            "--json",
        ],
        &environment,
        "",
    );
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("tdg_v_"));
    let revoked = run_with(
        &["key", "revoke", made["id"].as_str().unwrap()],
        &environment,
        "",
    );
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    let help = text(&run(&["serve", "--help"]).stdout);
    for setting in tidings::config::SETTINGS {
        assert!(help.contains(setting.env), "{}: {help}", setting.env);
    }
    for command in [
        "serve", "demo", "send", "listen", "verify", "key", "doctor", "openapi",
    ] {
        let help = text(&run(&[command, "--help"]).stdout);
        assert!(
            help.contains("Example") && help.contains("tidings "),
            "{command}: {help}"
        );
    }
}

/// A server under a limit of open files, as a shell starts one; what the system says of it then.
fn open_files(limit: &str) -> (u64, u64) {
    let data = tempfile::tempdir().unwrap();
    let mut shell = std::process::Command::new("sh");
    let script = format!("ulimit {limit}; exec \"$0\" serve");
    shell
        .args(["-c", &script, env!("CARGO_BIN_EXE_tidings")])
        .env("TIDINGS_LIMITS_ATTEMPTS", "1000")
        .env("TIDINGS_LIMITS_CONNECTIONS", "1000");
    let server = Server::run(shell, data.path(), &operator_key());
    let read = |file: &str, line: &str, word: usize| {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", server.pid())).unwrap();
        let found = text.lines().find(|at| at.starts_with(line)).unwrap();
        found.split_whitespace().nth(word).unwrap().parse().unwrap()
    };
    (
        read("limits", "Max open files", 3),
        read("status", "FDSize", 1),
    )
}

#[test]
fn a_low_limit_of_open_files_is_raised_to_what_the_settings_need() {
    let (allowed, table) = open_files("-Sn 256");
    assert_eq!(
        allowed, 4_048,
        "1,000 attempts, 1,000 connections, the rest"
    );
    assert!(
        table >= 4_048,
        "the table has its size from the start: {table}"
    );
    // Where it cannot be raised the server serves all the same.
    assert_eq!(open_files("-n 300").0, 300);
}
