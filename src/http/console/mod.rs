//! The console: pages for administrators, receivers' developers and operators, drawn by the server.
//!
//! A request passes, in this order: sizes and framing of its head, its session, its route, its origin if it changes anything,
//! its form and the form's token, its handler. What a role may do is asked of the same [`Caller`](super::auth::Caller) as in
//! the API, what is sent is read by the same readers, and everything else is drawn here.
//!
//! Invariants: GET changes nothing but a session's last use; every page works without the script; text from outside goes through `maud`'s escaping
//! and nowhere else; no page loads anything from elsewhere.
//! Deliberately absent: templates in files, a build step, a client-side framework.

mod account;
mod assets;
mod audit;
mod catalogue;
mod chart;
mod configuration;
mod deliveries;
mod delivery;
mod device;
mod docs;
mod endpoint;
mod endpoint_form;
mod engine;
mod enter;
mod events;
mod explain;
mod form;
mod home;
mod keys;
mod live;
mod login;
mod organizations;
mod overview;
mod page;
mod password;
mod people;
mod pieces;
mod places;
mod portal;
mod replay;
mod route;
mod schemas;
mod second_factor;
mod second_factor_login;
mod secret;
mod session;
mod signature;
mod signature_check;
mod snippets;
mod test_send;
mod tries;
mod visit;

pub use engine::{EngineLoad, EngineView};
pub(super) use session::new_token;
pub use session::{SETUP_FILE, SetupTicket};

use super::Shared;
use super::door::{Guest, Proof};
use super::problem::Problem;
use super::reply::{Reply, RequestId};
use super::{body, head, refusals};
use bytes::Bytes;
use form::Form;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Body;
use live::Following;
use page::Page;
use places::Places;
use serde_json::json;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tries::Delays;
use visit::Visit;

/// Bytes of a form: a signature check carries a whole body.
const FORM_BYTES: usize = 1024 * 1024;
/// The same before a login: a name and a password.
const OUTSIDE_FORM_BYTES: usize = 16 * 1024;
/// Passwords hashed at once, so that logins do not starve deliveries.
const HASHED_AT_ONCE: usize = 2;
/// Signatures checked at once: each takes a core for some time.
const CHECKED_AT_ONCE: usize = 2;
/// Live pages at once, and of one session.
const LIVE_PAGES: usize = 128;
const LIVE_PAGES_EACH: usize = 6;

/// What the console is made of, beside the API's parts.
pub struct ConsoleParts {
    /// Where pages are drawn; `None`: where the request came in.
    pub runtime: Option<Handle>,
    /// How people reach it from outside, without a slash at the end; `None`: as they do.
    pub public_url: Option<String>,
    /// Whether the server speaks TLS itself.
    pub tls: bool,
    /// Where `tidings setup-link` leaves its ticket; `None` where links are made in the database.
    pub setup_file: Option<PathBuf>,
    /// How the engine is.
    pub engine: Option<Arc<dyn EngineView>>,
    /// Whether nobody with an account does anything without a second factor.
    pub needs_second_factor: bool,
}

/// What the console's handlers share.
pub(super) struct Console {
    pub runtime: Option<Handle>,
    pub public_url: Option<String>,
    tls: bool,
    pub setup_file: Option<PathBuf>,
    pub engine: Option<Arc<dyn EngineView>>,
    pub needs_second_factor: bool,
    hashing: Semaphore,
    places: Places,
    checks: Arc<Semaphore>,
    live: Arc<Semaphore>,
    following: Following,
    stopping: watch::Sender<bool>,
    delays: Mutex<Delays>,
}

impl Console {
    pub fn new(parts: ConsoleParts) -> Self {
        Self {
            runtime: parts.runtime,
            public_url: parts.public_url,
            tls: parts.tls,
            setup_file: parts.setup_file,
            engine: parts.engine,
            needs_second_factor: parts.needs_second_factor,
            hashing: Semaphore::new(HASHED_AT_ONCE),
            places: Places::default(),
            checks: Arc::new(Semaphore::new(CHECKED_AT_ONCE)),
            live: Arc::new(Semaphore::new(LIVE_PAGES)),
            following: Following::default(),
            stopping: watch::Sender::new(false),
            delays: Mutex::new(Delays::default()),
        }
    }

    /// How people reach the console: as the setting says, or as this request came.
    pub fn base(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let by_tls = self.tls || text(ORIGIN).is_some_and(|origin| origin.starts_with("https://"));
        let scheme = if by_tls { "https" } else { "http" };
        format!("{scheme}://{}", text(HOST).unwrap_or("localhost"))
    }

    /// Whether it is reached over TLS and nothing else.
    fn is_over_tls(&self) -> bool {
        match &self.public_url {
            Some(url) => url.starts_with("https://"),
            None => self.tls,
        }
    }

    /// Ends live pages: the server stops.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

/// Why a request gets no page of its own.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What is wrong.
    Problem(Problem),
    /// Nobody is logged in.
    Login,
    /// The account must have a second factor first.
    SecondFactor,
}

impl<E> From<E> for Refusal
where
    Problem: From<E>,
{
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

/// What a handler comes to.
enum Answer {
    /// A page.
    Page(Box<Page>),
    /// Go there, with GET.
    See(String),
    /// As it is.
    Reply(Reply),
}

impl Answer {
    /// Elsewhere in the console.
    pub fn see(path: impl Into<String>) -> Self {
        Self::See(path.into())
    }
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(Box::new(page))
    }
}

