//! JSON as it passes through: checked once, white space removed, every token kept byte for byte (W13).
//!
//! Invariants: what [`compact`] returns is one valid JSON text (RFC 8259) in valid UTF-8 without a
//! byte-order mark, nested no deeper and holding no more values than its [`Limits`], in which no object
//! repeats a key and no string holds half of a surrogate pair: any conforming parser reads it alike.
//! Deliberately absent: a tree, recursion, numbers as floats, and any way to write JSON anew.

mod check;
mod error;
mod keys;
mod scan;
#[cfg(test)]
mod tests;

use crate::limits;

pub use error::{JsonError, JsonErrorKind};
pub use scan::{Kind, Member, decode_string, elements, first_elements, kind, members};

/// How large a text may be in structure; its bytes are limited where it is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arrays and objects inside one another, the outermost counted.
    pub depth: usize,
    /// Values of every kind in all, the outermost counted, keys not.
    pub values: usize,
}

impl Default for Limits {
    /// The limits of an event.
    fn default() -> Self {
        Self {
            depth: limits::JSON_DEPTH,
            values: limits::JSON_TOKENS,
        }
    }
}

/// Checks one JSON text and returns it without its insignificant white space; every token stays as it was
/// written (W13): numbers keep their digits, strings their escapes, objects the order of their keys.
///
/// # Errors
/// [`JsonError`] names the first thing wrong and its place. The time is linear in the length of the text,
/// but for objects of many keys, which are sorted once.
pub fn compact(input: &[u8], limits: Limits) -> Result<Vec<u8>, JsonError> {
    check::compact(input, limits)
}
