//! One-time codes for logins (RFC 6238), as authenticator apps make them: HMAC-SHA-1, 30 seconds, 6 digits; and recovery codes.
//!
//! Invariants: a code is right within one step before and after its own, for clocks that differ; a step at or before the one
//! accepted last is not accepted again. Codes are compared in constant time, and secrets have no way to be printed.
//! Deliberately absent: other digests, lengths and periods, which not all apps understand.

use crate::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Bytes of a secret: as long as the digest, as RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
/// Seconds of a step.
const PERIOD: i64 = 30;
/// Steps before and after the present one whose codes are taken.
const WINDOW: i64 = 1;
/// Digits of a code, and the first number that has more.
const DIGITS: usize = 6;
const BEYOND: u32 = 1_000_000;
/// The alphabet of RFC 4648: no digit that looks like a letter.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Random bytes of a recovery code: 80 bits, so that a plain digest of it cannot be tried through.
pub const RECOVERY_BYTES: usize = 10;
/// Characters of a recovery code without its hyphens, and of each group of them.
const RECOVERY_CHARS: usize = 16;
const GROUP: usize = 4;

/// What an authenticator app and the server share. It is wiped when dropped.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TotpSecret(…)")
    }
}

impl TotpSecret {
    /// The secret of these random bytes.
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, to be sealed.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// Its text, as apps take it when it is typed: 32 characters of base32.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(base32(&*self.0))
    }

    /// What a QR code holds: the address that authenticator apps read.
    pub fn address(&self, account: &str) -> Zeroizing<String> {
        let account: String = url::form_urlencoded::byte_serialize(account.as_bytes()).collect();
        let account = account.replace('+', "%20");
        Zeroizing::new(format!(
            "otpauth://totp/Tidings:{account}?secret={}&issuer=Tidings",
            *self.text()
        ))
    }

    /// The code of the step that `now` is in.
    pub fn code(&self, now: Timestamp) -> String {
        self.code_of(step(now))
    }

    /// The step whose code this is, if it may be taken at `now`: within the window, and after the step `last` accepted.
    pub fn accepts(&self, code: &str, now: Timestamp, last: i64) -> Option<i64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() != DIGITS {
            return None;
        }
        let present = step(now);
        let mut accepted = None;
        // All of the window, whichever fits: the time tells nothing.
        for candidate in present - WINDOW..=present + WINDOW {
            let fits = self.code_of(candidate).as_bytes().ct_eq(digits.as_bytes());
            if bool::from(fits) && candidate > last {
                accepted = Some(candidate);
            }
        }
        accepted
    }

    fn code_of(&self, step: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&*self.0) else {
            // HMAC takes keys of every length.
            return String::new();
        };
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let start = digest.last().map_or(0, |last| usize::from(last & 0x0f));
        let word = digest.get(start..).and_then(|rest| rest.first_chunk());
        let number = word.map_or(0, |word| u32::from_be_bytes(*word) & 0x7fff_ffff);
        format!("{:06}", number % BEYOND)
    }
}

fn step(now: Timestamp) -> i64 {
    now.as_millis().div_euclid(1_000).div_euclid(PERIOD)
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(5));
    for chunk in bytes.chunks(5) {
        let word = chunk
            .iter()
            .fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        let word = word << (8 * (5 - chunk.len()));
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            let index = (word >> (35 - 5 * place)) & 31;
            let letter = BASE32.get(usize::try_from(index).unwrap_or(0));
            text.push(char::from(letter.copied().unwrap_or(b'A')));
        }
    }
    text
}

/// The text of a recovery code of these random bytes: four groups of four, to be written down.
pub fn recovery_code(random: &[u8; RECOVERY_BYTES]) -> Zeroizing<String> {
    let text = Zeroizing::new(base32(random));
    let mut grouped = Zeroizing::new(String::with_capacity(RECOVERY_CHARS + 3));
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place.is_multiple_of(GROUP) {
            grouped.push('-');
        }
        grouped.push(letter);
    }
    grouped
}

/// A recovery code as somebody typed it, in the one form that it is hashed in; `None`: it cannot be one.
pub fn typed_recovery_code(text: &str) -> Option<Zeroizing<String>> {
    let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let plain: String = letters
        .take(RECOVERY_CHARS + 1)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    let plain = Zeroizing::new(plain);
    let known = |letter: u8| BASE32.contains(&letter);
    (plain.len() == RECOVERY_CHARS && plain.bytes().all(known)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn rfc() -> TotpSecret {
        TotpSecret::from_bytes(*b"12345678901234567890")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn s10_codes_are_those_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().code(at(seconds)), code, "{seconds}");
        }
    }

    #[test]
    fn s10_a_code_is_taken_one_step_early_or_late_and_no_more() {
        let secret = rfc();
        let code = secret.code(at(1_111_111_110));
        for (seconds, taken) in [
            (-31, false),
            (-30, true),
            (0, true),
            (59, true),
            (60, false),
        ] {
            let accepted = secret.accepts(&code, at(1_111_111_110 + seconds), 0);
            assert_eq!(accepted.is_some(), taken, "{seconds}");
        }
        assert!(secret.accepts("050 471", at(1_111_111_111), 0).is_some());
        for wrong in ["", "05047", "0504711", "050472", "05047x", "۰۵۰۴۷۱"] {
            assert_eq!(secret.accepts(wrong, at(1_111_111_111), 0), None, "{wrong}");
        }
    }

    #[test]
    fn s10_a_step_is_accepted_once_and_none_before_it_afterwards() {
        let secret = rfc();
        let now = at(1_111_111_111);
        let [before, code] = [at(1_111_111_081), now].map(|at| secret.code(at));
        let last = secret.accepts(&code, now, 0).unwrap_or_default();
        assert_eq!(last, 1_111_111_111 / 30);
        assert_eq!(secret.accepts(&code, now, last), None, "replayed");
        assert_eq!(secret.accepts(&before, now, last), None, "older");
        let next = at(1_111_111_141);
        assert_eq!(
            secret.accepts(&secret.code(next), now, last),
            Some(last + 1)
        );
    }

    #[test]
    fn s10_the_secrets_text_is_base32_and_its_address_what_apps_read() {
        let text = rfc().text();
        assert_eq!(*text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            *rfc().address("mary o@larkspur.example"),
            format!(
                "otpauth://totp/Tidings:mary%20o%40larkspur.example?secret={}&issuer=Tidings",
                *text
            )
        );
        assert_eq!(format!("{:?}", rfc()), "TotpSecret(…)");
        // RFC 4648, section 10.
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
    }

    #[test]
    fn s10_a_recovery_code_is_read_however_it_is_typed() {
        let code = recovery_code(b"\x00\xff123abcde");
        assert_eq!(code.len(), 19);
        let plain = code.replace('-', "");
        for typed in [
            code.to_string(),
            code.to_lowercase(),
            format!(" {plain} "),
            plain.clone(),
        ] {
            assert_eq!(
                typed_recovery_code(&typed).as_deref(),
                Some(&plain),
                "{typed}"
            );
        }
        for wrong in [
            "",
            "AAAA-BBBB-CCCC",
            "AAAA-BBBB-CCCC-DDD1",
            "AAAA-BBBB-CCCC-DDDDD",
        ] {
            assert_eq!(typed_recovery_code(wrong), None, "{wrong}");
        }
    }
}
