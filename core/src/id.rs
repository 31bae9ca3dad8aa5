//! Identifiers: types that cannot be mixed up, and their text form.
//!
//! Ids grow with time and carry random bits: 41 bits of milliseconds since 2024-01-01T00:00:00Z, then 22
//! bits that start at random in every millisecond. A restored backup therefore never repeats a
//! `webhook-id`. In text an id is a prefix and lowercase Crockford base32 of fixed length, so texts sort
//! as the ids do. A delivery is named by (event, endpoint); its id derives from both and nothing else.

use crate::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// 2024-01-01T00:00:00Z in milliseconds: the zero of the time part of ids.
const EPOCH_MILLIS: i64 = 1_704_067_200_000;
/// Bits below the time part.
const LOW_BITS: u32 = 22;
/// Characters of one 63-bit id in base32.
const CHARS: usize = 13;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The organization (tenant) as it goes on the wire (W12): 1 to 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationId(i64);

impl OrganizationId {
    /// The largest id that every JSON parser keeps exact.
    pub const MAX: i64 = (1 << 53) - 1;

    /// An id in range, or `None`.
    pub const fn new(value: i64) -> Option<Self> {
        if value >= 1 && value <= Self::MAX {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The number that goes on the wire.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Why a text is no id of the kind that belongs here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text starts with another kind's prefix.
    #[error("this is {found}; {wanted} starts with `{prefix}`")]
    WrongKind {
        /// What the text names, in words.
        found: &'static str,
        /// What belongs here, in words.
        wanted: &'static str,
        /// The prefix that belongs here.
        prefix: &'static str,
    },
    /// No known prefix, or not base32 of the right length.
    #[error("not {wanted}: it is `{prefix}` and {chars} characters of 0-9 a-z")]
    Malformed {
        /// What belongs here, in words.
        wanted: &'static str,
        /// The prefix that belongs here.
        prefix: &'static str,
        /// How many characters follow the prefix.
        chars: usize,
    },
}

const KINDS: [(&str, &str); 11] = [
    ("evt_", "an event id"),
    ("dlv_", "a delivery id"),
    ("att_", "an attempt id"),
    ("ep_", "an endpoint id"),
    ("key_", "a key id"),
    ("rpl_", "a replay id"),
    ("aud_", "an audit record id"),
    ("acc_", "an account id"),
    ("ses_", "a session id"),
    ("lnk_", "a link id"),
    ("ers_", "an erasure id"),
];

fn refuse(text: &str, wanted: &'static str, prefix: &'static str, chars: usize) -> IdError {
    match KINDS
        .iter()
        .find(|(other, _)| *other != prefix && text.starts_with(other))
    {
        Some((_, found)) => IdError::WrongKind {
            found,
            wanted,
            prefix,
        },
        None => IdError::Malformed {
            wanted,
            prefix,
            chars,
        },
    }
}

fn encode(value: u64, out: &mut [u8; CHARS]) {
    for (place, slot) in out.iter_mut().rev().enumerate() {
        let digit = (value >> (5 * place as u32)) & 31;
        *slot = ALPHABET.get(digit as usize).copied().unwrap_or(b'0');
    }
}

fn decode(text: &[u8]) -> Option<i64> {
    let mut value: u64 = 0;
    for byte in text {
        let digit = ALPHABET.iter().position(|known| known == byte)?;
        if value >> 59 != 0 {
            return None;
        }
        value = (value << 5) | digit as u64;
    }
    i64::try_from(value).ok()
}

fn write_id(out: &mut fmt::Formatter<'_>, prefix: &str, value: i64) -> fmt::Result {
    let mut chars = [0_u8; CHARS];
    encode(value.unsigned_abs(), &mut chars);
    out.write_str(prefix)?;
    out.write_str(std::str::from_utf8(&chars).unwrap_or_default())
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $words:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The id of a stored number (0 to 2^63 − 1).
            pub const fn from_raw(value: i64) -> Self {
                Self(value)
            }

            /// The number that is stored.
            pub const fn raw(self) -> i64 {
                self.0
            }

            /// The moment the id was given, to the millisecond.
            pub const fn time(self) -> Timestamp {
                Timestamp::from_millis((self.0 >> LOW_BITS) + EPOCH_MILLIS)
            }

            /// The smallest id given at `moment` or later: turns a time range into an id range.
            pub fn first_at(moment: Timestamp) -> Self {
                Self((moment.as_millis() - EPOCH_MILLIS).clamp(0, (1 << 41) - 1) << LOW_BITS)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(out, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(out, $prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|rest| rest.len() == CHARS)
                    .and_then(|rest| decode(rest.as_bytes()))
                    .map(Self)
                    .ok_or_else(|| refuse(text, $words, $prefix, CHARS))
            }
        }
    };
}

id!(
    /// An event that a producer posted.
    EventId, "evt_", "an event id"
);
id!(
    /// A target URL with its secret and chosen event types.
    EndpointId, "ep_", "an endpoint id"
);
id!(
    /// An API key (its record, never the key itself).
    KeyId, "key_", "a key id"
);
id!(
    /// A bulk replay job.
    ReplayId, "rpl_", "a replay id"
);
id!(
    /// A row of the audit log.
    AuditId, "aud_", "an audit record id"
);
id!(
    /// A person's account for the console.
    AccountId, "acc_", "an account id"
);
id!(
    /// A login of the console.
    SessionId, "ses_", "a session id"
);
id!(
    /// A one-time link into the console (its record, never the link itself).
    LinkId, "lnk_", "a link id"
);
id!(
    /// A job that erases an event, or everything of an organization.
    ErasureId, "ers_", "an erasure id"
);

/// One event for one endpoint. Its text is the `webhook-id` of every try (W15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The event, first: rows are ordered by time.
    pub event: EventId,
    /// The endpoint.
    pub endpoint: EndpointId,
}

