//! `GET /docs`: the API's reference, drawn from the OpenAPI document once and kept.
//!
//! It is open, as the document is. Everything on it comes from the document or from the catalogue of codes, so that it
//! cannot say what the server does not do. It works without its script, which adds a filter and copying.

use super::super::api::openapi::document;
use super::super::code::Code;
use super::Outcome;
use super::page::{Page, Section};
use super::pieces::block;
use super::schemas::{constraints, example, fields, kind};
use super::visit::Visit;
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One operation with its place.
#[derive(Clone, Copy)]
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    members: &'a Map<String, Value>,
}

static BODY: LazyLock<Markup> = LazyLock::new(|| draw(document()));

/// The page.
pub(super) async fn get(_visit: Visit) -> Outcome {
    let page = Page::new("API reference", Section::Docs, BODY.clone());
    Ok(page.into())
}

pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or("")
}

/// A text of the document, with what stands in backquotes as code.
pub(super) fn words(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

impl Operation<'_> {
    fn text(&self, member: &str) -> &str {
        self.members
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    fn list(&self, pointer: &[&str]) -> Vec<&Value> {
        let (first, rest) = match pointer {
            [first, rest @ ..] => (first, rest),
            [] => return Vec::new(),
        };
        let mut found = self.members.get(*first);
        for step in rest {
            found = found.and_then(|value| match step.parse::<usize>() {
                Ok(index) => value.get(index),
                Err(_) => value.get(step),
            });
        }
        found
            .and_then(Value::as_array)
            .map(|all| all.iter().collect())
            .unwrap_or_default()
    }
}

/// The operations by their tags, in the document's order of tags.
fn sections(document: &Value) -> Vec<(&Value, Vec<Operation<'_>>)> {
    let mut by_tag: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, members) in methods.as_object().into_iter().flatten() {
            let Some(members) = members.as_object() else {
                continue;
            };
            let tag = members
                .get("tags")
                .and_then(|tags| tags.get(0))
                .and_then(Value::as_str);
            by_tag
                .entry(tag.unwrap_or(""))
                .or_default()
                .push(Operation {
                    path,
                    method,
                    members,
                });
        }
    }
    let tags = document.get("tags").and_then(Value::as_array);
    tags.into_iter()
        .flatten()
        .filter_map(|tag| Some((tag, by_tag.remove(text(tag, "name"))?)))
        .collect()
}

fn anchor(tag: &Value) -> String {
    text(tag, "name").replace(' ', "-")
}

fn draw(document: &Value) -> Markup {
    let sections = sections(document);
    html! {
        nav .side aria-label="Sections" {
            ul {
                li { a href="#main" { "Conventions" } }
            }
            p .group { "Operations" }
            ul {
                @for (tag, _) in &sections {
                    li { a href={ "#" (anchor(tag)) } { (text(tag, "name")) } }
                }
            }
            p .group { "Lists" }
            ul {
                li { a href="#problems" { "Problem codes" } }
                li { a href="#schemas" { "Objects" } }
            }
        }
        main #main .docs tabindex="-1" {
            h1 { "API reference" }
            (conventions(document))
            div .field data-filter hidden {
                label for="filter" { "Find an operation" }
                input #filter type="search" placeholder="endpoint, POST, /replay …";
                p .hint role="status" id="found" {}
            }
            @for (tag, operations) in &sections {
                section id=(anchor(tag)) {
                    h2 { (sentence_case(text(tag, "name"))) }
                    p { (words(text(tag, "description"))) }
                    @for operation in operations { (drawn(document, *operation)) }
                }
            }
            (problems())
            (objects(document))
        }
    }
}

fn sentence_case(words: &str) -> String {
    let mut chars = words.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    first + chars.as_str()
}

