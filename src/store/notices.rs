//! Notices: what operators are told of endpoints, stored with what they tell of.
//!
//! Invariants: a notice of a change is in the commit of the change. What became of attempts is noted in the commit of the
//! results wherever something fails, and each note leads to notices once, in the commit that removes it; so neither a
//! crash nor another node loses or doubles one. A notice is an event of the organization that operators chose for them,
//! and a row for the mail where there is mail. About that organization's own endpoints no event is made: it would be
//! sent to those endpoints, and so on.
//! Deliberately absent: what is told when ([`tidings_core::trouble`]), and sending mail.

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;
use tidings_core::id::OrganizationId;
use tidings_core::time::Timestamp;

/// Mails that wait: what comes when it is full takes the place of the oldest.
pub const MAILS: usize = 1_000;
/// A notice that could not be mailed for so long is not mailed any more.
pub const MAIL_KEPT: Duration = Duration::from_secs(3 * 86_400);
/// No notice that waits is put off for longer: longer than a mail to everybody may take.
pub const MAIL_PUT_OFF: Duration = Duration::from_secs(30 * 60);

/// To whom notices go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRule {
    /// The organization whose events they are.
    pub organization: Option<OrganizationId>,
    /// Whether they are mailed.
    pub mail: bool,
    /// How people reach the console, without a slash at the end.
    pub base: String,
}

/// What became of the wish to tell notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// From now on.
    Ready,
    /// The catalogue holds a type of the operator's own under a notice's name.
    NameTaken(&'static str),
}

/// A notice to be mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailNotice {
    /// Its number.
    pub id: i64,
    /// When it was made.
    pub at: Timestamp,
    /// Its event type.
    pub kind: String,
    /// What an event of it carries.
    pub data: String,
}

/// Notices that wait to be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailsWaiting {
    /// How many.
    pub count: usize,
    /// Since when the first of them.
    pub oldest: Timestamp,
}

/// What a store does about notices.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Tells notices by this rule from now on, or none. Puts their types into the catalogue, or switches them off.
    async fn tell_notices(&self, rule: Option<NoticeRule>) -> Result<Told, StoreError>;

    /// What waits to be mailed now.
    async fn mails_waiting(&self) -> Result<Option<MailsWaiting>, StoreError>;

    /// Takes notices to be mailed, the oldest first; nobody else takes them before `lease` is over.
    async fn take_mails(
        &self,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<MailNotice>, StoreError>;

    /// They were mailed.
    async fn mailed(&self, ids: Vec<i64>) -> Result<(), StoreError>;

    /// They were not mailed; nobody takes them before `wait` is over.
    async fn not_mailed(&self, ids: Vec<i64>, wait: Duration) -> Result<(), StoreError>;
}