/// Bytes of a delivery id's text.
pub const DELIVERY_TEXT: usize = 4 + 2 * CHARS;

impl DeliveryId {
    /// The text form without an allocation: the hot path signs and sends it.
    pub fn text(self) -> DeliveryText {
        let mut bytes = *b"dlv_00000000000000000000000000";
        let mut half = [0_u8; CHARS];
        let (_, ids) = bytes.split_at_mut(4);
        for (value, slots) in [self.event.0, self.endpoint.0]
            .into_iter()
            .zip(ids.chunks_exact_mut(CHARS))
        {
            encode(value.unsigned_abs(), &mut half);
            slots.copy_from_slice(&half);
        }
        DeliveryText(bytes)
    }
}

/// A delivery id's text, on the stack.
#[derive(Clone, Copy)]
pub struct DeliveryText([u8; DELIVERY_TEXT]);

impl DeliveryText {
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text().as_str())
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text().as_str())
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || refuse(text, "a delivery id", "dlv_", 2 * CHARS);
        let rest = text
            .strip_prefix("dlv_")
            .filter(|rest| rest.len() == 2 * CHARS)
            .ok_or_else(error)?;
        let (event, endpoint) = rest.as_bytes().split_at(CHARS);
        match (decode(event), decode(endpoint)) {
            (Some(event), Some(endpoint)) => Ok(Self {
                event: EventId(event),
                endpoint: EndpointId(endpoint),
            }),
            _ => Err(error()),
        }
    }
}

/// One HTTP request of a delivery: the delivery and the number of the try, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The delivery.
    pub delivery: DeliveryId,
    /// 1 for the first request ever made for it.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.delivery.text();
        let rest = text.as_str().strip_prefix("dlv_").unwrap_or_default();
        write!(out, "att_{rest}{:03}", self.number)
    }
}

/// Which ids a node gives, so that those of nodes on one database never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stripe(Option<u8>);

impl Stripe {
    /// Nodes that can give ids beside each other.
    pub const NODES: u8 = 64;
    /// Of the only node: all ids are its own.
    pub const ALONE: Self = Self(None);

    /// Of the node with this number, below [`Stripe::NODES`]; `None` for any other.
    pub const fn of(number: u8) -> Option<Self> {
        if number < Self::NODES {
            Some(Self(Some(number)))
        } else {
            None
        }
    }

    /// The node's number; `None` for the only node.
    pub const fn number(self) -> Option<u8> {
        self.0
    }

    /// The smallest id of the stripe that is not below `id`.
    fn at_or_above(self, id: i64) -> i64 {
        let Some(number) = self.0 else { return id };
        let ahead = (i64::from(number) - id).rem_euclid(i64::from(Self::NODES));
        id.saturating_add(ahead)
    }
}

/// Gives growing raw ids. One per store writer; `last` is read back from the store at start.
#[derive(Debug, Clone)]
pub struct IdSource {
    last: i64,
    stripe: Stripe,
}

