//! What this process holds: open files, memory, tasks.

use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Open files of this process.
pub fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The most memory that was resident since [`forget_peak`], in bytes.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<u64>().unwrap() * 1024
}

/// The peak is what is resident now.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Waits until this is at most that; what it is then, or after 15 s.
pub fn settles(most: usize, now: impl Fn() -> usize) -> usize {
    let begun = Instant::now();
    loop {
        let found = now();
        if found <= most || begun.elapsed() > Duration::from_secs(15) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20)); // sleeps: what a kernel and a runtime hold gives no signal
    }
}

/// Tasks of a runtime.
pub fn tasks(of: &Handle) -> usize {
    of.metrics().num_alive_tasks()
}
