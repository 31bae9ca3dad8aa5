//! The audit log: who did what, when, from where (S23).

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::query::{CursorText, Query};
use super::super::reply::Reply;
use super::super::route::Call;
use super::show::time;
use super::{List, list};
use crate::store::audit::{AuditFilter, Entry, Form};
use crate::store::directory::PageRequest;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use tidings_core::id::OrganizationId;
use utoipa::ToSchema;

/// Parameters that both lists have.
const FILTERS: [&str; 6] = ["act", "actor", "from", "to", "limit", "cursor"];
/// Characters of an act's name or an actor.
const NAME_CHARS: usize = 64;

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(in crate::http) struct EntryShown {
    id: String,
    at: String,
    /// `key key_…`, `account acc_…`, `portal link lnk_…`, `server` or `anyone`.
    actor: String,
    #[schema(required = true)]
    address: Option<String>,
    #[schema(required = true)]
    request_id: Option<String>,
    #[schema(required = true)]
    organization_id: Option<i64>,
    /// What was done or asked for, as in `endpoint.create`.
    act: String,
    /// To what: an id, a type, or a method and a path.
    subject: String,
    /// `done` or `refused`.
    outcome: &'static str,
    /// How it was; secrets masked.
    #[schema(required = true)]
    before: Option<Value>,
    /// How it is; of a refused act, why.
    #[schema(required = true)]
    after: Option<Value>,
    /// Whether the erasure of its organization took address, before, after and salt out of it; the erasure stands on the log
    /// as `organization.erase`.
    erased: bool,
    /// Which chain of digests it stands in; null in entries from before there were chains.
    #[schema(required = true)]
    chain: Option<u8>,
    /// The digest of the entry before it in its chain, 64 hex digits.
    #[schema(required = true)]
    previous: Option<String>,
    /// SHA-256 of the 32 bytes of `previous` and the compact JSON array of id, at, actor, request_id, organization_id, act,
    /// subject, outcome and erasable_digest; where that is null, of id, at, actor, address, request_id, organization_id, act,
    /// subject, outcome, before and after. Object keys are sorted; 64 hex digits.
    #[schema(required = true)]
    digest: Option<String>,
    /// SHA-256 of the 16 bytes of `salt` and the compact JSON array of address, before and after, object keys sorted; 64 hex
    /// digits. It stays when they are erased; null in entries of older versions.
    #[schema(required = true)]
    erasable_digest: Option<String>,
    /// Random bytes, 32 hex digits; gone with what an erasure takes out, so that nobody finds it by trying.
    #[schema(required = true)]
    salt: Option<String>,
}

fn show(entry: Entry) -> EntryShown {
    let (erasable, salt) = match entry.link.map(|link| link.form) {
        Some(Form::Parted { erasable, salt }) => (Some(erasable), salt),
        Some(Form::Whole) | None => (None, None),
    };
    EntryShown {
        id: entry.id.to_string(),
        at: time(entry.at),
        actor: entry.actor,
        address: entry.address,
        request_id: entry.request_id,
        organization_id: entry.organization.map(OrganizationId::get),
        act: entry.act,
        subject: entry.subject,
        outcome: entry.outcome.name(),
        before: entry.before,
        after: entry.after,
        erased: entry.erased,
        chain: entry.link.map(|link| link.chain),
        previous: entry.link.map(|link| link.previous.to_string()),
        digest: entry.link.map(|link| link.digest.to_string()),
        erasable_digest: erasable.map(|digest| digest.to_string()),
        salt: salt.map(|salt| salt.to_string()),
    }
}

/// Reads the filters; what is wrong comes out with the page.
pub(in crate::http) fn read_filter(query: &mut Query<'_>) -> AuditFilter {
    let mut name = |name: &str, fits: fn(char) -> bool, words: &'static str| {
        query.optional(name, |text| {
            let good = (1..=NAME_CHARS).contains(&text.len()) && text.chars().all(fits);
            match good {
                true => Ok(text.to_owned()),
                false => Err((Code::InvalidText, Cow::Borrowed(words))),
            }
        })
    };
    let act = name(
        "act",
        |c| matches!(c, 'a'..='z' | '_' | '.'),
        "As in endpoint.create, or endpoint. for everything about endpoints.",
    );
    let actor = name(
        "actor",
        |c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' '),
        "As in `key key_…` or `account acc_…`.",
    );
    let (from, to) = (query.time("from"), query.time("to"));
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        query.refuse("to", Code::InvalidRange, "`to` must be later than `from`.");
    }
    AuditFilter {
        organization: None,
        act,
        actor,
        from,
        to,
    }
}

async fn page(
    call: &Call,
    filter: AuditFilter,
    (request, cursors): (PageRequest, CursorText),
) -> Result<Reply, Problem> {
    let page = call.api.store.audit(filter, request).await?;
    list(page, cursors, show)
}

/// The audit log, newest first. For operators.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", security(("key" = ["operator"])),
    params(
        ("organization" = Option<i64>, Query, description = "Only what belongs to this organization"),
        ("act" = Option<String>, Query, description = "As in endpoint.create, or endpoint. for everything about endpoints"),
        ("actor" = Option<String>, Query, description = "As in `account acc_…`"),
        ("from" = Option<String>, Query, description = "RFC 3339"), ("to" = Option<String>, Query, description = "RFC 3339"),
        ("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page", body = List<EntryShown>)))]
pub(in crate::http) async fn list_audit(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    let mut known = FILTERS.to_vec();
    known.push("organization");
    let mut query = call.query(&known)?;
    let organization = query.optional("organization", |text| {
        let id = text.parse().ok().and_then(OrganizationId::new);
        id.ok_or((Code::OutOfRange, Cow::Borrowed("1 to 2^53 - 1.")))
    });
    let filter = AuditFilter {
        organization,
        ..read_filter(&mut query)
    };
    page(&call, filter, query.page()?).await
}

/// What was done to an organization's webhooks, newest first. For its administrators.
#[utoipa::path(get, path = "/v1/organizations/{org}/audit", tag = "audit", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"),
        ("act" = Option<String>, Query, description = "As in endpoint.create, or endpoint. for everything about endpoints"),
        ("actor" = Option<String>, Query, description = "As in `account acc_…`"),
        ("from" = Option<String>, Query, description = "RFC 3339"), ("to" = Option<String>, Query, description = "RFC 3339"),
        ("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page", body = List<EntryShown>)))]
pub(in crate::http) async fn list_organization_audit(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    let mut query = call.query(&FILTERS)?;
    let filter = AuditFilter {
        organization: Some(organization),
        ..read_filter(&mut query)
    };
    page(&call, filter, query.page()?).await
}