/// What a handler answers.
type Outcome = Result<Answer, Refusal>;

/// Whether a request is the console's.
pub(super) fn owns(head: &Parts) -> bool {
    let looks = matches!(head.method, Method::GET | Method::HEAD);
    match head.uri.path() {
        "/" | "/docs" | "/favicon.ico" => looks,
        path => path == "/admin" || path.starts_with("/admin/"),
    }
}

/// Answers a request to the console, where pages are drawn; never fails.
pub(super) async fn answer<B>(
    api: &Arc<Shared>,
    request: (Parts, B),
    from: (IpAddr, Arc<Guest>),
    request_id: RequestId,
) -> Reply
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Send,
{
    let shared = Arc::clone(api);
    let answer = async move { draw(&shared, request, from, request_id).await };
    match &api.console.runtime {
        None => answer.await,
        Some(runtime) => match runtime.spawn(answer).await {
            Ok(reply) => reply,
            Err(error) => Problem::internal(&error).reply(request_id, 0),
        },
    }
}

async fn draw<B>(
    api: &Arc<Shared>,
    (head, body): (Parts, B),
    (peer, guest): (IpAddr, Arc<Guest>),
    request_id: RequestId,
) -> Reply
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: Send,
{
    let mut visit = Visit::new(api, head, peer, request_id);
    let outcome = match enter(&mut visit, &guest, body).await {
        Ok(handler) if visit.wants_live() => live::stream(visit.clone(), handler).await,
        Ok(handler) => handler(visit.clone()).await,
        Err(refusal) => Err(refusal),
    };
    note_refused(&visit, &outcome).await;
    let reply = match outcome {
        Ok(Answer::Page(page)) => page.reply(&visit),
        Ok(Answer::See(path)) => page::see(&path),
        Ok(Answer::Reply(reply)) => reply,
        Err(Refusal::Login) => login::needed(&visit),
        Err(Refusal::SecondFactor) => page::see(second_factor::PATH),
        Err(Refusal::Problem(problem)) => page::problem(&problem, &visit),
    };
    page::guarded(reply, &visit)
}

/// Puts a change that was refused on the audit log; refused logins have acts of their own.
async fn note_refused(visit: &Visit, outcome: &Outcome) {
    if visit.login.is_none() {
        return;
    }
    let why = match outcome {
        Err(Refusal::Problem(problem)) => refusals::why(problem),
        Ok(Answer::Page(page)) if page.status.is_client_error() => {
            Some(json!({ "status": page.status.as_u16() }))
        }
        Err(Refusal::Login | Refusal::SecondFactor) | Ok(_) => None,
    };
    if let Some(why) = why.filter(|_| refusals::is_change(&visit.head)) {
        let api = &visit.api;
        let subject = refusals::named(&visit.head.method, visit.route, &visit.params);
        let place = visit.place().ok().map(|place| place.id());
        let asked = (subject, place);
        api.refusals
            .note(&*api.store, asked, why, visit.actor())
            .await;
    }
}

/// Checks a request up to its handler.
async fn enter<B>(visit: &mut Visit, guest: &Guest, body: B) -> Result<route::Handler, Refusal>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: Send,
{
    head::check(&visit.head)?;
    visit.login = match visit.wants_live() {
        true => session::look(visit).await?,
        false => session::find(visit).await?,
    };
    match &visit.login {
        Some(login) => {
            let organization = login.organizations().first().copied();
            guest.prove(organization, || Some(Proof::Session));
        }
        None => visit.api.recheck(guest, false),
    }
    // Who it is comes first, so that a page which says what is wrong has its navigation.
    let (route, params) = route::find(&visit.head.method, visit.head.uri.path())?;
    visit.params = params;
    visit.route = route.path;
    second_factor::check_missing(visit)?;
    if visit.head.method == Method::POST {
        session::check_origin(visit)?;
        form::check_content(&visit.head.headers)?;
        let api = Arc::clone(&visit.api);
        let headers = &visit.head.headers;
        let most = match visit.login {
            Some(_) => FORM_BYTES,
            None => OUTSIDE_FORM_BYTES,
        };
        let body = body::read(body, headers, most, api.pace, &api.clock).await?;
        visit.form = Form::parse(&body);
        session::check_token(visit)?;
        admit_change(visit)?;
    }
    Ok(route.handler)
}

/// What members ask for is counted, but for what is their own: nothing keeps anybody from logging out, or from a new password.
fn admit_change(visit: &Visit) -> Result<(), Refusal> {
    let Some(login) = visit.login.as_ref().filter(|login| !login.is_operator()) else {
        return Ok(());
    };
    let path = visit.head.uri.path();
    if path == "/admin/logout" || path.starts_with("/admin/account/") {
        return Ok(());
    }
    let place = visit.place().ok();
    let administered = place.and_then(|place| place.caller.scope.administered());
    Ok(visit.api.rates.admit_change(login.who(), administered)?)
}

/// Does what takes a processor for a while where no other page waits for it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Problem::internal(&error)),
    }
}

/// That something is not there, in the API's words.
pub(super) fn missing(what: &str, id: &str) -> Refusal {
    Refusal::Problem(Problem::missing(super::code::Code::NoSuchRoute, what, id))
}

/// A page that says what was wrong with a form is no success.
pub(super) const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
