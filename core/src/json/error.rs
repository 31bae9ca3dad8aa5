//! What can be wrong with a JSON text, where, and what its writer should do about it.
//!
//! Invariant: no message repeats more than [`ECHO_LIMIT`] characters of the input at one place.

use std::fmt;

/// Characters of a key that a message or a pointer repeats at most; a longer one is cut and ends in `…`.
const ECHO_LIMIT: usize = 64;

/// What is wrong with a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Nothing but white space.
    Empty,
    /// The text stops inside a value.
    EndsEarly,
    /// A string or key in single quotes.
    SingleQuotes,
    /// A comma with nothing after it but this closing bracket.
    TrailingComma {
        /// `}` or `]`.
        closer: char,
    },
    /// More than white space after the value.
    TrailingText,
    /// `NaN`, `01`, `+1`, `.5`, `1.` and the like.
    NotANumber,
    /// The text starts with U+FEFF.
    ByteOrderMark,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// An unescaped control character in a string.
    ControlCharacter {
        /// Its code, below 0x20.
        code: u8,
    },
    /// A backslash in a string with something after it that is no escape.
    InvalidEscape,
    /// Any other character where it cannot stand.
    Unexpected {
        /// The character.
        found: char,
        /// What could have stood there, in words.
        expected: &'static str,
    },
    /// `\ud800` to `\udfff` without its other half.
    LoneSurrogate,
    /// Nested deeper than the limit.
    TooDeep {
        /// [`super::Limits::depth`].
        limit: usize,
    },
    /// More values than the limit.
    TooManyValues {
        /// [`super::Limits::values`].
        limit: usize,
    },
    /// One object has the same key twice, compared after decoding its escapes.
    DuplicateKey {
        /// The key, decoded.
        key: String,
    },
}

impl JsonErrorKind {
    /// The stable code of the problem document.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_body",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LoneSurrogate => "lone_surrogate",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyValues { .. } => "too_many_values",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::EndsEarly
            | Self::SingleQuotes
            | Self::TrailingComma { .. }
            | Self::TrailingText
            | Self::NotANumber
            | Self::ByteOrderMark
            | Self::ControlCharacter { .. }
            | Self::InvalidEscape
            | Self::Unexpected { .. } => "invalid_json",
        }
    }

    /// Whether the text is no JSON at all (400), rather than JSON that we refuse (422).
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        !matches!(
            self,
            Self::LoneSurrogate
                | Self::TooDeep { .. }
                | Self::TooManyValues { .. }
                | Self::DuplicateKey { .. }
        )
    }
}

/// What is wrong with a JSON text and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// The place in bytes from the start, counted from 0.
    pub offset: usize,
    /// Its line, counted from 1.
    pub line: usize,
    /// Its column in characters, counted from 1. Where the text ends too early: that of its last character.
    pub column: usize,
    /// The place as an RFC 6901 pointer, empty for the whole text. For [`JsonErrorKind::TooDeep`] and
    /// [`JsonErrorKind::TooManyValues`] it names the top-level member only: a limit is passed by the whole.
    /// A key in it longer than 64 characters is cut and ends in `…`.
    pub pointer: String,
}

impl JsonError {
    /// An error at `offset`, its line and column counted in `input`.
    pub(super) fn at(input: &[u8], kind: JsonErrorKind, offset: usize, pointer: String) -> Self {
        let shown = match kind {
            JsonErrorKind::EndsEarly => input
                .iter()
                .rposition(|&byte| starts_character(byte))
                .unwrap_or(offset),
            _ => offset,
        };
        let before = input.get(..shown).unwrap_or(input);
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let characters = before
            .iter()
            .skip(line_start)
            .filter(|&&byte| starts_character(byte))
            .count();
        Self {
            kind,
            offset,
            line,
            column: characters + 1,
            pointer,
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("line {}, column {}", self.line, self.column);
        match &self.kind {
            JsonErrorKind::Empty => write!(f, "The body is empty; a JSON object is needed."),
            JsonErrorKind::EndsEarly => write!(f, "JSON ends too early at {place}."),
            JsonErrorKind::SingleQuotes => write!(f, "Use double quotes ({place})."),
            JsonErrorKind::TrailingComma { closer } => {
                write!(f, "Comma before `{closer}` at {place}.")
            }
            JsonErrorKind::TrailingText => write!(f, "Text after the JSON value at {place}."),
            JsonErrorKind::NotANumber => write!(f, "Not a JSON number at {place}."),
            JsonErrorKind::ByteOrderMark => write!(f, "Remove the byte-order mark at the start."),
            JsonErrorKind::InvalidUtf8 => write!(f, "Not UTF-8 at byte {}.", self.offset + 1),
            JsonErrorKind::ControlCharacter { code } => {
                write!(
                    f,
                    "A control character in a string at {place}; write it as \\u{code:04x}."
                )
            }
            JsonErrorKind::InvalidEscape => write!(
                f,
                "Not a JSON escape at {place}; a backslash itself is written \\\\."
            ),
            JsonErrorKind::Unexpected { found, expected } => {
                write!(
                    f,
                    "Unexpected `{}` at {place}; {expected} is needed here.",
                    found.escape_debug()
                )
            }
            JsonErrorKind::LoneSurrogate => {
                write!(
                    f,
                    "A lone surrogate at {place}: many receivers cannot read it. Write both halves of the pair."
                )
            }
            JsonErrorKind::TooDeep { limit } => write!(f, "Nested deeper than {limit}."),
            JsonErrorKind::TooManyValues { limit } => {
                write!(f, "More than {} values.", Grouped(*limit))
            }
            JsonErrorKind::DuplicateKey { key } => {
                let key = echo(key);
                write!(
                    f,
                    "The key `{}` occurs twice: parsers disagree on which one counts.",
                    key.escape_debug()
                )
            }
        }
    }
}

impl std::error::Error for JsonError {}

/// Whether a byte of UTF-8 is the first of its character.
fn starts_character(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// A number with a comma before each group of three digits, as in 100,000.
struct Grouped(usize);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Grouped(self.0 / 1000), self.0 % 1000)
    }
}

/// As much of a key as a message may repeat.
fn echo(key: &str) -> String {
    let mut shown: String = key.chars().take(ECHO_LIMIT).collect();
    if shown.len() < key.len() {
        shown.push('…');
    }
    shown
}

/// Adds one key to an RFC 6901 pointer.
pub(super) fn push_segment(pointer: &mut String, key: &str) {
    pointer.push('/');
    for character in echo(key).chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
