//! Watches the file with the master key, and has sealed anew what older keys sealed.
//!
//! Invariants: a file that cannot be used is said in the log and the key in force stays; a failure of the store is tried
//! again. Without older keys there is nothing to do and nothing is looked for.

use crate::store::StoreError;
use crate::store::seal::file;
use crate::store::sql::SqlStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// Between two looks at the file.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks for what other nodes still sealed with an older key.
const LOOKS_PER_SEARCH: u32 = 12;

/// Runs until it is aborted.
pub(super) async fn keep(store: Arc<SqlStore>, key_file: Option<PathBuf>) {
    let mut seen = key_file.as_deref().and_then(written);
    let mut looks = 0_u32;
    loop {
        let now = key_file.as_deref().and_then(written);
        let mut fresh = looks.is_multiple_of(LOOKS_PER_SEARCH);
        if let Some(path) = key_file.as_deref().filter(|_| now != seen) {
            seen = now;
            fresh |= take(&store, path).await;
        }
        if fresh {
            seal_anew(&store).await;
        }
        looks = looks.wrapping_add(1);
        sleep(LOOK).await;
    }
}

/// Takes what the file holds now; answers whether it could.
async fn take(store: &SqlStore, path: &Path) -> bool {
    let key = match file::read(path) {
        Ok(key) => key,
        Err(error) => {
            tracing::warn!(%error, "the changed master key file cannot be used; the key in force stays");
            return false;
        }
    };
    let id = key.id();
    match store.take_master_key(key).await {
        Ok(()) => {
            tracing::info!(key = id, "the master key file was read again");
            true
        }
        Err(error) => {
            tracing::warn!(%error, "the changed master key is not taken; the key in force stays");
            false
        }
    }
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

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}
