//! Notices: what operators are told of endpoints. Their names in the catalogue, and what an event of each carries.
//!
//! Invariants: a notice names people and keys as the audit log does, an endpoint by its id and its URL's host, and nothing
//! that is secret; its text is one line, whatever names are made of. What leads to a notice is decided in
//! [`crate::trouble`], or is an act of somebody's.

use crate::event_type::{EventTypeName, WireType};
use crate::id::{EndpointId, OrganizationId};
use crate::outcome::Outcome;
use crate::time::Timestamp;
use crate::trouble::Turn;
use serde_json::{Value, json};
use std::time::Duration;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Deliveries used up their tries.
    Exhausted,
    /// An endpoint takes nothing any more.
    Failing,
    /// It takes deliveries again.
    Recovered,
    /// An endpoint, or all webhooks of an organization, were switched off.
    SwitchedOff,
    /// And on again.
    SwitchedOn,
    /// An endpoint's secret was rotated.
    SecretRotated,
}

impl Kind {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; 6] = [
        Self::Exhausted,
        Self::Failing,
        Self::Recovered,
        Self::SwitchedOff,
        Self::SwitchedOn,
        Self::SecretRotated,
    ];

    /// The event type it is delivered as.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exhausted => "endpoint.exhausted",
            Self::Failing => "endpoint.failing",
            Self::Recovered => "endpoint.recovered",
            Self::SwitchedOff => "endpoint.switched_off",
            Self::SwitchedOn => "endpoint.switched_on",
            Self::SecretRotated => "endpoint.secret_rotated",
        }
    }

    /// The kind of that name. Both forms of a name are reserved.
    pub fn named(name: &EventTypeName) -> Option<Self> {
        let text = name.as_str();
        if !text.starts_with("endpoint.") {
            return None;
        }
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// The kind that a type on the wire stands for.
    pub fn of(wire: &WireType) -> Option<Self> {
        Self::named(&wire.name)
    }

    /// What people call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exhausted => "Deliveries exhausted",
            Self::Failing => "Endpoint failing",
            Self::Recovered => "Endpoint recovered",
            Self::SwitchedOff => "Switched off",
            Self::SwitchedOn => "Switched on",
            Self::SecretRotated => "Secret rotated",
        }
    }

    /// When it is told.
    pub const fn when(self) -> &'static str {
        match self {
            Self::Exhausted => {
                "Deliveries to an endpoint used up their tries; at most once an hour for each endpoint, with how many"
            }
            Self::Failing => {
                "Nothing an endpoint was sent succeeded for 5 minutes, in 5 attempts or more; once for each outage"
            }
            Self::Recovered => {
                "The first success of an endpoint that was told to be failing or exhausted"
            }
            Self::SwitchedOff => {
                "Somebody switched an endpoint off, or all webhooks of an organization"
            }
            Self::SwitchedOn => {
                "Somebody switched an endpoint on again, or all webhooks of an organization"
            }
            Self::SecretRotated => "Somebody rotated the secret of an endpoint",
        }
    }

    /// What to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Exhausted => {
                "Look at the deliveries; once the receiver works, send them again from the endpoint's page (Send again)."
            }
            Self::Failing => {
                "Tell whoever runs the receiver. What is tried three times is exhausted, and can be sent again later."
            }
            Self::Recovered => {
                "If deliveries were exhausted meanwhile, send them again from the endpoint's page (Send again)."
            }
            Self::SwitchedOff => {
                "Nothing, if this was meant. What waits is held; new events make no deliveries and can be replayed later."
            }
            Self::SwitchedOn => {
                "Nothing, if this was meant. What came while it was off can be replayed."
            }
            Self::SecretRotated => {
                "See that the receiver knows the new secret before the old one ends."
            }
        }
    }
}

/// Whom a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The organization.
    pub organization: OrganizationId,
    /// Its name.
    pub name: String,
    /// The endpoint; `None` for all of them.
    pub endpoint: Option<About>,
}

