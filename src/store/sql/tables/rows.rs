//! Rows of the directory as values: the one place that knows which column is what.
//!
//! A value that the schema's checks let through but a type does not hold is damage, not a default.

use super::{SealedOlder, SealedSecrets};
use crate::store::StoreError;
use crate::store::directory::Endpoint;
use crate::store::sql::database::{Row, unreadable};
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::HeaderNames;
use tidings_core::event_type::{Audience, EventTypeName};
use tidings_core::id::EndpointId;
use tidings_core::organization::{AddOns, KeptDays, Organization, Switch};
use tidings_core::time::Timestamp;

/// An organization: id, name, slug, add-ons, switch, created at, updated at, days of bodies and of attempts.
///
/// # Errors
/// The row is damaged.
pub fn organization(row: &dyn Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: row.get(0)?,
        name: row.get(1)?,
        slug: row.get(2)?,
        add_ons: AddOns::from_bits(row.get(3)?),
        webhooks: Switch::from_bool(row.get(4)?),
        kept: KeptDays {
            bodies: row.get(7)?,
            attempts: row.get(8)?,
        },
        created_at: moment(row, 5)?,
        updated_at: moment(row, 6)?,
    })
}

/// An endpoint: id, organization, URL, description, names of headers, switch, version, created at, updated at, newest secret,
/// older secret and its end, sealed headers. Its types are rows of their own, and not in it yet.
///
/// # Errors
/// The row is damaged.
pub fn endpoint(row: &dyn Row) -> Result<(Endpoint, SealedSecrets), StoreError> {
    let endpoint = Endpoint {
        id: EndpointId::from_raw(row.get(0)?),
        organization: row.get(1)?,
        url: TargetUrl::from_stored(row.text(2)?).map_err(|error| unreadable(2, error))?,
        description: row.text(3)?.into(),
        event_types: Box::default(),
        headers: header_names(row, 4)?,
        switch: Switch::from_bool(row.get(5)?),
        version: row.get(6)?,
        created_at: moment(row, 7)?,
        updated_at: moment(row, 8)?,
    };
    let secrets = SealedSecrets {
        newest: row.bytes(9)?.into(),
        older: match row.get::<Option<i64>>(11)? {
            Some(until) => Some(Box::new(SealedOlder {
                secret: row.bytes(10)?.into(),
                until: Timestamp::from_micros(until),
            })),
            None => None,
        },
        headers: row.get(12)?,
    };
    Ok((endpoint, secrets))
}

/// Names of custom headers as they are stored: a JSON array.
///
/// # Errors
/// The text is damaged.
pub fn header_names(row: &dyn Row, column: usize) -> Result<HeaderNames, StoreError> {
    match row.text(column)? {
        "[]" => Ok(HeaderNames::default()),
        text => serde_json::from_str(text)
            .map(HeaderNames::stored)
            .map_err(|error| unreadable(column, error)),
    }
}

/// A moment in a column.
///
/// # Errors
/// It is none.
pub fn moment(row: &dyn Row, column: usize) -> Result<Timestamp, StoreError> {
    row.get(column).map(Timestamp::from_micros)
}

/// An audience in a column.
///
/// # Errors
/// It is none.
pub fn audience(row: &dyn Row, column: usize) -> Result<Audience, StoreError> {
    match row.get::<i64>(column)? {
        0 => Ok(Audience::Own),
        1 => Ok(Audience::Public),
        _ => Err(unreadable(column, "an audience")),
    }
}

/// The number an audience is stored as.
pub const fn audience_code(audience: Audience) -> i64 {
    match audience {
        Audience::Own => 0,
        Audience::Public => 1,
    }
}

/// The name of a type in a column.
///
/// # Errors
/// It is none.
pub fn name(row: &dyn Row, column: usize) -> Result<EventTypeName, StoreError> {
    EventTypeName::parse(row.text(column)?).map_err(|error| unreadable(column, error))
}
