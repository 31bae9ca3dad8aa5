//! Who may do what: one rule for every operation of the API, and what follows from it for a caller and some ids.
//!
//! A rule is written down once here and nowhere derived from the code; an operation without one fails the matrix.

use super::matrix_scene::{Caller, Role};

/// Whose thing an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pick {
    /// The organization's that the matrix is about.
    Own,
    /// Another's.
    Foreign,
    /// Nobody's.
    Missing,
}

/// The ids as they must look to somebody of that organization, or without one: what is not theirs is as if it were missing. To
/// operators, whose are all, what is not the first one's is out of its place.
pub fn as_seen(picks: &[Pick], own: Option<Pick>) -> Vec<Pick> {
    let own = own.or_else(|| picks.first().copied());
    let seen = picks.iter().map(|pick| match Some(*pick) == own {
        true => *pick,
        false => Pick::Missing,
    });
    seen.collect()
}

/// Who may, each with everybody whose key says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// No key is asked for.
    Anyone,
    /// Whoever has a key in force.
    Key,
    /// Producers and operators.
    Producer,
    /// Who may look at the organization.
    Viewer,
    /// Who may change the organization.
    Administrator,
    /// Operators only.
    Operator,
}

/// What one operation takes.
#[derive(Debug)]
pub struct Rule {
    /// Method and path, as in the document.
    pub operation: &'static str,
    pub who: Who,
    /// The least valid body; `{org}` stands for an organization's number.
    pub body: &'static str,
    /// The status when it is done.
    pub done: u16,
    /// The status for what is not there yet, where the operation makes it.
    pub made: Option<u16>,
    /// Whether doing it leaves something behind.
    pub changes: bool,
}

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Done(u16),
    Refused(u16, &'static str),
}

const fn reads(operation: &'static str, who: Who) -> Rule {
    Rule {
        operation,
        who,
        body: "",
        done: 200,
        made: None,
        changes: false,
    }
}

const fn changes(operation: &'static str, who: Who, body: &'static str, done: u16) -> Rule {
    Rule {
        operation,
        who,
        body,
        done,
        made: None,
        changes: true,
    }
}

const fn puts(operation: &'static str, body: &'static str) -> Rule {
    Rule {
        operation,
        who: Who::Operator,
        body,
        done: 200,
        made: Some(201),
        changes: true,
    }
}

const EVENT: &str = r#"{"type":"project.updated","organization_id":{org},"data":{"id":1}}"#;
const BATCH: &str = r#"{"events":[]}"#;
const ENDPOINT: &str =
    r#"{"url":"https://receiver.example/other","event_types":["project.updated"]}"#;
const RANGE: &str =
    r#"{"from":"2026-02-01T00:00:00Z","to":"2026-02-02T00:00:00Z","include":["missing"]}"#;
const KEY: &str = r#"{"scope":"viewer","organization_id":{org}}"#;

