//! What the system says about this process and its disk; Linux's `/proc`, elsewhere less.

use rustix::process::{Resource, getrlimit};
use std::path::Path;

/// `USER_HZ`, the unit of times in `/proc`: 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// This process. What the system does not say is absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process {
    /// Bytes of resident memory.
    pub resident: Option<f64>,
    /// Seconds of CPU time.
    pub cpu: Option<f64>,
    /// Open files and sockets.
    pub open: Option<f64>,
    /// How many may be open.
    pub may_open: Option<f64>,
    /// When it started: seconds since 1970.
    pub started: Option<f64>,
}

/// Asks the system about this process.
pub fn process() -> Process {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let stat = read("/proc/self/stat");
    let fields = stat.as_deref().and_then(after_name);
    let field = |place: usize| fields.as_ref()?.get(place)?.parse::<f64>().ok();
    let booted = read("/proc/stat").and_then(|stat| {
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<f64>().ok()
    });
    Process {
        resident: read("/proc/self/status").and_then(|status| resident(&status)),
        cpu: field(11)
            .zip(field(12))
            .map(|(user, system)| (user + system) / TICKS_PER_SECOND),
        open: std::fs::read_dir("/proc/self/fd")
            .ok()
            .map(|open| open.count() as f64),
        may_open: getrlimit(Resource::Nofile).current.map(|most| most as f64),
        started: booted
            .zip(field(19))
            .map(|(booted, ticks)| booted + ticks / TICKS_PER_SECOND),
    }
}

/// The fields of `/proc/PID/stat` after the name, which may hold spaces and brackets.
fn after_name(stat: &str) -> Option<Vec<&str>> {
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().collect())
}

fn resident(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024.0)
}

/// A disk.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: f64,
    /// Its size in bytes.
    pub total: f64,
}

/// The disk that `path` lies on.
pub fn space(path: &Path) -> Option<Space> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(Space {
        free: disk.f_bavail as f64 * disk.f_frsize as f64,
        total: disk.f_blocks as f64 * disk.f_frsize as f64,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_system_tells_of_this_process_and_its_disk() {
        let process = process();
        assert!(process.resident.unwrap() > 1e6);
        assert!(process.open.unwrap() >= 3.0);
        assert!(process.may_open.unwrap() >= process.open.unwrap());
        assert!(process.cpu.unwrap() >= 0.0);
        assert!(process.started.unwrap() > 1.6e9);
        let disk = space(Path::new(".")).unwrap();
        assert!(disk.free <= disk.total && disk.total > 0.0);
    }
}
