//! What stands around the body of a request: head, query, and who asks. Compiled from the API's own files.
#![allow(
    dead_code,
    unfulfilled_lint_expectations,
    reason = "the API uses more of them, and shows them"
)]

#[path = "../../src/http/code.rs"]
mod code;
#[path = "../../src/http/fields.rs"]
mod fields;
#[path = "../../src/http/proxies.rs"]
mod forwarded;
#[path = "../../src/http/framing.rs"]
mod framing;
#[path = "../../src/http/head.rs"]
mod head_of_request;
#[path = "../../src/http/query.rs"]
mod parameters;
#[path = "../../src/http/problem.rs"]
mod problem;
#[path = "../../src/http/reply.rs"]
mod reply;
#[path = "../../src/http/suggest.rs"]
mod suggest;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use problem::Problem;
use std::net::IpAddr;
use tidings::store::directory::Cursor;
use tidings_core::address::Cidr;

/// A head that is taken has one host, one framing and no more than the limits; what is refused says so in limited words.
///
/// The input: a request as it comes; other parsers take it apart first, as in the product.
pub fn head(data: &[u8]) {
    let mut space = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut space);
    if !matches!(parsed.parse(data), Ok(httparse::Status::Complete(_))) {
        return;
    }
    let mut request = Request::builder()
        .method(parsed.method.unwrap_or_default())
        .uri(parsed.path.unwrap_or_default())
        .version(match parsed.version {
            Some(0) => Version::HTTP_10,
            _ => Version::HTTP_11,
        });
    for header in parsed.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let Ok(request) = request.body(()) else {
        return;
    };
    let (mut parts, ()) = request.into_parts();
    if are_unclear(data) {
        parts.extensions.insert(framing::Unclear);
    }
    let headers = &parts.headers;
    match head_of_request::check(&parts) {
        Ok(()) => {
            let bytes: usize = headers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len())
                .sum();
            assert!(headers.len() <= 64 && bytes <= 16 * 1024);
            let hosts = headers.get_all(HOST).iter().count();
            assert!(hosts == 1 || (hosts == 0 && parts.version == Version::HTTP_10));
            assert!(
                !(headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING))
            );
        }
        Err(problem) => limited(&problem),
    }
    for problem in [
        head_of_request::check_accept(headers),
        head_of_request::check_content(headers),
    ] {
        if let Err(problem) = problem {
            limited(&problem);
        }
    }
    for name in headers.keys() {
        match head_of_request::single(headers, name) {
            Ok(value) => assert_eq!(value, headers.get(name).map(HeaderValue::as_bytes)),
            Err(problem) => limited(&problem),
        }
    }
}

/// A problem is an error of the client, in few words, and repeats little of the input.
fn limited(problem: &Problem) {
    assert!(problem.status().is_client_error());
    assert!(!problem.detail().is_empty() && problem.detail().len() < 1_024);
    assert!(problem.faults().len() <= problem::FAULTS_MAX);
    for fault in problem.faults() {
        assert!(
            fault.pointer.chars().count() <= problem::ECHO_CHARS + 1,
            "{}",
            fault.pointer
        );
        assert!(fault.detail.len() < 1_024);
    }
}

/// Whether the lengths of a head are clear, which does not depend on how it comes in.
fn are_unclear(head: &[u8]) -> bool {
    let mut whole = framing::Lengths::new();
    whole.read(head);
    let mut bytes = framing::Lengths::new();
    for byte in head {
        bytes.read(std::slice::from_ref(byte));
    }
    assert_eq!(whole.are_unclear(), bytes.are_unclear());
    whole.are_unclear()
}

/// A query that is taken has known names, each once; its cursor opens this list and no other, and prints as it was.
///
/// The input: a path, a line feed, a query.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (path, query) = text.split_once('\n').unwrap_or(("/v1/events", text));
    if let Err(problem) = parameters::refuse_keys(Some(query)) {
        limited(&problem);
    }
    let known = ["limit", "cursor", "state", "after"];
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let mut parameters = match parameters::Query::of(path, Some(query), &known) {
        Ok(parameters) => parameters,
        Err(problem) => return limited(&problem),
    };
    for (index, (name, _)) in pairs.iter().enumerate() {
        assert!(known.contains(&&**name));
        assert!(pairs.iter().skip(index + 1).all(|(other, _)| other != name));
    }
    let _state = parameters.choice("state", &[("failed", 1), ("delivered", 2)]);
    let _after = parameters.time("after");
    let (page, cursors) = match parameters.page() {
        Ok(page) => page,
        Err(problem) => return limited(&problem),
    };
    assert!((1..=tidings_core::limits::PAGE_MAX).contains(&page.limit));
    let given = pairs.iter().find(|(name, _)| name == "cursor");
    assert_eq!(
        given.map(|(_, value)| value.to_string()),
        cursors.write(page.after.as_ref())
    );

    // A cursor of this list is read by it, and by no other.
    let parts: Vec<i64> = path
        .bytes()
        .take(3)
        .map(|byte| i64::from(byte) - 64)
        .collect();
    let next = Cursor(if parts.is_empty() {
        vec![i64::MIN]
    } else {
        parts
    });
    let Some(cursor) = cursors.write(Some(&next)) else {
        panic!("a cursor is written")
    };
    let others: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| name != "cursor")
        .map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("&{name}={value}")
        })
        .collect();
    let again = format!("cursor={cursor}{}", others.concat());
    let read = |path: &str| {
        parameters::Query::of(path, Some(&again), &known).and_then(|query| query.page())
    };
    assert_eq!(read(path).expect("its own cursor").0.after, Some(next));
    assert!(
        read(&format!("{path}/x")).is_err(),
        "the cursor of another list"
    );
}

/// Whoever asks is the peer, or an address that somebody trusted wrote; from who is not trusted, nothing is believed.
///
/// The input: a byte for the peer, then lines of `X-Forwarded-For`.
pub fn proxies(mut data: &[u8]) {
    let trusted: Vec<Cidr> = ["10.0.0.0/8", "fd00::/8", "::1/128"]
        .map(|block| block.parse().expect("a block"))
        .to_vec();
    let peers = [
        "10.0.0.1",
        "::1",
        "192.0.2.1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2001:db8::1",
    ];
    let peer = peers[usize::from(crate::byte(&mut data)) % peers.len()];
    let peer: IpAddr = peer.parse().expect("an address");
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(32) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(HeaderName::from_static("x-forwarded-for"), value);
        }
    }
    let asker = forwarded::asker(&headers, peer, &trusted);
    let is_trusted = |ip: IpAddr| trusted.iter().any(|block| block.contains(ip));
    if !is_trusted(peer) {
        assert_eq!(asker, peer);
    } else if asker != peer {
        let mut written = headers
            .values()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        let wrote = |text: &str| {
            text.trim()
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical() == asker)
        };
        assert!(written.any(wrote), "{asker} was written by nobody");
    }
    // One more trusted hop, which saw the same asker, changes nothing, unless nothing before it could be read.
    let texts = headers.values().filter_map(|line| line.to_str().ok());
    if is_trusted(peer) && texts.flat_map(|line| line.split(',')).count() < 8 {
        let hop: IpAddr = "10.9.9.9".parse().expect("an address");
        headers.append("x-forwarded-for", HeaderValue::from_static("10.9.9.9"));
        let beyond = forwarded::asker(&headers, peer, &trusted);
        assert!(
            beyond == asker || (asker == peer && beyond == hop),
            "{beyond}, {asker}"
        );
    }
}
