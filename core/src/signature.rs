//! Signatures of requests: how they are made (W14, W15, W21), and how a receiver checks them.
//!
//! Invariants: what is signed is the exact bytes of the body; a check compares whole signatures in constant
//! time and takes one spelling of each only; keys are wiped from memory when dropped and never printed.
//! Deliberately absent: the names of headers, and which secrets are in force.

mod verify;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use verify::{Delivered, MAX_SIGNATURES, VerifyError, verify_standard, verify_vomo};

/// What secrets that we made start with, and those of Standard Webhooks.
const SECRET_PREFIX: &[u8] = b"whsec_";

/// What a Standard Webhooks signature by HMAC-SHA256 starts with.
const VERSION: &str = "v1,";

/// Bytes of an HMAC-SHA256.
const MAC_BYTES: usize = 32;

/// The two keys of one secret, prepared: a signature costs the hashing of what is signed and little more.
#[derive(Clone)]
pub struct SigningKey {
    vomo: Hmac<Sha256>,
    standard: Hmac<Sha256>,
}

impl SigningKey {
    /// Prepares the keys of a secret as the customer sees it (W4): `vomo-signature` is keyed with its bytes;
    /// Standard Webhooks with what follows `whsec_`, decoded, or with the same bytes if that is not base64
    /// of at least one byte.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let decoded = secret.strip_prefix(SECRET_PREFIX).and_then(|rest| {
            let decoded = Zeroizing::new(STANDARD.decode(rest).ok()?);
            (!decoded.is_empty()).then_some(decoded)
        });
        let standard = decoded
            .as_ref()
            .map_or(secret, |decoded| decoded.as_slice());
        Self {
            vomo: keyed(secret),
            standard: keyed(standard),
        }
    }

    /// The value of `vomo-signature` for this body (W14).
    #[must_use]
    pub fn vomo(&self, body: &[u8]) -> VomoSignature {
        let mut mac = self.vomo.clone();
        mac.update(body);
        VomoSignature::of(mac.finalize().into_bytes().into())
    }

    /// The value of `webhook-signature` for this body, this `webhook-id` and the `webhook-timestamp` (seconds since 1970) of this
    /// attempt (W15). Two secrets in force: join both values with a space, the newest first (W21).
    #[must_use]
    pub fn standard(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> StandardSignature {
        let mut mac = self.standard.clone();
        let written = write!(Feed(&mut mac), "{id}.{timestamp_seconds}.");
        debug_assert!(written.is_ok(), "a MAC takes any text");
        mac.update(body);
        StandardSignature::of(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "RFC 2104: a longer key is hashed, a shorter one padded"
    )]
    Hmac::new_from_slice(key).expect("because HMAC takes keys of any length")
}

/// Text on its way into a MAC, without a copy.
struct Feed<'a>(&'a mut Hmac<Sha256>);

impl Write for Feed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// The value of a `vomo-signature` header: 64 lower-case hexadecimal digits (W14).
#[derive(Clone, Copy)]
pub struct VomoSignature([u8; 2 * MAC_BYTES]);

impl VomoSignature {
    fn of(mac: [u8; MAC_BYTES]) -> Self {
        let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
        let mut text = [0; 2 * MAC_BYTES];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(mac) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        Self(text)
    }

    /// As it stands in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The value of a `webhook-signature` header: `v1,` and 44 characters of base64 (W15).
#[derive(Clone, Copy)]
pub struct StandardSignature([u8; Self::BYTES]);

impl StandardSignature {
    const BYTES: usize = VERSION.len() + MAC_BYTES.div_ceil(3) * 4;

    fn of(mac: [u8; MAC_BYTES]) -> Self {
        let mut text = [0; Self::BYTES];
        let (version, base64) = text.split_at_mut(VERSION.len());
        version.copy_from_slice(VERSION.as_bytes());
        let written = STANDARD.encode_slice(mac, base64);
        debug_assert_eq!(
            written,
            Ok(Self::BYTES - VERSION.len()),
            "because the space is exact"
        );
        Self(text)
    }

    /// As it stands in the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
