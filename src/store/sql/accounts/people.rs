//! Accounts and their roles. There is always an operator, once there was one.

use super::super::audit::Act;
use super::super::database::{Row, Sql, values};
use super::super::directory::place;
use super::super::step::Step;
use super::{links, moment, role, sessions};
use crate::store::accounts::{Account, Grant, Removed, Standing};
use crate::store::directory::{Changed, Cursor, Page, PageRequest};
use crate::store::{Actor, Reach, StoreError};
use serde_json::{Value, json};
use tidings_core::id::{AccountId, OrganizationId, SessionId};
use tidings_core::time::Timestamp;

/// Where [`BY_NAME`] has the password: after the account's own columns.
const PASSWORD: usize = 6;

/// Accounts as [`Found::of`] reads them, with more columns, and from where.
macro_rules! accounts {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT a.id, a.name, a.operator, a.created_at, a.login_at,
                (SELECT count(*) FROM second_factors f WHERE f.account_id = a.id AND f.on_since IS NOT NULL)",
            $more,
            " FROM ",
            $rest
        )
    };
}

const BY_NAME: &str = accounts!(", a.password", "accounts a WHERE a.name = ?1");
const BY_ID: &str = accounts!("", "accounts a WHERE a.id = ?1");
const ALL: &str = accounts!("", "accounts a WHERE a.id > ?1 ORDER BY a.id LIMIT ?2");
const OF_ORGANIZATION: &str = accounts!(
    "",
    "account_grants g JOIN accounts a ON a.id = g.account_id
    WHERE g.organization_id = ?3 AND a.id > ?1 ORDER BY a.id LIMIT ?2"
);
const GRANTS: &str = "SELECT organization_id, role FROM account_grants
    WHERE account_id = ?1 ORDER BY organization_id";

/// An account's row, before its roles are known.
struct Found {
    id: AccountId,
    name: String,
    operator: bool,
    created_at: Timestamp,
    login_at: Option<Timestamp>,
    second_factor: bool,
}

impl Found {
    fn of(row: &dyn Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: AccountId::from_raw(row.get(0)?),
            name: row.get(1)?,
            operator: row.get(2)?,
            created_at: moment(row, 3)?,
            login_at: row.get::<Option<i64>>(4)?.map(Timestamp::from_micros),
            second_factor: row.get(5)?,
        })
    }

    fn with_roles(self, sql: &dyn Sql) -> Result<Account, StoreError> {
        let standing = match self.operator {
            true => Standing::Operator,
            false => Standing::Member(sql.all(GRANTS, values![self.id.raw()], |row| {
                Ok(Grant {
                    organization: row.get(0)?,
                    role: role(row, 1)?,
                })
            })?),
        };
        Ok(Account {
            id: self.id,
            name: self.name,
            standing,
            second_factor: self.second_factor,
            created_at: self.created_at,
            login_at: self.login_at,
        })
    }
}

/// An account by its name, with its password's hash.
pub fn named(sql: &dyn Sql, name: &str) -> Result<Option<(Account, String)>, StoreError> {
    let found = sql.one(BY_NAME, values![name], |row| {
        Ok((Found::of(row)?, row.get(PASSWORD)?))
    })?;
    match found {
        Some((found, password)) => Ok(Some((found.with_roles(sql)?, password))),
        None => Ok(None),
    }
}

/// An account.
pub fn find(sql: &dyn Sql, id: AccountId) -> Result<Option<Account>, StoreError> {
    match sql.one(BY_ID, values![id.raw()], Found::of)? {
        Some(found) => found.with_roles(sql).map(Some),
        None => Ok(None),
    }
}

/// Accounts, oldest first; for one organization those with a role in it.
pub fn list(sql: &dyn Sql, reach: Reach, page: &PageRequest) -> Result<Page<Account>, StoreError> {
    let after = place(page).unwrap_or(0);
    let limit = page.limit.max(1);
    let found = match reach {
        Reach::All => sql.all(ALL, values![after, limit + 1], Found::of)?,
        Reach::One(own) => sql.all(
            OF_ORGANIZATION,
            values![after, limit + 1, own.get()],
            Found::of,
        )?,
    };
    let more = found.len() > limit;
    let items = found
        .into_iter()
        .take(limit)
        .map(|found| found.with_roles(sql))
        .collect::<Result<Vec<_>, _>>()?;
    let last = items.last().filter(|_| more);
    let next = last.map(|last| Cursor(vec![last.id.raw()]));
    Ok(Page { items, next })
}

/// An account as the record shows it.
pub fn shown(name: &str, standing: &Standing) -> Value {
    let roles = match standing {
        Standing::Operator => json!("operator"),
        Standing::Member(grants) => grants
            .iter()
            .map(|grant| json!([grant.organization.get(), grant.role.name()]))
            .collect(),
    };
    json!({ "name": name, "roles": roles })
}

/// Makes an account.
pub fn create(
    step: &mut Step<'_>,
    name: &str,
    password: &str,
    standing: &Standing,
) -> Result<AccountId, StoreError> {
    let id = AccountId::from_raw(step.next_id());
    let operator = *standing == Standing::Operator;
    step.sql().execute(
        "INSERT INTO accounts (id, name, operator, password, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![id.raw(), name, operator, password, step.now.as_micros()],
    )?;
    write_grants(step, id, standing)?;
    Ok(id)
}

/// What an account may do from now on, without a record.
fn write_standing(
    step: &mut Step<'_>,
    id: AccountId,
    standing: &Standing,
) -> Result<(), StoreError> {
    let sql = step.sql();
    let operator = *standing == Standing::Operator;
    sql.execute(
        "UPDATE accounts SET operator = ?2 WHERE id = ?1",
        values![id.raw(), operator],
    )?;
    sql.execute(
        "DELETE FROM account_grants WHERE account_id = ?1",
        values![id.raw()],
    )?;
    write_grants(step, id, standing)
}

