//! The event types of notices in the catalogue: there and in use while an organization is chosen for them, switched off
//! otherwise. A type of the operator's own under one of their names is left alone, and refuses the choice.
//!
//! All nodes share the catalogue. So a node without the setting leaves the types in use while another one is alive, which may
//! have it, and says so in the log; the last one to start alone switches them off.

use super::super::database::DirectoryChange;
use super::super::directory::write_entry;
use super::super::step::Step;
use crate::catalogue;
use crate::store::StoreError;
use crate::store::notices::Told;
use std::sync::Arc;
use tidings_core::event_type::{Audience, EventType, TypeStatus, WireType};
use tidings_core::id::OrganizationId;
use tidings_core::notice::Kind;

/// Brings the catalogue to what the rule says.
pub(super) fn prepare(
    step: &mut Step<'_>,
    organization: Option<OrganizationId>,
) -> Result<Told, StoreError> {
    let wanted = match organization {
        Some(organization) => {
            if let Some(name) = taken(step) {
                return Ok(Told::NameTaken(name));
            }
            catalogue::notices(organization).map_err(|error| StoreError::Internal {
                what: error.to_string(),
            })?
        }
        None => {
            let off = switched_off(step);
            if !off.is_empty() && is_one_of_several(step)? {
                tracing::warn!(
                    "this node has no notices.organization: the notices' types stay in use for the other nodes, and of what this one sees or changes no event is made; give all nodes the same settings"
                );
                return Ok(Told::Ready);
            }
            off
        }
    };
    let types = &step.tables.types;
    let changed: Vec<EventType> = wanted
        .into_iter()
        .filter(|entry| {
            types
                .entry(&entry.wire)
                .is_none_or(|there| **there != *entry)
        })
        .collect();
    let mut written = Vec::with_capacity(changed.len());
    let mut new = 0;
    for entry in changed {
        let place = step.tables.types.position(&entry.wire);
        let position = match step.tables.types.entry(&entry.wire) {
            Some(_) => place,
            None => {
                new += 1;
                place + new - 1
            }
        };
        let id = write_entry(step.sql(), position, &entry)?;
        written.push((id, position, Arc::new(entry)));
    }
    if !written.is_empty() {
        step.apply(DirectoryChange::Catalogue, move |tables| {
            for (id, position, entry) in written {
                tables.types.put_name(id, entry.wire.name.clone());
                tables.types.put(id, position, entry);
            }
        });
    }
    Ok(Told::Ready)
}

/// A notice's name under which the operator has a type of its own.
fn taken(step: &Step<'_>) -> Option<&'static str> {
    Kind::ALL.into_iter().map(Kind::name).find(|name| {
        let Ok(own) = WireType::parse(name) else {
            return true;
        };
        let public = WireType::new(own.name.clone(), Audience::Public);
        [own, public].iter().any(|wire| {
            let there = step.tables.types.entry(wire);
            there.is_some_and(|entry| !catalogue::is_notice(entry))
        })
    })
}

/// Whether another node is alive beside this one.
fn is_one_of_several(step: &Step<'_>) -> Result<bool, StoreError> {
    let nodes = step.database.nodes()?;
    Ok(nodes.iter().filter(|node| node.alive).count() > 1)
}

/// The types that are in use, switched off.
fn switched_off(step: &Step<'_>) -> Vec<EventType> {
    Kind::ALL
        .into_iter()
        .filter_map(|kind| WireType::parse(kind.name()).ok())
        .filter_map(|wire| step.tables.types.entry(&wire))
        .filter(|entry| catalogue::is_notice(entry) && entry.status == TypeStatus::Active)
        .map(|entry| EventType {
            status: TypeStatus::Inactive,
            ..EventType::clone(entry)
        })
        .collect()
}
