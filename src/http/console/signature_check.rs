//! The signature check for receivers' developers: does this header fit this body and this secret, and if not, why?
//!
//! Pure but for what is read from a delivery to fill the form in. What is typed is used for this answer and nothing else.

use super::form::Form;
use super::page::{Page, Section};
use super::pieces::token;
use super::respelled::spellings;
use super::visit::Visit;
use super::{Outcome, UNPROCESSABLE};
use crate::store::Reach;
use maud::{Markup, html};
use tidings_core::id::DeliveryId;
use tidings_core::secret::{Secret, Secrets};
use tidings_core::signature::{Delivered, SigningKey, VerifyError, verify_standard, verify_vomo};

/// Far more than the difference of any two clocks: the check says what a timestamp is, it does not refuse it.
const ANY_AGE: u32 = u32::MAX;

/// What is to be checked.
#[derive(Default)]
struct Asked {
    body: String,
    secret: String,
    vomo: String,
    id: String,
    timestamp: String,
    standard: String,
}

impl Asked {
    fn of(form: &Form) -> Self {
        Self {
            // Browsers send every line break as CR LF; what is signed has none or LF.
            body: form.get("body").replace("\r\n", "\n"),
            secret: form.get("secret").to_owned(),
            vomo: form.trimmed("vomo").to_owned(),
            id: form.trimmed("webhook_id").to_owned(),
            timestamp: form.trimmed("webhook_timestamp").to_owned(),
            standard: form.trimmed("webhook_signature").to_owned(),
        }
    }
}

/// What the check came to.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    fits: bool,
    words: String,
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

/// Another body that a receiver may have signed by mistake, and what happened to it.
fn body_variants(body: &str) -> Vec<(String, &'static str)> {
    let mut variants = vec![
        (
            body.trim_end_matches('\n').to_owned(),
            "The body ends with a line break that was not part of the request: it was copied along or added by an editor.",
        ),
        (
            format!("{body}\n"),
            "The request's body ended with a line break that is missing here.",
        ),
        (
            body.trim().to_owned(),
            "There is white space around the body that was not part of the request.",
        ),
        (
            body.replace('\n', "\r\n"),
            "Line breaks were changed on the way.",
        ),
    ];
    let limits = tidings_core::json::Limits::default();
    let compact = tidings_core::json::compact(body.as_bytes(), limits).ok();
    if let Some(compact) = compact.and_then(|bytes| String::from_utf8(bytes).ok()) {
        variants.push((compact, "The body was laid out for reading. What is signed has no white space between its tokens."));
    }
    let reprinted = "The JSON was parsed and printed again before the check. Check the bytes of the request as they came, before any parsing.";
    variants.extend(spellings(body).into_iter().map(|text| (text, reprinted)));
    variants.retain(|(variant, _)| variant != body);
    variants
}

