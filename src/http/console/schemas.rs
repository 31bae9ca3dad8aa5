//! JSON Schemas as people read them: a field's kind in words, what it must be, and an example made of the parts'.

use super::docs::{text, words};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

const REFERENCE: &str = "#/components/schemas/";
/// Schemas refer to each other; this deep nobody looks.
const DEPTH: usize = 8;

fn target(schema: &Value) -> Option<&str> {
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.strip_prefix(REFERENCE))
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let named =
        target(schema).and_then(|name| document.get("components")?.get("schemas")?.get(name));
    named.unwrap_or(schema)
}

/// A schema's kind in words.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = target(schema) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    if let Some(items) = schema.get("items") {
        return html! { "list of " (kind(items)) };
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        return html! {
            @for (index, choice) in choices.iter().enumerate() {
                @if index > 0 { " or " }
                (kind(choice))
                @if choice.get("enum").is_some() { (constraints(choice)) }
            }
        };
    }
    if let Some(values) = schema
        .get("additionalProperties")
        .filter(|values| values.is_object())
    {
        return html! { "object of " (kind(values)) };
    }
    let words = match schema.get("type") {
        Some(Value::Array(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" or ")
        }
        Some(Value::String(kind)) => kind.clone(),
        _ => String::from("any value"),
    };
    html! {
        (words)
        @if schema.get("format") == Some(&json!("date-time")) { " (time)" }
    }
}

/// What a value must be besides.
pub(super) fn constraints(schema: &Value) -> Markup {
    let has = |name: &str| schema.get(name).filter(|value| !value.is_null());
    let range = |least: &str, most: &str, unit: &str| match (has(least), has(most)) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (Some(least), None) if least != 0 => Some(format!("at least {least}{unit}")),
        _ => None,
    };
    let mut all: Vec<String> = [
        range("minimum", "maximum", ""),
        range("minLength", "maxLength", " characters"),
        range("minItems", "maxItems", " items"),
        has("default").map(|default| format!("default {default}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let items = schema.get("items").unwrap_or(&Value::Null);
    for values in [schema, items]
        .into_iter()
        .filter_map(|place| place.get("enum").and_then(Value::as_array))
        .filter(|values| values.len() <= 12)
    {
        let names: Vec<String> = values.iter().map(plain).collect();
        all.push(format!("one of {}", names.join(", ")));
    }
    html! {
        @for constraint in all { span .quiet { ", " (constraint) } }
        @if let Some(pattern) = has("pattern").and_then(Value::as_str) {
            span .quiet { ", matches " code { (pattern) } }
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), String::from)
}

/// An object's members, its own and those of what it is put together from; and which are always there.
fn members<'a>(
    document: &'a Value,
    schema: &'a Value,
    depth: usize,
) -> (Vec<(&'a str, &'a Value)>, Vec<&'a str>) {
    let schema = resolved(document, schema);
    let mut all: Vec<(&str, &Value)> = Vec::new();
    let mut required: Vec<&str> = Vec::new();
    if depth == 0 {
        return (all, required);
    }
    let parts = schema.get("allOf").or_else(|| schema.get("oneOf"));
    for part in parts.and_then(Value::as_array).into_iter().flatten() {
        let (more, needed) = members(document, part, depth - 1);
        all.extend(more);
        if schema.get("allOf").is_some() {
            required.extend(needed);
        }
    }
    let own = schema.get("properties").and_then(Value::as_object);
    all.extend(
        own.into_iter()
            .flatten()
            .map(|(name, shape)| (name.as_str(), shape)),
    );
    let needed = schema.get("required").and_then(Value::as_array);
    required.extend(needed.into_iter().flatten().filter_map(Value::as_str));
    // What must be there comes first.
    all.sort_by_key(|(name, _)| !required.contains(name));
    (all, required)
}

/// The members of an object as a table; any other schema in words.
pub(super) fn fields(document: &Value, schema: &Value, caption: &str) -> Markup {
    let (all, required) = members(document, schema, DEPTH);
    html! {
        @if let Some(name) = target(schema) { p .label { "Object " a href={ "#schema-" (name) } { (name) } } }
        @if all.is_empty() {
            p { (kind(schema)) (constraints(schema)) }
        } @else {
            table .list .cards {
                caption .hidden { (caption) }
                thead { tr { th scope="col" { "Field" } th scope="col" { "Is" } th scope="col" { "Meaning" } } }
                tbody {
                    @for (name, shape) in all {
                        tr {
                            th scope="row" data-label="Field" {
                                span { code { (name) } @if required.contains(&name) { " " span .quiet { "required" } } }
                            }
                            td data-label="Is" { span { (kind(shape)) (constraints(shape)) } }
                            td data-label="Meaning" { span { (words(text(shape, "description"))) } }
                        }
                    }
                }
            }
        }
    }
}

/// A value that fits: what the schema gives as an example, else made of its parts.
pub(super) fn example(document: &Value, schema: &Value) -> Value {
    made(document, schema, DEPTH)
}

fn made(document: &Value, schema: &Value, depth: usize) -> Value {
    let given = schema
        .get("example")
        .or_else(|| schema.pointer("/examples/0"))
        .or_else(|| schema.pointer("/enum/0"));
    if let Some(given) = given {
        return given.clone();
    }
    let schema = resolved(document, schema);
    if depth == 0 {
        return Value::Null;
    }
    if schema.get("properties").is_some() {
        let (all, required) = members(document, schema, DEPTH);
        let shown = all
            .into_iter()
            .filter(|(name, shape)| required.contains(name) || shape.get("example").is_some());
        let object: Map<String, Value> = shown
            .map(|(name, shape)| (String::from(name), made(document, shape, depth - 1)))
            .collect();
        return Value::Object(object);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            json!([made(document, items, depth - 1)])
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => json!("2026-03-01T00:00:00Z"),
            _ => json!("…"),
        },
        _ => json!({}),
    }
}