fn write_grants(step: &mut Step<'_>, id: AccountId, standing: &Standing) -> Result<(), StoreError> {
    if let Standing::Member(grants) = standing {
        for grant in grants {
            step.sql().execute(
                "INSERT INTO account_grants (account_id, organization_id, role) VALUES (?1, ?2, ?3)",
                values![id.raw(), grant.organization.get(), grant.role.name()],
            )?;
        }
    }
    Ok(())
}

/// Whether others than this account operate.
fn others_operate(sql: &dyn Sql, id: AccountId) -> Result<bool, StoreError> {
    sql.exists(
        "SELECT 1 FROM accounts WHERE operator = 1 AND id <> ?1 LIMIT 1",
        values![id.raw()],
    )
}

/// Gives an account more than it had; an operator stays one.
pub fn raise(
    step: &mut Step<'_>,
    before: &Account,
    standing: &Standing,
    actor: &Actor,
) -> Result<(), StoreError> {
    write_standing(step, before.id, standing)?;
    Act::new("account.change", None, before.id.to_string())
        .turning(
            Some(shown(&before.name, &before.standing)),
            Some(shown(&before.name, standing)),
        )
        .record(step, actor)
}

/// Takes a role in one organization away; an account without any role is removed.
pub fn leave(
    step: &mut Step<'_>,
    id: AccountId,
    organization: OrganizationId,
    actor: &Actor,
) -> Result<Removed, StoreError> {
    let Some(before) = find(step.sql(), id)? else {
        return Ok(Removed::NotFound);
    };
    let Standing::Member(grants) = &before.standing else {
        return Ok(Removed::NotFound);
    };
    let rest: Vec<Grant> = grants
        .iter()
        .copied()
        .filter(|grant| grant.organization != organization)
        .collect();
    if rest.len() == grants.len() {
        return Ok(Removed::NotFound);
    }
    let standing = Standing::Member(rest);
    // The entry is the organization's, so it shows what the account was there and nothing of what it is elsewhere.
    let here = grants
        .iter()
        .copied()
        .filter(|grant| grant.organization == organization);
    let was = shown(&before.name, &Standing::Member(here.collect()));
    let is = shown(&before.name, &Standing::Member(Vec::new()));
    links::end_made_by(step, &Actor::account(id), Some(organization), actor)?;
    if standing == Standing::Member(Vec::new()) {
        delete(step.sql(), id)?;
    } else {
        write_standing(step, id, &standing)?;
    }
    Act::new("account.leave", Some(organization), id.to_string())
        .turning(Some(was), Some(is))
        .record(step, actor)?;
    Ok(Removed::Done)
}

/// Removes an account with its sessions.
pub fn remove(step: &mut Step<'_>, id: AccountId, actor: &Actor) -> Result<Removed, StoreError> {
    let Some(before) = find(step.sql(), id)? else {
        return Ok(Removed::NotFound);
    };
    if before.standing == Standing::Operator && !others_operate(step.sql(), id)? {
        return Ok(Removed::LastOperator);
    }
    links::end_made_by(step, &Actor::account(id), None, actor)?;
    delete(step.sql(), id)?;
    Act::new("account.delete", None, id.to_string())
        .turning(Some(shown(&before.name, &before.standing)), None)
        .record(step, actor)?;
    Ok(Removed::Done)
}

/// Takes out an account and what belongs to it; the record of the act is the caller's.
pub fn delete(sql: &dyn Sql, id: AccountId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM sessions WHERE account_id = ?1",
        "DELETE FROM half_logins WHERE account_id = ?1",
        "DELETE FROM recovery_codes WHERE account_id = ?1",
        "DELETE FROM second_factors WHERE account_id = ?1",
        "DELETE FROM account_grants WHERE account_id = ?1",
        "DELETE FROM former_grants WHERE account_id = ?1",
        "DELETE FROM links WHERE account_id = ?1",
        "DELETE FROM accounts WHERE id = ?1",
    ] {
        sql.execute(statement, values![id.raw()])?;
    }
    Ok(())
}

/// Ends password links that were made before something about the way in changed: what an older one was made for is over.
pub fn end_password_links(step: &Step<'_>, id: AccountId) -> Result<(), StoreError> {
    step.sql().execute(
        "UPDATE links SET revoked_at = ?2
         WHERE account_id = ?1 AND purpose = 'password' AND used_at IS NULL AND revoked_at IS NULL",
        values![id.raw(), step.now.as_micros()],
    )?;
    Ok(())
}

/// The hash of an account's password.
pub fn password(sql: &dyn Sql, id: AccountId) -> Result<Option<String>, StoreError> {
    sql.one(
        "SELECT password FROM accounts WHERE id = ?1",
        values![id.raw()],
        |row| Ok(row.text(0)?.to_owned()),
    )
}

/// Sets a password; all sessions of the account end but `keep`, and so do its password links.
pub fn set_password(
    step: &mut Step<'_>,
    id: AccountId,
    password: &str,
    keep: Option<SessionId>,
    actor: &Actor,
) -> Result<Changed<()>, StoreError> {
    let changed = step.sql().execute(
        "UPDATE accounts SET password = ?2 WHERE id = ?1",
        values![id.raw(), password],
    )?;
    if changed == 0 {
        return Ok(Changed::NotFound);
    }
    sessions::end_others(step, id, keep)?;
    end_password_links(step, id)?;
    Act::new("account.password", None, id.to_string()).record(step, actor)?;
    Ok(Changed::Done(()))
}