/// Other readings of a secret, and what would be wrong with using them.
fn secret_variants(secret: &str) -> Vec<(Vec<u8>, &'static str)> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let bare = secret.trim().strip_prefix("whsec_");
    let mut variants = vec![(
        secret.trim().as_bytes().to_vec(),
        "There is white space around the secret that does not belong to it.",
    )];
    if let Some(bare) = bare {
        variants.push((
            bare.as_bytes().to_vec(),
            "The signature was made without the secret's beginning whsec_: it belongs to the key of this header.",
        ));
        if let Ok(decoded) = STANDARD.decode(bare) {
            variants.push((
                decoded,
                "The signature was made with the decoded secret. For this header the key is the secret's text as it is shown, whsec_ included.",
            ));
        }
    } else {
        variants.push((
            format!("whsec_{}", secret.trim()).into_bytes(),
            "The secret's beginning whsec_ is missing here; it belongs to it.",
        ));
    }
    variants.retain(|(variant, _)| variant != secret.as_bytes());
    variants
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
    for (variant, words) in body_variants(&asked.body) {
        if verify_vomo(secret, variant.as_bytes(), &asked.vomo).is_ok() {
            return Finding::bad(words);
        }
    }
    for (variant, words) in secret_variants(&asked.secret) {
        if verify_vomo(&variant, body, &asked.vomo).is_ok() {
            return Finding::bad(words);
        }
    }
    Finding::bad(
        "The signature is of another body or made with another secret. Compare the secret with the endpoint's; during a rotation this header is still signed with the old one.",
    )
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
    let secret = asked.secret.trim().as_bytes();
    let verify = |body: &str| {
        let delivered = Delivered {
            id: &asked.id,
            timestamp: &asked.timestamp,
            signature: &asked.standard,
            body: body.as_bytes(),
        };
        verify_standard(secret, &delivered, now_seconds, ANY_AGE)
    };
    match verify(&asked.body) {
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
    for (variant, words) in body_variants(&asked.body) {
        if verify(&variant).is_ok() {
            return Finding::bad(words);
        }
    }
    Finding::bad(
        "The signature is of another body, id or timestamp, or made with another secret. All three headers must be of the same request.",
    )
}

/// What both signatures would have to be.
fn expected(asked: &Asked) -> Option<(String, Option<String>)> {
    let secret = Secret::imported(asked.secret.clone().into_bytes()).ok()?;
    let secrets = Secrets::first(secret);
    let key = SigningKey::new(secrets.newest().expose());
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
    Some((vomo, standard))
}

/// The form filled in from a delivery that the page was opened from; its secret only for those who may see it.
async fn prefilled(visit: &Visit) -> Result<Asked, super::Refusal> {
    let Ok(id) = visit.query.trimmed("delivery").parse::<DeliveryId>() else {
        return Ok(Asked::default());
    };
    let place = visit.place()?;
    let found = visit.api.store.delivery(Reach::One(place.id()), id).await?;
    let Some(found) = found else {
        return Ok(Asked::default());
    };
    let number = visit.query.trimmed("number");
    let attempt = found
        .attempts
        .iter()
        .find(|detail| detail.record.number.to_string() == number)
        .or(found.attempts.last());
    let body = found.body.as_deref().unwrap_or_default();
    Ok(Asked {
        body: String::from_utf8_lossy(body).into_owned(),
        secret: String::new(),
        vomo: attempt.map_or_else(String::new, |detail| detail.record.vomo_signature.clone()),
        id: id.to_string(),
        timestamp: attempt.map_or_else(String::new, |detail| detail.record.timestamp.to_string()),
        standard: attempt.map_or_else(String::new, |detail| {
            detail.record.webhook_signature.clone()
        }),
    })
}

/// `GET /admin/signature`.
pub(super) async fn get(visit: Visit) -> Outcome {
    visit.login()?;
    let asked = prefilled(&visit).await?;
    Ok(draw(&visit, &asked, &html! {}).into())
}

/// `POST /admin/signature`.
pub(super) async fn post(visit: Visit) -> Outcome {
    visit.login()?;
    let asked = Asked::of(&visit.form);
    if asked.secret.is_empty() || (asked.vomo.is_empty() && asked.standard.is_empty()) {
        let hint = html! {
            div .notice .bad role="alert" { "The secret and at least one of the two signatures are needed." }
        };
        return Ok(draw(&visit, &asked, &hint)
            .with_status(UNPROCESSABLE)
            .into());
    }
    let header = &visit.api.signature_header;
    let now = visit.now().as_seconds();
    let findings = [
        (!asked.vomo.is_empty()).then(|| (header.as_str(), check_vomo(&asked))),
        (!asked.standard.is_empty()).then(|| ("webhook-signature", check_standard(&asked, now))),
    ];
    let result = html! {
        section .results role="status" {
            @for (name, finding) in findings.iter().flatten() {
                div .notice .good[finding.fits] .bad[!finding.fits] {
                    h2 { code { (name) } ": " @if finding.fits { "fits" } @else { "does not fit" } }
                    p { (finding.words) }
                }
            }
            @if let Some((vomo, standard)) = expected(&asked) {
                details .more {
                    summary { "What fits this body and this secret" }
                    p { code { (header) ": " (vomo) } }
                    @if let Some(standard) = standard { p { code { "webhook-signature: " (standard) } } }
                }
            }
        }
    };
    Ok(draw(&visit, &asked, &result).into())
}

fn draw(visit: &Visit, asked: &Asked, result: &Markup) -> Page {
    let header = &visit.api.signature_header;
    let line = |name: &str, label: &str, value: &str| {
        html! {
            div .field { label for=(name) { (label) } input id=(name) name=(name) type="text" value=(value) autocomplete="off" spellcheck="false"; }
        }
    };
    let place = visit.place().ok();
    let body = html! {
        h1 { "Signature check" }
        p { "Paste what your receiver got, and the endpoint's secret. The check says which signature fits, and what is probably wrong. Nothing of it is stored." }
        (result)
        form .panel method="post" action="/admin/signature" {
            (token(visit))
            @if let Some(place) = &place { input type="hidden" name="organization" value=(place.id()); }
            div .field {
                label for="body" { "Body, exactly as it came" }
                textarea id="body" name="body" rows="8" spellcheck="false" required { "\n" (asked.body) }
            }
            div .field {
                label for="secret" { "Secret" }
                input id="secret" name="secret" type="text" value=(asked.secret) placeholder="whsec_…" autocomplete="off" spellcheck="false" required;
            }
            (line("vomo", header, &asked.vomo))
            details .more open[!asked.standard.is_empty()] {
                summary { "Headers of Standard Webhooks" }
                (line("webhook_id", "webhook-id", &asked.id))
                (line("webhook_timestamp", "webhook-timestamp", &asked.timestamp))
                (line("webhook_signature", "webhook-signature", &asked.standard))
            }
            button .primary type="submit" { "Check" }
        }
    };
    let page = Page::new("Signature check", Section::Signature, body);
    match place {
        Some(place) => page.at(&place),
        None => page,
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
        super::super::respelled::for_reading(body.as_bytes()).unwrap_or_default()
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
