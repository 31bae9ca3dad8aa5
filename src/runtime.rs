//! The server's two runtimes: one takes events in and answers, the other delivers.
//!
//! So neither waits for the other's turn, and both work at the same time on what a commit brings: the answers to
//! producers, and the deliveries. Each has half of the cores.

use std::io;
use std::num::NonZero;
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// A runtime with its share of the cores.
///
/// # Errors
/// The system gives no threads or handles.
pub fn build(name: &str) -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores.div_ceil(2))
        .thread_name(name)
        .enable_all()
        .build()
}

/// The runtime that delivers. What still runs there when it is dropped ends with the process; nothing waits for it,
/// so it may be dropped anywhere.
#[derive(Debug)]
pub struct Delivering(Option<Runtime>);

impl Delivering {
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no threads or handles.
    pub fn start() -> io::Result<Self> {
        Ok(Self(Some(build("deliver")?)))
    }

    /// Has what is spawned while the guard lives run there.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn it_may_be_dropped_while_work_runs_there() {
        let delivering = Delivering::start().unwrap();
        let task = {
            let _spawns_there = delivering.enter();
            tokio::spawn(std::future::pending::<()>())
        };
        drop(delivering);
        assert!(task.await.unwrap_err().is_cancelled());
    }
}
