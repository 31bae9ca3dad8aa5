//! The text of an API key: `tdg_<scope letter>_<43 base62 random><6 base62 checksum>`.
//!
//! The checksum tells a mistyped key from an unknown one without asking anybody, and lets scanners of
//! repositories find leaked keys without false alarms. A server keeps the SHA-256 of the text only.
//! Deliberately absent: what a key may do on which organization; that is the record behind it.

use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256: so many digits hold 32 random bytes.
const RANDOM_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
const START: &str = "tdg_";
/// Characters of a key.
pub const KEY_CHARS: usize = 6 + RANDOM_CHARS + CHECK_CHARS;

/// What kind of key a text says it is. What counts is the record that the server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Everything.
    Operator,
    /// Posts events.
    Producer,
    /// Everything of one organization's webhooks.
    Administrator,
    /// Looks at one organization's webhooks.
    Viewer,
}

impl KeyKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Operator,
        Self::Producer,
        Self::Administrator,
        Self::Viewer,
    ];

    /// The name in the API and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Producer => "producer",
            Self::Administrator => "administrator",
            Self::Viewer => "viewer",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn letter(self) -> u8 {
        match self {
            Self::Operator => b'o',
            Self::Producer => b'p',
            Self::Administrator => b'a',
            Self::Viewer => b'v',
        }
    }
}

/// Why a text is no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another length, prefix or alphabet.
    #[error("This is not a key of ours: one starts with `tdg_` and has {KEY_CHARS} characters.")]
    Shape,
    /// The checksum does not match.
    #[error(
        "This is not a key of ours (the checksum does not match): check for a typing or copy error."
    )]
    Checksum,
}

/// The text of a key: wiped when dropped, never printed by accident.
#[derive(Clone)]
pub struct KeyText(Zeroizing<String>);

impl KeyText {
    /// A new key of 32 random bytes.
    pub fn generated(kind: KeyKind, random: &[u8; 32]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(KEY_CHARS));
        text.push_str(START);
        text.push(char::from(kind.letter()));
        text.push('_');
        push_digits(&mut text, random, RANDOM_CHARS);
        let check = checksum(text.as_bytes());
        push_digits(&mut text, &check, CHECK_CHARS);
        Self(text)
    }

    /// Reads a key. The work does not depend on where the text is wrong, but for its length.
    ///
    /// # Errors
    /// [`KeyError`] tells a foreign text from a mistyped key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = text.as_bytes();
        if bytes.len() != KEY_CHARS {
            return Err(KeyError::Shape);
        }
        let (start, rest) = bytes.split_at(6);
        let shaped = KeyKind::ALL
            .iter()
            .map(|kind| [b't', b'd', b'g', b'_', kind.letter(), b'_'])
            .fold(false, |found, known| found | (start == known))
            & rest
                .iter()
                .fold(true, |all, byte| all & byte.is_ascii_alphanumeric());
        if !shaped {
            return Err(KeyError::Shape);
        }
        let (signed, given) = bytes.split_at(KEY_CHARS - CHECK_CHARS);
        let mut wanted = String::with_capacity(CHECK_CHARS);
        push_digits(&mut wanted, &checksum(signed), CHECK_CHARS);
        if wanted.as_bytes() == given {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(KeyError::Checksum)
        }
    }

    /// The text, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The kind that the text names.
    pub fn kind(&self) -> KeyKind {
        let letter = self.0.as_bytes().get(4).copied().unwrap_or_default();
        KeyKind::ALL
            .into_iter()
            .find(|kind| kind.letter() == letter)
            .unwrap_or(KeyKind::Viewer)
    }

    /// What a server keeps and looks a key up by.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyText(…)")
    }
}

/// 32 bits of SHA-256: fewer than 62^6, so six digits hold them.
fn checksum(text: &[u8]) -> [u8; 4] {
    let digest = Sha256::digest(text);
    let mut check = [0_u8; 4];
    for (slot, byte) in check.iter_mut().zip(digest) {
        *slot = byte;
    }
    check
}

/// Appends a big-endian number in base 62 with leading zeros.
fn push_digits(text: &mut String, number: &[u8], digits: usize) {
    let mut rest = Zeroizing::new(number.to_vec());
    let mut written = Zeroizing::new(vec![b'0'; digits]);
    for slot in written.iter_mut().rev() {
        let mut carry = 0_u32;
        for byte in rest.iter_mut() {
            let part = (carry << 8) | u32::from(*byte);
            *byte = (part / 62) as u8;
            carry = part % 62;
        }
        *slot = DIGITS.get(carry as usize).copied().unwrap_or(b'0');
    }
    text.extend(written.iter().map(|byte| char::from(*byte)));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_generated_key_is_read_again_and_names_its_kind() {
        for kind in KeyKind::ALL {
            for random in [[0; 32], [7; 32], [255; 32]] {
                let key = KeyText::generated(kind, &random);
                assert_eq!(key.expose().len(), KEY_CHARS);
                let read = KeyText::parse(key.expose()).unwrap();
                assert_eq!((read.kind(), read.hash()), (kind, key.hash()));
            }
            assert_eq!(KeyKind::from_name(kind.name()), Some(kind));
        }
    }

    #[test]
    fn different_randomness_gives_different_keys() {
        let mut seen = std::collections::BTreeSet::new();
        for place in 0..32 {
            for bit in 0..8 {
                let mut random = [0; 32];
                random[place] = 1 << bit;
                let key = KeyText::generated(KeyKind::Producer, &random);
                assert!(seen.insert(key.expose().to_owned()));
            }
        }
    }

    #[test]
    fn any_one_changed_character_is_found() {
        let key = KeyText::generated(KeyKind::Operator, &[42; 32]);
        for place in 0..KEY_CHARS {
            for other in ['0', 'Z', '_', '!'] {
                let mut changed: Vec<char> = key.expose().chars().collect();
                if changed[place] == other {
                    continue;
                }
                changed[place] = other;
                let changed: String = changed.into_iter().collect();
                assert!(KeyText::parse(&changed).is_err(), "{place} {other}");
            }
        }
        for bad in ["", "tdg_o_", "whsec_AAAA", &"x".repeat(10_000)] {
            assert_eq!(KeyText::parse(bad).unwrap_err(), KeyError::Shape);
        }
    }
}
