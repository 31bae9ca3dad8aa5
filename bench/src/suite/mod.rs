//! `tidings-bench suite`: everything that is promised about speed, in one command and one report: single posts, batches,
//! fan-out, latency against offered rate, isolation, overload, backlog, growth, many endpoints, TLS and HTTP/2, people at the console.
//! Each part has a server and a data directory of its own, and the floor measured right before it.

mod console;
mod model;
mod overload;
mod page;
mod parts;
mod soak;
mod stores;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use crate::error::BenchError;
use crate::measure::{Machine, synced_write};
use crate::phases::{At, Round, Rounds, Shape};
use crate::receiver::Receiver;
use crate::report::{print, progress};
use crate::server::{Server, find_binary, operator_key};
use model::{Section, SuiteReport};

/// Options of the suite.
#[derive(Debug, Clone, Args)]
pub struct SuiteOptions {
    /// Length of a throughput or latency round in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Length of an isolation round in seconds; 180 for the record.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    isolation_seconds: u64,
    /// Deliveries that wait in the backlog part.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    waiting: u64,
    /// Events that are stored in the growth part; 10,000,000 for the record (15 GB of disk).
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=16_000_000))]
    stored: u64,
    /// Endpoints in the part with many.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=200_000))]
    endpoints: u64,
    /// Endpoints that one event goes to in the fan-out part.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=100_000))]
    recipients: u64,
    /// Length of the soak in minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(6..=1_440))]
    soak_minutes: u64,
    /// Run only these parts.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// The server binary; without it the release build of this workspace.
    #[arg(long, value_name = "PATH")]
    tidings: Option<PathBuf>,
    /// Measure on this PostgreSQL instead of the embedded store: postgres://user@host:port/database. Each part makes a
    /// schema of its own in it, and leaves it there.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Where the report goes: suite.json and suite.html. Data lies beside it while the suite runs.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
}

/// A part of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Single posts, closed loop.
    Single,
    /// Batches of 100, closed loop.
    Batch,
    /// One public event to many endpoints.
    FanOut,
    /// Latency against offered rate.
    Latency,
    /// Nine of ten endpoints hang.
    Isolation,
    /// Many deliveries wait: memory, a crash, the drain.
    Backlog,
    /// Many events are stored.
    Growth,
    /// Many endpoints are known.
    Endpoints,
    /// Receivers with TLS, HTTP/1.1 and HTTP/2.
    Secure,
    /// Ten times as many events come as are taken.
    Overload,
    /// People look at the console while events run.
    Console,
    /// An hour at a steady rate, a receiver failing, time compressed so that retention passes. Only when it is asked for.
    Soak,
}

type Run = fn(&mut Suite) -> Result<Section, BenchError>;

const PARTS: [(Part, Run); 12] = [
    (Part::Single, parts::single),
    (Part::Batch, parts::batch),
    (Part::FanOut, parts::fan_out),
    (Part::Latency, parts::latency),
    (Part::Isolation, parts::isolation),
    (Part::Secure, parts::secure),
    (Part::Overload, overload::overload),
    (Part::Backlog, stores::backlog),
    (Part::Growth, stores::growth),
    (Part::Console, console::console),
    (Part::Endpoints, stores::endpoints),
    (Part::Soak, soak::soak),
];

/// What the parts share.
struct Suite {
    options: SuiteOptions,
    binary: PathBuf,
    key: String,
    rounds: Rounds,
}

/// Runs the parts that were asked for and writes the report, also after a part that failed.
pub fn run(options: SuiteOptions) -> Result<(), BenchError> {
    let binary = find_binary(options.tidings.as_deref(), progress)?;
    let doing = || BenchError::io(format!("make {}", options.out.display()));
    std::fs::create_dir_all(&options.out).map_err(doing())?;
    let out = options.out.canonicalize().map_err(doing())?;
    progress("disk: 2,000 writes of 4 KiB, each with fdatasync");
    let mut report = SuiteReport {
        machine: Machine::here(),
        settings: settings(&options),
        binary: binary.display().to_string(),
        began_at: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
        fdatasync: synced_write(&out)?,
        sections: Vec::new(),
    };
    let mut suite = Suite {
        key: operator_key(&binary)?,
        rounds: Rounds::new(Receiver::start()?, 64, 1_024),
        options: SuiteOptions {
            out: out.clone(),
            ..options
        },
        binary,
    };
    let mut failed = None;
    for (part, run) in PARTS {
        let only = &suite.options.only;
        let wanted = only.contains(&part) || only.is_empty() && part != Part::Soak;
        if !wanted {
            continue;
        }
        match run(&mut suite) {
            Ok(section) => {
                print(&page::text(report.add(section)));
            }
            Err(error) => {
                progress(&format!("{part:?}: {error}"));
                failed.get_or_insert(error);
            }
        }
        write(&out, &report)?;
    }
    progress(&format!("report in {}", out.join("suite.html").display()));
    failed.map_or(Ok(()), Err)
}

