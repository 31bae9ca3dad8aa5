//! Producers that post events as they should, and how long each took.

use crate::server::{Connection, Server};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// On kept connections.
const KEPT: usize = 4;
/// On a new connection for each request.
const FRESH: usize = 2;
/// Between two requests of one producer.
const PAUSE: Duration = Duration::from_millis(10);

const EVENT: &str = r#"{"type":"project.updated","organization_id":1,"data":{"id":1}}"#;

/// What they saw.
#[derive(Default)]
pub struct Latencies {
    kept: Vec<Duration>,
    fresh: Vec<Duration>,
    pub refused: usize,
}

impl Latencies {
    pub fn count(&self) -> usize {
        self.kept.len().min(self.fresh.len())
    }

    pub fn show(&self, when: &str) {
        for (how, times) in [("kept", &self.kept), ("new", &self.fresh)] {
            println!(
                "{when}, {how} connections: {} requests, p50 {:?}, p99 {:?}, longest {:?}",
                times.len(),
                at(times, 50),
                at(times, 99),
                at(times, 100)
            );
        }
        println!("{when}, refused: {}", self.refused);
    }

    /// How much longer the slow hundredth took.
    pub fn ratios(alone: &Self, beside: &Self) -> String {
        let ratio = |before: &[Duration], then: &[Duration]| {
            at(then, 99).as_secs_f64() / at(before, 99).as_secs_f64()
        };
        format!(
            "× {:.2} on kept connections, × {:.2} on new ones",
            ratio(&alone.kept, &beside.kept),
            ratio(&alone.fresh, &beside.fresh)
        )
    }
}

/// The time that so many of a hundred did not pass. They are in order.
fn at(times: &[Duration], percent: usize) -> Duration {
    let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}

/// Posts for so long; `looks` is called four times a second meanwhile.
pub fn serve_well(server: &Server, lasting: Duration, mut looks: impl FnMut(u32)) -> Latencies {
    let over = AtomicBool::new(false);
    let (address, key, over) = (server.address, server.key.as_str(), &over);
    thread::scope(|scope| {
        let kept: Vec<_> = (0..KEPT)
            .map(|_| scope.spawn(move || post(address, key, over, true)))
            .collect();
        let fresh: Vec<_> = (0..FRESH)
            .map(|_| scope.spawn(move || post(address, key, over, false)))
            .collect();
        let begun = Instant::now();
        while begun.elapsed() < lasting {
            looks(0);
            thread::sleep(Duration::from_millis(250)); // sleeps: the time of the measurement
        }
        over.store(true, Ordering::Relaxed);
        let mut seen = Latencies::default();
        for posted in kept {
            let (times, refused) = posted.join().unwrap();
            seen.kept.extend(times);
            seen.refused += refused;
        }
        for posted in fresh {
            let (times, refused) = posted.join().unwrap();
            seen.fresh.extend(times);
            seen.refused += refused;
        }
        seen.kept.sort_unstable();
        seen.fresh.sort_unstable();
        seen
    })
}

fn post(address: SocketAddr, key: &str, over: &AtomicBool, keeps: bool) -> (Vec<Duration>, usize) {
    let mut connection = None;
    let (mut times, mut refused) = (Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let opened = match connection.take().filter(|_| keeps) {
            Some(open) => Ok(open),
            None => Connection::open(address, key),
        };
        let posted = opened.and_then(|mut open| {
            let (status, _) = open.call("POST", "/v1/events", EVENT)?;
            Ok((status, open))
        });
        times.push(begun.elapsed());
        match posted {
            Ok((202, open)) => connection = Some(open),
            Ok((status, _)) => {
                eprintln!("answered {status}");
                refused += 1;
            }
            Err(error) => {
                eprintln!("refused: {error}");
                refused += 1;
            }
        }
        thread::sleep(PAUSE); // sleeps: the pace of a producer
    }
    (times, refused)
}
