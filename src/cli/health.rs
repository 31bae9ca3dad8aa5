//! `tidings health`: asks a running server whether it is ready, for containers and service managers without `curl`.

use super::client::Client;
use super::output::{Failure, say};
use super::small_runtime;
use crate::config::written;
use hyper::Method;
use std::time::Duration;

/// Shown by `tidings health --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings health\n  tidings health --wait 30 && tidings apply -f tidings.yaml --yes\n  tidings health --server https://tidings.example --live\n\nExit codes: 0 ready, 1 not ready or no answer";

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// The server's address
    #[arg(
        long,
        env = "TIDINGS_SERVER",
        default_value = "http://127.0.0.1:8420",
        value_name = "URL",
        value_parser = written::server
    )]
    server: url::Url,
    /// Only whether it runs (/healthz), not whether it may be sent requests (/readyz)
    #[arg(long)]
    live: bool,
    /// Ask again for as long as that until it is
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    wait: Option<u64>,
}

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs `tidings health`.
pub fn run(args: HealthArgs) -> Result<(), Failure> {
    small_runtime()?.block_on(async {
        match args.wait {
            None => ask(&args).await,
            Some(seconds) => {
                let patience = Duration::from_secs(seconds);
                match tokio::time::timeout(patience, until_ready(&args)).await {
                    Ok(()) => Ok(()),
                    // Why not, in words of its own.
                    Err(_) => ask(&args).await,
                }
            }
        }
    })?;
    say(if args.live { "it runs" } else { "ready" })
}

async fn ask(args: &HealthArgs) -> Result<(), Failure> {
    let path = if args.live { "/healthz" } else { "/readyz" };
    let mut client = Client::of(args.server.clone(), String::new());
    client.call(Method::GET, path, None).await?.ok().map(drop)
}

async fn until_ready(args: &HealthArgs) {
    while ask(args).await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}
