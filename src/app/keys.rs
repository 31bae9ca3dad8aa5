//! The keys that a server starts with: the master key of its data, and the operator's API key.
//!
//! Invariants: a master key is made only where there is no data yet; an operator key is made and shown only once, at the
//! very first start, and a preset one is never shown; one that was revoked stays so, however often it is set.

use super::{AppError, is_new};
use crate::clock;
use crate::config::{KeySource, Settings};
use crate::secret_file::{self, SecretFileError};
use crate::store::Actor;
use crate::store::directory::{CreateKey, Directory as _, NewKey, Scope};
use crate::store::seal::MasterKey;
use crate::store::seal::file::{self, MASTER_KEY_FILE};
use crate::store::sql::SqlStore;
use crate::store::sqlite;
use std::path::{Path, PathBuf};
use tidings_core::api_key::{KeyKind, KeyText};
use zeroize::Zeroizing;

const OPERATOR_KEY_FILE: &str = "operator_key_file";

/// Looks at the files with secrets that the settings name and that are there; answers how many.
///
/// # Errors
/// One cannot be read, or others may.
pub fn check_secret_files(settings: &Settings) -> Result<usize, SecretFileError> {
    let mut files = Vec::new();
    if let Some(path) = master_key_path(settings) {
        // The one beside the data is made at the first start.
        let is_named = matches!(settings.master_key, KeySource::File(_));
        if is_named || path.exists() {
            files.push(("master_key_file", path));
        }
    }
    if let KeySource::File(path) = &settings.operator_key {
        files.push((OPERATOR_KEY_FILE, path.clone()));
    }
    if let Some((_certificate, key)) = &settings.tls {
        files.push(("tls.key", key.clone()));
    }
    for (setting, path) in &files {
        secret_file::open(setting, path)?;
    }
    Ok(files.len())
}

/// The key of the embedded store: the one that is set, or the one beside the data.
///
/// # Errors
/// It cannot be had.
pub fn master_key_of(settings: &Settings) -> Result<MasterKey, AppError> {
    match &settings.master_key {
        KeySource::Text(text) => Ok(MasterKey::parse(text)?),
        KeySource::File(path) => Ok(file::read(path)?),
        KeySource::Absent => own_master_key(&settings.data),
    }
}

/// The key that a start would find, and does not have to make; makes none.
///
/// # Errors
/// As a start would end with.
pub fn master_key_found(settings: &Settings) -> Result<Option<MasterKey>, AppError> {
    match (&settings.master_key, &settings.database) {
        (_, Some(_)) => shared_master_key(settings).map(Some),
        (KeySource::Absent, None) => found_beside(&settings.data),
        (_, None) => master_key_of(settings).map(Some),
    }
}

/// The file that the key comes from, if it comes from one.
pub fn master_key_path(settings: &Settings) -> Option<PathBuf> {
    match &settings.master_key {
        KeySource::Text(_) => None,
        KeySource::File(path) => Some(path.clone()),
        KeySource::Absent if settings.database.is_some() => None,
        KeySource::Absent => Some(settings.data.join(MASTER_KEY_FILE)),
    }
}

/// The key of several nodes, which none of them may make for itself.
pub(super) fn shared_master_key(settings: &Settings) -> Result<MasterKey, AppError> {
    match &settings.master_key {
        KeySource::Text(text) => Ok(MasterKey::parse(text)?),
        KeySource::File(path) => Ok(file::read(path)?),
        KeySource::Absent => Err(AppError::MasterKeyUnset),
    }
}

/// The key beside the data; made when there is no data yet, never for data that another key has sealed.
fn own_master_key(data: &Path) -> Result<MasterKey, AppError> {
    match found_beside(data)? {
        Some(key) => Ok(key),
        None => Ok(file::make(&data.join(MASTER_KEY_FILE))?),
    }
}

/// The key beside the data, if there is one or must be one.
fn found_beside(data: &Path) -> Result<Option<MasterKey>, AppError> {
    let path = data.join(MASTER_KEY_FILE);
    let database = data.join(sqlite::DATABASE_FILE);
    if path.exists() {
        Ok(Some(file::read(&path)?))
    } else if database.exists() {
        Err(AppError::MasterKeyMissing {
            database,
            key: path,
        })
    } else {
        Ok(None)
    }
}

/// Makes sure that there is a way in: the preset key, or on an empty store a new one, answered to be shown once.
pub(super) async fn operator_key(
    settings: &Settings,
    store: &SqlStore,
) -> Result<Option<KeyText>, AppError> {
    let (key, description, show) = match preset_key(settings)? {
        Some(key) => (key, "preset by the operator_key setting", false),
        None if is_new(store) => (
            KeyText::generated(KeyKind::Operator, &clock::random_bytes()?),
            "made at the first start",
            true,
        ),
        None => return Ok(None),
    };
    if store.key(&key.hash()).is_none() {
        let new = NewKey {
            hash: key.hash(),
            scope: Scope::Operator,
            description: description.to_owned(),
            expires_at: None,
        };
        if store.create_key(new, Actor::server()).await? == CreateKey::Revoked {
            return Err(AppError::OperatorKeyRevoked);
        }
    }
    Ok(show.then_some(key))
}

/// The operator's key that the settings name, if they do.
///
/// # Errors
/// Its file cannot be read, or it is no key of an operator's.
pub fn preset_key(settings: &Settings) -> Result<Option<KeyText>, AppError> {
    let text = match &settings.operator_key {
        KeySource::Text(text) => Zeroizing::new(text.trim().to_owned()),
        KeySource::File(path) => {
            let text = secret_file::read(OPERATOR_KEY_FILE, path)?;
            Zeroizing::new(text.trim().to_owned())
        }
        KeySource::Absent => return Ok(None),
    };
    let key = KeyText::parse(&text).map_err(|_| AppError::OperatorKey)?;
    match key.kind() {
        KeyKind::Operator => Ok(Some(key)),
        _ => Err(AppError::OperatorKey),
    }
}
