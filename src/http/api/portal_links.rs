//! Portal links: a platform's own admin area leads to one organization's webhooks in the console, without a second login.

use super::super::code::Code;
use super::super::console::new_token;
use super::super::fields::{Fields, Read, Value, known, wrong};
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::done;
use super::show::time;
use crate::store::Reach;
use crate::store::accounts::{Grant, NewLink, Purpose, Role};
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use tidings_core::id::LinkId;
use tidings_core::limits::{OPEN_LINKS, PORTAL_LINK_DEFAULT, PORTAL_LINK_MAX, URL_BYTES};
use utoipa::ToSchema;

/// A portal link to make.
#[derive(Debug, ToSchema)]
#[schema(as = PortalLinkInput)]
pub(in crate::http) struct Input {
    /// `administrator` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// How long the link may be used: 10 to 3600, default 300.
    #[schema(minimum = 10, maximum = 3_600, default = 300)]
    expires_in_seconds: Option<u64>,
    /// Where "Back to your platform" leads; an http or https URL.
    #[schema(max_length = 2048)]
    return_url: Option<String>,
}

/// A portal link. It works once; what it opens lasts at most 12 hours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PortalLink)]
pub(in crate::http) struct PortalLinkShown {
    id: String,
    /// The link itself; in this answer only.
    url: String,
    role: &'static str,
    organization_id: i64,
    expires_at: String,
}

const ROLES: [(&str, Role); 2] = [
    ("administrator", Role::Administrator),
    ("viewer", Role::Viewer),
];

/// As an address is written, not as it was given: nothing in it is a control character then, which a browser would pass by
/// and a database need not keep.
fn read_return_url(value: Value<'_>) -> Read<String> {
    let text = value.string()?;
    let url = url::Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .map(String::from)
        .filter(|url| text.len() <= URL_BYTES && url.len() <= URL_BYTES);
    match url {
        Some(url) => Ok(url),
        None => wrong(
            Code::InvalidUrl,
            format!("An http or https URL of at most {URL_BYTES} bytes."),
        ),
    }
}

fn read(body: &[u8]) -> Result<Input, Problem> {
    let mut fields = Fields::of(body, known(&["role", "expires_in_seconds", "return_url"]))?;
    let most = i64::try_from(PORTAL_LINK_MAX).unwrap_or(i64::MAX);
    let role = fields.required("role", |value| value.choice(&ROLES));
    let expires_in_seconds =
        fields.optional("expires_in_seconds", |value| value.integer(10..=most));
    let return_url = fields.optional("return_url", read_return_url);
    fields.finish(role.map(|role| Input {
        role,
        expires_in_seconds: expires_in_seconds.map(i64::unsigned_abs),
        return_url,
    }))
}

/// What is said when as many links are open as may be.
pub(in crate::http) fn too_many_links() -> Problem {
    Problem::new(
        Code::LimitReached,
        format!(
            "{OPEN_LINKS} links wait to be used, the limit. Revoke some, or wait until they are over."
        ),
    )
}

/// Make a short-lived, single-use link into the console for one organization and one role.
#[utoipa::path(post, path = "/v1/organizations/{org}/portal-links", tag = "portal links", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number")),
    request_body = Input,
    responses((status = 201, description = "Made; send the browser there, not into a frame", body = PortalLinkShown)))]
pub(in crate::http) async fn post_portal_link(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let input = read(&call.json()?)?;
    let seconds = input.expires_in_seconds.unwrap_or(PORTAL_LINK_DEFAULT);
    let (token, hash) = new_token()?;
    let new = NewLink {
        hash,
        purpose: Purpose::Portal {
            grant: Grant {
                organization,
                role: input.role,
            },
            return_url: input.return_url,
        },
        expires_at: call.api.clock.now().plus(Duration::from_secs(seconds)),
    };
    let made = call.api.store.create_link(new, call.actor()).await?;
    let link = made.ok_or_else(too_many_links)?;
    let base = call.api.console.base(&call.head.headers);
    let shown = PortalLinkShown {
        id: link.id.to_string(),
        url: format!("{}/admin/portal/{}", base, *token),
        role: input.role.name(),
        organization_id: organization.get(),
        expires_at: time(link.expires_at),
    };
    Reply::json(StatusCode::CREATED, &shown)
}

/// Revoke a portal link, and end what it opened, at once.
#[utoipa::path(delete, path = "/v1/organizations/{org}/portal-links/{lnk}", tag = "portal links", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("lnk" = String, Path, description = "The link's id")),
    responses((status = 204, description = "Revoked")))]
pub(in crate::http) async fn delete_portal_link(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let missing = || Problem::missing(Code::NoSuchPortalLink, "portal link", call.param(1));
    let id: LinkId = call.id(1, missing())?;
    let store = &call.api.store;
    let reach = Reach::One(organization);
    let changed = store.revoke_link(reach, id, call.actor()).await?;
    done(changed, missing)?;
    Ok(Reply::done())
}
