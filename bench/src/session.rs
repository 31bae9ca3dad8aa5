//! One run of the full report, from machine facts to the table: which phases, in which order, with which server.
//! Order matters: the disk first (nothing else running), the floor right before the throughput it is compared with,
//! latency last, on a server that has data. The data directory is removed at the end, on errors too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::BenchError;
use crate::load::{Pace, Target};
use crate::measure::{Machine, memory, synced_write};
use crate::phases::{At, Round, Rounds};
use crate::receiver::Receiver;
use crate::report::{AtRate, Process, Report, Setting, progress};
use crate::server::{Server, find_binary, log_of, operator_key};
use crate::{Options, Part};

/// The fixed rates of the latency phase, in events per second.
const RATES: [u32; 4] = [200, 1_000, 5_000, 10_000];
/// How long the server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(1);

/// Measures what `options` ask for, prints the table and writes the JSON.
pub fn run(options: &Options) -> Result<(), BenchError> {
    if cfg!(debug_assertions) {
        progress("warning: this is a debug build; run it with --release, its figures mean nothing");
    }
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let mut report = Report {
        machine: Machine::here(),
        setting: Setting {
            seconds: options.seconds,
            connections: options.connections,
            body_bytes: options.body_bytes,
        },
        fdatasync: None,
        floor: None,
        throughput: None,
        latency: Vec::new(),
        process: None,
        bars: Vec::new(),
    };
    let with_server = wanted(Part::Throughput) || wanted(Part::Latency) || wanted(Part::Process);
    // Before anything is measured, since it may build.
    let binary = if with_server {
        Some(find_binary(options.tidings.as_deref(), progress)?)
    } else {
        None
    };
    let data = DataDirectory::make(options.data.as_deref(), options.keep_data)?;
    if wanted(Part::Disk) || wanted(Part::Latency) {
        progress("disk: 2,000 writes of 4 KiB, each with fdatasync");
        report.fdatasync = Some(synced_write(&data.path)?);
    }
    let mut rounds = Rounds::new(Receiver::start()?, options.connections, options.body_bytes);
    if wanted(Part::Floor) || wanted(Part::Throughput) {
        let lasting = Duration::from_secs(options.seconds);
        progress(&format!(
            "floor: generator straight into the receiver, {} s",
            options.seconds
        ));
        report.floor = Some(rounds.run("the floor", At::Floor, Pace::Closed(lasting))?);
    }
    if let Some(binary) = binary {
        through_server(&mut report, &mut rounds, options, (&binary, &data.path))?;
    }
    report.judge();
    report.write_json(&options.json)?;
    report.print();
    progress(&format!("figures in {}", options.json.display()));
    Ok(())
}

/// The phases that need a server.
fn through_server(
    report: &mut Report,
    rounds: &mut Rounds,
    options: &Options,
    (binary, data): (&Path, &Path),
) -> Result<(), BenchError> {
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let lasting = Duration::from_secs(options.seconds);
    progress(&format!("server: {}", binary.display()));
    let key = operator_key(binary)?;
    let server = Server::start(binary, data, &key)?;
    let ready = server.ready_after;
    std::thread::sleep(IDLE);
    let idle = memory(server.pid());
    let target = server.set_up(&rounds.receiver().url())?;
    let at = At::Server {
        target: &target,
        pid: server.pid(),
    };
    let one = Pace::Open {
        rate: 10,
        lasting: Duration::from_millis(100),
    };
    rounds.run("one event, to see that it works", at, one)?;
    if wanted(Part::Throughput) {
        progress(&format!(
            "throughput: single posts through the server, {} s",
            options.seconds
        ));
        report.throughput = Some(rounds.run("throughput", at, Pace::Closed(lasting))?);
    }
    if wanted(Part::Latency) {
        report.latency = latency(rounds, &target, (server.pid(), lasting))?;
    }
    let after = memory(server.pid());
    progress("server: stop and start again");
    let stopped = server.stop();
    let again = Server::start(binary, data, &key)?;
    report.process = Some(Process {
        binary: binary.display().to_string(),
        ready_ms: ready.as_secs_f64() * 1e3,
        idle,
        after,
        stop_ms: stopped.as_secs_f64() * 1e3,
        ready_again_ms: again.ready_after.as_secs_f64() * 1e3,
    });
    again.stop();
    Ok(())
}

fn latency(
    rounds: &mut Rounds,
    target: &Target,
    (pid, lasting): (u32, Duration),
) -> Result<Vec<AtRate>, BenchError> {
    let mut all = Vec::with_capacity(RATES.len());
    for rate in RATES {
        progress(&format!(
            "latency at {rate}/s: straight, then through the server, {} s each",
            lasting.as_secs()
        ));
        let pace = Pace::Open { rate, lasting };
        let floor: Round = rounds.run("latency of the floor", At::Floor, pace)?;
        let server = rounds.run("latency", At::Server { target, pid }, pace)?;
        all.push(AtRate {
            rate,
            floor,
            server,
        });
    }
    Ok(all)
}

/// The data directory of a run, removed with the log beside it unless they are to be kept.
struct DataDirectory {
    path: PathBuf,
    keep: bool,
}

impl DataDirectory {
    /// Makes the directory named, else a new one under `target/bench` (not under `/tmp`, which may be memory). What lies
    /// there from before is refused, never removed.
    fn make(named: Option<&Path>, keep: bool) -> Result<Self, BenchError> {
        let new = || PathBuf::from(format!("target/bench/data-{}", std::process::id()));
        let path = named.map_or_else(new, Path::to_owned);
        let shown = path.display().to_string();
        let doing = || BenchError::io(format!("make the data directory {shown}"));
        std::fs::create_dir_all(&path).map_err(doing())?;
        if std::fs::read_dir(&path).map_err(doing())?.next().is_some() {
            return Err(doing()(std::io::Error::new(
                std::io::ErrorKind::DirectoryNotEmpty,
                "it is not empty",
            )));
        }
        let path = path.canonicalize().map_err(doing())?;
        Ok(Self { path, keep })
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if self.keep {
            progress(&format!("kept {} and its log", self.path.display()));
        } else {
            // What cannot be removed is in the way of the next run, which says so.
            _ = std::fs::remove_dir_all(&self.path);
            _ = std::fs::remove_file(log_of(&self.path));
        }
    }
}
