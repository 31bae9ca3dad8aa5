//! Logging: one line per record, on standard error; text for people, JSON for machines.
//!
//! Deliberately absent: metrics and traces over the network.

use crate::config::Telemetry;
use std::io::IsTerminal as _;

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(settings: &Telemetry) {
    let filter = tracing_subscriber::EnvFilter::new(&settings.filter);
    let json = settings
        .json
        .unwrap_or_else(|| !std::io::stderr().is_terminal());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _already_started = if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