/// An endpoint that a notice is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub id: EndpointId,
    /// Its URL's host.
    pub host: String,
    /// Its description.
    pub description: String,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matter {
    /// An endpoint's trouble, and how many deliveries wait for it, counted up to [`WAITING`].
    Trouble(Turn, usize),
    /// Somebody switched something.
    Switched {
        /// On, or off.
        on: bool,
        /// Who, as on the audit log.
        by: String,
    },
    /// Somebody rotated the secret.
    Rotated {
        /// Who, as on the audit log.
        by: String,
        /// Until when the older one is in force, too.
        older_until: Option<Timestamp>,
    },
}

/// Deliveries that wait are counted up to here.
pub const WAITING: usize = 1_000;

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// About whom.
    pub subject: Subject,
    /// What.
    pub matter: Matter,
}

impl Notice {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self.matter {
            Matter::Trouble(Turn::Exhausted { .. }, _) => Kind::Exhausted,
            Matter::Trouble(Turn::Failing { .. }, _) => Kind::Failing,
            Matter::Trouble(Turn::Recovered { .. }, _) => Kind::Recovered,
            Matter::Switched { on: false, .. } => Kind::SwitchedOff,
            Matter::Switched { on: true, .. } => Kind::SwitchedOn,
            Matter::Rotated { .. } => Kind::SecretRotated,
        }
    }

    /// What an event of it carries, compact. `base` is how people reach the console, without a slash at the end.
    pub fn data(&self, base: &str) -> String {
        let endpoint = self.subject.endpoint.as_ref().map(|about| {
            json!({ "id": about.id.to_string(), "host": about.host, "description": about.description })
        });
        let mut data = json!({
            "at": self.at.rfc3339(),
            "organization": { "id": self.subject.organization.get(), "name": self.subject.name },
            "endpoint": endpoint,
            "text": self.text(),
            "advice": self.kind().advice(),
            "console": format!("{base}{}", self.page()),
        });
        if let (Some(members), Value::Object(more)) = (data.as_object_mut(), self.more()) {
            members.extend(more);
        }
        data.to_string()
    }

    /// What this kind says besides.
    fn more(&self) -> Value {
        match &self.matter {
            Matter::Trouble(turn, waiting) => match turn {
                Turn::Exhausted {
                    count,
                    told_before,
                    last,
                } => json!({
                    "exhausted": count, "since": time(*told_before), "last": last_of(*last), "waiting": waiting,
                }),
                Turn::Failing {
                    since,
                    failed,
                    exhausted,
                    last,
                } => json!({
                    "since": since.rfc3339(), "failed_attempts": failed, "exhausted": exhausted,
                    "last": last_of(*last), "waiting": waiting,
                }),
                Turn::Recovered {
                    since,
                    at,
                    failed,
                    exhausted,
                } => json!({
                    "since": since.rfc3339(), "recovered_at": at.rfc3339(), "lasted_seconds": at.since(*since).as_secs(),
                    "failed_attempts": failed, "exhausted": exhausted, "waiting": waiting,
                }),
            },
            Matter::Switched { by, .. } => json!({ "by": by }),
            Matter::Rotated { by, older_until } => {
                json!({ "by": by, "older_valid_until": time(*older_until) })
            }
        }
    }

    /// In one line.
    pub fn text(&self) -> String {
        let what = self.named();
        let text = match &self.matter {
            Matter::Trouble(Turn::Exhausted { count, last, .. }, _) => format!(
                "{} to {what} used up their tries{}.",
                counted(*count, "delivery", "deliveries"),
                last.map_or_else(String::new, |(_, outcome)| format!(
                    "; the last answer was {}",
                    outcome_words(outcome)
                ))
            ),
            Matter::Trouble(
                Turn::Failing {
                    since,
                    failed,
                    last,
                    ..
                },
                _,
            ) => format!(
                "{what} has taken nothing since {}: {} failed{}.",
                since.rfc3339(),
                counted(*failed, "attempt", "attempts"),
                last.map_or_else(String::new, |(_, outcome)| format!(
                    ", the last with {}",
                    outcome_words(outcome)
                ))
            ),
            Matter::Trouble(
                Turn::Recovered {
                    since,
                    at,
                    exhausted,
                    ..
                },
                _,
            ) => format!(
                "{what} takes deliveries again after {}; {} exhausted meanwhile.",
                span(at.since(*since)),
                match exhausted {
                    1 => String::from("1 delivery was"),
                    0 => String::from("none was"),
                    many => format!("{many} deliveries were"),
                }
            ),
            Matter::Switched { on, by } => {
                format!("{what} {} {} by {by}.", self.verb(), switch_word(*on))
            }
            Matter::Rotated { by, older_until } => format!(
                "The secret of {what} was rotated by {by}; the one before {}.",
                older_until.map_or_else(
                    || String::from("is no longer valid"),
                    |until| format!("stays valid until {}", until.rfc3339())
                )
            ),
        };
        one_line(&text)
    }

    /// The page of the console to look at.
    fn page(&self) -> String {
        let Some(about) = &self.subject.endpoint else {
            let organization = self.subject.organization;
            return format!("/admin/integrations/webhooks?organization={organization}");
        };
        match self.kind() {
            Kind::Exhausted => format!(
                "/admin/deliveries?organization={}&endpoint={}&state=exhausted",
                self.subject.organization, about.id
            ),
            _ => format!("/admin/integrations/webhooks/{}", about.id),
        }
    }

    fn named(&self) -> String {
        match &self.subject.endpoint {
            Some(about) => format!("{} of {}", about.host, self.subject.name),
            None => format!("All webhooks of {}", self.subject.name),
        }
    }

    const fn verb(&self) -> &'static str {
        match self.subject.endpoint {
            Some(_) => "was",
            None => "were",
        }
    }

    /// An example of each kind, for the catalogue and test sends; about an endpoint of `organization`.
    pub fn example(kind: Kind, organization: OrganizationId) -> Self {
        let first = Timestamp::from_millis(1_772_357_400_000);
        let last = Some((first.plus(Duration::from_secs(412)), Outcome::Status(503)));
        let at = first.plus(Duration::from_secs(413));
        let by = String::from("account acc_01kjm2h0f5q3v7w9x1y2z3a4b5");
        let matter = match kind {
            Kind::Exhausted => Matter::Trouble(
                Turn::Exhausted {
                    count: 3,
                    told_before: None,
                    last,
                },
                17,
            ),
            Kind::Failing => Matter::Trouble(
                Turn::Failing {
                    since: first,
                    failed: 12,
                    exhausted: 3,
                    last,
                },
                17,
            ),
            Kind::Recovered => Matter::Trouble(
                Turn::Recovered {
                    since: first,
                    at,
                    failed: 12,
                    exhausted: 3,
                },
                17,
            ),
            Kind::SwitchedOff => Matter::Switched { on: false, by },
            Kind::SwitchedOn => Matter::Switched { on: true, by },
            Kind::SecretRotated => Matter::Rotated {
                by,
                older_until: Some(at.plus(Duration::from_secs(86_400))),
            },
        };
        Self {
            at,
            subject: Subject {
                organization,
                name: String::from("Larkspur Commons"),
                endpoint: Some(About {
                    id: EndpointId::from_raw(EXAMPLE_ENDPOINT),
                    host: String::from("crm.example.com"),
                    description: String::from("their CRM"),
                }),
            },
            matter,
        }
    }
}

/// The endpoint of examples.
const EXAMPLE_ENDPOINT: i64 = 0x0190_a0b1_c2d3_e4f5;

const fn switch_word(on: bool) -> &'static str {
    if on { "switched on" } else { "switched off" }
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::rfc3339)
}

fn last_of(last: Option<(Timestamp, Outcome)>) -> Value {
    match last {
        Some((at, outcome)) => json!({
            "at": at.rfc3339(), "outcome": outcome.class(), "status": outcome.status(),
        }),
        None => Value::Null,
    }
}

fn outcome_words(outcome: Outcome) -> String {
    match outcome.status() {
        Some(status) => format!("status {status}"),
        None => outcome.class().replace('_', " "),
    }
}

fn counted(number: u32, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

/// A span of time in its two largest units.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// The same without anything that would begin another line or is not shown.
pub fn one_line(text: &str) -> String {
    let shown = |c: char| {
        // Line and paragraph separators, and what would turn the direction of the rest around.
        let odd = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || odd { ' ' } else { c }
    };
    text.chars().map(shown).collect()
}
