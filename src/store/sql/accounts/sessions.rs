//! Sessions: opened by a login or a portal link, found by their token's hash, forgotten when they are over.

use super::super::audit::Act;
use super::super::database::{Row, Sql, values};
use super::super::step::Step;
use super::{moment, people, role};
use crate::store::accounts::{Grant, Holder, NewSession, Session, TokenHash};
use crate::store::directory::Changed;
use crate::store::queue::Upkeep;
use crate::store::{Actor, StoreError};
use serde_json::json;
use std::net::IpAddr;
use tidings_core::id::{AccountId, LinkId, OrganizationId, SessionId};
use tidings_core::limits::SESSION_KEPT;
use tidings_core::time::Timestamp;

/// Sessions of one account that are listed, and kept: the oldest ends when one more is opened.
const PER_ACCOUNT: i64 = 50;
/// How long links are kept after their time, so that their sessions can be named.
const LINKS_KEPT: std::time::Duration = std::time::Duration::from_secs(86_400);
/// What is forgotten in one step.
const FORGOTTEN_AT_ONCE: i64 = 500;

const BY_HASH: &str = "SELECT s.id, s.opened_at, s.seen_at, s.address, s.agent, s.account_id,
        l.id, l.organization_id, l.role, l.return_url
    FROM sessions s LEFT JOIN links l ON l.id = s.link_id AND l.revoked_at IS NULL WHERE s.hash = ?1";
const OF_ACCOUNT: &str = "SELECT id, opened_at, seen_at, address, agent FROM sessions
    WHERE account_id = ?1 ORDER BY id DESC LIMIT ?2";
const OWNER: &str = "SELECT s.account_id, s.link_id, l.organization_id
    FROM sessions s LEFT JOIN links l ON l.id = s.link_id WHERE s.id = ?1";

/// A session's row, but for whose it is.
struct Found {
    id: SessionId,
    opened_at: Timestamp,
    seen_at: Timestamp,
    address: Option<IpAddr>,
    agent: String,
}

impl Found {
    fn of(row: &dyn Row) -> Result<Self, StoreError> {
        let address = row.text_or_null(3)?;
        Ok(Self {
            id: SessionId::from_raw(row.get(0)?),
            opened_at: moment(row, 1)?,
            seen_at: moment(row, 2)?,
            address: address.and_then(|address| address.parse().ok()),
            agent: row.get(4)?,
        })
    }

    fn goes_on(&self, now: Timestamp) -> bool {
        Session::ends_at(self.opened_at, self.seen_at) > now
    }

    fn held_by(self, holder: Holder) -> Session {
        Session {
            id: self.id,
            holder,
            opened_at: self.opened_at,
            seen_at: self.seen_at,
            address: self.address,
            agent: self.agent,
        }
    }
}

/// Whose a session is, as its row says.
enum Owner {
    Account(AccountId),
    Portal(Holder),
    /// A portal's link that is gone or revoked takes its sessions along.
    Nobody,
}

impl Owner {
    fn of(row: &dyn Row) -> Result<Self, StoreError> {
        if let Some(account) = row.get::<Option<i64>>(5)? {
            return Ok(Self::Account(AccountId::from_raw(account)));
        }
        Ok(match row.get::<Option<i64>>(6)? {
            None => Self::Nobody,
            Some(link) => Self::Portal(Holder::Portal {
                link: LinkId::from_raw(link),
                grant: Grant {
                    organization: row.get(7)?,
                    role: role(row, 8)?,
                },
                return_url: row.get(9)?,
            }),
        })
    }
}

/// The session of a token, if it goes on.
pub fn find(
    sql: &dyn Sql,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let found = sql.one(BY_HASH, values![hash], |row| {
        Ok((Found::of(row)?, Owner::of(row)?))
    })?;
    let Some((found, owner)) = found.filter(|(found, _)| found.goes_on(now)) else {
        return Ok(None);
    };
    let holder = match owner {
        Owner::Account(id) => people::find(sql, id)?.map(Holder::Account),
        Owner::Portal(holder) => Some(holder),
        Owner::Nobody => None,
    };
    Ok(holder.map(|holder| found.held_by(holder)))
}

/// An account's sessions that go on, newest first.
pub fn of(sql: &dyn Sql, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    let Some(owner) = people::find(sql, account)? else {
        return Ok(Vec::new());
    };
    let found = sql.all(OF_ACCOUNT, values![account.raw(), PER_ACCOUNT], Found::of)?;
    Ok(found
        .into_iter()
        .filter(|found| found.goes_on(now))
        .map(|found| found.held_by(Holder::Account(owner.clone())))
        .collect())
}

