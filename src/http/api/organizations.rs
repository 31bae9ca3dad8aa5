//! Organizations: their add-ons, set by the platform, and their webhooks switch, set by their administrators.

use super::super::auth::no_organization;
use super::super::code::Code;
use super::super::fields::{Fields, Read, Value, known, wrong};
use super::super::problem::{ECHO_CHARS, Problem};
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::route::Call;
use super::endpoint_input::{Held, read_held, switch_change};
use super::erasures::{ErasureShown, begun};
use super::show::time;
use super::{List, done, list};
use crate::store::Reach;
use crate::store::directory::{OrganizationChange, Page};
use crate::store::retention::Retention;
use http::StatusCode;
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;
use tidings_core::limits::TEXT_CHARS;
use tidings_core::organization::{AddOn, AddOns, KeptDays, Organization};
use utoipa::ToSchema;

/// Days that anything may be kept.
const LONGEST_DAYS: i64 = 36_500;

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Organization)]
pub(in crate::http) struct OrganizationShown {
    /// The number that goes on the wire.
    id: i64,
    name: String,
    #[schema(required = true)]
    slug: Option<String>,
    /// `crm_integrations`, `api_access`.
    add_ons: Vec<&'static str>,
    /// Whether an add-on grants webhooks at all.
    webhooks_available: bool,
    /// The feature switch.
    webhooks_enabled: bool,
    /// How long its own events are kept.
    retention: RetentionShown,
    created_at: String,
    updated_at: String,
}

/// How long an organization's own events are kept, in days; null is as the server says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retention)]
pub(in crate::http) struct RetentionShown {
    /// Bodies.
    #[schema(minimum = 1, maximum = 36_500)]
    bodies_days: Option<u32>,
    /// Events, deliveries and attempts; at least as long as bodies.
    #[schema(minimum = 1, maximum = 36_500)]
    attempts_days: Option<u32>,
}

fn show(organization: &Organization) -> OrganizationShown {
    OrganizationShown {
        id: organization.id.get(),
        name: organization.name.clone(),
        slug: organization.slug.clone(),
        add_ons: organization.add_ons.iter().map(AddOn::name).collect(),
        webhooks_available: organization.add_ons.grant_webhooks(),
        webhooks_enabled: organization.webhooks.is_on(),
        retention: RetentionShown {
            bodies_days: organization.kept.bodies,
            attempts_days: organization.kept.attempts,
        },
        created_at: time(organization.created_at),
        updated_at: time(organization.updated_at),
    }
}

/// An organization to create or change.
#[derive(Debug, ToSchema)]
#[schema(as = OrganizationInput)]
pub(in crate::http) struct Input {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Larkspur Commons")]
    name: String,
    /// The platform's short name; left out it stays.
    #[schema(pattern = "^[a-z0-9-]{1,64}$")]
    slug: Option<String>,
    /// All add-ons it now has: `crm_integrations`, `api_access`.
    #[schema(value_type = Vec<String>, max_items = 2, example = json!(["api_access"]))]
    add_ons: AddOns,
    /// How long its own events are kept, 1 to 36500 days each; null or left out in it is as the server says, left out as a
    /// whole it stays.
    #[schema(value_type = Option<RetentionShown>)]
    retention: Option<KeptDays>,
    /// Of a number whose organization was deleted and not erased: bring it back, with its history. Without it the answer is
    /// 409 `organization_deleted`.
    #[schema(value_type = Option<bool>)]
    restore: bool,
}

fn read_add_on(value: Value<'_>) -> Read<AddOn> {
    value.choice(&AddOn::ALL.map(|add_on| (add_on.name(), add_on)))
}

fn read_slug(value: Value<'_>) -> Read<String> {
    let slug = value.string()?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=ECHO_CHARS).contains(&slug.len()) && slug.bytes().all(plain) {
        Ok(slug)
    } else {
        wrong(Code::InvalidText, "1 to 64 of a-z, 0-9 and -.")
    }
}

