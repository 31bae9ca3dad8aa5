//! The HTTP API: one pipeline from a request's head to its answer, one table of routes, one mapping of errors.
//!
//! A request passes, in this order: sizes and framing of its head, its route, its key, its media types, its
//! body, its handler. Whatever refuses it answers `application/problem+json`. The routes stand in a table
//! (`route`) from which dispatch, 404 and 405 answers are made, and which a test holds against the OpenAPI
//! document. Deliberately absent: a web framework's router and extractors; they would answer errors in
//! their own words, and cost more than the work they wrap on the path that accepts events.

mod api;
mod auth;
mod body;
mod certificates;
mod code;
mod connection;
mod console;
mod door;
mod fields;
mod framing;
mod head;
mod metrics_listener;
mod notices;
mod problem;
mod proxies;
mod query;
mod rates;
mod refusals;
mod reply;
mod route;
mod schema;
mod server;
mod suggest;

pub use api::openapi::openapi;
pub use body::BodyPace;
pub use certificates::{CertificateError, Certificates};
pub use code::Code;
pub use connection::PhaseLimits;
pub use console::{ConsoleParts, EngineLoad, EngineView, SETUP_FILE, SetupTicket};
pub use metrics_listener::serve_metrics;
pub use notices::NoticeParts;
pub use rates::EventRates;
pub use server::{ConnectionLimits, serve};

use crate::clock::{Clock, RandomBits};
use crate::metrics::{COUNTS, Figures};
use crate::store::Store;
use api::metrics::{self, Watched, note_problem};
use auth::{Caller, Who};
use body::BodyRule;
use bytes::Bytes;
use console::Console;
use door::{Guest, Proof};
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Body;
use problem::Problem;
use rates::Rates;
use refusals::Refusals;
use reply::{Reply, RequestId};
use route::{Access, Call, Route};
use schema::Schemas;
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tidings_core::address::{Cidr, EgressRules};
use tidings_core::id::OrganizationId;

/// What the API is made of.
pub struct ApiParts {
    /// The durable truth.
    pub store: Arc<dyn Store>,
    /// Where time comes from.
    pub clock: Clock,
    /// Which targets endpoints may have.
    pub rules: Arc<EgressRules>,
    /// The instance's name for `vomo-signature` (W14), in lower case.
    pub signature_header: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Cidr>,
    /// How fast requests must come.
    pub pace: BodyPace,
    /// How many events may come.
    pub rates: EventRates,
    /// Where notices go.
    pub notices: NoticeParts,
    /// This program's version, as in `User-Agent`.
    pub version: &'static str,
    /// What the console needs besides.
    pub console: ConsoleParts,
    /// The data directory, whose disk is watched; none where the data is in a database.
    pub data: Option<PathBuf>,
}

/// The API and the console. A clone shares everything.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What handlers use.
struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    rules: Arc<EgressRules>,
    signature_header: String,
    proxies: Vec<Cidr>,
    pace: BodyPace,
    rates: Rates,
    refusals: Refusals,
    notices: NoticeParts,
    version: &'static str,
    random: RandomBits,
    schemas: Schemas,
    console: Console,
    watched: Watched,
}

impl Api {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the operating system has no random bits to give.
    pub fn new(parts: ApiParts) -> Result<Self, getrandom::Error> {
        Ok(Self(Arc::new(Shared {
            store: parts.store,
            rates: Rates::new(parts.rates, parts.clock.clone()),
            refusals: Refusals::new(parts.clock.clone()),
            clock: parts.clock,
            rules: parts.rules,
            signature_header: parts.signature_header,
            proxies: parts.proxies,
            pace: parts.pace,
            notices: parts.notices,
            version: parts.version,
            random: RandomBits::seeded()?,
            schemas: Schemas::default(),
            console: Console::new(parts.console),
            watched: Watched::new(parts.data),
        })))
    }

    /// Takes every metric down.
    pub async fn metrics(&self, figures: &mut (dyn Figures + Send)) {
        metrics::write(&self.0, figures).await;
    }

    /// Ends answers that come part by part: the server stops.
    pub fn stop_streams(&self) {
        self.0.console.stop();
    }

    /// Whether what this address says about others is believed.
    fn trusts(&self, peer: IpAddr) -> bool {
        proxies::is_trusted(peer, &self.0.proxies)
    }

