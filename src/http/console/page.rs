//! What every page has around it: head, navigation, notices, and the headers that keep it safe (S12).

use super::super::code::Code;
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::assets;
use super::pieces::{notice, token};
use super::visit::{Place, Visit};
use crate::store::accounts::Holder;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, StatusCode};
use maud::{DOCTYPE, Markup, html};
use std::time::Duration;

/// Scripts, styles and pictures are our own files; nothing runs or frames a page; strings become markup nowhere but in
/// the script's one policy. `same-origin`, not `no-referrer`: without a referrer browsers send no `Origin` with forms.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types tidings";

/// Which part of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Webhooks,
    Events,
    Deliveries,
    EventTypes,
    Signature,
    Members,
    Organizations,
    Engine,
    People,
    Keys,
    Audit,
    Account,
    /// The API's reference, which brings its own navigation.
    Docs,
    /// Pages before a login.
    Outside,
}

/// A page.
pub(super) struct Page {
    pub status: StatusCode,
    title: String,
    section: Section,
    place: Option<Place>,
    body: Markup,
    /// The parts that change by themselves, by the id of their element.
    pub live: Vec<(&'static str, Markup)>,
    /// Between two looks at those.
    pub pace: Duration,
    cookies: Vec<String>,
}

impl Page {
    pub fn new(title: impl Into<String>, section: Section, body: Markup) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            section,
            place: None,
            body,
            live: Vec::new(),
            pace: Duration::from_secs(1),
            cookies: Vec::new(),
        }
    }

    /// Of an organization.
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With a part that changes by itself; it stands in the body as [`part`].
    pub fn with_live(mut self, id: &'static str, inner: Markup) -> Self {
        self.live.push((id, inner));
        self
    }

    /// With looks at its live parts less often than every second: they cost more, or change seldom.
    pub const fn every(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    pub fn with_cookie(mut self, cookie: impl Into<String>) -> Self {
        self.cookies.push(cookie.into());
        self
    }

    /// As an answer.
    pub fn reply(self, visit: &Visit) -> Reply {
        let status = self.status;
        let cookies = self.cookies.clone();
        let text = self.draw(visit).into_string();
        let mut reply = Reply::text(status, text).with(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        for cookie in cookies {
            add_cookie(&mut reply, &cookie);
        }
        reply
    }

    fn draw(&self, visit: &Visit) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Tidings" }
                    link rel="icon" href=(assets::href("icon.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(assets::href("style.css"));
                    script src=(assets::href("script.js")) defer {}
                }
                body {
                    a .skip href="#main" { "Skip to the content" }
                    (self.top(visit))
                    @if self.section == Section::Outside {
                        main #main .outside tabindex="-1" { (self.body) }
                    } @else if self.section == Section::Docs {
                        div .frame { (self.body) }
                    } @else {
                        div .frame {
                            (self.navigation(visit))
                            main #main tabindex="-1" data-live[!self.live.is_empty()] {
                                (notice(visit.query.get("done")))
                                (self.body)
                            }
                        }
                    }
                }
            }
        }
    }

    fn top(&self, visit: &Visit) -> Markup {
        html! {
            header .top {
                @if !matches!(self.section, Section::Outside | Section::Docs) {
                    button .menu type="button" popovertarget="sections" { "Menu" }
                }
                a .brand href="/admin" {
                    (assets::mark()) span { "Tidings" }
                }
                @if let Some(place) = &self.place {
                    span .where title={ "Organization " (place.id()) } { (place.organization.name) }
                    @if !place.may_change() { span .badge .quiet { "view only" } }
                }
                span .push {}
                @if let Some(login) = &visit.login {
                    @match &login.session.holder {
                        Holder::Account(account) => {
                            a .who href="/admin/account" aria-current=[current(self.section == Section::Account)] { (account.name) }
                            form method="post" action="/admin/logout" {
                                (token(visit))
                                button .plain type="submit" { "Log out" }
                            }
                        }
                        Holder::Portal { return_url, .. } => {
                            @if let Some(url) = return_url {
                                a .who href=(url) rel="noreferrer" { "Back to your platform" }
                            }
                            form method="post" action="/admin/logout" {
                                (token(visit))
                                button .plain type="submit" { "Close" }
                            }
                        }
                    }
                }
            }
        }
    }

    fn navigation(&self, visit: &Visit) -> Markup {
        let operator = visit.is_operator();
        let login = visit.login.as_ref();
        let several = operator || login.is_some_and(|login| login.organizations().len() > 1);
        let portal =
            login.is_some_and(|login| matches!(login.session.holder, Holder::Portal { .. }));
        let item = |section: Section, path: &str, words: &str| {
            html! {
                li { a href=(path) aria-current=[current(self.section == section)] { (words) } }
            }
        };
        html! {
            nav #sections .side popover aria-label="Sections" {
                button .menu type="button" popovertarget="sections" popovertargetaction="hide" { "Close the menu" }
                @if let Some(place) = &self.place {
                    @let query = place.query();
                    ul {
                        (item(Section::Overview, &format!("/admin/overview?{query}"), "Overview"))
                        (item(Section::Webhooks, &format!("/admin/integrations/webhooks?{query}"), "Webhooks"))
                        (item(Section::Events, &format!("/admin/events?{query}"), "Events"))
                        (item(Section::Deliveries, &format!("/admin/deliveries?{query}"), "Deliveries"))
                        @if !portal {
                            (item(Section::Members, &format!("/admin/members?{query}"), "Members"))
                        }
                        @if place.may_change() {
                            (item(Section::Audit, &format!("/admin/audit?{query}"), "Audit log"))
                        }
                    }
                }
                @let tools = self.place.as_ref().map(|place| format!("?{}", place.query())).unwrap_or_default();
                p .group { "For developers" }
                ul {
                    (item(Section::EventTypes, &format!("/admin/event-types{tools}"), "Event types"))
                    (item(Section::Signature, &format!("/admin/signature{tools}"), "Signature check"))
                    li { a href="/docs" { "API reference" } }
                }
                @if several {
                    p .group { @if operator { "Operator" } @else { "All" } }
                    ul {
                        (item(Section::Organizations, "/admin/organizations", "Organizations"))
                        @if operator {
                            (item(Section::Engine, "/admin/engine", "Engine"))
                            (item(Section::People, "/admin/people", "People"))
                            (item(Section::Keys, "/admin/keys", "API keys"))
                            @let whole = self.section == Section::Audit && self.place.is_none();
                            li { a href="/admin/audit" aria-current=[current(whole)] { "Audit log" } }
                        }
                    }
                }
            }
        }
    }
}