fn read_kept(value: Value<'_>) -> Read<KeptDays> {
    let mut fields = Fields::read(value.object()?, known(&["bodies_days", "attempts_days"]))?;
    let mut days = |name: &str| {
        let days = fields.optional(name, |value| {
            value.or_null(|value| value.integer(1..=LONGEST_DAYS))
        });
        days.flatten().and_then(|days| u32::try_from(days).ok())
    };
    let kept = KeptDays {
        bodies: days("bodies_days"),
        attempts: days("attempts_days"),
    };
    fields.finish_inside(kept)
}

/// A body is never kept longer than its event, whoever said how long.
fn check_kept(kept: KeptDays, server: Option<Retention>) -> Result<(), Problem> {
    let days = |kept: Duration| u32::try_from(kept.as_secs() / 86_400).unwrap_or(u32::MAX);
    let of_server = |pick: fn(Retention) -> Duration| server.map(|rule| days(pick(rule)));
    let said = |own: Option<u32>| if own.is_some() { "" } else { ", the server's" };
    let bodies = kept.bodies.or(of_server(|rule| rule.bodies));
    let attempts = kept.attempts.or(of_server(|rule| rule.records));
    match bodies.zip(attempts) {
        Some((bodies, attempts)) if attempts < bodies => Err(Problem::field(
            String::from("/retention"),
            Code::InvalidRange,
            format!(
                "A body is not kept longer than its event: bodies_days ({bodies}{}) is at most attempts_days ({attempts}{}).",
                said(kept.bodies),
                said(kept.attempts)
            ),
        )),
        _ => Ok(()),
    }
}

fn read(body: &[u8]) -> Result<Input, Problem> {
    let mut fields = Fields::of(
        body,
        known(&["name", "slug", "add_ons", "retention", "restore"]),
    )?;
    let name = fields.required("name", |value| value.words(1..=TEXT_CHARS));
    let slug = fields.optional("slug", read_slug);
    let add_ons = fields.required("add_ons", |value| value.list(AddOn::ALL.len(), read_add_on));
    let retention = fields.optional("retention", |value| {
        Ok(value.or_null(read_kept)?.unwrap_or_default())
    });
    let restore = fields.optional("restore", Value::boolean);
    let made = name.zip(add_ons).map(|(name, add_ons)| Input {
        name,
        slug,
        retention,
        restore: restore.unwrap_or(false),
        add_ons: add_ons.into_iter().collect(),
    });
    fields.finish(made)
}

/// Create an organization, or change it.
#[utoipa::path(put, path = "/v1/organizations/{org}", tag = "organizations", security(("key" = ["operator"])),
    params(("org" = i64, Path, description = "The organization's number, 1 to 2^53 - 1")),
    request_body = Input,
    responses((status = 200, description = "Changed", body = OrganizationShown), (status = 201, description = "Created", body = OrganizationShown),
        (status = 409, description = "being_erased, organization_deleted")))]
pub(in crate::http) async fn put_organization(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    call.no_query()?;
    let id = call.organization()?;
    let input = read(&call.json()?)?;
    let change = OrganizationChange {
        name: input.name,
        slug: input.slug,
        add_ons: input.add_ons,
        kept: input.retention,
        restore: input.restore,
    };
    let store = &call.api.store;
    if let Some(kept) = change.kept {
        check_kept(kept, store.retention())?;
    }
    let status = match store.organization(id) {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    let organization = store.put_organization(id, change, call.actor()).await?;
    Reply::json(status, &show(&organization))
}

/// One organization.
#[utoipa::path(get, path = "/v1/organizations/{org}", tag = "organizations", security(("key" = ["viewer"])),
    params(("org" = i64, Path, description = "The organization's number")),
    responses((status = 200, description = "The organization", body = OrganizationShown)))]
pub(in crate::http) async fn get_organization(call: Call) -> Result<Reply, Problem> {
    call.no_query()?;
    let id = call.seen()?;
    match call.api.store.organization(id) {
        Some(organization) => Reply::ok(&show(&organization)),
        None => Err(no_organization(call.param(0))),
    }
}

