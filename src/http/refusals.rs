//! What was asked for and refused goes on the audit log: changes that nobody may make, and keys and tokens that are
//! none (S23).
//!
//! Invariants: nothing of a body goes there, and of a path at most [`SUBJECT_CHARS`]; refusals by the thousand fill no
//! disk: [`PER_SECOND`] go on the log, the rest are counted and said in the server's log.
//! Deliberately absent: refused events and refused reads; they change nothing.

use super::code::Code;
use super::problem::Problem;
use crate::clock::Clock;
use crate::store::audit::RefusedAct;
use crate::store::{Actor, Store};
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use tidings_core::id::OrganizationId;
use tidings_core::rate::{Bucket, Rate};

/// Refusals that go on the log in a second, and at once.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Characters of a method and a path.
const SUBJECT_CHARS: usize = 200;

/// Counts refusals.
pub(super) struct Refusals {
    clock: Clock,
    bucket: Mutex<Bucket>,
}

impl Refusals {
    pub fn new(clock: Clock) -> Self {
        let now = clock.monotonic().0;
        Self {
            bucket: Mutex::new(Bucket::full(Rate::per_second(PER_SECOND), now)),
            clock,
        }
    }

    /// Notes that what `actor` asked for was refused. `organization` is the one it was asked of, if the actor may know
    /// it.
    pub async fn note(
        &self,
        store: &dyn Store,
        (subject, organization): (String, Option<OrganizationId>),
        why: Value,
        actor: Actor,
    ) {
        let room = {
            let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(1, self.clock.monotonic().0).is_ok()
        };
        let refused = RefusedAct {
            organization,
            subject: subject.chars().take(SUBJECT_CHARS).collect(),
            why,
        };
        if !room {
            tracing::warn!(subject = %refused.subject, actor = %actor.name, "refused; too many for the audit log");
        } else if let Err(error) = store.note_refused(refused, actor).await {
            tracing::warn!(%error, "a refusal could not be put on the audit log");
        }
    }
}

/// What a request asks for, if its refusal goes on the log: a change, of anything but events.
pub(super) fn subject(head: &Parts) -> Option<String> {
    let path = head.uri.path();
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let posts_events = path == "/v1/events" || path == "/v1/events/batch";
    (!reads && !posts_events).then(|| format!("{} {path}", head.method))
}

/// What the log says of a refusal; nothing where the server is at fault, or too busy.
pub(super) fn why(problem: &Problem) -> Option<Value> {
    let told = problem.status().is_client_error()
        && !matches!(problem.code(), Code::RequestTimeout | Code::RateLimited);
    let mut why = json!({ "status": problem.status().as_u16(), "code": problem.code().name() });
    if let Some(fault) = problem.faults().first()
        && let Some(members) = why.as_object_mut()
    {
        members.insert(String::from("pointer"), json!(fault.pointer));
        members.insert(String::from("reason"), json!(fault.code.name()));
    }
    told.then_some(why)
}
