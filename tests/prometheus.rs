//! What is watched: `/metrics` on the real binary, and the shipped alerts and dashboard on a real Prometheus.
//!
//! The alerts' thresholds and durations are tested by promtool on made-up series (`prometheus/rules.test.yml`); here one of
//! them fires because a server really is stuck.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    missing_docs,
    reason = "tests of real processes, in real time"
)]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;

use serde_json::Value;
use server::{Server, operator_key};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tidings::metrics::TABLE;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn free_port() -> SocketAddr {
    let probe = TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap()
}

/// Status and body of a GET.
fn get(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nhost: {address}\r\n{headers}\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    Ok((status.unwrap_or(0), body.to_owned()))
}

/// A server that serves metrics beside its API.
fn watched(data: &Path) -> (Server, SocketAddr) {
    let metrics = free_port();
    let listen = metrics.to_string();
    let environment = [
        ("TIDINGS_TELEMETRY_METRICS_LISTEN", listen.as_str()),
        ("TIDINGS_EGRESS_ALLOW", "127.0.0.1/32"),
    ];
    (
        Server::start_with(data, &operator_key(), &environment),
        metrics,
    )
}

#[test]
fn every_metric_of_the_table_is_written_and_strangers_see_none() {
    let data = tempfile::tempdir().unwrap();
    let (server, metrics) = watched(data.path());
    server.organization(1);
    let key = format!("authorization: Bearer {}\r\n", server.key);
    let (status, text) = get(server.address, "/metrics", &key).unwrap();
    assert_eq!(status, 200);
    let typed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let table: Vec<&str> = TABLE.iter().map(|metric| metric.name).collect();
    assert_eq!(typed, table);
    assert!(text.contains("\ntidings_http_answers_total{class=\"2xx\"} "));
    assert!(text.contains("\ntidings_store_up 1\n"), "{text}");
    let plain = format!("{key}accept: text/plain\r\n");
    assert_eq!(get(server.address, "/metrics", &plain).unwrap().0, 200);
    assert_eq!(get(server.address, "/metrics", "").unwrap().0, 401);
    assert_eq!(get(metrics, "/metrics", "").unwrap().0, 200);
    assert_eq!(get(metrics, "/v1/keys", &key).unwrap().0, 404);
}

/// A running Prometheus; it ends with this.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// One that scrapes `target` and knows `rules`.
    fn start(place: &Path, target: SocketAddr, rules: &str) -> Self {
        std::fs::write(place.join("tidings.rules.yml"), rules).unwrap();
        let config = format!(
            "global: {{scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 1s}}\n\
             rule_files: [tidings.rules.yml]\n\
             scrape_configs:\n  - job_name: tidings\n    static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(place.join("prometheus.yml"), config).unwrap();
        let address = free_port();
        let log = std::fs::File::create(place.join("prometheus.log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address={address}"))
            .arg(format!(
                "--config.file={}",
                place.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.join("tsdb").display()
            ))
            .current_dir(place)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus (Debian: prometheus)");
        Self { child, address }
    }

    /// What a query gives; `None` before it answers.
    fn query(&self, query: &str) -> Option<Vec<Value>> {
        let query = url::form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>();
        let (_, body) = get(self.address, &format!("/api/v1/query?query={query}"), "").ok()?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }

    /// Waits until a query gives something.
    fn until(&self, query: &str) -> Vec<Value> {
        let began = Instant::now();
        loop {
            if let Some(found) = self.query(query).filter(|found| !found.is_empty()) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "never: {query}");
            // sleeps: Prometheus has no way to tell that it has scraped
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("promtool (Debian: prometheus)");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_alerts_load_and_fire_when_they_should() {
    promtool(&["check", "rules", "ops/prometheus/tidings.rules.yml"]);
    promtool(&["test", "rules", "tests/prometheus/rules.test.yml"]);
}

#[test]
fn no_alert_is_without_a_test_that_it_fires_and_one_that_it_does_not() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/prometheus/rules.test.yml"
    );
    let tests = std::fs::read_to_string(path).unwrap();
    let named = |line: &str| {
        let (_, name) = line.split_once("alertname: ")?;
        Some(name.split([',', '}']).next()?.to_owned())
    };
    // Those that do not fire are written in one line.
    let (quiet, firing): (Vec<&str>, Vec<&str>) = tests
        .lines()
        .filter(|line| line.contains("alertname: "))
        .partition(|line| line.contains("exp_alerts: []"));
    let [quiet, firing] =
        [quiet, firing].map(|lines| lines.into_iter().filter_map(named).collect::<BTreeSet<_>>());
    let rules = rules();
    let shipped: BTreeSet<String> = rules
        .split("- alert: ")
        .skip(1)
        .map(|rule| rule.lines().next().unwrap().to_owned())
        .collect();
    assert!(shipped.len() >= 16);
    assert_eq!((&quiet, &firing), (&shipped, &shipped));
}

