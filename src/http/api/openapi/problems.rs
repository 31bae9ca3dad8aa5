//! Which problems an operation may answer: by rule from what it takes, and what its handler says beside.
//!
//! Every status stands there with its codes (`x-codes`) and the one form of all problems. 422 names no codes: which
//! fields an operation has says more.

use super::super::super::code::Code;
use super::super::super::problem::PROBLEM_JSON;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the operations have in common: these answers are said once, by reference.
const COMMON: [(u16, &str); 11] = [
    (401, "Unauthorized"),
    (406, "NotAcceptable"),
    (408, "RequestTimeout"),
    (413, "BodyTooLarge"),
    (414, "UriTooLong"),
    (415, "UnsupportedMediaType"),
    (417, "ExpectationFailed"),
    (422, "NotValid"),
    (431, "HeadersTooLarge"),
    (500, "Internal"),
    (503, "Unavailable"),
];

const ALWAYS: &[Code] = &[
    Code::BadRequest,
    Code::BadHost,
    Code::DuplicateHeader,
    Code::KeyInUrl,
    Code::DuplicateParameter,
    Code::UnknownParameter,
];
const WITH_BODY: &[Code] = &[
    Code::BadFraming,
    Code::EmptyBody,
    Code::InvalidJson,
    Code::InvalidUtf8,
];

/// What is not there when an id in the path names nothing.
const MISSING: [(&str, Code); 9] = [
    ("org", Code::NoSuchOrganization),
    ("ep", Code::NoSuchEndpoint),
    ("evt", Code::NoSuchEvent),
    ("type", Code::NoSuchEventType),
    ("dlv", Code::NoSuchDelivery),
    ("rpl", Code::NoSuchReplay),
    ("ers", Code::NoSuchErasure),
    ("key", Code::NoSuchKey),
    ("lnk", Code::NoSuchPortalLink),
];

/// Statuses and the codes they come with, where codes are named.
type Answers = BTreeMap<u16, Vec<Code>>;

fn parameters<'a>(
    operation: &'a Map<String, Value>,
    place: &'a str,
) -> impl Iterator<Item = &'a str> {
    let all = operation.get("parameters").and_then(Value::as_array);
    let here = all
        .into_iter()
        .flatten()
        .filter(move |parameter| parameter.get("in").and_then(Value::as_str) == Some(place));
    here.filter_map(|parameter| parameter.get("name")?.as_str())
}

/// What follows from what the operation takes.
fn by_rule(operation: &Map<String, Value>) -> Answers {
    let has = |member: &str| operation.get(member).is_some();
    let keyed = operation
        .get("security")
        .is_some_and(|all| all.pointer("/0/key").is_some());
    let mut answers = Answers::new();
    let mut refused = ALWAYS.to_vec();
    for status in [406, 408, 414, 431, 500, 503] {
        answers.insert(status, Vec::new());
    }
    if has("requestBody") {
        refused.extend(WITH_BODY);
        for status in [413, 415, 417, 422] {
            answers.insert(status, Vec::new());
        }
    }
    for name in parameters(operation, "query") {
        answers.insert(422, Vec::new());
        if name == "cursor" {
            refused.push(Code::InvalidCursor);
        }
    }
    if parameters(operation, "header").any(|name| name == "idempotency-key") {
        refused.push(Code::InvalidIdempotencyKey);
    }
    answers.insert(400, refused);
    if keyed {
        answers.insert(401, Vec::new());
        answers.insert(403, vec![Code::MissingScope]);
    }
    // A type that is put is made when it is not there.
    let missing = parameters(operation, "path")
        .filter(|name| *name != "type" || !has("requestBody"))
        .filter_map(|name| MISSING.iter().find(|(known, _)| *known == name))
        .map(|(_, code)| *code);
    let mut missing: Vec<Code> = missing.collect();
    if missing
        .iter()
        .any(|code| !matches!(code, Code::NoSuchOrganization | Code::NoSuchEventType))
    {
        missing.push(Code::WrongIdKind);
    }
    if !missing.is_empty() {
        answers.insert(404, missing);
    }
    answers
}

/// Puts the refusals into an operation's answers.
pub(super) fn complete(operation: &mut Map<String, Value>) {
    let mut answers = by_rule(operation);
    let Some(responses) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (status, response) in responses.iter() {
        let names = response.get("description").and_then(Value::as_str);
        if let Some(status) = status.parse().ok().filter(|status| *status >= 400) {
            let codes = names.unwrap_or_default().split(", ").map(Code::named);
            answers.entry(status).or_default().extend(codes);
        }
    }
    for (status, codes) in answers {
        let common = COMMON.iter().find(|(known, _)| *known == status);
        let response = match common {
            Some((_, name)) => json!({ "$ref": format!("#/components/responses/{name}") }),
            None => answer(status, &codes),
        };
        responses.insert(status.to_string(), response);
    }
}

fn answer(status: u16, codes: &[Code]) -> Value {
    let words: Vec<String> = codes
        .iter()
        .map(|code| format!("{} (`{}`)", code.title(), code.name()))
        .collect();
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let mut answer = json!({
        "description": match status {
            422 => String::from("What was sent is not valid: `errors` names each field or parameter, its code and what to do."),
            _ => format!("{}.", words.join("; ")),
        },
        "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } },
        "x-codes": names,
    });
    let header = match status {
        401 => Some((
            "www-authenticate",
            json!({ "schema": { "type": "string" } }),
        )),
        429 | 503 => Some((
            "retry-after",
            json!({
                "description": "Seconds to wait before the next try",
                "schema": { "type": "integer", "minimum": 0 },
            }),
        )),
        _ => None,
    };
    if let (Some((name, header)), Some(answer)) = (header, answer.as_object_mut()) {
        answer.insert(String::from("headers"), json!({ name: header }));
    }
    answer
}

/// Says once what the operations refer to, and lists every code.
pub(super) fn name(document: &mut Value) {
    let Some(components) = document
        .get_mut("components")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let common = COMMON.iter().map(|(status, name)| {
        let codes: Vec<Code> = Code::ALL
            .iter()
            .copied()
            .filter(|code| code.status().as_u16() == *status && *status != 422)
            .collect();
        (String::from(*name), answer(*status, &codes))
    });
    components.insert(String::from("responses"), Value::Object(common.collect()));
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for schema in ["Problem", "FieldProblem"] {
        let code = components
            .get_mut("schemas")
            .and_then(|all| all.get_mut(schema))
            .and_then(|schema| schema.pointer_mut("/properties/code"))
            .and_then(Value::as_object_mut);
        if let Some(code) = code {
            code.insert(String::from("enum"), json!(names));
        }
    }
}
