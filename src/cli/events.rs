//! `tidings send`: post one event, or many from NDJSON with progress.

use super::client::{Client, ServerArgs};
use super::output::{Failure, note, paint, say};
use super::small_runtime;
use serde_json::Value;
use std::io::{BufRead, BufReader, IsTerminal as _, Read};
use std::path::PathBuf;
use tidings_core::event::IdempotencyKey;
use tidings_core::json::{self, JsonError, Limits};
use tidings_core::limits::IDEMPOTENCY_KEY;

/// Shown by `tidings send --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings send --key $KEY --type project.updated --organization 4417 --data '{\"id\":\"318842\"}'\n  tidings send --key $KEY --ndjson events.ndjson\n\nA line of NDJSON is one event: {\"type\":…,\"organization_id\":…,\"data\":{…},\"public\":…,\"reference\":…,\"idempotency_key\":…}";

/// Events in one request.
const BATCH: usize = 100;
/// Bytes of one request; the server takes a little more.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What to post.
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The event's type, own form
    #[arg(
        long = "type",
        value_name = "OBJECT.ACTION",
        required_unless_present = "ndjson",
        conflicts_with = "ndjson"
    )]
    event_type: Option<String>,
    /// The owner's id
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "ndjson",
        conflicts_with = "ndjson"
    )]
    organization: Option<u64>,
    /// The event's data: JSON, @FILE, or - for standard input
    #[arg(
        long,
        value_name = "JSON",
        required_unless_present = "ndjson",
        conflicts_with = "ndjson"
    )]
    data: Option<String>,
    /// Reach the other organizations too
    #[arg(long, conflicts_with = "ndjson")]
    public: bool,
    /// Your own id of the event; searchable, never sent
    #[arg(long, conflicts_with = "ndjson")]
    reference: Option<String>,
    /// Posted again with the same key within 24 hours, it is one event
    #[arg(long, value_name = "KEY", conflicts_with = "ndjson", value_parser = idempotency_key)]
    idempotency_key: Option<IdempotencyKey>,
    /// Events from a file, one a line; - for standard input
    #[arg(long, value_name = "FILE")]
    ndjson: Option<PathBuf>,
    /// Print answers as JSON
    #[arg(long)]
    json: bool,
}

fn idempotency_key(text: &str) -> Result<IdempotencyKey, String> {
    IdempotencyKey::parse(text)
        .ok_or_else(|| format!("1 to {IDEMPOTENCY_KEY} visible ASCII characters"))
}

/// Runs `tidings send`.
pub fn run(args: SendArgs) -> Result<(), Failure> {
    let mut client = Client::new(&args.server);
    match &args.ndjson {
        Some(path) => small_runtime()?.block_on(send_lines(&mut client, path, args.json)),
        None => small_runtime()?.block_on(send_one(&mut client, &args)),
    }
}

fn read_all(mut from: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    from.read_to_string(&mut text)
        .map_err(|error| Failure::Failed(format!("cannot read {name}: {error}")))?;
    Ok(text)
}

fn open(path: &std::path::Path) -> Result<std::fs::File, Failure> {
    std::fs::File::open(path)
        .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", path.display())))
}

async fn send_one(client: &mut Client, args: &SendArgs) -> Result<(), Failure> {
    let data = match args.data.as_deref().unwrap_or("{}") {
        "-" => read_all(std::io::stdin().lock(), "standard input")?,
        text => match text.strip_prefix('@') {
            Some(path) => read_all(open(path.as_ref())?, path)?,
            None => text.to_owned(),
        },
    };
    not_json(&data).map_or(Ok(()), |error| {
        Err(Failure::Failed(format!("--data: {error}")))
    })?;
    let quoted = |text: &str| Value::from(text).to_string();
    // `data` is put in as text, so that numbers and escapes reach the server byte for byte (W13).
    let mut body = format!(
        "{{\"type\":{},\"organization_id\":{},\"data\":{data},\"public\":{}",
        quoted(args.event_type.as_deref().unwrap_or_default()),
        args.organization.unwrap_or_default(),
        args.public
    );
    if let Some(reference) = &args.reference {
        body.push_str(&format!(",\"reference\":{}", quoted(reference)));
    }
    body.push('}');
    let key = args.idempotency_key.as_ref();
    let posted = client.post("/v1/events", key, body.as_bytes()).await?;
    let answer = posted.ok()?;
    let id = answer
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    say(&if args.json { answer.to_string() } else { id })
}

