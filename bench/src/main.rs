//! `tidings-bench`: how fast is the server here, next to the floor of the same machine? One command measures floor,
//! throughput, latency, CPU, memory and start, and prints a table and JSON; `load` and `receive` are its two halves for
//! use by hand. What is measured, and why so: docs/decisions/0002-benchmarks.md.
//! Everything stays on loopback and is bounded in count and time. A missed bar does not fail the command: the report
//! says it. Never part of the product binary.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

mod error;
mod load;
mod measure;
mod payload;
mod phases;
mod receiver;
mod report;
mod secure;
mod seqset;
mod server;
mod session;
mod suite;
mod table;
#[cfg(test)]
mod tests;
mod viewers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::json;

use crate::error::BenchError;
use crate::load::{Load, Pace, Target};
use crate::measure::Latency;
use crate::payload::{FIRST_SEQ, SMALLEST_BODY};
use crate::receiver::Receiver;
use crate::report::{print_json, progress};

/// Measures Tidings against the floor of this machine.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release -p tidings-bench -- --seconds 10\n\
    Exit codes: 0 measured (whether bars were met is in the report), 1 could not measure, 2 wrong use."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

/// Options of the full report.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Length of each round in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Connections of the generator.
    #[arg(long, default_value_t = 64, value_parser = connections)]
    connections: usize,
    /// Length of a posted body in bytes.
    #[arg(long, default_value_t = 1_024, value_parser = body_bytes)]
    body_bytes: usize,
    /// Measure only these; throughput includes the floor.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// The server binary; without it the release build of this workspace.
    #[arg(long, value_name = "PATH")]
    tidings: Option<PathBuf>,
    /// The server's data directory, empty or not there yet, on the disk that is to be measured; without it a new one
    /// under target/bench.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Leave the data directory and the server's log behind.
    #[arg(long)]
    keep_data: bool,
    /// Where the figures go as JSON.
    #[arg(long, value_name = "FILE", default_value = "target/bench/report.json")]
    json: PathBuf,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// How fast the data directory's disk syncs.
    Disk,
    /// Generator straight into the receiver.
    Floor,
    /// Single posts end to end, closed loop.
    Throughput,
    /// Accept and arrival at fixed rates.
    Latency,
    /// Start, idle memory and stop of the server alone.
    Process,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures everything that is promised about speed; takes a quarter of an hour.
    Suite(suite::SuiteOptions),
    /// Posts events to a URL and prints what came of it as one line of JSON.
    Load(LoadOptions),
    /// Receives deliveries and prints the counts as JSON when none has come for a while.
    Receive(ReceiveOptions),
}

#[derive(Debug, Args)]
struct LoadOptions {
    /// Where to post, with an IP address and a port: http://127.0.0.1:8420/v1/events
    #[arg(long)]
    url: String,
    /// The API key.
    #[arg(long, env = "TIDINGS_KEY", hide_env_values = true)]
    key: Option<String>,
    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Connections.
    #[arg(long, default_value_t = 64, value_parser = connections)]
    connections: usize,
    /// Length of a body in bytes.
    #[arg(long, default_value_t = 1_024, value_parser = body_bytes)]
    body_bytes: usize,
    /// Events per second on schedule; without it as fast as answers come.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// The number of the first event.
    #[arg(long, default_value_t = FIRST_SEQ)]
    first_seq: u64,
}

#[derive(Debug, Args)]
struct ReceiveOptions {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:9900")]
    listen: SocketAddr,
    /// Stop when nothing has come for this many seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    quiet: u64,
    /// The number of the first event.
    #[arg(long, default_value_t = FIRST_SEQ)]
    first_seq: u64,
}

fn connections(text: &str) -> Result<usize, String> {
    within(text, 1, 4_096)
}

fn body_bytes(text: &str) -> Result<usize, String> {
    within(text, SMALLEST_BODY, 262_144)
}

fn within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be a number from {least} to {most}"))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => session::run(&cli.options),
        Some(Command::Suite(options)) => suite::run(options),
        Some(Command::Load(options)) => load_by_hand(options),
        Some(Command::Receive(options)) => receive_by_hand(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("tidings-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn load_by_hand(options: LoadOptions) -> Result<(), BenchError> {
    let lasting = Duration::from_secs(options.seconds);
    let loaded = load::run(&Load {
        target: Target::new(&options.url, options.key.as_deref())?,
        pace: options
            .rate
            .map_or(Pace::Closed(lasting), |rate| Pace::Open { rate, lasting }),
        connections: options.connections,
        body_bytes: options.body_bytes,
        first_seq: options.first_seq,
        per_post: 1,
        public: false,
        organizations: 1,
    })?;
    let seconds = loaded.last_accept_ns.saturating_sub(loaded.first_due_ns) as f64 / 1e9;
    print_json(&json!({
        "posted": loaded.posted,
        "accepted": loaded.accepted,
        "refused": loaded.refused,
        "failed": loaded.failed,
        "refusal": loaded.refusal,
        "seconds": seconds,
        "accepted_per_second": if seconds > 0.0 { loaded.accepted as f64 / seconds } else { 0.0 },
        "accept": Latency::of(loaded.accept_ns),
    }))
}

fn receive_by_hand(options: &ReceiveOptions) -> Result<(), BenchError> {
    let receiver = Receiver::listen(options.listen)?;
    receiver.begin(options.first_seq);
    progress(&format!("receiving on {}", receiver.url()));
    let arrivals = receiver.collect(u64::MAX, Duration::from_secs(options.quiet));
    print_json(&json!({
        "arrived": arrivals.unique,
        "duplicates": arrivals.duplicates,
        "strays": arrivals.strays,
        "unreadable": arrivals.unreadable,
        "arrival": Latency::of(arrivals.latency_ns),
    }))
}
