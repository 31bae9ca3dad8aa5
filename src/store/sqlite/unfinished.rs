//! A file that is being made beside where it will stand.
//!
//! Invariants: it gets its name when it is whole and on disk; dropped before that it is gone. What a killed process left is
//! removed by the next one in the same folder; the lock tells whether somebody is still at work.

use super::backup::BackupError;
use super::lock::sync_directory;
use crate::store::StoreError;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What the name of an unfinished file ends with, before the number of the process.
const UNFINISHED: &str = ".unfinished-";

/// A file that is being made: gone when it is dropped, unless it got its name.
pub(super) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    pub(super) fn beside(target: &Path) -> Result<Self, StoreError> {
        let folder = folder_of(target);
        sweep(folder);
        let mut name = target.as_os_str().to_owned();
        name.push(format!("{UNFINISHED}{}", std::process::id()));
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| StoreError::file(&path, &error))?;
        // Whoever sweeps sees that somebody is at work; file systems without locks are not swept.
        let _unlocked = file.try_lock();
        Ok(Self { path, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file
            .sync_all()
            .map_err(|error| StoreError::file(&self.path, &error))
    }

    /// Gives it its name, durably.
    pub(super) fn name(self, target: &Path) -> Result<(), BackupError> {
        self.sync()?;
        // A link is refused where something is; the first name goes when this is dropped.
        fs::hard_link(&self.path, target).or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Err(BackupError::Exists(target.to_owned())),
            // Not every file system has them.
            _ if target.exists() => Err(BackupError::Exists(target.to_owned())),
            _ => fs::rename(&self.path, target)
                .map_err(|error| StoreError::file(target, &error).into()),
        })?;
        let _it_was_renamed = fs::remove_file(&self.path);
        Ok(sync_directory(folder_of(target))?)
    }

    /// Takes the place of `target`, durably: that is whole or as it was, whatever happens.
    pub(super) fn replace(self, target: &Path) -> Result<(), BackupError> {
        self.sync()?;
        fs::rename(&self.path, target).map_err(|error| StoreError::file(target, &error))?;
        Ok(sync_directory(folder_of(target))?)
    }
}

fn folder_of(target: &Path) -> &Path {
    let folder = target.parent().filter(|path| !path.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Removes what killed processes left unfinished in a folder: what nobody holds the lock of.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name
            .rsplit_once(UNFINISHED)
            .is_some_and(|(_, process)| process.parse::<u32>().is_ok());
        if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _gone_already = fs::remove_file(entry.path());
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.path.clone().into_os_string();
            name.push(end);
            let _not_there = fs::remove_file(name);
        }
    }
}