fn conventions(document: &Value) -> Markup {
    let version = document.pointer("/info/version").and_then(Value::as_str);
    html! {
        p { "Version " (version.unwrap_or("")) ". The same as a document for tools: "
            a href="/openapi.json" { "OpenAPI 3.1" } "." }
        dl .facts {
            dt { "Keys" }
            dd { code { "Authorization: Bearer tdg_…" } " with every request. Each operation names the scopes that may call it." }
            dt { "Bodies" }
            dd { "JSON. Unknown fields are refused; a field that is left out is not there, null is no value." }
            dt { "Lists" }
            dd { code { "limit" } " and " code { "cursor" } "; the answer's " code { "next_cursor" } " is the next " code { "cursor" } ", null at the end." }
            dt { "Times" }
            dd { "RFC 3339; answers are in UTC with milliseconds." }
            dt { "Problems" }
            dd { code { "application/problem+json" } " (RFC 9457): decide by " code { "code" } ", which is stable; " code { "errors" } " names each field." }
            dt { "Again" }
            dd { "Post events with an " code { "Idempotency-Key" } ". After 429, 503 or no answer wait " code { "Retry-After" } " seconds and post again with the same key." }
            dt { "Ids" }
            dd { "Prefixed, and grow with time. What belongs to others is answered as if it were missing." }
        }
    }
}

fn drawn(document: &Value, operation: Operation<'_>) -> Markup {
    let name = operation.text("operationId");
    let method = operation.method.to_uppercase();
    let scopes = operation.list(&["security", "0", "key"]);
    let body = operation
        .members
        .get("requestBody")
        .and_then(|body| body.pointer("/content/application~1json/schema"));
    html! {
        article .panel .operation id=(name) {
            h3 {
                span class={ "badge " (operation.method) } { (method) } " "
                a .plain href={ "#" (name) } { code { (operation.path) } }
            }
            p { (words(operation.text("summary"))) " " (words(operation.text("description"))) }
            p .label {
                @if scopes.is_empty() { "No key is asked for." } @else {
                    "Keys that may call: "
                    @for (index, scope) in scopes.iter().enumerate() {
                        @if index > 0 { ", " }
                        (scope.as_str().unwrap_or(""))
                    }
                    "."
                }
            }
            (parameters(operation))
            @if let Some(body) = body {
                h4 { "Body" }
                (fields(document, body, &format!("The body of {name}")))
            }
            (block(&format!("curl-{name}"), &format!("{method} {} with curl", operation.path), &curl(document, operation, body)))
            (answers(document, operation))
        }
    }
}

fn parameters(operation: Operation<'_>) -> Markup {
    let all = operation.list(&["parameters"]);
    html! {
        @if !all.is_empty() {
            h4 { "Parameters" }
            table .list .cards {
                caption .hidden { "Parameters of " (operation.text("operationId")) }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Is" } th scope="col" { "Meaning" } } }
                tbody {
                    @for parameter in all {
                        @let schema = parameter.get("schema").unwrap_or(&Value::Null);
                        tr {
                            th scope="row" data-label="Name" {
                                span { code { (text(parameter, "name")) }
                                    " " span .quiet { "in " (text(parameter, "in"))
                                        @if parameter.get("required") == Some(&Value::Bool(true)) { ", required" } } }
                            }
                            td data-label="Is" { span { (kind(schema)) (constraints(schema)) } }
                            td data-label="Meaning" { span { (words(text(parameter, "description"))) } }
                        }
                    }
                }
            }
        }
    }
}

