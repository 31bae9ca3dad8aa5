//! How things stand on the audit log: as people may see them. Secrets never, custom header values as `***`.

pub use crate::store::sql::audit::Act;

use crate::store::directory::{ApiKey, Endpoint};
use serde_json::{Value, json};
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus};
use tidings_core::organization::Organization;

/// An organization as the record shows it.
pub fn organization(record: &Organization) -> Value {
    json!({
        "name": record.name,
        "slug": record.slug,
        "add_ons": record.add_ons.iter().map(|add_on| add_on.name()).collect::<Vec<_>>(),
        "webhooks": record.webhooks.is_on(),
        "retention": { "bodies_days": record.kept.bodies, "attempts_days": record.kept.attempts },
    })
}

/// An endpoint as the record shows it.
pub fn endpoint(record: &Endpoint) -> Value {
    let headers: Vec<_> = record.headers.iter().map(|name| [name, "***"]).collect();
    let types: Vec<_> = record.event_types.iter().map(ToString::to_string).collect();
    json!({
        "url": record.url.as_str(),
        "description": record.description,
        "event_types": types,
        "enabled": record.switch.is_on(),
        "headers": headers,
        "version": record.version,
    })
}

/// A catalogue entry as the record shows it.
pub fn event_type(entry: &EventType) -> Value {
    json!({
        "label": entry.label,
        "description": entry.description,
        "active": entry.status == TypeStatus::Active,
        "enforced": entry.schema_use == SchemaUse::Enforced,
        "schema": entry.schema.as_deref(),
        "example": entry.example.as_deref(),
    })
}

/// A key as the record shows it.
pub fn key(record: &ApiKey) -> Value {
    json!({
        "scope": record.scope.name(),
        "description": record.description,
        "expires_at": record.expires_at.map(|moment| moment.rfc3339()),
    })
}
