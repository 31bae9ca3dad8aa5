//! The catalogue: looked at by everybody, changed by operators. The compatible set can be switched, not changed (W9).

use super::super::code::Code;
use super::super::fields::{Fields, Read, Value, known, wrong};
use super::super::notices::{is_ours, is_reserved};
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::super::schema::compile;
use super::endpoint_input::{near_type, sentence};
use super::events::raw;
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tidings_core::event_type::{Audience, EventType, SchemaUse, TypeStatus, WireType};
use tidings_core::limits::{SCHEMA_BYTES, TEXT_CHARS};
use utoipa::ToSchema;

/// One form of an event type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventType)]
pub(in crate::http) struct TypeShown {
    /// The form on the wire.
    r#type: String,
    /// What producers post.
    own_form: String,
    /// `own` or `public`.
    audience: &'static str,
    label: String,
    description: String,
    /// Whether it is in use.
    enabled: bool,
    /// Whether it belongs to the compatible set.
    compatible: bool,
    /// JSON Schema of `data`.
    #[schema(value_type = Option<Object>, required = true)]
    schema: Option<Box<RawValue>>,
    /// Whether events that do not fit the schema are refused.
    enforced: bool,
    /// An example of `data`: what a test send carries.
    #[schema(value_type = Option<Object>, required = true)]
    example: Option<Box<RawValue>>,
}

/// The catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventTypes)]
pub(in crate::http) struct TypesShown {
    data: Vec<TypeShown>,
    /// Always null: the catalogue is answered whole.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

fn show(entry: &EventType) -> Result<TypeShown, Problem> {
    let json = |text: &Option<Arc<str>>| text.as_ref().map(|text| raw(text.as_bytes())).transpose();
    Ok(TypeShown {
        r#type: entry.wire.to_string(),
        own_form: entry.wire.name.to_string(),
        audience: entry.wire.audience.name(),
        label: entry.label.clone(),
        description: entry.description.clone(),
        enabled: entry.status == TypeStatus::Active,
        compatible: entry.compatible,
        schema: json(&entry.schema)?,
        enforced: entry.schema_use == SchemaUse::Enforced,
        example: json(&entry.example)?,
    })
}

/// The catalogue.
#[utoipa::path(get, path = "/v1/event-types", tag = "event types", security(("key" = ["any"])),
    responses((status = 200, description = "All forms of all types", body = TypesShown)))]
pub(in crate::http) async fn list_event_types(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    let (entries, caller) = (call.api.store.event_types(), call.caller()?);
    let shown = entries
        .iter()
        .filter(|entry| call.api.notices.shows(entry, caller));
    let data: Result<Vec<TypeShown>, Problem> = shown.map(|entry| show(entry)).collect();
    Reply::ok(&TypesShown {
        data: data?,
        next_cursor: None,
    })
}

/// One form of a type.
#[utoipa::path(get, path = "/v1/event-types/{type}", tag = "event types", security(("key" = ["any"])),
    params(("type" = String, Path, description = "The form on the wire")),
    responses((status = 200, description = "The type", body = TypeShown)))]
pub(in crate::http) async fn get_event_type(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    let text = call.param(0);
    let store = &call.api.store;
    let caller = call.caller()?;
    let found = WireType::parse(text)
        .ok()
        .and_then(|wire| store.event_type(&wire))
        .filter(|entry| call.api.notices.shows(entry, caller));
    match found {
        Some(entry) => Reply::ok(&show(&entry)?),
        None => {
            let hint = near_type(text, &**store);
            let missing = format!(
                "No event type `{}` here.{hint}",
                super::super::problem::cut(text)
            );
            Err(Problem::new(Code::NoSuchEventType, missing))
        }
    }
}

/// One form of a type to register or change; what is left out stays.
#[derive(Debug, ToSchema)]
#[schema(as = EventTypeInput)]
pub(in crate::http) struct Input {
    /// Default true for a new one.
    enabled: Option<bool>,
    /// What people call it, at most 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    /// When it fires, in words; at most 200 characters.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// JSON Schema (draft 2020-12) of `data`, at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    schema: Option<Arc<str>>,
    /// Whether events that do not fit the schema are refused.
    enforced: Option<bool>,
    /// An example of `data`, at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    example: Option<Arc<str>>,
}

