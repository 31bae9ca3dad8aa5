//! What a server has, as far as the file can speak of it, and what a change makes of it.
//!
//! [`State::after`] is the planner's idea of the server: with it a plan is proved without one, and before each change
//! what the server has is held against it, so that what somebody else changed meanwhile is not overwritten.

use super::change::{Change, EndpointPatch};
use super::node::{Kind, Node};
use crate::catalogue::is_notice_schema;
use std::collections::{BTreeMap, BTreeSet};
use tidings_core::event_type::WireType;

/// The id of an endpoint that a plan makes, until the server gives it one.
const UNMADE: &str = "(new)";

/// Everything the file can speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// By the form on the wire.
    pub types: BTreeMap<String, TypeState>,
    /// By number.
    pub organizations: BTreeMap<i64, OrganizationState>,
}

/// An event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeState {
    pub enabled: bool,
    pub label: String,
    pub description: String,
    pub enforced: bool,
    pub schema: Option<Node>,
    pub example: Option<Node>,
    /// Of the compatible set: it can be switched, not changed.
    pub compatible: bool,
}

/// For how many days an organization's own events are kept; `None` is as the server says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    pub bodies: Option<u32>,
    pub attempts: Option<u32>,
}

impl Kept {
    /// As the API takes and shows it.
    pub fn json(self) -> String {
        let days = |days: Option<u32>| days.map_or(String::from("null"), |days| days.to_string());
        let (bodies, attempts) = (days(self.bodies), days(self.attempts));
        format!("{{\"bodies_days\":{bodies},\"attempts_days\":{attempts}}}")
    }
}

/// An organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationState {
    pub name: String,
    pub slug: Option<String>,
    pub kept: Kept,
    pub add_ons: BTreeSet<String>,
    pub webhooks: bool,
    /// Oldest first.
    pub endpoints: Vec<EndpointState>,
}

/// An endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointState {
    pub id: String,
    pub url: String,
    pub description: String,
    pub event_types: BTreeSet<String>,
    pub enabled: bool,
    /// Values are never shown: `Some` is one that the server said is the same as the one given.
    pub headers: BTreeMap<String, Option<String>>,
}

fn text(shown: &Node, name: &str) -> Option<String> {
    shown.member(name)?.text().map(str::to_owned)
}

fn kept(shown: &Node) -> Option<Kept> {
    let shown = shown.member("retention")?;
    let days = |name| match &shown.member(name)?.kind {
        Kind::Null => Some(None),
        Kind::Number(digits) => digits.parse().ok().map(Some),
        _ => None,
    };
    Some(Kept {
        bodies: days("bodies_days")?,
        attempts: days("attempts_days")?,
    })
}

fn boolean(shown: &Node, name: &str) -> Option<bool> {
    match shown.member(name)?.kind {
        Kind::Bool(value) => Some(value),
        _ => None,
    }
}

