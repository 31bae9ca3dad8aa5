//! Three nodes on one PostgreSQL under load, and faults at random: nothing acknowledged is lost, nothing is stuck, no final
//! state is overwritten (R2, R19, R21). `TIDINGS_TEST_TIER=long` goes on for longer; `TIDINGS_SEED` replays.

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
mod cluster;
#[path = "support/cut.rs"]
#[allow(dead_code, reason = "shared with the store's tests")]
mod cut;
#[path = "support/seeded.rs"]
mod seeded;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

use cluster::Cluster;
use cut::Wire;
use seeded::Seeded;
use serde_json::Value;
use server::{Connection, Server, operator_key};
use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use witness::Witness;

const NODES: usize = 3;
/// The owner's endpoint and one of another organization: every event makes two deliveries.
const RECIPIENTS: usize = 2;
/// Events offered in a second, by all producers.
const RATE: u64 = 1_000;
const PRODUCERS: u64 = 8;
/// How long after the last fault everything must have come to rest: a lease, and what was held up.
const REST: Duration = Duration::from_secs(60);

/// A node: its process while it runs, and its wire to the database.
struct Node {
    name: String,
    wire: Wire,
    server: Mutex<Option<Server>>,
}

impl Node {
    fn start(&self, url: &str, key: &str, folder: &std::path::Path) {
        let (before, after) = url.split_once("127.0.0.1:").unwrap();
        let (_, rest) = after.split_once('/').unwrap();
        let url = format!("{before}{}/{rest}", self.wire.address);
        let master = "5a".repeat(32);
        let server = Server::start_with(
            folder,
            key,
            &[
                ("TIDINGS_DATABASE_URL", &url),
                ("TIDINGS_MASTER_KEY", &master),
                ("TIDINGS_NODE", &self.name),
            ],
        );
        *self.server.lock().unwrap() = Some(server);
    }

    fn signal(&self, name: &str) {
        let pid = self.server.lock().unwrap().as_ref().unwrap().pid();
        let sent = Command::new("kill").args([name, &pid.to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

/// What the producers know.
#[derive(Default)]
struct Posted {
    acked: Mutex<HashSet<u64>>,
    refused: AtomicU64,
    next: AtomicU64,
}

/// Posts at its part of the rate, to whichever node answers.
fn produce(number: u64, nodes: &[Node], key: &str, posted: &Posted, stop: &AtomicBool) {
    let begun = Instant::now();
    let (mut sent, mut at) = (0, number as usize % NODES);
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let due = Duration::from_micros(sent * 1_000_000 * PRODUCERS / RATE);
        if let Some(early) = due.checked_sub(begun.elapsed()) {
            std::thread::sleep(early); // sleeps: an open loop posts by the clock
        }
        sent += 1;
        if connection.is_none() {
            at = (at + 1) % NODES;
            let address = nodes[at]
                .server
                .lock()
                .unwrap()
                .as_ref()
                .map(|server| server.address);
            connection = address.and_then(|address| Connection::open(address, key).ok());
        }
        let Some(open) = &mut connection else {
            continue;
        };
        let number = posted.next.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            "{{\"type\":\"project.updated\",\"organization_id\":1,\"public\":true,\"data\":{{\"number\":{number}}}}}"
        );
        match open.call("POST", "/v1/events", &body) {
            Ok((202, _)) => drop(posted.acked.lock().unwrap().insert(number)),
            Ok((503, _)) => {
                posted.refused.fetch_add(1, Ordering::Relaxed);
                connection = None;
            }
            Ok((status, answer)) => panic!("{status} {answer}"),
            Err(_gone) => connection = None,
        }
    }
}

/// Stops the producers when dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One number from the database.
fn number(url: &str, sql: &str) -> i64 {
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    client.query_one(sql, &[]).unwrap().get(0)
}

struct Faults<'a> {
    nodes: &'a [Node],
    key: &'a str,
    folder: &'a std::path::Path,
    random: Seeded,
    primary: Cluster,
    standby: Option<Cluster>,
}

impl Faults<'_> {
    fn wait(&mut self, from: u64, up_to: u64) {
        let wait = from + self.random.below(up_to - from);
        std::thread::sleep(Duration::from_millis(wait)); // sleeps: faults fall at random moments of processes under load
    }

    /// One fault, and its end; answers what it was.
    fn one(&mut self) -> String {
        let at = self.random.below(NODES as u64) as usize;
        let node = &self.nodes[at];
        match self.random.below(10) {
            0..=3 => {
                let server = node.server.lock().unwrap().take().unwrap();
                server.kill();
                self.wait(100, 1_500);
                node.start(&self.primary.url, self.key, self.folder);
                format!("killed {}", node.name)
            }
            4..=5 => {
                node.signal("-STOP");
                // Shorter and longer than a lease.
                self.wait(500, 13_000);
                node.signal("-CONT");
                format!("stopped {}", node.name)
            }
            6..=7 => {
                node.wire.lead(None);
                self.wait(300, 4_000);
                node.wire.lead(Some(self.primary.port()));
                format!("cut off {}", node.name)
            }
            9 if self.standby.is_some() => self.fail_over(),
            _ => {
                self.primary.crash();
                self.wait(100, 1_000);
                self.primary.again();
                String::from("crashed the database")
            }
        }
    }

