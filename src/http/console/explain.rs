//! What became of an attempt, in words for people: what happened, the likely cause, the next step.

use tidings_core::outcome::{Failure, Outcome, OwnFault};

/// An outcome explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explanation {
    /// What happened, in a few words.
    pub what: String,
    /// Why, most likely.
    pub cause: &'static str,
    /// What to do.
    pub next: &'static str,
}

impl Explanation {
    fn new(what: impl Into<String>, cause: &'static str, next: &'static str) -> Self {
        Self {
            what: what.into(),
            cause,
            next,
        }
    }
}

/// An outcome in words.
pub(super) fn explain(outcome: Outcome) -> Explanation {
    match outcome {
        Outcome::Status(status) => explain_status(status),
        Outcome::Failed(failure) => explain_failure(failure),
        Outcome::OwnFault(fault) => explain_own(fault),
    }
}

fn explain_status(status: u16) -> Explanation {
    let what = match http::StatusCode::from_u16(status)
        .ok()
        .and_then(|known| known.canonical_reason())
    {
        Some(reason) => format!("The receiver answered {status} {reason}"),
        None => format!("The receiver answered {status}"),
    };
    let (cause, next) = match status {
        200..=299 => ("", ""),
        300..=399 => (
            "The receiver wants the request somewhere else. Redirects are not followed, since the body would be lost on the way.",
            "Enter the address in the answer's Location header as the Target URL. Often it is https instead of http, or a / at the end.",
        ),
        400 | 422 => (
            "The receiver could not read the request, or its checks refused the body.",
            "Look at the answer's body and at the receiver's log for the field it stumbled over.",
        ),
        401 | 403 => (
            "The receiver refused it: most often its signature check fails, or something before it asks for a login.",
            "Use the signature check with this request's body and header. If it says the signature fits, the receiver changes the body before it checks, or has another secret.",
        ),
        404 | 410 => (
            "There is nothing at this path.",
            "Compare the Target URL with the receiver's route, letter by letter.",
        ),
        405 => (
            "The path is there and does not take POST.",
            "Make the receiver's route take POST.",
        ),
        408 | 504 => (
            "Something on the receiver's side waited too long for another part of it.",
            "Let the receiver put the work in a queue and answer at once; it has 3 seconds.",
        ),
        413 => (
            "A limit on the receiver's side is smaller than this body.",
            "Raise the limit of the proxy or framework to 1 MiB.",
        ),
        415 => (
            "The receiver does not take application/json.",
            "Let the route take Content-Type: application/json.",
        ),
        419 => (
            "The framework asks for a form token, as Laravel does for pages.",
            "Exempt the webhook's route from CSRF checks; the signature takes their place.",
        ),
        429 => (
            "The receiver limits how often it is called.",
            "Raise the limit for this route. Tries go on after 10 and 100 seconds whatever the answer says.",
        ),
        502 | 503 => (
            "A proxy answered, the application behind it did not: it restarts, is overloaded, or is down.",
            "Look at whether the application runs; the next tries follow by themselves.",
        ),
        500..=599 => (
            "The receiver's program failed while it handled the request.",
            "Look at the receiver's log at this time; the webhook-id header names the request there.",
        ),
        _ => (
            "Only 2xx counts as received.",
            "Let the receiver answer 204 once it has the request.",
        ),
    };
    Explanation::new(what, cause, next)
}

