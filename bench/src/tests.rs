//! The bench judged against a stand-in server whose faults are known: what it loses, repeats, refuses or delays must
//! come out of the counts exactly. The real server is measured, never needed, here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::error::BenchError;
use crate::load::{Pace, Target};
use crate::measure::{Latency, Machine, Memory};
use crate::phases::{At, Round, Rounds};
use crate::receiver::Receiver;
use crate::report::{AtRate, Process, Report, Setting, Verdict};
use crate::server::{Server, find_binary, operator_key};

/// What the stand-in does with the n-th event it gets, counted from 0.
#[derive(Clone, Copy, PartialEq)]
enum Treatment {
    Deliver,
    DeliverTwice,
    Lose,
    Refuse,
    Stall(Duration),
}

/// A server that forwards every event to `receiver` before it answers.
fn stand_in(receiver: &Receiver, treat: fn(u64) -> Treatment) -> Target {
    let to = receiver
        .url()
        .trim_start_matches("http://")
        .trim_end_matches("/ok")
        .to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let url = format!("http://{}/v1/events", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (to, count) = (to.clone(), Arc::clone(&count));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let treatment = treat(count.fetch_add(1, Ordering::Relaxed));
                    handle(request, to.clone(), treatment)
                });
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
    });
    Target::new(&url, Some("tdg_o_test")).unwrap()
}

async fn handle(
    request: Request<hyper::body::Incoming>,
    to: String,
    treatment: Treatment,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.headers()["authorization"], "Bearer tdg_o_test");
    assert_eq!(request.uri().path(), "/v1/events");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let times = match treatment {
        Treatment::Lose | Treatment::Refuse => 0,
        Treatment::DeliverTwice => 2,
        Treatment::Deliver => 1,
        Treatment::Stall(pause) => {
            // sleeps: the stall is the behaviour under test
            tokio::time::sleep(pause).await;
            1
        }
    };
    for _ in 0..times {
        let stream = TcpStream::connect(&to).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let delivery = Request::post("/ok")
            .header("host", &to)
            .body(Full::new(body.clone()))
            .unwrap();
        assert!(
            sender
                .send_request(delivery)
                .await
                .unwrap()
                .status()
                .is_success()
        );
    }
    let status = if treatment == Treatment::Refuse {
        503
    } else {
        202
    };
    Ok(Response::builder()
        .status(status)
        .body(Full::new(Bytes::from_static(b"{\"code\":\"full\"}")))
        .unwrap())
}

fn rounds(receiver: &Receiver, connections: usize) -> Rounds {
    let mut rounds = Rounds::new(receiver.clone(), connections, 256);
    rounds.quiet = Duration::from_millis(200);
    rounds
}

/// 100 events on schedule through the stand-in.
fn hundred(connections: usize, treat: fn(u64) -> Treatment) -> Result<Round, BenchError> {
    let receiver = Receiver::start().unwrap();
    let target = stand_in(&receiver, treat);
    let pace = Pace::Open {
        rate: 500,
        lasting: Duration::from_millis(200),
    };
    rounds(&receiver, connections).run(
        "test",
        At::Server {
            target: &target,
            pid: std::process::id(),
        },
        pace,
    )
}

#[test]
fn faults_of_a_server_come_out_of_the_counts() {
    #[track_caller]
    fn check(treat: fn(u64) -> Treatment, expected: [u64; 6]) {
        let got = hundred(4, treat).unwrap();
        assert_eq!(
            [
                got.posted,
                got.accepted,
                got.refused,
                got.arrived,
                got.lost,
                got.duplicates
            ],
            expected
        );
        assert_eq!(got.arrival.events as u64, got.arrived);
        assert_eq!(got.accept.events as u64, got.accepted);
    }
    check(|_| Treatment::Deliver, [100, 100, 0, 100, 0, 0]);
    check(
        |n| {
            if n % 10 == 3 {
                Treatment::Lose
            } else {
                Treatment::Deliver
            }
        },
        [100, 100, 0, 90, 10, 0],
    );
    check(
        |n| {
            if n % 20 == 3 {
                Treatment::DeliverTwice
            } else {
                Treatment::Deliver
            }
        },
        [100, 100, 0, 100, 0, 5],
    );
    check(
        |n| {
            if n % 25 == 3 {
                Treatment::Refuse
            } else {
                Treatment::Deliver
            }
        },
        [100, 96, 4, 96, 0, 0],
    );
}

#[test]
fn latency_counts_from_the_schedule_so_a_stall_reaches_all_that_waited() {
    let stall = |n| {
        if n == 10 {
            Treatment::Stall(Duration::from_millis(120))
        } else {
            Treatment::Deliver
        }
    };
    let got = hundred(1, stall).unwrap();
    // One event stalls for 120 ms; the sixty due meanwhile wait behind it. Counted from the send, only one would show.
    assert!(
        got.accept.max_ms >= 120.0 && got.arrival.max_ms >= 120.0,
        "{got:?}"
    );
    assert!(got.accept.p90_ms >= 60.0, "{got:?}");
}

