//! The audit log: who did what, when, from where, and what came of it (S23).
//!
//! Invariants: an act is on the log in the commit that makes it true; nothing changes or removes an entry but its
//! retention, and the erasure of an organization, which takes out what its entries say of before and after and from where, and
//! nothing else; each entry holds the digest of the one before it in its chain, so that a changed or missing one shows. A node
//! has a chain of its own, since nodes write beside each other. Secrets never stand in an entry.
//! Deliberately absent: proof against whoever takes the newest or the oldest entries of a chain away, or writes all of it anew;
//! for that, keep copies of the newest digests elsewhere.

use super::directory::{Page, PageRequest};
use super::{Actor, StoreError};
use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use tidings_core::id::{AuditId, OrganizationId};
use tidings_core::time::Timestamp;

/// What an entry is known by to the one after it; written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryDigest(pub [u8; 32]);

impl fmt::Display for EntryDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl EntryDigest {
    /// Reads what is written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActOutcome {
    /// It was done.
    Done,
    /// It was asked for and refused.
    Refused,
}

impl ActOutcome {
    /// Its name, in the API and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// The outcome of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Done, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

/// An entry's place in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Which chain: 0 for a node on its own, else one of several nodes'.
    pub chain: u8,
    /// The digest of the entry before; zeros for the first.
    pub previous: EntryDigest,
    /// This entry's digest, as it was when it was written.
    pub digest: EntryDigest,
}

/// One act on the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who: `key key_…`, `account acc_…`, `portal link lnk_…`, `server`, `anyone`.
    pub actor: String,
    /// From where, if it came over the network.
    pub address: Option<String>,
    /// The request, if it came over the network.
    pub request_id: Option<String>,
    /// Whose it is, if it is anyone's.
    pub organization: Option<OrganizationId>,
    /// What: `endpoint.create`, `secret.reveal`, …
    pub act: String,
    /// To what: an id, a type, or the path that was asked for.
    pub subject: String,
    /// What came of it.
    pub outcome: ActOutcome,
    /// How it was; secrets masked.
    pub before: Option<Value>,
    /// How it is now; secrets masked. Of a refused act, why.
    pub after: Option<Value>,
    /// Whether an erasure took out what it said of before and after and from where.
    pub erased: bool,
    /// Its place in its chain; entries of versions before there were chains have none.
    pub link: Option<Link>,
}

impl Entry {
    /// The digest of this entry after `previous`: SHA-256 over its 32 bytes and the compact JSON array of the entry's id,
    /// time, actor, address, request id, organization, act, subject, outcome, before and after, as the API shows them.
    /// Keys of objects are sorted.
    pub fn digest_after(&self, previous: &EntryDigest) -> EntryDigest {
        let shown = serde_json::json!([
            self.id.to_string(),
            self.at.rfc3339(),
            self.actor,
            self.address,
            self.request_id,
            self.organization.map(OrganizationId::get),
            self.act,
            self.subject,
            self.outcome.name(),
            self.before,
            self.after,
        ]);
        let mut hash = Sha256::new();
        hash.update(previous.0);
        hash.update(shown.to_string());
        EntryDigest(hash.finalize().into())
    }

    /// Whether its content is what its digest was made of; `None` where there is no digest, or only what an erasure left.
    pub fn is_whole(&self) -> Option<bool> {
        let link = self.link?;
        if self.erased {
            let left = self.before.is_some() || self.after.is_some() || self.address.is_some();
            return left.then_some(false);
        }
        Some(self.digest_after(&link.previous) == link.digest)
    }
}

/// What is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// The entry is not what was written.
    #[error("{0} is not what was written")]
    Changed(AuditId),
    /// Entries without a digest are newer than one with: they were put in afterwards.
    #[error("{0} and what is newer without a digest was put in afterwards")]
    PutIn(AuditId),
    /// Between two entries of a chain one or more are missing, or the older one is not what was written.
    #[error("between {older} and {newer} something is missing or changed")]
    Missing {
        /// The one before the place.
        older: AuditId,
        /// The one after it.
        newer: AuditId,
    },
}

/// Looks at entries, newest first, as lists give them.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Of each chain the entry seen last, and what it says of the one before it.
    expected: HashMap<u8, (AuditId, EntryDigest)>,
    /// Entries with a digest.
    pub seen: usize,
    /// Entries of erased organizations among them: their digests hold the chain together, and no longer tell what they said.
    pub erased: usize,
    /// Entries without one: older than the chains.
    pub unlinked: usize,
    /// The newest of each chain.
    pub newest: BTreeMap<u8, (AuditId, EntryDigest)>,
    /// The last entry that was seen had no digest.
    without: Option<AuditId>,
}

impl Inspection {
    /// The next older entry; what is wrong with it, or between it and the one after.
    pub fn meet(&mut self, entry: &Entry) -> Option<Tampering> {
        let Some(link) = entry.link else {
            self.unlinked += 1;
            self.without = Some(entry.id);
            return None;
        };
        self.seen += 1;
        self.erased += usize::from(entry.erased);
        let this = (entry.id, link.digest);
        self.newest.entry(link.chain).or_insert(this);
        let put_in = self.without.take();
        let newer = self.expected.insert(link.chain, (entry.id, link.previous));
        if entry.is_whole() == Some(false) {
            return Some(Tampering::Changed(entry.id));
        }
        if let Some(id) = put_in {
            return Some(Tampering::PutIn(id));
        }
        newer
            .filter(|(_, expected)| *expected != link.digest)
            .map(|(newer, _)| Tampering::Missing {
                older: entry.id,
                newer,
            })
    }
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this organization; `None`: all there are.
    pub organization: Option<OrganizationId>,
    /// Only this act, or with a dot at the end all that begin so.
    pub act: Option<String>,
    /// Only this actor.
    pub actor: Option<String>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// An act that was asked for and refused.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedAct {
    /// Whose it would have been, if the caller may know it.
    pub organization: Option<OrganizationId>,
    /// What was asked for: a method and a path.
    pub subject: String,
    /// Why not.
    pub why: Value,
}

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Entries, newest first.
    async fn audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<Entry>, StoreError>;

    /// Puts an act that was refused on the log.
    async fn note_refused(&self, refused: RefusedAct, actor: Actor) -> Result<(), StoreError>;
}
