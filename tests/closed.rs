//! S22: a server that was just started is closed: nothing answers that was not asked for, no name or password works that
//! nobody set, and what it writes is its owner's alone. The real binary, asked in bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

#[path = "support/server.rs"]
#[allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "shared with the other process tests"
)]
mod server;

use server::{Server, operator_key, tidings};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Sends bytes; what comes back until the connection ends.
fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Its status; 0 where the connection was closed without a word.
fn status(answer: &str) -> u16 {
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    status.unwrap_or(0)
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\r\n")
}

fn bare(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// What no answer to a stranger holds.
const TREASURE: [&str; 12] = [
    "root:",
    "[core]",
    "tdg_o_",
    "whsec_",
    "tidings.db",
    "master.key",
    "src/",
    "# TYPE",
    "TRACE /",
    "cookie: spy",
    "SQLite",
    "evil.example",
];

/// A probe, and the statuses that say no.
fn probes() -> Vec<(String, &'static [u16])> {
    let nothing: &[u16] = &[404];
    let no_key: &[u16] = &[401];
    let no_method: &[u16] = &[405];
    let mut all: Vec<(String, &'static [u16])> = Vec::new();
    for target in [
        "/debug",
        "/debug/pprof/heap",
        "/.git/config",
        "/.env",
        "/server-status",
        "/actuator/env",
        "/v1",
        "/v1/",
        "/admin/setup/",
        "/admin/setup/setup",
        "/admin/password/admin",
        "/admin/portal/1",
        "/tidings.db",
        "/master.key",
        // Ways out of a folder, in ten spellings.
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e%252fetc/passwd",
        "/..;/..;/etc/passwd",
        "/..\\..\\etc\\passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/%c0%ae%c0%ae/etc/passwd",
        "/admin/assets/..%2f..%2f..%2fCargo.toml",
        "/admin/assets/../../tidings.db",
        "//etc/passwd",
    ] {
        all.push((get(target, ""), nothing));
    }
    for headers in [
        "",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-for: 10.0.0.1, 127.0.0.1\r\nx-real-ip: 127.0.0.1\r\nforwarded: for=127.0.0.1\r\n",
        "x-original-url: /healthz\r\nx-rewrite-url: /healthz\r\n",
        "x-http-method-override: GET\r\nx-forwarded-proto: https\r\n",
        "authorization: Basic YWRtaW46YWRtaW4=\r\n",
        "authorization: Bearer admin\r\n",
        "authorization: Bearer null\r\n",
        "cookie: tidings=admin\r\n",
    ] {
        all.push((get("/v1/keys", headers), no_key));
    }
    all.push((get("/metrics", ""), no_key));
    // A whole address in place of a path is our own path, and goes nowhere else.
    all.push((get("http://169.254.169.254/latest/meta-data/", ""), nothing));
    all.push((get("http://evil.example/v1/keys", ""), no_key));
    all.push((bare("TRACE", "/"), no_method));
    all.push((bare("TRACE", "/v1/keys"), no_method));
    all.push((bare("CONNECT", "169.254.169.254:80"), &[400, 405]));
    all.push((bare("OPTIONS", "*"), &[400, 404, 405]));
    all.push((bare("OPTIONS", "/v1/keys"), no_method));
    all.push((bare("PROPFIND", "/"), &[404, 405]));
    all.push((bare("PUT", "/tidings.db"), nothing));
    all.push((String::from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), &[0, 400]));
    all.extend(logins());
    all
}

/// Names and passwords that servers are shipped with elsewhere.
fn logins() -> Vec<(String, &'static [u16])> {
    let mut all: Vec<(String, &'static [u16])> = Vec::new();
    for (name, password) in [
        ("admin", "admin"),
        ("operator", "operator"),
        ("root", ""),
        ("tidings", "tidings"),
        ("admin", "password"),
    ] {
        let body = format!("name={name}&password={password}");
        let head = "POST /admin/login HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\nconnection: close";
        let kind = "content-type: application/x-www-form-urlencoded";
        let request = format!(
            "{head}\r\n{kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        all.push((request, &[422, 429]));
    }
    all
}

#[test]
fn s22_a_fresh_server_answers_no_probe() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    let probes = probes();
    for (request, closed) in &probes {
        let mut spied = request.clone();
        spied = spied.replacen(
            "\r\n",
            "\r\nx-spy: spy\r\n",
            usize::from(!request.starts_with("PRI")),
        );
        let answer = raw(&server, &spied);
        assert!(closed.contains(&status(&answer)), "{request}{answer}");
        let lower = answer.to_lowercase();
        assert!(!lower.contains("set-cookie"), "{request}{answer}");
        assert!(!lower.contains("access-control-"), "{request}{answer}");
        assert!(!lower.contains("\nserver:"), "{request}{answer}");
        for treasure in TREASURE
            .iter()
            .filter(|treasure| !request.contains(**treasure))
        {
            assert!(!answer.contains(treasure), "{treasure}: {request}{answer}");
        }
    }
    println!("{} probes, all closed", probes.len());
}

#[test]
fn s22_no_host_is_led_to_and_none_is_repeated() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    for host in [
        "evil.example",
        "localhost@evil.example",
        "localhost:80.evil.example",
        "evil.example/%2f..",
    ] {
        for (target, more) in [
            ("/", ""),
            ("/admin", "x-forwarded-host: evil.example\r\n"),
            ("/admin/login", "forwarded: host=evil.example\r\n"),
        ] {
            let request =
                format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{more}connection: close\r\n\r\n");
            let answer = raw(&server, &request);
            assert!(
                [200, 303, 400].contains(&status(&answer)),
                "{request}{answer}"
            );
            assert!(!answer.contains("evil.example"), "{request}{answer}");
        }
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn s22_what_is_written_is_its_owners_alone_whatever_the_umask() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_tidings");
    command.args(["-c", "umask 0; exec \"$0\" serve", program]);
    let server = Server::run(command, &data, &operator_key());
    server.organization(1);
    assert_eq!(mode(&data), 0o700);
    let mut seen = 0;
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        let open = mode(&path) & 0o077;
        assert_eq!(open, 0, "{} can be read by others", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "a key and a database");
    assert_eq!(mode(&data.join("master.key")), 0o600);
}

#[test]
fn s22_without_settings_it_listens_on_this_machine_only() {
    let output = tidings()
        .args(["serve", "--print-config"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let listen = shown
        .lines()
        .find(|line| line.starts_with("listen = "))
        .unwrap();
    assert!(listen.starts_with("listen = \"127.0.0.1:"), "{listen}");
    assert!(listen.ends_with("# default"), "{listen}");
    let proxies = shown
        .lines()
        .find(|line| line.starts_with("trusted_proxies = "));
    assert!(
        proxies.unwrap().starts_with("trusted_proxies = []"),
        "{proxies:?}"
    );
}
