//! Reading an HTTP/1 answer (RFC 9112) from bytes as they come: no I/O, no clock.
//!
//! Invariants: never more than the limits are taken, whatever comes; where an answer ends is never guessed: what
//! could be read in two ways breaks it, or at least ends its connection; bodies are bytes, never decoded.
//!
//! Deliberately absent: obsolete line folding, and bare line feeds in chunked bodies; both are broken answers.

use super::answer::{Ending, Kept, header_lines};
use super::chunks::Chunks;
use super::fault::{Awaited, Fault};
use std::mem::MaybeUninit;
use tidings_core::limits::{ANSWER_HEADER_BYTES, ANSWER_HEADERS};
use tidings_core::outcome::Failure;

/// All heads of one answer together: early ones (1xx) count, too.
const HEAD_BYTES: usize = 2 * ANSWER_HEADER_BYTES;
const SWITCHING_PROTOCOLS: u16 = 101;

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    stage: Stage,
    /// The beginning of a head whose end has not come.
    partial: Vec<u8>,
    /// Bytes of heads so far.
    head_bytes: usize,
    status: Option<u16>,
    /// Whether the connection may be used again after this answer.
    reusable: bool,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Head,
    /// A body of which so many bytes are to come.
    Length(u64),
    Chunks(Chunks),
    /// A body that ends with the connection.
    UntilClose,
    Over(Ending),
}

/// What is known after some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is more to come.
    More,
    /// The answer is over.
    Over(Ending),
}

/// What a head says about its answer.
#[derive(Debug, Clone, Copy)]
struct Framing {
    status: u16,
    body: Body,
    reusable: bool,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Reader {
    /// The status, once the head is there.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Which part of the answer comes next.
    pub(super) fn awaits(&self) -> Awaited {
        match self.status {
            None => Awaited::Header,
            Some(_) => Awaited::Body,
        }
    }

    /// Whether the answer is complete and its connection may be used again.
    pub(super) fn is_reusable(&self) -> bool {
        self.reusable && matches!(self.stage, Stage::Over(Ending::Complete))
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// They break HTTP's rules, or the head is too large.
    pub(super) fn take(&mut self, mut bytes: &[u8], kept: &mut Kept) -> Result<Taken, Fault> {
        while matches!(self.stage, Stage::Head) {
            match self.head(bytes, kept)? {
                Some(used) => bytes = bytes.get(used..).unwrap_or_default(),
                None => return Ok(Taken::More),
            }
        }
        let unread = self.body(bytes, kept)?;
        let Stage::Over(ending) = self.stage else {
            return Ok(Taken::More);
        };
        self.reusable &= unread == 0;
        Ok(Taken::Over(ending))
    }

    /// The connection ended.
    ///
    /// # Errors
    /// Not where the answer may end.
    pub(super) fn end(&mut self) -> Result<Ending, Fault> {
        self.reusable = false;
        match self.stage {
            Stage::Over(ending) => Ok(ending),
            Stage::UntilClose => Ok(Ending::Complete),
            Stage::Head if self.partial.is_empty() => Err(Fault::failed(
                Failure::ResetBeforeHeaders,
                "the connection was closed without an answer",
            )),
            // What cannot begin a head is told from one that broke off, in however many pieces it came.
            Stage::Head => parse(&self.partial, &mut Kept::default()).and(Err(Fault::failed(
                Failure::ResetBeforeHeaders,
                "the connection was closed in the answer's header",
            ))),
            Stage::Length(_) | Stage::Chunks(_) => Err(Fault::failed(
                Failure::ResetInBody,
                "the connection was closed before the end of the answer",
            )),
        }
    }

    /// Reads a head, or the next part of one. Answers how many of `bytes` belong to it; `None` is all of them, and
    /// more to come.
    fn head(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<Option<usize>, Fault> {
        let before = self.partial.len();
        // Looked at when it starts, and then only when its end has come: else each byte would be read anew
        // with each that follows.
        if before > 0 {
            self.partial.extend_from_slice(bytes);
        }
        let head = if before > 0 { &self.partial } else { bytes };
        let complete = if before == 0 || has_end(head, before) {
            parse(head, kept)?
        } else {
            None
        };
        let used = complete.map_or(bytes.len(), |(length, _)| length.saturating_sub(before));
        self.head_bytes += used;
        if self.head_bytes > HEAD_BYTES {
            return Err(Fault::header_too_large());
        }
        let Some((_, framing)) = complete else {
            if before == 0 {
                self.partial.extend_from_slice(bytes);
            }
            return Ok(None);
        };
        self.partial = Vec::new();
        if !is_early(framing.status) {
            self.status = Some(framing.status);
            self.reusable = framing.reusable;
            self.stage = match framing.body {
                _ if framing.status == SWITCHING_PROTOCOLS => Stage::Over(Ending::CutOff),
                Body::None | Body::Length(0) => Stage::Over(Ending::Complete),
                Body::Length(length) => Stage::Length(length),
                Body::Chunked => Stage::Chunks(Chunks::default()),
                Body::UntilClose => Stage::UntilClose,
            };
        } else if used == bytes.len() {
            return Ok(None);
        }
        Ok(Some(used))
    }

    /// Reads a part of the body. Answers how many bytes were left after its end.
    fn body(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<usize, Fault> {
        let mut unread = 0;
        let over = match &mut self.stage {
            Stage::Head | Stage::Over(_) => return Ok(bytes.len()),
            Stage::UntilClose => {
                kept.add(bytes);
                false
            }
            Stage::Length(left) => {
                let part = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                kept.add(bytes.get(..part).unwrap_or_default());
                *left -= part as u64;
                unread = bytes.len() - part;
                *left == 0
            }
            Stage::Chunks(chunks) => {
                let used = chunks.take(bytes, kept)?;
                unread = bytes.len() - used;
                chunks.is_over()
            }
        };
        if kept.is_too_much() {
            self.stage = Stage::Over(Ending::CutOff);
        } else if over {
            self.stage = Stage::Over(Ending::Complete);
        }
        Ok(unread)
    }
}

/// Whether an empty line ends in what came after `before`.
fn has_end(head: &[u8], before: usize) -> bool {
    let tail = head.get(before.saturating_sub(3)..).unwrap_or_default();
    tail.windows(2).any(|pair| pair == b"\n\n") || tail.windows(3).any(|three| three == b"\n\r\n")
}

/// Interim answers: the final one follows (RFC 9110, 15.2). A switch of protocols is final for us.
fn is_early(status: u16) -> bool {
    (100..200).contains(&status) && status != SWITCHING_PROTOCOLS
}

/// Parses a head, if its end is there, and keeps its lines.
fn parse(bytes: &[u8], kept: &mut Kept) -> Result<Option<(usize, Framing)>, Fault> {
    // One more than is allowed, to tell too many from broken.
    let mut space = [const { MaybeUninit::uninit() }; ANSWER_HEADERS + 1];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut space,
    );
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::header_too_large()),
        Err(error) => return Err(broken(error.to_string())),
    };
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(broken("the status is none"));
    }
    if !is_early(status) {
        kept.headers = header_lines(response.headers.iter().map(|line| (line.name, line.value)))?;
    }
    let framing = framing(status, response.version == Some(1), response.headers)?;
    Ok(Some((length, framing)))
}

