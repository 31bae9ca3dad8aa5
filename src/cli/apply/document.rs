//! What the files want: read into types, or refused whole with every mistake on its line.
//!
//! What a file leaves out stays as it is on the server; an empty list is a list. Deliberately absent: whether a target
//! URL may be reached, whether an event type exists: the server's to say.
//!
//! A new property of organizations or endpoints that the API learns is added here (its reader), in [`super::state`]
//! (how the server shows it), in [`super::plan`] (its row in `differences` and in what is sent) and in [`super::export`].

use super::fields::{Fields, Reading};
use super::node::{Kind, Node, cut};
use super::remote::is_masked;
use super::state::Kept;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event_type::WireType;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::limits::{
    ENDPOINTS_PER_ORGANIZATION, EVENT_TYPES_PER_ENDPOINT, SCHEMA_BYTES, SECRET_BYTES, TEXT_CHARS,
};
use tidings_core::organization::AddOn;

/// The only version there is.
const VERSION: &str = "1";

/// What all files together want.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Event types of the catalogue, by name.
    pub types: BTreeMap<String, TypeWanted>,
    /// Organizations by number; `None` when no file speaks of organizations at all.
    pub organizations: Option<BTreeMap<i64, OrganizationWanted>>,
}

/// An event type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeWanted {
    /// Where it stands.
    pub place: String,
    pub enabled: Option<bool>,
    pub label: Option<String>,
    pub description: Option<String>,
    pub enforced: Option<bool>,
    pub schema: Option<Node>,
    pub example: Option<Node>,
}

/// An organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationWanted {
    /// Where it stands.
    pub place: String,
    pub name: Option<String>,
    pub slug: Option<String>,
    pub kept: Option<Kept>,
    pub add_ons: Option<BTreeSet<String>>,
    pub webhooks: Option<bool>,
    pub endpoints: Option<Vec<EndpointWanted>>,
}

/// An endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointWanted {
    /// Where it stands.
    pub place: String,
    /// The server's name for it; on another server it names nothing.
    pub id: Option<String>,
    /// In its one spelling.
    pub url: String,
    pub description: Option<String>,
    pub event_types: Option<BTreeSet<String>>,
    pub enabled: Option<bool>,
    /// By name in lower case; `None` keeps the value that the server has.
    pub headers: Option<BTreeMap<String, Option<Given>>>,
    /// Only for an endpoint that is made.
    pub secret: Option<Given>,
}

/// A value that stands in the file, or where it is found.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// The value itself.
    Text(String),
    /// The name of an environment variable.
    Env(String),
    /// A file; a line end after the value is not part of it.
    File(PathBuf),
}

impl std::fmt::Debug for Given {
    /// Never the value.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => out.write_str("Text(…)"),
            Self::Env(name) => write!(out, "Env({name})"),
            Self::File(path) => write!(out, "File({})", path.display()),
        }
    }
}

/// Adds what one file wants. Paths in it are relative to `folder`.
pub fn read(root: &Node, reading: &mut Reading, document: &mut Document) {
    let mut fields = Fields::of(root, "the file", reading);
    match fields.required("version", reading).map(|node| &node.kind) {
        Some(Kind::Number(version)) if version == VERSION => {}
        Some(_) => {
            let line = fields.line_of("version");
            reading.wrong(
                line,
                format!("version: this program reads version {VERSION}"),
            );
            return;
        }
        None => return,
    }
    if let Some(node) = fields.optional("event_types") {
        for item in reading.list(node, "event_types") {
            read_type(item, reading, &mut document.types);
        }
    }
    if let Some(node) = fields.optional("organizations") {
        let all = document.organizations.get_or_insert_default();
        for item in reading.list(node, "organizations") {
            read_organization(item, reading, all);
        }
    }
    fields.finish(reading);
}

fn read_type(node: &Node, reading: &mut Reading, types: &mut BTreeMap<String, TypeWanted>) {
    let mut fields = Fields::of(node, "an event type", reading);
    let name = fields.required("type", reading);
    let wanted = TypeWanted {
        place: reading.place(node.line),
        enabled: fields.boolean("enabled", reading),
        label: fields.words("label", 1..=TEXT_CHARS, reading),
        description: fields.words("description", 0..=TEXT_CHARS, reading),
        enforced: fields.boolean("enforced", reading),
        schema: object(&mut fields, "schema", reading),
        example: object(&mut fields, "example", reading),
    };
    fields.finish(reading);
    let Some(name) = name.and_then(|node| wire_type(node, reading)) else {
        return;
    };
    if let Some(other) = types.get(&name) {
        reading.wrong(node.line, format!("`{name}` stands at {} too", other.place));
        return;
    }
    types.insert(name, wanted);
}

