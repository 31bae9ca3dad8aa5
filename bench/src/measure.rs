//! What the system says: CPU time and memory of a process, how fast the disk syncs, what machine this is; and the
//! percentiles of a list of times. `/proc` is Linux's; elsewhere those figures are absent, never guessed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::error::BenchError;

/// `USER_HZ`, the unit of `/proc/PID/stat`: 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// How many synced writes the disk is measured with, and how long each is.
const SYNCED_WRITES: usize = 2_000;
const SYNCED_BYTES: usize = 4_096;

/// Percentiles (nearest rank) of a list of times, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// How many times were measured.
    pub events: usize,
    /// Half were at most this.
    pub p50_ms: f64,
    /// Nine of ten were at most this.
    pub p90_ms: f64,
    /// 99 of 100 were at most this.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Latency {
    /// From nanoseconds, in any order.
    pub fn of(mut times_ns: Vec<u64>) -> Self {
        times_ns.sort_unstable();
        let events = times_ns.len();
        let rank = |percent: usize| {
            let at = (events * percent).div_ceil(100).max(1) - 1;
            times_ns.get(at).map_or(0.0, |time| *time as f64 / 1e6)
        };
        Self {
            events,
            p50_ms: rank(50),
            p90_ms: rank(90),
            p99_ms: rank(99),
            max_ms: rank(100),
        }
    }
}

/// CPU seconds (user and system) that process `pid` has used.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    cpu_ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        .map(|ticks| ticks as f64 / TICKS_PER_SECOND)
}

/// `utime + stime` of a `/proc/PID/stat` line: fields 14 and 15; the second field may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory of a process in MB (10^6 bytes).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memory {
    /// Now (`VmRSS`).
    pub resident_mb: f64,
    /// At its highest (`VmHWM`).
    pub peak_mb: f64,
}

/// The memory of process `pid`.
pub fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let megabytes = |name| kibibytes(&status, name).map(|kib| kib as f64 * 1_024.0 / 1e6);
    Some(Memory {
        resident_mb: megabytes("VmRSS:")?,
        peak_mb: megabytes("VmHWM:")?,
    })
}

/// Files, sockets and other handles that process `pid` has open.
pub fn handles(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// How long one write of 4 KiB and `fdatasync` takes in `directory`, appending to a fresh file.
pub fn synced_write(directory: &Path) -> Result<Latency, BenchError> {
    let path = directory.join("fdatasync.probe");
    let doing = || BenchError::io(format!("measure fdatasync in {}", directory.display()));
    let mut file = fs::File::create(&path).map_err(doing())?;
    let block = [0x5a_u8; SYNCED_BYTES];
    let mut times_ns = Vec::with_capacity(SYNCED_WRITES);
    for _ in 0..SYNCED_WRITES {
        let begin = Instant::now();
        file.write_all(&block).map_err(doing())?;
        file.sync_data().map_err(doing())?;
        times_ns.push(begin.elapsed().as_nanos() as u64);
    }
    fs::remove_file(&path).map_err(doing())?;
    Ok(Latency::of(times_ns))
}

/// The machine a report was made on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Cores this process may use.
    pub cores: usize,
    /// Processor model, as the kernel names it.
    pub cpu: String,
    /// Operating system and kernel version.
    pub kernel: String,
    /// `rustc --version` where there is one.
    pub rustc: Option<String>,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let model = read("/proc/cpuinfo").lines().find_map(|line| {
            line.strip_prefix("model name")?
                .split_once(':')
                .map(|(_, model)| model.trim().to_owned())
        });
        let rustc = std::process::Command::new("rustc")
            .arg("--version")
            .output()
            .ok();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            kernel: format!(
                "{} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim()
            ),
            rustc: rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let latency = Latency::of((1..=200).rev().map(|ms| ms * 1_000_000).collect());
        let got = (
            latency.events,
            latency.p50_ms,
            latency.p90_ms,
            latency.p99_ms,
            latency.max_ms,
        );
        assert_eq!(got, (200, 100.0, 180.0, 198.0, 200.0));
        assert_eq!(Latency::of(vec![3_000_000]).p50_ms, 3.0);
        assert_eq!(Latency::of(Vec::new()).events, 0);
    }

    #[test]
    fn cpu_time_is_read_past_a_name_with_brackets() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (short) S 1"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_cpu_time_and_memory() {
        let own = std::process::id();
        assert!(cpu_seconds(own).is_some());
        let memory = memory(own).unwrap();
        assert!(memory.resident_mb > 0.5 && memory.peak_mb >= memory.resident_mb);
    }
}
