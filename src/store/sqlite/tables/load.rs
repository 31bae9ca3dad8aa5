//! Reading the directory from the database, once, at start.

use super::rows::{self, damaged};
use super::{NameId, Tables};
use crate::store::directory::{ApiKey, KeyHash, Scope};
use rusqlite::types::Type;
use rusqlite::{Connection, Result, Rows};
use std::sync::Arc;
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus, WireType};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::time::Timestamp;

impl Tables {
    /// Reads everything that is not deleted or revoked.
    ///
    /// # Errors
    /// The database failed, or a row is damaged.
    pub fn load(sql: &Connection) -> Result<Self> {
        let mut tables = Self::default();
        load_types(sql, &mut tables)?;
        load_organizations(sql, &mut tables)?;
        load_endpoints(sql, &mut tables)?;
        load_keys(sql, &mut tables)?;
        Ok(tables)
    }
}

fn load_types(sql: &Connection, tables: &mut Tables) -> Result<()> {
    let mut names = sql.prepare("SELECT id, name FROM event_type_names")?;
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        tables
            .types
            .put_name(NameId(row.get(0)?), rows::name(row, 1)?);
    }
    let mut entries = sql.prepare(
        "SELECT name_id, audience, position, label, description, active, compatible, enforced, schema, example
         FROM event_types",
    )?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let id = NameId(row.get(0)?);
        let entry = EventType {
            wire: known(tables, id, row)?,
            label: row.get(3)?,
            description: row.get(4)?,
            status: if row.get(5)? {
                TypeStatus::Active
            } else {
                TypeStatus::Inactive
            },
            compatible: row.get(6)?,
            schema_use: if row.get(7)? {
                SchemaUse::Enforced
            } else {
                SchemaUse::Documents
            },
            schema: row.get::<_, Option<String>>(8)?.map(Arc::from),
            example: row.get::<_, Option<String>>(9)?.map(Arc::from),
        };
        tables.types.put(id, row.get(2)?, Arc::new(entry));
    }
    Ok(())
}

/// The form of a type whose number is `id` and whose audience is the row's second column.
fn known(tables: &Tables, id: NameId, row: &rusqlite::Row<'_>) -> Result<WireType> {
    tables
        .types
        .wire_type(id, rows::audience(row, 1)?)
        .cloned()
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, id.0))
}

fn load_organizations(sql: &Connection, tables: &mut Tables) -> Result<()> {
    let mut statement = sql.prepare(&format!("{} WHERE deleted_at IS NULL", rows::ORGANIZATION))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tables.put_organization(Arc::new(rows::organization(row)?));
    }
    Ok(())
}

/// Endpoints and their subscriptions come in the same order and are read side by side.
fn load_endpoints(sql: &Connection, tables: &mut Tables) -> Result<()> {
    let mut chosen = sql.prepare(
        "SELECT name_id, audience, endpoint_id FROM subscriptions ORDER BY endpoint_id, name_id, audience",
    )?;
    let mut chosen = Chosen {
        rows: chosen.query([])?,
        ahead: None,
    };
    let mut statement = sql.prepare(&format!(
        "{} WHERE deleted_at IS NULL ORDER BY id",
        rows::ENDPOINT
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let types = chosen.of(EndpointId::from_raw(row.get(0)?), tables)?;
        let (endpoint, secrets) = rows::endpoint(row, types)?;
        tables.hold(Arc::new(endpoint), secrets);
    }
    let organizations: Vec<OrganizationId> = tables.organizations.keys().copied().collect();
    for organization in organizations {
        tables.index(organization);
    }
    Ok(())
}

struct Chosen<'a> {
    rows: Rows<'a>,
    ahead: Option<(EndpointId, WireType)>,
}

impl Chosen<'_> {
    /// The types of `endpoint`; those of earlier ones, which are deleted, are passed by.
    fn of(&mut self, endpoint: EndpointId, tables: &Tables) -> Result<Vec<WireType>> {
        let mut found = Vec::new();
        loop {
            if self.ahead.is_none()
                && let Some(row) = self.rows.next()?
            {
                let wire = known(tables, NameId(row.get(0)?), row)?;
                self.ahead = Some((EndpointId::from_raw(row.get(2)?), wire));
            }
            match self.ahead.take() {
                Some((owner, wire)) if owner == endpoint => found.push(wire),
                Some((owner, _)) if owner < endpoint => {}
                later => {
                    self.ahead = later;
                    return Ok(found);
                }
            }
        }
    }
}

fn load_keys(sql: &Connection, tables: &mut Tables) -> Result<()> {
    let mut statement = sql.prepare(
        "SELECT id, hash, scope, organization_id, description, created_at, expires_at FROM api_keys
         WHERE revoked_at IS NULL",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash: KeyHash = row.get(1)?;
        let owner = match row.get::<_, Option<i64>>(3)? {
            Some(_) => Some(rows::organization_id(row, 3)?),
            None => None,
        };
        let key = ApiKey {
            id: KeyId::from_raw(row.get(0)?),
            scope: Scope::named(row.get_ref(2)?.as_str()?, owner)
                .ok_or_else(|| damaged(2, Type::Text, rows::Unreadable("scope")))?,
            description: row.get(4)?,
            created_at: Timestamp::from_micros(row.get(5)?),
            expires_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_micros),
        };
        tables.put_key(hash, Arc::new(key));
    }
    Ok(())
}
