//! Which lengths a request's head gives, read beside hyper: it settles two of them by itself, and does not say why it refuses one.
//!
//! Invariants: nothing is decided here but whether the lengths of a head are clear; a head is read as it comes, line by line, in
//! a fixed number of bytes. Deliberately absent: heads that arrive behind another request in one piece. Of those hyper
//! takes the encoding, drops the length and closes the connection afterwards, so that nothing can be smuggled either.

use memchr::memchr;

/// Marks a request whose head gives more than one length, or one that is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unclear;

/// Bytes of a line that are looked at: the longer name, and a length of more digits than there can be.
const LINE: usize = 48;

/// The lengths in one head.
#[derive(Debug)]
pub(super) struct Lengths {
    line: [u8; LINE],
    /// Bytes of the line so far; more than [`LINE`] are counted as one more.
    filled: usize,
    /// A line came that is not empty: before it, empty ones are passed by, as hyper does.
    begun: bool,
    over: bool,
    length: Option<u64>,
    encoded: bool,
    unclear: bool,
}

impl Lengths {
    pub const fn new() -> Self {
        Self {
            line: [0; LINE],
            filled: 0,
            begun: false,
            over: false,
            length: None,
            encoded: false,
            unclear: false,
        }
    }

    /// More of the head; what comes after its end is not looked at.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while !self.over && !bytes.is_empty() {
            let end = memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
            let Some((piece, rest)) = bytes.split_at_checked(end) else {
                return;
            };
            bytes = rest;
            match (self.filled, piece.ends_with(b"\n")) {
                // A line that came in one piece is read where it lies.
                (0, true) => self.end_line(piece),
                (_, ended) => self.keep(piece, ended),
            }
        }
    }

    /// A piece of a line that came in several.
    fn keep(&mut self, piece: &[u8], ended: bool) {
        let room = self.line.get_mut(self.filled..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(piece) {
            *place = *byte;
        }
        self.filled = (self.filled + piece.len()).min(LINE + 1);
        if ended {
            let (line, filled) = (self.line, std::mem::take(&mut self.filled));
            match line.get(..filled) {
                Some(whole) => self.end_line(whole),
                None => self.end_long_line(&line),
            }
        }
    }

    /// A line with its end.
    fn end_line(&mut self, line: &[u8]) {
        match line.get(..LINE) {
            Some(start) if line.len() > LINE => self.end_long_line(start),
            _ => self.end_field(line, decimal),
        }
    }

    /// The start of a line that is longer than any length's.
    fn end_long_line(&mut self, start: &[u8]) {
        self.end_field(start, |_| None);
    }

    fn end_field(&mut self, line: &[u8], length: impl FnOnce(&[u8]) -> Option<u64>) {
        let line = line.trim_ascii_end();
        self.over = self.begun && line.is_empty();
        self.begun |= !line.is_empty();
        // No other names are looked at, and most begin otherwise.
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return;
        }
        let colon = memchr(b':', line);
        if let Some((name, [_, value @ ..])) = colon.and_then(|at| line.split_at_checked(at)) {
            if name.eq_ignore_ascii_case(b"transfer-encoding") {
                self.encoded = true;
            } else if name.eq_ignore_ascii_case(b"content-length") {
                let given = length(value.trim_ascii());
                self.unclear |=
                    given.is_none() || self.length.is_some_and(|known| Some(known) != given);
                self.length = given.or(self.length);
            }
        }
        self.unclear |= self.encoded && self.length.is_some();
    }

    /// Whether the head gives two lengths, or one that is no number.
    pub const fn are_unclear(&self) -> bool {
        self.unclear
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lengths_and_one_that_is_none_are_unclear_however_they_arrive() {
        for (lines, unclear) in [
            ("", false),
            ("Content-Length: 5\r\n", false),
            ("content-length: 5\r\ncontent-length:5\r\n", false),
            ("Transfer-Encoding: chunked\r\n", false),
            ("x-content-length: x\r\n", false),
            ("content-length: 5\r\nTransfer-Encoding: chunked\r\n", true),
            (
                "transfer-encoding:chunked\r\nx: y\r\nCONTENT-LENGTH: 0\r\n",
                true,
            ),
            ("content-length: 5\r\ncontent-length: 6\r\n", true),
            ("content-length: -1\r\n", true),
            ("content-length: +5\r\n", true),
            ("content-length: 0x10\r\n", true),
            ("content-length: 5 5\r\n", true),
            ("content-length: 5, 5\r\n", true),
            ("content-length:\r\n", true),
            (
                "content-length: 00000000000000000000000000000000000000000005\r\n",
                true,
            ),
            ("content-length: 18446744073709551616\r\n", true),
        ] {
            let (host, behind) = ("a".repeat(100), "content-length: x\r\n");
            // Empty lines before the first are passed by.
            let all = format!("\r\nPOST / HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n{behind}");
            for step in [1, 2, 7, all.len()] {
                let mut lengths = Lengths::new();
                for piece in all.as_bytes().chunks(step) {
                    lengths.read(piece);
                }
                assert_eq!(lengths.are_unclear(), unclear, "{lines} by {step}");
            }
        }
    }
}
