//! The thread that keeps a node among the others: renews its lease, notices what others changed, looks for what they left.
//!
//! The database tells of changes (`LISTEN`); that is a hint, the regular look is what counts.

use super::address::Address;
use super::node::{Node, Renewed};
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::sql::SqlStore;
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Between two looks at the directory's version: a change is seen well within the second that a view may be old.
const LOOK: Duration = Duration::from_millis(200);
/// Looks between two renewals of the lease.
const RENEWAL: u32 = 10;
/// Looks between two looks around for work.
const AROUND: u32 = 5;
/// The channel on which changes of the directory are told.
pub(super) const CHANNEL: &str = "tidings_directory";

const SESSION: &str =
    "SET statement_timeout = '3s'; SET lock_timeout = '3s'; LISTEN tidings_directory";

/// What the thread works with.
pub(super) struct Watch {
    /// The database.
    pub address: Address,
    /// The node.
    pub node: Arc<Node>,
    /// Time.
    pub clock: Clock,
    /// Told of what the process must end for.
    pub failed: watch::Sender<Option<StoreError>>,
    /// Where waiting for the writer is done.
    pub runtime: Handle,
}

/// Ends the thread when dropped.
pub(super) struct Guard {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The store may be dropped last by this very thread.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _panicked = thread.join();
        }
    }
}

impl Watch {
    /// Starts the thread over a store.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(self, store: &Arc<SqlStore>) -> Result<Guard, StoreError> {
        let (store, stop) = (Arc::downgrade(store), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name(String::from("store-watch"))
            .spawn(move || self.run(&store, &stopped))
            .map_err(|error| StoreError::Internal {
                what: format!("no thread to watch other nodes: {error}"),
            })?;
        Ok(Guard {
            stop,
            thread: Some(thread),
        })
    }

    fn run(self, store: &Weak<SqlStore>, stop: &AtomicBool) {
        let (mut client, mut looks, mut told) = (None, 0_u32, false);
        while !stop.load(Ordering::Acquire) {
            match self.look(&mut client, store, looks) {
                Ok(()) => told = false,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    client = None;
                    if !told {
                        tracing::warn!(%error, "the database does not answer; nothing is started until it does");
                    }
                    told = true;
                    std::thread::park_timeout(LOOK);
                }
            }
            looks = looks.wrapping_add(1);
            if let Some(client) = &mut client {
                let _hint_or_time_passed = Client::notifications(client).timeout_iter(LOOK).next();
            }
        }
    }

    fn look(
        &self,
        client: &mut Option<Client>,
        store: &Weak<SqlStore>,
        looks: u32,
    ) -> Result<(), StoreError> {
        let client = match client {
            Some(client) => client,
            None => client.insert(self.address.connect(SESSION)?),
        };
        let mut around = looks.is_multiple_of(AROUND);
        if looks.is_multiple_of(RENEWAL) {
            match self.node.renew(client)? {
                Renewed::Held => {}
                Renewed::Ended => around = true,
                Renewed::Replaced => {
                    let location = self.address.name().display().to_string();
                    self.failed
                        .send_replace(Some(self.node.replaced(&location)));
                    return Ok(());
                }
            }
        }
        let asked = self.clock.monotonic();
        let version: i64 = client
            .query_one("SELECT version FROM directory", &[])?
            .try_get(0)?;
        let Some(store) = store.upgrade() else {
            return Ok(());
        };
        if around || store.version() < version {
            self.runtime.block_on(store.look_around())?;
        }
        if store.version() >= version {
            self.node.saw(asked);
        }
        Ok(())
    }
}
