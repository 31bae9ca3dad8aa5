//! The one pass behind [`super::compact`]: checks every token and copies what is not white space.
//!
//! Invariants: the stack is a vector no longer than the depth limit, never the thread's; every byte is
//! looked at once (keys once more, for repeats); runs without white space are copied whole.
//! Deliberately absent: the meaning of a token. Only the decoded text of keys matters here, to find repeats.

use super::error::{JsonError, JsonErrorKind, push_segment};
use super::keys::Keys;
use super::scan::{plain_prefix, unicode_escape};
use super::{Limits, error};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// See [`super::compact`].
pub(super) fn compact(input: &[u8], limits: Limits) -> Result<Vec<u8>, JsonError> {
    let at_start = |kind, offset| JsonError::at(input, kind, offset, String::new());
    if input.starts_with(BYTE_ORDER_MARK) {
        return Err(at_start(JsonErrorKind::ByteOrderMark, 0));
    }
    let text = std::str::from_utf8(input)
        .map_err(|e| at_start(JsonErrorKind::InvalidUtf8, e.valid_up_to()))?;
    let mut check = Check::new(text, limits);
    match check.text() {
        Ok(()) => Ok(check.out),
        Err(fault) => Err(check.error(fault)),
    }
}

/// What is wrong and where; [`Check::error`] adds the path to it.
struct Fault {
    kind: JsonErrorKind,
    offset: usize,
}

type Checked<T> = Result<T, Fault>;

/// An array or object that is open.
enum Frame {
    /// The index of the element that is being read.
    Array { index: usize },
    /// Where this object's keys start among all [`Keys`].
    Object { keys: usize },
}

/// What stands where a value was read.
enum Read {
    /// A whole value.
    Value,
    /// The start of an array or object that is not empty; its first value follows.
    Opened,
}

struct Check<'a> {
    text: &'a str,
    input: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// Where the run starts that is not yet copied to `out`.
    run: usize,
    frames: Vec<Frame>,
    keys: Keys<'a>,
    /// A key is being read, so the last key of the innermost object does not name the place.
    between_members: bool,
    values: usize,
    limits: Limits,
}

impl<'a> Check<'a> {
    fn new(text: &'a str, limits: Limits) -> Self {
        let input = text.as_bytes();
        Self {
            text,
            input,
            at: 0,
            out: Vec::with_capacity(input.len()),
            run: 0,
            frames: Vec::with_capacity(8),
            keys: Keys::new(input),
            between_members: false,
            values: 0,
            limits,
        }
    }

    fn text(&mut self) -> Checked<()> {
        self.skip_space();
        if self.peek().is_none() {
            return Err(self.fault(JsonErrorKind::Empty));
        }
        loop {
            if let Read::Value = self.value()? {
                self.close_what_ends()?;
                if self.frames.is_empty() {
                    break;
                }
            }
        }
        self.skip_space();
        if self.peek().is_some() {
            return Err(self.fault(JsonErrorKind::TrailingText));
        }
        self.out
            .extend_from_slice(self.input.get(self.run..).unwrap_or_default());
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        if self.peek().is_none_or(|byte| byte > b' ') {
            return;
        }
        self.out
            .extend_from_slice(self.input.get(self.run..self.at).unwrap_or_default());
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        self.run = self.at;
    }