/// The call as a line for a shell, with the document's own examples.
fn curl(document: &Value, operation: Operation<'_>, body: Option<&Value>) -> String {
    let mut path = String::from(operation.path);
    for parameter in operation.list(&["parameters"]) {
        let name = text(parameter, "name");
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        let shown = match example(document, schema) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        path = path.replace(&format!("{{{name}}}"), &shown);
    }
    let method = match operation.method {
        "get" => String::new(),
        other => format!(" -X {}", other.to_uppercase()),
    };
    let mut lines = vec![format!("curl{method} \"$TIDINGS_URL{path}\"")];
    if !operation.list(&["security", "0", "key"]).is_empty() {
        lines.push(String::from("-H \"Authorization: Bearer $TIDINGS_KEY\""));
    }
    let has_key = |parameter: &Value| text(parameter, "name") == "idempotency-key";
    if operation.list(&["parameters"]).into_iter().any(has_key) {
        lines.push(String::from("-H 'Idempotency-Key: order-17'"));
    }
    if let Some(body) = body {
        lines.push(String::from("-H 'Content-Type: application/json'"));
        lines.push(format!("-d '{}'", example(document, body)));
    }
    lines.join(" \\\n  ")
}

/// Everything that is answered: what is done with its fields, and this operation's own problems.
fn answers(document: &Value, operation: Operation<'_>) -> Markup {
    let all = operation
        .members
        .get("responses")
        .and_then(Value::as_object);
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for (status, answer) in all.into_iter().flatten() {
        match status.starts_with('2') {
            true => done.push((status, answer)),
            // What every operation may answer is said once.
            false if answer.get("$ref").is_none() && status != "400" => {
                refused.push((status, answer));
            }
            false => {}
        }
    }
    let name = operation.text("operationId");
    html! {
        h4 { "Answers" }
        @for (status, answer) in done {
            p { span .badge .good { (status) } " " (words(text(answer, "description"))) }
            @if let Some(schema) = answer.pointer("/content/application~1json/schema") {
                details .more {
                    summary { "Fields of the answer " (status) }
                    (fields(document, schema, &format!("The answer {status} of {name}")))
                }
            }
        }
        ul .refusals {
            @for (status, answer) in refused {
                li {
                    span .badge .bad { (status) } " "
                    @for (index, code) in answer.get("x-codes").and_then(Value::as_array).into_iter().flatten().enumerate() {
                        @if index > 0 { ", " }
                        code { (code.as_str().unwrap_or("")) }
                    }
                }
            }
            li .quiet { "and the problems " a href="#problems" { "of every operation" } }
        }
    }
}

fn problems() -> Markup {
    html! {
        section #problems {
            h2 { "Problem codes" }
            p { "Every operation may answer those of 400, 401, 406 to 431, 500 and 503 that fit what was sent; its own stand with it." }
            table .list .cards {
                caption .hidden { "Every problem code" }
                thead { tr { th scope="col" { "Status" } th scope="col" { "Code" } th scope="col" { "Meaning" } } }
                tbody {
                    @for code in Code::ALL {
                        tr {
                            td data-label="Status" { (code.status().as_u16()) }
                            th scope="row" data-label="Code" { code { (code.name()) } }
                            td data-label="Meaning" { span { (code.title()) } }
                        }
                    }
                }
            }
        }
    }
}

fn objects(document: &Value) -> Markup {
    let all = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    html! {
        section #schemas {
            h2 { "Objects" }
            @for (name, schema) in all.into_iter().flatten() {
                article .panel id={ "schema-" (name) } {
                    h3 { (name) }
                    p { (words(text(schema, "description"))) }
                    (fields(document, schema, name))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_code_and_object_is_on_the_page() {
        let page = &BODY.0;
        let mut operations = 0;
        for (_, all) in sections(document()) {
            for operation in all {
                operations += 1;
                let id = format!("id=\"{}\"", operation.text("operationId"));
                assert!(page.contains(&id), "{id}");
            }
        }
        assert_eq!(operations, super::super::super::route::ROUTES.len());
        for code in Code::ALL {
            assert!(page.contains(code.name()), "{}", code.name());
        }
        let schemas = document().pointer("/components/schemas");
        for name in schemas.and_then(Value::as_object).into_iter().flatten() {
            let id = format!("id=\"schema-{}\"", name.0);
            assert!(page.contains(&id), "{id}");
        }
        assert!(!page.contains("http://") && !page.contains("style="));
    }
}
