//! The table of routes, and what a handler is given.

use super::Shared;
use super::api::{
    audit, batch, compare, deliveries, endpoints, erasures, event_types, events, health, keys,
    metrics, openapi, organizations, portal_links, replays, secrets, stats, test_send,
};
use super::auth::{Caller, actor, no_organization};
use super::body::BodyRule;
use super::code::Code;
use super::problem::{Problem, cut};
use super::query::Query;
use super::reply::{Reply, RequestId};
use super::suggest::nearest;
use crate::store::Actor;
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tidings_core::id::{EndpointId, IdError, OrganizationId};
use tidings_core::json;
use tidings_core::limits::{BATCH_BYTES, EVENT_BYTES};

/// Bytes of a body that is no event and no batch: a type with its schema and example is the largest.
const SETTINGS_BYTES: usize = 256 * 1024;

/// Who may use a route at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// No key is asked for.
    Anyone,
    /// A key in force; what it may do is the handler's question.
    Key,
}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// One method on one path.
pub(super) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub body: BodyRule,
    pub handler: fn(Call) -> Answer,
}

macro_rules! routes {
    ($($method:ident $path:literal $access:ident $body:expr => $handler:path;)*) => {
        /// Every route; the one that must be fast stands first.
        pub(super) static ROUTES: &[Route] = &[$(Route {
            method: Method::$method,
            path: $path,
            access: Access::$access,
            body: $body,
            handler: |call| Box::pin($handler(call)),
        },)*];
    };
}

const NONE: BodyRule = BodyRule::None;
const SETTINGS: BodyRule = BodyRule::Json(SETTINGS_BYTES);
const MAYBE: BodyRule = BodyRule::Optional(SETTINGS_BYTES);

routes! {
    POST "/v1/events" Key BodyRule::Json(EVENT_BYTES) => events::post_event;
    POST "/v1/events/batch" Key BodyRule::Json(BATCH_BYTES) => batch::post_events;
    GET "/v1/events/{evt}" Key NONE => events::get_event;
    DELETE "/v1/events/{evt}" Key NONE => erasures::erase_event;
    GET "/v1/erasures/{ers}" Key NONE => erasures::get_erasure;
    GET "/v1/organizations" Key NONE => organizations::list_organizations;
    GET "/v1/organizations/{org}" Key NONE => organizations::get_organization;
    PUT "/v1/organizations/{org}" Key SETTINGS => organizations::put_organization;
    DELETE "/v1/organizations/{org}" Key NONE => organizations::delete_organization;
    PUT "/v1/organizations/{org}/webhooks" Key SETTINGS => organizations::put_webhooks;
    GET "/v1/organizations/{org}/events" Key NONE => events::list_events;
    GET "/v1/organizations/{org}/deliveries" Key NONE => deliveries::list_deliveries;
    GET "/v1/organizations/{org}/endpoints" Key NONE => endpoints::list_endpoints;
    POST "/v1/organizations/{org}/endpoints" Key SETTINGS => endpoints::post_endpoint;
    GET "/v1/organizations/{org}/endpoints/{ep}" Key NONE => endpoints::get_endpoint;
    PATCH "/v1/organizations/{org}/endpoints/{ep}" Key SETTINGS => endpoints::patch_endpoint;
    DELETE "/v1/organizations/{org}/endpoints/{ep}" Key NONE => endpoints::delete_endpoint;
    GET "/v1/organizations/{org}/endpoints/{ep}/secret" Key NONE => secrets::get_secret;
    POST "/v1/organizations/{org}/endpoints/{ep}/secret/rotate" Key MAYBE => secrets::rotate_secret;
    POST "/v1/organizations/{org}/endpoints/{ep}/secret/confirm" Key MAYBE => secrets::confirm_secret;
    POST "/v1/organizations/{org}/endpoints/{ep}/headers/compare" Key SETTINGS => compare::compare_headers;
    POST "/v1/organizations/{org}/endpoints/{ep}/test" Key SETTINGS => test_send::test_endpoint;
    POST "/v1/organizations/{org}/endpoints/{ep}/replay" Key SETTINGS => replays::post_replay;
    GET "/v1/organizations/{org}/endpoints/{ep}/replay/{rpl}" Key NONE => replays::get_replay;
    DELETE "/v1/organizations/{org}/endpoints/{ep}/replay/{rpl}" Key NONE => replays::delete_replay;
    GET "/v1/organizations/{org}/stats" Key NONE => stats::organization_stats;
    GET "/v1/organizations/{org}/endpoints/{ep}/stats" Key NONE => stats::endpoint_stats;
    POST "/v1/organizations/{org}/portal-links" Key SETTINGS => portal_links::post_portal_link;
    DELETE "/v1/organizations/{org}/portal-links/{lnk}" Key NONE => portal_links::delete_portal_link;
    GET "/v1/event-types" Key NONE => event_types::list_event_types;
    GET "/v1/event-types/{type}" Key NONE => event_types::get_event_type;
    PUT "/v1/event-types/{type}" Key SETTINGS => event_types::put_event_type;
    GET "/v1/deliveries/{dlv}" Key NONE => deliveries::get_delivery;
    POST "/v1/deliveries/{dlv}/retry" Key MAYBE => deliveries::retry_delivery;
    GET "/v1/organizations/{org}/audit" Key NONE => audit::list_organization_audit;
    GET "/v1/audit" Key NONE => audit::list_audit;
    GET "/v1/keys" Key NONE => keys::list_keys;
    POST "/v1/keys" Key SETTINGS => keys::post_key;
    DELETE "/v1/keys/{key}" Key NONE => keys::delete_key;
    GET "/healthz" Anyone NONE => health::get_healthz;
    GET "/readyz" Anyone NONE => health::get_readyz;
    GET "/metrics" Key NONE => metrics::get_metrics;
    GET "/openapi.json" Anyone NONE => openapi::get_openapi;
}

