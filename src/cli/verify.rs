//! `tidings verify`: check a signature offline, for the receiver's developer at two in the morning.
//!
//! When it does not match, the usual causes are tried, and the one that would have matched is named.

use super::output::{Failure, say};
use crate::clock::Clock;
use crate::signature_mistakes::likely;
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
            let cause = likely_cause(&body, &args.secret, |body, secret| {
                signature::verify_vomo(secret, body, given.trim()).is_ok()
            });
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
            let cause = likely_cause(&body, &args.secret, |body, secret| {
                matches(body, secret).is_ok()
            });
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

/// What is probably wrong, to add to a message.
fn likely_cause(body: &[u8], secret: &str, fits: impl Fn(&[u8], &[u8]) -> bool) -> String {
    likely(&String::from_utf8_lossy(body), secret, fits)
        .map_or_else(String::new, |words| format!(" Likely: {words}"))
}