impl IdSource {
    /// Starts above `last`, the largest id the store holds (0 for an empty one).
    pub const fn above(last: i64) -> Self {
        Self::striped(last, Stripe::ALONE)
    }

    /// As [`IdSource::above`], for one node of several.
    pub const fn striped(last: i64, stripe: Stripe) -> Self {
        Self { last, stripe }
    }

    /// From now on gives the ids of this stripe.
    pub const fn restripe(&mut self, stripe: Stripe) {
        self.stripe = stripe;
    }

    /// Which ids it gives.
    pub const fn stripe(&self) -> Stripe {
        self.stripe
    }

    /// From now on gives ids above `id`, which another node gave.
    pub const fn pass(&mut self, id: i64) {
        if self.last < id {
            self.last = id;
        }
    }

    /// The next id: at `now`, and above every one before it, whatever the clock did.
    pub fn next(&mut self, now: Timestamp, random: u32) -> i64 {
        let millis = (now.as_millis() - EPOCH_MILLIS).clamp(0, (1 << 41) - 1);
        // The top low bit stays clear, so that a millisecond has room for steps above a random start.
        let fresh = (millis << LOW_BITS) | i64::from(random & ((1 << (LOW_BITS - 1)) - 1));
        let step = 1 + i64::from(random >> 27);
        let wanted = fresh.max(self.last.saturating_add(step));
        self.last = self.stripe.at_or_above(wanted);
        self.last
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn text_round_trips_and_sorts_like_the_number() {
        let mut source = IdSource::above(0);
        let now = Timestamp::from_millis(1_767_225_600_000);
        let ids: Vec<EventId> = (0..1_000_u32)
            .map(|n| EventId(source.next(now, n.wrapping_mul(2_654_435_761))))
            .collect();
        for pair in ids.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_string() < pair[1].to_string());
        }
        for id in ids {
            assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        }
    }

    #[test]
    fn ids_of_two_nodes_never_meet() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let mut given = std::collections::HashSet::new();
        for number in [0, 1, Stripe::NODES - 1] {
            let mut source = IdSource::striped(0, Stripe::of(number).unwrap());
            let mut last = 0;
            for _ in 0..1_000 {
                // The same random bits on every node: only the stripe tells them apart.
                let id = source.next(now, 12_345);
                assert!(id > last);
                last = id;
                assert!(given.insert(id));
            }
            source.pass(last + 1_000_000);
            assert!(source.next(now, 1) > last + 1_000_000);
        }
        assert_eq!(Stripe::of(Stripe::NODES), None);
    }

    #[test]
    fn a_clock_stepped_back_never_gives_a_smaller_id() {
        let mut source = IdSource::above(0);
        let first = source.next(Timestamp::from_millis(1_767_225_600_000), 7);
        let second = source.next(Timestamp::from_millis(1_767_139_200_000), 7);
        assert!(second > first);
    }

    #[test]
    fn an_id_tells_its_time_and_a_time_its_first_id() {
        let now = Timestamp::from_millis(1_767_225_600_123);
        let id = EventId(IdSource::above(0).next(now, u32::MAX));
        assert_eq!(id.time(), now);
        assert!(EventId::first_at(now) <= id);
        assert!(EventId::first_at(Timestamp::from_millis(1_767_225_600_124)) > id);
    }

    #[test]
    fn w15_a_delivery_id_derives_from_event_and_endpoint_and_has_no_dot() {
        let id = DeliveryId {
            event: EventId(81),
            endpoint: EndpointId(i64::MAX),
        };
        let text = id.to_string();
        assert_eq!(text.parse::<DeliveryId>().unwrap(), id);
        assert!(!text.contains('.'));
        assert_eq!(text.len(), DELIVERY_TEXT);
    }

    #[test]
    fn a_wrong_kind_is_named() {
        let event = EventId(81).to_string();
        assert_eq!(
            event.parse::<EndpointId>().unwrap_err().to_string(),
            "this is an event id; an endpoint id starts with `ep_`"
        );
        for bad in [
            "ep_",
            "ep_zzzzzzzzzzzzz",
            "ep_000000000000u",
            "ep_00000000000000",
            "17",
            "",
        ] {
            assert!(
                matches!(bad.parse::<EndpointId>(), Err(IdError::Malformed { .. })),
                "{bad}"
            );
        }
    }
}
