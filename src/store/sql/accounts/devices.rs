//! Devices that an account logged in from before. Nothing of them is stored: what a device shows is sealed with the master key.
//!
//! A mark is bound to its account, ends with its time, and is void once the password is another, since it holds a hash of the
//! password's hash.

use super::people;
use crate::store::StoreError;
use crate::store::accounts::DeviceMark;
use crate::store::seal::{MasterKey, Place};
use crate::store::sql::database::Sql;
use tidings_core::id::AccountId;
use tidings_core::time::Timestamp;

/// Sets the hash apart from everything else that is derived from a password's.
const CONTEXT: &str = "tidings console 2026-11 device";

/// A new mark; `None`: no such account.
pub fn mark(
    sql: &dyn Sql,
    key: &MasterKey,
    id: AccountId,
    until: Timestamp,
) -> Result<Option<DeviceMark>, StoreError> {
    let Some(password) = people::password(sql, id)? else {
        return Ok(None);
    };
    let failed = |error: &dyn std::fmt::Display| StoreError::Internal {
        what: format!("a device's mark: {error}"),
    };
    let mut plain = until.as_micros().to_be_bytes().to_vec();
    plain.extend(hashed(&password));
    let sealed = key.seal(Place::Device(id), &plain);
    let sealed = sealed.map_err(|error| failed(&error))?;
    let mark = DeviceMark::try_from(&*sealed).map_err(|error| failed(&error))?;
    Ok(Some(mark))
}

/// Whether this is the account's, and good at `now`.
pub fn is_marked(
    sql: &dyn Sql,
    key: &MasterKey,
    (id, mark): (AccountId, &DeviceMark),
    now: Timestamp,
) -> Result<bool, StoreError> {
    // Read for whoever is meant: how long it takes says nothing.
    let password = people::password(sql, id)?;
    let opened = key.open(Place::Device(id), mark).ok();
    let (Some(password), Some(plain)) = (password, opened) else {
        return Ok(false);
    };
    let Some((until, of)) = plain.split_first_chunk::<8>() else {
        return Ok(false);
    };
    let until = Timestamp::from_micros(i64::from_be_bytes(*until));
    Ok(until > now && *of == hashed(&password))
}

fn hashed(password: &str) -> [u8; 32] {
    blake3::derive_key(CONTEXT, password.as_bytes())
}
