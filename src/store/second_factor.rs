//! Second factors of accounts: a shared secret for one-time codes, recovery codes, and logins that wait for a code.
//!
//! Invariants: a secret is sealed and bound to its account; recovery codes reach the store as hashes and are used once; a
//! step's code is accepted once, in the transaction that does what it is for. A login that waits for its code is no session
//! and stands in a table of its own: nothing that asks for a session can find it. Every act leaves an audit row in the same commit.
//! Deliberately absent: who must have a second factor, which is the console's setting.

use super::accounts::{Account, NewSession, TokenHash};
use super::directory::Changed;
use super::{Actor, StoreError};
use async_trait::async_trait;
use std::fmt;
use tidings_core::id::{AccountId, SessionId};
use tidings_core::time::Timestamp;
use tidings_core::totp::{TotpSecret, typed_recovery_code};
use zeroize::Zeroizing;

/// Sets hashes of recovery codes apart from everything else that is hashed.
const RECOVERY_CONTEXT: &str = "tidings 2026-11 recovery code";

/// What the store knows a recovery code of an account by.
pub type RecoveryHash = [u8; 32];

/// What the store knows this recovery code by; the same code of another account has another hash. `None`: it cannot be one.
pub fn recovery_hash(account: AccountId, typed: &str) -> Option<RecoveryHash> {
    let code = typed_recovery_code(typed)?;
    let mut hash = blake3::Hasher::new_derive_key(RECOVERY_CONTEXT);
    hash.update(&account.raw().to_be_bytes());
    hash.update(code.as_bytes());
    Some(*hash.finalize().as_bytes())
}

/// What somebody gives as second factor.
#[derive(Clone)]
pub enum Given {
    /// A code of the authenticator app.
    Code(Zeroizing<String>),
    /// A recovery code as it was typed; used up when it is right.
    Recovery(Zeroizing<String>),
}

impl fmt::Debug for Given {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Code(_) => "Code(…)",
            Self::Recovery(_) => "Recovery(…)",
        })
    }
}

/// A second factor that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondFactor {
    /// Since when.
    pub since: Timestamp,
    /// Recovery codes that were not used yet.
    pub recovery_codes: u32,
}

/// What switches a second factor on.
pub struct FirstCode {
    /// The code that the app shows.
    pub code: Zeroizing<String>,
    /// What recovery codes are known by from then on.
    pub recovery: Vec<RecoveryHash>,
}

/// What came of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked<T> {
    /// It is right, and what it was for is done.
    Right(T),
    /// Wrong, too old, or used before.
    Wrong,
    /// There is nothing that it could be for: never begun, ended, or too late.
    Nothing,
}

/// Second factors.
#[async_trait]
pub trait SecondFactors: Send + Sync {
    /// The second factor of an account, if it is on.
    async fn second_factor(&self, id: AccountId) -> Result<Option<SecondFactor>, StoreError>;
    /// Keeps a secret that waits for its first code, in place of one that waited before. `NotFound` also where a second factor
    /// is on.
    async fn begin_second_factor(
        &self,
        id: AccountId,
        secret: TotpSecret,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError>;
    /// The secret that waits for its first code at `now`.
    async fn pending_second_factor(
        &self,
        id: AccountId,
        now: Timestamp,
    ) -> Result<Option<TotpSecret>, StoreError>;
    /// Switches a second factor on by its first code; all sessions of the account end but `keep`.
    async fn confirm_second_factor(
        &self,
        id: AccountId,
        first: FirstCode,
        keep: Option<SessionId>,
        actor: Actor,
    ) -> Result<Checked<()>, StoreError>;
    /// Puts new recovery codes in place of those there are.
    async fn renew_recovery_codes(
        &self,
        id: AccountId,
        given: Given,
        recovery: Vec<RecoveryHash>,
        actor: Actor,
    ) -> Result<Checked<()>, StoreError>;
    /// Switches a second factor off; all sessions of the account end but `keep`.
    async fn end_second_factor(
        &self,
        id: AccountId,
        given: Given,
        keep: Option<SessionId>,
        actor: Actor,
    ) -> Result<Checked<()>, StoreError>;

    /// Keeps a login whose password was right until its code comes.
    async fn open_half_login(&self, id: AccountId, hash: TokenHash) -> Result<(), StoreError>;
    /// The account of a login that waits for its code at `now`.
    async fn half_login(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError>;
    /// Opens the session of a login whose code came, and uses the login up; a wrong code leaves it, on the audit log.
    async fn finish_login(
        &self,
        half: TokenHash,
        given: Given,
        new: NewSession,
        actor: Actor,
    ) -> Result<Checked<AccountId>, StoreError>;
}
