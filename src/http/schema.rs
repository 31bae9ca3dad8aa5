//! JSON Schemas of event types (draft 2020-12), compiled once and kept while the catalogue holds them.
//!
//! Nothing is fetched: a reference to another document is refused when the schema is registered. Patterns run
//! on an engine without backtracking, so no schema can make an event expensive.

use super::code::Code;
use super::problem::{FAULTS_MAX, Fault, Problem, cut};
use jsonschema::{Draft, PatternOptions, Validator};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tidings_core::event_type::{EventType, WireType};

/// A schema's text and what was made of it.
type Compiled = (Arc<str>, Arc<Validator>);

/// The compiled schemas of types that enforce theirs.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    compiled: Mutex<HashMap<WireType, Compiled>>,
}

/// Compiles a schema, or says why it is none.
pub(super) fn compile(schema: &str) -> Result<Validator, String> {
    let schema: serde_json::Value =
        serde_json::from_str(schema).map_err(|error| error.to_string())?;
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|error| format!("The schema does not compile: {}", cut(&error.to_string())))
}

impl Schemas {
    /// Checks the data of an event of a type that enforces its schema. Pointers start at `/data`.
    pub fn check(&self, entry: &EventType, schema: &Arc<str>, data: &[u8]) -> Result<(), Problem> {
        let validator = self.validator(entry, schema)?;
        // The text is JSON; only a number beyond 64-bit floats has no value a schema could be held against.
        let Ok(data) = serde_json::from_slice::<serde_json::Value>(data) else {
            return Err(Problem::field(
                "/data",
                Code::SchemaMismatch,
                "A number is too large to be held against the type's schema.",
            ));
        };
        let faults: Vec<Fault> = validator
            .iter_errors(&data)
            .take(FAULTS_MAX)
            .map(|error| {
                let pointer = format!("/data{}", error.instance_path());
                Fault::new(
                    pointer,
                    Code::SchemaMismatch,
                    cut(&error.masked().to_string()),
                )
            })
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::of(faults))
        }
    }

    fn validator(&self, entry: &EventType, schema: &Arc<str>) -> Result<Arc<Validator>, Problem> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, validator)) = compiled.get(&entry.wire)
            && Arc::ptr_eq(text, schema)
        {
            return Ok(Arc::clone(validator));
        }
        let validator = Arc::new(compile(schema).map_err(|error| Problem::internal(&error))?);
        let kept = (Arc::clone(schema), Arc::clone(&validator));
        compiled.insert(entry.wire.clone(), kept);
        Ok(validator)
    }
}
