//! One-time links: made, looked at without being used, used once, revoked.

use super::super::database::{Row, Sql, unreadable, values};
use super::super::directory::Act;
use super::super::step::Step;
use super::{moment, people, role, sessions};
use crate::store::accounts::{
    Acceptance, Account, Grant, Link, NewLink, NewSession, Purpose, Redeemed, Role, Standing,
    TokenHash,
};
use crate::store::directory::Changed;
use crate::store::{Actor, Reach, StoreError};
use serde_json::json;
use tidings_core::id::{AccountId, LinkId, OrganizationId, SessionId};
use tidings_core::limits::{GRANTS_PER_ACCOUNT, SESSION_KEPT};
use tidings_core::time::Timestamp;

/// Links that a list shows.
const SHOWN: i64 = 200;

const BY_HASH: &str =
    "SELECT id, purpose, account_id, organization_id, role, return_url, created_at, expires_at
    FROM links WHERE hash = ?1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ?2";
const LISTED: &str =
    "SELECT id, purpose, account_id, organization_id, role, return_url, created_at, expires_at
    FROM links WHERE revoked_at IS NULL AND expires_at > ?1 AND (used_at IS NULL AND expires_at > ?2
        OR purpose = 'portal' AND used_at IS NOT NULL) ORDER BY expires_at DESC, id DESC LIMIT ?3";

fn read(row: &dyn Row) -> Result<Link, StoreError> {
    let grant = match row.get::<Option<OrganizationId>>(3)? {
        Some(organization) => Some(Grant {
            organization,
            role: role(row, 4)?,
        }),
        None => None,
    };
    let account = row.get::<Option<i64>>(2)?.map(AccountId::from_raw);
    let purpose = match (row.get::<String>(1)?.as_str(), grant, account) {
        ("setup", None, None) => Purpose::Setup,
        ("invitation", None, None) => Purpose::Invitation(Standing::Operator),
        ("invitation", Some(grant), None) => Purpose::Invitation(Standing::Member(vec![grant])),
        ("password", None, Some(account)) => Purpose::Password(account),
        ("portal", Some(grant), None) => Purpose::Portal {
            grant,
            return_url: row.get(5)?,
        },
        _ => return Err(unreadable(1, "a link's purpose")),
    };
    Ok(Link {
        id: LinkId::from_raw(row.get(0)?),
        purpose,
        created_at: moment(row, 6)?,
        expires_at: moment(row, 7)?,
    })
}

/// The link of a token, if it may be used.
pub fn find(sql: &dyn Sql, hash: &TokenHash, now: Timestamp) -> Result<Option<Link>, StoreError> {
    sql.one(BY_HASH, values![hash, now.as_micros()], read)
}

/// Links within reach that may be used or whose sessions may go on, newest first.
pub fn list(sql: &dyn Sql, reach: Reach, now: Timestamp) -> Result<Vec<Link>, StoreError> {
    let oldest = now.minus(SESSION_KEPT).as_micros();
    let mut found = sql.all(LISTED, values![oldest, now.as_micros(), SHOWN], read)?;
    found.retain(|link| within(reach, &link.purpose));
    Ok(found)
}

fn within(reach: Reach, purpose: &Purpose) -> bool {
    match purpose.organization() {
        Some(organization) => reach.covers(organization),
        None => reach == Reach::All,
    }
}

/// Makes a link.
pub fn create(step: &mut Step<'_>, new: NewLink, actor: &Actor) -> Result<Link, StoreError> {
    let id = LinkId::from_raw(step.next_id());
    let (account, grant, return_url) = match &new.purpose {
        Purpose::Setup | Purpose::Invitation(Standing::Operator) => (None, None, None),
        Purpose::Invitation(Standing::Member(grants)) => (None, grants.first().copied(), None),
        Purpose::Password(account) => (Some(*account), None, None),
        Purpose::Portal { grant, return_url } => (None, Some(*grant), return_url.clone()),
    };
    step.sql().execute(
        "INSERT INTO links (id, hash, purpose, account_id, organization_id, role, return_url, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        values![
            id.raw(),
            new.hash,
            new.purpose.name(),
            account.map(AccountId::raw),
            grant.map(|grant| grant.organization.get()),
            grant.map(|grant| grant.role.name()),
            return_url,
            step.now.as_micros(),
            new.expires_at.as_micros()
        ],
    )?;
    let shown = json!({
        "purpose": new.purpose.name(),
        "role": grant.map(|grant| grant.role.name()),
        "expires_at": new.expires_at.rfc3339(),
    });
    Act::new("link.create", new.purpose.organization(), id.to_string())
        .turning(None, Some(shown))
        .record(step, actor)?;
    Ok(Link {
        id,
        purpose: new.purpose,
        created_at: step.now,
        expires_at: new.expires_at,
    })
}

/// Revokes a link within reach, and ends the sessions it opened.
pub fn revoke(
    step: &mut Step<'_>,
    reach: Reach,
    id: LinkId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    const BY_ID: &str =
        "SELECT id, purpose, account_id, organization_id, role, return_url, created_at, expires_at
        FROM links WHERE id = ?1 AND revoked_at IS NULL";
    let sql = step.sql();
    let found = sql.one(BY_ID, values![id.raw()], read)?;
    let Some(link) = found.filter(|link| within(reach, &link.purpose)) else {
        return Ok(Changed::NotFound);
    };
    sql.execute(
        "UPDATE links SET revoked_at = ?2 WHERE id = ?1",
        values![id.raw(), step.now.as_micros()],
    )?;
    sql.execute("DELETE FROM sessions WHERE link_id = ?1", values![id.raw()])?;
    Act::new("link.revoke", link.purpose.organization(), id.to_string()).record(step, actor)?;
    Ok(Changed::Done(()))
}