#[test]
fn a_server_that_refuses_everything_is_an_error_that_says_why() {
    let error = hundred(2, |_| Treatment::Refuse).unwrap_err();
    let BenchError::NothingThrough {
        posted: 100,
        refusal,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(
        refusal.contains("503") && refusal.contains("full"),
        "{refusal}"
    );
}

#[test]
fn a_late_repetition_of_an_earlier_round_is_no_event_of_the_next() {
    let receiver = Receiver::start().unwrap();
    let mut rounds = rounds(&receiver, 2);
    let pace = Pace::Closed(Duration::from_millis(50));
    let first = rounds.run("first", At::Floor, pace).unwrap();
    let second = rounds.run("second", At::Floor, pace).unwrap();
    for round in [&first, &second] {
        assert_eq!((round.lost, round.duplicates, round.failed), (0, 0, 0));
        assert_eq!(round.arrived, round.accepted);
        assert!(round.arrived_per_second > 0.0 && round.server_cpu_us.is_none());
    }
}

#[test]
fn what_is_no_server_is_refused_with_a_reason() {
    let nowhere = Path::new("/nonexistent/tidings");
    assert!(matches!(
        find_binary(Some(nowhere), |_| ()),
        Err(BenchError::NoBinary(_))
    ));
    let data = std::env::temp_dir().join(format!("tidings-bench-test-{}", std::process::id()));
    std::fs::create_dir_all(&data).unwrap();
    // `false` takes any arguments, prints nothing and fails.
    let fails = Path::new("false");
    assert!(matches!(operator_key(fails), Err(BenchError::Child { .. })));
    assert!(matches!(
        Server::start(fails, &data, "tdg_o_test"),
        Err(BenchError::NotReady { .. })
    ));
    std::fs::remove_file(data.with_extension("log")).unwrap();
    std::fs::remove_dir_all(&data).unwrap();
}

#[test]
fn a_target_needs_an_address_and_a_clean_key() {
    for (url, key) in [
        ("http://localhost:1/x", None),
        ("127.0.0.1:1", None),
        ("https://127.0.0.1:1/x", None),
        ("/v1/events", None),
        ("http://127.0.0.1:1/x", Some("a\nb")),
    ] {
        assert!(
            matches!(Target::new(url, key), Err(BenchError::Target { .. })),
            "{url}"
        );
    }
}

fn latency(p50_ms: f64, p99_ms: f64) -> Latency {
    Latency {
        events: 100,
        p50_ms,
        p90_ms: p50_ms,
        p99_ms,
        max_ms: p99_ms,
    }
}

fn round(arrived_per_second: f64, arrival: Latency) -> Round {
    Round {
        posted: 100,
        accepted: 100,
        refused: 0,
        put_off: 0,
        failed: 0,
        arrived: 100,
        lost: 0,
        duplicates: 0,
        seconds: 1.0,
        accepted_per_second: arrived_per_second,
        arrived_per_second,
        accept: arrival,
        arrival,
        bench_cpu_us: Some(9.0),
        server_cpu_us: Some(40.0),
    }
}

/// A report whose every bar is met by a little.
fn good_report() -> Report {
    let memory = Some(Memory {
        resident_mb: 29.9,
        peak_mb: 80.0,
    });
    Report {
        machine: Machine {
            cores: 2,
            cpu: "x".into(),
            kernel: "linux".into(),
            rustc: None,
        },
        setting: Setting {
            seconds: 1,
            connections: 64,
            body_bytes: 1_024,
        },
        fdatasync: Some(latency(0.2, 0.4)),
        floor: Some(round(100_000.0, latency(0.6, 1.0))),
        throughput: Some(round(20_000.0, latency(3.0, 9.0))),
        latency: vec![AtRate {
            rate: 200,
            floor: round(200.0, latency(0.1, 0.2)),
            server: round(200.0, latency(1.5, 5.0)),
        }],
        process: Some(Process {
            binary: "tidings".into(),
            ready_ms: 199.0,
            idle: memory,
            after: memory,
            stop_ms: 5.0,
            ready_again_ms: 50.0,
        }),
        bars: Vec::new(),
    }
}

#[test]
fn bars_are_judged_one_by_one() {
    #[track_caller]
    fn check(name: Option<&str>, verdict: Verdict, spoil: fn(&mut Report)) {
        let mut report = good_report();
        spoil(&mut report);
        report.judge();
        assert_eq!(report.bars.len(), 7);
        for bar in &report.bars {
            let expected = if Some(bar.name.as_str()) == name {
                verdict
            } else {
                Verdict::Met
            };
            assert_eq!(bar.verdict, expected, "{}", bar.name);
            assert!(
                crate::table::of(&report).contains(&bar.name),
                "{} is not in the table",
                bar.name
            );
        }
        let json = serde_json::to_value(&report).unwrap();
        assert!(json.pointer("/bars/0/verdict").is_some());
    }
    check(None, Verdict::Met, |_| ());
    check(Some("throughput of floor"), Verdict::Missed, |r| {
        r.throughput = Some(round(19_999.0, latency(3.0, 9.0)))
    });
    check(Some("arrival p50 at 200/s, ms"), Verdict::Missed, |r| {
        r.latency[0].server.arrival.p50_ms = 1.51
    });
    check(Some("arrival p99 at 200/s, ms"), Verdict::Missed, |r| {
        r.latency[0].server.arrival.p99_ms = 5.01
    });
    check(Some("arrival p99 at 200/s, ms"), Verdict::NotCounted, |r| {
        r.latency[0].server.arrival.p99_ms = 5.01;
        r.fdatasync = Some(latency(0.31, 0.4));
    });
    check(Some("lost"), Verdict::Missed, |r| {
        r.latency[0].server.lost = 1
    });
    check(Some("duplicates"), Verdict::Missed, |r| {
        r.latency[0].server.duplicates = 1
    });
    check(Some("memory idle, MB"), Verdict::Missed, |r| {
        r.process.as_mut().unwrap().idle = Some(Memory {
            resident_mb: 30.1,
            peak_mb: 31.0,
        });
    });
    check(Some("start to ready, ms"), Verdict::Missed, |r| {
        r.process.as_mut().unwrap().ready_ms = 200.1
    });
}
