//! What producers and customers send: events and custom headers.

use serde_json::Value;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::json::{self, Limits};
use tidings_core::limits::{CUSTOM_HEADER_VALUE, CUSTOM_HEADERS};

/// What is taken as JSON is JSON to another parser, too; it comes out with every token as it was and nothing but white
/// space gone; it is a fixed point; and what is refused is refused within the text.
pub fn event(data: &[u8]) {
    let limits = Limits {
        depth: 16,
        values: 512,
    };
    let compact = match json::compact(data, limits) {
        Ok(compact) => compact,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.kind.code().is_empty());
            return;
        }
    };
    assert_eq!(
        json::compact(&compact, limits).as_ref(),
        Ok(&compact),
        "a fixed point"
    );
    assert_eq!(tokens(data), tokens(&compact), "every token as it was");
    assert_eq!(without_space(data), compact, "only white space is gone");
    let text = std::str::from_utf8(&compact).expect("UTF-8");
    // Numbers beyond a double are no numbers to that parser; all else it must take, and mean the same by it.
    if let (Ok(before), Ok(after)) = (
        serde_json::from_slice::<Value>(data),
        serde_json::from_str::<Value>(text),
    ) {
        assert_eq!(before, after);
        scan(&compact, &after);
    }
}

/// The readers of checked JSON see what another parser sees.
fn scan(valid: &[u8], value: &Value) {
    match value {
        Value::Object(map) => {
            let members = json::members(valid);
            assert_eq!(members.len(), map.len());
            for member in members {
                let other = map.get(&member.key).expect("the same keys");
                scan(&valid[member.span.clone()], other);
            }
        }
        Value::Array(items) => {
            let elements = json::elements(valid);
            assert_eq!(elements.len(), items.len());
            assert_eq!(json::first_elements(valid, 2).len(), items.len().min(2));
            for (range, item) in elements.into_iter().zip(items) {
                scan(&valid[range], item);
            }
        }
        Value::String(text) => assert_eq!(json::decode_string(valid), *text),
        _ => {}
    }
}

/// The text without white space outside strings.
fn without_space(text: &[u8]) -> Vec<u8> {
    let (mut kept, mut inside, mut escaped) = (Vec::new(), false, false);
    for byte in text {
        if inside || !b" \t\r\n".contains(byte) {
            kept.push(*byte);
        }
        if inside {
            inside = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else {
            inside = *byte == b'"';
        }
    }
    kept
}

/// Strings, numbers, words and signs, each as it is written.
fn tokens(text: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let start = at;
        let of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        match text[at] {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'"' => {
                at += 1;
                while at < text.len() && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            byte if of_word(&byte) => {
                at += text[at..].iter().take_while(|byte| of_word(byte)).count();
            }
            _ => at += 1,
        }
        found.push(&text[start..at.min(text.len())]);
    }
    found
}

/// Headers that are taken can be sent, are visible ASCII, and overrule nothing of ours.
///
/// The input: lines of `name: value`, as a form would bring them; the value may hold anything but a line feed.
pub fn headers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A carriage return stands for a line feed inside a value.
    let given: Vec<(String, String)> = text
        .split('\n')
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .map(|(name, value)| (name.to_owned(), value.replace('\r', "\n")))
        .collect();
    let count = given.len();
    let headers = match CustomHeaders::parse(given.clone(), "vomo-signature") {
        Ok(headers) => headers,
        Err(error) => {
            assert!(error.header().is_none_or(|name| name.chars().count() <= 64));
            assert!(!error.code().is_empty());
            return;
        }
    };
    assert!(count <= CUSTOM_HEADERS && headers.iter().count() == count);
    let mut map = http::HeaderMap::new();
    for ((name, value), (given_name, given_value)) in headers.iter().zip(&given) {
        assert!(name.eq_ignore_ascii_case(given_name) && value == given_value);
        assert!(value.len() <= CUSTOM_HEADER_VALUE);
        assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        let name: http::HeaderName = name.parse().expect("a header name");
        let value: http::HeaderValue = value.parse().expect("a header value");
        for ours in [
            "host",
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "keep-alive",
            "user-agent",
            "vomo-signature",
            "metadata",
            "metadata-flavor",
        ] {
            assert_ne!(name.as_str(), ours);
        }
        for prefix in [
            "webhook-",
            "proxy-",
            "x-aws-ec2-metadata-token",
            "x-forwarded-",
        ] {
            assert!(!name.as_str().starts_with(prefix), "{name}");
        }
        assert!(map.insert(name, value).is_none(), "each once");
    }
    let again: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(CustomHeaders::parse(again, "vomo-signature"), Ok(headers));
}
