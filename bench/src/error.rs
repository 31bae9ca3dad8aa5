//! Why a measurement could not be taken. A missed bar is not an error: it is a figure.

use std::path::PathBuf;
use std::time::Duration;

/// What ended the bench early.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file, socket or process of our own failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An HTTP exchange with the server failed below HTTP.
    #[error("{doing}: {source}")]
    Http {
        /// What was being done.
        doing: String,
        /// What hyper said.
        source: hyper::Error,
    },
    /// The server answered something else than was needed.
    #[error("{asked} answered {status}: {answer}")]
    Refused {
        /// Method and path.
        asked: String,
        /// HTTP status.
        status: u16,
        /// The start of the answer's body.
        answer: String,
    },
    /// The target is no `http://host:port/path`, or the key no header value.
    #[error("{what} {value:?}: {reason}")]
    Target {
        /// Which input it is.
        what: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no server binary to measure.
    #[error(
        "no tidings binary at {0}; build it with `cargo build --release` or name one with --tidings PATH"
    )]
    NoBinary(PathBuf),
    /// A child process (cargo, `tidings key generate`) failed.
    #[error("{command} failed: {detail}")]
    Child {
        /// The command.
        command: String,
        /// Its exit status and what it said.
        detail: String,
    },
    /// The server did not become ready.
    #[error("the server was not ready within {waited:?}; its log ends:\n{log}")]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// The end of what it printed.
        log: String,
    },
    /// A phase did not end in its time.
    #[error("{phase} did not end within {limit:?}")]
    Stuck {
        /// Which phase.
        phase: &'static str,
        /// Its limit.
        limit: Duration,
    },
    /// Nothing that was posted in a phase was accepted or arrived.
    #[error(
        "{phase}: none of {posted} events came through; first answer that was no 2xx: {refusal}"
    )]
    NothingThrough {
        /// Which phase.
        phase: &'static str,
        /// How many were posted.
        posted: u64,
        /// The first refusal, if any.
        refusal: String,
    },
    /// A certificate for a receiver could not be made.
    #[error("make a certificate: {0}")]
    Tls(String),
    /// The report could not be turned into JSON.
    #[error("the report is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl BenchError {
    /// Wraps an I/O error with what was being done; for `map_err`.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// A certificate that could not be made or used; for `map_err`.
    pub fn tls(error: impl std::fmt::Display) -> Self {
        Self::Tls(error.to_string())
    }

    /// Wraps an HTTP error with what was being done; for `map_err`.
    pub fn http(doing: impl Into<String>) -> impl FnOnce(hyper::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Http { doing, source }
    }
}
