//! The chunked coding of a body (RFC 9112, 7.1), taken apart as it comes.
//!
//! Invariants: data goes out as it comes in, nothing is gathered; what is not data (extensions, trailers, sizes spelled at
//! length) is bounded in all. Small chunks are no fault: a chunk with data may have a plain line for its size.

use super::answer::Kept;
use super::fault::Fault;
use tidings_core::limits::ANSWER_HEADER_BYTES;
use tidings_core::outcome::Failure;

/// Sizes above this are refused: nobody means them.
const LARGEST: u64 = u64::MAX >> 4;

/// Bytes beside the data that each chunk has for free: its size in up to 8 digits, and two ends of lines.
const PLAIN_LINES: usize = 12;

/// Where in the coding we are.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    place: Place,
    /// Bytes that were no data, without what chunks have for free.
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a chunk's size, after at least one digit if `begun`.
    Size {
        size: u64,
        begun: bool,
    },
    /// Between the size and the end of its line.
    Extension {
        size: u64,
    },
    /// Before the line feed that ends the size's line.
    SizeEnd {
        size: u64,
    },
    /// In the data, of which so much is to come.
    Data(u64),
    /// After the data.
    DataCarriage,
    DataFeed,
    /// At the beginning of a trailer's line, or of the empty one that ends the body.
    Trailer,
    InTrailer,
    LastFeed,
    Over,
}

impl Default for Place {
    fn default() -> Self {
        Self::Size {
            size: 0,
            begun: false,
        }
    }
}

impl Chunks {
    /// Whether the body is complete.
    pub(super) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Takes the next bytes, up to the body's end; answers how many it took.
    ///
    /// # Errors
    /// They are not in this coding, or what is not data is too much.
    pub(super) fn take(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<usize, Fault> {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            match self.place {
                Place::Over => break,
                Place::Data(left) => {
                    let part = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    kept.add(rest.get(..part).unwrap_or_default());
                    if kept.is_too_much() {
                        break;
                    }
                    rest = rest.get(part..).unwrap_or_default();
                    self.place = match left - part as u64 {
                        0 => Place::DataCarriage,
                        left => Place::Data(left),
                    };
                }
                place => {
                    self.overhead += 1;
                    if self.overhead > ANSWER_HEADER_BYTES {
                        return Err(Fault::failed(
                            Failure::TooLarge,
                            "the answer's chunk sizes and trailers are larger than 32 KiB",
                        ));
                    }
                    self.place = next(place, *first).ok_or_else(|| {
                        Fault::failed(Failure::Protocol, "the answer's chunks are broken")
                    })?;
                    if matches!(self.place, Place::Data(_)) {
                        self.overhead = self.overhead.saturating_sub(PLAIN_LINES);
                    }
                    rest = after;
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }
}

/// Where this byte leads; `None` when it may not be here.
fn next(place: Place, byte: u8) -> Option<Place> {
    Some(match (place, byte) {
        (Place::Size { size, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            let digit = (byte as char).to_digit(16)?;
            if size > LARGEST {
                return None;
            }
            Place::Size {
                size: (size << 4) | u64::from(digit),
                begun: true,
            }
        }
        (Place::Size { size, begun: true }, b'\r') | (Place::Extension { size }, b'\r') => {
            Place::SizeEnd { size }
        }
        (Place::Size { size, begun: true }, b' ' | b'\t' | b';') => Place::Extension { size },
        (Place::Extension { size }, byte) if byte != b'\n' => Place::Extension { size },
        (Place::SizeEnd { size: 0 }, b'\n') => Place::Trailer,
        (Place::SizeEnd { size }, b'\n') => Place::Data(size),
        (Place::DataCarriage, b'\r') => Place::DataFeed,
        (Place::DataFeed, b'\n') => Place::default(),
        (Place::Trailer, b'\r') => Place::LastFeed,
        (Place::Trailer | Place::InTrailer, b'\n') => Place::Trailer,
        (Place::Trailer | Place::InTrailer, _) => Place::InTrailer,
        (Place::LastFeed, b'\n') => Place::Over,
        _ => return None,
    })
}
