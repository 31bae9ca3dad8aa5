//! Reading the directory from the database: all of it at start, and what other nodes changed, part by part.
//!
//! A part is read first and taken into the tables then: whoever looks something up meanwhile does not wait for the database.

use super::catalogue::Types;
use super::rows;
use super::{NameId, SealedSecrets, Tables};
use crate::store::StoreError;
use crate::store::directory::{ApiKey, Endpoint, KeyHash, Scope};
use crate::store::sql::database::{Sql, Value, unreadable, values};
use std::sync::Arc;
use tidings_core::event_type::{Audience, EventType, SchemaUse, TypeStatus, WireType};
use tidings_core::id::{EndpointId, KeyId, OrganizationId};
use tidings_core::organization::Organization;
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

/// An endpoint as it is read, and the types it chose.
type EndpointRow = (Endpoint, SealedSecrets, Vec<(NameId, Audience)>);

/// What was read anew, for [`Tables::take`].
#[derive(Debug)]
pub enum Part {
    /// All event types.
    Catalogue(Types),
    /// An organization with its endpoints and keys; without a record where it is gone.
    Organization {
        /// Which.
        id: OrganizationId,
        /// It.
        record: Option<Arc<Organization>>,
        /// Its endpoints, ascending.
        endpoints: Vec<EndpointRow>,
        /// Its keys.
        keys: Vec<(KeyHash, ApiKey)>,
    },
    /// A key; none where it is gone.
    Key(KeyId, Vec<(KeyHash, ApiKey)>),
}

impl Tables {
    /// Reads everything that is not deleted or revoked.
    ///
    /// # Errors
    /// The database failed, or a row is damaged.
    pub fn load(sql: &dyn Sql) -> Result<Self, StoreError> {
        let mut tables = Self {
            types: types(sql)?,
            ..Self::default()
        };
        sql.each(ORGANIZATIONS, values![], &mut |row| {
            tables.put_organization(Arc::new(rows::organization(row)?));
            Ok(())
        })?;
        each_endpoint(sql, (ENDPOINTS, CHOICES), values![], &mut |row| {
            let (endpoint, secrets) = tables.resolved(row)?;
            tables.hold(Arc::new(endpoint), secrets);
            Ok(())
        })?;
        let organizations: Vec<OrganizationId> = tables.organizations.keys().copied().collect();
        for organization in organizations {
            tables.index(organization);
        }
        each_key(sql, KEYS, values![], &mut |hash, key| {
            tables.put_key(hash, Arc::new(key));
        })?;
        Ok(tables)
    }

    /// Takes in what was read anew: of that part, the tables then hold what the database holds.
    ///
    /// # Errors
    /// A row is damaged; the tables are then as they were.
    pub fn take(&mut self, part: Part) -> Result<(), StoreError> {
        match part {
            Part::Catalogue(types) => self.types = types,
            Part::Key(id, keys) => {
                self.remove_key(id);
                self.take_keys(keys);
            }
            Part::Organization {
                id,
                record,
                endpoints,
                keys,
            } => {
                let endpoints: Result<Vec<_>, _> = endpoints
                    .into_iter()
                    .map(|row| self.resolved(row))
                    .collect();
                let endpoints = endpoints?;
                // Its old endpoints and keys go with it; those that are still there come again.
                self.remove_organization(id);
                let Some(record) = record else {
                    return Ok(());
                };
                self.put_organization(record);
                for (endpoint, secrets) in endpoints {
                    self.hold(Arc::new(endpoint), secrets);
                }
                self.index(id);
                self.take_keys(keys);
            }
        }
        Ok(())
    }

    fn take_keys(&mut self, keys: Vec<(KeyHash, ApiKey)>) {
        for (hash, key) in keys {
            self.put_key(hash, Arc::new(key));
        }
    }

