//! What the command line prints, and how it ends. The only place that writes to standard output.

use crate::config::ConfigError;
use crate::store::StoreError;
use std::io::Write as _;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A wrong setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store refuses to open or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A wrong setting or environment that no table row names: a port in use, an open key file.
    #[error("{0}")]
    Environment(String),
    /// A disk failed, or is full.
    #[error("{0}")]
    Disk(String),
    /// Nothing went wrong, and something is still to be done: a script can tell it from both other ends.
    #[error("{0}")]
    Pending(String),
    /// Anything else; the text says what and what to do.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// The documented exit code.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Store(StoreError::Io { .. }) | Self::Disk(_) => 74,
            Self::Config(_) | Self::Environment(_) => 78,
            Self::Pending(_) => 3,
            Self::Store(
                StoreError::Locked { .. }
                | StoreError::TooNew { .. }
                | StoreError::Damaged { .. }
                | StoreError::WrongMasterKey { .. }
                | StoreError::Unsuitable { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Replaced { .. },
            ) => 78,
            Self::Store(_) | Self::Failed(_) => 1,
        }
    }
}

/// Prints a line to standard output. A closed pipe ends the command quietly.
///
/// # Errors
/// Standard output cannot be written.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
    {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Failed(format!(
            "cannot write to standard output: {error}"
        ))),
    }
}

/// Prints a line to standard error; there is nobody to tell when that fails.
pub fn note(text: &str) {
    let _nobody_to_tell = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes text without a line end, for live views.
pub fn paint(text: &str) {
    let mut out = std::io::stdout().lock();
    let _nobody_to_tell = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The one line that says why a command failed.
pub fn say_error(failure: &Failure) {
    note(&format!("tidings: {failure}"));
}
