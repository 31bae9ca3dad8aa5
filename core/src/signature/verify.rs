//! For receivers: whether a request is from who knows the secret, unchanged, and recent.
//!
//! Invariants: whole signatures are compared as text, in constant time; one that is cut, longer, in another
//! case or in another spelling of the same base64 is refused; every offered signature is compared, whichever fits.

use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use super::{SigningKey, StandardSignature, VERSION};

/// Signatures that one header may offer at most; two are in force at most (W21), other senders may rotate faster.
pub const MAX_SIGNATURES: usize = 16;

/// What arrived with a request that has the headers of Standard Webhooks.
#[derive(Clone, Copy)]
pub struct Delivered<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more, with a space between them.
    pub signature: &'a str,
    /// The exact bytes of the body, before any parsing.
    pub body: &'a [u8],
}

/// What is wrong with a signed request; to its sender all are one answer, 401 and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The header is empty.
    #[error("There is no signature.")]
    NoSignature,
    /// Not a signature of the kind expected: cut, too long, upper case, spaces, not base64.
    #[error("The signature is malformed.")]
    MalformedSignature,
    /// None of the signatures is of a version that we know.
    #[error("No signature starts with v1.")]
    UnknownVersion,
    /// More than [`MAX_SIGNATURES`].
    #[error("There are more than 16 signatures.")]
    TooManySignatures,
    /// No id, or one with a `.`, which would leave open what was signed.
    #[error("The id is empty or holds a dot.")]
    MalformedId,
    /// Not a whole number of seconds in plain digits.
    #[error("The timestamp is not a whole number of seconds.")]
    MalformedTimestamp,
    /// Older than the tolerance: perhaps a replay.
    #[error("The timestamp is too old.")]
    TooOld,
    /// Further ahead than the tolerance: one of the clocks is wrong.
    #[error("The timestamp is in the future.")]
    TooNew,
    /// A good signature of something else, or with another secret.
    #[error("The signature does not match the body and the secret.")]
    Mismatch,
}

/// Checks a `vomo-signature` (W14). It says nothing about when the request was made.
///
/// # Errors
/// [`VerifyError`] names what is wrong.
pub fn verify_vomo(secret: &[u8], body: &[u8], header: &str) -> Result<(), VerifyError> {
    if header.is_empty() {
        return Err(VerifyError::NoSignature);
    }
    let expected = SigningKey::new(secret).vomo(body);
    let digits = header
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if header.len() != expected.as_str().len() || !digits {
        return Err(VerifyError::MalformedSignature);
    }
    let same = header.as_bytes().ct_eq(expected.as_str().as_bytes());
    if same.into() {
        Ok(())
    } else {
        Err(VerifyError::Mismatch)
    }
}

/// Checks a request with the headers of Standard Webhooks (W15, W21): one of its signatures must be right, and its
/// timestamp within the tolerance (the specification's libraries use 300 s) of `now_seconds`, since 1970.
///
/// # Errors
/// [`VerifyError`] names what is wrong.
pub fn verify_standard(
    secret: &[u8],
    delivered: &Delivered<'_>,
    now_seconds: i64,
    tolerance_seconds: u32,
) -> Result<(), VerifyError> {
    if delivered.id.is_empty() || delivered.id.contains('.') {
        return Err(VerifyError::MalformedId);
    }
    let timestamp = read_timestamp(delivered.timestamp)?;
    if timestamp.abs_diff(now_seconds) > u64::from(tolerance_seconds) {
        return Err(if timestamp < now_seconds {
            VerifyError::TooOld
        } else {
            VerifyError::TooNew
        });
    }
    if delivered.signature.is_empty() {
        return Err(VerifyError::NoSignature);
    }
    if delivered.signature.split(' ').nth(MAX_SIGNATURES).is_some() {
        return Err(VerifyError::TooManySignatures);
    }
    let expected = SigningKey::new(secret).standard(delivered.id, timestamp, delivered.body);
    let (mut same, mut seen) = (Choice::from(0), VerifyError::UnknownVersion);
    for offered in delivered.signature.split(' ') {
        same |= offered.as_bytes().ct_eq(expected.as_str().as_bytes());
        if offered.starts_with(VERSION) && seen != VerifyError::Mismatch {
            let whole = offered.len() == StandardSignature::BYTES;
            seen = if whole {
                VerifyError::Mismatch
            } else {
                VerifyError::MalformedSignature
            };
        }
    }
    if same.into() { Ok(()) } else { Err(seen) }
}

/// Plain digits only, as they were signed.
fn read_timestamp(text: &str) -> Result<i64, VerifyError> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let seconds = if plain { text.parse().ok() } else { None };
    seconds.ok_or(VerifyError::MalformedTimestamp)
}
