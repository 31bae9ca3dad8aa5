//! Does this header fit this body and this secret, and if not, why? Pure; [`super::signature`] is the page around it.

use crate::signature_mistakes::likely;
use tidings_core::signature::{Delivered, SigningKey, VerifyError, verify_standard, verify_vomo};

/// Far more than the difference of any two clocks: the check says what a timestamp is, it does not refuse it.
const ANY_AGE: u32 = u32::MAX;

/// What is to be checked.
#[derive(Default)]
pub(super) struct Asked {
    pub body: String,
    pub secret: String,
    pub vomo: String,
    pub id: String,
    pub timestamp: String,
    pub standard: String,
}

/// What the check came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub fits: bool,
    pub words: String,
}

impl Finding {
    fn good(words: impl Into<String>) -> Self {
        Self {
            fits: true,
            words: words.into(),
        }
    }

    fn bad(words: impl Into<String>) -> Self {
        Self {
            fits: false,
            words: words.into(),
        }
    }
}

/// Whether `vomo-signature` fits, and if not, what is probably wrong.
fn check_vomo(asked: &Asked) -> Finding {
    let (secret, body) = (asked.secret.as_bytes(), asked.body.as_bytes());
    match verify_vomo(secret, body, &asked.vomo) {
        Ok(()) => return Finding::good("The signature fits this body and this secret."),
        Err(VerifyError::Mismatch) => {}
        Err(VerifyError::MalformedSignature) => return Finding::bad(malformed(&asked.vomo)),
        Err(other) => return Finding::bad(other.to_string()),
    }
    let fits = |body: &[u8], secret: &[u8]| verify_vomo(secret, body, &asked.vomo).is_ok();
    Finding::bad(likely(&asked.body, &asked.secret, fits).unwrap_or(
        "The signature is of another body or made with another secret. Compare the secret with the endpoint's; during a rotation this header is still signed with the old one.",
    ))
}

fn malformed(given: &str) -> &'static str {
    if given.starts_with("v1,") {
        "This is a value of webhook-signature; it belongs into the other field."
    } else if given.starts_with("sha256=") {
        "Take the beginning sha256= away: the header has the 64 digits only."
    } else if given.bytes().any(|byte| byte.is_ascii_uppercase()) {
        "The header is 64 hexadecimal digits in lower case."
    } else {
        "The header is 64 hexadecimal digits, 0-9 and a-f; this is something else, or a part of it."
    }
}

/// Whether `webhook-signature` fits, and if not, what is probably wrong.
fn check_standard(asked: &Asked, now_seconds: i64) -> Finding {
    let secret = asked.secret.trim();
    let verify = |body: &[u8], secret: &[u8]| {
        let delivered = Delivered {
            id: &asked.id,
            timestamp: &asked.timestamp,
            signature: &asked.standard,
            body,
        };
        verify_standard(secret, &delivered, now_seconds, ANY_AGE)
    };
    match verify(asked.body.as_bytes(), secret.as_bytes()) {
        Ok(()) => {
            let age = asked
                .timestamp
                .parse::<i64>()
                .map_or(0, |at| now_seconds - at);
            return Finding::good(match age.abs() {
                0..=300 => String::from("The signature fits this body, id, timestamp and secret."),
                _ => format!(
                    "The signature fits. Its timestamp is {age} seconds old: libraries refuse more than 300 seconds, so check requests when they come."
                ),
            });
        }
        Err(VerifyError::Mismatch) => {}
        Err(other) => return Finding::bad(other.to_string()),
    }
    let fits = |body: &[u8], secret: &[u8]| verify(body, secret).is_ok();
    Finding::bad(likely(&asked.body, secret, fits).unwrap_or(
        "The signature is of another body, id or timestamp, or made with another secret. All three headers must be of the same request.",
    ))
}

/// What both signatures would have to be.
fn fitting(asked: &Asked) -> (String, Option<String>) {
    let key = SigningKey::new(asked.secret.as_bytes());
    let vomo = key.vomo(asked.body.as_bytes()).as_str().to_owned();
    let timestamp = asked
        .timestamp
        .parse()
        .ok()
        .filter(|_| !asked.id.is_empty());
    let standard = timestamp.map(|timestamp| {
        let signature = key.standard(&asked.id, timestamp, asked.body.as_bytes());
        signature.as_str().to_owned()
    });
    (vomo, standard)
}

