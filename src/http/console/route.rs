//! The console's paths.

use super::super::code::Code;
use super::super::problem::Problem;
use super::visit::Visit;
use super::{
    Outcome, account, assets, audit, catalogue, configuration, deliveries, delivery, docs,
    endpoint, endpoint_form, engine, enter, events, home, keys, login, organizations, overview,
    people, portal, replay, second_factor, second_factor_login, secret, signature, snippets,
    test_send,
};
use http::Method;
use std::future::Future;
use std::pin::Pin;

/// What answers a request.
pub(super) type Handler = fn(Visit) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One method on one path.
pub(super) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub handler: Handler,
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path;)*) => {
        /// Every page and every form.
        pub(super) static ROUTES: &[Route] = &[$(Route {
            method: Method::$method,
            path: $path,
            handler: |visit| Box::pin($handler(visit)),
        },)*];
    };
}

routes! {
    GET "/" home::root;
    GET "/favicon.ico" assets::favicon;
    GET "/docs" docs::get;
    GET "/admin" home::get;
    GET "/admin/assets/{file}" assets::get;
    GET "/admin/login" login::get;
    POST "/admin/login" login::post;
    GET "/admin/login/code" second_factor_login::get;
    POST "/admin/login/code" second_factor_login::post;
    POST "/admin/logout" login::logout;
    GET "/admin/setup/{token}" enter::get;
    POST "/admin/setup/{token}" enter::post;
    GET "/admin/invitation/{token}" enter::get;
    POST "/admin/invitation/{token}" enter::post;
    GET "/admin/password/{token}" enter::get;
    POST "/admin/password/{token}" enter::post;
    GET "/admin/portal/{token}" portal::get;
    POST "/admin/portal/{token}" portal::post;
    GET "/admin/overview" overview::get;
    GET "/admin/integrations/webhooks" configuration::get;
    POST "/admin/integrations/webhooks/switch" configuration::switch;
    GET "/admin/integrations/webhooks/new" endpoint_form::get_new;
    POST "/admin/integrations/webhooks/new" endpoint_form::post_new;
    GET "/admin/integrations/webhooks/{ep}" endpoint::get;
    GET "/admin/integrations/webhooks/{ep}/edit" endpoint_form::get_edit;
    POST "/admin/integrations/webhooks/{ep}/edit" endpoint_form::post_edit;
    POST "/admin/integrations/webhooks/{ep}/switch" endpoint::switch;
    POST "/admin/integrations/webhooks/{ep}/delete" endpoint::delete;
    POST "/admin/integrations/webhooks/{ep}/secret" secret::reveal;
    POST "/admin/integrations/webhooks/{ep}/rotate" secret::rotate;
    POST "/admin/integrations/webhooks/{ep}/confirm" secret::confirm;
    POST "/admin/integrations/webhooks/{ep}/test" test_send::post;
    GET "/admin/integrations/webhooks/{ep}/code" snippets::get;
    GET "/admin/integrations/webhooks/{ep}/replay" replay::get_new;
    POST "/admin/integrations/webhooks/{ep}/replay" replay::post;
    GET "/admin/integrations/webhooks/{ep}/replay/{rpl}" replay::get;
    POST "/admin/integrations/webhooks/{ep}/replay/{rpl}/stop" replay::stop;
    GET "/admin/events" events::list;
    GET "/admin/events/{evt}" events::get;
    GET "/admin/deliveries" deliveries::get;
    GET "/admin/deliveries/{dlv}" delivery::get;
    POST "/admin/deliveries/{dlv}/retry" delivery::retry;
    GET "/admin/deliveries/{dlv}/body" delivery::body;
    GET "/admin/deliveries/{dlv}/attempts/{number}/answer" delivery::answer_body;
    GET "/admin/members" people::members;
    POST "/admin/members/invite" people::invite_member;
    POST "/admin/members/{acc}/remove" people::remove_member;
    GET "/admin/people" people::all;
    POST "/admin/people/invite" people::invite;
    POST "/admin/people/{acc}/remove" people::remove;
    POST "/admin/people/{acc}/password" people::password_link;
    POST "/admin/links/{lnk}/revoke" people::revoke_link;
    GET "/admin/event-types" catalogue::list;
    GET "/admin/event-types/{type}" catalogue::get;
    POST "/admin/event-types/{type}/switch" catalogue::switch;
    GET "/admin/signature" signature::get;
    POST "/admin/signature" signature::post;
    GET "/admin/organizations" organizations::list;
    GET "/admin/organizations/new" organizations::get_new;
    POST "/admin/organizations/new" organizations::post_new;
    GET "/admin/organizations/{org}/edit" organizations::get_edit;
    POST "/admin/organizations/{org}/edit" organizations::post_edit;
    POST "/admin/organizations/{org}/delete" organizations::delete;
    GET "/admin/engine" engine::get;
    GET "/admin/keys" keys::get;
    POST "/admin/keys" keys::post;
    POST "/admin/keys/{key}/revoke" keys::revoke;
    GET "/admin/audit" audit::get;
    GET "/admin/account" account::get;
    POST "/admin/account/password" account::password;
    GET "/admin/account/second-factor" second_factor::get;
    POST "/admin/account/second-factor/begin" second_factor::begin;
    POST "/admin/account/second-factor/confirm" second_factor::confirm;
    POST "/admin/account/second-factor/codes" second_factor::codes;
    POST "/admin/account/second-factor/off" second_factor::off;
    POST "/admin/account/sessions/{ses}/end" account::end_session;
}

/// The route of a request; HEAD is answered as GET.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), Problem> {
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let mut allowed: Vec<&str> = Vec::new();
    for route in ROUTES {
        let Some(params) = super::super::route::fit(route.path, path) else {
            continue;
        };
        if route.method == *method {
            return Ok((route, params));
        }
        allowed.push(route.method.as_str());
    }
    if allowed.is_empty() {
        return Err(Problem::new(
            Code::NoSuchRoute,
            "There is no such page. It may have moved, or the address is cut off.",
        ));
    }
    let allowed = allowed.join(", ");
    Err(Problem::new(Code::MethodNotAllowed, format!("Allowed here: {allowed}.")).allowing(allowed))
}
