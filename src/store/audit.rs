//! The audit log: who did what, when, from where, and what came of it (S23).
//!
//! Invariants: an act is on the log in the commit that makes it true; nothing changes or removes an entry but its
//! retention, and the erasure of an organization, which takes out what its entries say of before and after and from where, and
//! nothing else; each entry holds the digest of the one before it in its chain, so that a changed or missing one shows. A node
//! has a chain of its own, since nodes write beside each other. Secrets never stand in an entry.
//!
//! What an erasure takes out stands in an entry's digest as a digest of its own, with a salt that goes with it: what is left
//! can be checked, and what is gone cannot be guessed. Entries of older versions ([`Form::Whole`]) have one digest over
//! everything, so that nothing of an erased one can be checked. That something was erased is only believed where the log
//! itself says so ([`Inspection::end`]).
//! Deliberately absent: proof against whoever takes the newest or the oldest entries of a chain away, or writes all of it anew;
//! for that, keep copies of the newest digests elsewhere.

use super::directory::{Page, PageRequest};
use super::{Actor, StoreError};
use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use tidings_core::id::{AuditId, OrganizationId};
use tidings_core::time::Timestamp;

/// What an entry is known by to the one after it; written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryDigest(pub [u8; 32]);

impl fmt::Display for EntryDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, out)
    }
}

impl EntryDigest {
    /// Reads what is written.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

/// What goes with an erasure, so that what was erased cannot be found by trying; written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl fmt::Display for Salt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, out)
    }
}

