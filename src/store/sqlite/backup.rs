//! A copy of the database while a server writes to it, and a data directory made of one.
//!
//! Invariants: the copy is one moment of the data, not earlier than when it was begun, whatever is written meanwhile; the
//! writer is never waited for and never waits. A copy is complete, checked and on disk under its name, or absent. The
//! master key is no part of it. Nothing that was there is written over.
//!
//! SQLite's backup works page by page. Left to itself it would begin again whenever the server writes between two steps; a
//! snapshot that is held meanwhile keeps it on its moment. The price is that the write-ahead log cannot start over until the
//! copy is made.

use super::lock;
use super::schema;
use super::unfinished::Unfinished;
use crate::store::StoreError;
use crate::store::seal::{self, MasterKey, Place, SealError};
use crate::store::sql::Contents;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread::park_timeout;
use std::time::Duration;
use tidings_core::id::{EndpointId, OrganizationId};

/// Pages of one step: 4 MiB.
const STEP: i32 = 256;
/// Between two steps, so that the server's own reads and writes come in between.
const PAUSE: Duration = Duration::from_millis(2);
/// What is written before it is synced: one large sync at the end would hold up the server's.
const SYNCED_AT_ONCE: u64 = 64 << 20;
/// Read at once when a file is copied.
const CHUNK: usize = 1 << 20;
/// The first format whose audit log is read here; of older ones it is checked after the start that brings them forward.
const FIRST_CHAINED: u32 = 6;

/// What is sealed: kind, organization, endpoint, the sealed, the endpoint's version.
const SEALED_SECRETS: &str =
    "SELECT 0, organization_id, id, newest_secret, version FROM endpoints WHERE deleted_at IS NULL
    UNION ALL SELECT 1, organization_id, id, older_secret, version FROM endpoints
    WHERE deleted_at IS NULL AND older_secret IS NOT NULL";
const SEALED_HEADERS: &str = "SELECT 2, organization_id, id, sealed_headers, version FROM endpoints
    WHERE deleted_at IS NULL AND sealed_headers IS NOT NULL";

/// How far it is, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes are copied.
    Copied {
        /// Bytes that are copied.
        bytes: u64,
        /// Bytes there are.
        of: u64,
    },
    /// The copy is being checked.
    Checking,
}

/// Told how far it is.
pub type Watch<'a> = &'a mut dyn FnMut(Progress);

/// A copy that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its format.
    pub format: u32,
    /// The version that brought the data to that format.
    pub written_by: String,
    /// Its size.
    pub bytes: u64,
    /// What it holds.
    pub contents: Contents,
    /// Signing secrets that the key does not open; looked for by a restore, which has the key.
    pub closed_secrets: u64,
    /// Endpoints whose custom headers it does not open.
    pub closed_headers: u64,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing to copy.
    #[error("there is no database {0}")]
    Absent(PathBuf),
    /// Nothing is written over.
    #[error("{0} is there already, and nothing is written over; give another name")]
    Exists(PathBuf),
    /// No room for the copy.
    #[error("the disk is full: {0} was not made")]
    NoRoom(PathBuf),
    /// The file is not all there is.
    #[error(
        "{} lies beside {}, with changes that are not in it: that is the data of a server, not a backup; make one with `tidings backup FILE \
         --data {}` and restore that", beside.display(), copy.display(), copy.parent().unwrap_or(Path::new(".")).display()
    )]
    NotAlone {
        /// What was given.
        copy: PathBuf,
        /// The log of changes.
        beside: PathBuf,
    },
    /// A restore goes into an empty directory.
    #[error(
        "{0} is not empty, and nothing is written over; give a new directory, and keep the old one until you trust the new"
    )]
    NotEmpty(PathBuf),
}

