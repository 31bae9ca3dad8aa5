//! The audit log: who changed what, in the same commit as the change.
//!
//! Rows show what people may see: secrets never, custom header values as `***`.

use super::super::step::Step;
use crate::store::directory::{ApiKey, Endpoint};
use crate::store::sql::database::values;
use crate::store::{Actor, StoreError};
use serde_json::{Value, json};
use tidings_core::event_type::{EventType, SchemaUse, TypeStatus};
use tidings_core::id::OrganizationId;
use tidings_core::organization::Organization;

/// One act on the record.
#[derive(Debug)]
pub struct Act {
    /// What was done: `endpoint.create`, `secret.rotate`, …
    pub name: &'static str,
    /// Whose it is, if it is anyone's.
    pub organization: Option<OrganizationId>,
    /// The id it was done to.
    pub subject: String,
    /// How it was.
    pub before: Option<Value>,
    /// How it is now.
    pub after: Option<Value>,
}

impl Act {
    /// Something done to `subject` that left nothing behind to compare.
    pub const fn new(
        name: &'static str,
        organization: Option<OrganizationId>,
        subject: String,
    ) -> Self {
        Self {
            name,
            organization,
            subject,
            before: None,
            after: None,
        }
    }

    /// With how it was and how it is.
    #[must_use]
    pub fn turning(mut self, before: Option<Value>, after: Option<Value>) -> Self {
        self.before = before;
        self.after = after;
        self
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The database failed.
    pub fn record(self, step: &mut Step<'_>, actor: &Actor) -> Result<(), StoreError> {
        let id = step.next_id();
        step.sql().execute("INSERT INTO audit (id, at, actor, address, request_id, organization_id, act, subject, before, after)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", values![id,
                step.now.as_micros(),
                actor.name,
                actor.address.map(|address| address.to_string()),
                actor.request_id,
                self.organization.map(OrganizationId::get),
                self.name,
                self.subject,
                self.before.map(|shown| shown.to_string()),
                self.after.map(|shown| shown.to_string()),])?;
        Ok(())
    }
}

/// An organization as the record shows it.
pub fn organization(record: &Organization) -> Value {
    json!({
        "name": record.name,
        "slug": record.slug,
        "add_ons": record.add_ons.iter().map(|add_on| add_on.name()).collect::<Vec<_>>(),
        "webhooks": record.webhooks.is_on(),
    })
}

/// An endpoint as the record shows it.
pub fn endpoint(record: &Endpoint) -> Value {
    let headers: Vec<_> = record
        .headers
        .iter()
        .map(|(name, _)| [name, "***"])
        .collect();
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
