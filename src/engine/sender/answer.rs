//! Reading an answer: no more than is allowed, and keeping no more than the log needs.
//!
//! Bodies are bytes: never decoded, never decompressed. What was read before a fault is kept.

use super::fault::Fault;
use super::line::{Line, Part};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use tidings_core::limits::{
    ANSWER_BYTES, ANSWER_HEADER_BYTES, ANSWER_HEADERS, KEPT_ANSWER_FAILURE,
};
use tidings_core::outcome::Failure;

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

/// Reads an answer whose header has come.
///
/// # Errors
/// The answer breaks off, breaks HTTP's rules, or its header is too large.
pub(super) async fn receive(
    line: &mut Line,
    response: Response<Incoming>,
    kept: &mut Kept,
) -> Result<Ending, Fault> {
    kept.headers = header_lines(response.headers())?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Ending::CutOff);
    }
    let mut body = response.into_body();
    if body.is_end_stream() {
        return Ok(Ending::Complete);
    }
    while let Some(part) = line.part(&mut body).await? {
        let Part::Data(data) = part else { continue };
        let room = KEPT_ANSWER_FAILURE.saturating_sub(kept.body.len());
        kept.body
            .extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        kept.body_bytes = kept.body_bytes.saturating_add(data.len() as u64);
        if kept.body_bytes > ANSWER_BYTES as u64 {
            return Ok(Ending::CutOff);
        }
    }
    Ok(Ending::Complete)
}

fn header_lines(headers: &HeaderMap) -> Result<Bytes, Fault> {
    let size = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 3)
        .sum::<usize>();
    if headers.len() > ANSWER_HEADERS || size > ANSWER_HEADER_BYTES {
        return Err(Fault::failed(
            Failure::TooLarge,
            "the answer's header is larger than 32 KiB or 100 fields",
        ));
    }
    let mut lines = Vec::with_capacity(size);
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
    }
    Ok(lines.into())
}