/// Why a text is no JSON at all. Checked here, since it would fail what it is put into, at a place nobody wrote;
/// what else the server may refuse, it says itself.
fn not_json(text: &str) -> Option<JsonError> {
    json::compact(text.as_bytes(), Limits::default())
        .err()
        .filter(|error| error.kind.is_unreadable())
}

#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
}

async fn send_lines(
    client: &mut Client,
    path: &std::path::Path,
    json: bool,
) -> Result<(), Failure> {
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(open(path)?))
    };
    let live = std::io::stderr().is_terminal() && !json;
    let mut tally = Tally::default();
    let mut batch: Vec<(usize, String)> = Vec::new();
    let mut bytes = 0;
    for (index, line) in reader.lines().enumerate() {
        let line = line
            .map_err(|error| Failure::Failed(format!("cannot read line {}: {error}", index + 1)))?;
        if line.trim().is_empty() {
            continue;
        }
        if let Some(mut error) = not_json(&line) {
            error.line = index + 1;
            // What came before it is answered first, so that answers keep the order of the lines.
            post(client, &batch, json, &mut tally).await?;
            batch.clear();
            bytes = 0;
            refuse_line(&error, json, &mut tally)?;
            continue;
        }
        bytes += line.len();
        batch.push((index + 1, line));
        if batch.len() >= BATCH || bytes >= BATCH_BYTES {
            post(client, &batch, json, &mut tally).await?;
            batch.clear();
            bytes = 0;
            if live {
                paint(&format!(
                    "\r{} accepted, {} refused",
                    tally.accepted, tally.refused
                ));
            }
        }
    }
    post(client, &batch, json, &mut tally).await?;
    if live {
        paint("\r");
    }
    note(&format!(
        "{} accepted, {} refused",
        tally.accepted, tally.refused
    ));
    if tally.refused == 0 {
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "{} events were refused; their lines are named above",
            tally.refused
        )))
    }
}

fn refuse_line(error: &JsonError, json: bool, tally: &mut Tally) -> Result<(), Failure> {
    tally.refused += 1;
    note(&format!("line {}: {error}", error.line));
    if json {
        let problem = serde_json::json!({"code": error.kind.code(), "detail": error.to_string()});
        say(&serde_json::json!({"error": problem}).to_string())?;
    }
    Ok(())
}

async fn post(
    client: &mut Client,
    batch: &[(usize, String)],
    json: bool,
    tally: &mut Tally,
) -> Result<(), Failure> {
    if batch.is_empty() {
        return Ok(());
    }
    let lines: Vec<&str> = batch.iter().map(|(_, line)| line.as_str()).collect();
    let body = format!("{{\"events\":[{}]}}", lines.join(","));
    let reply = client
        .post("/v1/events/batch", None, body.as_bytes())
        .await?;
    let range = format!(
        "lines {} to {}",
        batch.first().map_or(0, |(line, _)| *line),
        batch.last().map_or(0, |(line, _)| *line)
    );
    let answer = reply
        .ok()
        .map_err(|failure| Failure::Failed(format!("{range}: {failure}")))?;
    for ((line, _), result) in batch.iter().zip(
        answer
            .get("results")
            .and_then(Value::as_array)
            .into_iter()
            .flatten(),
    ) {
        match result.get("error") {
            None => tally.accepted += 1,
            Some(error) => {
                tally.refused += 1;
                note(&format!(
                    "line {line}: {}",
                    error
                        .get("detail")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                ));
            }
        }
        if json {
            say(&result.to_string())?;
        }
    }
    Ok(())
}