    /// One value, or the start of a container; white space before it is skipped.
    fn value(&mut self) -> Checked<Read> {
        self.skip_space();
        let Some(first) = self.peek() else {
            return Err(self.fault(JsonErrorKind::EndsEarly));
        };
        if self.values == self.limits.values {
            return Err(self.fault(JsonErrorKind::TooManyValues {
                limit: self.limits.values,
            }));
        }
        self.values += 1;
        match first {
            b'"' => self.string().map(|_| Read::Value),
            b'{' | b'[' => self.open(first),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'\'' => Err(self.fault(JsonErrorKind::SingleQuotes)),
            b'N' | b'I' | b'+' | b'.' => Err(self.fault(JsonErrorKind::NotANumber)),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn open(&mut self, bracket: u8) -> Checked<Read> {
        if self.frames.len() == self.limits.depth {
            return Err(self.fault(JsonErrorKind::TooDeep {
                limit: self.limits.depth,
            }));
        }
        self.at += 1;
        self.skip_space();
        let closer = if bracket == b'{' { b'}' } else { b']' };
        if self.peek() == Some(closer) {
            self.at += 1;
            return Ok(Read::Value);
        }
        if bracket == b'{' {
            self.frames.push(Frame::Object {
                keys: self.keys.len(),
            });
            self.key()?;
        } else {
            self.frames.push(Frame::Array { index: 0 });
        }
        Ok(Read::Opened)
    }

    /// After a value: closes the containers that end here, and stops where the next value follows or all are closed.
    fn close_what_ends(&mut self) -> Checked<()> {
        loop {
            let (closer, expected) = match self.frames.last() {
                None => return Ok(()),
                Some(Frame::Object { .. }) => (b'}', "`,` or `}`"),
                Some(Frame::Array { .. }) => (b']', "`,` or `]`"),
            };
            self.skip_space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    return self.next_member(closer);
                }
                Some(byte) if byte == closer => {
                    self.at += 1;
                    self.close()?;
                }
                Some(_) => return Err(self.unexpected(expected)),
                None => return Err(self.fault(JsonErrorKind::EndsEarly)),
            }
        }
    }

    fn close(&mut self) -> Checked<()> {
        if let Some(Frame::Object { keys }) = self.frames.last()
            && let Some(offset) = self.keys.close(*keys)
        {
            return Err(Fault {
                kind: self.duplicate(),
                offset,
            });
        }
        self.frames.pop();
        Ok(())
    }

    fn next_member(&mut self, closer: u8) -> Checked<()> {
        self.skip_space();
        if self.peek() == Some(closer) {
            return Err(self.fault(JsonErrorKind::TrailingComma {
                closer: char::from(closer),
            }));
        }
        match self.frames.last_mut() {
            Some(Frame::Array { index }) => {
                *index += 1;
                Ok(())
            }
            _ => self.key(),
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Checked<()> {
        self.between_members = true;
        let start = self.at;
        match self.peek() {
            Some(b'"') => {}
            Some(b'\'') => return Err(self.fault(JsonErrorKind::SingleQuotes)),
            Some(_) => return Err(self.unexpected("a key in double quotes")),
            None => return Err(self.fault(JsonErrorKind::EndsEarly)),
        }
        let escapes = self.string()?;
        let Some(Frame::Object { keys: first }) = self.frames.last() else {
            return Ok(());
        };
        let repeats = self.keys.push(*first, start + 1..self.at - 1, escapes);
        self.between_members = false;
        if repeats {
            return Err(Fault {
                kind: self.duplicate(),
                offset: start,
            });
        }
        self.skip_space();
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.unexpected("`:`")),
            None => Err(self.fault(JsonErrorKind::EndsEarly)),
        }
    }

