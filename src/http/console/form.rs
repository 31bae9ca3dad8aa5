//! Forms: what a browser sends, the JSON that the API's readers make of it, and what they answer.
//!
//! A form is turned into the same JSON that a program would post, so that both are read by one set of rules and refused in
//! one set of words.

use super::super::code::Code;
use super::super::problem::{Fault, Problem};
use super::super::reply::{Content, Reply};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

/// Characters of a time to the minute: `2026-03-01T09:30`.
const MINUTES: usize = 16;
/// Fields of one form: many event types, and then some.
const FIELDS: usize = 2_000;

/// The fields of a form or a query, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The filters of a list and its cursor as the API would have them: without what is empty, times with their zone.
    pub fn for_api(&self, filters: &[&str]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for name in filters.iter().copied().chain(["cursor"]) {
            match (name, self.trimmed(name)) {
                (_, "") => {}
                ("from" | "to", value) => drop(text.append_pair(name, &utc_time(value))),
                (_, value) => drop(text.append_pair(name, value)),
            }
        }
        text.finish()
    }

    /// Reads `application/x-www-form-urlencoded`; what is beyond the limit is left out.
    pub fn parse(text: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(text)
                .take(FIELDS)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// A form with these fields.
    pub fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first value of a field; empty when it is not there.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    /// As [`Form::get`], without the white space that people copy along.
    pub fn trimmed(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// Whether a field has this value.
    pub fn holds(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|found| found == value)
    }

    /// The fields that are not empty, as a query.
    pub fn query(&self, leaving_out: &[&str]) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            if !value.is_empty() && !leaving_out.contains(&name.as_str()) {
                text.append_pair(name, value);
            }
        }
        text.finish()
    }
}

/// Only what a form of ours sends: a page elsewhere cannot send this kind as JSON in disguise.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(Problem::new(
            Code::UnsupportedMediaType,
            "Forms are application/x-www-form-urlencoded.",
        ))
    }
}

/// What a browser's field for times holds, which has no zone, as the readers take it: UTC, with seconds.
pub(super) fn utc_time(text: &str) -> String {
    let has_zone = text.ends_with('Z') || text.contains('+');
    match (has_zone, text.len()) {
        (true, _) => text.to_owned(),
        (false, MINUTES) => format!("{text}:00Z"),
        (false, _) => format!("{text}Z"),
    }
}

/// A time in UTC as such a field takes it.
pub(super) fn local_time(text: &str) -> &str {
    text.get(..MINUTES).unwrap_or(text)
}

/// A JSON object as the readers take it.
pub(super) fn object(members: Vec<(&str, Value)>) -> Vec<u8> {
    let members: serde_json::Map<String, Value> = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Object(members).to_string().into_bytes()
}

/// The JSON of an answer of the API.
pub(super) fn json_of(reply: &Reply) -> Result<Value, Problem> {
    match &reply.body {
        Content::Whole(body) => {
            serde_json::from_slice(body).map_err(|error| Problem::internal(&error))
        }
        Content::Parts(_) => Err(Problem::internal(&"an answer that is no JSON")),
    }
}

/// What is wrong with a form, to be shown beside its fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// What is wrong as a whole.
    pub summary: String,
    faults: Vec<Fault>,
}

impl Faults {
    /// What a reader refused.
    pub fn of(problem: &Problem) -> Self {
        Self {
            summary: problem.detail().to_owned(),
            faults: problem.faults().to_vec(),
        }
    }

    /// One thing wrong with one field.
    pub fn one(field: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            summary: detail.clone(),
            faults: vec![Fault::new(format!("/{field}"), Code::InvalidValue, detail)],
        }
    }

    /// Whether anything is wrong.
    pub const fn any(&self) -> bool {
        !self.summary.is_empty()
    }

    /// What is wrong with a field or with a part of it.
    pub fn field(&self, name: &str) -> Option<String> {
        let under = |pointer: &str| {
            let rest = pointer.strip_prefix('/').unwrap_or(pointer);
            rest == name
                || rest
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let found: Vec<&str> = self
            .faults
            .iter()
            .filter(|fault| under(&fault.pointer))
            .map(|fault| &*fault.detail)
            .collect();
        (!found.is_empty()).then(|| found.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_empty_ones_leave_the_query() {
        let form = Form::parse(b"type=a&type=b&state=&q=x+y%26z");
        assert_eq!(form.all("type").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(form.get("missing"), "");
        assert_eq!(form.query(&["q"]), "type=a&type=b");
        assert_eq!(form.query(&[]), "type=a&type=b&q=x+y%26z");
    }

    #[test]
    fn a_fault_of_a_part_belongs_to_its_field() {
        let faults = Faults::of(&Problem::field("/headers/x-a", Code::InvalidValue, "No."));
        assert_eq!(faults.field("headers").as_deref(), Some("No."));
        assert_eq!(faults.field("head"), None);
        assert!(faults.any());
    }
}