fn used_up(step: &mut Step<'_>, link: &Link, actor: &Actor) -> Result<(), StoreError> {
    step.sql().execute(
        "UPDATE links SET used_at = ?2 WHERE id = ?1",
        values![link.id.raw(), step.now.as_micros()],
    )?;
    Act::new("link.use", link.purpose.organization(), link.id.to_string()).record(step, actor)
}

/// Uses a portal link: opens its session.
pub fn open_portal(
    step: &mut Step<'_>,
    hash: &TokenHash,
    new: &NewSession,
    actor: &Actor,
) -> Result<Redeemed<SessionId>, StoreError> {
    let found = find(step.sql(), hash, step.now)?;
    let Some(link) = found.filter(|link| matches!(link.purpose, Purpose::Portal { .. })) else {
        return Ok(Redeemed::NoLink);
    };
    used_up(step, &link, actor)?;
    sessions::insert(step, None, Some(link.id), new).map(Redeemed::Done)
}

/// Forgets who had a role in an organization, and what leads into it: whoever gets its number next is somebody else.
pub fn forget_organization(sql: &dyn Sql, id: OrganizationId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM sessions WHERE link_id IN (SELECT id FROM links WHERE organization_id = ?1)",
        "DELETE FROM links WHERE organization_id = ?1",
        "DELETE FROM account_grants WHERE organization_id = ?1",
    ] {
        sql.execute(statement, values![id.get()])?;
    }
    Ok(())
}

/// Uses a link that makes or changes an account.
pub fn accept(
    step: &mut Step<'_>,
    hash: &TokenHash,
    by: &Acceptance,
    actor: &Actor,
) -> Result<Redeemed<Account>, StoreError> {
    let Some(link) = find(step.sql(), hash, step.now)? else {
        return Ok(Redeemed::NoLink);
    };
    let account = match (&link.purpose, by) {
        (Purpose::Setup, Acceptance::Person { name, password }) => {
            take_over(step, name, password, actor)?
        }
        (Purpose::Password(account), Acceptance::Person { password, .. }) => {
            match people::set_password(step, *account, password, None, actor)? {
                Changed::Done(()) => *account,
                Changed::NotFound | Changed::AddOnRequired => return Ok(Redeemed::NoLink),
            }
        }
        (Purpose::Invitation(standing), Acceptance::Person { name, password }) => {
            if people::named(step.sql(), name)?.is_some() {
                return Ok(Redeemed::NameTaken);
            }
            let id = people::create(step, name, password, standing)?;
            made(step, id, name, standing, actor)?;
            id
        }
        (Purpose::Invitation(standing), Acceptance::Account(id)) => {
            match people::find(step.sql(), *id)? {
                Some(account) => join(step, account, standing, actor)?,
                None => return Ok(Redeemed::NoLink),
            }
        }
        (Purpose::Setup | Purpose::Password(_), Acceptance::Account(_))
        | (Purpose::Portal { .. }, _) => return Ok(Redeemed::NoLink),
    };
    used_up(step, &link, actor)?;
    match people::find(step.sql(), account)? {
        Some(account) => Ok(Redeemed::Done(account)),
        None => Ok(Redeemed::NoLink),
    }
}

fn made(
    step: &mut Step<'_>,
    id: AccountId,
    name: &str,
    standing: &Standing,
    actor: &Actor,
) -> Result<(), StoreError> {
    Act::new("account.create", None, id.to_string())
        .turning(None, Some(people::shown(name, standing)))
        .record(step, actor)
}

/// A setup link stands for the whole instance: the name's account becomes an operator's, or is made.
fn take_over(
    step: &mut Step<'_>,
    name: &str,
    password: &str,
    actor: &Actor,
) -> Result<AccountId, StoreError> {
    let Some((known, _)) = people::named(step.sql(), name)? else {
        let id = people::create(step, name, password, &Standing::Operator)?;
        made(step, id, name, &Standing::Operator, actor)?;
        return Ok(id);
    };
    people::set_password(step, known.id, password, None, actor)?;
    people::set_standing(step, known.id, Standing::Operator, actor)?;
    Ok(known.id)
}

/// Adds an invitation's roles to an account; the higher one of two stays.
fn join(
    step: &mut Step<'_>,
    account: Account,
    standing: &Standing,
    actor: &Actor,
) -> Result<AccountId, StoreError> {
    let joined = match (account.standing, standing) {
        (Standing::Operator, _) | (_, Standing::Operator) => Standing::Operator,
        (Standing::Member(mut grants), Standing::Member(more)) => {
            for grant in more {
                match grants
                    .iter_mut()
                    .find(|known| known.organization == grant.organization)
                {
                    Some(known) if grant.role == Role::Administrator => known.role = grant.role,
                    Some(_) => {}
                    None => grants.push(*grant),
                }
            }
            grants.truncate(GRANTS_PER_ACCOUNT);
            Standing::Member(grants)
        }
    };
    people::set_standing(step, account.id, joined, actor)?;
    Ok(account.id)
}
