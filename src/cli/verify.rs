//! `tidings verify`: check a signature offline, for the receiver's developer at two in the morning.
//!
//! When it does not match, the usual causes are tried, and the one that would have matched is named.

use super::output::{Failure, say};
use crate::clock::Clock;
use std::io::Read as _;
use std::path::PathBuf;
use tidings_core::signature::{self, Delivered};

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
            return Err(Failure::Failed(format!("vomo-signature: {error}{cause}")));
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
    let candidates: [(&[u8], &[u8], &str); 6] = [
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
    ];
    candidates
        .iter()
        .find(|(body, secret, _)| matches(body, secret))
        .map_or_else(String::new, |(_, _, cause)| format!(" Likely: {cause}."))
}
