//! Accounts of the console: people, their sessions, and the one-time links that let them in.
//!
//! Invariants: passwords reach the store as hashes, tokens of sessions and links as BLAKE3 hashes; a link is used once, in the
//! transaction that does what it is for; a session that ended, was idle too long or is too old is none. Every act leaves
//! an audit row in the same commit.
//! Deliberately absent: what a role may do (the HTTP layer turns it into the same scopes that keys have).

use super::directory::{Changed, Page, PageRequest};
use super::{Actor, Reach, StoreError};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::net::IpAddr;
use tidings_core::id::{AccountId, LinkId, OrganizationId, SessionId};
use tidings_core::limits::{SESSION_IDLE, SESSION_KEPT};
use tidings_core::time::Timestamp;
use zeroize::Zeroizing;

/// What a session's or a link's token is known by: its BLAKE3 hash.
pub type TokenHash = [u8; 32];

/// Characters of a token: base64url of 32 random bytes.
pub const TOKEN_CHARS: usize = 43;

/// The text of a token of these random bytes, for whoever is let in, and what the store knows it by.
pub fn token_of(random: &[u8; 32]) -> (Zeroizing<String>, TokenHash) {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(random));
    let hash = token_hash(&text);
    (text, hash)
}

/// What the store knows a token by.
pub fn token_hash(text: &str) -> TokenHash {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// What somebody may do in one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything of its webhooks.
    Administrator,
    /// Look at them, never at secrets.
    Viewer,
}

impl Role {
    /// Its name, in the API and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Administrator, Self::Viewer]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// A role in one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Where.
    pub organization: OrganizationId,
    /// As what.
    pub role: Role,
}

/// What an account may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Everything, everywhere.
    Operator,
    /// What its roles say, in the order of the organizations; each once.
    Member(Vec<Grant>),
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The name it logs in with; no two accounts have the same.
    pub name: String,
    /// What it may do.
    pub standing: Standing,
    /// Whether its logins need a second factor.
    pub second_factor: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last logged in.
    pub login_at: Option<Timestamp>,
}

/// Who a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// An account.
    Account(Account),
    /// Whoever came by a portal link.
    Portal {
        /// The link.
        link: LinkId,
        /// What it grants.
        grant: Grant,
        /// Where the platform wants its people back.
        return_url: Option<String>,
    },
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub holder: Holder,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// Where it was opened from.
    pub address: Option<IpAddr>,
    /// What the browser called itself.
    pub agent: String,
}

impl Session {
    /// When it ends unless it is used before.
    pub fn ends_at(opened_at: Timestamp, seen_at: Timestamp) -> Timestamp {
        opened_at.plus(SESSION_KEPT).min(seen_at.plus(SESSION_IDLE))
    }
}

/// A session to open for an account.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Of its token.
    pub hash: TokenHash,
    /// Where it is opened from.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: String,
}

/// As what somebody is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// To mind everything.
    Operator,
    /// To a role in one organization.
    Member(Grant),
}

impl Invited {
    /// What an account that is made of it may do.
    pub fn standing(self) -> Standing {
        match self {
            Self::Operator => Standing::Operator,
            Self::Member(grant) => Standing::Member(vec![grant]),
        }
    }
}

/// What a one-time link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Makes an operator's account, or lets a locked-out operator back in.
    Setup,
    /// Makes an account, or adds to one.
    Invitation(Invited),
    /// Sets an account's password anew.
    Password(AccountId),
    /// Opens a session for one organization.
    Portal {
        /// What it grants.
        grant: Grant,
        /// Where the platform wants its people back.
        return_url: Option<String>,
    },
}

impl Purpose {
    /// Its name in the store and on the audit log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invitation(_) => "invitation",
            Self::Password(_) => "password",
            Self::Portal { .. } => "portal",
        }
    }

    /// The role it brings, if it brings one.
    pub const fn grant(&self) -> Option<Grant> {
        match self {
            Self::Invitation(Invited::Member(grant)) | Self::Portal { grant, .. } => Some(*grant),
            Self::Setup | Self::Invitation(Invited::Operator) | Self::Password(_) => None,
        }
    }

    /// The organization it is about, if it is about one.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.grant().map(|grant| grant.organization)
    }
}

/// A one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it is for.
    pub purpose: Purpose,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}

/// A link to make.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// Of its token.
    pub hash: TokenHash,
    /// What it is for.
    pub purpose: Purpose,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}

