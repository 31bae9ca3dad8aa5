//! What a producer posts, checked: the type's own form, the owner, `data` byte for byte, audience, reference.

use crate::event_type::EventTypeName;
use crate::id::OrganizationId;
use crate::limits::{IDEMPOTENCY_KEY, REFERENCE};
use std::fmt;

/// Whether an event reaches other organizations too (W8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Publicity {
    /// The owner's endpoints only.
    Private,
    /// The owner's endpoints under the own form, every other organization's under the public form.
    Public,
}

/// A text of 1 to 255 visible ASCII characters: a producer's own id for an event, or an idempotency key.
macro_rules! visible_ascii {
    ($(#[$meta:meta])* $name:ident, $limit:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The checked text, or `None` when it is empty, too long, or holds anything but visible ASCII.
            pub fn parse(text: &str) -> Option<Self> {
                let fits = !text.is_empty() && text.len() <= $limit && text.bytes().all(|byte| byte.is_ascii_graphic());
                fits.then(|| Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

visible_ascii!(
    /// The producer's own id of an event: searchable, never sent.
    Reference,
    REFERENCE
);
visible_ascii!(
    /// A producer's promise that two posts with it are one event; per organization.
    IdempotencyKey,
    IDEMPOTENCY_KEY
);

/// An event that may be stored: its type was found in the catalogue and its `data` checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent<D> {
    /// The owner.
    pub organization: OrganizationId,
    /// The own form of the type.
    pub event_type: EventTypeName,
    /// Whether it reaches other organizations.
    pub publicity: Publicity,
    /// A compact JSON object, byte for byte the producer's tokens (W13).
    pub data: D,
    /// The producer's own id, if given.
    pub reference: Option<Reference>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_keys_are_visible_ascii_up_to_255() {
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_some());
        for bad in ["", "a b", "a\n", "ü", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_none(), "{bad}");
            assert!(Reference::parse(bad).is_none(), "{bad}");
        }
    }
}
