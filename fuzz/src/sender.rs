//! The reader of answers, compiled from the sender's own files.
#![allow(dead_code, reason = "the sender uses more of them")]

#[path = "../../src/engine/sender/answer.rs"]
mod answer;
#[path = "../../src/engine/sender/chunks.rs"]
mod chunks;
#[path = "../../src/engine/sender/fault.rs"]
mod fault;
#[path = "../../src/engine/sender/reader.rs"]
mod reader;

use self::answer::{Ending, Kept};
use self::fault::Fault;
use self::reader::{Reader, Taken};
use tidings_core::limits::{ANSWER_BYTES, ANSWER_HEADER_BYTES, KEPT_ANSWER_FAILURE};

/// What one reading of an answer came to.
#[derive(Debug, PartialEq)]
struct Read {
    status: Option<u16>,
    /// How it ended, or the class and words of the fault.
    end: Result<Ending, (&'static str, String)>,
    headers: Vec<u8>,
    body: Vec<u8>,
    body_bytes: u64,
    reusable: bool,
}

/// An answer means the same however it is cut into pieces, is kept within the limits, and is what the other parser of
/// the heads says it is.
///
/// The input: a byte that says how it is cut, then the bytes that come over the connection until it ends.
pub fn receive(mut data: &[u8]) {
    let cut = crate::byte(&mut data);
    let whole = read(std::iter::once(data));
    let size = usize::from(cut).max(1);
    // Where a fault shows, more or less of the body may have been kept; its head and class are the same.
    let mut pieces = read(data.chunks(size));
    let mut single = read(data.chunks(1));
    for other in [&mut pieces, &mut single] {
        assert_eq!(other.status, whole.status, "cut into {size}");
        assert_eq!(class(other), class(&whole), "cut into {size}");
        assert_eq!(other.headers, whole.headers);
        if whole.end == Ok(Ending::Complete) {
            // What comes behind an answer is seen only when it comes with it.
            other.reusable &= whole.reusable;
            assert_eq!(*other, whole);
        }
    }
    assert!(whole.headers.len() <= ANSWER_HEADER_BYTES);
    assert!(whole.body.len() <= KEPT_ANSWER_FAILURE);
    assert!(whole.body.len() as u64 <= whole.body_bytes);
    assert!(single.body_bytes <= ANSWER_BYTES as u64 + 1);
    assert!(
        whole
            .status
            .is_none_or(|status| (200..1_000).contains(&status) || status == 101)
    );
    if let Ok(Ending::Complete) = whole.end {
        assert!(whole.status.is_some());
    }
    assert!(!whole.reusable || whole.end == Ok(Ending::Complete));
}

fn class(read: &Read) -> Result<Ending, &'static str> {
    read.end.as_ref().copied().map_err(|(class, _)| *class)
}

/// Reads the pieces, and then the end of the connection.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let (mut reader, mut kept) = (Reader::default(), Kept::default());
    let mut ended = None;
    for piece in pieces {
        match reader.take(piece, &mut kept) {
            Ok(Taken::More) => {}
            Ok(Taken::Over(ending)) => ended = Some(Ok(ending)),
            Err(fault) => ended = Some(Err(words(&fault))),
        }
        if ended.is_some() {
            break;
        }
    }
    let reusable = reader.is_reusable();
    let end = ended.unwrap_or_else(|| reader.end().map_err(|fault| words(&fault)));
    Read {
        status: reader.status(),
        end,
        headers: kept.headers.to_vec(),
        body: kept.body,
        body_bytes: kept.body_bytes,
        reusable,
    }
}

fn words(fault: &Fault) -> (&'static str, String) {
    assert!(fault.detail.len() < 512, "{}", fault.detail);
    (fault.outcome.class(), fault.detail.clone())
}