fn object(fields: &mut Fields<'_>, name: &'static str, reading: &mut Reading) -> Option<Node> {
    let node = fields.optional(name)?;
    if !matches!(node.kind, Kind::Map(_)) {
        reading.wrong(node.line, format!("{name}: an object is wanted"));
        return None;
    }
    if node.json().len() > SCHEMA_BYTES {
        reading.wrong(
            node.line,
            format!("{name}: longer than {SCHEMA_BYTES} bytes as JSON"),
        );
    }
    Some(node.clone())
}

fn wire_type(node: &Node, reading: &mut Reading) -> Option<String> {
    let text = reading.string(node, "type")?;
    match WireType::parse(text) {
        Ok(wire) => Some(wire.to_string()),
        Err(error) => {
            reading.wrong(node.line, format!("`{}`: {error}", cut(text)));
            None
        }
    }
}

fn read_organization(
    node: &Node,
    reading: &mut Reading,
    all: &mut BTreeMap<i64, OrganizationWanted>,
) {
    let mut fields = Fields::of(node, "an organization", reading);
    let id = fields.required("id", reading);
    let wanted = OrganizationWanted {
        place: reading.place(node.line),
        name: fields.words("name", 1..=TEXT_CHARS, reading),
        slug: fields.words("slug", 1..=64, reading),
        add_ons: read_add_ons(&mut fields, reading),
        kept: read_kept(&mut fields, reading),
        webhooks: fields.boolean("webhooks", reading),
        endpoints: read_endpoints(&mut fields, reading),
    };
    fields.finish(reading);
    let Some(node) = id else { return };
    let number = match &node.kind {
        Kind::Number(digits) => digits.parse().ok().and_then(OrganizationId::new),
        _ => None,
    };
    let Some(id) = number else {
        reading.wrong(node.line, "id: a whole number from 1 to 2^53 - 1 is wanted");
        return;
    };
    if let Some(other) = all.get(&id.get()) {
        let words = format!("organization {} stands at {} too", id.get(), other.place);
        reading.wrong(node.line, words);
        return;
    }
    all.insert(id.get(), wanted);
}

/// Days of its own; a member that is left out is as the server says.
fn read_kept(fields: &mut Fields<'_>, reading: &mut Reading) -> Option<Kept> {
    let node = fields.optional("retention")?;
    let mut members = Fields::of(node, "a retention", reading);
    let mut days = |name| {
        let node = members.optional(name)?;
        let number = match &node.kind {
            Kind::Number(digits) => digits.parse().ok(),
            _ => None,
        };
        if number.is_none_or(|days: u32| days == 0) {
            reading.wrong(
                node.line,
                format!("{name}: a whole number of days is wanted"),
            );
        }
        number
    };
    let kept = Kept {
        bodies: days("bodies_days"),
        attempts: days("attempts_days"),
    };
    members.finish(reading);
    Some(kept)
}

fn read_add_ons(fields: &mut Fields<'_>, reading: &mut Reading) -> Option<BTreeSet<String>> {
    let node = fields.optional("add_ons")?;
    let names = AddOn::ALL.map(|add_on| add_on.name());
    let mut chosen = BTreeSet::new();
    for item in reading.list(node, "add_ons") {
        let Some(text) = reading.string(item, "add_ons") else {
            continue;
        };
        if names.contains(&text) {
            chosen.insert(text.to_owned());
        } else {
            let words = format!(
                "`{}` is no add-on; there are {}",
                cut(text),
                names.join(", ")
            );
            reading.wrong(item.line, words);
        }
    }
    Some(chosen)
}

fn read_endpoints(fields: &mut Fields<'_>, reading: &mut Reading) -> Option<Vec<EndpointWanted>> {
    let node = fields.optional("endpoints")?;
    let items = reading.list(node, "endpoints");
    if items.len() > ENDPOINTS_PER_ORGANIZATION {
        let words = format!("an organization has at most {ENDPOINTS_PER_ORGANIZATION} endpoints");
        reading.wrong(node.line, words);
    }
    let mut ids = BTreeSet::new();
    let mut wanted = Vec::new();
    for item in items.iter().take(ENDPOINTS_PER_ORGANIZATION) {
        let Some(endpoint) = read_endpoint(item, reading) else {
            continue;
        };
        if let Some(id) = &endpoint.id
            && !ids.insert(id.clone())
        {
            reading.wrong(item.line, format!("endpoint {id} stands here twice"));
        }
        wanted.push(endpoint);
    }
    Some(wanted)
}