/// Copies the data in `directory` to a new file. A server may be running on it. Blocks.
///
/// # Errors
/// See [`BackupError`]; there is no file then.
pub fn back_up(directory: &Path, target: &Path, watch: Watch<'_>) -> Result<Copied, BackupError> {
    let file = directory.join(schema::FILE);
    if !file.exists() {
        return Err(BackupError::Absent(file));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    schema::check_header(&file)?;
    let unfinished = Unfinished::beside(target)?;
    take_copy(&file, &unfinished, watch).map_err(|error| failed(error.located(&file), target))?;
    let copied = check(unfinished.path(), watch)?;
    unfinished.name(target)?;
    Ok(copied)
}

/// Makes a data directory of a copy that `key` fits; `directory` is missing or empty. `before_it_is_there` runs when
/// everything is checked, right before the database gets its name. Blocks.
///
/// # Errors
/// See [`BackupError`]; the directory holds no database then.
pub fn restore(
    copy: &Path,
    directory: &Path,
    key: &MasterKey,
    watch: Watch<'_>,
    before_it_is_there: impl FnOnce() -> Result<(), BackupError>,
) -> Result<Copied, BackupError> {
    if !copy.is_file() {
        return Err(BackupError::Absent(copy.to_owned()));
    }
    let taken = directory.exists()
        && fs::read_dir(directory)
            .map_err(|error| StoreError::file(directory, &error))?
            .next()
            .is_some();
    if taken {
        return Err(BackupError::NotEmpty(directory.to_owned()));
    }
    refuse_part(copy)?;
    refuse_newer(copy)?;
    let lock = lock::take(directory)?;
    let target = directory.join(schema::FILE);
    let restored = Unfinished::beside(&target)
        .map_err(BackupError::from)
        .and_then(|unfinished| {
            copy_file(copy, &unfinished, watch).map_err(|error| failed(error, &target))?;
            let mut copied = check(unfinished.path(), watch)?;
            check_key(&mut copied, unfinished.path(), key, copy)?;
            before_it_is_there()?;
            unfinished.name(&target)?;
            Ok(copied)
        });
    drop(lock);
    if restored.is_err() {
        // So that the next try finds the directory as empty as this one did.
        let _not_there = fs::remove_file(directory.join("lock"));
    }
    restored
}

pub(super) fn failed(error: StoreError, target: &Path) -> BackupError {
    match error {
        StoreError::Full => BackupError::NoRoom(target.to_owned()),
        other => BackupError::Store(other),
    }
}

/// Page by page, of one moment.
fn take_copy(file: &Path, unfinished: &Unfinished, watch: Watch<'_>) -> Result<(), StoreError> {
    let source = schema::open_reader(file)?;
    schema::identify(&source, file)?;
    source.execute_batch("BEGIN")?;
    let _holds_the_snapshot: i64 =
        source.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let page: u32 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(unfinished.path(), flags)?;
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        let mut synced = 0;
        while !matches!(backup.step(STEP)?, StepResult::Done) {
            let (left, of) = (backup.progress().remaining, backup.progress().pagecount);
            let size = |pages: i32| u64::from(pages.unsigned_abs()) * u64::from(page);
            let (of, bytes) = (size(of), size(of).saturating_sub(size(left)));
            watch(Progress::Copied { bytes, of });
            if bytes.saturating_sub(synced) > SYNCED_AT_ONCE {
                unfinished.sync()?;
                synced = bytes;
            }
            park_timeout(PAUSE);
        }
    }
    source.execute_batch("COMMIT")?;
    drop(source);
    drop(copy);
    // One file, to be read without anything beside it; the server turns its log on again.
    let copy = Connection::open_with_flags(unfinished.path(), flags)?;
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn copy_file(from: &Path, unfinished: &Unfinished, watch: Watch<'_>) -> Result<(), StoreError> {
    let read = |error| StoreError::file(from, &error);
    let mut source = File::open(from).map_err(read)?;
    let of = source.metadata().map_err(read)?.len();
    let (mut chunk, mut bytes, mut to) = (vec![0; CHUNK], 0, unfinished.file());
    loop {
        let length = source.read(&mut chunk).map_err(read)?;
        let Some(part) = chunk.get(..length).filter(|part| !part.is_empty()) else {
            return Ok(());
        };
        to.write_all(part)
            .map_err(|error| StoreError::file(unfinished.path(), &error))?;
        bytes += length as u64;
        watch(Progress::Copied { bytes, of });
    }
}

/// That the file is all there is: what SQLite wrote beside it would be lost.
fn refuse_part(copy: &Path) -> Result<(), BackupError> {
    for end in ["-wal", "-journal"] {
        let mut beside = copy.as_os_str().to_owned();
        beside.push(end);
        let beside = PathBuf::from(beside);
        if fs::metadata(&beside).is_ok_and(|there| there.len() > 0) {
            let copy = copy.to_owned();
            return Err(BackupError::NotAlone { copy, beside });
        }
    }
    Ok(())
}

/// That this version knows the format of a copy, before anything is done.
fn refuse_newer(copy: &Path) -> Result<(), StoreError> {
    let identified = schema::check_file(copy)
        .and_then(|()| schema::open_reader(copy))
        .and_then(|connection| schema::identify(&connection, copy));
    identified.map(|_| ()).map_err(|error| error.located(copy))
}

/// The database's own check, then the store's.
pub(super) fn check(path: &Path, watch: Watch<'_>) -> Result<Copied, StoreError> {
    watch(Progress::Checking);
    look(path).map_err(|error| error.located(path))
}

fn look(path: &Path) -> Result<Copied, StoreError> {
    let connection = schema::open_reader(path)?;
    let format = schema::identify(&connection, path)?;
    let damaged = |what| StoreError::Damaged {
        path: path.to_owned(),
        what,
    };
    if format == 0 {
        return Err(damaged(String::from("it is empty")));
    }
    // More than a reader's usual cache: every page is looked at more than once.
    connection.execute_batch("PRAGMA cache_size = -65536")?;
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(damaged(found));
    }
    let stray = connection
        .query_row("PRAGMA foreign_key_check", [], |row| {
            row.get::<_, String>(0)
        })
        .optional()?;
    if let Some(table) = stray {
        return Err(damaged(format!("a row of {table} belongs to nothing")));
    }
    Ok(Copied {
        format,
        written_by: schema::written_by(&connection)?,
        bytes: fs::metadata(path)
            .map_err(|error| StoreError::file(path, &error))?
            .len(),
        contents: Contents::read(&connection, format >= FIRST_CHAINED)?,
        closed_secrets: 0,
        closed_headers: 0,
    })
}