/// How long the body is and what becomes of the connection (RFC 9112, 6.3 and 9.3).
fn framing(
    status: u16,
    is_http_1_1: bool,
    headers: &[httparse::Header<'_>],
) -> Result<Framing, Fault> {
    let mut length = None;
    let mut coding = None;
    let mut close = false;
    let mut keep = is_http_1_1;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = Some(content_length(header.value, length)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            coding = Some(last_is_chunked(header.value));
        } else if header.name.eq_ignore_ascii_case("connection") {
            close |= has_token(header.value, b"close");
            keep |= has_token(header.value, b"keep-alive");
        }
    }
    // Two lengths are the sign of a smuggled answer; the coding counts, and the connection is not used again.
    let two_ways = coding.is_some() && (length.is_some() || !is_http_1_1);
    let body = match (status, coding, length) {
        (100..200 | 204 | 304, _, _) => Body::None,
        (_, Some(true), _) if is_http_1_1 => Body::Chunked,
        (_, Some(_), _) | (_, None, None) => Body::UntilClose,
        (_, None, Some(length)) => Body::Length(length),
    };
    Ok(Framing {
        status,
        body,
        reusable: keep && !close && !two_ways && !matches!(body, Body::UntilClose),
    })
}

/// `Content-Length`: a number, or the same number several times (RFC 9110, 8.6).
fn content_length(value: &[u8], mut known: Option<u64>) -> Result<u64, Fault> {
    for part in value.split(|byte| *byte == b',') {
        let text = part.trim_ascii();
        let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(text)
            .ok()
            .filter(|_| digits)
            .and_then(|text| text.parse().ok())
            .filter(|number| known.is_none_or(|known| known == *number));
        known = Some(number.ok_or_else(|| broken("content-length is not one number"))?);
    }
    known.ok_or_else(|| broken("content-length is empty"))
}

fn last_is_chunked(value: &[u8]) -> bool {
    tokens(value)
        .last()
        .is_some_and(|token| token.eq_ignore_ascii_case(b"chunked"))
}

fn has_token(value: &[u8], wanted: &[u8]) -> bool {
    tokens(value).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// What came is no HTTP.
fn broken(what: impl std::fmt::Display) -> Fault {
    Fault::failed(Failure::Protocol, format!("the answer is no HTTP: {what}"))
}

#[cfg(test)]
#[path = "reader/tests.rs"] // named, so that the fuzzing crate finds it from where it stands
mod tests;
