//! What a request's head must be before anything is read of its body: sizes, host, expectation, media types.
//!
//! hyper has parsed it by then: what it refuses itself (see [`super::connection`]) does not come here.

use super::code::Code;
use super::framing::Unclear;
use super::problem::{Problem, cut};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Version};

/// Header fields of a request.
const HEADERS: usize = 64;
/// Bytes of all of them, names and values.
const HEADERS_BYTES: usize = 16 * 1024;
/// Bytes of one.
const HEADER_BYTES: usize = 8 * 1024;
/// Bytes of path and query.
const URI_BYTES: usize = 8 * 1024;

/// What is said of a head that gives more than one length, or one that is none.
pub(super) const UNCLEAR_LENGTH: &str =
    "Send one Content-Length, a decimal number, or Transfer-Encoding: chunked, not both.";

/// Checks what is the same for every route.
pub(super) fn check(parts: &Parts) -> Result<(), Problem> {
    if parts
        .uri
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len())
        > URI_BYTES
    {
        return Err(Problem::new(
            Code::UriTooLong,
            format!("The URI is longer than {URI_BYTES} bytes."),
        ));
    }
    check_sizes(&parts.headers)?;
    if parts.method == Method::TRACE || parts.method == Method::CONNECT {
        return Err(
            Problem::new(Code::MethodNotAllowed, "Allowed here: GET, HEAD.")
                .allowing(String::from("GET, HEAD")),
        );
    }
    let hosts = parts.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11) {
        return Err(Problem::new(
            Code::BadHost,
            format!("Exactly one Host header is needed (got {hosts})."),
        )
        .closing());
    }
    if parts.extensions.get::<Unclear>().is_some() {
        return Err(Problem::new(Code::BadFraming, UNCLEAR_LENGTH).closing());
    }
    match parts.headers.get(EXPECT) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Problem::new(
                Code::ExpectationFailed,
                "Only Expect: 100-continue is known.",
            )
            .closing())
        }
        _ => Ok(()),
    }
}

fn check_sizes(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.len() > HEADERS {
        return Err(Problem::new(
            Code::TooManyHeaders,
            format!("{} headers; the limit is {HEADERS}.", headers.len()),
        )
        .closing());
    }
    let mut bytes = 0;
    for (name, value) in headers {
        if value.len() > HEADER_BYTES {
            return Err(Problem::new(
                Code::HeaderTooLarge,
                format!(
                    "Header `{}` is {} bytes; the limit is {HEADER_BYTES}.",
                    cut(name.as_str()),
                    value.len()
                ),
            )
            .closing());
        }
        bytes += name.as_str().len() + value.len();
    }
    if bytes > HEADERS_BYTES {
        return Err(Problem::new(
            Code::HeaderTooLarge,
            format!("The headers are {bytes} bytes; the limit is {HEADERS_BYTES}."),
        )
        .closing());
    }
    Ok(())
}

/// The one value of a header that may be given once, as text.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(http::HeaderValue::as_bytes)),
        _ => Err(Problem::new(
            Code::DuplicateHeader,
            format!("Exactly one {name} header."),
        )),
    }
}

/// Whether the client takes JSON.
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), Problem> {
    let mut given = false;
    for value in headers.get_all(ACCEPT) {
        given = true;
        let taken = value.to_str().unwrap_or_default().split(',').any(|range| {
            let media = range.split(';').next().unwrap_or_default().trim();
            [
                "*/*",
                "application/*",
                "application/json",
                super::problem::PROBLEM_JSON,
            ]
            .iter()
            .any(|known| media.eq_ignore_ascii_case(known))
        });
        if taken {
            return Ok(());
        }
    }
    if given {
        Err(Problem::new(
            Code::NotAcceptable,
            "Answers are application/json.",
        ))
    } else {
        Ok(())
    }
}

/// Whether the body is plain JSON in UTF-8.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::new(
            Code::UnsupportedEncoding,
            "Compressed request bodies are not accepted.",
        ));
    }
    let Some(given) = single(headers, &CONTENT_TYPE)? else {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Send Content-Type: application/json (none given).",
        ));
    };
    if given == b"application/json" {
        return Ok(());
    }
    let given = String::from_utf8_lossy(given);
    let mut parts = given.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            format!("Send Content-Type: application/json (got {}).", cut(media)),
        ));
    }
    let utf8 = |part: &str| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    if parts.all(utf8) {
        Ok(())
    } else {
        Err(Problem::new(
            Code::UnsupportedCharset,
            "Only UTF-8 is accepted.",
        ))
    }
}
