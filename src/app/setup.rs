//! One-time setup links: the first start prints one, `tidings setup-link` makes another.
//!
//! With the embedded store the command leaves a ticket in the data directory, since the server holds the database: whoever
//! can write there owns the server anyway. With PostgreSQL it makes the link in the database.

use super::{AppError, open_store};
use crate::clock::{Clock, random_bytes};
use crate::config::Settings;
use crate::http::{SETUP_FILE, SetupTicket};
use crate::store::accounts::{Accounts, NewLink, Purpose, token_of};
use crate::store::queue::Queue as _;
use crate::store::room::Room;
use crate::store::sqlite::DATABASE_FILE;
use crate::store::{Actor, handover};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tidings_core::limits::SETUP_LINK;
use tidings_core::time::Timestamp;

fn url(base: &str, token: &str) -> String {
    format!("{base}/admin/setup/{token}")
}

/// Makes a link in the store; answers its URL.
///
/// # Errors
/// The store refuses, or the system has no random bytes.
pub async fn link(
    store: &(impl Accounts + ?Sized),
    base: &str,
    now: Timestamp,
) -> Result<String, AppError> {
    let (token, hash) = token_of(&random_bytes()?);
    let new = NewLink {
        hash,
        purpose: Purpose::Setup,
        expires_at: now.plus(SETUP_LINK),
    };
    store.create_link(new, Actor::server()).await?;
    Ok(url(base, &token))
}

/// Makes a link beside a server that may be running; answers its URL.
///
/// # Errors
/// There is no data, or it cannot be reached.
pub async fn link_beside(mut settings: Settings, clock: Clock) -> Result<String, AppError> {
    let base = settings.public_url.clone().unwrap_or_else(|| {
        let scheme = settings.tls.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{}", settings.listen)
    });
    if settings.database.is_none() {
        return leave_ticket(&settings.data, &base, clock.now());
    }
    settings.node = format!("setup-link-{}", std::process::id());
    let (to_engine, _engine) = handover::channel(Room::new(16, 1 << 20));
    let store = open_store(&settings, &clock, to_engine)?;
    let made = link(&*store, &base, clock.now()).await;
    store.close().await;
    made
}

/// Leaves a ticket in the data directory, readable by its owner only.
fn leave_ticket(data: &Path, base: &str, now: Timestamp) -> Result<String, AppError> {
    let path = data.join(SETUP_FILE);
    let failed = |problem| AppError::File {
        setting: "data",
        path: path.clone(),
        problem,
    };
    if !data.join(DATABASE_FILE).exists() {
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "there is no data here yet; start the server first, or name its directory with --data",
        )));
    }
    let (token, hash) = token_of(&random_bytes()?);
    let ticket = SetupTicket {
        hash: blake3::Hash::from_bytes(hash).to_hex().to_string(),
        expires_at: now.plus(SETUP_LINK).as_micros(),
    };
    let text = serde_json::to_vec(&ticket)
        .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    // Written beside and moved, so that the server never reads half of it.
    let beside = data.join(format!("{SETUP_FILE}.{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(&text))
        .and_then(|()| std::fs::rename(&beside, &path))
        .map_err(failed)?;
    Ok(url(base, &token))
}
