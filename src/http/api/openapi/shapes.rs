//! Bodies: what is sent takes no null and no unknown member; times, choices and patterns by the members' names.

use super::parameters::{VISIBLE, WIRE_TYPE};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tidings_core::api_key::KeyKind;
use tidings_core::id::OrganizationId;
use tidings_core::limits::EVENT_TYPE_NAME;
use tidings_core::organization::AddOn;

/// Words for people: no control characters.
const NO_CONTROLS: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
const REFERENCE: &str = "#/components/schemas/";

/// A member that takes one of some names: schema, member, names.
type Choice = (&'static str, &'static str, &'static [&'static str]);

const CHOICES: &[Choice] = &[
    (
        "Delivery",
        "state",
        &["waiting", "delivered", "exhausted", "cancelled"],
    ),
    (
        "Delivery",
        "reason",
        &[
            "due",
            "in_flight",
            "held",
            "add_on",
            "deleted",
            "discarded",
            "expired",
            "damaged",
        ],
    ),
    ("Delivery", "round", &["plan", "retry", "replay", "test"]),
    ("RetryAccepted", "state", &["waiting"]),
    ("RetryAccepted", "reason", &["due"]),
    ("Endpoint", "status", &["active", "off", "suspended"]),
    ("EndpointPatch", "held", &["send", "discard"]),
    ("WebhooksInput", "held", &["send", "discard"]),
    ("EventType", "audience", &["own", "public"]),
    ("Replay", "state", &["running", "done", "stopped"]),
    (
        "Replay",
        "include",
        &["exhausted", "cancelled", "delivered", "missing"],
    ),
    (
        "ReplayInput",
        "include",
        &["exhausted", "cancelled", "delivered", "missing"],
    ),
    ("PortalLink", "role", &["administrator", "viewer"]),
    ("PortalLinkInput", "role", &["administrator", "viewer"]),
    ("Health", "status", &["ok"]),
];

/// Says what the derived schemas leave open.
pub(super) fn complete(document: &mut Value) {
    make_batch_item(document);
    refer_items(document);
    let sent = sent(document);
    let add_ons = AddOn::ALL.map(AddOn::name);
    let scopes = KeyKind::ALL.map(KeyKind::name);
    let own: [(&str, &str, &[&str]); 4] = [
        ("Organization", "add_ons", &add_ons),
        ("OrganizationInput", "add_ons", &add_ons),
        ("Key", "scope", &scopes),
        ("KeyInput", "scope", &scopes),
    ];
    let schemas = document.pointer_mut("/components/schemas");
    for (name, schema) in schemas.and_then(Value::as_object_mut).into_iter().flatten() {
        if sent.contains(name) {
            close(schema);
        }
        each_member(schema, &mut |member, shape| {
            let mut choices = CHOICES.iter().chain(&own);
            let choice = choices.find(|(of, known, _)| *known == member && name == of);
            match choice {
                Some((_, _, names)) => choose(shape, names),
                None => say(member, shape),
            }
        });
    }
    strip_bodies(document);
}

/// A page's schema is derived with its items told in place; they are the schema of that name.
fn refer_items(document: &mut Value) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let named: BTreeSet<String> = schemas.keys().cloned().collect();
    for (name, schema) in schemas {
        let of = name.strip_prefix("List_").filter(|of| named.contains(*of));
        if let (Some(of), Some(items)) = (of, schema.pointer_mut("/properties/data/items")) {
            *items = json!({ "$ref": format!("{REFERENCE}{of}") });
        }
    }
}

/// An item of a batch is an event to post with the key that a single event has in its header.
fn make_batch_item(document: &mut Value) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let Some(item) = schemas.get("EventInput").cloned() else {
        return;
    };
    schemas.insert(String::from("BatchEventInput"), item);
    let single = schemas.get_mut("EventInput");
    let members = single.and_then(|single| single.pointer_mut("/properties"));
    if let Some(members) = members.and_then(Value::as_object_mut) {
        members.remove("idempotency_key");
    }
    if let Some(item) = schemas
        .get_mut("BatchInput")
        .and_then(|batch| batch.pointer_mut("/properties/events/items"))
    {
        *item = json!({ "$ref": format!("{REFERENCE}BatchEventInput") });
    }
}

