//! One-time links: made, looked at without being used, used once, revoked.

use super::super::audit::Act;
use super::super::database::{Row, Sql, unreadable, values};
use super::super::step::Step;
use super::{factors, moment, people, role, sessions};
use crate::store::accounts::{
    Acceptance, Grant, Invited, Link, NewLink, NewSession, Purpose, Redeemed, Role, Standing,
    TokenHash,
};
use crate::store::directory::Changed;
use crate::store::{Actor, Reach, StoreError};
use serde_json::json;
use tidings_core::id::{AccountId, LinkId, OrganizationId, SessionId};
use tidings_core::limits::{
    GRANTS_PER_ACCOUNT, MEMBERS_PER_ORGANIZATION, OPEN_LINKS, SESSION_KEPT,
};
use tidings_core::time::Timestamp;

/// Links that a list shows.
const SHOWN: i64 = 200;
const COUNT_OPEN: &str = "SELECT count(*) FROM links
    WHERE coalesce(organization_id, 0) = ?1 AND expires_at > ?2 AND used_at IS NULL AND revoked_at IS NULL";

/// Links as [`read`] takes them.
macro_rules! links_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, purpose, account_id, organization_id, role, return_url, created_at, expires_at
            FROM links WHERE revoked_at IS NULL AND ",
            $condition
        )
    };
}

const BY_HASH: &str = links_where!("hash = ?1 AND used_at IS NULL AND expires_at > ?2");
const BY_ID: &str = links_where!("id = ?1");
const MADE_BY: &str =
    links_where!("made_by = ?1 AND used_at IS NULL AND (organization_id = ?2 OR ?2 = 0)");
const LISTED: &str = links_where!(
    "expires_at > ?1 AND (used_at IS NULL AND expires_at > ?2 OR purpose = 'portal' AND used_at IS NOT NULL)
        AND (organization_id = ?4 OR ?4 = 0) ORDER BY expires_at DESC, id DESC LIMIT ?3"
);

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
        ("invitation", None, None) => Purpose::Invitation(Invited::Operator),
        ("invitation", Some(grant), None) => Purpose::Invitation(Invited::Member(grant)),
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
    let of = match reach {
        Reach::All => 0,
        Reach::One(own) => own.get(),
    };
    sql.all(LISTED, values![oldest, now.as_micros(), SHOWN, of], read)
}

fn within(reach: Reach, purpose: &Purpose) -> bool {
    match purpose.organization() {
        Some(organization) => reach.covers(organization),
        None => reach == Reach::All,
    }
}

/// Whether one more link may be open. There is one password link for an account, and whoever is locked out needs a setup link.
fn has_place(step: &Step<'_>, purpose: &Purpose) -> Result<bool, StoreError> {
    if matches!(purpose, Purpose::Setup | Purpose::Password(_)) {
        return Ok(true);
    }
    let of = purpose.organization().map_or(0, OrganizationId::get);
    let open: i64 = step
        .sql()
        .get(COUNT_OPEN, values![of, step.now.as_micros()])?;
    Ok(usize::try_from(open).is_ok_and(|open| open < OPEN_LINKS))
}

