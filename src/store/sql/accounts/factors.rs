//! Second factors: begun, switched on by a first code, asked for at logins, switched off; and logins that wait for a code.

use super::super::SqlStore;
use super::super::audit::Act;
use super::super::database::{Row, Sql, unreadable, values};
use super::super::step::Step;
use super::{moment, people, sessions};
use crate::store::accounts::{Account, NewSession, TokenHash};
use crate::store::directory::Changed;
use crate::store::seal::{MasterKey, Place, SealError};
use crate::store::second_factor::{
    Checked, FirstCode, Given, RecoveryHash, SecondFactor, SecondFactors, recovery_hash,
};
use crate::store::{Actor, StoreError};
use async_trait::async_trait;
use serde_json::json;
use tidings_core::id::{AccountId, SessionId};
use tidings_core::limits::{HALF_LOGIN, SECOND_FACTOR_PENDING};
use tidings_core::time::Timestamp;
use tidings_core::totp::TotpSecret;

const STORED: &str =
    "SELECT secret, begun_at, on_since, last_step FROM second_factors WHERE account_id = ?1";
const CODES_LEFT: &str = "SELECT count(*) FROM recovery_codes WHERE account_id = ?1";

/// A secret as it lies there.
pub struct Sealed {
    /// Whose.
    pub account: AccountId,
    /// Sealed.
    pub secret: Vec<u8>,
}

/// Every secret; one per account at most.
pub fn all_sealed(sql: &dyn Sql) -> Result<Vec<Sealed>, StoreError> {
    sql.all(
        "SELECT account_id, secret FROM second_factors ORDER BY account_id",
        values![],
        |row| {
            Ok(Sealed {
                account: AccountId::from_raw(row.get(0)?),
                secret: row.bytes(1)?.to_vec(),
            })
        },
    )
}

/// Seals an account's secret with the newest key.
pub fn seal_anew(step: &Step<'_>, key: &MasterKey, id: AccountId) -> Result<(), StoreError> {
    let Some(stored) = find(step.sql(), id)? else {
        return Ok(());
    };
    let secret = stored.open(key, id)?;
    step.sql().execute(
        "UPDATE second_factors SET secret = ?2 WHERE account_id = ?1",
        values![id.raw(), seal(key, id, &secret)?],
    )?;
    Ok(())
}

fn failed(error: SealError) -> StoreError {
    StoreError::Internal {
        what: error.to_string(),
    }
}

fn seal(key: &MasterKey, id: AccountId, secret: &TotpSecret) -> Result<Box<[u8]>, StoreError> {
    key.seal(Place::SecondFactor(id), secret.expose())
        .map_err(failed)
}

/// A row.
struct Stored {
    secret: Vec<u8>,
    begun_at: Timestamp,
    since: Option<Timestamp>,
    last_step: i64,
}

impl Stored {
    fn of(row: &dyn Row) -> Result<Self, StoreError> {
        Ok(Self {
            secret: row.bytes(0)?.to_vec(),
            begun_at: moment(row, 1)?,
            since: row.get::<Option<i64>>(2)?.map(Timestamp::from_micros),
            last_step: row.get(3)?,
        })
    }

    fn open(&self, key: &MasterKey, id: AccountId) -> Result<TotpSecret, StoreError> {
        let bytes = key
            .open(Place::SecondFactor(id), &self.secret)
            .map_err(failed)?;
        let bytes = bytes.as_slice().try_into();
        bytes
            .map(TotpSecret::from_bytes)
            .map_err(|_| unreadable(0, "a second factor"))
    }

    /// Whether it waits for its first code, and may still be switched on by one.
    fn is_pending(&self, now: Timestamp) -> bool {
        self.since.is_none() && self.begun_at.plus(SECOND_FACTOR_PENDING) > now
    }
}

fn find(sql: &dyn Sql, id: AccountId) -> Result<Option<Stored>, StoreError> {
    sql.one(STORED, values![id.raw()], Stored::of)
}

fn begin(
    step: &mut Step<'_>,
    key: &MasterKey,
    id: AccountId,
    secret: &TotpSecret,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    if people::find(step.sql(), id)?.is_none_or(|account| account.second_factor) {
        return Ok(Changed::NotFound);
    }
    remove(step, id)?;
    step.sql().execute(
        "INSERT INTO second_factors (account_id, secret, begun_at, last_step) VALUES (?1, ?2, ?3, 0)",
        values![id.raw(), seal(key, id, secret)?, step.now.as_micros()],
    )?;
    Act::new("second_factor.begin", None, id.to_string()).record(step, actor)?;
    Ok(Changed::Done(()))
}

