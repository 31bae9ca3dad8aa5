//! `tidings key`: make a key's text offline, or create, list and revoke keys on a server.

use super::client::{Client, ServerArgs};
use super::output::{Failure, note, say};
use super::small_runtime;
use crate::clock;
use hyper::Method;
use serde_json::{Value, json};
use tidings_core::api_key::{KeyKind, KeyText};
use tidings_core::id::KeyId;

/// Shown by `tidings key --help`.
pub const EXAMPLES: &str = "Examples:\n  TIDINGS_OPERATOR_KEY=$(tidings key generate --scope operator) tidings serve\n  tidings key create --key $OPERATOR --scope viewer --organization 4417\n  tidings key list --key $OPERATOR\n  tidings key revoke --key $OPERATOR key_…";

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeyAction {
    /// Print a well-formed key without touching any server
    Generate {
        /// What the key may do
        #[arg(long, value_enum)]
        scope: ScopeName,
    },
    /// Create a key on a server and print it, once
    Create {
        #[command(flatten)]
        server: ServerArgs,
        /// What the key may do
        #[arg(long, value_enum)]
        scope: ScopeName,
        /// The organization, for administrator and viewer
        #[arg(long)]
        organization: Option<u64>,
        /// Words that help to tell keys apart
        #[arg(long)]
        description: Option<String>,
        /// When the key ends, RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// Print the whole answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys of a server, without their texts
    List {
        #[command(flatten)]
        server: ServerArgs,
        /// Print one JSON object a key
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key on a server, at once
    Revoke {
        #[command(flatten)]
        server: ServerArgs,
        /// The key's id, key_…
        id: String,
    },
}

/// What a key may do.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ScopeName {
    /// Everything
    Operator,
    /// Post events
    Producer,
    /// Everything of one organization
    Administrator,
    /// Look at one organization, never at secrets
    Viewer,
}

impl ScopeName {
    const fn kind(self) -> KeyKind {
        match self {
            Self::Operator => KeyKind::Operator,
            Self::Producer => KeyKind::Producer,
            Self::Administrator => KeyKind::Administrator,
            Self::Viewer => KeyKind::Viewer,
        }
    }
}

/// Makes a new key's text from the system's random source.
pub fn generate(kind: KeyKind) -> Result<KeyText, Failure> {
    let random = clock::random_bytes()
        .map_err(|error| Failure::Failed(format!("no random bytes from the system: {error}")))?;
    Ok(KeyText::generated(kind, &random))
}

/// Runs `tidings key`.
pub fn run(action: KeyAction) -> Result<(), Failure> {
    match action {
        KeyAction::Generate { scope } => say(generate(scope.kind())?.expose()),
        KeyAction::Create {
            server,
            scope,
            organization,
            description,
            expires_at,
            json,
        } => {
            let mut body = json!({ "scope": scope.kind().name() });
            if let Some(fields) = body.as_object_mut() {
                fields.extend(organization.map(|id| (String::from("organization_id"), json!(id))));
                fields.extend(description.map(|text| (String::from("description"), json!(text))));
                fields.extend(expires_at.map(|time| (String::from("expires_at"), json!(time))));
            }
            create(&server, &body, json)
        }
        KeyAction::List { server, json } => {
            small_runtime()?.block_on(list(&mut Client::new(&server), json))
        }
        KeyAction::Revoke { server, id } => revoke(&server, &id),
    }
}

fn create(server: &ServerArgs, body: &Value, json: bool) -> Result<(), Failure> {
    let call = async {
        Client::new(server)
            .call(Method::POST, "/v1/keys", Some(body.to_string().as_bytes()))
            .await
    };
    let made = small_runtime()?.block_on(call)?.ok()?;
    if json {
        return say(&made.to_string());
    }
    // Beside the key, so that $(…) holds the key alone.
    note(&format!("{}: this id revokes it", member(&made, "id")));
    say(member(&made, "key"))
}

async fn list(client: &mut Client, json: bool) -> Result<(), Failure> {
    let mut path = String::from("/v1/keys?limit=100");
    loop {
        let page = client.call(Method::GET, &path, None).await?.ok()?;
        for key in page
            .get("data")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            say(&if json { key.to_string() } else { line(key) })?;
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => path = format!("/v1/keys?limit=100&cursor={next}"),
            None => return Ok(()),
        }
    }
}

/// A key for people.
fn line(key: &Value) -> String {
    let of = key.get("organization_id").and_then(Value::as_i64);
    let of = of.map_or_else(String::new, |id| format!(" of {id}"));
    let scope = format!("{}{of}", member(key, "scope"));
    let ends = match member(key, "expires_at") {
        "" => String::from("never ends"),
        end => format!("ends {end}"),
    };
    let used = match member(key, "last_used_at") {
        "" => String::from("never used"),
        time => format!("used {time}"),
    };
    let line = format!(
        "{}  {scope:<24}  {used}  {ends}  {}",
        member(key, "id"),
        member(key, "description")
    );
    line.trim_end().to_owned()
}

fn member<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A key's own text must get into no URL, where logs keep it, and back on no screen.
fn revoke(server: &ServerArgs, id: &str) -> Result<(), Failure> {
    if id.parse::<KeyId>().is_err() {
        let what = match id.trim().starts_with("tdg_") {
            true => "that is the key itself, which was sent nowhere",
            false => "that is no key's id",
        };
        return Err(Failure::Failed(format!(
            "{what}: give the key's id, key_…, as `tidings key list` shows it"
        )));
    }
    let path = format!("/v1/keys/{id}");
    small_runtime()?
        .block_on(async { Client::new(server).call(Method::DELETE, &path, None).await })?
        .ok()?;
    say(&format!("{id} is revoked"))
}
