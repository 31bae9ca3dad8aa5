//! The file with the master key: a line for the newest key and one for each before it.
//!
//! Invariants: nobody may read it whom [`secret_file`] does not let; a new content is complete or absent, on disk before this returns; a key is
//! never taken out here, since backups may still need it.

use super::{KEY_BYTES, KEYS_MAX, MasterKey, MasterKeyError};
use crate::clock;
use crate::secret_file::{self, SecretFileError};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;
use zeroize::Zeroizing;

/// The name of the key file beside the data when no other is set.
pub const MASTER_KEY_FILE: &str = "master.key";

/// No file with as many keys as there may be is larger; a larger one is something else.
const FILE_BYTES: u64 = 4_096;

/// Reads a key file that only its owner may read.
///
/// # Errors
/// The file is missing or unreadable, others may read it, or it holds no key.
pub fn read(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let text = read_text(path)?;
    MasterKey::parse(&text).map_err(|_| MasterKeyError::FileMalformed {
        path: path.to_owned(),
    })
}

/// Makes a random key and writes it to a new file (mode 0600). For an empty data directory only: data that was sealed with
/// another key stays closed to this one.
///
/// # Errors
/// The file exists or cannot be written, or there is no randomness.
pub fn make(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let failed = |source| failed(path, source);
    if path.try_exists().map_err(failed)? {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    write(path, &random_line()?, None).map_err(failed)?;
    read(path)
}

/// Writes keys to a new file (mode 0600), as they are.
///
/// # Errors
/// The text holds no key, or the file exists or cannot be written.
pub fn put_new(path: &Path, text: &str) -> Result<(), MasterKeyError> {
    MasterKey::parse(text)?;
    let failed = |source| failed(path, source);
    if path.try_exists().map_err(failed)? {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    write(path, text, None).map_err(failed)
}

/// Copies a key file that only its owner may read to a new one (mode 0600).
///
/// # Errors
/// As [`read`] and [`put_new`].
pub fn copy(from: &Path, to: &Path) -> Result<(), MasterKeyError> {
    put_new(to, &read_text(from)?)
}

/// Puts a new random key before those in the file; answers the key with them.
///
/// # Errors
/// As [`read`]; or the file holds as many as it may.
pub fn add(path: &Path) -> Result<MasterKey, MasterKeyError> {
    // Where a link leads is what is changed; one at a time, so that no key that somebody took is lost.
    let path = &fs::canonicalize(path).map_err(|source| failed(path, source))?;
    let file = File::open(path).map_err(|source| failed(path, source))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| failed(path, error.into()))?;
    let known = read_text(path)?;
    let keys = MasterKey::parse(&known).map_err(|_| MasterKeyError::FileMalformed {
        path: path.to_owned(),
    })?;
    if keys.older.len() + 1 >= KEYS_MAX {
        return Err(MasterKeyError::FileFull {
            path: path.to_owned(),
        });
    }
    let mut text = random_line()?;
    text.push_str(&known);
    let owner = file.metadata().map_err(|source| failed(path, source))?;
    let write = write(path, &text, Some((owner.uid(), owner.gid())));
    write.map_err(|source| failed(path, source))?;
    read(path)
}

fn failed(path: &Path, source: io::Error) -> MasterKeyError {
    MasterKeyError::File {
        path: path.to_owned(),
        source,
    }
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, MasterKeyError> {
    secret_file::read("master_key_file", path).map_err(|error| match error {
        SecretFileError::Unreadable { path, source, .. } => MasterKeyError::File { path, source },
        SecretFileError::Exposed { path, mode, .. } => MasterKeyError::Open { path, mode },
    })
}

fn random_line() -> Result<Zeroizing<String>, MasterKeyError> {
    let key: Zeroizing<[u8; KEY_BYTES]> =
        Zeroizing::new(clock::random_bytes().map_err(|_| MasterKeyError::NoRandomness)?);
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES as usize));
    for byte in *key {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    Ok(text)
}

/// Written under another name, synced, then named, and the name synced. It belongs to who owned the file before.
fn write(path: &Path, text: &str, owner: Option<(u32, u32)>) -> io::Result<()> {
    let unfinished = path.with_extension(format!("key.unfinished-{}", std::process::id()));
    let written = put(&unfinished, text, owner).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _not_there = fs::remove_file(&unfinished);
    }
    written?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A new file, never one that is there already.
fn put(path: &Path, text: &str, owner: Option<(u32, u32)>) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    let own = file.metadata()?;
    if let Some((user, group)) = owner.filter(|owner| *owner != (own.uid(), own.gid())) {
        fchown(&file, Some(user), Some(group))?;
    }
    file.sync_all()
}