fn confirm(
    step: &mut Step<'_>,
    key: &MasterKey,
    id: AccountId,
    first: &FirstCode,
) -> Result<Checked<()>, StoreError> {
    let Some(stored) = find(step.sql(), id)?.filter(|stored| stored.is_pending(step.now)) else {
        return Ok(Checked::Nothing);
    };
    let secret = stored.open(key, id)?;
    let Some(last) = secret.accepts(&first.code, step.now, stored.last_step) else {
        return Ok(Checked::Wrong);
    };
    step.sql().execute(
        "UPDATE second_factors SET on_since = ?2, last_step = ?3 WHERE account_id = ?1",
        values![id.raw(), step.now.as_micros(), last],
    )?;
    put_codes(step, id, &first.recovery)?;
    people::end_password_links(step, id)?;
    Ok(Checked::Right(()))
}

fn put_codes(step: &Step<'_>, id: AccountId, hashes: &[RecoveryHash]) -> Result<(), StoreError> {
    let sql = step.sql();
    sql.execute(
        "DELETE FROM recovery_codes WHERE account_id = ?1",
        values![id.raw()],
    )?;
    for hash in hashes {
        sql.execute(
            "INSERT INTO recovery_codes (account_id, hash) VALUES (?1, ?2)",
            values![id.raw(), hash],
        )?;
    }
    Ok(())
}

/// Looks at what was given; what is right is used up.
fn check(
    step: &mut Step<'_>,
    key: &MasterKey,
    id: AccountId,
    given: &Given,
    actor: &Actor,
) -> Result<Checked<()>, StoreError> {
    let Some(stored) = find(step.sql(), id)?.filter(|stored| stored.since.is_some()) else {
        return Ok(Checked::Nothing);
    };
    let used = match given {
        Given::Code(code) => match stored
            .open(key, id)?
            .accepts(code, step.now, stored.last_step)
        {
            None => 0,
            Some(last) => step.sql().execute(
                "UPDATE second_factors SET last_step = ?2 WHERE account_id = ?1",
                values![id.raw(), last],
            )?,
        },
        Given::Recovery(code) => match recovery_hash(id, code) {
            None => 0,
            Some(hash) => step.sql().execute(
                "DELETE FROM recovery_codes WHERE account_id = ?1 AND hash = ?2",
                values![id.raw(), hash],
            )?,
        },
    };
    if used == 0 {
        return Ok(Checked::Wrong);
    }
    if let Given::Recovery(_) = given {
        let left: u32 = step.sql().get(CODES_LEFT, values![id.raw()])?;
        Act::new("second_factor.recovery", None, id.to_string())
            .turning(None, Some(json!({ "codes_left": left })))
            .record(step, actor)?;
    }
    Ok(Checked::Right(()))
}

fn remove(step: &Step<'_>, id: AccountId) -> Result<usize, StoreError> {
    let sql = step.sql();
    sql.execute(
        "DELETE FROM recovery_codes WHERE account_id = ?1",
        values![id.raw()],
    )?;
    sql.execute(
        "DELETE FROM second_factors WHERE account_id = ?1",
        values![id.raw()],
    )
}

/// Takes the second factor away with a password that is set by a link; that it was on is said on the record.
pub fn reset(step: &mut Step<'_>, id: AccountId, actor: &Actor) -> Result<(), StoreError> {
    let was_on = find(step.sql(), id)?.is_some_and(|stored| stored.since.is_some());
    remove(step, id)?;
    if was_on {
        Act::new("second_factor.off", None, id.to_string())
            .turning(None, Some(json!({ "by": "link" })))
            .record(step, actor)?;
    }
    Ok(())
}

