//! Reading the directory from the database: all of it at start, and what other nodes changed, part by part.

use super::rows;
use super::{NameId, Tables};
use crate::store::StoreError;
use crate::store::directory::{ApiKey, KeyHash, Scope};
use crate::store::sql::database::{Row, Sql, Value, unreadable, values};
use std::sync::Arc;
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus, WireType};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::time::Timestamp;

const ORGANIZATIONS: &str =
    "SELECT id, name, slug, add_ons, webhooks, created_at, updated_at, bodies_days,
        attempts_days FROM organizations
    WHERE deleted_at IS NULL";
const ORGANIZATION: &str =
    "SELECT id, name, slug, add_ons, webhooks, created_at, updated_at, bodies_days,
        attempts_days FROM organizations
    WHERE deleted_at IS NULL AND id = ?1";
const ENDPOINTS: &str =
    "SELECT id, organization_id, url, description, header_names, enabled, version,
        created_at, updated_at, newest_secret, older_secret, older_until, sealed_headers
    FROM endpoints WHERE deleted_at IS NULL ORDER BY id";
const ENDPOINTS_OF: &str =
    "SELECT id, organization_id, url, description, header_names, enabled, version,
        created_at, updated_at, newest_secret, older_secret, older_until, sealed_headers
    FROM endpoints WHERE deleted_at IS NULL AND organization_id = ?1 ORDER BY id";
const CHOICES: &str = "SELECT name_id, audience, endpoint_id FROM subscriptions ORDER BY endpoint_id, name_id, audience";
const CHOICES_OF: &str = "SELECT s.name_id, s.audience, s.endpoint_id
    FROM endpoints e CROSS JOIN subscriptions s ON s.endpoint_id = e.id
    WHERE e.organization_id = ?1 ORDER BY s.endpoint_id, s.name_id, s.audience";
const KEYS: &str =
    "SELECT id, hash, scope, organization_id, description, created_at, expires_at FROM api_keys
    WHERE revoked_at IS NULL";
const KEYS_OF: &str =
    "SELECT id, hash, scope, organization_id, description, created_at, expires_at FROM api_keys
    WHERE revoked_at IS NULL AND organization_id = ?1";
const KEY: &str =
    "SELECT id, hash, scope, organization_id, description, created_at, expires_at FROM api_keys
    WHERE revoked_at IS NULL AND id = ?1";

impl Tables {
    /// Reads everything that is not deleted or revoked.
    ///
    /// # Errors
    /// The database failed, or a row is damaged.
    pub fn load(sql: &dyn Sql) -> Result<Self, StoreError> {
        let mut tables = Self::default();
        load_catalogue(sql, &mut tables)?;
        sql.each(ORGANIZATIONS, values![], &mut |row| {
            tables.put_organization(Arc::new(rows::organization(row)?));
            Ok(())
        })?;
        load_endpoints(sql, &mut tables, (ENDPOINTS, CHOICES), values![])?;
        let organizations: Vec<OrganizationId> = tables.organizations.keys().copied().collect();
        for organization in organizations {
            tables.index(organization);
        }
        load_keys(sql, &mut tables, KEYS, values![])?;
        Ok(tables)
    }
}

/// Reads the event types anew; none is ever removed.
///
/// # Errors
/// The database failed, or a row is damaged.
pub fn load_catalogue(sql: &dyn Sql, tables: &mut Tables) -> Result<(), StoreError> {
    sql.each(
        "SELECT id, name FROM event_type_names",
        values![],
        &mut |row| {
            tables
                .types
                .put_name(NameId(row.get(0)?), rows::name(row, 1)?);
            Ok(())
        },
    )?;
    sql.each(
        "SELECT name_id, audience, position, label, description, active, compatible, enforced, schema, example
         FROM event_types",
        values![],
        &mut |row| {
            let id = NameId(row.get(0)?);
            let entry = EventType {
                wire: known(tables, id, row)?,
                label: row.get(3)?,
                description: row.get(4)?,
                status: match row.get(5)? {
                    true => TypeStatus::Active,
                    false => TypeStatus::Inactive,
                },
                compatible: row.get(6)?,
                schema_use: match row.get(7)? {
                    true => SchemaUse::Enforced,
                    false => SchemaUse::Documents,
                },
                schema: row.text_or_null(8)?.map(Arc::from),
                example: row.text_or_null(9)?.map(Arc::from),
            };
            tables.types.put(id, row.get(2)?, Arc::new(entry));
            Ok(())
        },
    )
}