/// An organization's number as it stands in a path.
fn organization(text: &str) -> Option<OrganizationId> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number = text.parse().ok().filter(|_| plain)?;
    OrganizationId::new(number)
}

impl Route {
    /// Whether it answers in JSON when all is well; only figures have a form of their own.
    pub fn answers_json(&self) -> bool {
        self.path != "/metrics"
    }

    /// The organization that a path of this route names, if the caller may know of it.
    pub fn of(&self, params: &[String], caller: Caller) -> Option<OrganizationId> {
        let named = self.path.starts_with("/v1/organizations/{org}");
        let id = organization(params.first().filter(|_| named)?)?;
        caller.sees(id).ok().map(|()| id)
    }
}

/// What stands in a path in place of `{…}`, in order; at most three.
pub(super) type Params = Vec<String>;

/// The route of a request; HEAD is answered as GET.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Params), Problem> {
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let mut allowed: Vec<&str> = Vec::new();
    // A path that is said in full is no id: `/v1/events/batch` is no event.
    let literal = ROUTES.iter().any(|route| route.path == path);
    for route in ROUTES {
        if literal && route.path != path {
            continue;
        }
        if let Some(params) = fit(route.path, path) {
            if route.method == *method {
                return Ok((route, params));
            }
            allowed.push(route.method.as_str());
        }
    }
    if allowed.is_empty() {
        return Err(no_route(method, path));
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let allowed = allowed.join(", ");
    Err(Problem::new(Code::MethodNotAllowed, format!("Allowed here: {allowed}.")).allowing(allowed))
}

fn no_route(method: &Method, path: &str) -> Problem {
    let hint = nearest(path, ROUTES.iter().map(|route| route.path))
        .map_or_else(String::new, |path| format!(" Did you mean {path}?"));
    let shown = cut(path);
    let method = cut(method.as_str());
    Problem::new(
        Code::NoSuchRoute,
        format!("No route {method} {shown}.{hint}"),
    )
}

/// The parameters of `path`, if it has the form of `template`.
pub(super) fn fit(template: &str, path: &str) -> Option<Params> {
    if !template.contains('{') {
        return (template == path).then(Vec::new);
    }
    let mut params = Vec::new();
    let mut given = path.split('/');
    for part in template.split('/') {
        let found = given.next()?;
        if part.starts_with('{') {
            if found.is_empty() {
                return None;
            }
            params.push(found.to_owned());
        } else if part != found {
            return None;
        }
    }
    given.next().is_none().then_some(params)
}

/// One request whose head was checked, whose key was found and whose body was read.
pub(super) struct Call {
    pub api: Arc<Shared>,
    pub caller: Option<Caller>,
    pub params: Params,
    pub head: Parts,
    pub body: Bytes,
    pub request_id: RequestId,
    pub peer: IpAddr,
}

