//! Whether a failed look-up or an unreachable host is our own network's fault (W20).
//!
//! Two kinds of evidence: most of many hosts fail so at once ([`tidings_core::outage`]), or the name servers
//! do not answer a question that any of them can answer. Without evidence the try counts.

use super::fault::{Blame, Fault};
use crate::clock::{Clock, Monotonic};
use crate::engine::resolver::{Probe, Resolver};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, PoisonError};
use tidings_core::address::Host;
use tidings_core::outage::{OutageDetector, Seen, Verdict};
use tidings_core::outcome::{Failure, Outcome, OwnFault};

/// How long a probe of the resolver is believed, in microseconds.
const PROBE_KEPT: u64 = 5_000_000;

/// Watches how attempts end.
pub(super) struct Network {
    resolver: Arc<Resolver>,
    clock: Clock,
    evidence: Mutex<OutageDetector>,
    /// The last probe; held while one is made, so that a thousand failures make one.
    probed: tokio::sync::Mutex<Option<(Monotonic, Probe)>>,
}

impl Network {
    /// No evidence yet.
    pub(super) fn new(resolver: Arc<Resolver>, clock: Clock) -> Self {
        Self {
            resolver,
            clock,
            evidence: Mutex::default(),
            probed: tokio::sync::Mutex::default(),
        }
    }

    /// Takes in how an attempt at `host` ended; a failure that is ours by the evidence comes back as such.
    pub(super) async fn judge<T>(&self, host: &Host, result: Result<T, Fault>) -> Result<T, Fault> {
        let fault = match result {
            Ok(answered) => {
                self.feed(host, Seen::Fine);
                return Ok(answered);
            }
            Err(fault) => fault,
        };
        let verdict = match fault.outcome {
            Outcome::Failed(failure) if failure.may_be_ours() => self.feed(host, Seen::LocalClass),
            // Nothing went over the network, so nothing is known of it.
            Outcome::OwnFault(_) | Outcome::Failed(Failure::EgressDenied) => return Err(fault),
            Outcome::Status(_) | Outcome::Failed(_) => {
                self.feed(host, Seen::Fine);
                return Err(fault);
            }
        };
        let ours = verdict == Verdict::OursProbably
            || (fault.blame == Blame::MaybeResolver && self.probe().await == Probe::Silent);
        Err(if ours {
            Fault::ours(OwnFault::Network, fault.detail)
        } else {
            fault
        })
    }

    fn feed(&self, host: &Host, seen: Seen) -> Verdict {
        let host = BuildHasherDefault::<DefaultHasher>::default().hash_one(host);
        let now = self.clock.monotonic().0;
        self.evidence
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .feed(now, host, seen)
    }

    async fn probe(&self) -> Probe {
        let mut probed = self.probed.lock().await;
        let now = self.clock.monotonic();
        match *probed {
            Some((at, probe)) if now.micros_since(at) < PROBE_KEPT => probe,
            _ => {
                let probe = self.resolver.probe().await;
                *probed = Some((self.clock.monotonic(), probe));
                probe
            }
        }
    }
}
