//! Which usual mistake explains a signature that does not fit: the body was changed on its way, by a framework or in copying, or the
//! secret was read another way. For the console's signature check and `tidings verify`, which name the same ones in the same
//! words. Pure.

use crate::respelled::{compact, spellings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is probably wrong: the first other body, or other reading of the secret, with which `fits(body, secret)` holds.
pub fn likely(
    body: &str,
    secret: &str,
    fits: impl Fn(&[u8], &[u8]) -> bool,
) -> Option<&'static str> {
    let of_body = body_variants(body)
        .find(|(variant, _)| fits(variant.as_bytes(), secret.as_bytes()))
        .map(|(_, words)| words);
    of_body.or_else(|| {
        let mut secrets = secret_variants(secret).into_iter();
        let found = secrets.find(|(variant, _)| fits(body.as_bytes(), variant));
        found.map(|(_, words)| words)
    })
}

/// Another body that a receiver may have signed by mistake, and what happened to it; the likely ones first.
fn body_variants(body: &str) -> impl Iterator<Item = (String, &'static str)> {
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
    if let Some(compact) = compact(body) {
        variants.push((compact, "The body was laid out for reading. What is signed has no white space between its tokens."));
    }
    let reprinted = "The JSON was parsed and printed again before the check. Check the bytes of the request as they came, before any parsing.";
    variants.retain(|(variant, _)| variant != body);
    let spellings = spellings(body).map(move |text| (text, reprinted));
    variants.into_iter().chain(spellings)
}

/// Other readings of a secret, and what would be wrong with using them.
fn secret_variants(secret: &str) -> Vec<(Vec<u8>, &'static str)> {
    let bare = secret.trim().strip_prefix("whsec_");
    let mut variants = vec![(
        secret.trim().as_bytes().to_vec(),
        "There is white space around the secret that does not belong to it.",
    )];
    if let Some(bare) = bare {
        variants.push((
            bare.as_bytes().to_vec(),
            "The signature was made without the secret's beginning whsec_. The key is the whole secret as it is shown.",
        ));
        if let Ok(decoded) = STANDARD.decode(bare) {
            variants.push((
                decoded,
                "The signature was made with the decoded secret. The key of vomo-signature is the secret's text as it is shown, whsec_ included.",
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