/// Opens a session of an account.
pub fn open(
    step: &mut Step<'_>,
    account: AccountId,
    new: &NewSession,
    actor: &Actor,
) -> Result<Changed<SessionId>, StoreError> {
    let known = step.sql().execute(
        "UPDATE accounts SET login_at = ?2 WHERE id = ?1",
        values![account.raw(), step.now.as_micros()],
    )?;
    if known == 0 {
        return Ok(Changed::NotFound);
    }
    let id = insert(step, Some(account), None, new)?;
    step.sql().execute(
        "DELETE FROM sessions WHERE account_id = ?1 AND id <= coalesce(
            (SELECT id FROM sessions WHERE account_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), 0)",
        values![account.raw(), PER_ACCOUNT],
    )?;
    Act::new("session.open", None, account.to_string()).record(step, actor)?;
    Ok(Changed::Done(id))
}

/// Stores a session of an account or of a portal link.
pub fn insert(
    step: &mut Step<'_>,
    account: Option<AccountId>,
    link: Option<LinkId>,
    new: &NewSession,
) -> Result<SessionId, StoreError> {
    let id = SessionId::from_raw(step.next_id());
    let now = step.now.as_micros();
    step.sql().execute(
        "INSERT INTO sessions (id, hash, account_id, link_id, opened_at, seen_at, address, agent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
        values![
            id.raw(),
            new.hash,
            account.map(AccountId::raw),
            link.map(LinkId::raw),
            now,
            new.address.map(|address| address.to_string()),
            new.agent
        ],
    )?;
    Ok(id)
}

/// Notes that a session is in use.
pub fn touch(step: &mut Step<'_>, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
    step.sql().execute(
        "UPDATE sessions SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2",
        values![id.raw(), now.as_micros()],
    )?;
    Ok(())
}

/// Ends a session; with an account, only one of its own. On the record it is done to whom the session was: so an erasure of
/// the account, or of the link's organization, finds the entry.
pub fn end(
    step: &mut Step<'_>,
    account: Option<AccountId>,
    id: SessionId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let found = step.sql().one(OWNER, values![id.raw()], |row| {
        let owner = row.get::<Option<i64>>(0)?.map(AccountId::from_raw);
        let link = row.get::<Option<i64>>(1)?.map(LinkId::from_raw);
        Ok((owner, link, row.get::<Option<OrganizationId>>(2)?))
    })?;
    let within = |owner: Option<AccountId>| account.is_none() || owner == account;
    let Some((owner, link, organization)) = found.filter(|(owner, ..)| within(*owner)) else {
        return Ok(Changed::NotFound);
    };
    step.sql()
        .execute("DELETE FROM sessions WHERE id = ?1", values![id.raw()])?;
    let subject = match (owner, link) {
        (Some(account), _) => account.to_string(),
        (None, Some(link)) => link.to_string(),
        (None, None) => id.to_string(),
    };
    Act::new("session.end", organization, subject)
        .turning(Some(json!({ "session": id.to_string() })), None)
        .record(step, actor)?;
    Ok(Changed::Done(()))
}

/// Ends all sessions of an account but `keep`, and its logins that wait for a code.
pub fn end_others(
    step: &Step<'_>,
    account: AccountId,
    keep: Option<SessionId>,
) -> Result<(), StoreError> {
    let sql = step.sql();
    sql.execute(
        "DELETE FROM sessions WHERE account_id = ?1 AND id <> ?2",
        values![account.raw(), keep.map_or(0, SessionId::raw)],
    )?;
    sql.execute(
        "DELETE FROM half_logins WHERE account_id = ?1",
        values![account.raw()],
    )?;
    Ok(())
}

/// Puts a login that was refused on the record.
pub fn refused(
    step: &mut Step<'_>,
    account: Option<AccountId>,
    actor: &Actor,
) -> Result<(), StoreError> {
    let subject = account.map_or_else(String::new, |id| id.to_string());
    Act::new("session.refuse", None, subject).record(step, actor)
}

/// Forgets sessions, links and logins without their code that are over.
pub fn forget(step: &mut Step<'_>, now: Timestamp) -> Result<Upkeep, StoreError> {
    let sessions = step.sql().execute(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE opened_at <= ?1
            ORDER BY opened_at LIMIT ?2 /* lock */)",
        values![now.minus(SESSION_KEPT).as_micros(), FORGOTTEN_AT_ONCE],
    )?;
    let links = step.sql().execute(
        "DELETE FROM links WHERE id IN (SELECT id FROM links WHERE expires_at <= ?1
            ORDER BY expires_at LIMIT ?2 /* lock */)",
        values![now.minus(LINKS_KEPT).as_micros(), FORGOTTEN_AT_ONCE],
    )?;
    let halves = step.sql().execute(
        "DELETE FROM half_logins WHERE hash IN (SELECT hash FROM half_logins WHERE expires_at <= ?1
            ORDER BY expires_at LIMIT ?2 /* lock */)",
        values![now.as_micros(), FORGOTTEN_AT_ONCE],
    )?;
    Ok(match sessions + links + halves {
        0 => Upkeep::Idle,
        _ => Upkeep::More,
    })
}