impl Call {
    /// Who asks.
    pub fn caller(&self) -> Result<&Caller, Problem> {
        self.caller
            .as_ref()
            .ok_or_else(|| Problem::internal(&"a route without a key asked for its caller"))
    }

    /// Who asks, for the audit log.
    pub fn actor(&self) -> Actor {
        actor(self.caller.as_ref(), self.peer, self.request_id)
    }

    /// The parameter at that place of the path.
    pub fn param(&self, place: usize) -> &str {
        self.params.get(place).map_or("", String::as_str)
    }

    /// The organization in the path, whoever may see it.
    pub fn organization(&self) -> Result<OrganizationId, Problem> {
        let text = self.param(0);
        organization(text).ok_or_else(|| no_organization(text))
    }

    /// The organization in the path, which exists and which the caller may look at.
    pub fn seen(&self) -> Result<OrganizationId, Problem> {
        let id = self.organization()?;
        self.caller()?.sees(id)?;
        self.existing(id)
    }

    /// The organization in the path, which exists and which the caller may change.
    pub fn administered(&self) -> Result<OrganizationId, Problem> {
        let id = self.organization()?;
        self.caller()?.administers(id)?;
        self.existing(id)
    }

    fn existing(&self, id: OrganizationId) -> Result<OrganizationId, Problem> {
        match self.api.store.organization(id) {
            Some(_) => Ok(id),
            None => Err(no_organization(self.param(0))),
        }
    }

    /// The endpoint in the path.
    pub fn endpoint(&self) -> Result<EndpointId, Problem> {
        let text = self.param(1);
        self.id(1, Problem::missing(Code::NoSuchEndpoint, "endpoint", text))
    }

    /// An id in the path; `missing` is said of what is none.
    pub fn id<T>(&self, place: usize, missing: Problem) -> Result<T, Problem>
    where
        T: std::str::FromStr<Err = IdError>,
    {
        let text = self.param(place);
        text.parse().map_err(|error| match error {
            IdError::WrongKind { .. } => {
                Problem::new(Code::WrongIdKind, format!("`{}`: {error}.", cut(text)))
            }
            IdError::Malformed { .. } => missing,
        })
    }

    /// The query, which may have these parameters.
    pub fn query(&self, known: &[&str]) -> Result<Query<'_>, Problem> {
        Query::of(self.head.uri.path(), self.head.uri.query(), known)
    }

    /// That there is no query.
    pub fn no_query(&self) -> Result<(), Problem> {
        self.query(&[])?.finish(())
    }

    /// The body as compact JSON.
    pub fn json(&self) -> Result<Vec<u8>, Problem> {
        Ok(json::compact(&self.body, json::Limits::default())?)
    }

    /// As [`Call::json`]; nothing stands for an object without members.
    pub fn json_or_nothing(&self) -> Result<Vec<u8>, Problem> {
        if self.body.is_empty() {
            return Ok(b"{}".to_vec());
        }
        self.json()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn paths_fit_their_templates_only() {
        for (template, path, wanted) in [
            ("/v1/keys/{key}", "/v1/keys/key_1", Some(vec!["key_1"])),
            ("/v1/keys/{key}", "/v1/keys/", None),
            ("/v1/keys/{key}", "/v1/keys", None),
            ("/v1/keys/{key}", "/v1/keys/a/b", None),
            ("/v1/keys", "/v1/keys/", None),
            ("/a/{b}/c/{d}", "/a/1/c/2", Some(vec!["1", "2"])),
        ] {
            let wanted = wanted.map(|params| params.into_iter().map(str::to_owned).collect());
            assert_eq!(fit(template, path), wanted, "{template} {path}");
        }
    }

    #[test]
    fn a_near_miss_is_named_and_a_method_has_its_allow() {
        let missed = find(&Method::POST, "/v1/evnts").err().unwrap();
        assert_eq!(missed.code(), Code::NoSuchRoute);
        let detail = missed.shown(None);
        let text = serde_json::to_string(&detail).unwrap();
        assert!(text.contains("Did you mean /v1/events?"), "{text}");
        for (method, path) in [
            (Method::PUT, "/v1/events"),
            (Method::GET, "/v1/events/batch"),
        ] {
            let wrong = find(&method, path).err().unwrap();
            assert_eq!(wrong.code(), Code::MethodNotAllowed, "{path}");
            assert_eq!(wrong.detail(), "Allowed here: POST.", "{path}");
        }
    }
}
