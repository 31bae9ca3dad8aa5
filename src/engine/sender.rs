//! The sender: one attempt is one HTTP request to a target, and what became of it.
//!
//! Invariants:
//! - one deadline covers an attempt whole: look-up, connect, TLS, sending, the answer to its last byte (W17);
//! - only addresses that the egress rules passed are dialled, and each is asked every time it is dialled;
//! - redirects are not followed (W18), no proxy is taken from the environment, nothing is sent twice: a fresh
//!   connection replaces a kept one within an attempt only where the request certainly was not processed;
//! - a try spent on our own fault says so and does not count (W20).
//!
//! Deliberately absent: when to send, and what an outcome means for the delivery.

mod answer;
mod chunks;
mod connect;
mod course;
mod fault;
mod http1;
mod http2;
mod line;
mod metered;
mod network;
mod pool;
mod proxy;
mod reader;
mod request;
mod socket;
mod tls;

use self::answer::Ending;
use self::connect::Connector;
pub use self::connect::Dialer;
use self::course::Course;
use self::fault::Fault;
use self::line::Exchanged;
use self::network::Network;
use self::pool::Pool;
pub use self::proxy::Proxy;
use self::request::{Signed, Signer};
use super::Transport;
use super::resolver::Resolver;
use crate::clock::Clock;
use crate::store::directory::{Directory, Endpoint};
use crate::store::queue::{Answer, AttemptRecord, Job, Timing};
use http::HeaderName;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::address::EgressRules;
use tidings_core::limits::{ATTEMPT_DEADLINE, KEPT_ANSWER_SUCCESS};
use tidings_core::outcome::{Outcome, Verdict};
use tokio::time::timeout;

/// What a sender is made of.
pub struct SenderParts {
    /// Where secrets come from.
    pub directory: Arc<dyn Directory>,
    /// The clock of start times and durations.
    pub clock: Clock,
    /// Where names are looked up.
    pub resolver: Arc<Resolver>,
    /// Where requests may go.
    pub rules: Arc<EgressRules>,
    /// How connections are opened.
    pub dialer: Dialer,
    /// Through which proxy, if through one.
    pub proxy: Option<Proxy>,
    /// The instance's name for `vomo-signature` (W14).
    pub signature_header: String,
    /// Authorities that are trusted beside the system's.
    pub extra_ca: Vec<CertificateDer<'static>>,
    /// Connections that are kept open without a request, in all.
    pub idle_connections: usize,
}

/// Why no sender can be made.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The signature header's name is none.
    #[error("{name:?} cannot be the name of the signature header: use letters, digits and -")]
    SignatureHeader {
        /// The name as given.
        name: String,
    },
    /// An extra authority's certificate cannot be read.
    #[error("an extra CA certificate cannot be used ({0})")]
    ExtraCa(rustls::Error),
    /// The cryptography library refuses its own defaults.
    #[error("TLS cannot be set up ({0})")]
    Tls(rustls::Error),
}

/// Sends requests. Shared by all attempts of a node.
pub struct Sender {
    clock: Clock,
    signer: Signer,
    connector: Connector,
    pool: Arc<Pool>,
    network: Network,
}

impl Sender {
    /// A sender with no connections yet.
    ///
    /// # Errors
    /// [`SenderError`]: a setting that cannot be used.
    pub fn new(parts: SenderParts) -> Result<Self, SenderError> {
        let signature_header = parts.signature_header.parse::<HeaderName>().map_err(|_| {
            SenderError::SignatureHeader {
                name: parts.signature_header,
            }
        })?;
        let tls = tls::connector(&parts.extra_ca)?;
        Ok(Self {
            clock: parts.clock.clone(),
            signer: Signer::new(parts.directory, signature_header),
            network: Network::new(Arc::clone(&parts.resolver), parts.clock.clone()),
            connector: Connector {
                resolver: parts.resolver,
                rules: parts.rules,
                tls,
                dialer: parts.dialer,
                proxy: parts.proxy,
                clock: parts.clock.clone(),
            },
            pool: Pool::new(parts.idle_connections, parts.clock),
        })
    }

    /// Everything that happens within the deadline.
    async fn run(&self, job: &Job, endpoint: &Endpoint, course: &mut Course) -> Result<u16, Fault> {
        let signed = self.signer.sign(job, endpoint, course.started_at)?;
        let signed = &*course.signed.insert(signed);
        let origin = endpoint.url.origin();
        // One that is likely to hang takes no connection from endpoints of its origin that answer.
        let mut kept = match job.reservation.is_slow() {
            true => self.pool.stream(origin),
            false => self.pool.take(origin).await,
        };
        loop {
            let mut line = match kept.take() {
                Some(line) => line,
                None => Box::pin(self.connector.dial(origin, &mut course.journey)).await?,
            };
            course.journey.waits_for_answer_of(line.peer());
            let (journey, kept_answer) = (&mut course.journey, &mut course.answer);
            let exchanged = line.exchange(signed, journey, kept_answer, &self.clock);
            match exchanged.await? {
                Exchanged::Answered { status, ending } => {
                    if ending == Ending::Complete {
                        self.pool.put(origin, line);
                    }
                    return Ok(status);
                }
                // A kept connection ended before the request left: that cannot have been a try.
                Exchanged::Unprocessed if line.was_kept() => {}
                Exchanged::Unprocessed => return Err(Fault::closed_unused()),
            }
        }
    }

    fn record(job: &Job, endpoint: &Endpoint, course: Course, ended: Ended) -> AttemptRecord {
        let Course {
            started_at,
            journey,
            signed,
            mut answer,
        } = course;
        if ended.outcome.verdict() == Verdict::Success && answer.body.len() > KEPT_ANSWER_SUCCESS {
            answer.body.truncate(KEPT_ANSWER_SUCCESS);
            answer.body.shrink_to_fit();
        }
        let (vomo_signature, webhook_signature) =
            signed.map(Signed::into_signatures).unwrap_or_default();
        AttemptRecord {
            number: job.progress.attempts.saturating_add(1),
            started_at,
            lateness: started_at.since(job.due_at),
            timing: Timing {
                total: ended.total,
                ..journey.timing
            },
            outcome: ended.outcome,
            detail: ended.detail,
            endpoint_version: endpoint.version,
            timestamp: started_at.as_seconds(),
            vomo_signature,
            webhook_signature,
            peer: journey.peer,
            answer: Answer {
                headers: answer.headers,
                body: answer.body.into(),
                body_bytes: answer.body_bytes,
            },
        }
    }
}

/// How an attempt ended.
struct Ended {
    outcome: Outcome,
    detail: String,
    total: Duration,
}

impl Transport for Sender {
    async fn attempt(&self, job: &Job, endpoint: &Arc<Endpoint>) -> AttemptRecord {
        let mut course = Course::start(self.clock.now(), self.clock.monotonic());
        let result = timeout(ATTEMPT_DEADLINE, self.run(job, endpoint, &mut course))
            .await
            .unwrap_or_else(|_elapsed| Err(course.journey.deadline_passed()));
        let total = course.journey.since_start(self.clock.monotonic());
        let (outcome, detail) = match self.network.judge(endpoint.url.host(), result).await {
            Ok(status) => (Outcome::Status(status), String::new()),
            Err(fault) => (fault.outcome, fault.detail),
        };
        let ended = Ended {
            outcome,
            detail,
            total,
        };
        Self::record(job, endpoint, course, ended)
    }
}
