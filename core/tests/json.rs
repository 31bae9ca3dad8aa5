//! JSON that passes through (W13), on generated and damaged texts: agreement with an independent parser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use proptest::prelude::*;
use serde_json::value::RawValue;
use tidings_core::json::*;

/// A JSON text with white space anywhere it may stand.
fn json_text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        string_token(),
    ];
    scalar.prop_recursive(6, 64, 8, |inner| {
        let spaced = (white(), inner, white())
            .prop_map(|(a, value, b)| format!("{a}{value}{b}"))
            .boxed();
        let array = prop::collection::vec(spaced.clone(), 0..6)
            .prop_map(|items| format!("[{}]", items.join(",")));
        let member = (white(), string_token(), white(), spaced)
            .prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
        let object = prop::collection::vec(member, 0..24)
            .prop_map(|items| format!("{{{}}}", items.join(",")));
        prop_oneof![array, object]
    })
}

fn white() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

fn string_token() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        20 => "[a-z ]{2,10}",
        1 => "[^\"\\\\\u{0}-\u{1f}]{1,4}",
        1 => prop_oneof![Just(r"\n"), Just(r#"\""#), Just(r"\\"), Just(r"\u0061"), Just(r"\ud83d\ude00"), Just(r"\ud800")].prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// The slow reference: drops white space outside strings, one character at a time.
fn without_space(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |character: &char| {
        let keep = in_string || !character.is_ascii_whitespace();
        in_string ^= *character == '"' && !escaped;
        escaped = in_string && *character == '\\' && !escaped;
        keep
    };
    text.chars().filter(keep).collect()
}

/// Ours accepts only what the other parser accepts, and calls unreadable only what that refuses.
fn agrees(bytes: &[u8]) {
    let theirs = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    match compact(bytes, Limits::default()) {
        Ok(kept) => {
            assert!(
                theirs.is_some(),
                "only we accept {:?}",
                String::from_utf8_lossy(bytes)
            );
            assert_eq!(
                String::from_utf8_lossy(&kept),
                without_space(std::str::from_utf8(bytes).unwrap())
            );
            assert_eq!(compact(&kept, Limits::default()).unwrap(), kept);
        }
        Err(error) if error.kind.is_unreadable() => {
            assert!(
                theirs.is_none(),
                "only we refuse {:?}: {error}",
                String::from_utf8_lossy(bytes)
            );
        }
        Err(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_texts_agree_with_another_parser(text in json_text()) {
        agrees(text.as_bytes());
    }

    #[test]
    fn damaged_texts_agree_with_another_parser(
        text in json_text(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, prop::sample::select(&b"\"\\{}[],:0123.eE+-tn u\xC3\xA9\x00\x1f'"[..])), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (place, how, byte) in damage {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        agrees(&bytes);
    }

    #[test]
    fn scans_agree_with_another_parser(text in json_text()) {
        if compact(text.as_bytes(), Limits::default()).is_err() {
            return Ok(());
        }
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) else { return Ok(()) };
        let at = |span: std::ops::Range<usize>| serde_json::from_str::<serde_json::Value>(&text[span]).unwrap();
        match &value {
            serde_json::Value::Object(object) => {
                let found = members(text.as_bytes());
                assert_eq!(found.len(), object.len());
                for member in found {
                    assert_eq!(at(member.span), object[&member.key]);
                }
            }
            serde_json::Value::Array(array) => {
                let found: Vec<_> = elements(text.as_bytes()).into_iter().map(at).collect();
                assert_eq!(&found, array);
            }
            serde_json::Value::String(string) => assert_eq!(&decode_string(text.as_bytes()), string),
            _ => {}
        }
    }

    #[test]
    fn scans_end_on_any_bytes(bytes in prop::collection::vec(prop::sample::select(&b"\"\\{}[],:01u d8-t\xFF"[..]), 0..60)) {
        let _ = compact(&bytes, Limits::default());
        let _ = (kind(&bytes), members(&bytes), elements(&bytes), decode_string(&bytes));
    }
}
