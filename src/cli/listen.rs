//! `tidings listen`: a local receiver for trying things out.

use super::output::{Failure, note, say};
use super::receiver::{self, Arrival, Behaviour, Reaction, Signatures};
use super::small_runtime;
use crate::clock::Clock;
use crate::config::written;
use serde_json::json;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Deliveries whose tries are counted; the map starts anew above that.
const REMEMBERED: usize = 10_000;

/// How to listen.
#[derive(Debug, clap::Args)]
pub struct ListenArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8421", value_name = "ADDRESS:PORT", value_parser = written::listener)]
    listen: SocketAddr,
    /// The endpoint's secret; without it nothing is verified
    #[arg(long, env = "TIDINGS_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// The status to answer with
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
    /// Answer with --status this many times for each delivery, then with 200; 0 is always
    #[arg(long, default_value_t = 0)]
    times: u32,
    /// Wait before answering, in milliseconds
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay: u64,
    /// Never answer
    #[arg(long)]
    hang: bool,
    /// Name of the signature header
    #[arg(long, default_value = "vomo-signature")]
    signature_header: String,
    /// Print one JSON object a request
    #[arg(long)]
    json: bool,
}

struct Scripted {
    args: ListenArgs,
    clock: Clock,
    tries: Mutex<HashMap<String, u32>>,
}

impl Behaviour for Scripted {
    fn secret(&self, _path: &str) -> Option<Vec<u8>> {
        self.args
            .secret
            .as_ref()
            .map(|secret| secret.as_bytes().to_vec())
    }

    fn react(&self, _path: &str, id: &str) -> Reaction {
        if self.args.hang {
            return Reaction::Hang;
        }
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED {
            tries.clear();
        }
        let count = tries.entry(id.to_owned()).or_insert(0);
        *count = count.saturating_add(1);
        let status = if self.args.times == 0 || *count <= self.args.times {
            self.args.status
        } else {
            200
        };
        Reaction::Answer(status, Duration::from_millis(self.args.delay))
    }

    fn signature_header(&self) -> &str {
        &self.args.signature_header
    }

    fn now_seconds(&self) -> i64 {
        self.clock.now().as_seconds()
    }
}

/// Runs `tidings listen`.
pub fn run(args: ListenArgs) -> Result<(), Failure> {
    small_runtime()?.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(|error| Failure::Environment(format!("cannot listen on {}: {error}", args.listen)))?;
        let address = listener.local_addr().map_err(|error| Failure::Environment(error.to_string()))?;
        note(&format!("listening on http://{address}/ (any path); the server must allow it: egress.allow = [\"{}/32\"]", address.ip()));
        let json = args.json;
        let (sender, mut arrivals) = mpsc::channel(256);
        let behaviour = Arc::new(Scripted { args, clock: Clock::system(), tries: Mutex::new(HashMap::new()) });
        let serving = tokio::spawn(receiver::serve(listener, Arc::clone(&behaviour), sender));
        while let Some(arrival) = arrivals.recv().await {
            let now = behaviour.clock.now();
            say(&if json { as_json(&arrival, &now.rfc3339()) } else { as_line(&arrival, &now.rfc3339()) })?;
        }
        serving.abort();
        Ok(())
    })
}

fn verdict(signatures: &Signatures) -> String {
    match signatures {
        Signatures::Valid => String::from("valid"),
        Signatures::Unchecked => String::from("not checked (give --secret)"),
        Signatures::Wrong(why) => format!("WRONG ({why})"),
    }
}

fn reaction(reaction: Reaction) -> String {
    match reaction {
        Reaction::Answer(status, _) => format!("answered {status}"),
        Reaction::Hang => String::from("left without an answer"),
    }
}

fn as_line(arrival: &Arrival, now: &str) -> String {
    let head = format!(
        "{now} {} {} {}: signatures {}, {}",
        arrival.path,
        arrival.event_type,
        arrival.id,
        verdict(&arrival.signatures),
        reaction(arrival.reaction)
    );
    let body: String = String::from_utf8_lossy(&arrival.body)
        .chars()
        .map(|found| {
            if found.is_control() {
                '\u{fffd}'
            } else {
                found
            }
        })
        .collect();
    format!("{head}\n  {body}")
}

fn as_json(arrival: &Arrival, now: &str) -> String {
    let headers: serde_json::Map<String, serde_json::Value> = arrival
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                json!(String::from_utf8_lossy(value.as_bytes())),
            )
        })
        .collect();
    json!({
        "at": now, "path": arrival.path, "id": arrival.id, "type": arrival.event_type, "signatures": verdict(&arrival.signatures),
        "reaction": reaction(arrival.reaction), "headers": headers, "body": String::from_utf8_lossy(&arrival.body),
    })
    .to_string()
}