/// The names of all schemas that request bodies lead to.
fn sent(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Value> = Vec::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for operation in paths
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .flat_map(Map::values)
    {
        open.extend(operation.get("requestBody"));
    }
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                let target = members
                    .get("$ref")
                    .and_then(Value::as_str)
                    .and_then(|target| target.strip_prefix(REFERENCE));
                if let Some(name) = target.filter(|name| found.insert(String::from(*name))) {
                    open.extend(document.pointer(&format!("/components/schemas/{name}")));
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// Calls for each member of an object, also where it is put together from several.
fn each_member(schema: &mut Value, each: &mut impl FnMut(&str, &mut Value)) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, shape) in members.into_iter().flatten() {
        each(name, shape);
        // Members of members are no names of ours unless they are objects told in place: a list's items.
        if let Some(items) = shape.get_mut("items") {
            each_member(items, each);
        }
    }
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten() {
        each_member(part, each);
    }
}

/// Unknown members are refused, and a null is no value.
fn close(schema: &mut Value) {
    each_member(schema, &mut |member, shape| {
        // In a retention null has a meaning: as the server says.
        if !matches!(member, "retention" | "bodies_days" | "attempts_days") {
            without_null(shape);
        }
        if matches!(member, "name" | "label" | "description") {
            put(shape, "pattern", json!(NO_CONTROLS));
        }
    });
    if let Some(object) = schema.as_object_mut()
        && object.contains_key("properties")
    {
        object.insert(String::from("additionalProperties"), Value::Bool(false));
    }
}

/// Takes away that a value may be null.
pub(super) fn without_null(shape: &mut Value) {
    if let Some(kinds) = shape.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            if let Some(object) = shape.as_object_mut() {
                object.insert(String::from("type"), only);
            }
        }
    }
    if let Some(choices) = shape.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [only] = choices.as_slice() {
            *shape = only.clone();
        }
    }
}

/// An optional body may be left out; it is no null.
fn strip_bodies(document: &mut Value) {
    for operation in super::operations(document) {
        let body = operation.get_mut("requestBody");
        let schema = body.and_then(|body| body.pointer_mut("/content/application~1json/schema"));
        if let Some(schema) = schema {
            without_null(schema);
        }
    }
}

fn put(shape: &mut Value, name: &str, value: Value) {
    if let Some(object) = shape.as_object_mut() {
        object.entry(name).or_insert(value);
    }
}

fn is(shape: &Value, kind: &str) -> bool {
    match shape.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|known| known == kind),
        Some(known) => known == kind,
        None => false,
    }
}

/// One of some names, or null where it may be; of a list, each of its items.
fn choose(shape: &mut Value, names: &[&str]) {
    if let Some(items) = shape.get_mut("items") {
        return put(items, "enum", json!(names));
    }
    let nullable = is(shape, "null");
    let Some(object) = shape.as_object_mut() else {
        return;
    };
    if nullable {
        object.remove("type");
        let one = json!({ "type": "string", "enum": names });
        object.insert(String::from("oneOf"), json!([one, { "type": "null" }]));
    } else {
        object.insert(String::from("enum"), json!(names));
    }
}

/// What a member of that name is, wherever it stands.
fn say(member: &str, shape: &mut Value) {
    if is(shape, "string") {
        match member {
            "from" | "to" | "at" | "overlap_until" => put(shape, "format", json!("date-time")),
            "reference" | "idempotency_key" => put(shape, "pattern", json!(VISIBLE)),
            "type" | "event_type" | "own_form" => {
                put(shape, "examples", json!(["project.updated"]));
            }
            _ if member.ends_with("_at") => put(shape, "format", json!("date-time")),
            _ => {}
        }
    }
    if member == "organization_id" && is(shape, "integer") {
        put(shape, "minimum", json!(1));
        put(shape, "maximum", json!(OrganizationId::MAX));
        put(shape, "examples", json!([4417]));
    }
    if member == "data" && is(shape, "object") {
        put(shape, "examples", json!([{ "id": "318842" }]));
    }
    if member == "event_types"
        && let Some(items) = shape.get_mut("items")
    {
        put(items, "pattern", json!(WIRE_TYPE));
        put(items, "maxLength", json!(EVENT_TYPE_NAME));
        put(items, "examples", json!(["project.updated"]));
    }
}
