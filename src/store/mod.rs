//! The durable truth, in the product's verbs.
//!
//! Three roles: the [`queue`] (accept, claim, settle), the [`directory`] (organizations, endpoints, event
//! types, keys), the [`log`] (lists, search, retries, replays). Every call carries the organization in its
//! type where the thing belongs to one. An answer is given after what it says is on disk. What callers
//! decide on is an enum; [`StoreError`] is for what no caller can decide.
//!
//! Deliberately absent: SQL above this module, and any transaction that outlives one call.

pub mod accounts;
pub mod audit;
pub mod directory;
pub mod erasure;
pub mod handover;
pub mod headers;
pub mod health;
pub mod log;
pub mod migrate;
pub mod notices;
pub mod postgres;
pub mod queue;
pub mod retention;
pub mod room;
pub mod seal;
pub mod second_factor;
pub mod sql;
pub mod sqlite;
pub mod stats;

use std::path::{Path, PathBuf};
use tidings_core::id::{AccountId, EndpointId, KeyId, OrganizationId};
use tidings_core::time::Timestamp;

/// Everything a store does.
pub trait Store:
    queue::Queue
    + directory::Directory
    + log::Log
    + accounts::Accounts
    + second_factor::SecondFactors
    + audit::AuditLog
    + erasure::Erasing
    + stats::Stats
    + health::Healthy
{
}

impl<T> Store for T where
    T: queue::Queue
        + directory::Directory
        + log::Log
        + accounts::Accounts
        + second_factor::SecondFactors
        + audit::AuditLog
        + erasure::Erasing
        + stats::Stats
        + health::Healthy
{
}

/// Which organizations a caller may see: made from its key, carried into every read by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every organization: operators only.
    All,
    /// One organization; what belongs to others answers as if it did not exist.
    One(OrganizationId),
}

impl Reach {
    /// Whether something of `organization` is within reach.
    pub fn covers(self, organization: OrganizationId) -> bool {
        match self {
            Self::All => true,
            Self::One(own) => own == organization,
        }
    }
}

/// Who asked for a change, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The key or account in words: `key key_…`, `command line`, `server`.
    pub name: String,
    /// Where the request came from, if it came over the network.
    pub address: Option<std::net::IpAddr>,
    /// The request it belongs to, if it came over the network.
    pub request_id: Option<String>,
}

impl Actor {
    /// What a key is called as an actor; links are found by it, too.
    pub fn key(id: KeyId) -> String {
        format!("key {id}")
    }

    /// What an account is called as an actor.
    pub fn account(id: AccountId) -> String {
        format!("account {id}")
    }

    /// The server itself, at start or in upkeep.
    pub fn server() -> Self {
        Self {
            name: String::from("server"),
            address: None,
            request_id: None,
        }
    }
}

/// What went wrong below every caller's decisions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left: nothing was stored; it heals by itself when there is space.
    #[error("the disk is full: nothing was stored")]
    Full,
    /// More is queued than the store takes: nothing was stored.
    #[error("the store is busy: nothing was stored")]
    Overloaded,
    /// The store is closed because the server stops.
    #[error("the store is closed: the server is stopping")]
    Closed,
    /// The database is damaged.
    #[error("the database {path} is damaged ({what}); stop the server, keep the file, and restore a backup (docs/operate/backup.md)", path = path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process holds the data directory.
    #[error("the data directory {path} is in use by another process{}", pid.map_or_else(String::new, |pid| format!(" ({pid})")), path = path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process, if it left its number.
        pid: Option<u32>,
    },
    /// The data was written by a newer version.
    #[error("the data in {path} has format {found}, this version reads up to {known}: use the version that wrote it ({written_by}) or later", path = path.display())]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The format in the file.
        found: u32,
        /// The newest format this version knows.
        known: u32,
        /// The version that wrote it.
        written_by: String,
    },
    /// The master key does not open the secrets in the store.
    #[error("the master key does not fit the data in {path}: give the key the data was written with (master_key_file)", path = path.display())]
    WrongMasterKey {
        /// The database file.
        path: PathBuf,
    },
    /// The database does not answer, or not as one that takes events: a restart, a failover, a broken network.
    #[error("the database cannot be reached ({what})")]
    Unreachable {
        /// What happened.
        what: String,
    },
    /// The database is not one to keep events in.
    #[error("the database {location} cannot be used: {what}")]
    Unsuitable {
        /// Which.
        location: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Another process runs under this node's name.
    #[error("another process on {location} runs under the name of this node, `{node}`: give each its own (setting `node`)", location = location.display())]
    Replaced {
        /// The database.
        location: PathBuf,
        /// The name.
        node: String,
    },
    /// The file system failed; durability can no longer be promised.
    #[error("writing to the disk failed ({what}); nothing after this point is stored")]
    Io {
        /// The system's words.
        what: String,
    },
    /// Everything of the organization is being erased: nothing new of it can be stored before that has ended.
    #[error(
        "everything of organization {organization} is being erased; it can be made anew when that has ended"
    )]
    BeingErased {
        /// Which.
        organization: OrganizationId,
    },
    /// An organization of this number was deleted and its history is still kept: whoever gets the number would see it.
    #[error(
        "organization {organization} was deleted on {deleted_at}, and its history is still kept: say `restore` to bring it back with its history, or erase it first (DELETE /v1/organizations/{organization}?erase=true)"
    )]
    WasDeleted {
        /// Which.
        organization: OrganizationId,
        /// When.
        deleted_at: Timestamp,
    },
    /// Something sealed does not open: it was changed, or its master key is gone. Nothing was changed.
    #[error("the sealed {what} of {endpoint} cannot be opened (changed outside the server, or sealed with a master key that it was not given): {remedy}", what = what.name(), remedy = what.remedy())]
    DoesNotOpen {
        /// Whose.
        endpoint: EndpointId,
        /// What of it.
        what: SealedPart,
    },
    /// A statement failed for no reason the store knows: a defect of ours.
    #[error("the store failed unexpectedly ({what})")]
    Internal {
        /// The database's words; for the log, never for an answer.
        what: String,
    },
}

/// What of an endpoint is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedPart {
    /// A signing secret.
    Secret,
    /// The values of its custom headers.
    Headers,
}

impl SealedPart {
    const fn name(self) -> &'static str {
        match self {
            Self::Secret => "signing secret",
            Self::Headers => "custom headers",
        }
    }

    /// What mends it.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Secret => "rotate it",
            Self::Headers => "give them anew, all of them, or none",
        }
    }
}

impl StoreError {
    /// This error, said of the database at `file`.
    #[must_use]
    fn located(mut self, file: &Path) -> Self {
        if let Self::Damaged { path, .. } = &mut self
            && path.as_os_str().is_empty()
        {
            file.clone_into(path);
        }
        self
    }

    /// Whether nothing may be written after this: what is on disk is no longer known.
    const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Io { .. } | Self::Damaged { .. } | Self::Replaced { .. }
        )
    }
}
