//! `tidings export`: what a server has, as the file that `tidings apply` reads.
//!
//! The same server gives the same bytes: event types by name, organizations by number, endpoints from the oldest on.
//! Secrets only with `--with-secrets`, by the route that puts the look on the audit log. Values of custom headers are
//! never shown by a server; they stand there as `null`, which `apply` reads as "as it is".

use super::apply::node::{Key, Kind, Node};
use super::apply::remote;
use super::apply::state::{EndpointState, Kept, OrganizationState, TypeState};
use super::apply::write::yaml;
use super::client::{Client, ServerArgs};
use super::output::{Failure, note, say};
use super::small_runtime;
use hyper::Method;

/// Shown by `tidings export --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings export > tidings.yaml\n  tidings export --organization 4417 --organization 9001 > two.yaml\n  (umask 077; tidings export --with-secrets > everything.yaml)";

/// What to export.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Only this organization, without event types; several may be given
    #[arg(long, value_name = "ID")]
    organization: Vec<i64>,
    /// With the signing secrets; each look is on the audit log
    #[arg(long)]
    with_secrets: bool,
}

/// Runs `tidings export`.
pub fn run(args: ExportArgs) -> Result<(), Failure> {
    let mut client = Client::new(&args.server);
    let root = small_runtime()?
        .block_on(document(&mut client, &args))
        .map_err(|failure| explained(failure, &args))?;
    say(yaml(&root).trim_end_matches('\n'))
}

/// A refused scope with the key that would do: the route's own least scope is not enough for an export.
fn explained(failure: Failure, args: &ExportArgs) -> Failure {
    match failure {
        Failure::Failed(words) if words.starts_with("403 missing_scope") => {
            let works = match args.organization.is_empty() {
                true => {
                    "an export of everything takes an operator's key; with --organization, one of that organization's administrator does"
                }
                false => {
                    "an export takes an operator's key, or one of the organization's administrator"
                }
            };
            Failure::Failed(format!("{words}\n{works}"))
        }
        other => other,
    }
}

const fn node(kind: Kind) -> Node {
    Node { line: 0, kind }
}

fn text(text: &str) -> Node {
    node(Kind::Text(text.to_owned()))
}

fn texts<'a>(names: impl IntoIterator<Item = &'a String>) -> Node {
    node(Kind::List(
        names.into_iter().map(|name| text(name)).collect(),
    ))
}

const fn switch(on: bool) -> Node {
    node(Kind::Bool(on))
}

fn number(number: i64) -> Node {
    node(Kind::Number(number.to_string()))
}

/// A map, written member by member.
#[derive(Default)]
struct Members(Vec<(Key, Node)>);

impl Members {
    fn put(&mut self, name: &str, value: Node) {
        let key = Key {
            line: 0,
            text: name.to_owned(),
        };
        self.0.push((key, value));
    }

    fn end(self) -> Node {
        node(Kind::Map(self.0))
    }
}

async fn document(client: &mut Client, args: &ExportArgs) -> Result<Node, Failure> {
    let mut root = Members::default();
    root.put("version", number(1));
    if args.organization.is_empty() {
        let types = remote::types(client).await?;
        // Another server makes its own.
        let types = types.iter().filter(|(name, entry)| !entry.is_notice(name));
        let types = types.map(|(name, entry)| event_type(name, entry));
        root.put("event_types", node(Kind::List(types.collect())));
    }
    let mut organizations = Vec::new();
    for (id, record) in chosen(client, args).await? {
        organizations.push(organization(client, id, record, args.with_secrets).await?);
    }
    root.put("organizations", node(Kind::List(organizations)));
    Ok(root.end())
}

async fn chosen(
    client: &mut Client,
    args: &ExportArgs,
) -> Result<Vec<(i64, OrganizationState)>, Failure> {
    if args.organization.is_empty() {
        return Ok(remote::organizations(client).await?.into_iter().collect());
    }
    let mut ids = args.organization.clone();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for id in ids {
        match remote::organization(client, id).await? {
            Some(record) => found.push((id, record)),
            None => return Err(Failure::Failed(format!("no organization {id} here"))),
        }
    }
    Ok(found)
}

fn event_type(name: &str, entry: &TypeState) -> Node {
    let mut members = Members::default();
    members.put("type", text(name));
    members.put("enabled", switch(entry.enabled));
    // The compatible set is the same everywhere.
    if !entry.compatible {
        members.put("label", text(&entry.label));
        members.put("description", text(&entry.description));
        members.put("enforced", switch(entry.enforced));
        for (name, json) in [("schema", &entry.schema), ("example", &entry.example)] {
            if let Some(json) = json {
                members.put(name, json.clone());
            }
        }
    }
    members.end()
}

async fn organization(
    client: &mut Client,
    id: i64,
    record: OrganizationState,
    with_secrets: bool,
) -> Result<Node, Failure> {
    let mut members = Members::default();
    members.put("id", number(id));
    members.put("name", text(&record.name));
    if let Some(slug) = &record.slug {
        members.put("slug", text(slug));
    }
    members.put("add_ons", texts(&record.add_ons));
    members.put("webhooks", switch(record.webhooks));
    let mut kept = Members::default();
    for (name, days) in [
        ("bodies_days", record.kept.bodies),
        ("attempts_days", record.kept.attempts),
    ] {
        if let Some(days) = days {
            kept.put(name, number(i64::from(days)));
        }
    }
    if record.kept != Kept::default() {
        members.put("retention", kept.end());
    }
    let mut endpoints = Vec::new();
    for found in remote::endpoints(client, id).await? {
        let secret = match with_secrets {
            true => Some(secret(client, id, &found.id).await?),
            false => None,
        };
        endpoints.push(endpoint(&found, secret));
    }
    members.put("endpoints", node(Kind::List(endpoints)));
    Ok(members.end())
}

async fn secret(client: &mut Client, organization: i64, id: &str) -> Result<String, Failure> {
    let path = format!("/v1/organizations/{organization}/endpoints/{id}/secret");
    let answer = client.call(Method::GET, &path, None).await?.ok()?;
    if !answer
        .get("older_secret")
        .is_none_or(serde_json::Value::is_null)
    {
        note(&format!(
            "{id} has two secrets in force; the newer one is exported"
        ));
    }
    let secret = answer.get("secret").and_then(serde_json::Value::as_str);
    secret
        .map(str::to_owned)
        .ok_or_else(|| Failure::Failed(format!("the server answered no secret for {id}")))
}

fn endpoint(found: &EndpointState, secret: Option<String>) -> Node {
    let mut members = Members::default();
    members.put("id", text(&found.id));
    members.put("url", text(&found.url));
    if !found.description.is_empty() {
        members.put("description", text(&found.description));
    }
    members.put("event_types", texts(&found.event_types));
    members.put("enabled", switch(found.enabled));
    if !found.headers.is_empty() {
        let mut headers = Members::default();
        for name in found.headers.keys() {
            headers.put(name, node(Kind::Null));
        }
        members.put("headers", headers.end());
    }
    if let Some(secret) = secret {
        members.put("secret", text(&secret));
    }
    members.end()
}