/// That the key is the one that the data was sealed with; counts what it does not open all the same, since that was changed or
/// moved.
fn check_key(
    copied: &mut Copied,
    path: &Path,
    key: &MasterKey,
    named: &Path,
) -> Result<(), StoreError> {
    let connection = schema::open_reader(path)?;
    if let Some(canary) = schema::canary(&connection)? {
        seal::check(key, Some(&canary), named)?;
    }
    // Older formats have no sealed headers.
    let statements = match copied.format >= schema::SEALED_HEADERS {
        true => &[SEALED_SECRETS, SEALED_HEADERS][..],
        false => &[SEALED_SECRETS],
    };
    for statement in statements {
        let mut sealed = connection.prepare(statement)?;
        let mut rows = sealed.query([])?;
        while let Some(row) = rows.next()? {
            let organization = OrganizationId::new(row.get(1)?);
            let endpoint = EndpointId::from_raw(row.get(2)?);
            let (kind, version) = (row.get::<_, i64>(0)?, row.get(4)?);
            let place = organization.map(|organization| match kind {
                0 => Place::NewestSecret(organization, endpoint),
                1 => Place::OlderSecret(organization, endpoint),
                _ => Place::Headers(organization, endpoint, version),
            });
            let closed = match kind {
                0 | 1 => &mut copied.closed_secrets,
                _ => &mut copied.closed_headers,
            };
            let sealed: Vec<u8> = row.get(3)?;
            match place.map(|place| key.open(place, &sealed)) {
                Some(Ok(_)) => {}
                Some(Err(SealError::OtherKey)) => {
                    return Err(StoreError::WrongMasterKey {
                        path: named.to_owned(),
                    });
                }
                Some(Err(SealError::DoesNotOpen | SealError::NoRandomness)) | None => *closed += 1,
            }
        }
    }
    Ok(())
}