impl Salt {
    /// Reads what is written.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

fn write_hex(bytes: &[u8], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
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

/// What an entry's digest is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Everything at once: entries of versions before there were parts.
    Whole,
    /// What stays, and the digest of what an erasure takes out.
    Parted {
        /// Of the salt and what an erasure takes out.
        erasable: EntryDigest,
        /// Gone with it.
        salt: Option<Salt>,
    },
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
    /// What that is made of.
    pub form: Form,
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

/// Of some bytes and a compact JSON text. Keys of objects are sorted.
fn digest_of(first: &[u8], shown: &Value) -> EntryDigest {
    let mut hash = Sha256::new();
    hash.update(first);
    hash.update(shown.to_string());
    EntryDigest(hash.finalize().into())
}

impl Entry {
    /// Puts a new entry at the end of a chain.
    #[must_use]
    pub fn linked(mut self, chain: u8, previous: EntryDigest, salt: Salt) -> Self {
        let form = Form::Parted {
            erasable: self.erasable_digest(&salt),
            salt: Some(salt),
        };
        self.link = Some(Link {
            chain,
            previous,
            digest: self.digest_after(&previous, form),
            form,
        });
        self
    }

    /// SHA-256 over the salt and the compact JSON array of what an erasure takes out: address, before and after.
    fn erasable_digest(&self, salt: &Salt) -> EntryDigest {
        digest_of(&salt.0, &json!([self.address, self.before, self.after]))
    }

    /// The digest of this entry after `previous`: SHA-256 over its 32 bytes and the compact JSON array of the entry's id,
    /// time, actor, request id, organization, act, subject, outcome and erasable digest, as the API shows them; in the older
    /// form of id, time, actor, address, request id, organization, act, subject, outcome, before and after.
    pub fn digest_after(&self, previous: &EntryDigest, form: Form) -> EntryDigest {
        let (id, at) = (self.id.to_string(), self.at.rfc3339());
        let organization = self.organization.map(OrganizationId::get);
        let outcome = self.outcome.name();
        let shown = match form {
            Form::Whole => json!([
                id,
                at,
                self.actor,
                self.address,
                self.request_id,
                organization,
                self.act,
                self.subject,
                outcome,
                self.before,
                self.after,
            ]),
            Form::Parted { erasable, .. } => json!([
                id,
                at,
                self.actor,
                self.request_id,
                organization,
                self.act,
                self.subject,
                outcome,
                erasable.to_string(),
            ]),
        };
        digest_of(&previous.0, &shown)
    }

    /// Whether its content is what its digest was made of; `None` where there is no digest, or in the older form only what
    /// an erasure left.
    pub fn is_whole(&self) -> Option<bool> {
        let link = self.link?;
        let left = self.before.is_some() || self.after.is_some() || self.address.is_some();
        let as_it_was = || self.digest_after(&link.previous, link.form) == link.digest;
        match (link.form, self.erased) {
            (Form::Whole, true) => left.then_some(false),
            (Form::Whole, false) => Some(as_it_was()),
            (Form::Parted { salt, .. }, true) => Some(!left && salt.is_none() && as_it_was()),
            (Form::Parted { erasable, salt }, false) => {
                let said = salt.is_some_and(|salt| self.erasable_digest(&salt) == erasable);
                Some(said && as_it_was())
            }
        }
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
    /// The entry is marked as erased, and nowhere on the log stands the erasure.
    #[error("{0} is marked as erased, and the log knows of no such erasure")]
    NotErased(AuditId),
    /// Between two entries of a chain one or more are missing, or the older one is not what was written.
    #[error("between {older} and {newer} something is missing or changed")]
    Missing {
        /// The one before the place.
        older: AuditId,
        /// The one after it.
        newer: AuditId,
    },
}

/// Looks at entries, newest first, as lists give them; [`Inspection::end`] tells what only shows at the end.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Of each chain the entry seen last.
    newer: HashMap<u8, Newer>,
    /// Entries with a digest.
    pub seen: usize,
    /// Entries of erased organizations among them: what was taken out of them cannot be checked any more.
    pub erased: usize,
    /// Entries without one: older than the chains.
    pub unlinked: usize,
    /// The newest of each chain.
    pub newest: BTreeMap<u8, (AuditId, EntryDigest)>,
    /// The last entry that was seen had no digest.
    without: Option<AuditId>,
    erasures: Erasures,
}

/// What an entry says of the one before it in its chain.
#[derive(Debug)]
struct Newer {
    id: AuditId,
    previous: EntryDigest,
    /// Whether it is of the older form, and was not found to be changed.
    is_older: bool,
}

/// Which erasures are on the log, and which entries need one: the newest of each kind.
#[derive(Debug, Default)]
struct Erasures {
    organizations: HashSet<OrganizationId>,
    accounts: HashSet<String>,
    /// One was written by a version that did not say which accounts went with it.
    some_accounts: bool,
    needed: BTreeMap<(Option<OrganizationId>, String), AuditId>,
}

impl Erasures {
    fn meet(&mut self, entry: &Entry) {
        if entry.erased && entry.is_whole() != Some(false) {
            let account = entry.subject.starts_with("acc_");
            let subject = match account {
                true => entry.subject.clone(),
                false => String::new(),
            };
            let key = (entry.organization, subject);
            self.needed.entry(key).or_insert(entry.id);
        }
        if entry.act != ERASE || entry.is_whole() != Some(true) || entry.erased {
            return;
        }
        self.organizations.extend(entry.organization);
        let said = entry.after.as_ref().and_then(|after| after.get("accounts"));
        match said.and_then(Value::as_array) {
            Some(accounts) => {
                let ids = accounts.iter().filter_map(Value::as_str);
                self.accounts.extend(ids.map(str::to_owned));
            }
            None => self.some_accounts = true,
        }
    }

    fn tells_of(&self, organization: Option<OrganizationId>, subject: &str) -> bool {
        organization.is_some_and(|id| self.organizations.contains(&id))
            || self.accounts.contains(subject)
            || self.some_accounts && !subject.is_empty()
    }
}

/// The act that erases an organization.
pub const ERASE: &str = "organization.erase";

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
        self.erasures.meet(entry);
        let this = (entry.id, link.digest);
        self.newest.entry(link.chain).or_insert(this);
        let put_in = self.without.take();
        let changed = entry.is_whole() == Some(false);
        let this = Newer {
            id: entry.id,
            previous: link.previous,
            is_older: link.form == Form::Whole && !changed,
        };
        let newer = self.newer.insert(link.chain, this);
        if changed {
            return Some(Tampering::Changed(entry.id));
        }
        if let Some(id) = put_in {
            return Some(Tampering::PutIn(id));
        }
        let newer = newer?;
        if link.form != Form::Whole && newer.is_older {
            // No version goes back to the older form.
            return Some(Tampering::Changed(newer.id));
        }
        (newer.previous != link.digest).then_some(Tampering::Missing {
            older: entry.id,
            newer: newer.id,
        })
    }

    /// What shows at the end of the log: entries that are marked as erased without an erasure, the newest of each
    /// organization and account.
    pub fn end(&self) -> Vec<Tampering> {
        let erasures = &self.erasures;
        let alone = erasures.needed.iter();
        let alone =
            alone.filter(|((organization, subject), _)| !erasures.tells_of(*organization, subject));
        alone.map(|(_, id)| Tampering::NotErased(*id)).collect()
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
