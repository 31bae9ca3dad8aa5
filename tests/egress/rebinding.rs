//! A name server that changes its mind with every question, time to live 0: whichever answer an attempt got is the
//! one it judged and the one it dialled (S3). `TIDINGS_TEST_TIER=long` tries ten times as often.

use crate::Dialled;
use crate::name_server::{NameServer, Said, address};
use crate::receiver::{Receiver, Reply};
use crate::world::{Setting, World};
use hickory_resolver::proto::rr::RecordType;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tidings_core::address::EgressRules;
use tidings_core::outcome::{Failure, Outcome};
use tokio::task::JoinSet;

const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where a listener waits that nobody may reach.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Names that are tried one attempt after the other.
const NAMES: usize = 100;
/// Attempts at one more name, all at once.
const TOGETHER: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_name_that_moves_between_questions_never_leads_inside() {
    let attempts = match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("quick") => 1_000,
        Ok("long") => 100_000,
        _ => 10_000,
    };
    let receiver = Receiver::start(|_| Reply::status(200).header("connection", "close")).await;
    let port = receiver.address.port();
    let inside = TcpListener::bind((INSIDE, port)).unwrap();
    inside.set_nonblocking(true).unwrap();
    let questions = Mutex::new(HashMap::new());
    let server = NameServer::answering(move |name, kind| flip(&questions, name, kind)).await;
    let dialled = Dialled::default();
    let world = Arc::new(World::with(Setting {
        resolver: server.resolver(),
        rules: EgressRules {
            allow: vec!["127.0.0.1/32".parse().unwrap()],
            ..EgressRules::default()
        },
        dialer: dialled.connecting(),
        ..Setting::default()
    }));

    let each = attempts / NAMES;
    let mut tasks = JoinSet::new();
    for number in 0..NAMES {
        let (world, url) = (
            Arc::clone(&world),
            format!("http://n{number}.example:{port}/"),
        );
        tasks.spawn(async move {
            let mut ends = Ends::default();
            for _ in 0..each {
                ends.judge(&world, &url).await;
            }
            ends
        });
    }
    let mut ends = Ends::default();
    while let Some(more) = tasks.join_next().await {
        ends.add(&more.unwrap());
    }
    for number in 0..NAMES {
        let asked = server.questions_for(&format!("n{number}.example."));
        assert_eq!(asked, 2 * each, "one A and one AAAA an attempt");
    }
    assert!(
        ends.sent * 3 > attempts && ends.denied * 3 > attempts,
        "{ends:?}"
    );
    println!("{attempts} attempts: {ends:?}");

    let url = format!("http://shared.example:{port}/");
    for _ in 0..TOGETHER {
        let (world, url) = (Arc::clone(&world), url.clone());
        tasks.spawn(async move {
            let mut ends = Ends::default();
            ends.judge(&world, &url).await;
            ends
        });
    }
    while let Some(more) = tasks.join_next().await {
        ends.add(&more.unwrap());
    }
    assert!(server.questions_for("shared.example.") <= 2 * TOGETHER);

    let good = SocketAddr::new(GOOD, port);
    assert!(dialled.take().iter().all(|address| *address == good));
    assert_eq!(receiver.seen().requests.len(), ends.sent);
    let reached = inside.accept().unwrap_err();
    assert_eq!(reached.kind(), std::io::ErrorKind::WouldBlock);
}

/// How attempts ended.
#[derive(Debug, Default)]
struct Ends {
    sent: usize,
    denied: usize,
}

impl Ends {
    async fn judge(&mut self, world: &World, url: &str) {
        let record = world.send(url).await;
        match record.outcome {
            Outcome::Status(200) => {
                assert_eq!(record.peer.unwrap().ip(), GOOD);
                self.sent += 1;
            }
            Outcome::Failed(Failure::EgressDenied) => {
                assert_eq!(record.peer, None, "{}", record.detail);
                self.denied += 1;
            }
            other => panic!("{url}: {other:?}: {}", record.detail),
        }
    }

    fn add(&mut self, more: &Self) {
        self.sent += more.sent;
        self.denied += more.denied;
    }
}

/// Good and bad answers by turns; the bad ones alone, behind a good one, before a good one, and of the other kind.
fn flip(
    questions: &Mutex<HashMap<(String, RecordType), usize>>,
    name: &str,
    kind: RecordType,
) -> Said {
    let mut questions = questions.lock().unwrap();
    let turn = questions.entry((name.to_owned(), kind)).or_insert(0);
    *turn += 1;
    let elsewhere = "10.0.0.7".parse().unwrap();
    let metadata = "169.254.169.254".parse().unwrap();
    let answer: &[IpAddr] = match (kind, *turn % 2, *turn / 2 % 5) {
        (RecordType::A, 1, _) => &[GOOD],
        (RecordType::A, _, 0) => &[INSIDE],
        (RecordType::A, _, 1) => &[GOOD, INSIDE],
        (RecordType::A, _, 2) => &[INSIDE, GOOD],
        (RecordType::A, _, 3) => &[elsewhere],
        (RecordType::A, ..) => &[metadata, GOOD],
        (RecordType::AAAA, 1, 4) => &[IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)],
        _ => &[],
    };
    let records = answer.iter().map(|ip| address(name, *ip, 0));
    Some(Ok(records.collect()))
}
