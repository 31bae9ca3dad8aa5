//! `tidings audit`: the audit log of a server, and whether it is whole.

use super::client::{Client, ServerArgs};
use super::output::{Failure, note, say};
use super::small_runtime;
use crate::store::audit::{ActOutcome, Entry, EntryDigest, Form, Inspection, Link, Salt};
use hyper::Method;
use serde_json::Value;
use tidings_core::id::OrganizationId;
use tidings_core::time::Timestamp;

/// Shown by `tidings audit --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings audit --key $OPERATOR --act secret. --limit 20\n  tidings audit --key $OPERATOR --verify\n\n--verify reads the whole log and computes every digest anew. To see later that the newest entries were not taken out,\nkeep the lines it prints.";

/// Entries on one page.
const PAGE: usize = 100;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Only one organization's
    #[arg(long)]
    organization: Option<u64>,
    /// Only one act, as in endpoint.create; endpoint. for everything about endpoints
    #[arg(long)]
    act: Option<String>,
    /// Only one actor, as in "account acc_…"
    #[arg(long)]
    actor: Option<String>,
    /// Entries to show, newest first
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print the entries as JSON lines
    #[arg(long)]
    json: bool,
    /// Check the whole log instead of showing it
    #[arg(long, conflicts_with_all = ["organization", "act", "actor", "json"])]
    verify: bool,
}

/// Runs `tidings audit`.
pub fn run(args: AuditArgs) -> Result<(), Failure> {
    small_runtime()?.block_on(async {
        let mut log = Log::new(&args);
        match args.verify {
            true => verify(&mut log).await,
            false => show(&mut log, &args).await,
        }
    })
}

/// The log, page by page.
struct Log {
    client: Client,
    filter: String,
    cursor: Option<String>,
    ended: bool,
}

impl Log {
    fn new(args: &AuditArgs) -> Self {
        let mut filter = form_urlencoded::Serializer::new(String::new());
        let organization = args.organization.map(|id| id.to_string());
        for (name, value) in [
            ("organization", &organization),
            ("act", &args.act),
            ("actor", &args.actor),
        ] {
            if let Some(value) = value {
                filter.append_pair(name, value);
            }
        }
        filter.append_pair("limit", &PAGE.to_string());
        Self {
            client: Client::new(&args.server),
            filter: filter.finish(),
            cursor: None,
            ended: false,
        }
    }

    /// The next entries; none at the end.
    async fn page(&mut self) -> Result<Vec<Value>, Failure> {
        if self.ended {
            return Ok(Vec::new());
        }
        let cursor = self.cursor.take();
        let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/v1/audit?{}{cursor}", self.filter);
        let mut page = self.client.call(Method::GET, &path, None).await?.ok()?;
        let next = page.get("next_cursor").and_then(Value::as_str);
        self.cursor = next.map(str::to_owned);
        self.ended = self.cursor.is_none();
        match page.get_mut("data").map(Value::take) {
            Some(Value::Array(entries)) => Ok(entries),
            _ => Err(Failure::Failed(String::from("the server answered no list"))),
        }
    }
}

async fn show(log: &mut Log, args: &AuditArgs) -> Result<(), Failure> {
    let mut left = args.limit;
    while left > 0 {
        let page = log.page().await?;
        if page.is_empty() {
            break;
        }
        for entry in page.iter().take(left) {
            say(&if args.json {
                entry.to_string()
            } else {
                line(entry)
            })?;
        }
        left = left.saturating_sub(page.len());
    }
    Ok(())
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("-");
    let why = entry.get("after").filter(|_| text("outcome") == "refused");
    let refused = why.map_or_else(String::new, |why| format!(" REFUSED {why}"));
    plain(&format!(
        "{}  {}  {}  by {} from {}{refused}",
        text("at"),
        text("act"),
        text("subject"),
        text("actor"),
        text("address")
    ))
}

/// Nothing that a terminal would act on.
fn plain(text: &str) -> String {
    crate::telemetry::one_line(text, false).into_owned()
}

async fn verify(log: &mut Log) -> Result<(), Failure> {
    let (mut inspection, mut oldest, mut wrong) = (Inspection::default(), None, 0_usize);
    loop {
        let page = log.page().await?;
        if page.is_empty() {
            break;
        }
        for shown in &page {
            let entry = read(shown).ok_or_else(|| {
                Failure::Failed(format!("an entry of the log cannot be read: {shown}"))
            })?;
            if let Some(found) = inspection.meet(&entry) {
                wrong += 1;
                say(&format!("WRONG: {found}"))?;
            }
            oldest = Some(entry.at);
        }
    }
    for found in inspection.end() {
        wrong += 1;
        say(&format!("WRONG: {found}"))?;
    }
    let Inspection {
        seen,
        unlinked,
        erased,
        newest,
        ..
    } = inspection;
    if unlinked > 0 {
        note(&format!(
            "{unlinked} entries are from before there were digests"
        ));
    }
    if erased > 0 {
        note(&format!(
            "{erased} entries are of organizations that were erased: what was taken out of them cannot be checked"
        ));
    }
    if wrong > 0 {
        return Err(Failure::Failed(format!(
            "the audit log was changed: {wrong} places of {seen} entries"
        )));
    }
    say(&format!(
        "whole: {seen} entries{}",
        oldest.map_or_else(String::new, |at| format!(", the oldest of {at}"))
    ))?;
    for (chain, (id, digest)) in newest {
        say(&format!(
            "chain {chain}: the newest is {id}, digest {}",
            digest
        ))?;
    }
    Ok(())
}

/// An entry as the API shows it.
fn read(shown: &Value) -> Option<Entry> {
    let text = |name: &str| shown.get(name)?.as_str().map(str::to_owned);
    let value = |name: &str| shown.get(name).filter(|value| !value.is_null()).cloned();
    let link = match shown.get("chain")?.as_u64() {
        None => None,
        Some(chain) => Some(Link {
            chain: u8::try_from(chain).ok()?,
            previous: EntryDigest::parse(&text("previous")?)?,
            digest: EntryDigest::parse(&text("digest")?)?,
            form: match text("erasable_digest") {
                None => Form::Whole,
                Some(digest) => Form::Parted {
                    erasable: EntryDigest::parse(&digest)?,
                    salt: match text("salt") {
                        None => None,
                        Some(salt) => Some(Salt::parse(&salt)?),
                    },
                },
            },
        }),
    };
    let organization = match shown.get("organization_id")?.as_i64() {
        Some(id) => Some(OrganizationId::new(id)?),
        None => None,
    };
    Some(Entry {
        id: text("id")?.parse().ok()?,
        at: Timestamp::parse_rfc3339(&text("at")?)?,
        actor: text("actor")?,
        address: text("address"),
        request_id: text("request_id"),
        organization,
        act: text("act")?,
        subject: text("subject")?,
        outcome: ActOutcome::named(&text("outcome")?)?,
        before: value("before"),
        after: value("after"),
        erased: shown
            .get("erased")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        link,
    })
}
