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
mod head;
mod problem;
mod proxies;
mod query;
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
pub use server::{ConnectionLimits, serve};

use crate::clock::{Clock, RandomBits};
use crate::store::Store;
use body::BodyRule;
use bytes::Bytes;
use console::Console;
use door::Guest;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Body;
use problem::Problem;
use reply::{Reply, RequestId};
use route::{Access, Call};
use schema::Schemas;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use tidings_core::address::{Cidr, EgressRules};

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
    /// This program's version, as in `User-Agent`.
    pub version: &'static str,
    /// What the console needs besides.
    pub console: ConsoleParts,
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
    version: &'static str,
    random: RandomBits,
    schemas: Schemas,
    console: Console,
}

impl Api {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the operating system has no random bits to give.
    pub fn new(parts: ApiParts) -> Result<Self, getrandom::Error> {
        Ok(Self(Arc::new(Shared {
            store: parts.store,
            clock: parts.clock,
            rules: parts.rules,
            signature_header: parts.signature_header,
            proxies: parts.proxies,
            pace: parts.pace,
            version: parts.version,
            random: RandomBits::seeded()?,
            schemas: Schemas::default(),
            console: Console::new(parts.console),
        })))
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
            return reply.into_response(request_id);
        }
        // Boxed as well: between requests a connection has no need of it.
        let responding = Box::pin(self.respond((head, body), (peer, guest), request_id));
        let reply = match responding.await {
            Ok(reply) => reply,
            Err(problem) => problem.reply(request_id, random.next()),
        };
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
        let shared = &self.0;
        head::check(&head)?;
        query::refuse_keys(head.uri.query())?;
        let (route, params) = route::find(&head.method, head.uri.path())?;
        let caller = match route.access {
            Access::Anyone => None,
            Access::Key => Some(auth::authenticate(
                &head.headers,
                &*shared.store,
                shared.clock.now(),
            )?),
        };
        if caller.is_some() {
            guest.prove();
        }
        head::check_accept(&head.headers)?;
        let body = match route.body {
            BodyRule::None => Bytes::new(),
            BodyRule::Json(limit) | BodyRule::Optional(limit) => {
                let needed = matches!(route.body, BodyRule::Json(_));
                if needed || !body.is_end_stream() {
                    head::check_content(&head.headers)?;
                }
                body::read(body, &head.headers, limit, shared.pace, &shared.clock).await?
            }
        };
        let call = Call {
            api: Arc::clone(shared),
            caller,
            params,
            head,
            body,
            request_id,
            peer,
        };
        (route.handler)(call).await
    }
}

#[cfg(test)]
mod tests;