fn read_endpoint(node: &Node, reading: &mut Reading) -> Option<EndpointWanted> {
    let mut fields = Fields::of(node, "an endpoint", reading);
    let id = fields.words("id", 1..=64, reading);
    if let Some(text) = id
        .as_deref()
        .filter(|text| text.parse::<EndpointId>().is_err())
    {
        let line = fields.line_of("id");
        reading.wrong(line, format!("`{}` is no endpoint's id (ep_…)", cut(text)));
    }
    let url = fields.required("url", reading);
    let url = url.and_then(|node| {
        let text = reading.string(node, "url")?;
        if is_masked(text) {
            let words = "is a masked URL, as viewers are shown it: give the whole one, or export with an operator's or administrator's key";
            reading.wrong(node.line, format!("url: `{}` {words}", cut(text)));
            return None;
        }
        match TargetUrl::from_stored(text) {
            Ok(url) => Some(url.as_str().to_owned()),
            Err(error) => {
                reading.wrong(node.line, format!("url: {error}"));
                None
            }
        }
    });
    let wanted = EndpointWanted {
        place: reading.place(node.line),
        id,
        url: url.clone().unwrap_or_default(),
        description: fields.words("description", 0..=TEXT_CHARS, reading),
        event_types: read_event_types(&mut fields, reading),
        enabled: fields.boolean("enabled", reading),
        headers: read_headers(&mut fields, reading),
        secret: read_secret(&mut fields, reading),
    };
    fields.finish(reading);
    url.map(|_| wanted)
}

fn read_event_types(fields: &mut Fields<'_>, reading: &mut Reading) -> Option<BTreeSet<String>> {
    let node = fields.optional("event_types")?;
    let items = reading.list(node, "event_types");
    if items.is_empty() || items.len() > EVENT_TYPES_PER_ENDPOINT {
        let words = format!("event_types: 1 to {EVENT_TYPES_PER_ENDPOINT} are wanted");
        reading.wrong(node.line, words);
        return None;
    }
    let mut chosen = BTreeSet::new();
    for item in items {
        if let Some(name) = wire_type(item, reading)
            && let Some(twice) = chosen.replace(name)
        {
            reading.wrong(item.line, format!("`{twice}` stands here twice"));
        }
    }
    Some(chosen)
}

fn read_headers(
    fields: &mut Fields<'_>,
    reading: &mut Reading,
) -> Option<BTreeMap<String, Option<Given>>> {
    let node = fields.optional("headers")?;
    let Kind::Map(members) = &node.kind else {
        reading.wrong(node.line, "headers: names with their values are wanted");
        return None;
    };
    let mut headers = BTreeMap::new();
    let mut checked = Vec::new();
    for (key, value) in members {
        let given = match &value.kind {
            Kind::Null => Some(None),
            Kind::Map(_) => reading.source(value, &key.text).map(Some),
            _ => {
                let text = reading.string(value, &key.text);
                text.map(|text| Some(Given::Text(text.to_owned())))
            }
        };
        let Some(given) = given else { continue };
        let text = match &given {
            Some(Given::Text(text)) => text.clone(),
            _ => String::new(),
        };
        checked.push((key.text.clone(), text));
        // The server's own name for the signature header it says itself.
        if let Err(error) = CustomHeaders::parse(checked.clone(), "vomo-signature") {
            reading.wrong(key.line, format!("header `{}`: {error}", cut(&key.text)));
            return None;
        }
        headers.insert(key.text.to_ascii_lowercase(), given);
    }
    Some(headers)
}

fn read_secret(fields: &mut Fields<'_>, reading: &mut Reading) -> Option<Given> {
    let plain = fields.optional("secret");
    let source = fields.optional("secret_from");
    if let (Some(_), Some(source)) = (plain, source) {
        reading.wrong(source.line, "secret_from: there is a secret already");
    }
    if let Some(source) = source {
        return reading.source(source, "secret_from");
    }
    let node = plain?;
    let text = reading.string(node, "secret")?;
    if !(1..=SECRET_BYTES).contains(&text.len()) {
        reading.wrong(
            node.line,
            format!("secret: 1 to {SECRET_BYTES} bytes are wanted"),
        );
    }
    Some(Given::Text(text.to_owned()))
}
