//! File handles: as many as the limits of a server may need, made sure of before it starts any thread.
//!
//! Each attempt and each connection to the API holds one. Shells and service managers start programs with 1,024 of
//! them and allow many more; a server that does not ask meets that limit under load, when it hurts most.
//!
//! The system's table of handles grows by doubling, and in a program with threads each doubling waits some 20 ms
//! for all of them: deliveries under way stood still. So it is made as large as it may get at once.

use crate::config::Settings;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Handles beside those of attempts and connections: the store's files, kept connections, look-ups, the log.
const OTHERS: u64 = 2_048;

/// Raises the soft limit as far as `settings` ask for and the hard limit lets it. Call it before any thread starts.
pub fn reserve(settings: &Settings) {
    let needed = (settings.attempts as u64)
        .saturating_add(settings.connections as u64)
        .saturating_add(OTHERS);
    let now = getrlimit(Resource::Nofile);
    let reach = needed.min(now.maximum.unwrap_or(needed));
    let mut allowed = now.current.unwrap_or(needed);
    if allowed < reach {
        let wanted = Rlimit {
            current: Some(reach),
            maximum: now.maximum,
        };
        match setrlimit(Resource::Nofile, wanted) {
            Ok(()) => allowed = reach,
            Err(error) => tracing::warn!(%error, "the limit of open files cannot be raised"),
        }
    }
    if allowed < needed {
        tracing::warn!(
            allowed,
            needed,
            "fewer open files are allowed than limits.attempts and limits.connections may need together: raise the limit \
             (`ulimit -Hn`, `LimitNOFILE=` in a systemd unit) or lower those settings"
        );
    }
    // The highest handle makes the table as large as it may get; it stays so when the handle is closed.
    let last = i32::try_from(needed.min(allowed).saturating_sub(1)).unwrap_or(i32::MAX);
    if let Err(error) = fcntl_dupfd_cloexec(std::io::stderr(), last) {
        tracing::debug!(%error, "the table of open files grows as it is needed");
    }
}
