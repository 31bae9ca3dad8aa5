//! Watches the file with the master key, and has sealed anew what older keys sealed.
//!
//! Invariants: a file that cannot be used is said in the log and the key in force stays, until the file changes; a failure of
//! the store is tried again. Without older keys there is nothing to seal anew and nothing is looked for.

use crate::store::StoreError;
use crate::store::seal::file;
use crate::store::sql::SqlStore;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks at the file.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks for what other nodes still sealed with an older key.
const LOOKS_PER_SEARCH: u32 = 12;

/// Runs until it is aborted.
pub(super) async fn keep(store: Arc<SqlStore>, key_file: Option<PathBuf>) {
    // What was loaded at the start may be older than what lies there now: it is looked at once more.
    let mut seen = None;
    let mut is_named = false;
    let mut looks = 0_u32;
    loop {
        let now = key_file.as_deref().and_then(stamp);
        let mut fresh = looks.is_multiple_of(LOOKS_PER_SEARCH);
        if let Some(path) = key_file.as_deref().filter(|_| now != seen) {
            match take(&store, path).await {
                Taken::Yes => {
                    (fresh, is_named) = (true, true);
                    seen = now;
                }
                Taken::No => seen = now,
                Taken::Later => {}
            }
        } else if !is_named {
            is_named = adopt(&store).await;
        }
        if fresh {
            seal_anew(&store).await;
        }
        looks = looks.wrapping_add(1);
        sleep(LOOK).await;
    }
}

/// What became of a key file.
enum Taken {
    Yes,
    /// It is of no use as it is.
    No,
    /// The store could not be written just now.
    Later,
}

async fn take(store: &SqlStore, path: &Path) -> Taken {
    let key = match file::read(path) {
        Ok(key) => key,
        Err(error) => {
            tracing::warn!(%error, "the master key file cannot be used; the key in force stays");
            return Taken::No;
        }
    };
    let id = key.id();
    match store.take_master_key(key).await {
        Ok(()) => {
            tracing::debug!(key = id, "the master key file was read");
            Taken::Yes
        }
        Err(error @ StoreError::WrongMasterKey { .. }) => {
            tracing::warn!(%error, "the changed master key is not taken; the key in force stays");
            Taken::No
        }
        Err(error) => {
            tracing::warn!(%error, "a changed master key could not be taken; trying again");
            Taken::Later
        }
    }
}

/// Has the data name the key that the server was started with, where that comes from no file that can be used; answers
/// whether it does.
async fn adopt(store: &SqlStore) -> bool {
    let named = store.name_master_key().await;
    if let Err(error) = &named {
        tracing::warn!(%error, "the data does not name the newest master key yet; trying again");
    }
    named.is_ok()
}

async fn seal_anew(store: &SqlStore) {
    match store.seal_anew().await {
        Ok(0) => {}
        Ok(endpoints) => tracing::info!(
            endpoints,
            "sealed anew with the newest master key; nothing needs the older ones any more but backups"
        ),
        Err(StoreError::Closed) => {}
        Err(error) => tracing::warn!(%error, "sealing anew was interrupted; it goes on later"),
    }
}

/// Tells one content from another: written at another moment, made readable, or another file.
fn stamp(path: &Path) -> Option<(i64, i64, i64, i64, u64)> {
    let file = std::fs::metadata(path).ok()?;
    Some((
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
        file.ino(),
    ))
}
