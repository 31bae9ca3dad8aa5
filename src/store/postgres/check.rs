//! Whether a database may be trusted with events: asked once at every start.
//!
//! An acknowledged event must survive a power cut, so a database that is set up to forget is refused, with what to change.

use super::schema;
use crate::store::StoreError;
use postgres::Client;
use std::path::Path;

/// The oldest version: partitions take part in `ON CONFLICT`, `pg_xact_status` and `pg_current_xact_id` are there.
const OLDEST: i64 = 130_000;

/// What is asked of a session that is asked nothing else.
pub(super) const SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '60s'";

/// Refuses a database that does not keep what it confirmed, is too old, or holds texts in another encoding.
///
/// # Errors
/// [`StoreError::Unsuitable`], or the database failed.
pub(super) fn check(
    client: &mut Client,
    location: &str,
    unsafe_durability: bool,
) -> Result<(), StoreError> {
    let refuse = |what: String| StoreError::Unsuitable {
        location: location.to_owned(),
        what,
    };
    let version = show(client, "server_version_num")?;
    if version.parse().unwrap_or(0) < OLDEST {
        let version = show(client, "server_version")?;
        return Err(refuse(format!(
            "it is PostgreSQL {version}; version 13 or later is needed"
        )));
    }
    let encoding = show(client, "server_encoding")?;
    if encoding != "UTF8" {
        return Err(refuse(format!(
            "its encoding is {encoding}; make it with ENCODING 'UTF8'"
        )));
    }
    for (setting, why) in [
        ("fsync", "a power cut could damage everything"),
        (
            "full_page_writes",
            "a power cut could leave half-written pages",
        ),
        (
            "synchronous_commit",
            "events that were acknowledged could be lost",
        ),
    ] {
        if show(client, setting)? != "off" {
            continue;
        }
        let what = format!("{setting} is off: {why}; set it on");
        if !unsafe_durability {
            return Err(refuse(format!(
                "{what}, or set unsafe_durability = true if losing events is acceptable"
            )));
        }
        tracing::warn!(database = location, "{what} (unsafe_durability is set)");
    }
    Ok(())
}

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The server's version.
    pub version: String,
    /// The format of what it holds; 0 for nothing yet.
    pub format: i64,
    /// Nodes that work on it now.
    pub nodes: i64,
}

/// Looks at a database that was checked, and changes nothing.
///
/// # Errors
/// The database failed.
pub(super) fn inspect(client: &mut Client, location: &str) -> Result<Inspection, StoreError> {
    let version = show(client, "server_version")?;
    let made = client.query_one("SELECT to_regclass('formats') IS NOT NULL", &[])?;
    if !made.try_get(0)? {
        return Ok(Inspection {
            version,
            format: 0,
            nodes: 0,
        });
    }
    let format = schema::identify(client, Path::new(location))?;
    let row = client.query_one(
        "SELECT count(*) FROM lives WHERE ended_at IS NULL AND lease_until > clock_timestamp()",
        &[],
    )?;
    Ok(Inspection {
        version,
        format: i64::try_from(format).unwrap_or(i64::MAX),
        nodes: row.try_get(0)?,
    })
}

/// What tells whether a master key fits; nothing in an empty database.
///
/// # Errors
/// The database failed.
pub(super) fn canary(client: &mut Client) -> Result<Option<Vec<u8>>, StoreError> {
    let made = client.query_one("SELECT to_regclass('canary') IS NOT NULL", &[])?;
    if !made.try_get(0)? {
        return Ok(None);
    }
    let sealed = client.query_opt("SELECT sealed FROM canary", &[])?;
    Ok(sealed.map(|row| row.try_get(0)).transpose()?)
}

/// Refuses a database that a migration was begun into and not finished.
///
/// # Errors
/// [`StoreError::Unsuitable`], or the database failed.
pub(super) fn finished(client: &mut Client, location: &str) -> Result<(), StoreError> {
    let unfinished = client.query_one("SELECT to_regclass('migration') IS NOT NULL", &[])?;
    if unfinished.try_get(0)? {
        return Err(StoreError::Unsuitable {
            location: location.to_owned(),
            what: String::from(
                "a migration into it is not finished; run `tidings migrate` again, it goes on where it stopped",
            ),
        });
    }
    Ok(())
}

fn show(client: &mut Client, setting: &str) -> Result<String, StoreError> {
    let row = client.query_one("SELECT current_setting($1)", &[&setting])?;
    Ok(row.try_get(0)?)
}