fn waiting(
    sql: &dyn Sql,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<AccountId>, StoreError> {
    sql.one(
        "SELECT account_id FROM half_logins WHERE hash = ?1 AND expires_at > ?2",
        values![hash, now.as_micros()],
        |row| Ok(AccountId::from_raw(row.get(0)?)),
    )
}

fn finish(
    step: &mut Step<'_>,
    key: &MasterKey,
    (half, given): (&TokenHash, &Given),
    new: &NewSession,
    actor: Actor,
) -> Result<Checked<AccountId>, StoreError> {
    let Some(id) = waiting(step.sql(), half, step.now)? else {
        return Ok(Checked::Nothing);
    };
    let own = Actor {
        name: Actor::account(id),
        ..actor.clone()
    };
    match check(step, key, id, given, &own)? {
        Checked::Right(()) => {}
        Checked::Nothing => return Ok(Checked::Nothing),
        Checked::Wrong => {
            Act::new("session.refuse", None, id.to_string())
                .turning(None, Some(json!({ "wrong": "second factor" })))
                .record(step, &actor)?;
            return Ok(Checked::Wrong);
        }
    }
    step.sql()
        .execute("DELETE FROM half_logins WHERE hash = ?1", values![half])?;
    match sessions::open(step, id, new, &own)? {
        Changed::Done(_) => Ok(Checked::Right(id)),
        Changed::NotFound | Changed::AddOnRequired => Ok(Checked::Nothing),
    }
}

#[async_trait]
impl SecondFactors for SqlStore {
    async fn second_factor(&self, id: AccountId) -> Result<Option<SecondFactor>, StoreError> {
        self.read(move |sql| {
            let Some(since) = find(sql, id)?.and_then(|stored| stored.since) else {
                return Ok(None);
            };
            let recovery_codes = sql.get(CODES_LEFT, values![id.raw()])?;
            Ok(Some(SecondFactor {
                since,
                recovery_codes,
            }))
        })
        .await
    }

    async fn begin_second_factor(
        &self,
        id: AccountId,
        secret: TotpSecret,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        let key = self.master_key();
        self.change(move |step| begin(step, &key, id, &secret, &actor))
            .await
    }

    async fn pending_second_factor(
        &self,
        id: AccountId,
        now: Timestamp,
    ) -> Result<Option<TotpSecret>, StoreError> {
        let key = self.master_key();
        self.read(move |sql| {
            let pending = find(sql, id)?.filter(|stored| stored.is_pending(now));
            pending.map(|stored| stored.open(&key, id)).transpose()
        })
        .await
    }

    async fn confirm_second_factor(
        &self,
        id: AccountId,
        first: FirstCode,
        keep: Option<SessionId>,
        actor: Actor,
    ) -> Result<Checked<()>, StoreError> {
        let key = self.master_key();
        self.change(move |step| {
            let checked = confirm(step, &key, id, &first)?;
            if checked == Checked::Right(()) {
                sessions::end_others(step, id, keep)?;
                Act::new("second_factor.on", None, id.to_string()).record(step, &actor)?;
            }
            Ok(checked)
        })
        .await
    }

    async fn renew_recovery_codes(
        &self,
        id: AccountId,
        given: Given,
        recovery: Vec<RecoveryHash>,
        actor: Actor,
    ) -> Result<Checked<()>, StoreError> {
        let key = self.master_key();
        self.change(move |step| {
            let checked = check(step, &key, id, &given, &actor)?;
            if checked == Checked::Right(()) {
                put_codes(step, id, &recovery)?;
                Act::new("second_factor.codes", None, id.to_string()).record(step, &actor)?;
            }
            Ok(checked)
        })
        .await
    }

    async fn end_second_factor(
        &self,
        id: AccountId,
        given: Given,
        keep: Option<SessionId>,
        actor: Actor,
    ) -> Result<Checked<()>, StoreError> {
        let key = self.master_key();
        self.change(move |step| {
            let checked = check(step, &key, id, &given, &actor)?;
            if checked == Checked::Right(()) {
                remove(step, id)?;
                sessions::end_others(step, id, keep)?;
                Act::new("second_factor.off", None, id.to_string()).record(step, &actor)?;
            }
            Ok(checked)
        })
        .await
    }

    async fn open_half_login(&self, id: AccountId, hash: TokenHash) -> Result<(), StoreError> {
        self.change(move |step| {
            let until = step.now.plus(HALF_LOGIN).as_micros();
            step.sql().execute(
                "INSERT INTO half_logins (hash, account_id, expires_at)
                 SELECT ?1, id, ?3 FROM accounts WHERE id = ?2",
                values![hash, id.raw(), until],
            )?;
            Ok(())
        })
        .await
    }

    async fn half_login(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        self.read(move |sql| match waiting(sql, &hash, now)? {
            Some(id) => people::find(sql, id),
            None => Ok(None),
        })
        .await
    }

    async fn finish_login(
        &self,
        half: TokenHash,
        given: Given,
        new: NewSession,
        actor: Actor,
    ) -> Result<Checked<AccountId>, StoreError> {
        let key = self.master_key();
        self.change(move |step| finish(step, &key, (&half, &given), &new, actor))
            .await
    }
}
