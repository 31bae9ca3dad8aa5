//! The event types of the contract (W9), from its own files in `catalogue/`.
//!
//! A shape is the JSON Schema of what an object's events carry; it documents and is never enforced. Its first
//! example is what a test send carries, byte for byte without white space. A new store starts with these
//! entries; what operators change later is the store's.
//!
//! Deliberately absent: reading the files at run time. They are part of the binary.

use serde::Deserialize;
use std::sync::Arc;
use tidings_core::event_type::{EventType, EventTypeError, SchemaUse, TypeStatus, WireType};
use tidings_core::id::OrganizationId;
use tidings_core::json::{self, JsonError, Limits};
use tidings_core::notice::{Kind, Notice};

const EVENT_TYPES: &str = include_str!("../catalogue/event-types.json");
const SHAPES: [(&str, &str); 4] = [
    (
        "shapes/project.json",
        include_str!("../catalogue/shapes/project.json"),
    ),
    (
        "shapes/campaign.json",
        include_str!("../catalogue/shapes/campaign.json"),
    ),
    (
        "shapes/participation.json",
        include_str!("../catalogue/shapes/participation.json"),
    ),
    (
        "shapes/membership.json",
        include_str!("../catalogue/shapes/membership.json"),
    ),
];

/// The shape of notices, and what tells it from a schema of an operator's own.
const NOTICE: &str = include_str!("../catalogue/shapes/notice.json");
const NOTICE_ID: &str = "urn:tidings:notice";
/// How people reach the console, in examples.
const EXAMPLE_BASE: &str = "https://webhooks.example.org";

/// Why the catalogue cannot be read: a defect of the build, which the tests would have shown.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The list is not what it should be.
    #[error("catalogue/event-types.json cannot be read: {0}")]
    List(#[from] serde_json::Error),
    /// A type is none.
    #[error("catalogue/event-types.json names no event type: {0}")]
    Type(#[from] EventTypeError),
    /// A shape is no JSON.
    #[error("a shape of the catalogue is no JSON: {0:?}")]
    Shape(JsonError),
    /// A type names a shape that is not part of the build.
    #[error("the catalogue has no {0}")]
    NoShape(String),
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "type")]
    wire: String,
    label: String,
    fires: String,
    shape: String,
    compatible: bool,
    enabled: bool,
}

/// The entries in the contract's order: the compatible set active, extensions inactive.
///
/// # Errors
/// The files in the binary are not what they should be.
pub fn entries() -> Result<Vec<EventType>, CatalogueError> {
    let listed: Vec<Listed> = serde_json::from_str(EVENT_TYPES)?;
    let mut shapes = Vec::with_capacity(SHAPES.len());
    for (name, text) in SHAPES {
        shapes.push((name, Shape::parse(text)?));
    }
    listed
        .into_iter()
        .map(|entry| {
            let shape = shapes.iter().find(|(name, _)| *name == entry.shape);
            let Some((_, shape)) = shape else {
                return Err(CatalogueError::NoShape(entry.shape));
            };
            Ok(EventType {
                wire: WireType::parse(&entry.wire)?,
                label: entry.label,
                description: entry.fires,
                status: if entry.enabled {
                    TypeStatus::Active
                } else {
                    TypeStatus::Inactive
                },
                compatible: entry.compatible,
                schema: Some(Arc::clone(&shape.schema)),
                schema_use: SchemaUse::Documents,
                example: shape.example.clone(),
            })
        })
        .collect()
}

/// The entries of notices, in use; their examples are about an endpoint of `organization`.
///
/// # Errors
/// The files in the binary are not what they should be.
pub fn notices(organization: OrganizationId) -> Result<Vec<EventType>, CatalogueError> {
    let shape = Shape::parse(NOTICE)?;
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let example = Notice::example(kind, organization).data(EXAMPLE_BASE);
            Ok(EventType {
                wire: WireType::parse(kind.name())?,
                label: String::from(kind.label()),
                description: String::from(kind.when()),
                status: TypeStatus::Active,
                compatible: false,
                schema: Some(Arc::clone(&shape.schema)),
                schema_use: SchemaUse::Documents,
                example: Some(Arc::from(example)),
            })
        })
        .collect()
}

/// Whether an entry is a notice's: made by the server, not by an operator under the same name.
pub fn is_notice(entry: &EventType) -> bool {
    is_notice_schema(&entry.wire, entry.schema.as_deref())
}

/// The same, of a type and its schema.
pub fn is_notice_schema(wire: &WireType, schema: Option<&str>) -> bool {
    Kind::of(wire).is_some() && schema.is_some_and(|schema| schema.contains(NOTICE_ID))
}

struct Shape {
    schema: Arc<str>,
    example: Option<Arc<str>>,
}

impl Shape {
    fn parse(text: &str) -> Result<Self, CatalogueError> {
        let compact =
            json::compact(text.as_bytes(), Limits::default()).map_err(CatalogueError::Shape)?;
        let mut schema = String::with_capacity(compact.len());
        let mut example = None;
        for member in json::members(&compact) {
            let value = compact.get(member.span).unwrap_or_default();
            if member.key == "examples" {
                example = json::elements(value)
                    .into_iter()
                    .next()
                    .and_then(|first| value.get(first))
                    .map(|first| Arc::from(String::from_utf8_lossy(first)));
            } else {
                schema.push(if schema.is_empty() { '{' } else { ',' });
                schema.push_str(&serde_json::to_string(&member.key)?);
                schema.push(':');
                schema.push_str(&String::from_utf8_lossy(value));
            }
        }
        schema.push('}');
        Ok(Self {
            schema: Arc::from(schema),
            example,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_core::event_type::Audience;

    #[test]
    fn w9_fifteen_compatible_types_are_on_and_extensions_off() {
        let entries = entries().unwrap();
        let (compatible, extensions): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry.compatible);
        assert_eq!((compatible.len(), extensions.len()), (15, 3));
        for entry in &entries {
            let wanted = if entry.compatible {
                TypeStatus::Active
            } else {
                TypeStatus::Inactive
            };
            assert_eq!(entry.status, wanted, "{}", entry.wire);
            assert_eq!(entry.schema_use, SchemaUse::Documents);
        }
        let public = compatible
            .iter()
            .filter(|entry| entry.wire.audience == Audience::Public);
        assert_eq!(public.count(), 6);
    }

    #[test]
    fn w9_every_type_has_a_schema_and_an_example_that_fits_it() {
        let home = OrganizationId::new(77).unwrap();
        let notices = notices(home).unwrap();
        assert!(notices.iter().all(is_notice) && !entries().unwrap().iter().any(is_notice));
        for entry in entries().unwrap().into_iter().chain(notices) {
            let schema: serde_json::Value =
                serde_json::from_str(entry.schema.as_deref().unwrap()).unwrap();
            let example: serde_json::Value =
                serde_json::from_str(entry.example.as_deref().unwrap()).unwrap();
            assert!(schema.get("examples").is_none());
            assert!(schema.get("properties").is_some());
            assert!(
                jsonschema::is_valid(&schema, &example),
                "the example of {} does not fit its schema",
                entry.wire
            );
        }
    }

    #[test]
    fn w13_an_example_keeps_its_tokens_and_the_order_of_its_keys() {
        let entries = entries().unwrap();
        let campaign = entries
            .iter()
            .find(|entry| entry.wire.to_string() == "campaign.updated")
            .unwrap();
        let example = campaign.example.as_deref().unwrap();
        assert!(
            example.starts_with(
                r#"{"type":"campaign","id":"20951","campaign_name":"Spring on the Greenway","description":null,"#
            ),
            "{example}"
        );
    }
}