/// Reads the part of a name that is looked for.
pub(in crate::http) fn read_name(query: &mut Query<'_>) -> Option<String> {
    query.optional("name", |text| match text.chars().count() {
        1..=TEXT_CHARS => Ok(text.to_owned()),
        _ => {
            let detail = format!("1 to {TEXT_CHARS} characters.");
            Err((Code::InvalidText, Cow::Owned(detail)))
        }
    })
}

/// Organizations within reach, by number.
#[utoipa::path(get, path = "/v1/organizations", tag = "organizations", security(("key" = ["viewer"])),
    params(("name" = Option<String>, Query, description = "With this in their name, in whatever case"),
        ("limit" = Option<u8>, Query, description = "1 to 100, default 50"), ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "A page; with `name` it may be short and still have a `next_cursor`", body = List<OrganizationShown>)))]
pub(in crate::http) async fn list_organizations(call: Call) -> Result<Reply, Problem> {
    let reach = call.caller()?.reach()?;
    let mut query = call.query(&["name", "limit", "cursor"])?;
    let name = read_name(&mut query);
    let (request, cursors) = query.page()?;
    let store = &call.api.store;
    let page = match reach {
        Reach::All => store.organizations(name.as_deref(), &request),
        Reach::One(own) => Page {
            items: store
                .organization(own)
                .filter(|found| name.is_none_or(|name| found.is_called(&name.to_lowercase())))
                .into_iter()
                .collect(),
            next: None,
        },
    };
    list(page, cursors, |organization| show(&organization))
}

/// Delete an organization and its endpoints; what waits is cancelled. Its history stays for as long as it is kept, so that
/// what was sent until then can be accounted for; with `erase=true` everything of it goes, for good.
#[utoipa::path(delete, path = "/v1/organizations/{org}", tag = "organizations", security(("key" = ["operator"])),
    params(("org" = i64, Path, description = "The organization's number"),
        ("erase" = Option<bool>, Query, description = "`true`: erase everything of it; also of one that was deleted before")),
    responses((status = 204, description = "Deleted"), (status = 202, description = "Deleted, and being erased", body = ErasureShown)))]
pub(in crate::http) async fn delete_organization(call: Call) -> Result<Reply, Problem> {
    call.caller()?.operates()?;
    let mut query = call.query(&["erase"])?;
    let erase = query.choice("erase", &[("true", true), ("false", false)]);
    query.finish(())?;
    let id = call.organization()?;
    if erase == Some(true) {
        let erasure = call.api.store.erase_organization(id, call.actor()).await?;
        return begun(erasure, || no_organization(call.param(0)));
    }
    let changed = call.api.store.delete_organization(id, call.actor()).await?;
    done(changed, || no_organization(call.param(0)))?;
    Ok(Reply::done())
}

/// The feature switch.
#[derive(Debug, ToSchema)]
#[schema(as = WebhooksInput)]
pub(in crate::http) struct WebhooksInput {
    /// Off holds what waits and makes nothing new.
    #[schema(example = true)]
    enabled: bool,
    /// With `enabled: true`: `send` (default) or `discard` what was held. What an endpoint holds that is off itself stays held.
    #[schema(value_type = Option<String>)]
    held: Option<Held>,
}

/// Turn an organization's webhooks on or off.
#[utoipa::path(put, path = "/v1/organizations/{org}/webhooks", tag = "organizations", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number")),
    request_body = WebhooksInput,
    responses((status = 200, description = "As it is now", body = OrganizationShown), (status = 403, description = "add_on_required")))]
pub(in crate::http) async fn put_webhooks(call: Call) -> Result<Reply, Problem> {
    let id = call.administered()?;
    call.no_query()?;
    let body = call.json()?;
    let mut fields = Fields::of(&body, known(&["enabled", "held"]))?;
    let enabled = fields.required("enabled", Value::boolean);
    let held = read_held(&mut fields, enabled);
    let input = fields.finish(enabled.map(|enabled| WebhooksInput { enabled, held }))?;
    let change = switch_change(input.enabled, input.held);
    let changed = call
        .api
        .store
        .set_webhooks(id, change, call.actor())
        .await?;
    let organization = done(changed, || no_organization(call.param(0)))?;
    Reply::ok(&show(&organization))
}