/// Every operation's rule.
pub const RULES: &[Rule] = &[
    changes("POST /v1/events", Who::Producer, EVENT, 202),
    changes("POST /v1/events/batch", Who::Producer, BATCH, 202),
    reads("GET /v1/events/{evt}", Who::Viewer),
    changes("DELETE /v1/events/{evt}", Who::Operator, "", 202),
    reads("GET /v1/erasures/{ers}", Who::Operator),
    reads("GET /v1/organizations", Who::Viewer),
    reads("GET /v1/organizations/{org}", Who::Viewer),
    puts(
        "PUT /v1/organizations/{org}",
        r#"{"name":"Changed","add_ons":["api_access"]}"#,
    ),
    changes("DELETE /v1/organizations/{org}", Who::Operator, "", 204),
    changes(
        "PUT /v1/organizations/{org}/webhooks",
        Who::Administrator,
        r#"{"enabled":false}"#,
        200,
    ),
    reads("GET /v1/organizations/{org}/events", Who::Viewer),
    reads("GET /v1/organizations/{org}/deliveries", Who::Viewer),
    reads("GET /v1/organizations/{org}/endpoints", Who::Viewer),
    changes(
        "POST /v1/organizations/{org}/endpoints",
        Who::Administrator,
        ENDPOINT,
        201,
    ),
    reads("GET /v1/organizations/{org}/endpoints/{ep}", Who::Viewer),
    changes(
        "PATCH /v1/organizations/{org}/endpoints/{ep}",
        Who::Administrator,
        r#"{"description":"changed"}"#,
        200,
    ),
    changes(
        "DELETE /v1/organizations/{org}/endpoints/{ep}",
        Who::Administrator,
        "",
        204,
    ),
    // Looking at a secret is on the audit log.
    changes(
        "GET /v1/organizations/{org}/endpoints/{ep}/secret",
        Who::Administrator,
        "",
        200,
    ),
    changes(
        "POST /v1/organizations/{org}/endpoints/{ep}/secret/rotate",
        Who::Administrator,
        "",
        200,
    ),
    changes(
        "POST /v1/organizations/{org}/endpoints/{ep}/secret/confirm",
        Who::Administrator,
        "",
        204,
    ),
    // Operators only: it answers guesses.
    Rule {
        operation: "POST /v1/organizations/{org}/endpoints/{ep}/headers/compare",
        who: Who::Operator,
        body: r#"{"headers":{"x-team":"red"}}"#,
        done: 200,
        made: None,
        changes: false,
    },
    changes(
        "POST /v1/organizations/{org}/endpoints/{ep}/test",
        Who::Administrator,
        r#"{"event_type":"project.updated"}"#,
        200,
    ),
    changes(
        "POST /v1/organizations/{org}/endpoints/{ep}/replay",
        Who::Administrator,
        RANGE,
        202,
    ),
    reads(
        "GET /v1/organizations/{org}/endpoints/{ep}/replay/{rpl}",
        Who::Viewer,
    ),
    changes(
        "DELETE /v1/organizations/{org}/endpoints/{ep}/replay/{rpl}",
        Who::Administrator,
        "",
        200,
    ),
    reads("GET /v1/audit", Who::Operator),
    reads("GET /metrics", Who::Operator),
    reads("GET /v1/organizations/{org}/audit", Who::Administrator),
    reads("GET /v1/organizations/{org}/stats", Who::Viewer),
    reads(
        "GET /v1/organizations/{org}/endpoints/{ep}/stats",
        Who::Viewer,
    ),
    changes(
        "POST /v1/organizations/{org}/portal-links",
        Who::Administrator,
        r#"{"role":"viewer"}"#,
        201,
    ),
    changes(
        "DELETE /v1/organizations/{org}/portal-links/{lnk}",
        Who::Administrator,
        "",
        204,
    ),
    reads("GET /v1/event-types", Who::Key),
    reads("GET /v1/event-types/{type}", Who::Key),
    puts("PUT /v1/event-types/{type}", r#"{"enabled":true}"#),
    reads("GET /v1/deliveries/{dlv}", Who::Viewer),
    changes(
        "POST /v1/deliveries/{dlv}/retry",
        Who::Administrator,
        "",
        202,
    ),
    reads("GET /v1/keys", Who::Administrator),
    changes("POST /v1/keys", Who::Administrator, KEY, 201),
    changes("DELETE /v1/keys/{key}", Who::Administrator, "", 204),
    reads("GET /healthz", Who::Anyone),
    reads("GET /readyz", Who::Anyone),
    reads("GET /openapi.json", Who::Anyone),
];

/// The code for a thing that is not there, by the name of its parameter.
fn missing(name: &str) -> Wanted {
    let code = match name {
        "org" => "no_such_organization",
        "ep" => "no_such_endpoint",
        "evt" => "no_such_event",
        "ers" => "no_such_erasure",
        "dlv" => "no_such_delivery",
        "rpl" => "no_such_replay",
        "lnk" => "no_such_portal_link",
        "key" => "no_such_key",
        "type" => "no_such_event_type",
        "organization_id" => return Wanted::Refused(422, "unknown_organization"),
        other => panic!("no rule says what a missing {other} is"),
    };
    Wanted::Refused(404, code)
}

impl Rule {
    /// What ids it takes: those in its path, or the organization's number in its body.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self
            .operation
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        if self.body.contains("{org}") {
            names.push("organization_id");
        }
        names
    }

    /// What this caller must be answered about things of these owners, in the order of [`Rule::names`].
    pub fn wanted(&self, caller: Caller, picks: &[Pick]) -> Wanted {
        let names = self.names();
        let role = match (self.who, caller.role()) {
            (Who::Anyone, _) => return Wanted::Done(self.done),
            (_, Err(code)) => return Wanted::Refused(401, code),
            (_, Ok(role)) => role,
        };
        const LACKS: Wanted = Wanted::Refused(403, "missing_scope");
        let enough = match self.who {
            Who::Anyone | Who::Key => true,
            Who::Producer => matches!(role, Role::Producer | Role::Operator),
            Who::Operator => role == Role::Operator,
            Who::Viewer | Who::Administrator => role != Role::Producer,
        };
        if !enough {
            return LACKS;
        }
        let looks_only = matches!(role, Role::Viewer(_)) && self.who == Who::Administrator;
        let covers = |name: &str, pick: Pick| match role {
            _ if pick == Pick::Missing => false,
            Role::Operator | Role::Producer => true,
            Role::Viewer(own) | Role::Administrator(own) => name == "type" || own == pick,
        };
        let last = names.last().zip(picks.last());
        match (names.first(), picks.first()) {
            (Some(&"org"), Some(&org)) => {
                if !covers("org", org) {
                    return self.made.map_or(missing("org"), Wanted::Done);
                }
                if looks_only {
                    return LACKS;
                }
                match last {
                    Some((name, _)) if picks.iter().any(|pick| *pick != org) => missing(name),
                    _ => Wanted::Done(self.done),
                }
            }
            _ if looks_only => LACKS,
            _ => match last {
                Some((name, pick)) if !covers(name, *pick) => {
                    self.made.map_or(missing(name), Wanted::Done)
                }
                _ => Wanted::Done(self.done),
            },
        }
    }
}
