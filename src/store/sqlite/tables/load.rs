//! Reading the directory from the database, once, at start.
//!
//! A row that the schema's checks let through but the types do not hold is damage, not a default.

use super::{NameId, SealedSecrets, Tables};
use crate::store::directory::{ApiKey, Endpoint, KeyHash, Scope};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Rows};
use std::sync::Arc;
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::{
    Audience, EventType, EventTypeName, SchemaUse, TypeStatus, WireType,
};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::organization::{AddOns, Organization, Switch};
use tidings_core::time::Timestamp;

type Result<T> = rusqlite::Result<T>;

impl Tables {
    /// Reads everything that is not deleted or revoked.
    ///
    /// # Errors
    /// The database failed, or a row is damaged.
    pub fn load(connection: &Connection) -> Result<Self> {
        let mut tables = Self::default();
        load_types(connection, &mut tables)?;
        load_organizations(connection, &mut tables)?;
        load_endpoints(connection, &mut tables)?;
        load_keys(connection, &mut tables)?;
        Ok(tables)
    }
}

fn load_types(connection: &Connection, tables: &mut Tables) -> Result<()> {
    let mut names = connection.prepare("SELECT id, name FROM event_type_names")?;
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        let name = EventTypeName::parse(&text).map_err(|error| damaged(1, Type::Text, error))?;
        tables.types.put_name(NameId(row.get(0)?), name);
    }
    let mut entries = connection.prepare(
        "SELECT name_id, audience, position, label, description, active, compatible, enforced, schema, example
         FROM event_types",
    )?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let id = NameId(row.get(0)?);
        let wire = wire_type(tables, id, row.get(1)?)?;
        let entry = EventType {
            wire,
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

fn load_organizations(connection: &Connection, tables: &mut Tables) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT id, name, slug, add_ons, webhooks, created_at, updated_at FROM organizations
         WHERE deleted_at IS NULL",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tables.put_organization(Arc::new(Organization {
            id: organization(row, 0)?,
            name: row.get(1)?,
            slug: row.get(2)?,
            add_ons: AddOns::from_bits(row.get(3)?),
            webhooks: Switch::from_bool(row.get(4)?),
            created_at: Timestamp::from_micros(row.get(5)?),
            updated_at: Timestamp::from_micros(row.get(6)?),
        }));
    }
    Ok(())
}

/// Endpoints and their subscriptions come in the same order and are read side by side.
fn load_endpoints(connection: &Connection, tables: &mut Tables) -> Result<()> {
    let mut chosen = connection.prepare(
        "SELECT endpoint_id, name_id, audience FROM subscriptions ORDER BY endpoint_id, name_id, audience",
    )?;
    let mut chosen = Chosen {
        rows: chosen.query([])?,
        ahead: None,
    };
    let mut statement = connection.prepare(
        "SELECT id, organization_id, url, description, headers, enabled, version, newest_secret, older_secret,
                older_until, created_at, updated_at
         FROM endpoints WHERE deleted_at IS NULL ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = EndpointId::from_raw(row.get(0)?);
        let record = Endpoint {
            id,
            organization: organization(row, 1)?,
            url: TargetUrl::from_stored(row.get_ref(2)?.as_str()?)
                .map_err(|error| damaged(2, Type::Text, error))?,
            description: row.get(3)?,
            event_types: chosen.of(id, tables)?,
            switch: Switch::from_bool(row.get(5)?),
            headers: stored_headers(row, 4)?,
            version: row.get(6)?,
            created_at: Timestamp::from_micros(row.get(10)?),
            updated_at: Timestamp::from_micros(row.get(11)?),
        };
        let until: Option<i64> = row.get(9)?;
        let secrets = SealedSecrets {
            newest: row.get_ref(7)?.as_blob()?.into(),
            older: match until {
                Some(until) => Some((
                    row.get_ref(8)?.as_blob()?.into(),
                    Timestamp::from_micros(until),
                )),
                None => None,
            },
        };
        tables.hold(Arc::new(record), secrets);
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
            if self.ahead.is_none() {
                self.ahead = match self.rows.next()? {
                    Some(row) => Some((
                        EndpointId::from_raw(row.get(0)?),
                        wire_type(tables, NameId(row.get(1)?), row.get(2)?)?,
                    )),
                    None => None,
                };
            }
            match self.ahead.take() {
                Some((owner, wire)) if owner == endpoint => found.push(wire),
                Some((owner, _)) if owner < endpoint => {}
                later => {
                    self.ahead = later;
                    found.shrink_to_fit();
                    return Ok(found);
                }
            }
        }
    }
}

fn load_keys(connection: &Connection, tables: &mut Tables) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT id, hash, scope, organization_id, description, created_at, expires_at FROM api_keys
         WHERE revoked_at IS NULL",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash: KeyHash = row.get(1)?;
        let scope: String = row.get(2)?;
        let owner = match row.get::<_, Option<i64>>(3)? {
            Some(_) => Some(organization(row, 3)?),
            None => None,
        };
        let key = ApiKey {
            id: KeyId::from_raw(row.get(0)?),
            scope: Scope::named(&scope, owner)
                .ok_or_else(|| damaged(2, Type::Text, Unreadable("scope")))?,
            description: row.get(4)?,
            created_at: Timestamp::from_micros(row.get(5)?),
            expires_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_micros),
        };
        tables.put_key(hash, Arc::new(key));
    }
    Ok(())
}

/// A stored value that its type does not hold.
#[derive(Debug, thiserror::Error)]
#[error("a stored {0} cannot be read")]
struct Unreadable(&'static str);

fn damaged(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

fn organization(row: &Row<'_>, column: usize) -> Result<OrganizationId> {
    let value: i64 = row.get(column)?;
    OrganizationId::new(value).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, value))
}

fn wire_type(tables: &Tables, id: NameId, audience: i64) -> Result<WireType> {
    let audience = match audience {
        0 => Audience::Own,
        _ => Audience::Public,
    };
    tables
        .types
        .wire_type(id, audience)
        .cloned()
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, id.0))
}

fn stored_headers(row: &Row<'_>, column: usize) -> Result<CustomHeaders> {
    match row.get_ref(column)?.as_str()? {
        "[]" => Ok(CustomHeaders::default()),
        text => serde_json::from_str(text)
            .map(CustomHeaders::stored)
            .map_err(|error| damaged(column, Type::Text, error)),
    }
}
