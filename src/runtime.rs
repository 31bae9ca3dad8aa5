//! The server's runtimes: one takes events in and answers, one delivers, and one draws the console's pages.
//!
//! So none waits for another's turn, and the first two work at the same time on what a commit brings: the answers to
//! producers, and the deliveries. Each of them has half of the cores. The console has one thread, and its reads and
//! password hashes some, which give way to all others: who looks at a list holds no event up.

use std::io;
use std::num::NonZero;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

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

/// By how much the console's threads give way, as `nice` counts it.
const GIVES_WAY: i32 = 10;

/// A runtime beside the one that takes events in. What still runs there when it is dropped ends with the process; nothing
/// waits for it, so it may be dropped anywhere.
#[derive(Debug)]
pub struct Beside(Option<Runtime>);

impl Beside {
    /// The one that delivers.
    ///
    /// # Errors
    /// The system gives no threads or handles.
    pub fn delivering() -> io::Result<Self> {
        Ok(Self(Some(build("deliver")?)))
    }

    /// The one that draws the console's pages.
    ///
    /// # Errors
    /// The system gives no threads or handles.
    pub fn console() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("console")
            .on_thread_start(|| {
                // On Linux this is about the thread alone. Where it is refused, pages are only drawn a little sooner.
                let thread = rustix::thread::gettid();
                let _refused = rustix::process::setpriority_process(Some(thread), GIVES_WAY);
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where to spawn what is to run there.
    pub fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }

    /// Has what is spawned while the guard lives run there.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for Beside {
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
        let delivering = Beside::delivering().unwrap();
        let task = {
            let _spawns_there = delivering.enter();
            tokio::spawn(std::future::pending::<()>())
        };
        drop(delivering);
        assert!(task.await.unwrap_err().is_cancelled());
    }
}