fn settings(options: &SuiteOptions) -> Vec<String> {
    vec![
        format!("seconds={}", options.seconds),
        format!("isolation-seconds={}", options.isolation_seconds),
        format!("waiting={}", options.waiting),
        format!("stored={}", options.stored),
        format!("endpoints={}", options.endpoints),
        format!("recipients={}", options.recipients),
        "connections=64".to_owned(),
        "body-bytes=1024".to_owned(),
        match options.postgres {
            Some(_) => "store=PostgreSQL".to_owned(),
            None => "store=SQLite".to_owned(),
        },
    ]
}

fn write(out: &Path, report: &SuiteReport) -> Result<(), BenchError> {
    let put = |name: &str, bytes: Vec<u8>| {
        let path = out.join(name);
        std::fs::write(&path, bytes).map_err(BenchError::io(format!("write {}", path.display())))
    };
    put("suite.json", serde_json::to_vec_pretty(report)?)?;
    put("suite.html", page::html(report).into_bytes())
}

impl Suite {
    fn lasting(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }

    /// Generator straight into the receiver, closed loop.
    fn floor(&mut self) -> Result<Round, BenchError> {
        progress("  floor");
        let pace = crate::load::Pace::Closed(self.lasting().min(Duration::from_secs(10)));
        self.rounds
            .fire("the floor", At::Floor, Shape::single(pace, 64))
    }

    /// A server with a new data directory, which goes when it does.
    fn server(&self, extra: &[(&'static str, String)]) -> Result<Instance, BenchError> {
        let data = self.options.out.join("suite-data");
        _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data)
            .map_err(BenchError::io(format!("make {}", data.display())))?;
        let mut extra = extra.to_vec();
        if let Some(url) = &self.options.postgres {
            extra.extend(schema_of_its_own(url)?);
        }
        let server = Server::start_with(&self.binary, &data, &self.key, &extra)?;
        Ok(Instance {
            extra,
            binary: self.binary.clone(),
            key: self.key.clone(),
            server: Some(server),
            data,
        })
    }
}

/// Settings for a server on a new schema of a database.
fn schema_of_its_own(url: &str) -> Result<[(&'static str, String); 2], BenchError> {
    let failed = |error: postgres::Error| BenchError::Child {
        command: String::from("CREATE SCHEMA"),
        detail: error.to_string(),
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let schema = format!("bench_{}", now.as_millis());
    postgres::Client::connect(url, postgres::NoTls)
        .and_then(|mut client| client.batch_execute(&format!("CREATE SCHEMA {schema}")))
        .map_err(failed)?;
    let join = if url.contains('?') { '&' } else { '?' };
    Ok([
        (
            "TIDINGS_DATABASE_URL",
            format!("{url}{join}options=-csearch_path%3D{schema}"),
        ),
        ("TIDINGS_MASTER_KEY", "5a".repeat(32)),
    ])
}

/// A server and its data.
struct Instance {
    extra: Vec<(&'static str, String)>,
    binary: PathBuf,
    key: String,
    server: Option<Server>,
    data: PathBuf,
}

impl Instance {
    fn server(&self) -> Result<&Server, BenchError> {
        self.server.as_ref().ok_or_else(|| BenchError::Child {
            command: "tidings serve".to_owned(),
            detail: "it is not running".to_owned(),
        })
    }

    /// Kills it, as a power cut would, and starts it again; answers from spawn to ready.
    fn crash(&mut self) -> Result<Duration, BenchError> {
        // Dropping it kills it.
        drop(self.server.take());
        let server = Server::start_with(&self.binary, &self.data, &self.key, &self.extra)?;
        let ready = server.ready_after;
        self.server = Some(server);
        Ok(ready)
    }

    /// Bytes of its data directory.
    fn disk_bytes(&self) -> u64 {
        let files = std::fs::read_dir(&self.data).into_iter().flatten();
        files
            .filter_map(|file| file.ok()?.metadata().ok())
            .map(|file| file.len())
            .sum()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.server.take());
        _ = std::fs::remove_dir_all(&self.data);
        _ = std::fs::remove_file(crate::server::log_of(&self.data));
    }
}