/// Makes a link. `None`: as many of its organization, or of none, are open as may be.
pub fn create(
    step: &mut Step<'_>,
    new: NewLink,
    actor: &Actor,
) -> Result<Option<Link>, StoreError> {
    if !has_place(step, &new.purpose)? {
        return Ok(None);
    }
    let grant = new.purpose.grant();
    let id = LinkId::from_raw(step.next_id());
    let (account, return_url) = match &new.purpose {
        Purpose::Setup | Purpose::Invitation(_) => (None, None),
        Purpose::Password(account) => (Some(*account), None),
        Purpose::Portal { return_url, .. } => (None, return_url.clone()),
    };
    if let Some(account) = account {
        people::end_password_links(step, account)?;
    }
    step.sql().execute(
        "INSERT INTO links (id, hash, purpose, account_id, organization_id, role, return_url, created_at, expires_at, made_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        values![
            id.raw(),
            new.hash,
            new.purpose.name(),
            account.map(AccountId::raw),
            grant.map(|grant| grant.organization.get()),
            grant.map(|grant| grant.role.name()),
            return_url,
            step.now.as_micros(),
            new.expires_at.as_micros(),
            actor.name,
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
    Ok(Some(Link {
        id,
        purpose: new.purpose,
        created_at: step.now,
        expires_at: new.expires_at,
    }))
}

/// Ends the links that somebody made and nobody used, in one organization or everywhere: who is shut out must not have left
/// a door open. `maker` is as the audit log names them. What was opened with a link before goes on.
pub fn end_made_by(
    step: &mut Step<'_>,
    maker: &str,
    organization: Option<OrganizationId>,
    actor: &Actor,
) -> Result<(), StoreError> {
    let of = organization.map_or(0, OrganizationId::get);
    for link in step.sql().all(MADE_BY, values![maker, of], read)? {
        end(step, &link, actor)?;
    }
    Ok(())
}

/// Ends a link, and the sessions it opened.
fn end(step: &mut Step<'_>, link: &Link, actor: &Actor) -> Result<(), StoreError> {
    let sql = step.sql();
    sql.execute(
        "UPDATE links SET revoked_at = ?2 WHERE id = ?1",
        values![link.id.raw(), step.now.as_micros()],
    )?;
    sql.execute(
        "DELETE FROM sessions WHERE link_id = ?1",
        values![link.id.raw()],
    )?;
    Act::new(
        "link.revoke",
        link.purpose.organization(),
        link.id.to_string(),
    )
    .record(step, actor)
}

/// Revokes a link within reach, and ends the sessions it opened.
pub fn revoke(
    step: &mut Step<'_>,
    reach: Reach,
    id: LinkId,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let found = step.sql().one(BY_ID, values![id.raw()], read)?;
    let Some(link) = found.filter(|link| within(reach, &link.purpose)) else {
        return Ok(Changed::NotFound);
    };
    end(step, &link, actor)?;
    Ok(Changed::Done(()))
}

fn used_up(step: &mut Step<'_>, link: &Link, actor: &Actor) -> Result<(), StoreError> {
    step.sql().execute(
        "UPDATE links SET used_at = ?2 WHERE id = ?1",
        values![link.id.raw(), step.now.as_micros()],
    )?;
    Act::new("link.use", link.purpose.organization(), link.id.to_string()).record(step, actor)
}

/// Uses a portal link: opens its session. `None`: no such link.
pub fn open_portal(
    step: &mut Step<'_>,
    hash: &TokenHash,
    new: &NewSession,
    actor: &Actor,
) -> Result<Option<SessionId>, StoreError> {
    let found = find(step.sql(), hash, step.now)?;
    let Some(link) = found.filter(|link| matches!(link.purpose, Purpose::Portal { .. })) else {
        return Ok(None);
    };
    used_up(step, &link, actor)?;
    sessions::insert(step, None, Some(link.id), new).map(Some)
}

/// Takes away who has a role in an organization, and what leads into it: whoever gets its number next is somebody else. Who
/// had one is kept without effect, for its erasure.
pub fn forget_organization(sql: &dyn Sql, id: OrganizationId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM sessions WHERE link_id IN (SELECT id FROM links WHERE organization_id = ?1)",
        "DELETE FROM links WHERE organization_id = ?1",
        "INSERT INTO former_grants (account_id, organization_id)
         SELECT account_id, organization_id FROM account_grants WHERE organization_id = ?1
         ON CONFLICT (account_id, organization_id) DO NOTHING",
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
) -> Result<Redeemed, StoreError> {
    let Some(link) = find(step.sql(), hash, step.now)? else {
        return Ok(Redeemed::NoLink);
    };
    let account = match (&link.purpose, by) {
        (Purpose::Setup, Acceptance::Person { name, password }) => {
            take_over(step, name, password, actor)?
        }
        (Purpose::Password(account), Acceptance::Person { password, .. }) => {
            match people::set_password(step, *account, password, None, actor)? {
                Changed::Done(()) => {
                    factors::reset(step, *account, actor)?;
                    *account
                }
                Changed::NotFound | Changed::AddOnRequired => return Ok(Redeemed::NoLink),
            }
        }
        (Purpose::Invitation(Invited::Member(grant)), by) if is_full(step, *grant, by)? => {
            return Ok(Redeemed::OrganizationFull);
        }
        (Purpose::Invitation(invited), Acceptance::Person { name, password }) => {
            if people::named(step.sql(), name)?.is_some() {
                return Ok(Redeemed::NameTaken);
            }
            make(step, name, password, &invited.standing(), actor)?
        }
        (Purpose::Invitation(invited), Acceptance::Account(id)) => {
            let Some(account) = people::find(step.sql(), *id)? else {
                return Ok(Redeemed::NoLink);
            };
            let Some(standing) = joined(&account.standing, *invited) else {
                return Ok(Redeemed::TooManyRoles);
            };
            people::raise(step, &account, &standing, actor)?;
            *id
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

/// Whether an organization has as many members as it may, beside who joins.
fn is_full(step: &Step<'_>, grant: Grant, by: &Acceptance) -> Result<bool, StoreError> {
    let joins = match by {
        Acceptance::Account(id) => id.raw(),
        Acceptance::Person { .. } => 0,
    };
    let members: i64 = step.sql().get(
        "SELECT count(*) FROM account_grants WHERE organization_id = ?1 AND account_id <> ?2",
        values![grant.organization.get(), joins],
    )?;
    Ok(usize::try_from(members).is_ok_and(|members| members >= MEMBERS_PER_ORGANIZATION))
}

fn make(
    step: &mut Step<'_>,
    name: &str,
    password: &str,
    standing: &Standing,
    actor: &Actor,
) -> Result<AccountId, StoreError> {
    let id = people::create(step, name, password, standing)?;
    Act::new("account.create", None, id.to_string())
        .turning(None, Some(people::shown(name, standing)))
        .record(step, actor)?;
    Ok(id)
}

/// A setup link stands for the whole instance: the name's account becomes an operator's without a second factor, or is made.
fn take_over(
    step: &mut Step<'_>,
    name: &str,
    password: &str,
    actor: &Actor,
) -> Result<AccountId, StoreError> {
    let Some((known, _)) = people::named(step.sql(), name)? else {
        return make(step, name, password, &Standing::Operator, actor);
    };
    people::set_password(step, known.id, password, None, actor)?;
    factors::reset(step, known.id, actor)?;
    people::raise(step, &known, &Standing::Operator, actor)?;
    Ok(known.id)
}

/// What an account may do with an invitation's role added; the higher one of two stays. `None`: it has as many as it may.
fn joined(standing: &Standing, invited: Invited) -> Option<Standing> {
    let (Standing::Member(grants), Invited::Member(grant)) = (standing, invited) else {
        return Some(Standing::Operator);
    };
    let mut grants = grants.clone();
    let is_full = grants.len() >= GRANTS_PER_ACCOUNT;
    let known = grants
        .iter_mut()
        .find(|known| known.organization == grant.organization);
    match known {
        Some(known) if grant.role == Role::Administrator => known.role = grant.role,
        Some(_) => {}
        None if is_full => return None,
        None => grants.push(grant),
    }
    Some(Standing::Member(grants))
}