    /// Answers one request; never fails.
    async fn answer<B>(
        &self,
        request: Request<B>,
        guest: &Arc<Guest>,
    ) -> Response<impl Body<Data = Bytes, Error = Infallible> + use<B>>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Send,
    {
        let random = &self.0.random;
        let request_id = RequestId::new([random.next(), random.next()]);
        let (head, body) = request.into_parts();
        let peer = proxies::asker(&head.headers, guest.address, &self.0.proxies);
        if console::owns(&head) {
            let from = (peer, Arc::clone(guest));
            // Boxed, so that connections which ask for no page have no room for one.
            let page = Box::pin(console::answer(&self.0, (head, body), from, request_id));
            let reply = page.await;
            COUNTS.answered(reply.status.as_u16());
            return reply.into_response(request_id);
        }
        // Boxed as well: between requests a connection has no need of it.
        let responding = Box::pin(self.respond((head, body), (peer, guest), request_id));
        let reply = match responding.await {
            Ok(reply) => reply,
            Err(problem) => {
                // A refusal may be that of the key which the connection was known by.
                self.0.recheck(guest, true);
                note_problem(problem.code());
                problem.reply(request_id, random.next())
            }
        };
        COUNTS.answered(reply.status.as_u16());
        reply.into_response(request_id)
    }

    async fn respond<B>(
        &self,
        (head, body): (Parts, B),
        (peer, guest): (IpAddr, &Guest),
        request_id: RequestId,
    ) -> Result<Reply, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        head::check(&head)?;
        query::refuse_keys(head.uri.query())?;
        let (route, params) = route::find(&head.method, head.uri.path())?;
        let caller = match self.caller(route, &head) {
            Ok(caller) => caller,
            Err(problem) => {
                if matches!(problem.code(), Code::UnknownKey | Code::ExpiredKey) {
                    let subject = refusals::named(&head.method, route.path, &params);
                    let anyone = (None, peer, request_id);
                    self.note((subject, None), &problem, anyone).await;
                }
                return Err(problem);
            }
        };
        match &caller {
            Some(caller) => {
                let by = || auth::proof(&head.headers);
                guest.prove(caller.scope.organization(), by);
            }
            None => self.0.recheck(guest, true),
        }
        if let Some(Caller { who, scope }) = caller
            && scope.organization().is_some()
            && refusals::is_change(&head)
        {
            self.0.rates.admit_change(who, scope.administered())?;
        }
        let change = refusals::is_change(&head).then(|| {
            let subject = refusals::named(&head.method, route.path, &params);
            (subject, caller.and_then(|caller| route.of(&params, caller)))
        });
        let call = Call {
            api: Arc::clone(&self.0),
            caller,
            params,
            head,
            body: Bytes::new(),
            request_id,
            peer,
        };
        let answer = self.run(route, call, body).await;
        if let (Some(change), Err(problem)) = (change, &answer) {
            self.note(change, problem, (caller, peer, request_id)).await;
        }
        answer
    }

    /// Reads the body and has the route's handler answer.
    async fn run<B>(&self, route: &Route, mut call: Call, body: B) -> Result<Reply, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (shared, headers) = (&self.0, &call.head.headers);
        if route.answers_json() {
            head::check_accept(headers)?;
        }
        if let BodyRule::Json(limit) | BodyRule::Optional(limit) = route.body {
            let needed = matches!(route.body, BodyRule::Json(_));
            if needed || !body.is_end_stream() {
                head::check_content(headers)?;
            }
            call.body = body::read(body, headers, limit, shared.pace, &shared.clock).await?;
        }
        (route.handler)(call).await
    }

    /// Who asks, where a key is asked for.
    fn caller(&self, route: &Route, head: &Parts) -> Result<Option<Caller>, Problem> {
        let shared = &self.0;
        match route.access {
            Access::Anyone => Ok(None),
            Access::Key => {
                let find = |hash: &_| shared.store.key(hash);
                let now = shared.clock.now();
                let caller = auth::authenticate(&head.headers, find, now)?;
                if let Who::Key(id) = caller.who {
                    shared.store.note_use(id, now);
                }
                Ok(Some(caller))
            }
        }
    }

    /// Puts a refusal on the audit log.
    async fn note(
        &self,
        asked: (String, Option<OrganizationId>),
        problem: &Problem,
        (caller, peer, request_id): (Option<Caller>, IpAddr, RequestId),
    ) {
        if let Some(why) = refusals::why(problem) {
            let actor = auth::actor(caller.as_ref(), peer, request_id);
            let shared = &self.0;
            shared
                .refusals
                .note(&*shared.store, asked, why, actor)
                .await;
        }
    }
}

impl Shared {
    /// Whether a connection is still known, after a request that shows nothing of it; one that a login made known is while
    /// `login` may still be.
    fn recheck(&self, guest: &Guest, login: bool) {
        guest.recheck(|proof| match proof {
            Proof::Key(hash) => {
                let key = self.store.key(&hash);
                key.is_some_and(|key| key.is_in_force(self.clock.now()))
            }
            Proof::Session => login,
        });
    }
}

#[cfg(test)]
mod tests;