/// Reads an organization anew, with its endpoints and keys: the tables then hold of it what the database holds.
///
/// # Errors
/// The database failed, or a row is damaged.
pub fn load_organization(
    sql: &dyn Sql,
    tables: &mut Tables,
    id: OrganizationId,
) -> Result<(), StoreError> {
    let record = sql.one(ORGANIZATION, values![id.get()], rows::organization)?;
    // Its old endpoints and keys go with it; those that are still there come again.
    tables.remove_organization(id);
    let Some(record) = record else {
        return Ok(());
    };
    tables.put_organization(Arc::new(record));
    load_endpoints(sql, tables, (ENDPOINTS_OF, CHOICES_OF), values![id.get()])?;
    tables.index(id);
    load_keys(sql, tables, KEYS_OF, values![id.get()])
}

/// Reads a key anew.
///
/// # Errors
/// The database failed, or the row is damaged.
pub fn load_key(sql: &dyn Sql, tables: &mut Tables, id: KeyId) -> Result<(), StoreError> {
    tables.remove_key(id);
    load_keys(sql, tables, KEY, values![id.raw()])
}

/// The form of a type whose number is `id` and whose audience is the row's second column.
fn known(tables: &Tables, id: NameId, row: &dyn Row) -> Result<WireType, StoreError> {
    tables
        .types
        .wire_type(id, rows::audience(row, 1)?)
        .cloned()
        .ok_or_else(|| unreadable(0, "an event type"))
}

/// Endpoints with the types they chose; choices of deleted ones are passed by.
fn load_endpoints(
    sql: &dyn Sql,
    tables: &mut Tables,
    (endpoints, choices): (&'static str, &'static str),
    of: &[Value<'_>],
) -> Result<(), StoreError> {
    // Both come by endpoint, ascending.
    let chosen = sql.all(choices, of, |row| {
        let wire = known(tables, NameId(row.get(0)?), row)?;
        Ok((EndpointId::from_raw(row.get(2)?), wire))
    })?;
    let mut chosen = chosen.into_iter().peekable();
    sql.each(endpoints, of, &mut |row| {
        let id = EndpointId::from_raw(row.get(0)?);
        let mut types = Vec::new();
        while let Some((owner, wire)) = chosen.next_if(|(owner, _)| *owner <= id) {
            if owner == id {
                types.push(wire);
            }
        }
        let (endpoint, secrets) = rows::endpoint(row, types)?;
        tables.hold(Arc::new(endpoint), secrets);
        Ok(())
    })
}

fn load_keys(
    sql: &dyn Sql,
    tables: &mut Tables,
    keys: &'static str,
    of: &[Value<'_>],
) -> Result<(), StoreError> {
    sql.each(keys, of, &mut |row| {
        let hash: KeyHash = row.get(1)?;
        let owner: Option<OrganizationId> = row.get(3)?;
        let key = ApiKey {
            id: KeyId::from_raw(row.get(0)?),
            scope: Scope::named(row.text(2)?, owner).ok_or_else(|| unreadable(2, "a scope"))?,
            description: row.get(4)?,
            created_at: rows::moment(row, 5)?,
            expires_at: row.get::<Option<i64>>(6)?.map(Timestamp::from_micros),
        };
        tables.put_key(hash, Arc::new(key));
        Ok(())
    })
}
