//! `tidings doctor`: nothing to say on a good machine, and a line in the words of `serve` for what would stop a start.

use super::{run, run_with, text};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The line of a check, and how the command ended.
pub fn line(data: &Path, settings: &[(&str, &str)], check: &str) -> (String, Option<i32>) {
    let data = data.to_str().unwrap();
    let output = run_with(
        &["doctor", "--data", data, "--listen", "127.0.0.1:0"],
        settings,
        "",
    );
    let said = text(&output.stdout);
    let named = |line: &&str| line.split_whitespace().nth(1) == Some(check);
    let found = said.lines().find(named);
    (found.unwrap_or(&said).to_owned(), output.status.code())
}

#[test]
fn finds_nothing_on_a_good_machine_and_names_a_database_that_is_none() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let output = run(&[
        "doctor",
        "--data",
        path,
        "--listen",
        "127.0.0.1:0",
        "--resolve",
        "localhost",
        "--egress-allow",
        "127.0.0.0/8,::1",
    ]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    assert_eq!(
        std::fs::read_dir(data.path()).unwrap().count(),
        0,
        "it makes nothing"
    );
    std::fs::write(data.path().join("tidings.db"), vec![0x5a; 65_536]).unwrap();
    let (said, code) = line(data.path(), &[], "database");
    assert!(
        said.starts_with("BAD  database") && code == Some(1),
        "{said}"
    );
}

#[test]
fn a_host_that_a_send_is_refused_is_bad_in_the_words_of_the_send() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let arguments = ["doctor", "--data", path, "--listen", "127.0.0.1:0"];
    let resolve = ["--resolve", "localhost", "--egress-allow", "127.0.0.0/8"];
    let output = run(&[&arguments[..], &resolve].concat());
    let said = text(&output.stdout);
    let words = "localhost is 127.0.0.1, ::1; a send to it is refused: \
                 ::1 is a loopback address. To allow it add \"::1/128\" to egress.allow.";
    assert!(said.contains(&format!("BAD  names     {words}")), "{said}");
    assert_eq!(output.status.code(), Some(1));
    let listed = [
        "--resolve",
        "localhost",
        "--egress-allow",
        "127.0.0.0/8,::1",
    ];
    let names = ["--egress-allow-names", "a.example"];
    let output = run(&[&arguments[..], &listed, &names].concat());
    let said = text(&output.stdout);
    let words =
        "a send to it is refused: localhost is not among the hosts that this server sends to";
    assert!(said.contains(words), "{said}");
}

/// Settings, the line of doctor that is BAD, and words that both it and a start say.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[test]
fn what_stops_a_start_is_bad_and_said_as_serve_says_it() {
    let data = tempfile::tempdir().unwrap();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = open.local_addr().unwrap().to_string();
    let garbage = data.path().join("garbage");
    std::fs::write(&garbage, "no key").unwrap();
    std::fs::set_permissions(&garbage, std::fs::Permissions::from_mode(0o600)).unwrap();
    let garbage = garbage.to_str().unwrap();
    let metrics = "TIDINGS_TELEMETRY_METRICS_LISTEN";
    let tls = |cert| [("TIDINGS_TLS_CERT", cert), ("TIDINGS_TLS_KEY", garbage)];
    let cases: &[Case<'_>] = &[
        (&[(metrics, &in_use)], "metrics", "telemetry.metrics_listen"),
        (
            &[(metrics, "192.0.2.1:9464")],
            "metrics",
            "cannot listen on 192.0.2.1:9464",
        ),
        (
            &tls("/nowhere/cert.pem"),
            "tls",
            "tls.cert: /nowhere/cert.pem",
        ),
        (&tls(garbage), "tls", "no certificate in it"),
        (
            &[("TIDINGS_MASTER_KEY_FILE", "/nowhere/master.key")],
            "key",
            "/nowhere/master.key",
        ),
        (
            &[("TIDINGS_OPERATOR_KEY_FILE", garbage)],
            "operator",
            "operator_key",
        ),
        (
            &[("TIDINGS_EGRESS_EXTRA_CA", "/nowhere/ca.pem")],
            "egress",
            "/nowhere/ca.pem",
        ),
        (
            &[("TIDINGS_EGRESS_SOURCE_ADDRESSES", "192.0.2.1")],
            "egress",
            "192.0.2.1",
        ),
    ];
    for (settings, check, words) in cases {
        let (said, code) = line(data.path(), settings, check);
        let bad = said.starts_with(&format!("BAD  {check}"));
        assert!(
            bad && said.contains(words) && code == Some(1),
            "{check}: {said}"
        );
        // As a start says it.
        let path = data.path().join("served");
        let path = path.to_str().unwrap();
        let served = run_with(
            &["serve", "--data", path, "--listen", "127.0.0.1:0"],
            settings,
            "",
        );
        assert_eq!(served.status.code(), Some(78), "{check}");
        let errors = text(&served.stderr);
        assert!(errors.contains(words), "{check}: {errors}");
    }
    drop(open);
}

#[test]
fn a_master_key_that_is_missing_or_another_one_is_bad() {
    let data = tempfile::tempdir().unwrap();
    let key = data.path().join("master.key");
    let server = super::Server::start(data.path(), &super::operator_key());
    // Beside a running server, too.
    let (said, code) = line(data.path(), &[], "key");
    assert!(said.starts_with("ok") && code == Some(0), "{said}");
    drop(server);
    let right = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let (said, code) = line(data.path(), &[], "key");
    let missing = said.starts_with("BAD") && said.contains("put it back");
    assert!(missing && code == Some(1), "{said}");
    assert!(!key.exists(), "none is made");
    let other = "11".repeat(32);
    let (said, code) = line(data.path(), &[("TIDINGS_MASTER_KEY", &other)], "key");
    let wrong = said.starts_with("BAD") && said.contains("does not fit");
    assert!(wrong && code == Some(1), "{said}");
    std::fs::write(&key, &right).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (said, _) = line(data.path(), &[], "key");
    assert!(said.starts_with("BAD"), "others may read it: {said}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(line(data.path(), &[], "key").1, Some(0));
}

#[test]
fn a_collector_that_does_not_answer_is_worth_a_look_and_stops_nothing() {
    let data = tempfile::tempdir().unwrap();
    let nobody: SocketAddr = {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap()
    };
    let url = format!("http://{nobody}");
    let (said, code) = line(
        data.path(),
        &[("TIDINGS_TELEMETRY_OTLP", &url)],
        "collector",
    );
    let told = said.starts_with("note") && said.contains(&url) && said.contains("telemetry.otlp");
    assert!(told && code == Some(0), "{said}");
}

#[test]
fn a_misspelt_variable_is_worth_a_look_and_stops_nothing() {
    let data = tempfile::tempdir().unwrap();
    let misspelt = [("TIDINGS_LISTN", "127.0.0.1:1")];
    let (said, code) = line(data.path(), &misspelt, "settings");
    let named = said.contains("TIDINGS_LISTN; did you mean `TIDINGS_LISTEN`?");
    assert!(said.starts_with("note") && named, "{said}");
    assert_eq!(code, Some(0), "{said}");
    // A start says it before anything else; this one ends by itself, since nobody has that address.
    let data = data.path().to_str().unwrap();
    let start = ["serve", "--data", data, "--listen", "192.0.2.1:8420"];
    let said = text(&run_with(&start, &misspelt, "").stderr);
    let lines = said.lines().filter(|line| line.contains("TIDINGS_LISTN"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(said.contains("did you mean `TIDINGS_LISTEN`?"), "{said}");
}
