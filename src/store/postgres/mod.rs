//! The store's logic on PostgreSQL: one database, any number of nodes, all equal.
//!
//! The writer's connection is `session`, with the statements in `writer`; reads go to `snapshots`; `watch` keeps the node among the others. What makes
//! several nodes safe: a life with a lease and a fence for every claim (`node`), rows locked while they are claimed
//! (`statements`), the directory's version checked in every transaction.
//!
//! Deliberately absent: a coordinator, and anything that one node must ask another.

mod address;
mod check;
mod connection;
mod destination;
mod error;
mod lists;
mod node;
mod partitions;
mod pending;
mod rows;
mod schema;
mod session;
mod snapshots;
mod statements;
mod tls;
mod watch;
mod writer;

pub use address::{Address, AddressError};
pub use check::Inspection;
pub(super) use destination::Destination;

use super::StoreError;
use super::handover::Handover;
use super::seal::{self, MasterKey};
use super::sql::{Parts, SqlStore};
use crate::clock::Clock;
use node::Node;
use session::Pg;
use std::sync::Arc;
use tokio::runtime::Handle;
use watch::Watch;

/// What a store is opened with.
#[derive(Debug)]
pub struct Options {
    /// The database.
    pub address: Address,
    /// This node's name: no two that run at the same time have the same.
    pub node: String,
    /// What time it is.
    pub clock: Clock,
    /// The engine's other end.
    pub handover: Handover,
    /// Seals and opens secrets; the same on all nodes.
    pub key: MasterKey,
    /// Whether a database that may forget what it confirmed is taken all the same.
    pub unsafe_durability: bool,
}

/// Opens the store in a database, making everything in an empty one. Blocks on the network; call it where blocking is
/// allowed, inside a runtime.
///
/// # Errors
/// The database cannot be reached, is not to be trusted with events, or is too new; the key does not fit.
pub fn open(options: Options) -> Result<Arc<SqlStore>, StoreError> {
    let address = options.address;
    let location = address.name().clone();
    let shown = location.display().to_string();
    let unsafe_durability = options.unsafe_durability;
    elsewhere(|| {
        let mut client = address.connect(check::SESSION)?;
        check::check(&mut client, &shown, unsafe_durability)?;
        schema::prepare(&mut client, &options.key, &location)?;
        check::finished(&mut client, &shown)
    })?;
    let node = Arc::new(Node::new(options.node, options.clock.clone()));
    let failed = tokio::sync::watch::channel(None).0;
    let parts = Parts {
        location,
        clock: options.clock.clone(),
        handover: options.handover,
        key: options.key,
        snapshots: Arc::new(snapshots::Pool::new(address.clone())),
        tenure: Some(Arc::clone(&node) as _),
        failed: failed.clone(),
    };
    let (to, by) = (address.clone(), Arc::clone(&node));
    let store = SqlStore::open(parts, move |work| {
        let writer = Pg::new(to, by);
        work(&writer);
        writer.leave();
        Ok(())
    })?;
    node.saw(options.clock.monotonic());
    if let Ok(runtime) = Handle::try_current() {
        let watch = Watch {
            address,
            node,
            clock: options.clock,
            failed,
            runtime,
        };
        store.keep(Box::new(watch.start(&store)?));
    }
    Ok(store)
}

/// Looks at a database from outside: can it be reached and trusted, and what does it hold. Changes nothing.
///
/// # Errors
/// It cannot be reached, or is not to be trusted with events.
pub fn inspect(address: &Address, unsafe_durability: bool) -> Result<Inspection, StoreError> {
    let shown = address.name().display().to_string();
    elsewhere(|| {
        let mut client = address.connect(check::SESSION)?;
        check::check(&mut client, &shown, unsafe_durability)?;
        check::inspect(&mut client, &shown)
    })
}

/// Refuses a master key that the data was not sealed with; any fits an empty database. Changes nothing.
///
/// # Errors
/// [`StoreError::WrongMasterKey`], or the database cannot be reached.
pub fn key_fits(address: &Address, key: &MasterKey) -> Result<(), StoreError> {
    elsewhere(|| {
        let mut client = address.connect(check::SESSION)?;
        match check::canary(&mut client)? {
            Some(sealed) => seal::check(key, Some(&sealed), address.name()).map(drop),
            None => Ok(()),
        }
    })
}

/// Runs blocking work on a thread of its own: a connection cannot be waited for inside a runtime.
fn elsewhere<T: Send>(
    work: impl FnOnce() -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    std::thread::scope(|threads| threads.spawn(work).join()).unwrap_or(Err(StoreError::Closed))
}
