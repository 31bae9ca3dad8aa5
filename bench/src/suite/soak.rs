//! The part about lasting: a steady rate for an hour while one receiver of nine fails everything, with time compressed so
//! that the retention of some days passes many times. What must stay level: memory, handles, disk.
//!
//! The server's wall clock is made to run faster by libfaketime (Debian: faketime); its monotonic clock, which measures
//! deadlines, is not. Deliberately absent: latency, which a compressed clock has no honest figure for.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Suite;
use super::model::Section;
use crate::error::BenchError;
use crate::load::Pace;
use crate::measure::{handles, memory};
use crate::phases::{At, Shape};
use crate::report::progress;
use crate::server::Wanted;

/// Events a second.
const RATE: u32 = 300;
/// Organizations, each with a receiver; the last one's fails.
const ORGANIZATIONS: u8 = 9;
/// Days that pass for the server; bodies are kept for one, everything for two.
const DAYS: u64 = 12;
/// Between two samples.
const SAMPLES: Duration = Duration::from_secs(5);
const FASTER: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// What was seen at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    hours: f64,
    resident_mb: f64,
    handles: f64,
    disk_mb: f64,
    log_mb: f64,
}

/// Memory, handles and disk over an hour.
pub(super) fn soak(suite: &mut Suite) -> Result<Section, BenchError> {
    let minutes = suite.options.soak_minutes;
    progress(&format!("soak, {minutes} min"));
    let mut section = Section::new(
        "Soak",
        format!(
            "{RATE} events/s of 1 KiB for {minutes} min to {ORGANIZATIONS} organizations, the last one's receiver answers 500 to \
             everything. The server's wall clock runs so fast that {DAYS} days pass; bodies are kept for one day, \
             everything for two. After the first third everything should be level."
        ),
    );
    if !Path::new(FASTER).exists() {
        return Err(BenchError::Child {
            command: format!("LD_PRELOAD={FASTER}"),
            detail: "it is not there; apt install faketime".to_owned(),
        });
    }
    let lasting = Duration::from_secs(minutes * 60);
    let speed = DAYS * 86_400 / lasting.as_secs();
    let instance = suite.server(&[
        ("LD_PRELOAD", FASTER.to_owned()),
        ("FAKETIME", format!("+0 x{speed}")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("TIDINGS_RETENTION_BODIES_DAYS", "1".to_owned()),
        ("TIDINGS_RETENTION_ATTEMPTS_DAYS", "2".to_owned()),
        ("TIDINGS_TELEMETRY_LOG", "error".to_owned()),
    ])?;
    let server = instance.server()?;
    let receiver = suite.rounds.receiver().clone();
    server.set_up_many((1..=ORGANIZATIONS).map(|number| Wanted {
        organization: u64::from(number),
        url: receiver.at(if number == ORGANIZATIONS {
            "/fail"
        } else {
            "/ok"
        }),
        event_type: "project.updated",
    }))?;
    let target = server.target("/v1/events")?;
    let pid = server.pid();
    let pace = Pace::Open {
        rate: RATE,
        lasting,
    };
    let shape = Shape {
        organizations: ORGANIZATIONS,
        ..Shape::single(pace, 8)
    };
    let at = At::Server {
        target: &target,
        pid,
    };
    let done = AtomicBool::new(false);
    let (round, samples) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(pid, &instance.data, &done));
        let round = suite.rounds.fire("the soak", at, shape);
        done.store(true, Ordering::Release);
        (round, watch.join().unwrap_or_default())
    });
    let round = round?;
    section.figure("accepted", round.accepted_per_second, "/s");
    section
        .figure(
            "refused or not answered",
            (round.refused + round.failed) as f64,
            "",
        )
        .at_most(0.0);
    section.figure("lost", round.lost as f64, "").at_most(0.0);
    judge(&mut section, &samples);
    Ok(section)
}