/// What the check of a whole form came to.
pub(super) struct Checked {
    /// Of each header that was given.
    pub vomo: Option<Finding>,
    pub standard: Option<Finding>,
    /// What both would have to be.
    pub fitting: (String, Option<String>),
}

/// Checks what was given.
pub(super) fn check(asked: &Asked, now_seconds: i64) -> Checked {
    Checked {
        vomo: (!asked.vomo.is_empty()).then(|| check_vomo(asked)),
        standard: (!asked.standard.is_empty()).then(|| check_standard(asked, now_seconds)),
        fitting: fitting(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    const BODY: &str =
        r#"{"type":"project.updated","organization_id":4417,"data":{"name":"Fête / é","n":1.10}}"#;

    fn asked(body: &str, secret: &str, signed_body: &str, signed_secret: &[u8]) -> Asked {
        let key = SigningKey::new(signed_secret);
        Asked {
            body: body.to_owned(),
            secret: secret.to_owned(),
            vomo: key.vomo(signed_body.as_bytes()).as_str().to_owned(),
            ..Asked::default()
        }
    }

    #[test]
    fn what_fits_fits_and_each_usual_mistake_is_named() {
        assert!(check_vomo(&asked(BODY, SECRET, BODY, SECRET.as_bytes())).fits);
        for (body, secret, signed_body, signed_secret, word) in [
            (
                format!("{BODY}\n"),
                SECRET,
                BODY.to_owned(),
                SECRET.to_owned(),
                "line break",
            ),
            (
                BODY.to_owned(),
                SECRET,
                format!("{BODY}\n"),
                SECRET.to_owned(),
                "line break",
            ),
            (
                pretty(BODY),
                SECRET,
                BODY.to_owned(),
                SECRET.to_owned(),
                "laid out",
            ),
            (
                BODY.to_owned(),
                SECRET,
                BODY.replace("1.10", "1.1").replace('/', r"\/"),
                SECRET.to_owned(),
                "parsed and printed",
            ),
            (
                BODY.to_owned(),
                SECRET,
                BODY.to_owned(),
                SECRET.trim_start_matches("whsec_").to_owned(),
                "without the secret's beginning",
            ),
            (
                BODY.to_owned(),
                " x",
                BODY.to_owned(),
                String::from("x"),
                "white space around the secret",
            ),
            (
                BODY.to_owned(),
                SECRET,
                BODY.to_owned(),
                String::from("other"),
                "another secret",
            ),
        ] {
            let finding = check_vomo(&asked(
                &body,
                secret,
                &signed_body,
                signed_secret.as_bytes(),
            ));
            assert!(
                !finding.fits && finding.words.contains(word),
                "{word}: {finding:?}"
            );
        }
    }

    fn pretty(body: &str) -> String {
        crate::respelled::for_reading(body.as_bytes()).unwrap_or_default()
    }

    #[test]
    fn a_standard_signature_is_checked_with_its_id_and_timestamp() {
        let key = SigningKey::new(SECRET.as_bytes());
        let mut asked = Asked {
            body: BODY.to_owned(),
            secret: SECRET.to_owned(),
            id: String::from("dlv_1"),
            timestamp: String::from("1700000000"),
            standard: key
                .standard("dlv_1", 1_700_000_000, BODY.as_bytes())
                .as_str()
                .to_owned(),
            vomo: String::new(),
        };
        assert!(check_standard(&asked, 1_700_000_001).fits);
        assert!(
            check_standard(&asked, 1_700_009_999)
                .words
                .contains("9999 seconds old")
        );
        asked.id = String::from("dlv_2");
        assert!(!check_standard(&asked, 1_700_000_001).fits);
    }

    #[test]
    fn a_malformed_header_is_told_from_a_wrong_one() {
        let mut asked = asked(BODY, SECRET, BODY, SECRET.as_bytes());
        for (given, word) in [
            ("v1,abc", "other field"),
            ("sha256=ab", "sha256="),
            ("ABCD", "lower case"),
            ("zz", "64"),
        ] {
            asked.vomo = String::from(given);
            assert!(check_vomo(&asked).words.contains(word), "{given}");
        }
    }
}
