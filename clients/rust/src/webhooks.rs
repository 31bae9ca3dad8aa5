//! For receivers: is this request from Tidings, unchanged and recent?
//!
//! A request carries two signatures with one secret, and both are checked over the bytes as they came: `vomo-signature`
//! (hex HMAC-SHA256 of the body) and `webhook-signature` of the Standard Webhooks (which also covers the id and the time).
//! Comparing takes the same time whatever is compared. Needs no HTTP library: headers are asked for by name.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;

/// Why a request must not be believed: answer 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A header that every request has is not there, or is empty.
    #[error("a header is missing")]
    MissingHeader,
    /// `webhook-timestamp` is no number of seconds, or too far from now.
    #[error("the time is no number, or too far from now")]
    Timestamp,
    /// `webhook-signature` is of another secret, id, time or body.
    #[error("webhook-signature is of another secret, id, time or body")]
    StandardSignature,
    /// `vomo-signature` is of another secret or body.
    #[error("the signature is of another secret or body")]
    VomoSignature,
    /// Signed, and not a webhook: a body without type, organization or data.
    #[error("the body is no webhook")]
    Body,
}

/// The request must not be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {header}")]
pub struct VerificationError {
    /// Why.
    pub reason: Reason,
    /// The header that it is about; the body's reason has `body`.
    pub header: String,
}

/// A request that was verified.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The delivery's id: the same again is the same delivery.
    pub id: String,
    /// Seconds since 1970, of this try.
    pub timestamp: u64,
    /// The type, as in `project.updated` or `project.public.updated`.
    pub kind: String,
    /// The organization that the webhook is sent to.
    pub organization_id: i64,
    /// The object, as it was sent: `serde_json::from_str(webhook.data.get())`.
    pub data: Box<RawValue>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "type")]
    kind: String,
    organization_id: i64,
    data: Box<RawValue>,
}

/// Verifies requests with the secrets in force: while a rotation runs, give the new and the old one.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Keys>,
    tolerance_seconds: u64,
    signature_header: String,
}

/// One secret: as it is, and as the Standard Webhooks read it.
#[derive(Clone)]
struct Keys {
    plain: Hmac<Sha256>,
    standard: Hmac<Sha256>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("secrets", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Of at least one secret, none of them empty; otherwise there is no verifier.
    #[must_use]
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Option<Self> {
        let mut keys = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref();
            let decoded = secret
                .strip_prefix("whsec_")
                .and_then(|text| STANDARD.decode(text).ok());
            let standard = decoded.filter(|key| !key.is_empty());
            keys.push(Keys {
                plain: keyed(secret.as_bytes())?,
                standard: keyed(standard.as_deref().unwrap_or(secret.as_bytes()))?,
            });
        }
        (!keys.is_empty()).then(|| Self {
            keys,
            tolerance_seconds: 300,
            signature_header: "vomo-signature".to_owned(),
        })
    }

    /// How far `webhook-timestamp` may be from now; 300 seconds unless said otherwise.
    #[must_use]
    pub fn tolerance_seconds(mut self, seconds: u64) -> Self {
        self.tolerance_seconds = seconds;
        self
    }

    /// The instance's name for the plain signature; `vomo-signature` unless the operator set another.
    #[must_use]
    pub fn signature_header(mut self, name: &str) -> Self {
        self.signature_header = name.to_ascii_lowercase();
        self
    }

    /// The webhook, by the clock of this machine. `header` gives a header's value by its name in lower case:
    /// `|name| request.headers().get(name)?.to_str().ok()`. `body` is the request's body before any parsing.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Webhook, VerificationError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.verify_at(now.map_or(0, |since| since.as_secs()), header, body)
    }

    /// [`Verifier::verify`], with the time in seconds since 1970.
    pub fn verify_at<'h>(
        &self,
        now: u64,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
    ) -> Result<Webhook, VerificationError> {
        let wrong = |reason, header: &str| VerificationError {
            reason,
            header: header.to_owned(),
        };
        let get = |name: &str| {
            let value = header(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| wrong(Reason::MissingHeader, name))
        };
        let vomo = get(&self.signature_header)?;
        let id = get("webhook-id")?;
        let stamp = get("webhook-timestamp")?;
        let signatures = get("webhook-signature")?;
        let digits = stamp.len() <= 12 && stamp.bytes().all(|byte| byte.is_ascii_digit());
        let timestamp = stamp.parse::<u64>().ok().filter(|_| digits);
        let timestamp = timestamp
            .filter(|then| now.abs_diff(*then) <= self.tolerance_seconds)
            .ok_or_else(|| wrong(Reason::Timestamp, "webhook-timestamp"))?;
        if !self.standard_holds(
            signatures,
            [id.as_bytes(), b".", stamp.as_bytes(), b".", body],
        ) {
            return Err(wrong(Reason::StandardSignature, "webhook-signature"));
        }
        if !self.vomo_holds(vomo, body) {
            return Err(wrong(Reason::VomoSignature, &self.signature_header));
        }
        let content: Content =
            serde_json::from_slice(body).map_err(|_| wrong(Reason::Body, "body"))?;
        Ok(Webhook {
            id: id.to_owned(),
            timestamp,
            kind: content.kind,
            organization_id: content.organization_id,
            data: content.data,
        })
    }

    /// Whether any of the signatures is right with any of the secrets; all are looked at.
    fn standard_holds(&self, signatures: &str, parts: [&[u8]; 5]) -> bool {
        let mut holds = false;
        for given in signatures.split(' ') {
            let Some(given) = given
                .strip_prefix("v1,")
                .and_then(|text| STANDARD.decode(text).ok())
            else {
                continue;
            };
            for keys in &self.keys {
                let mut mac = keys.standard.clone();
                parts.iter().for_each(|part| mac.update(part));
                holds |= mac.verify_slice(&given).is_ok();
            }
        }
        holds
    }

    fn vomo_holds(&self, given: &str, body: &[u8]) -> bool {
        let Some(given) = unhex(given) else {
            return false;
        };
        let mut holds = false;
        for keys in &self.keys {
            let mut mac = keys.plain.clone();
            mac.update(body);
            holds |= mac.verify_slice(&given).is_ok();
        }
        holds
    }
}

/// None of an empty key.
fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    if key.is_empty() {
        return None;
    }
    Hmac::new_from_slice(key).ok()
}

/// 64 digits, in lower case.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != 32 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
