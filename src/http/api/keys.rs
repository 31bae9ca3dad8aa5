//! API keys: made, listed, revoked. Operators mind all of them, administrators those of their organization.

use super::super::auth::Caller;
use super::super::code::Code;
use super::super::fields::{Fields, Value, known};
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::intake::{read_organization, unknown_organization};
use super::show::time;
use super::{List, done, list};
use crate::clock::random_bytes;
use crate::store::directory::{ApiKey, CreateKey, NewKey, Scope};
use http::StatusCode;
use serde::Serialize;
use tidings_core::api_key::{KeyKind, KeyText};
use tidings_core::id::{KeyId, OrganizationId};
use tidings_core::limits::{KEYS_PER_ORGANIZATION, TEXT_CHARS};
use tidings_core::time::Timestamp;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A key to make.
#[derive(Debug, ToSchema)]
#[schema(as = KeyInput)]
pub(in crate::http) struct Input {
    /// `operator`, `producer`, `administrator`, `viewer`.
    #[schema(value_type = String)]
    scope: KeyKind,
    /// For administrators and viewers: whose.
    #[schema(value_type = Option<i64>)]
    organization_id: Option<OrganizationId>,
    /// At most 200 characters.
    #[schema(max_length = 200, example = "Reporting")]
    description: Option<String>,
    /// When it ends (RFC 3339); left out, never.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

/// A key's record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(in crate::http) struct KeyShown {
    id: String,
    /// The key itself; in the answer that makes it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<String>,
    scope: &'static str,
    #[schema(required = true)]
    organization_id: Option<i64>,
    description: String,
    created_at: String,
    #[schema(required = true)]
    expires_at: Option<String>,
    /// To the minute; null: never.
    #[schema(required = true)]
    last_used_at: Option<String>,
}

fn show(key: &ApiKey, text: Option<String>, used: Option<Timestamp>) -> KeyShown {
    let (kind, organization) = match key.scope {
        Scope::Operator => (KeyKind::Operator, None),
        Scope::Producer => (KeyKind::Producer, None),
        Scope::Administrator(own) => (KeyKind::Administrator, Some(own)),
        Scope::Viewer(own) => (KeyKind::Viewer, Some(own)),
    };
    KeyShown {
        id: key.id.to_string(),
        key: text,
        scope: kind.name(),
        organization_id: organization.map(OrganizationId::get),
        description: key.description.clone(),
        created_at: time(key.created_at),
        expires_at: key.expires_at.map(time),
        last_used_at: used.map(time),
    }
}

fn read(body: &[u8], now: Timestamp) -> Result<(Input, Scope), Problem> {
    let names = known(&["scope", "organization_id", "description", "expires_at"]);
    let mut fields = Fields::of(body, names)?;
    let kinds = KeyKind::ALL.map(|kind| (kind.name(), kind));
    let kind = fields.required("scope", |value| value.choice(&kinds));
    let organization_id = fields.optional("organization_id", read_organization);
    let description = fields.optional("description", |value| value.words(0..=TEXT_CHARS));
    let expires_at = fields.optional("expires_at", Value::time);
    if expires_at.is_some_and(|end| end <= now) {
        fields.refuse("expires_at", Code::InvalidTime, "Must be in the future.");
    }
    let scope = match (kind, organization_id) {
        (None, _) => None,
        (Some(KeyKind::Operator), None) => Some(Scope::Operator),
        (Some(KeyKind::Producer), None) => Some(Scope::Producer),
        (Some(KeyKind::Administrator), Some(own)) => Some(Scope::Administrator(own)),
        (Some(KeyKind::Viewer), Some(own)) => Some(Scope::Viewer(own)),
        (Some(KeyKind::Operator | KeyKind::Producer), Some(_)) => {
            let detail = "Only administrators and viewers belong to an organization.";
            fields.refuse("organization_id", Code::InvalidValue, detail);
            None
        }
        (Some(KeyKind::Administrator | KeyKind::Viewer), None) => {
            if !fields.has("organization_id") {
                let detail = "`organization_id` is needed for this scope.";
                fields.refuse("organization_id", Code::Required, detail);
            }
            None
        }
    };
    let made = kind.zip(scope).map(|(kind, scope)| {
        let input = Input {
            scope: kind,
            organization_id,
            description,
            expires_at,
        };
        (input, scope)
    });
    fields.finish(made)
}

/// Operators make any key, administrators those of their own organization.
fn may_make(caller: &Caller, scope: Scope) -> Result<(), Problem> {
    match scope {
        Scope::Operator | Scope::Producer => caller.operates(),
        Scope::Administrator(own) | Scope::Viewer(own) => {
            caller.reach_to_change()?;
            caller.sees(own).map_err(|_| unknown_organization())
        }
    }
}

/// Make a key. It is in this answer only.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", security(("key" = ["administrator"])),
    request_body = Input,
    responses((status = 201, description = "Made", body = KeyShown)))]
pub(in crate::http) async fn post_key(call: Call) -> Result<Reply, Problem> {
    let caller = call.caller()?;
    caller.reach_to_change()?;
    call.no_query()?;
    let (input, scope) = read(&call.json()?, call.api.clock.now())?;
    may_make(caller, scope)?;
    let store = &call.api.store;
    if input
        .organization_id
        .is_some_and(|id| store.organization(id).is_none())
    {
        return Err(unknown_organization());
    }
    let random = random_bytes::<32>().map_err(|error| Problem::internal(&error))?;
    let text = KeyText::generated(input.scope, &Zeroizing::new(random));
    let new = NewKey {
        hash: text.hash(),
        scope,
        description: input.description.unwrap_or_default(),
        expires_at: input.expires_at,
    };
    match store.create_key(new, call.actor()).await? {
        CreateKey::Created(key) => {
            let shown = show(&key, Some(text.expose().to_owned()), None);
            Reply::json(StatusCode::CREATED, &shown)
        }
        CreateKey::LimitReached => Err(Problem::new(
            Code::LimitReached,
            format!(
                "This organization has {KEYS_PER_ORGANIZATION} keys in force, its limit. Revoke one first."
            ),
        )),
        CreateKey::Revoked => Err(Problem::internal(&"a key just made was there, revoked")),
    }
}

/// Keys within reach, newest first.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", security(("key" = ["administrator"])),
    params(("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page", body = List<KeyShown>)))]
pub(in crate::http) async fn list_keys(call: Call) -> Result<Reply, Problem> {
    let reach = call.caller()?.reach_to_change()?;
    let (request, cursors) = call.query(&["limit", "cursor"])?.page()?;
    let store = &call.api.store;
    let page = store.keys(reach, &request);
    let used = store
        .last_uses(page.items.iter().map(|key| key.id).collect())
        .await?;
    list(page, cursors, |key| {
        show(&key, None, used.get(&key.id).copied())
    })
}

/// Revoke a key, at once.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "keys", security(("key" = ["administrator"])),
    params(("key" = String, Path, description = "The key's id, never the key itself")),
    responses((status = 204, description = "Revoked")))]
pub(in crate::http) async fn delete_key(call: Call) -> Result<Reply, Problem> {
    let reach = call.caller()?.reach_to_change()?;
    call.no_query()?;
    let missing = || Problem::missing(Code::NoSuchKey, "key", call.param(0));
    let id: KeyId = call.id(0, missing())?;
    let changed = call.api.store.revoke_key(reach, id, call.actor()).await?;
    done(changed, missing)?;
    Ok(Reply::done())
}
