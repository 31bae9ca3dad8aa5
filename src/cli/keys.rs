//! `tidings key`: make a key's text offline, or create and revoke keys on a server.

use super::client::{Client, ServerArgs};
use super::output::{Failure, say};
use super::small_runtime;
use crate::clock;
use hyper::Method;
use serde_json::json;
use tidings_core::api_key::{KeyKind, KeyText};

/// Shown by `tidings key --help`.
pub const EXAMPLES: &str = "Examples:\n  TIDINGS_OPERATOR_KEY=$(tidings key generate --scope operator) tidings serve\n  tidings key create --key $OPERATOR --scope viewer --organization 4417\n  tidings key revoke --key $OPERATOR key_…";

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
            let call = async {
                Client::new(&server)
                    .call(Method::POST, "/v1/keys", Some(body.to_string().as_bytes()))
                    .await
            };
            let made = small_runtime()?.block_on(call)?.ok()?;
            let text = if json {
                made.to_string()
            } else {
                made.get("key")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            say(&text)
        }
        KeyAction::Revoke { server, id } => {
            let path = format!("/v1/keys/{id}");
            small_runtime()?
                .block_on(async { Client::new(&server).call(Method::DELETE, &path, None).await })?
                .ok()?;
            say(&format!("{id} is revoked"))
        }
    }
}