fn current(is: bool) -> Option<&'static str> {
    is.then_some("page")
}

/// The element of a part that changes by itself; its mark tells the script what it holds.
pub(super) fn part(id: &str, inner: &Markup) -> Markup {
    html! { div id=(id) data-mark=(mark(&inner.0)) { (inner) } }
}

/// Tells one markup from another.
pub(super) fn mark(markup: &str) -> String {
    let hash = blake3::hash(markup.as_bytes()).to_hex();
    hash.chars().take(16).collect()
}

/// Go there, with GET.
pub(super) fn see(path: &str) -> Reply {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/admin"));
    Reply::text(StatusCode::SEE_OTHER, "").with(LOCATION, location)
}

/// A page that says what is wrong.
pub(super) fn problem(problem: &Problem, visit: &Visit) -> Reply {
    let status = problem.status();
    let section = match visit.login {
        Some(_) => Section::Account,
        None => Section::Outside,
    };
    // The API's words are about keys; here somebody is logged in.
    let (title, detail) = match problem.code() {
        Code::MissingScope if problem.detail().contains("This key") => (
            "You may not do this",
            "Your role here does not go so far. Ask an administrator of the organization.",
        ),
        Code::MissingScope => ("You may not do this", problem.detail()),
        Code::NoSuchRoute => ("No such page", problem.detail()),
        code => (code.title(), problem.detail()),
    };
    let body = html! {
        div .panel .narrow {
            h1 { (title) }
            p { (detail) }
            @if status.is_server_error() { p .quiet { "Request " code { (visit.request_id) } } }
            p { a .button href="/admin" { "To the start" } }
        }
    };
    let mut reply = Page::new(title, section, body)
        .with_status(status)
        .reply(visit);
    problem.put_headers(&mut reply.headers, visit.api.random.next());
    reply
}

pub(super) fn add_cookie(reply: &mut Reply, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        reply.headers.append(http::header::SET_COOKIE, value);
    }
}

/// With the headers that every answer of the console has.
pub(super) fn guarded(mut reply: Reply, visit: &Visit) -> Reply {
    let headers = &mut reply.headers;
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "same-origin");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    );
    if visit.console().is_over_tls() {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    reply
}
