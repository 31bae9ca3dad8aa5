//! Rows of the directory as values: the one place that knows which column is what.
//!
//! A value that the schema's checks let through but a type does not hold is damage, not a default.

use super::{SealedOlder, SealedSecrets};
use crate::store::directory::Endpoint;
use rusqlite::types::Type;
use rusqlite::{Result, Row};
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::{Audience, EventTypeName, WireType};
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::organization::{AddOns, Organization, Switch};
use tidings_core::time::Timestamp;

/// The columns [`organization`] reads, in its order.
pub const ORGANIZATION: &str =
    "SELECT id, name, slug, add_ons, webhooks, created_at, updated_at FROM organizations";
/// The columns [`endpoint`] reads, in its order.
pub const ENDPOINT: &str =
    "SELECT id, organization_id, url, description, headers, enabled, version,
    created_at, updated_at, newest_secret, older_secret, older_until FROM endpoints";

/// An organization of a row of [`ORGANIZATION`].
///
/// # Errors
/// The row is damaged.
pub fn organization(row: &Row<'_>) -> Result<Organization> {
    Ok(Organization {
        id: organization_id(row, 0)?,
        name: row.get(1)?,
        slug: row.get(2)?,
        add_ons: AddOns::from_bits(row.get(3)?),
        webhooks: Switch::from_bool(row.get(4)?),
        created_at: Timestamp::from_micros(row.get(5)?),
        updated_at: Timestamp::from_micros(row.get(6)?),
    })
}

/// An endpoint of a row of [`ENDPOINT`]; its types are rows of their own.
///
/// # Errors
/// The row is damaged.
pub fn endpoint(row: &Row<'_>, event_types: Vec<WireType>) -> Result<(Endpoint, SealedSecrets)> {
    let endpoint = Endpoint {
        id: EndpointId::from_raw(row.get(0)?),
        organization: organization_id(row, 1)?,
        url: TargetUrl::from_stored(row.get_ref(2)?.as_str()?)
            .map_err(|error| damaged(2, Type::Text, error))?,
        description: row.get(3)?,
        event_types: event_types.into(),
        headers: CustomHeaders::stored(headers(row, 4)?),
        switch: Switch::from_bool(row.get(5)?),
        version: row.get(6)?,
        created_at: Timestamp::from_micros(row.get(7)?),
        updated_at: Timestamp::from_micros(row.get(8)?),
    };
    let secrets = SealedSecrets {
        newest: row.get_ref(9)?.as_blob()?.into(),
        older: match row.get::<_, Option<i64>>(11)? {
            Some(until) => Some(Box::new(SealedOlder {
                secret: row.get_ref(10)?.as_blob()?.into(),
                until: Timestamp::from_micros(until),
            })),
            None => None,
        },
    };
    Ok((endpoint, secrets))
}

/// Custom headers as they are stored: a JSON array of `[name, value]`.
///
/// # Errors
/// The text is damaged.
pub fn headers(row: &Row<'_>, column: usize) -> Result<Vec<(String, String)>> {
    match row.get_ref(column)?.as_str()? {
        "[]" => Ok(Vec::new()),
        text => serde_json::from_str(text).map_err(|error| damaged(column, Type::Text, error)),
    }
}

/// An organization's id in a column.
///
/// # Errors
/// No organization can have it.
pub fn organization_id(row: &Row<'_>, column: usize) -> Result<OrganizationId> {
    let value: i64 = row.get(column)?;
    OrganizationId::new(value).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// An audience in a column.
///
/// # Errors
/// It is none.
pub fn audience(row: &Row<'_>, column: usize) -> Result<Audience> {
    match row.get(column)? {
        0 => Ok(Audience::Own),
        1 => Ok(Audience::Public),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}

/// The number an audience is stored as.
pub const fn audience_code(audience: Audience) -> i64 {
    match audience {
        Audience::Own => 0,
        Audience::Public => 1,
    }
}

/// A number that is never negative in a column.
///
/// # Errors
/// It is negative.
pub fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// The name of a type in a column.
///
/// # Errors
/// It is none.
pub fn name(row: &Row<'_>, column: usize) -> Result<EventTypeName> {
    EventTypeName::parse(row.get_ref(column)?.as_str()?)
        .map_err(|error| damaged(column, Type::Text, error))
}

/// A stored value that its type does not hold.
#[derive(Debug, thiserror::Error)]
#[error("a stored {0} cannot be read")]
pub struct Unreadable(pub &'static str);

/// The error of a column whose value its type does not hold.
pub fn damaged(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