fn rules() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/ops/prometheus/tidings.rules.yml"
    );
    std::fs::read_to_string(path).unwrap()
}

/// The queries of the dashboard, for all nodes.
fn dashboard() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/grafana/tidings.json");
    let text = std::fs::read_to_string(path).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap())
        .map(|query| {
            query
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*")
        })
        .collect()
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|word| word.starts_with("tidings_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn alerts_and_dashboard_name_only_metrics_that_there_are() {
    let known: BTreeSet<String> = TABLE
        .iter()
        .flat_map(|metric| {
            let endings = metric.kind.endings().iter();
            endings.map(|ending| format!("{}{ending}", metric.name))
        })
        .collect();
    let rules = rules();
    let queries = dashboard().join("\n");
    // In descriptions metrics are named without the endings of a histogram.
    let unknown: Vec<_> = named(&rules)
        .into_iter()
        .chain(named(&queries))
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(queries.lines().count() > 20);
}

#[test]
fn the_book_lists_every_alert_with_its_severity() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operate/metrics.md");
    let book = std::fs::read_to_string(path).unwrap();
    let listed: BTreeSet<(String, String)> = book
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("| `Tidings")?.split_once('`')?;
            let severity = rest.trim_end_matches('|').rsplit('|').next()?;
            Some((format!("Tidings{name}"), severity.trim().to_owned()))
        })
        .collect();
    let rules = rules();
    let mut shipped = BTreeSet::new();
    for rule in rules.split("- alert: ").skip(1) {
        let (_, severity) = rule.split_once("severity: ").unwrap();
        let name = rule.lines().next().unwrap().to_owned();
        shipped.insert((name, severity.split('}').next().unwrap().to_owned()));
    }
    assert_eq!(listed, shipped);
}

#[test]
fn silent_connections_do_not_hold_a_scrape_up_and_are_cut() {
    let data = tempfile::tempdir().unwrap();
    let (_server, metrics) = watched(data.path());
    let connect = || {
        let stream = TcpStream::connect(metrics).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    // A half head is silence, too.
    let mut silent: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    let mut half = connect();
    half.write_all(b"GET /metrics HTTP/1.1\r\nhost:").unwrap();
    silent.push(half);
    let asked = Instant::now();
    for _ in 0..3 {
        assert_eq!(get(metrics, "/metrics", "").unwrap().0, 200);
        silent.extend((0..100).map(|_| connect()));
    }
    let took = asked.elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    // Nobody keeps a place without asking.
    for stream in &mut silent {
        let mut said = Vec::new();
        let _cut_or_reset = stream.read_to_end(&mut said);
    }
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn a_stuck_queue_raises_its_alert_and_every_query_of_the_dashboard_answers() {
    let data = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let (server, metrics) = watched(data.path());
    server.organization(1);
    // Nobody listens there: the first try fails, and the second is due ten seconds later.
    let nobody = free_port();
    server.endpoint(1, &format!("http://{nobody}/"), &["project.updated"]);
    let event = r#"{"type":"project.updated","organization_id":1,"data":{"id":"1"}}"#;
    server.ok("POST", "/v1/events", event);
    // Shorter by so much that a test can wait for it.
    let rules = rules()
        .replace("> 120 and", "> 1 and")
        .replace("[2m]", "[10s]")
        .replace("for: 1m", "for: 0s");
    let prometheus = Prometheus::start(place.path(), metrics, &rules);
    prometheus.until(r#"tidings_attempts_total{outcome="refused"} == 1"#);
    // Somebody holds the database: nothing can be claimed.
    let database = rusqlite::Connection::open(data.path().join("tidings.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let firing = r#"ALERTS{alertname="TidingsQueueStuck",alertstate="firing"}"#;
    assert!(prometheus.query(firing).unwrap().is_empty());
    for query in dashboard() {
        assert!(prometheus.query(&query).is_some(), "{query}");
    }
    let alert = prometheus.until(firing);
    assert_eq!(alert[0]["metric"]["severity"], "critical");
    prometheus.until(r#"ALERTS{alertname="TidingsStoreDown",alertstate="firing"}"#);
    // And it goes on when the database is free again.
    database.execute_batch("ROLLBACK").unwrap();
    prometheus.until(r#"tidings_attempts_total{outcome="refused"} >= 2"#);
    prometheus.until("tidings_store_up == 1");
}
