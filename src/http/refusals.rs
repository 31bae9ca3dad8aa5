//! What was asked for and refused goes on the audit log: changes that nobody may make, and keys that are revoked or made up
//! (S23).
//!
//! Invariants: nothing of a body goes there but the names of members, and of a path only the ids in it, so neither a token nor
//! a key that was put into a path; one caller, and one address without a key, is noted [`EACH`] times a minute, strangers
//! together [`STRANGERS`] times, so that refusals by the thousand neither fill the disk nor hide others.
//! Deliberately absent: refused events and refused reads; they change nothing.

use super::auth::STRANGER;
use super::door::share_of;
use super::problem::Problem;
use super::rates::Buckets;
use crate::clock::Clock;
use crate::store::audit::RefusedAct;
use crate::store::{Actor, Store};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::time::Duration;
use tidings_core::id::OrganizationId;
use tidings_core::rate::Rate;

/// Refusals of one caller that go on the log in a minute.
const EACH: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Those of everybody without a valid key together.
const STRANGERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
const MINUTE: Duration = Duration::from_secs(60);
/// Characters of an id in a path.
const ID_CHARS: usize = 32;

/// Counts refusals.
pub(super) struct Refusals {
    clock: Clock,
    by_caller: Buckets<String>,
    strangers: Buckets<()>,
}

impl Refusals {
    pub fn new(clock: Clock) -> Self {
        Self {
            by_caller: Buckets::new(Rate::per(EACH, MINUTE)),
            strangers: Buckets::new(Rate::per(STRANGERS, MINUTE)),
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
        if !self.has_room(&actor) {
            tracing::debug!(subject, actor = %actor.name, "refused; too many for the audit log");
            return;
        }
        let refused = RefusedAct {
            organization,
            subject,
            why,
        };
        if let Err(error) = store.note_refused(refused, actor).await {
            tracing::warn!(%error, "a refusal could not be put on the audit log");
        }
    }

    fn has_room(&self, actor: &Actor) -> bool {
        let now = self.clock.monotonic().0;
        match actor.address.filter(|_| actor.name == STRANGER) {
            Some(address) => {
                let network = share_of(address).to_string();
                self.by_caller.take(network, now).is_ok() && self.strangers.take((), now).is_ok()
            }
            None => self.by_caller.take(actor.name.clone(), now).is_ok(),
        }
    }
}

/// What a request asks for, by the form of its path and the ids in it.
pub(super) fn named(method: &Method, form: &str, params: &[String]) -> String {
    let mut params = params.iter();
    let parts = form.split('/').map(|part| match part.starts_with('{') {
        true => params
            .next()
            .filter(|param| is_id(param))
            .map_or(part, String::as_str),
        false => part,
    });
    let path: Vec<&str> = parts.collect();
    format!("{method} {}", path.join("/"))
}

/// An id, an organization's number, or a type; a token or a key is longer.
fn is_id(text: &str) -> bool {
    text.len() <= ID_CHARS
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// Whether a refusal goes on the log: of a change, of anything but events.
pub(super) fn is_change(head: &Parts) -> bool {
    let path = head.uri.path();
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    !reads && path != "/v1/events" && path != "/v1/events/batch"
}

/// What the log says of a refusal; nothing where the server is at fault, or somebody came too often or too slowly.
pub(super) fn why(problem: &Problem) -> Option<Value> {
    let (status, too_late, too_many) = (
        problem.status(),
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
    );
    let told = status.is_client_error() && status != too_late && status != too_many;
    let mut why = json!({ "status": status.as_u16(), "code": problem.code().name() });
    if let Some(fault) = problem.faults().first()
        && let Some(members) = why.as_object_mut()
    {
        members.insert(String::from("pointer"), json!(fault.pointer));
        members.insert(String::from("reason"), json!(fault.code.name()));
    }
    told.then_some(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s17_of_a_path_only_the_ids_are_told_never_a_token_or_a_key() {
        let token = "3AyBrmMeVahMH2Db4vH-f93EYKrhIkk7FYScJgoZOF0";
        let key = "tdg_o_0123456789abcdefghijABCDEFGHIJ0123456789abc012345";
        for (form, params, told) in [
            (
                "/admin/password/{token}",
                vec![token],
                "/admin/password/{token}",
            ),
            ("/v1/keys/{key}", vec![key], "/v1/keys/{key}"),
            (
                "/v1/keys/{key}",
                vec!["key_0anttes9npp70"],
                "/v1/keys/key_0anttes9npp70",
            ),
            ("/v1/keys/{key}", vec!["\u{9b}2J"], "/v1/keys/{key}"),
            (
                "/v1/organizations/{org}/endpoints/{ep}/test",
                vec!["4417", "ep_0anttc4r1v83h"],
                "/v1/organizations/4417/endpoints/ep_0anttc4r1v83h/test",
            ),
            (
                "/v1/event-types/{type}",
                vec!["thing.made"],
                "/v1/event-types/thing.made",
            ),
            ("/v1/events", vec![], "/v1/events"),
        ] {
            let params: Vec<String> = params.into_iter().map(str::to_owned).collect();
            assert_eq!(named(&Method::POST, form, &params), format!("POST {told}"));
        }
    }
}
