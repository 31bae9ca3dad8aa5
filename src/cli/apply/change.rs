//! One change of a plan: what is called for it, and what it does in words.

use super::document::Given;
use super::node::{Node, quoted};
use super::state::{OrganizationState, TypeState};
use hyper::Method;
use std::collections::{BTreeMap, BTreeSet};

/// One call of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Register or change an event type.
    PutType {
        name: String,
        new: bool,
        /// All of it, as it is to be.
        wanted: TypeState,
        /// What is sent of it.
        sent: Vec<&'static str>,
    },
    /// Make or change an organization.
    PutOrganization {
        id: i64,
        new: bool,
        /// Its endpoints and switch are no part of this change.
        wanted: OrganizationState,
    },
    /// The feature switch.
    SetWebhooks { organization: i64, enabled: bool },
    /// Make an endpoint.
    CreateEndpoint {
        organization: i64,
        endpoint: Box<NewEndpoint>,
        /// Where it stands in the file.
        place: String,
    },
    /// Change an endpoint.
    PatchEndpoint {
        organization: i64,
        id: String,
        /// The URL that it had, for people.
        url: String,
        patch: Box<EndpointPatch>,
    },
    /// Delete an endpoint.
    DeleteEndpoint {
        organization: i64,
        id: String,
        url: String,
    },
    /// Delete an organization with its endpoints.
    DeleteOrganization {
        id: i64,
        name: String,
        endpoints: usize,
    },
}

/// An endpoint to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    pub url: String,
    pub description: String,
    pub event_types: BTreeSet<String>,
    pub enabled: bool,
    pub headers: BTreeMap<String, String>,
    /// One that it goes on with; otherwise the server makes one.
    pub secret: Option<Given>,
}

/// What changes of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointPatch {
    pub url: Option<String>,
    pub description: Option<String>,
    pub event_types: Option<BTreeSet<String>>,
    pub enabled: Option<bool>,
    /// All of them.
    pub headers: Option<BTreeMap<String, String>>,
}

/// What a change does to its thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Update,
    Delete,
}

impl Action {
    /// As in the JSON output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// As in the printed difference.
    pub const fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Delete => '-',
        }
    }
}

/// One property that a change sets. Values of headers and secrets are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub field: &'static str,
    /// As JSON; `None` where there was nothing.
    pub before: Option<String>,
    pub after: String,
}

impl Difference {
    pub fn new(field: &'static str, before: Option<String>, after: String) -> Self {
        Self {
            field,
            before,
            after,
        }
    }
}

/// A change and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub change: Change,
    pub differences: Vec<Difference>,
}

/// An object of JSON, written member by member.
#[derive(Default)]
struct Object(String);

impl Object {
    fn put(&mut self, name: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(json);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.put(name, &quoted(text));
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// A list of texts as JSON.
pub fn list(texts: &BTreeSet<String>) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(","))
}

fn headers(headers: &BTreeMap<String, String>) -> String {
    let mut object = Object::default();
    for (name, value) in headers {
        object.text(name, value);
    }
    object.end()
}

