//! What the generator puts into an event and what the receiver reads back out of a delivery: `seq`, which says which
//! event it is, and `t_ns`, when it was due to be posted. Both survive the server unchanged (W13 keeps every token), so
//! one scan of the delivered bytes is enough; nothing is parsed as JSON on the measured path.
//! Deliberately absent: signatures. The bench measures; the tests of the product verify.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

/// The first `seq` of a run. Ten digits, so that every body of a run has the same length.
pub const FIRST_SEQ: u64 = 1_000_000_000;
/// The smallest body that has room for everything but padding.
pub const SMALLEST_BODY: usize = 128;

const OWNER_KEY: &[u8] = b"\"organization_id\":";
const SEQ_KEY: &[u8] = b"\"seq\":";
const TIME_KEY: &[u8] = b"\"t_ns\":";
/// Decimal digits of `seq` and of `t_ns` (until the year 2286).
const DIGITS: usize = 10 + 19;

/// The wall clock in nanoseconds since 1970. The wall clock, not a monotonic one, because `load` and `receive` may be
/// two processes.
pub fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// One event body, ready but for its two numbers.
#[derive(Debug, Clone)]
pub struct Template {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Events go round so many organizations, from 1 on.
    organizations: u8,
}

impl Template {
    /// A body of `length` bytes (at least [`SMALLEST_BODY`]) for `project.updated` of organization 1. It has the three
    /// keys of a delivery in the order of W11, so the same bytes serve as a post to the server and, for the floor, as a
    /// delivery straight to the receiver.
    pub fn of_length(length: usize) -> Self {
        Self::made(length, "")
    }

    /// The same for a public event, which reaches other organizations; no delivery looks like it.
    pub fn public_of_length(length: usize) -> Self {
        Self::made(length, r#""public":true,"#)
    }

    fn made(length: usize, more: &str) -> Self {
        let start = r#"{"type":"project.updated","organization_id":1,"#;
        let head = format!(r#"{start}{more}"data":{{"seq":"#).into_bytes();
        let mut tail = br#","pad":""#.to_vec();
        let end = br#""}}"#;
        let fixed = head.len() + b",".len() + TIME_KEY.len() + DIGITS + tail.len() + end.len();
        tail.resize(
            tail.len() + length.max(SMALLEST_BODY).saturating_sub(fixed),
            b'x',
        );
        tail.extend_from_slice(end);
        Self {
            head,
            tail,
            organizations: 1,
        }
    }

    /// The same, going round that many organizations: up to nine, so that every body has the same length.
    pub fn round(mut self, organizations: u8) -> Self {
        self.organizations = organizations.clamp(1, 9);
        self
    }

    /// The digit of organization 1 in the head.
    fn owner(&self) -> Option<usize> {
        let key = OWNER_KEY.len();
        let at = self.head.windows(key).position(|part| part == OWNER_KEY)?;
        Some(at + key)
    }

    /// The body of event `seq`, due at `t_ns`.
    pub fn fill(&self, seq: u64, t_ns: u64) -> Bytes {
        let mut body =
            Vec::with_capacity(self.head.len() + self.tail.len() + TIME_KEY.len() + DIGITS + 16);
        body.extend_from_slice(&self.head);
        if self.organizations > 1
            && let Some(digit) = self.owner().and_then(|at| body.get_mut(at))
        {
            // Below ten by construction.
            *digit += (seq % u64::from(self.organizations)) as u8;
        }
        // Writing into a Vec cannot fail.
        let _ = write!(body, "{seq},\"t_ns\":{t_ns}");
        body.extend_from_slice(&self.tail);
        Bytes::from(body)
    }
}

impl Template {
    /// The body of a post of `count` events, numbered from `seq` on: one alone, or a batch.
    pub fn post(&self, seq: u64, count: u64, t_ns: u64) -> Bytes {
        if count == 1 {
            return self.fill(seq, t_ns);
        }
        let mut body = br#"{"events":["#.to_vec();
        for event in seq..seq + count {
            if event > seq {
                body.push(b',');
            }
            body.extend_from_slice(&self.fill(event, t_ns));
        }
        body.extend_from_slice(b"]}");
        body.into()
    }
}

/// The two numbers of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Which event it is.
    pub seq: u64,
    /// When it was due to be posted: nanoseconds since 1970.
    pub t_ns: u64,
}

impl Stamp {
    /// Reads the numbers out of a delivered body; `None` when the body is not one of ours.
    pub fn read(body: &[u8]) -> Option<Self> {
        let (seq, rest) = number_after(body, SEQ_KEY)?;
        let (t_ns, _) = number_after(rest, TIME_KEY)?;
        Some(Self { seq, t_ns })
    }
}

/// The number that follows the first `key`, and what follows the number.
fn number_after<'a>(body: &'a [u8], key: &[u8]) -> Option<(u64, &'a [u8])> {
    let at = body.windows(key.len()).position(|window| window == key)?;
    let mut rest = body.get(at + key.len()..)?;
    let mut number = None;
    while let Some((digit, after)) = rest.split_first().filter(|(byte, _)| byte.is_ascii_digit()) {
        number = Some(
            number
                .unwrap_or(0_u64)
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit - b'0')),
        );
        rest = after;
    }
    number.map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn events_go_round_the_organizations_asked_for() {
        let template = Template::of_length(SMALLEST_BODY).round(9);
        for seq in FIRST_SEQ..FIRST_SEQ + 18 {
            let body = template.fill(seq, now_ns());
            assert_eq!(body.len(), SMALLEST_BODY);
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["organization_id"], seq % 9 + 1);
        }
    }

    #[test]
    fn a_body_has_the_length_asked_for_and_gives_its_numbers_back() {
        let now = now_ns();
        for length in [SMALLEST_BODY, 1024, 65_536] {
            let body = Template::of_length(length).fill(FIRST_SEQ + 7, now);
            assert_eq!(body.len(), length);
            assert_eq!(
                Stamp::read(&body),
                Some(Stamp {
                    seq: FIRST_SEQ + 7,
                    t_ns: now
                })
            );
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value.pointer("/data/seq").unwrap(), FIRST_SEQ + 7);
        }
    }

    #[test]
    fn a_body_that_is_not_ours_has_no_stamp() {
        for body in [
            &b""[..],
            b"{}",
            b"{\"seq\":}",
            b"{\"seq\":1}",
            b"{\"t_ns\":1,\"seq\":2}",
        ] {
            assert_eq!(Stamp::read(body), None);
        }
    }
}
