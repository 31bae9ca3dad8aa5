//! The keys of all open objects, to find one that repeats.
//!
//! Invariants: keys are compared as decoded (`"b"` is `"\u0062"`); an object of few keys compares them one
//! with another as they come, one of many sorts them once when it closes, so neither the number of keys
//! nor their choice makes the check quadratic. Deliberately absent: hashing, which would need a random seed.

use std::ops::Range;

use super::check::Escapes;
use super::scan::decode_into;

/// Up to this many keys, comparing each with all before it is the fastest.
const FEW: usize = 32;

/// One key: where its decoded bytes are.
#[derive(Clone)]
struct Key {
    /// The bytes, in `decoded` or in the input.
    span: Range<usize>,
    from: Escapes,
    /// Where its opening quote stands in the input.
    offset: usize,
}

/// The keys of all open objects, outermost first.
pub(super) struct Keys<'a> {
    input: &'a [u8],
    keys: Vec<Key>,
    /// The [`mark`] of each key: keys that differ nearly always differ in it.
    marks: Vec<u64>,
    /// The decoded bytes of keys that have escapes; fewer than the input has.
    decoded: Vec<u8>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            keys: Vec::with_capacity(64),
            marks: Vec::with_capacity(64),
            decoded: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds the key whose text between the quotes is `span` to the object whose keys start at `first`.
    /// Says whether it repeats one; of an object with many keys only [`Keys::close`] can say so.
    pub(super) fn push(&mut self, first: usize, span: Range<usize>, escapes: Escapes) -> bool {
        let offset = span.start - 1;
        let span = match escapes {
            Escapes::None => span,
            Escapes::Some => {
                let start = self.decoded.len();
                decode_into(self.input.get(span).unwrap_or_default(), &mut self.decoded);
                start..self.decoded.len()
            }
        };
        let key = Key {
            span,
            from: escapes,
            offset,
        };
        let bytes = self.bytes(&key);
        let mark = mark(bytes);
        let before = self.marks.get(first..).unwrap_or_default();
        let repeats = before.len() < FEW
            && before.contains(&mark)
            && (self.keys.iter().skip(first)).any(|other| self.bytes(other) == bytes);
        self.marks.push(mark);
        self.keys.push(key);
        repeats
    }

    /// Forgets the keys of the innermost object, which start at `first`. If one repeats, answers the place
    /// of the first repeat, and that key stays as the last one.
    pub(super) fn close(&mut self, first: usize) -> Option<usize> {
        if self.keys.len() - first > FEW {
            let mut own = self.keys.split_off(first);
            if let Some(key) = self.first_repeat(&mut own) {
                let offset = key.offset;
                self.keys.push(key);
                return Some(offset);
            }
        }
        self.keys.truncate(first);
        self.marks.truncate(first);
        None
    }

    fn first_repeat(&self, own: &mut [Key]) -> Option<Key> {
        own.sort_unstable_by(|a, b| {
            self.bytes(a)
                .cmp(self.bytes(b))
                .then(a.offset.cmp(&b.offset))
        });
        let repeats = own.windows(2).filter_map(|pair| match pair {
            [a, b] if self.bytes(a) == self.bytes(b) => Some(b),
            _ => None,
        });
        repeats.min_by_key(|key| key.offset).cloned()
    }

    /// The key before the one at `index`, decoded.
    pub(super) fn last_before(&self, index: usize) -> Option<String> {
        let key = self.keys.get(index.checked_sub(1)?)?;
        Some(String::from_utf8_lossy(self.bytes(key)).into_owned())
    }

    fn bytes(&self, key: &Key) -> &[u8] {
        let source = match key.from {
            Escapes::None => self.input,
            Escapes::Some => self.decoded.as_slice(),
        };
        source.get(key.span.clone()).unwrap_or_default()
    }
}

/// The length and the first and last four bytes of a key in one number, so that keys of one object, which
/// often share a beginning or an end, are told apart by one comparison.
fn mark(bytes: &[u8]) -> u64 {
    let four =
        |found: Option<&[u8; 4]>| found.map_or(0, |four| u64::from(u32::from_le_bytes(*four)));
    let ends = match bytes {
        [] => 0,
        [a] => u64::from(*a),
        [a, b] => u64::from(u16::from_le_bytes([*a, *b])),
        [a, b, c] => u64::from(u32::from_le_bytes([*a, *b, *c, 0])),
        _ => four(bytes.first_chunk()) | four(bytes.last_chunk()) << 32,
    };
    ends ^ (bytes.len() as u64) << 56
}
