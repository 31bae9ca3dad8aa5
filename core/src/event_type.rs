//! Event types and audiences (W7, W8).
//!
//! A type has an own form (`project.updated`) and, where it can be public, a public form
//! (`project.public.updated`). Producers post the own form only; endpoints choose either; the form that an
//! endpoint chose is the one it is sent. There are no wildcards.

use crate::limits::EVENT_TYPE_NAME;
use std::fmt;
use std::sync::Arc;

/// For whom a form of an event type is meant (W8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// The organization's own records.
    Own,
    /// Public records of other organizations.
    Public,
}

impl Audience {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Public => "public",
        }
    }
}

/// The own form of a type: `object.action`, each part `[a-z][a-z0-9_]*` (W7).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTypeName(Arc<str>);

/// A type as it goes on the wire and as endpoints choose it: a name and an audience.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireType {
    /// The own form.
    pub name: EventTypeName,
    /// Which form it is.
    pub audience: Audience,
}

/// Why a text is no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// Empty or too long.
    #[error("an event type is 3 to {EVENT_TYPE_NAME} characters (got {0})")]
    Length(usize),
    /// A character that has no place there; the position counts from 1.
    #[error(
        "`{found}` at position {position} has no place in an event type: use a-z, 0-9 and _ in each part, starting with a letter"
    )]
    Character {
        /// The first character that is wrong.
        found: char,
        /// Its place, from 1.
        position: usize,
    },
    /// Not two parts, or three with `public` in the middle.
    #[error("an event type is `object.action` or `object.public.action`")]
    Parts,
    /// The public form where only the own form may stand (W8).
    #[error("post the own form `{0}` with \"public\": true; the public form is made from it")]
    PublicForm(EventTypeName),
}

impl EventTypeName {
    /// Reads the own form; the public form is refused with the own form named.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        let wire = WireType::parse(text)?;
        match wire.audience {
            Audience::Own => Ok(wire.name),
            Audience::Public => Err(EventTypeError::PublicForm(wire.name)),
        }
    }

    /// The text, `object.action`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the dot.
    pub fn object(&self) -> &str {
        self.0.split_once('.').map_or("", |(object, _)| object)
    }

    /// The part after the dot.
    pub fn action(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, action)| action)
    }
}

fn check_parts(text: &str) -> Result<(), EventTypeError> {
    let mut start = true;
    for (index, found) in text.chars().enumerate() {
        let fits = match found {
            'a'..='z' => true,
            '0'..='9' | '_' | '.' => !start,
            _ => false,
        };
        if !fits {
            return Err(EventTypeError::Character {
                found,
                position: index + 1,
            });
        }
        start = found == '.';
    }
    if start {
        Err(EventTypeError::Parts)
    } else {
        Ok(())
    }
}

impl WireType {
    /// Reads either form.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        if text.len() < 3 || text.len() > EVENT_TYPE_NAME {
            return Err(EventTypeError::Length(text.chars().count()));
        }
        check_parts(text)?;
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            // `public` is only ever the middle word, so it is neither an object nor an action.
            [object, action] if *object != "public" && *action != "public" => Ok(Self {
                name: EventTypeName(Arc::from(text)),
                audience: Audience::Own,
            }),
            [object, "public", action] if *object != "public" && *action != "public" => Ok(Self {
                name: EventTypeName(Arc::from(format!("{object}.{action}"))),
                audience: Audience::Public,
            }),
            _ => Err(EventTypeError::Parts),
        }
    }

    /// The form of `name` for `audience`.
    pub const fn new(name: EventTypeName, audience: Audience) -> Self {
        Self { name, audience }
    }
}

impl fmt::Display for EventTypeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for EventTypeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for WireType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.audience {
            Audience::Own => out.write_str(self.name.as_str()),
            Audience::Public => write!(out, "{}.public.{}", self.name.object(), self.name.action()),
        }
    }
}

impl fmt::Debug for WireType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Whether an operator has switched a type on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeStatus {
    /// Endpoints may choose it and events of it are accepted.
    Active,
    /// Known, but off: extensions of the compatible set start so (W9).
    Inactive,
}

/// What a type's JSON Schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaUse {
    /// It documents. The compatible set is never enforced (W9).
    Documents,
    /// An event whose data does not fit it is refused.
    Enforced,
}

/// One entry of the catalogue: one form of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType {
    /// The form on the wire.
    pub wire: WireType,
    /// What people call it.
    pub label: String,
    /// When it fires, in words.
    pub description: String,
    /// Whether it is in use.
    pub status: TypeStatus,
    /// Whether it belongs to the compatible set; such entries cannot be given another schema.
    pub compatible: bool,
    /// JSON Schema of `data`, as JSON text.
    pub schema: Option<Arc<str>>,
    /// What the schema is for.
    pub schema_use: SchemaUse,
    /// An example of `data`, as compact JSON text: what a test send carries.
    pub example: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn w7_both_forms_are_read_and_written() {
        for (text, audience, own) in [
            ("project.updated", Audience::Own, "project.updated"),
            (
                "project.public.updated",
                Audience::Public,
                "project.updated",
            ),
            (
                "form_completion2.re_opened",
                Audience::Own,
                "form_completion2.re_opened",
            ),
        ] {
            let wire = WireType::parse(text).unwrap();
            assert_eq!((wire.audience, wire.name.as_str()), (audience, own));
            assert_eq!(wire.to_string(), text);
        }
    }

    #[test]
    fn w7_anything_else_is_refused() {
        for bad in [
            "",
            "a",
            "project",
            "project.",
            ".updated",
            "project..updated",
            "Project.updated",
            "project.updated.x",
            "project.private.updated",
            "project updated",
            "1project.updated",
            "_a.b",
            "pröject.updated",
            "public.updated",
            "project.public",
            "public.public.public",
            "a.public.public",
        ] {
            assert!(WireType::parse(bad).is_err(), "{bad}");
        }
        assert!(WireType::parse(&format!("a.{}", "b".repeat(127))).is_err());
        assert_eq!(
            WireType::parse("user created"),
            Err(EventTypeError::Character {
                found: ' ',
                position: 5
            })
        );
    }

    #[test]
    fn w8_the_public_form_cannot_be_posted() {
        let error = EventTypeName::parse("project.public.updated").unwrap_err();
        assert!(
            matches!(&error, EventTypeError::PublicForm(own) if own.as_str() == "project.updated")
        );
    }
}
