//! The data directory: made for its owner only, and held by one process at a time.
//!
//! The lock is the operating system's, on a file of its own, and ends with the process however it ends. The
//! number written into the file is for people.

use crate::store::StoreError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The directory's lock; held until dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

/// Makes the directory if it is missing, and locks it.
///
/// # Errors
/// [`StoreError::Locked`] when another process holds it; the file system's refusal.
pub(super) fn take(directory: &Path) -> Result<DirectoryLock, StoreError> {
    let failed = |error| StoreError::file(directory, &error);
    make_directory(directory)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _unreadable_is_unknown = file.read_to_string(&mut pid);
            return Err(StoreError::Locked {
                path: directory.to_owned(),
                pid: pid.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(DirectoryLock { _file: file })
}

/// Makes the directory for its owner only, if it is missing.
///
/// # Errors
/// The file system's refusal.
pub fn make_directory(directory: &Path) -> Result<(), StoreError> {
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| StoreError::file(directory, &error))?;
    match directory.parent().filter(|path| path.is_dir()) {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

/// Makes new names in a directory durable.
///
/// # Errors
/// The file system's refusal.
pub(super) fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| StoreError::file(directory, &error))
}