fn judge(section: &mut Section, samples: &[Sample]) {
    let (warm, level) = samples.split_at(samples.len() / 3);
    let (middle, last) = level.split_at(level.len() / 2);
    let most =
        |samples: &[Sample], of: fn(&Sample) -> f64| samples.iter().map(of).fold(0.0, f64::max);
    section
        .figure(
            "memory, slope after the first third",
            slope(level, |sample| sample.resident_mb),
            "MB/h",
        )
        .at_most(1.0);
    section.figure(
        "memory, at the end of the first third",
        warm.last().map_or(0.0, |sample| sample.resident_mb),
        "MB",
    );
    section.figure(
        "memory, at most after it",
        most(level, |sample| sample.resident_mb),
        "MB",
    );
    // Connections come and go; a leak shows in what is always open.
    let fewest = |samples: &[Sample]| {
        let handles = samples.iter().map(|sample| sample.handles);
        handles.fold(f64::INFINITY, f64::min)
    };
    section
        .figure(
            "open handles, fewest in the last third less fewest in the second",
            fewest(last) - fewest(middle),
            "",
        )
        .at_most(10.0);
    section.figure(
        "open handles, at most",
        most(level, |sample| sample.handles),
        "",
    );
    section.figure(
        "disk, at most in the second third",
        most(middle, |sample| sample.disk_mb),
        "MB",
    );
    section
        .figure(
            "disk, at most in the last third, of that",
            most(last, |sample| sample.disk_mb) / most(middle, |sample| sample.disk_mb),
            "",
        )
        .at_most(1.05);
    section
        .figure(
            "write-ahead log, at most",
            most(samples, |sample| sample.log_mb),
            "MB",
        )
        .at_most(256.0);
}

fn watch(pid: u32, data: &Path, done: &AtomicBool) -> Vec<Sample> {
    let began = Instant::now();
    let mut samples = Vec::new();
    let mut said = 0;
    while !done.load(Ordering::Acquire) {
        let Some((memory, handles)) = memory(pid).zip(handles(pid)) else {
            break;
        };
        let sample = Sample {
            hours: began.elapsed().as_secs_f64() / 3_600.0,
            resident_mb: memory.resident_mb,
            handles: handles as f64,
            disk_mb: megabytes(data, ""),
            log_mb: megabytes(data, "-wal"),
        };
        samples.push(sample);
        let minutes = began.elapsed().as_secs() / 60;
        if minutes > said {
            said = minutes;
            progress(&format!(
                "  {minutes} min: {:.1} MB of memory, {} handles, {:.0} MB of disk",
                sample.resident_mb, sample.handles, sample.disk_mb
            ));
        }
        std::thread::sleep(SAMPLES);
    }
    samples
}

/// Size of the files in `data` whose names end so.
fn megabytes(data: &Path, ending: &str) -> f64 {
    let files = std::fs::read_dir(data).into_iter().flatten().flatten();
    let bytes: u64 = files
        .filter(|file| file.file_name().to_string_lossy().ends_with(ending))
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum();
    bytes as f64 / 1e6
}

/// The slope of the straight line through the samples (least squares), for each hour.
fn slope(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean_x = samples.iter().map(|sample| sample.hours).sum::<f64>() / count;
    let mean_y = samples.iter().map(of).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for sample in samples {
        above += (sample.hours - mean_x) * (of(sample) - mean_y);
        below += (sample.hours - mean_x).powi(2);
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[test]
fn the_slope_of_a_straight_line_is_its_own() {
    let at = |hours: f64| Sample {
        hours,
        resident_mb: 20.0 + 3.0 * hours,
        handles: 7.0,
        disk_mb: 0.0,
        log_mb: 0.0,
    };
    let samples: Vec<_> = (0..10).map(|step| at(f64::from(step) / 10.0)).collect();
    assert!((slope(&samples, |sample| sample.resident_mb) - 3.0).abs() < 1e-9);
    assert!(slope(&samples, |sample| sample.handles).abs() < 1e-9);
}