fn type_body(wanted: &TypeState, sent: &[&'static str]) -> String {
    let mut body = Object::default();
    let json = |node: &Option<Node>| {
        node.as_ref()
            .map_or_else(|| String::from("null"), Node::json)
    };
    for field in sent {
        match *field {
            "enabled" => body.put(field, &wanted.enabled.to_string()),
            "label" => body.text(field, &wanted.label),
            "description" => body.text(field, &wanted.description),
            "enforced" => body.put(field, &wanted.enforced.to_string()),
            "schema" => body.put(field, &json(&wanted.schema)),
            _ => body.put(field, &json(&wanted.example)),
        }
    }
    body.end()
}

fn endpoint_body(endpoint: &NewEndpoint) -> String {
    let mut body = Object::default();
    body.text("url", &endpoint.url);
    body.put("event_types", &list(&endpoint.event_types));
    if !endpoint.description.is_empty() {
        body.text("description", &endpoint.description);
    }
    if !endpoint.enabled {
        body.put("enabled", "false");
    }
    if !endpoint.headers.is_empty() {
        body.put("headers", &headers(&endpoint.headers));
    }
    if let Some(Given::Text(secret)) = &endpoint.secret {
        body.text("secret", secret);
    }
    body.end()
}

fn patch_body(patch: &EndpointPatch) -> String {
    let mut body = Object::default();
    if let Some(url) = &patch.url {
        body.text("url", url);
    }
    if let Some(description) = &patch.description {
        body.text("description", description);
    }
    if let Some(types) = &patch.event_types {
        body.put("event_types", &list(types));
    }
    if let Some(enabled) = patch.enabled {
        body.put("enabled", &enabled.to_string());
    }
    if let Some(given) = &patch.headers {
        body.put("headers", &headers(given));
    }
    body.end()
}

impl Change {
    /// What is called. A secret must have been resolved to its text.
    pub fn request(&self) -> (Method, String, Option<String>) {
        match self {
            Self::PutType {
                name, wanted, sent, ..
            } => (
                Method::PUT,
                format!("/v1/event-types/{name}"),
                Some(type_body(wanted, sent)),
            ),
            Self::PutOrganization { id, wanted, .. } => {
                let mut body = Object::default();
                body.text("name", &wanted.name);
                if let Some(slug) = &wanted.slug {
                    body.text("slug", slug);
                }
                body.put("add_ons", &list(&wanted.add_ons));
                body.put("retention", &wanted.kept.json());
                let path = format!("/v1/organizations/{id}");
                (Method::PUT, path, Some(body.end()))
            }
            Self::SetWebhooks {
                organization,
                enabled,
            } => (
                Method::PUT,
                format!("/v1/organizations/{organization}/webhooks"),
                Some(format!("{{\"enabled\":{enabled}}}")),
            ),
            Self::CreateEndpoint {
                organization,
                endpoint,
                ..
            } => (
                Method::POST,
                format!("/v1/organizations/{organization}/endpoints"),
                Some(endpoint_body(endpoint)),
            ),
            Self::PatchEndpoint {
                organization,
                id,
                patch,
                ..
            } => (
                Method::PATCH,
                format!("/v1/organizations/{organization}/endpoints/{id}"),
                Some(patch_body(patch)),
            ),
            Self::DeleteEndpoint {
                organization, id, ..
            } => (
                Method::DELETE,
                format!("/v1/organizations/{organization}/endpoints/{id}"),
                None,
            ),
            Self::DeleteOrganization { id, .. } => {
                (Method::DELETE, format!("/v1/organizations/{id}"), None)
            }
        }
    }

    /// What it does to its thing.
    pub const fn action(&self) -> Action {
        match self {
            Self::PutType { new: true, .. }
            | Self::PutOrganization { new: true, .. }
            | Self::CreateEndpoint { .. } => Action::Create,
            Self::PutType { .. }
            | Self::PutOrganization { .. }
            | Self::SetWebhooks { .. }
            | Self::PatchEndpoint { .. } => Action::Update,
            Self::DeleteEndpoint { .. } | Self::DeleteOrganization { .. } => Action::Delete,
        }
    }

    /// Its thing, in words. Nothing a terminal would act on.
    pub fn subject(&self) -> String {
        let words = match self {
            Self::PutType { name, .. } => format!("event type {name}"),
            Self::PutOrganization { id, wanted, .. } => {
                format!("organization {id} {}", quoted(&wanted.name))
            }
            Self::SetWebhooks { organization, .. } => format!("organization {organization}"),
            Self::CreateEndpoint {
                organization,
                endpoint,
                ..
            } => format!("endpoint of organization {organization}: {}", endpoint.url),
            Self::PatchEndpoint {
                organization,
                id,
                url,
                ..
            }
            | Self::DeleteEndpoint {
                organization,
                id,
                url,
            } => format!("endpoint {id} of organization {organization}: {url}"),
            Self::DeleteOrganization {
                id,
                name,
                endpoints,
            } => format!(
                "organization {id} {} with its {endpoints} endpoints",
                quoted(name)
            ),
        };
        crate::telemetry::one_line(&words, false).into_owned()
    }
}