    /// An endpoint with the types it chose.
    fn resolved(
        &self,
        (endpoint, secrets, chosen): EndpointRow,
    ) -> Result<(Endpoint, SealedSecrets), StoreError> {
        let chosen: Result<_, _> = chosen
            .into_iter()
            .map(|(id, audience)| known(&self.types, id, audience))
            .collect();
        let endpoint = Endpoint {
            event_types: chosen?,
            ..endpoint
        };
        Ok((endpoint, secrets))
    }
}

/// Reads the event types anew; none is ever removed.
///
/// # Errors
/// The database failed, or a row is damaged.
pub fn read_catalogue(sql: &dyn Sql) -> Result<Part, StoreError> {
    types(sql).map(Part::Catalogue)
}

fn types(sql: &dyn Sql) -> Result<Types, StoreError> {
    let mut types = Types::default();
    sql.each(
        "SELECT id, name FROM event_type_names",
        values![],
        &mut |row| {
            types.put_name(NameId(row.get(0)?), rows::name(row, 1)?);
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
                wire: known(&types, id, rows::audience(row, 1)?)?,
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
            types.put(id, row.get(2)?, Arc::new(entry));
            Ok(())
        },
    )?;
    Ok(types)
}

/// Reads an organization anew, with its endpoints and keys.
///
/// # Errors
/// The database failed, or a row is damaged.
pub fn read_organization(sql: &dyn Sql, id: OrganizationId) -> Result<Part, StoreError> {
    let record = sql.one(ORGANIZATION, values![id.get()], rows::organization)?;
    let (mut endpoints, mut keys) = (Vec::new(), Vec::new());
    if record.is_some() {
        let texts = (ENDPOINTS_OF, CHOICES_OF);
        each_endpoint(sql, texts, values![id.get()], &mut |row| {
            endpoints.push(row);
            Ok(())
        })?;
        each_key(sql, KEYS_OF, values![id.get()], &mut |hash, key| {
            keys.push((hash, key));
        })?;
    }
    Ok(Part::Organization {
        id,
        record: record.map(Arc::new),
        endpoints,
        keys,
    })
}

/// Reads a key anew.
///
/// # Errors
/// The database failed, or the row is damaged.
pub fn read_key(sql: &dyn Sql, id: KeyId) -> Result<Part, StoreError> {
    let mut keys = Vec::new();
    each_key(sql, KEY, values![id.raw()], &mut |hash, key| {
        keys.push((hash, key));
    })?;
    Ok(Part::Key(id, keys))
}

/// One form of the type with this number.
fn known(types: &Types, id: NameId, audience: Audience) -> Result<WireType, StoreError> {
    types
        .wire_type(id, audience)
        .cloned()
        .ok_or_else(|| unreadable(0, "an event type"))
}

/// Shows endpoints with the types they chose; choices of deleted ones are passed by.
fn each_endpoint(
    sql: &dyn Sql,
    (endpoints, choices): (&'static str, &'static str),
    of: &[Value<'_>],
    meet: &mut dyn FnMut(EndpointRow) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    // Both come by endpoint, ascending.
    let chosen = sql.all(choices, of, |row| {
        let chosen = (NameId(row.get(0)?), rows::audience(row, 1)?);
        Ok((EndpointId::from_raw(row.get(2)?), chosen))
    })?;
    let mut chosen = chosen.into_iter().peekable();
    sql.each(endpoints, of, &mut |row| {
        let (endpoint, secrets) = rows::endpoint(row)?;
        let mut types = Vec::new();
        while let Some((owner, chosen)) = chosen.next_if(|(owner, _)| *owner <= endpoint.id) {
            if owner == endpoint.id {
                types.push(chosen);
            }
        }
        meet((endpoint, secrets, types))
    })
}

fn each_key(
    sql: &dyn Sql,
    keys: &'static str,
    of: &[Value<'_>],
    meet: &mut dyn FnMut(KeyHash, ApiKey),
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
        meet(hash, key);
        Ok(())
    })
}