    fn fail_over(&mut self) -> String {
        let standby = self.standby.take().unwrap();
        self.primary.crash();
        standby.promote();
        for node in self.nodes {
            node.wire.lead(Some(standby.port()));
        }
        self.primary = standby;
        String::from("failed over")
    }
}

/// Waits until nothing waits any more.
fn at_rest(url: &str) {
    let begun = Instant::now();
    let open = "SELECT count(*) FROM deliveries WHERE state IN (0, 1)";
    while number(url, open) + number(url, "SELECT count(*) FROM fan_outs") > 0 {
        assert!(
            begun.elapsed() < REST,
            "stuck: {} deliveries",
            number(url, open)
        );
        std::thread::sleep(Duration::from_millis(200)); // sleeps: the tables have no signal for the last settle
    }
}

fn check(url: &str, witness: &Witness, posted: &Posted) -> u64 {
    let mut arrived: HashMap<u64, usize> = HashMap::new();
    let mut repeated = 0;
    for seen in witness.seen().values() {
        assert!(!seen.changed, "W16: arrived with two bodies");
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let number = body["data"]["number"].as_u64().unwrap();
        *arrived.entry(number).or_default() += 1;
        repeated += u64::from(seen.arrivals - 1);
    }
    for number in posted.acked.lock().unwrap().iter() {
        assert_eq!(
            arrived.get(number),
            Some(&RECIPIENTS),
            "event {number} was acknowledged"
        );
    }
    let all = number(url, "SELECT count(*) FROM deliveries");
    assert_eq!(
        all,
        number(url, "SELECT count(*) FROM deliveries WHERE state = 2"),
        "all delivered"
    );
    assert_eq!(
        all as usize,
        witness.seen().len(),
        "the log and the witness differ"
    );
    // A final state that was overwritten would leave a delivery whose last attempt was not the one that ended it.
    let overwritten = number(
        url,
        "SELECT count(*) FROM deliveries d WHERE d.attempts <>
            (SELECT max(a.number) FROM attempts a WHERE a.event_id = d.event_id AND a.endpoint_id = d.endpoint_id)",
    );
    assert_eq!(overwritten, 0, "final states were overwritten");
    // W23: what arrived twice was an attempt whose result was not stored. A stored success is never followed by another try.
    let again = number(
        url,
        "SELECT count(*) FROM (SELECT 1 FROM attempts WHERE outcome BETWEEN 200 AND 299
            GROUP BY event_id, endpoint_id HAVING count(*) > 1) AS twice",
    );
    assert_eq!(again, 0, "sent again although its success was stored");
    repeated
}

#[test]
fn r21_three_nodes_lose_nothing_whatever_fails() {
    let faults = match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => 200,
        _ => 30,
    };
    let primary = Cluster::start();
    let (witness, key) = (Witness::start(), operator_key());
    let folder = tempfile::tempdir().unwrap();
    let nodes: Vec<Node> = (1..=NODES)
        .map(|number| Node {
            name: format!("node-{number}"),
            wire: Wire::to(primary.port()),
            server: Mutex::new(None),
        })
        .collect();
    for node in &nodes {
        node.start(&primary.url, &key, folder.path());
    }
    {
        let first = nodes[0].server.lock().unwrap();
        let first = first.as_ref().unwrap();
        for (organization, event_type) in [(1, "project.updated"), (2, "project.public.updated")] {
            first.organization(organization);
            first.endpoint(
                organization,
                &witness.url(&format!("/{organization}")),
                &[event_type],
            );
        }
    }
    let standby = primary.standby();
    let (posted, stop) = (Posted::default(), AtomicBool::new(false));
    let mut fault = Faults {
        nodes: &nodes,
        key: &key,
        folder: folder.path(),
        random: Seeded::from_environment(),
        primary,
        standby: Some(standby),
    };
    std::thread::scope(|scope| {
        // Whatever happens here, the producers end.
        let _over = Over(&stop);
        for producer in 0..PRODUCERS {
            let (nodes, key, posted, stop) = (&nodes, &key, &posted, &stop);
            scope.spawn(move || produce(producer, nodes, key, posted, stop));
        }
        for number in 1..=faults {
            fault.wait(200, 1_500);
            let what = fault.one();
            let acked = posted.acked.lock().unwrap().len();
            eprintln!("fault {number}: {what}; {acked} acknowledged");
        }
        if fault.standby.is_some() {
            eprintln!("{}", fault.fail_over());
        }
        fault.wait(1_000, 1_500);
    });
    let url = fault.primary.url.clone();
    at_rest(&url);
    let repeated = check(&url, &witness, &posted);
    eprintln!(
        "{faults} faults, {} acknowledged, {} refused, 0 lost, {repeated} repeated",
        posted.acked.lock().unwrap().len(),
        posted.refused.load(Ordering::Relaxed)
    );
    for node in &nodes {
        let server = node.server.lock().unwrap().take().unwrap();
        assert!(server.terminate().success(), "{} stops cleanly", node.name);
    }
}
