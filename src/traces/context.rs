//! W3C Trace Context: the ids of traces and spans, and the header `traceparent` that carries them.

use std::fmt;
use tidings_core::id::EventId;

/// The id of a trace; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// The id of a span; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// The trace of an event whose producer gave none.
    pub fn of(event: EventId) -> Self {
        let mut id = [0; 16];
        fill(&[b"trace", &event.raw().to_be_bytes()], &mut id);
        Self(id)
    }

    /// Whether it is one of those in a hundred that are kept; the same everywhere.
    pub fn is_kept(self, percent: u8) -> bool {
        let [.., high, low] = self.0;
        u32::from(u16::from_be_bytes([high, low])) * 100 < u32::from(percent) * 65_536
    }
}

impl SpanId {
    /// The span that these bytes name.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut id = [0; 8];
        fill(parts, &mut id);
        Self(id)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

/// Spread evenly, and not zero: the last bit is set.
fn fill(parts: &[&[u8]], id: &mut [u8]) {
    let mut hasher = blake3::Hasher::new_derive_key("tidings 2026 ids of traces and spans");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize_xof().fill(id);
    if id.iter().all(|byte| *byte == 0) {
        id.fill(1);
    }
}

fn hex(bytes: &[u8], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, out)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, out)
    }
}

/// What a `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The sender's span.
    pub span: SpanId,
    /// Whether the trace is kept.
    pub sampled: bool,
}

impl Context {
    /// Reads the header's value as the specification says: version, ids, flags, in lower-case hex and with the exact
    /// lengths; a later version may have more after them. What is anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = number::<1>(parts.next()?)?;
        let trace = number::<16>(parts.next()?)?;
        let span = number::<8>(parts.next()?)?;
        let [flags] = number::<1>(parts.next()?)?;
        let ends = parts.next().is_none();
        let valid = match version {
            [0] => ends,
            [255] => false,
            _ => true,
        };
        let ids = trace != [0; 16] && span != [0; 8];
        (valid && ids).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for Context {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(out, "00-{}-{}-{flags:02x}", self.trace, self.span)
    }
}

/// Exactly `N` bytes in lower-case hex.
fn number<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_traceparent_is_read_strictly_and_written_as_it_was() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(Context::parse(good).unwrap().to_string(), good);
        assert!(!Context::parse(&good.replace("-01", "-00")).unwrap().sampled);
        let later = format!("01{}-more", &good[2..]);
        assert!(Context::parse(&later).is_some());
        for bad in [
            "",
            "00",
            &good[..54],
            &good.to_uppercase(),
            &format!("{good}-more"),
            &format!("ff{}", &good[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47g6-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
    }
}
