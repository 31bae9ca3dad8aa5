//! What is kept of an answer: no more than is allowed, and no more than the log needs.
//!
//! Bodies are bytes: never decoded, never decompressed. What was read before a fault is kept.

use super::fault::Fault;
use bytes::Bytes;
use tidings_core::limits::{
    ANSWER_BYTES, ANSWER_HEADER_BYTES, ANSWER_HEADERS, KEPT_ANSWER, KEPT_ANSWER_FAILURE,
    KEPT_ANSWER_HEADERS,
};

/// What is kept of an answer.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Header lines, `name: value` with `\n` between them.
    pub(super) headers: Bytes,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
    /// Bytes of the body that were read.
    pub(super) body_bytes: u64,
}

/// How reading ended; either way the answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// To its last byte.
    Complete,
    /// It was larger than we read, or left HTTP (101): the connection cannot be used again.
    CutOff,
}

impl Kept {
    /// A part of the body.
    pub(super) fn add(&mut self, data: &[u8]) {
        let most = KEPT_ANSWER_FAILURE.min(KEPT_ANSWER.saturating_sub(self.headers.len()));
        let room = most.saturating_sub(self.body.len());
        self.body
            .extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        self.body_bytes = self.body_bytes.saturating_add(data.len() as u64);
    }

    /// Whether it is more than we read.
    pub(super) fn is_too_much(&self) -> bool {
        self.body_bytes > ANSWER_BYTES as u64
    }
}

/// A header's lines, as they are kept: names in lower case, since those of HTTP/2 are. Lines that find no more room
/// are left out.
///
/// # Errors
/// They are larger than is allowed.
pub(super) fn header_lines<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<Bytes, Fault> {
    let mut lines = Vec::with_capacity(256);
    let mut given = 0;
    for (place, (name, value)) in headers.enumerate() {
        let size = name.len() + value.len() + 3;
        given += size;
        if place >= ANSWER_HEADERS || given > ANSWER_HEADER_BYTES {
            return Err(Fault::header_too_large());
        }
        if lines.len() + size > KEPT_ANSWER_HEADERS {
            continue;
        }
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        lines.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value);
    }
    Ok(lines.into())
}