/// How a link that makes or changes an account is used.
#[derive(Debug, Clone)]
pub enum Acceptance {
    /// By a person without an account, or one who sets the password anew.
    Person {
        /// The account's name; of a password link, unused.
        name: String,
        /// The new password's hash, in PHC format.
        password: String,
    },
    /// By an account that is logged in.
    Account(AccountId),
}

/// What became of the wish to use a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// Done; the link is used up.
    Done(Account),
    /// No such link: unknown, used, expired or revoked.
    NoLink,
    /// The name belongs to another account; the link may still be used.
    NameTaken,
    /// The account has roles in as many organizations as it may; the link may still be used.
    TooManyRoles,
    /// The organization has as many members as it may; the link may still be used.
    OrganizationFull,
}

/// What became of the wish to end something's last operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// Done.
    Done,
    /// No such account.
    NotFound,
    /// It is the last operator: nobody could get in any more.
    LastOperator,
}

/// What a device shows that an account has logged in from before: sealed for that account.
pub type DeviceMark = [u8; 85];

/// Accounts, sessions and links.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// An account by its name, with its password's hash.
    async fn account_named(&self, name: String) -> Result<Option<(Account, String)>, StoreError>;
    /// An account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError>;
    /// Accounts by name; for one organization those with a role in it.
    async fn accounts(&self, reach: Reach, page: PageRequest) -> Result<Page<Account>, StoreError>;
    /// Takes a role in one organization away; an account without any role is removed. Links it made there end.
    async fn leave(
        &self,
        id: AccountId,
        organization: OrganizationId,
        actor: Actor,
    ) -> Result<Removed, StoreError>;
    /// Removes an account with its sessions and the links it made.
    async fn remove_account(&self, id: AccountId, actor: Actor) -> Result<Removed, StoreError>;
    /// Sets a password; all sessions of the account end but `keep`.
    async fn set_password(
        &self,
        id: AccountId,
        password: String,
        keep: Option<SessionId>,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;
    /// A new mark for a device that this account has just logged in from, good until then and while its password stays.
    /// `None`: no such account.
    async fn mark_device(
        &self,
        id: AccountId,
        until: Timestamp,
    ) -> Result<Option<DeviceMark>, StoreError>;
    /// Whether a device's mark is this account's, and good at `now`.
    async fn is_marked(
        &self,
        id: AccountId,
        mark: DeviceMark,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Puts a login that was refused on the audit log.
    async fn login_refused(&self, id: Option<AccountId>, actor: Actor) -> Result<(), StoreError>;

    /// Opens a session of an account.
    async fn open_session(
        &self,
        id: AccountId,
        new: NewSession,
        actor: Actor,
    ) -> Result<Changed<SessionId>, StoreError>;
    /// The session of a token, if it goes on at `now`.
    async fn session(&self, hash: TokenHash, now: Timestamp)
    -> Result<Option<Session>, StoreError>;
    /// Notes that a session is in use.
    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError>;
    /// An account's sessions that go on at `now`, newest first.
    async fn sessions(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;
    /// Ends a session; with an account, only one of its own.
    async fn end_session(
        &self,
        account: Option<AccountId>,
        id: SessionId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;

    /// Makes a link. `None`: as many of its organization, or of none, are open as may be.
    async fn create_link(&self, new: NewLink, actor: Actor) -> Result<Option<Link>, StoreError>;
    /// The link of a token, if it may be used at `now`; using it is another matter.
    async fn link(&self, hash: TokenHash, now: Timestamp) -> Result<Option<Link>, StoreError>;
    /// Links within reach that may be used or whose sessions may go on at `now`, newest first.
    async fn links(&self, reach: Reach, now: Timestamp) -> Result<Vec<Link>, StoreError>;
    /// Revokes a link within reach, and ends the sessions it opened.
    async fn revoke_link(
        &self,
        reach: Reach,
        id: LinkId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;
    /// Uses a link that makes or changes an account. A setup link takes over the account of that name; its sessions and
    /// those of an account whose password changes end, and its second factor is switched off, with an entry of its own.
    async fn accept_link(
        &self,
        hash: TokenHash,
        by: Acceptance,
        actor: Actor,
    ) -> Result<Redeemed, StoreError>;
    /// Uses a portal link: opens its session. `None`: no such link.
    async fn open_portal(
        &self,
        hash: TokenHash,
        new: NewSession,
        actor: Actor,
    ) -> Result<Option<SessionId>, StoreError>;
}
