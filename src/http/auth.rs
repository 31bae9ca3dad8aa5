//! Who asks, and what they may do. A key names a scope; a scope becomes a reach, and every call into the
//! store carries it.
//!
//! Invariants: what is foreign answers exactly as what is missing (404); what is one's own but not allowed
//! answers 403. Keys are looked up by their hash, so neither time nor text tells a near miss from a far one.

use super::code::Code;
use super::door::Proof;
use super::head::single;
use super::problem::Problem;
use super::reply::RequestId;
use crate::store::directory::{ApiKey, KeyHash, Scope};
use crate::store::{Actor, Reach};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::net::IpAddr;
use std::sync::Arc;
use tidings_core::api_key::KeyText;
use tidings_core::id::{AccountId, KeyId, LinkId, OrganizationId};
use tidings_core::time::Timestamp;

/// What a caller came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// An API key; this is its record.
    Key(KeyId),
    /// A login of the console.
    Account(AccountId),
    /// A portal link into the console.
    Portal(LinkId),
}

impl std::fmt::Display for Who {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => out.write_str(&Actor::key(*id)),
            Self::Account(id) => out.write_str(&Actor::account(*id)),
            Self::Portal(id) => write!(out, "portal link {id}"),
        }
    }
}

/// A caller whose key or session was found and is in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// Who it is, for the audit log.
    pub who: Who,
    /// What it may do.
    pub scope: Scope,
}

/// What the audit log calls who came without a key.
pub(super) const STRANGER: &str = "anyone";

/// Who asks, for the audit log.
pub(super) fn actor(caller: Option<&Caller>, peer: IpAddr, request_id: RequestId) -> Actor {
    Actor {
        name: match caller {
            Some(caller) => caller.who.to_string(),
            None => STRANGER.to_owned(),
        },
        address: Some(peer),
        request_id: Some(request_id.to_string()),
    }
}

/// Finds the caller of a request. `find` looks a key's record up by its hash; a text that is no key of ours never gets there.
pub(super) fn authenticate(
    headers: &HeaderMap,
    find: impl FnOnce(&KeyHash) -> Option<Arc<ApiKey>>,
    now: Timestamp,
) -> Result<Caller, Problem> {
    let Some(given) = single(headers, &AUTHORIZATION)? else {
        return Err(Problem::new(
            Code::NoCredentials,
            "Send `Authorization: Bearer <key>`.",
        ));
    };
    let given = std::str::from_utf8(given).unwrap_or_default();
    let (scheme, key) = given.split_once(' ').unwrap_or((given, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::new(
            Code::WrongScheme,
            "Use Bearer: `Authorization: Bearer <key>`.",
        ));
    }
    let key = KeyText::parse(key.trim_matches(' '))
        .map_err(|error| Problem::new(Code::MalformedKey, error.to_string()))?;
    let Some(record) = find(&key.hash()) else {
        return Err(Problem::new(
            Code::UnknownKey,
            "This key is unknown or was revoked.",
        ));
    };
    match record.expires_at {
        Some(end) if !record.is_in_force(now) => Err(Problem::new(
            Code::ExpiredKey,
            format!("This key expired on {end}."),
        )),
        _ => Ok(Caller {
            who: Who::Key(record.id),
            scope: record.scope,
        }),
    }
}

/// What a connection is known by, whose request was authenticated with these headers.
pub(super) fn proof(headers: &HeaderMap) -> Option<Proof> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_bearer, key) = given.split_once(' ')?;
    let key = KeyText::parse(key.trim_matches(' ')).ok()?;
    Some(Proof::Key(key.hash()))
}

fn lacks(scope: &str) -> Problem {
    Problem::new(
        Code::MissingScope,
        format!("This key may not do this: it takes the scope `{scope}`."),
    )
}

/// What is said of an organization that does not exist or is not the caller's.
pub(super) fn no_organization(id: &str) -> Problem {
    Problem::missing(Code::NoSuchOrganization, "organization", id)
}

impl Caller {
    /// Post events.
    pub fn may_post(&self) -> Result<(), Problem> {
        match self.scope {
            Scope::Operator | Scope::Producer => Ok(()),
            Scope::Administrator(_) | Scope::Viewer(_) => Err(lacks("producer")),
        }
    }

    /// Everything, everywhere.
    pub fn operates(&self) -> Result<(), Problem> {
        match self.scope {
            Scope::Operator => Ok(()),
            Scope::Producer | Scope::Administrator(_) | Scope::Viewer(_) => Err(lacks("operator")),
        }
    }

    /// Whether it is an operator's key.
    pub const fn is_operator(&self) -> bool {
        matches!(self.scope, Scope::Operator)
    }

    /// Look at what belongs to organizations.
    pub fn reach(&self) -> Result<Reach, Problem> {
        match self.scope {
            Scope::Operator => Ok(Reach::All),
            Scope::Administrator(own) | Scope::Viewer(own) => Ok(Reach::One(own)),
            Scope::Producer => Err(lacks("viewer")),
        }
    }

    /// Change what belongs to organizations.
    pub fn reach_to_change(&self) -> Result<Reach, Problem> {
        match self.scope {
            Scope::Viewer(_) => Err(lacks("administrator")),
            Scope::Producer => Err(lacks("administrator")),
            Scope::Operator | Scope::Administrator(_) => self.reach(),
        }
    }

    /// Look at one organization.
    pub fn sees(&self, organization: OrganizationId) -> Result<(), Problem> {
        if self.reach()?.covers(organization) {
            Ok(())
        } else {
            Err(no_organization(&organization.to_string()))
        }
    }

    /// Change one organization's webhooks, and see its secrets.
    pub fn administers(&self, organization: OrganizationId) -> Result<(), Problem> {
        self.sees(organization)?;
        match self.scope {
            Scope::Operator | Scope::Administrator(_) => Ok(()),
            Scope::Viewer(_) | Scope::Producer => Err(lacks("administrator")),
        }
    }

    /// Whether tokens in URLs, addresses and the system's words are shown to it.
    pub const fn sees_everything(&self) -> bool {
        matches!(self.scope, Scope::Operator | Scope::Administrator(_))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use http::HeaderValue;
    use std::cell::Cell;
    use tidings_core::api_key::KeyKind;

    #[test]
    fn s8_only_a_text_with_a_right_checksum_is_looked_up() {
        let good = KeyText::generated(KeyKind::Operator, &[9; 32]);
        let good = good.expose();
        let mut given = vec![
            (format!("Bearer {good}"), 1),
            (format!("bearer  {good} "), 1),
        ];
        for place in 0..good.len() {
            let (before, rest) = good.split_at(place);
            let (old, after) = rest.split_at(1);
            let new = if old == "a" { "b" } else { "a" };
            given.push((format!("Bearer {before}{new}{after}"), 0));
        }
        for bad in ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer\t", good] {
            given.push((bad.to_owned(), 0));
        }
        given.push((format!("Basic {good}"), 0));
        given.push((format!("Bearer \u{a0}{good}"), 0));
        given.push((format!("Bearer {good}{good}"), 0));
        for (text, wanted) in given {
            let looked_up = Cell::new(0);
            let mut headers = HeaderMap::new();
            headers.insert(
                AUTHORIZATION,
                HeaderValue::from_bytes(text.as_bytes()).unwrap(),
            );
            let count = |_: &KeyHash| {
                looked_up.set(looked_up.get() + 1);
                None
            };
            let now = Timestamp::from_micros(0);
            assert!(authenticate(&headers, count, now).is_err());
            assert_eq!(looked_up.get(), wanted, "{text}");
        }
    }
}