fn explain_failure(failure: Failure) -> Explanation {
    let (what, cause, next) = match failure {
        Failure::Dns => (
            "The host's name was not found",
            "It is misspelled, its DNS entry is gone, or its name server does not answer.",
            "Check the name in the Target URL and its DNS entry.",
        ),
        Failure::Refused => (
            "The host refused the connection",
            "Nothing listens on this port, or a firewall says no.",
            "Check that the receiver runs and listens on this port, on the outside address.",
        ),
        Failure::Unreachable => (
            "The host cannot be reached",
            "Its network or machine is down, or there is no route to it.",
            "Check that the receiver's host is up and reachable from the internet.",
        ),
        Failure::ConnectTimeout => (
            "No connection within 3 seconds",
            "A firewall drops packets silently, or the host is down.",
            "Let the sender's addresses through the firewall; check that the host is up.",
        ),
        Failure::Tls => (
            "The secure connection failed",
            "The certificate has expired, is for another name, or its chain is incomplete.",
            "Renew the certificate, and let the server send the whole chain.",
        ),
        Failure::ResetBeforeHeaders => (
            "The connection was closed before an answer came",
            "The receiver's program or its proxy ended the connection: a crash, a restart, a limit.",
            "Look at the receiver's log at this time.",
        ),
        Failure::HeaderTimeout => (
            "No answer within 3 seconds",
            "The receiver does its work before it answers.",
            "Let it put the work in a queue and answer 204 at once.",
        ),
        Failure::Protocol => (
            "What came back is no HTTP",
            "Something else listens on this port, or http and https are mixed up.",
            "Check scheme and port of the Target URL.",
        ),
        Failure::TooLarge => (
            "The answer's headers are too large",
            "The receiver sends more than 32 KiB of headers, often cookies.",
            "Let it answer without them.",
        ),
        Failure::ResetInBody => (
            "The connection broke within the answer",
            "The receiver's program or its proxy ended the connection while it answered.",
            "Let it answer 204 without a body.",
        ),
        Failure::BodyTimeout => (
            "The answer did not end within 3 seconds",
            "The receiver began to answer and went on too long.",
            "Let it answer 204 without a body.",
        ),
        Failure::EgressDenied => (
            "The target's address is closed",
            "The host's name leads to a private or reserved address, where this server does not go.",
            "Use a public address. An operator can open a private network with the setting egress.allow.",
        ),
    };
    Explanation::new(what, cause, next)
}

fn explain_own(fault: OwnFault) -> Explanation {
    let (what, cause) = match fault {
        OwnFault::Resources => (
            "Not sent: this server was out of resources",
            "It had no file handles, ports or memory left.",
        ),
        OwnFault::Shutdown => (
            "Not finished: this server was stopping",
            "It was restarted or upgraded.",
        ),
        OwnFault::Network => (
            "Not sent: this server's own network was down",
            "Many receivers could not be reached at once.",
        ),
    };
    Explanation::new(
        what,
        cause,
        "Nothing to do: it does not count as a try and is repeated after 10 seconds.",
    )
}

/// A class of outcomes as it stands in statistics, in a few words.
pub(super) fn class_words(class: &str) -> &'static str {
    match class {
        "success" => "received",
        "redirect" => "redirects",
        "status" => "error answers",
        "dns" => "name not found",
        "refused" => "connection refused",
        "unreachable" => "unreachable",
        "connect_timeout" => "no connection in time",
        "tls" => "TLS failures",
        "reset_before_headers" | "reset_in_body" => "connection broke",
        "header_timeout" | "body_timeout" => "no answer in time",
        "protocol" => "no HTTP",
        "too_large" => "headers too large",
        "egress_denied" => "address closed",
        _ => "our own faults",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_cause_and_a_next_step() {
        let statuses = (300..600).map(Outcome::Status);
        let failures = Failure::ALL.map(Outcome::Failed);
        let own =
            [OwnFault::Resources, OwnFault::Shutdown, OwnFault::Network].map(Outcome::OwnFault);
        for outcome in statuses.chain(failures).chain(own) {
            let Explanation { what, cause, next } = explain(outcome);
            assert!(
                !what.is_empty() && !cause.is_empty() && !next.is_empty(),
                "{outcome:?}"
            );
            assert_ne!(class_words(outcome.class()), "received");
        }
        assert_eq!(explain(Outcome::Status(204)).cause, "");
    }
}