fn texts(shown: &Node, name: &str) -> Option<BTreeSet<String>> {
    match &shown.member(name)?.kind {
        Kind::List(items) => items
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn present(shown: &Node, name: &str) -> Option<Node> {
    shown
        .member(name)
        .filter(|node| node.kind != Kind::Null)
        .cloned()
}

impl TypeState {
    /// As the API shows it, with its name.
    pub fn read(shown: &Node) -> Option<(String, Self)> {
        let read = Self {
            enabled: boolean(shown, "enabled")?,
            label: text(shown, "label")?,
            description: text(shown, "description")?,
            enforced: boolean(shown, "enforced")?,
            schema: present(shown, "schema"),
            example: present(shown, "example"),
            compatible: boolean(shown, "compatible")?,
        };
        Some((text(shown, "type")?, read))
    }

    /// Whether the server itself made it, for its notices.
    pub fn is_notice(&self, name: &str) -> bool {
        let schema = self.schema.as_ref().map(Node::json);
        WireType::parse(name).is_ok_and(|wire| is_notice_schema(&wire, schema.as_deref()))
    }
}

impl OrganizationState {
    /// As the API shows it, with its number; endpoints are read apart.
    pub fn read(shown: &Node) -> Option<(i64, Self)> {
        let Kind::Number(id) = &shown.member("id")?.kind else {
            return None;
        };
        let read = Self {
            name: text(shown, "name")?,
            slug: text(shown, "slug"),
            kept: kept(shown)?,
            add_ons: texts(shown, "add_ons")?,
            webhooks: boolean(shown, "webhooks_enabled")?,
            endpoints: Vec::new(),
        };
        Some((id.parse().ok()?, read))
    }

    /// Whether webhooks are part of its add-ons.
    pub fn granted(&self) -> bool {
        !self.add_ons.is_empty()
    }
}

impl EndpointState {
    /// As the API shows it.
    pub fn read(shown: &Node) -> Option<Self> {
        let headers = match &shown.member("headers")?.kind {
            Kind::Map(members) => members
                .iter()
                .map(|(key, _)| (key.text.clone(), None))
                .collect(),
            _ => return None,
        };
        Some(Self {
            id: text(shown, "id")?,
            url: text(shown, "url")?,
            description: text(shown, "description")?,
            event_types: texts(shown, "event_types")?,
            enabled: boolean(shown, "enabled")?,
            headers,
        })
    }

    /// The same, with the values of headers left out.
    pub fn shown(&self) -> Self {
        let headers = self.headers.keys().map(|name| (name.clone(), None));
        Self {
            headers: headers.collect(),
            ..self.clone()
        }
    }

    fn patch(&mut self, patch: &EndpointPatch) {
        let EndpointPatch {
            url,
            description,
            event_types,
            enabled,
            headers,
        } = patch.clone();
        self.url = url.unwrap_or_else(|| self.url.clone());
        self.description = description.unwrap_or_else(|| self.description.clone());
        self.event_types = event_types.unwrap_or_else(|| self.event_types.clone());
        self.enabled = enabled.unwrap_or(self.enabled);
        if let Some(headers) = headers {
            self.headers = known(headers);
        }
    }
}

fn known(headers: BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let known = |(name, value)| (name, Some(value));
    headers.into_iter().map(known).collect()
}

impl State {
    /// The endpoint of that id.
    pub fn endpoint(&self, organization: i64, id: &str) -> Option<&EndpointState> {
        let endpoints = &self.organizations.get(&organization)?.endpoints;
        endpoints.iter().find(|endpoint| endpoint.id == id)
    }

    /// What a change makes of it, as the server does it.
    pub fn after(&mut self, change: &Change) {
        match change {
            Change::PutType { name, wanted, .. } => {
                self.types.insert(name.clone(), wanted.clone());
            }
            Change::PutOrganization { id, wanted, .. } => {
                let record = self.organizations.entry(*id).or_default();
                record.name.clone_from(&wanted.name);
                record.slug = wanted.slug.clone().or_else(|| record.slug.take());
                record.kept = wanted.kept;
                record.add_ons.clone_from(&wanted.add_ons);
            }
            Change::SetWebhooks {
                organization,
                enabled,
            } => {
                if let Some(record) = self.organizations.get_mut(organization) {
                    record.webhooks = *enabled;
                }
            }
            Change::CreateEndpoint {
                organization,
                endpoint,
                ..
            } => {
                if let Some(record) = self.organizations.get_mut(organization) {
                    // The first endpoint opens the organization's webhooks.
                    record.webhooks |= record.endpoints.is_empty();
                    record.endpoints.push(EndpointState {
                        id: UNMADE.to_owned(),
                        url: endpoint.url.clone(),
                        description: endpoint.description.clone(),
                        event_types: endpoint.event_types.clone(),
                        enabled: endpoint.enabled,
                        headers: known(endpoint.headers.clone()),
                    });
                }
            }
            Change::PatchEndpoint {
                organization,
                id,
                patch,
                ..
            } => {
                let record = self.organizations.get_mut(organization);
                let endpoints = record.map(|record| record.endpoints.iter_mut());
                let found = endpoints
                    .into_iter()
                    .flatten()
                    .find(|endpoint| endpoint.id == *id);
                if let Some(endpoint) = found {
                    endpoint.patch(patch);
                }
            }
            Change::DeleteEndpoint {
                organization, id, ..
            } => {
                if let Some(record) = self.organizations.get_mut(organization) {
                    record.endpoints.retain(|endpoint| endpoint.id != *id);
                }
            }
            Change::DeleteOrganization { id, .. } => {
                self.organizations.remove(id);
            }
        }
    }
}