fn read_json(value: Value<'_>) -> Read<Arc<str>> {
    let text = value.object()?;
    if text.len() > SCHEMA_BYTES {
        return wrong(
            Code::TooLong,
            format!("At most {SCHEMA_BYTES} bytes (got {}).", text.len()),
        );
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(Arc::from(text)),
        Err(_) => wrong(Code::InvalidText, "Not UTF-8."),
    }
}

fn read_schema(value: Value<'_>) -> Read<Arc<str>> {
    let text = read_json(value)?;
    match compile(&text) {
        Ok(_) => Ok(text),
        Err(reason) => wrong(Code::InvalidSchema, reason),
    }
}

fn read(body: &[u8], wire: &WireType, before: Option<&EventType>) -> Result<EventType, Problem> {
    let mut fields = Fields::of(
        body,
        known(&[
            "enabled",
            "label",
            "description",
            "schema",
            "enforced",
            "example",
        ]),
    )?;
    let input = Input {
        enabled: fields.optional("enabled", Value::boolean),
        label: fields.optional("label", |value| value.words(1..=TEXT_CHARS)),
        description: fields.optional("description", |value| value.words(0..=TEXT_CHARS)),
        schema: fields.optional("schema", read_schema),
        enforced: fields.optional("enforced", Value::boolean),
        example: fields.optional("example", read_json),
    };
    let entry = merged(input, wire, before);
    if entry.schema_use == SchemaUse::Enforced && entry.schema.is_none() {
        fields.refuse(
            "enforced",
            Code::InvalidValue,
            "There is no schema to enforce.",
        );
    }
    fields.finish(Some(entry))
}

/// What was, with what is given in its place.
fn merged(input: Input, wire: &WireType, before: Option<&EventType>) -> EventType {
    let enforced = input
        .enforced
        .unwrap_or_else(|| before.is_some_and(|entry| entry.schema_use == SchemaUse::Enforced));
    let enabled = input
        .enabled
        .unwrap_or_else(|| before.is_none_or(|entry| entry.status == TypeStatus::Active));
    let text = |given: Option<String>, kept: Option<&String>, new: String| {
        given.unwrap_or_else(|| kept.cloned().unwrap_or(new))
    };
    EventType {
        wire: wire.clone(),
        label: text(
            input.label,
            before.map(|entry| &entry.label),
            wire.to_string(),
        ),
        description: text(
            input.description,
            before.map(|entry| &entry.description),
            String::new(),
        ),
        status: if enabled {
            TypeStatus::Active
        } else {
            TypeStatus::Inactive
        },
        compatible: before.is_some_and(|entry| entry.compatible),
        schema: input
            .schema
            .or_else(|| before.and_then(|entry| entry.schema.clone())),
        schema_use: if enforced {
            SchemaUse::Enforced
        } else {
            SchemaUse::Documents
        },
        example: input
            .example
            .or_else(|| before.and_then(|entry| entry.example.clone())),
    }
}

/// Register a type of one's own, or switch one on or off.
#[utoipa::path(put, path = "/v1/event-types/{type}", tag = "event types", security(("key" = ["operator"])),
    params(("type" = String, Path, description = "The form on the wire: `object.action` or `object.public.action`")),
    request_body = Input,
    responses((status = 200, description = "Changed", body = TypeShown), (status = 201, description = "Registered", body = TypeShown),
        (status = 409, description = "compatible_type"), (status = 422, description = "invalid_event_type")))]
pub(in crate::http) async fn put_event_type(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    call.no_query()?;
    let store = &call.api.store;
    let wire = WireType::parse(call.param(0))
        .map_err(|error| Problem::new(Code::InvalidEventType, sentence(&error.to_string())))?;
    let before = store.event_type(&wire);
    if is_reserved(&wire, before.as_deref()) {
        return Err(Problem::new(Code::ReservedEventType, is_ours(&wire.name)));
    }
    let entry = read(&call.json()?, &wire, before.as_deref())?;
    if let Some(before) = before.as_deref().filter(|before| before.compatible) {
        let switched = EventType {
            status: entry.status,
            ..before.clone()
        };
        if switched != entry {
            return Err(Problem::new(
                Code::CompatibleType,
                "Types of the compatible set can be switched on and off, not changed.",
            ));
        }
    }
    let own = WireType::new(wire.name.clone(), Audience::Own);
    if wire.audience == Audience::Public && store.event_type(&own).is_none() {
        return Err(Problem::new(
            Code::UnknownEventType,
            format!("Register the own form `{own}` first."),
        ));
    }
    let status = match before {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    let entry = store.put_event_type(entry, call.actor()).await?;
    Reply::json(status, &show(&entry)?)
}