    /// A string; says whether it holds escapes.
    fn string(&mut self) -> Checked<Escapes> {
        self.at += 1;
        let mut escapes = Escapes::None;
        loop {
            self.at += plain_prefix(self.input.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escapes);
                }
                Some(b'\\') => {
                    escapes = Escapes::Some;
                    self.escape()?;
                }
                Some(code) => return Err(self.fault(JsonErrorKind::ControlCharacter { code })),
                None => return Err(self.fault(JsonErrorKind::EndsEarly)),
            }
        }
    }

    fn escape(&mut self) -> Checked<()> {
        match self.input.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.unicode(),
            Some(_) => Err(self.fault(JsonErrorKind::InvalidEscape)),
            None => Err(self.end_of_input()),
        }
    }

    fn unicode(&mut self) -> Checked<()> {
        let Some(unit) = unicode_escape(self.input, self.at) else {
            let cut_off = self.input.len() < self.at + 6;
            return Err(if cut_off {
                self.end_of_input()
            } else {
                self.fault(JsonErrorKind::InvalidEscape)
            });
        };
        match unit {
            0xD800..=0xDBFF => match unicode_escape(self.input, self.at + 6) {
                Some(0xDC00..=0xDFFF) => self.at += 12,
                _ => return Err(self.fault(JsonErrorKind::LoneSurrogate)),
            },
            0xDC00..=0xDFFF => return Err(self.fault(JsonErrorKind::LoneSurrogate)),
            _ => self.at += 6,
        }
        Ok(())
    }

    fn number(&mut self) -> Checked<Read> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let mut whole = match self.peek() {
            Some(b'0') => {
                self.at += 1;
                true
            }
            _ => self.digits(),
        };
        if self.peek() == Some(b'.') {
            self.at += 1;
            whole &= self.digits();
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            whole &= self.digits();
        }
        // `01`, `1.5.2`, `0x10`, `1_000`: one token to its writer, so one error at its start.
        let goes_on = self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
        if !whole || goes_on {
            return Err(Fault {
                kind: JsonErrorKind::NotANumber,
                offset: start,
            });
        }
        Ok(Read::Value)
    }

    /// One digit or more.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at > start
    }

    fn literal(&mut self, word: &'static [u8]) -> Checked<Read> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(Read::Value);
        }
        Err(if word.starts_with(rest) {
            self.end_of_input()
        } else {
            self.unexpected("a value")
        })
    }
}

/// Whether a string holds escapes, and so differs from what it means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// It is what it means.
    None,
    /// It is to be decoded.
    Some,
}

/// The way of a fault to its [`JsonError`]; none of this runs for a good text.
impl Check<'_> {
    #[cold]
    fn fault(&self, kind: JsonErrorKind) -> Fault {
        Fault {
            kind,
            offset: self.at,
        }
    }

    #[cold]
    fn end_of_input(&self) -> Fault {
        Fault {
            kind: JsonErrorKind::EndsEarly,
            offset: self.input.len(),
        }
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        self.fault(match found {
            Some(found) => JsonErrorKind::Unexpected { found, expected },
            None => JsonErrorKind::EndsEarly,
        })
    }

    #[cold]
    fn duplicate(&self) -> JsonErrorKind {
        JsonErrorKind::DuplicateKey {
            key: self.keys.last_before(self.keys.len()).unwrap_or_default(),
        }
    }

    #[cold]
    fn error(&self, fault: Fault) -> JsonError {
        let whole = matches!(
            fault.kind,
            JsonErrorKind::TooDeep { .. } | JsonErrorKind::TooManyValues { .. }
        );
        let pointer = self.pointer(if whole { 1 } else { usize::MAX });
        error::JsonError::at(self.input, fault.kind, fault.offset, pointer)
    }

    /// The path to what is being read, of at most `segments` steps.
    fn pointer(&self, segments: usize) -> String {
        let mut pointer = String::new();
        for (depth, frame) in self.frames.iter().enumerate().take(segments) {
            match frame {
                Frame::Array { index } => push_segment(&mut pointer, &index.to_string()),
                Frame::Object { .. } if self.between_members && depth + 1 == self.frames.len() => {}
                Frame::Object { .. } => {
                    let key = self.keys.last_before(self.first_key_below(depth));
                    push_segment(&mut pointer, &key.unwrap_or_default());
                }
            }
        }
        pointer
    }

    /// Where the keys of the objects inside the frame at `depth` start: its own open member is the key before.
    fn first_key_below(&self, depth: usize) -> usize {
        let inner = self
            .frames
            .iter()
            .skip(depth + 1)
            .find_map(|frame| match frame {
                Frame::Object { keys } => Some(*keys),
                Frame::Array { .. } => None,
            });
        inner.unwrap_or(self.keys.len())
    }
}
