//! An authenticator app: from the secret as a page shows it, the code of a moment.

use tidings_core::time::Timestamp;
use tidings_core::totp::TotpSecret;

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The bytes of a secret as it is shown.
pub fn bytes(shown: &str) -> [u8; 20] {
    let letters = shown.chars().filter(|letter| !letter.is_whitespace());
    let bits: String = letters
        .map(|letter| format!("{:05b}", LETTERS.find(letter).unwrap()))
        .collect();
    let byte = |place: usize| u8::from_str_radix(&bits[8 * place..8 * place + 8], 2).unwrap();
    std::array::from_fn(byte)
}

pub fn code(shown: &str, now: Timestamp) -> String {
    TotpSecret::from_bytes(bytes(shown)).code(now)
}
