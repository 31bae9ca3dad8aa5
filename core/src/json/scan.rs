//! Quick looks into a text that [`super::compact`] has accepted: its kind, its members, its strings.
//!
//! Invariants: nothing here validates anew, and nothing panics or fails to end on any bytes whatever; for
//! bytes that `compact` would refuse the answers are merely of no use. Work and memory are linear.

use std::fmt;
use std::ops::Range;

/// The six kinds of JSON values, named as error messages name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Null => "null",
        })
    }
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key, its escapes decoded.
    pub key: String,
    /// The kind of the value.
    pub kind: Kind,
    /// Where the value stands in the text that was scanned.
    pub span: Range<usize>,
}

/// The kind of the value that a valid text holds.
#[must_use]
pub fn kind(valid: &[u8]) -> Kind {
    match valid.iter().find(|&&byte| !is_space(byte)) {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Null,
    }
}

/// The members of the object that a valid text holds, in their order; none if it is no object.
#[must_use]
pub fn members(valid: &[u8]) -> Vec<Member> {
    let mut found = Vec::new();
    let mut scan = Scan { text: valid, at: 0 };
    if !scan.enters(b'{') {
        return found;
    }
    while let Some(key) = scan.next_value() {
        let Some(span) = scan.next_value() else { break };
        let key = decode_string(valid.get(key).unwrap_or_default());
        found.push(Member {
            key,
            kind: kind(valid.get(span.clone()).unwrap_or_default()),
            span,
        });
    }
    found
}

/// Where the elements stand of the array that a valid text holds; none if it is no array.
#[must_use]
pub fn elements(valid: &[u8]) -> Vec<Range<usize>> {
    first_elements(valid, usize::MAX)
}

/// The same for at most `limit` elements: what follows is not looked at, so a long array costs no memory.
#[must_use]
pub fn first_elements(valid: &[u8], limit: usize) -> Vec<Range<usize>> {
    let mut scan = Scan { text: valid, at: 0 };
    if !scan.enters(b'[') {
        return Vec::new();
    }
    std::iter::from_fn(|| scan.next_value())
        .take(limit)
        .collect()
}

/// What the string means that a valid text holds, its quotes removed and its escapes decoded.
#[must_use]
pub fn decode_string(valid: &[u8]) -> String {
    let raw = valid.trim_ascii();
    let raw = raw.strip_prefix(b"\"").unwrap_or(raw);
    let raw = raw.strip_suffix(b"\"").unwrap_or(raw);
    if plain_prefix(raw) == raw.len() {
        return String::from_utf8_lossy(raw).into_owned();
    }
    let mut decoded = Vec::with_capacity(raw.len());
    decode_into(raw, &mut decoded);
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A place in a text that is known to be valid.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Steps behind the opening bracket, if the text starts with it.
    fn enters(&mut self, bracket: u8) -> bool {
        self.skip(is_space);
        let found = self.peek() == Some(bracket);
        self.at += 1;
        found
    }

    fn skip(&mut self, what: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&what) {
            self.at += 1;
        }
    }

    /// The next key or value of the container, and a step behind it; none at the end.
    fn next_value(&mut self) -> Option<Range<usize>> {
        self.skip(|byte| is_space(byte) || byte == b',' || byte == b':');
        let start = self.at;
        match self.peek()? {
            b'}' | b']' => return None,
            b'"' => self.string(),
            b'{' | b'[' => self.container(),
            _ => self.skip(|byte| !is_space(byte) && !b",:{}[]\"".contains(&byte)),
        }
        (self.at > start).then_some(start..self.at)
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(rest) = self.text.get(self.at..) {
            self.at += plain_prefix(rest);
            match self.peek() {
                Some(b'\\') => self.at = (self.at + 2).min(self.text.len()),
                Some(b'"') => {
                    self.at += 1;
                    return;
                }
                Some(_) => self.at += 1,
                None => return,
            }
        }
    }

    fn container(&mut self) {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// How many bytes of a string go before its first quote, backslash or control character; eight at a time.
#[inline]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xFF;
    const TOPS: u64 = ONES << 7;
    // Marks the bytes that are zero, exactly up to the first of them, which is all that counts here.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let special = control
            | zero(word ^ (ONES * u64::from(b'"')))
            | zero(word ^ (ONES * u64::from(b'\\')));
        if special != 0 {
            return index * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The UTF-16 unit of the `\uXXXX` that stands at `at`, if one does.
pub(super) fn unicode_escape(text: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = text.get(at..at + 6)? else {
        return None;
    };
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit * 16 + char::from(digit).to_digit(16)?)
    })
}

/// Appends what the text between the quotes of a valid string means; what is no escape stays as it is, and
/// half of a surrogate pair becomes U+FFFD.
pub(super) fn decode_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = rest
            .iter()
            .position(|&byte| byte == b'\\')
            .unwrap_or(rest.len());
        let (text, escape) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out.extend_from_slice(text);
        let (character, length) = decode_escape(escape);
        if let Some(character) = character {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        rest = escape.get(length..).unwrap_or_default();
    }
}

/// The character of the escape that a text starts with, and how long the escape is.
fn decode_escape(text: &[u8]) -> (Option<char>, usize) {
    let simple = match text.get(1) {
        None => return (None, text.len()),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            return match (unicode_escape(text, 0), unicode_escape(text, 6)) {
                (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => (
                    char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)),
                    12,
                ),
                (Some(unit), _) => (
                    Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
                    6,
                ),
                (None, _) => (Some('u'), 2),
            };
        }
        Some(&other) if other.is_ascii() => char::from(other),
        // Not an escape: the backslash goes, the character is read as text.
        Some(_) => return (None, 1),
    };
    (Some(simple), 2)
}
