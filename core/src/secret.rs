//! Signing secrets and their rotation (W4, W21).
//!
//! At most two secrets are in force. A secret cannot be printed, compared with `==` or serialized; its
//! bytes are asked for by name and wiped when dropped.

use crate::limits::{ROTATION_OVERLAP_MAX, SECRET_BYTES};
use crate::time::Timestamp;
use base64::Engine as _;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// One signing secret, as the customer sees it.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why an imported secret is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Empty or too long (W4).
    #[error("a secret is 1 to {SECRET_BYTES} bytes (got {0})")]
    Length(usize),
}

impl Secret {
    /// A generated secret: `whsec_` and base64 of 32 random bytes (W4).
    pub fn generated(random: &[u8; 32]) -> Self {
        let mut text = Zeroizing::new(Vec::with_capacity(50));
        text.extend_from_slice(b"whsec_");
        let mut encoded = Zeroizing::new([0_u8; 44]);
        let written = base64::engine::general_purpose::STANDARD
            .encode_slice(random, encoded.as_mut_slice())
            .unwrap_or(0);
        text.extend(encoded.iter().take(written));
        Self(text)
    }

    /// An imported secret, kept byte for byte (W4).
    pub fn imported(bytes: Vec<u8>) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes);
        if bytes.is_empty() || bytes.len() > SECRET_BYTES {
            Err(SecretError::Length(bytes.len()))
        } else {
            Ok(Self(bytes))
        }
    }

    /// The bytes that key `vomo-signature` (W14).
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// The older of two secrets in force.
#[derive(Debug, Clone)]
pub struct OlderSecret {
    /// The secret that signs `vomo-signature` until the overlap ends.
    pub secret: Secret,
    /// The end of the overlap.
    pub until: Timestamp,
}

/// The secrets of an endpoint: one, or two within the overlap of a rotation.
#[derive(Debug, Clone)]
pub struct Secrets {
    newest: Secret,
    older: Option<OlderSecret>,
}

/// Why a rotation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// Two secrets are in force already (W21).
    #[error(
        "two secrets are in force until {until}; confirm the switch, wait, or rotate with overlap 0 to drop the older ones at once"
    )]
    OverlapRunning {
        /// When the running overlap ends.
        until: Timestamp,
    },
}

/// How long the older secret stays in force: 0 to 7 days (W21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(Duration);

impl Overlap {
    /// An overlap of that many seconds, or `None` above 7 days.
    pub const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds <= ROTATION_OVERLAP_MAX {
            Some(Self(Duration::from_secs(seconds)))
        } else {
            None
        }
    }
}

impl Secrets {
    /// A first secret.
    pub const fn first(secret: Secret) -> Self {
        Self {
            newest: secret,
            older: None,
        }
    }

    /// The stored pair.
    pub const fn stored(newest: Secret, older: Option<OlderSecret>) -> Self {
        Self { newest, older }
    }

    /// The newest secret: first in `webhook-signature`.
    pub const fn newest(&self) -> &Secret {
        &self.newest
    }

    /// The older secret, while its overlap runs.
    pub fn older(&self, now: Timestamp) -> Option<&OlderSecret> {
        self.older.as_ref().filter(|older| now < older.until)
    }

    /// The secret that keys `vomo-signature` now: the old one until the switch is confirmed or the overlap ends (W21).
    pub fn for_vomo(&self, now: Timestamp) -> &Secret {
        self.older(now).map_or(&self.newest, |older| &older.secret)
    }

    /// The pair after a rotation at `now`. Within an overlap only overlap 0 is allowed; it drops all older ones.
    pub fn rotated(
        &self,
        fresh: Secret,
        overlap: Overlap,
        now: Timestamp,
    ) -> Result<Self, RotateError> {
        if overlap.0.is_zero() {
            return Ok(Self::first(fresh));
        }
        match self.older(now) {
            Some(older) => Err(RotateError::OverlapRunning { until: older.until }),
            None => Ok(Self {
                newest: fresh,
                older: Some(OlderSecret {
                    secret: self.newest.clone(),
                    until: now.plus(overlap.0),
                }),
            }),
        }
    }

    /// The pair after the administrator confirmed the switch: the newest alone.
    #[must_use]
    pub fn confirmed(&self) -> Self {
        Self::first(self.newest.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::imported(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn w4_a_generated_secret_is_whsec_and_base64_of_32_bytes() {
        let made = Secret::generated(&[7; 32]);
        let text = std::str::from_utf8(made.expose()).unwrap();
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(text.strip_prefix("whsec_").unwrap())
            .unwrap();
        assert_eq!(decoded, [7; 32]);
        assert_eq!(format!("{made:?}"), "Secret(…)");
    }

    #[test]
    fn w4_an_imported_secret_is_1_to_256_bytes() {
        assert!(Secret::imported(vec![0; 256]).is_ok());
        assert_eq!(
            Secret::imported(Vec::new()).unwrap_err(),
            SecretError::Length(0)
        );
        assert_eq!(
            Secret::imported(vec![0; 257]).unwrap_err(),
            SecretError::Length(257)
        );
    }

    #[test]
    fn w21_vomo_stays_with_the_old_secret_until_confirmed_or_the_overlap_ends() {
        let now = Timestamp::from_millis(1_000_000);
        let pair = Secrets::first(secret("a"))
            .rotated(secret("b"), Overlap::from_seconds(60).unwrap(), now)
            .unwrap();
        assert_eq!(
            (pair.newest().expose(), pair.for_vomo(now).expose()),
            (&b"b"[..], &b"a"[..])
        );
        assert_eq!(pair.confirmed().for_vomo(now).expose(), b"b");
        let end = now.plus(Duration::from_secs(60));
        assert!(pair.older(end).is_none());
        assert_eq!(pair.for_vomo(end).expose(), b"b");
    }

    #[test]
    fn w21_at_most_two_secrets_and_overlap_zero_drops_all_older() {
        let now = Timestamp::from_millis(1_000_000);
        let hour = Overlap::from_seconds(3_600).unwrap();
        let pair = Secrets::first(secret("a"))
            .rotated(secret("b"), hour, now)
            .unwrap();
        assert!(matches!(
            pair.rotated(secret("c"), hour, now),
            Err(RotateError::OverlapRunning { .. })
        ));
        let dropped = pair
            .rotated(secret("c"), Overlap::from_seconds(0).unwrap(), now)
            .unwrap();
        assert!(dropped.older(now).is_none());
        assert_eq!(dropped.for_vomo(now).expose(), b"c");
        assert!(
            pair.rotated(secret("c"), hour, now.plus(Duration::from_secs(3_600)))
                .is_ok()
        );
        assert!(Overlap::from_seconds(604_801).is_none());
    }
}
