//! What the reader makes of answers, whole and in pieces.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;
use tidings_core::limits::ANSWER_BYTES;
use tidings_core::outcome::Outcome;

/// How an answer was read: what it said, and whether its connection may be used again.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    outcome: Outcome,
    body: Vec<u8>,
    reusable: bool,
}

/// Reads an answer that comes in these pieces, after which the connection is closed.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut reader = Reader::default();
    let mut kept = Kept::default();
    let mut outcome = None;
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        match reader.take(piece, &mut kept) {
            Ok(Taken::More) => {}
            Ok(Taken::Over(_)) => outcome = Some(Outcome::Status(reader.status().unwrap())),
            Err(fault) => outcome = Some(fault.outcome),
        }
        if outcome.is_some() {
            break;
        }
    }
    let outcome = outcome.unwrap_or_else(|| match reader.end() {
        Ok(_) => Outcome::Status(reader.status().unwrap()),
        Err(fault) => fault.outcome,
    });
    Read {
        outcome,
        body: kept.body,
        reusable: reader.is_reusable(),
    }
}

fn answered(status: u16, body: &str, reusable: bool) -> Read {
    Read {
        outcome: Outcome::Status(status),
        body: body.as_bytes().to_vec(),
        reusable,
    }
}

/// Answers that are no faults, what they say, and whether their connection may be used again.
const GOOD: [(&str, u16, &str, bool); 14] = [
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        200,
        "abc",
        true,
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
        200,
        "abc",
        true,
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        200,
        "abc",
        true,
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nConnection: x, Close\r\n\r\nabc",
        200,
        "abc",
        false,
    ),
    ("HTTP/1.1 204 No\r\n\r\n", 204, "", true),
    (
        "HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n",
        204,
        "",
        true,
    ),
    ("HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc", false),
    (
        "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        200,
        "abc",
        false,
    ),
    (
        "HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\nabc",
        200,
        "abc",
        true,
    ),
    (
        "HTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Made\r\ncontent-length: 0\r\n\r\n",
        201,
        "",
        true,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        200,
        "abc",
        true,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n2;x=\"y\"\r\nab\r\n001 \r\nc\r\n0\r\nt: 1\r\nu: 2\r\n\r\n",
        200,
        "abc",
        true,
    ),
    // The coding counts, and nothing more is believed (RFC 9112, 6.1).
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n",
        200,
        "a",
        false,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc",
        200,
        "abc",
        false,
    ),
];

/// Answers that break the rules, and how.
const BAD: [(&str, Failure); 18] = [
    ("", Failure::ResetBeforeHeaders),
    ("HTTP/1.1 200 OK\r\nx", Failure::ResetBeforeHeaders),
    ("HTTP/1.1 103 Hints\r\n\r\n", Failure::ResetBeforeHeaders),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
        Failure::ResetInBody,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        Failure::ResetInBody,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nt: 1\r\n",
        Failure::ResetInBody,
    ),
    ("HTTP/2 200\r\n\r\n", Failure::Protocol),
    ("GET / HTTP/1.1\r\n\r\n", Failure::Protocol),
    ("HTTP/1.1 099 No\r\n\r\n", Failure::Protocol),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\nabc",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 4\r\n\r\nabc",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n",
        Failure::Protocol,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        Failure::Protocol,
    ),
];

#[test]
fn w17_answers_are_read_to_their_end_and_no_further() {
    for (text, status, body, reusable) in GOOD {
        let wanted = answered(status, body, reusable);
        assert_eq!(read([text.as_bytes()]), wanted, "{text:?}");
    }
}

#[test]
fn w17_broken_answers_are_failures_of_their_kind() {
    for (text, failure) in BAD {
        let read = read([text.as_bytes()]);
        let outcome = (read.outcome, read.reusable);
        assert_eq!(outcome, (Outcome::Failed(failure), false), "{text:?}");
    }
}

#[test]
fn bytes_that_nobody_asked_for_end_the_connection() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(read([text.as_bytes()]), answered(200, "abc", false));
}

#[test]
fn what_is_no_data_is_bounded() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
    let early = b"HTTP/1.1 103 Hints\r\n\r\n".as_slice();
    let too_large = Outcome::Failed(Failure::TooLarge);
    let endless = |first: &'static [u8], again: &'static [u8]| {
        read(std::iter::once(first).chain(std::iter::repeat(again))).outcome
    };
    assert_eq!(endless(chunked, b"1;extension\r\na\r\n"), too_large);
    assert_eq!(endless(b"HTTP/1.1 200 OK\r\n", b"x: 1\r\n"), too_large);
    assert_eq!(endless(early, early), too_large);
    let trailers = [chunked, b"0\r\n"].concat();
    let pieces = std::iter::once(&*trailers).chain(std::iter::repeat(b"t: 1\r\n".as_slice()));
    assert_eq!(read(pieces).outcome, too_large);
}

#[test]
fn a_body_is_read_up_to_the_limit() {
    for (length, reusable) in [(ANSWER_BYTES, true), (ANSWER_BYTES + 1, false)] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let text = [head.into_bytes(), vec![b'x'; length]].concat();
        let read = read([&*text]);
        assert_eq!(
            (read.outcome, read.reusable),
            (Outcome::Status(200), reusable)
        );
    }
}

/// One of the answers above, and where it is cut.
fn pieces() -> impl Strategy<Value = (&'static str, Vec<usize>)> {
    let texts = GOOD
        .iter()
        .map(|good| good.0)
        .chain(BAD.iter().map(|bad| bad.0));
    let text = prop::sample::select(texts.filter(|text| !text.is_empty()).collect::<Vec<_>>());
    text.prop_flat_map(|text| {
        let cuts = prop::collection::vec(0..text.len(), 0..6);
        (Just(text), cuts)
    })
}

proptest! {
    #[test]
    fn an_answer_in_pieces_says_what_it_says_in_one((text, mut cuts) in pieces()) {
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(read([text.as_bytes()]), read(parts), "{:?}", text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_keep_too_much(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
        for start in [b"".as_slice(), b"HTTP/1.1 2", head] {
            prop_assert!(read([start, &bytes]).body.len() <= bytes.len());
        }
    }
}

#[test]
fn w17_a_body_in_chunks_of_one_byte_is_as_good_as_any() {
    let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    answer.extend(b"1\r\na\r\n".repeat(ANSWER_BYTES));
    answer.extend(b"0\r\n\r\n");
    let whole = read([answer.as_slice()]);
    assert_eq!(
        (whole.outcome, whole.reusable),
        (Outcome::Status(200), true)
    );
    let zeros = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        "0".repeat(40_000)
    );
    assert_eq!(
        read([zeros.as_bytes()]).outcome,
        Outcome::Failed(Failure::TooLarge)
    );
}

#[test]
fn s15_header_and_body_are_kept_up_to_17_kib_together() {
    // Lines that find no room are left out whole.
    for (lines, headers, body) in [(1, 405, 16_384), (5, 2_029, 15_379), (60, 16_239, 1_169)] {
        let line = format!("x-a: {}\r\n", "v".repeat(400));
        let answer = format!(
            "HTTP/1.1 500 Oh\r\n{}\r\n{}",
            line.repeat(lines),
            "x".repeat(30_000)
        );
        let (mut reader, mut kept) = (Reader::default(), Kept::default());
        assert!(reader.take(answer.as_bytes(), &mut kept).is_ok());
        let found = (kept.headers.len(), kept.body.len());
        assert_eq!(found, (headers, body), "{lines} lines");
    }
}
