//! `tidings verify`: check a signature offline, for the receiver's developer at two in the morning.
//!
//! When it does not match, the usual causes are tried, and the one that would have matched is named.

use super::output::{Failure, say};
use crate::clock::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Read as _;
use std::path::PathBuf;
use tidings_core::signature::{self, Delivered, VerifyError};

/// Shown by `tidings verify --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings verify --secret whsec_… --body request.json --signature 3772…06a7\n  tidings verify --secret whsec_… --body request.json --webhook-id dlv_… --webhook-timestamp 1767225600 --webhook-signature 'v1,J66…'\n\nExit code 0: the signature is right; 1: it is not.";

/// What to check.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The endpoint's secret, as shown (with whsec_)
    #[arg(long, env = "TIDINGS_SECRET", hide_env_values = true)]
    secret: String,
    /// The request's body exactly as received: a file, or - for standard input
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// The value of vomo-signature
    #[arg(
        long,
        value_name = "HEX",
        required_unless_present = "webhook_signature"
    )]
    signature: Option<String>,
    /// The value of webhook-id
    #[arg(long, requires = "webhook_signature")]
    webhook_id: Option<String>,
    /// The value of webhook-timestamp
    #[arg(long, requires = "webhook_signature")]
    webhook_timestamp: Option<String>,
    /// The value of webhook-signature
    #[arg(long, requires = "webhook_id", requires = "webhook_timestamp")]
    webhook_signature: Option<String>,
    /// How old the timestamp may be, in seconds; by default any age
    #[arg(long, value_name = "SECONDS")]
    tolerance: Option<u32>,
}

/// Runs `tidings verify`.
pub fn run(args: VerifyArgs) -> Result<(), Failure> {
    let body = read(&args.body)?;
    let secret = args.secret.as_bytes();
    if let Some(given) = &args.signature {
        if let Err(error) = signature::verify_vomo(secret, &body, given.trim()) {
            let cause = likely_cause(
                &body,
                |candidate, secret| signature::verify_vomo(secret, candidate, given.trim()).is_ok(),
                secret,
            );
            let wanted = match error {
                VerifyError::MalformedSignature => vomo_form(given.trim()),
                _ => "",
            };
            return Err(Failure::Failed(format!(
                "vomo-signature: {error}{wanted}{cause}"
            )));
        }
        say("vomo-signature: right")?;
    }
    if let (Some(given), Some(id), Some(timestamp)) = (
        &args.webhook_signature,
        &args.webhook_id,
        &args.webhook_timestamp,
    ) {
        let (now, tolerance) = match args.tolerance {
            Some(seconds) => (Clock::system().now().as_seconds(), seconds),
            None => (timestamp.trim().parse().unwrap_or_default(), 0),
        };
        let matches = |candidate: &[u8], secret: &[u8]| {
            let delivered = Delivered {
                id: id.trim(),
                timestamp: timestamp.trim(),
                signature: given.trim(),
                body: candidate,
            };
            signature::verify_standard(secret, &delivered, now, tolerance)
        };
        if let Err(error) = matches(&body, secret) {
            let cause = likely_cause(
                &body,
                |candidate, secret| matches(candidate, secret).is_ok(),
                secret,
            );
            return Err(Failure::Failed(format!(
                "webhook-signature: {error}{cause}"
            )));
        }
        say("webhook-signature: right")?;
    }
    Ok(())
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let result = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut body).map(drop)
    } else {
        std::fs::read(path).map(|bytes| body = bytes)
    };
    result.map_err(|error| Failure::Failed(format!("cannot read {}: {error}", path.display())))?;
    Ok(body)
}

/// What the header looks like, for who gave something else.
fn vomo_form(given: &str) -> &'static str {
    if given.starts_with("v1,") {
        " This is a value of webhook-signature: give it with --webhook-signature."
    } else {
        " It is 64 lower-case hex digits, without `sha256=`."
    }
}

/// Which usual mistake would explain a mismatch: the words to add to the message, or none.
fn likely_cause(body: &[u8], matches: impl Fn(&[u8], &[u8]) -> bool, secret: &[u8]) -> String {
    let mut with_line_end = body.to_vec();
    with_line_end.push(b'\n');
    let trimmed_body = body.trim_ascii();
    let compact = tidings_core::json::compact(body, tidings_core::json::Limits::default())
        .unwrap_or_default();
    let trimmed_secret = secret.trim_ascii();
    let bare_secret = trimmed_secret
        .strip_prefix(b"whsec_")
        .unwrap_or(trimmed_secret);
    let prefixed_secret = [b"whsec_", trimmed_secret].concat();
    let carriage_returns = String::from_utf8_lossy(body).replace('\n', "\r\n");
    let decoded_secret = STANDARD.decode(bare_secret).unwrap_or_default();
    let candidates: [(&[u8], &[u8], &str); 8] = [
        (
            trimmed_body,
            secret,
            "the body has white space at an end that was not sent: compare the raw bytes",
        ),
        (
            &with_line_end,
            secret,
            "the body lost a line end: compare the raw bytes",
        ),
        (
            carriage_returns.as_bytes(),
            secret,
            "line breaks of the body were changed: compare the raw bytes",
        ),
        (
            &compact,
            secret,
            "the body was parsed and written again: verify the raw bytes before parsing",
        ),
        (body, trimmed_secret, "the secret has white space at an end"),
        (
            body,
            &prefixed_secret,
            "whsec_ is missing in front of the secret: the key is the whole secret as shown",
        ),
        (
            body,
            bare_secret,
            "it was signed without the whsec_ prefix: the key is the whole secret as shown",
        ),
        (
            body,
            &decoded_secret,
            "it was signed with the decoded secret: the key is the secret's text as shown, whsec_ included",
        ),
    ];
    let mistake = candidates
        .iter()
        .find(|(body, secret, _)| matches(body, secret))
        .map(|(_, _, cause)| *cause);
    mistake
        .or_else(|| reprinted(body, |respelled| matches(respelled, secret)))
        .map_or_else(String::new, |cause| format!(" Likely: {cause}."))
}

/// What is said when the body is another spelling of the JSON that was signed: `\/` became `/`, 1.10 became 1.1.
fn reprinted(body: &[u8], matches: impl Fn(&[u8]) -> bool) -> Option<&'static str> {
    let body = std::str::from_utf8(body).ok()?.trim();
    crate::http::spellings(body)
        .any(|respelled| matches(respelled.as_bytes()))
        .then_some(
            "the body was parsed and printed again, which wrote escapes, numbers or white space another way: verify the raw bytes before parsing",
        )
}
