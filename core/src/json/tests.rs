//! The rules of JSON that passes through: what is refused with which words and place, and what is
//! kept (W13). Generated texts are in `core/tests/json.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use super::*;

fn refused(input: &[u8]) -> JsonError {
    let answer = compact(input, Limits::default());
    answer.expect_err(&String::from_utf8_lossy(&input[..input.len().min(80)]))
}

/// Checks the code and the message of a refused text.
fn check(input: impl AsRef<[u8]>, code: &str, message: &str) {
    let input = input.as_ref();
    let shown = String::from_utf8_lossy(&input[..input.len().min(80)]).into_owned();
    let error = refused(input);
    assert_eq!(
        (error.kind.code(), error.to_string().as_str()),
        (code, message),
        "{shown}"
    );
    let unreadable = ["empty_body", "invalid_json", "invalid_utf8"].contains(&code);
    assert_eq!(error.kind.is_unreadable(), unreadable, "{shown}");
}

#[test]
fn unreadable_texts_say_what_and_where() {
    for empty in ["", " ", "\r\n\t "] {
        let message = "The body is empty; a JSON object is needed.";
        check(empty, "empty_body", message);
    }
    let cases = r#"
        {"event_type":"a"      JSON ends too early at line 1, column 17.
        {"a":"é                JSON ends too early at line 1, column 7.
        {'event_type':'a'}     Use double quotes (line 1, column 2).
        ['a']                  Use double quotes (line 1, column 2).
        {"a":1,}               Comma before `}` at line 1, column 8.
        [1,¶]                  Comma before `]` at line 2, column 1.
        {}·x                   Text after the JSON value at line 1, column 4.
        {}{}                   Text after the JSON value at line 1, column 3.
        ¶¶"é"·x                Text after the JSON value at line 3, column 5.
        "\x"                   Not a JSON escape at line 1, column 2; a backslash itself is written \\.
        "\u12g4"               Not a JSON escape at line 1, column 2; a backslash itself is written \\.
        "a¶b"                  A control character in a string at line 1, column 3; write it as \u000a.
        {"a¶b":1}              A control character in a string at line 1, column 4; write it as \u000a.
        {a:1}                  Unexpected `a` at line 1, column 2; a key in double quotes is needed here.
        {"a"·1}                Unexpected `1` at line 1, column 6; `:` is needed here.
        [1·2]                  Unexpected `2` at line 1, column 4; `,` or `]` is needed here.
        [1}                    Unexpected `}` at line 1, column 3; `,` or `]` is needed here.
        {"a":1]                Unexpected `]` at line 1, column 7; `,` or `}` is needed here.
        [,1]                   Unexpected `,` at line 1, column 2; a value is needed here.
        [1,,2]                 Unexpected `,` at line 1, column 4; a value is needed here.
        {,}                    Unexpected `,` at line 1, column 2; a key in double quotes is needed here.
        [é]                    Unexpected `é` at line 1, column 2; a value is needed here.
        True                   Unexpected `T` at line 1, column 1; a value is needed here.
        //·no                  Unexpected `/` at line 1, column 1; a value is needed here."#;
    for (input, message) in cases.lines().filter_map(|line| line.trim().split_once(' ')) {
        let input = input.replace('¶', "\n").replace('·', " ");
        check(input, "invalid_json", message.trim());
    }
    let invalid = |input: &str, message: &str| check(input, "invalid_json", message);
    invalid("\u{feff}{}", "Remove the byte-order mark at the start.");
    invalid(
        "[\0]",
        r"Unexpected `\0` at line 1, column 2; a value is needed here.",
    );
    invalid(
        "[\u{a0}1]",
        r"Unexpected `\u{a0}` at line 1, column 2; a value is needed here.",
    );
}

#[test]
fn eight_bytes_at_a_time_find_what_one_at_a_time_finds() {
    let mut text = *b"plain text of three word";
    let special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    for place in 0..text.len() {
        for byte in 0..=u8::MAX {
            let before = std::mem::replace(&mut text[place], byte);
            for from in 0..4 {
                let slow = text[from..]
                    .iter()
                    .position(special)
                    .unwrap_or(text.len() - from);
                assert_eq!(scan::plain_prefix(&text[from..]), slow, "{byte} at {place}");
            }
            text[place] = before;
        }
    }
}

#[test]
fn texts_that_stop_name_their_last_character() {
    let texts = r#"{ [ [1, {" {"a tr "\ "\u "\u00 nul [[] {"a":{"b":[1"#;
    for early in texts.split(' ') {
        let error = refused(early.as_bytes());
        let found = (error.kind, error.column, error.offset);
        assert_eq!(
            found,
            (JsonErrorKind::EndsEarly, early.len(), early.len()),
            "{early}"
        );
    }
}

#[test]
fn odd_numbers_are_named_by_their_start() {
    let texts = "NaN Infinity 01 +1 .5 1. - -x -Infinity 1e 1e+ 1.e1 0x1 1_0 1.5.2 -01 1e5.5 --1";
    for number in texts.split(' ') {
        let message = "Not a JSON number at line 1, column";
        check(number, "invalid_json", &format!("{message} 1."));
        check(
            format!("[{number}]"),
            "invalid_json",
            &format!("{message} 2."),
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_by_their_place() {
    check(
        b"{\"event_type\":\"a\xFF\"}",
        "invalid_utf8",
        "Not UTF-8 at byte 17.",
    );
    for bytes in [
        &b"\xFF"[..],
        b"\"\xC0\x80\"",
        b"\"\xED\xA0\x80\"",
        b"\"\xF4\x90\x80\x80\"",
        b"\"\xE2\x82",
        b"\xFF\xFE{}",
    ] {
        assert_eq!(refused(bytes).kind, JsonErrorKind::InvalidUtf8, "{bytes:?}");
    }
    // UTF-16 without a mark is ASCII with NULs.
    assert_eq!(refused(b"\0{\0}").kind.code(), "invalid_json");
}

#[test]
fn lone_surrogates_are_refused_in_strings_and_keys() {
    let lone = [
        r"\ud800",
        r"\udfff",
        r"\ud800x",
        r"\ud800\n",
        r"\ud800A",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"\uDBFF",
    ];
    for lone in lone {
        let error = refused(format!(r#"{{"payload":{{"name":"{lone}"}}}}"#).as_bytes());
        assert_eq!(
            (error.kind.code(), error.pointer.as_str()),
            ("lone_surrogate", "/payload/name"),
            "{lone}"
        );
        let error = refused(format!(r#"{{"payload":{{"a":1,"{lone}":2}}}}"#).as_bytes());
        assert_eq!(
            (error.kind.code(), error.pointer.as_str()),
            ("lone_surrogate", "/payload"),
            "{lone}"
        );
    }
    let message = "A lone surrogate at line 1, column 2: many receivers cannot read it. Write both halves of the pair.";
    check(r#""\ud800""#, "lone_surrogate", message);
    assert_eq!(
        compact(br#""\ud83d\ude00""#, Limits::default()).unwrap(),
        br#""\ud83d\ude00""#
    );
}

#[test]
fn depth_is_limited_and_needs_no_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(compact(nested(64).as_bytes(), Limits::default()).is_ok());
    check(nested(65), "too_deep", "Nested deeper than 64.");
    check(nested(2_000_000), "too_deep", "Nested deeper than 64.");
    assert_eq!(
        refused(format!("{{\"payload\":{}}}", nested(64)).as_bytes()).pointer,
        "/payload"
    );
    let deep = Limits {
        depth: 2_000_000,
        values: 2_000_000,
    };
    assert!(compact(nested(2_000_000).as_bytes(), deep).is_ok());
    // Siblings do not add up.
    assert!(
        compact(
            format!("[{}1]", "[[]],".repeat(100)).as_bytes(),
            Limits {
                depth: 3,
                values: 1000
            }
        )
        .is_ok()
    );
}

#[test]
fn values_are_limited() {
    let numbers = |count: usize| format!("{{\"payload\":[{}1]}}", "1,".repeat(count - 1));
    check(
        numbers(100_001),
        "too_many_values",
        "More than 100,000 values.",
    );
    assert_eq!(refused(numbers(100_001).as_bytes()).pointer, "/payload");
    assert!(
        compact(numbers(99_998).as_bytes(), Limits::default()).is_ok(),
        "the array and the object count too"
    );
    assert_eq!(
        refused(numbers(99_999).as_bytes()).kind.code(),
        "too_many_values"
    );
}

#[test]
fn repeated_keys_are_found_at_every_size_and_place() {
    let duplicate = |text: &str, pointer: &str| {
        let error = refused(text.as_bytes());
        assert_eq!(
            (error.kind.code(), error.pointer.as_str()),
            ("duplicate_key", pointer),
            "{text}"
        );
        error
    };
    duplicate(r#"{"event_type":"a","event_type":"b"}"#, "/event_type");
    let error = duplicate(r#"{"payload":{"x":1,"x":2}}"#, "/payload/x");
    assert_eq!(
        error.to_string(),
        "The key `x` occurs twice: parsers disagree on which one counts."
    );
    assert_eq!(error.column, 19);
    duplicate(r#"{"b":1,"\u0062":2}"#, "/b");
    duplicate(r#"{"\u0062":1,"b":2}"#, "/b");
    duplicate(r#"{"😀":1,"\ud83d\ude00":2}"#, "/😀");
    duplicate(r#"{"/":1,"\/":2}"#, "/~1");
    duplicate(r#"{"":{},"":2}"#, "/");
    duplicate(
        r#"{"data":{"x":[{"a/b":1},{"m~n":{"k":[],"k":[]}}]}}"#,
        "/data/x/1/m~0n/k",
    );
    for count in [2, 15, 31, 32, 33, 34, 1000] {
        let unique: Vec<String> = (0..count)
            .map(|n| format!("\"key{n}\":[{{\"a\":1}}]"))
            .collect();
        let text = format!("{{\"o\":[0,{{{}}}]}}", unique.join(","));
        assert!(
            compact(text.as_bytes(), Limits::default()).is_ok(),
            "{count}"
        );
        for twice in [0, count / 2, count - 2] {
            let text = format!(
                "{{\"o\":[0,{{{},\"key{twice}\":1,\"after\":2}}]}}",
                unique.join(",")
            );
            let error = duplicate(&text, &format!("/o/1/key{twice}"));
            assert_eq!(
                error.offset,
                text.rfind(&format!("\"key{twice}\":")).unwrap()
            );
        }
    }
    // The same key in different objects is no repeat.
    assert!(
        compact(
            br#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#,
            Limits::default()
        )
        .is_ok()
    );
}

#[test]
fn an_object_of_many_keys_is_not_quadratic() {
    // 90,000 keys of which all share a long beginning; comparing each with each would take minutes.
    let keys: Vec<String> = (0..90_000)
        .map(|n| format!("\"{}{n:06}\":1", "a".repeat(40)))
        .collect();
    let text = format!("{{{}}}", keys.join(","));
    assert!(compact(text.as_bytes(), Limits::default()).is_ok());
}

#[test]
fn errors_repeat_little_of_the_input() {
    let key = "k".repeat(5000);
    let error = refused(format!("{{\"{key}\":1,\"{key}\":2}}").as_bytes());
    assert!(
        error.to_string().len() < 150 && error.pointer.len() < 80,
        "{error:?}"
    );
    assert!(error.pointer.ends_with('…'));
}

#[test]
fn w13_only_insignificant_white_space_goes() {
    let check = |text: &str, expected: &str| {
        let kept = compact(text.as_bytes(), Limits::default()).unwrap();
        assert_eq!(String::from_utf8(kept).unwrap(), expected);
    };
    check(
        " { \"b\" : [ 1 , 2.50 , -0 , 1E+400 ] ,\r\n\t\"a\" : \" x  y \" } ",
        r#"{"b":[1,2.50,-0,1E+400],"a":" x  y "}"#,
    );
    check("12345678901234567890123", "12345678901234567890123");
    check(
        r#"{"z":"\/\u00e9é\ud83d\ude00","a":"\"\\"}"#,
        r#"{"z":"\/\u00e9é\ud83d\ude00","a":"\"\\"}"#,
    );
    check(
        "[ true , false , null , { } , [ ] ]",
        "[true,false,null,{},[]]",
    );
    check(" \"\u{7f}\u{2028}\u{feff}\" ", "\"\u{7f}\u{2028}\u{feff}\"");
}

#[test]
fn scans_answer_kinds_members_and_elements() {
    let text = br#"{"type":"a\"}b","\u0062":[1,{"x":"]"},[]],"":null,"n":-1.5e3,"t":true,"o":{}}"#;
    assert_eq!(compact(text, Limits::default()).unwrap(), text);
    let found = members(text);
    let seen: Vec<_> = found
        .iter()
        .map(|m| {
            (
                m.key.as_str(),
                m.kind,
                std::str::from_utf8(&text[m.span.clone()]).unwrap(),
            )
        })
        .collect();
    let expected = [
        ("type", Kind::String, r#""a\"}b""#),
        ("b", Kind::Array, r#"[1,{"x":"]"},[]]"#),
        ("", Kind::Null, "null"),
        ("n", Kind::Number, "-1.5e3"),
        ("t", Kind::Bool, "true"),
        ("o", Kind::Object, "{}"),
    ];
    assert_eq!(seen, expected);
    let array = &text[found[1].span.clone()];
    let parts: Vec<_> = elements(array)
        .into_iter()
        .map(|span| &array[span])
        .collect();
    assert_eq!(parts, [&b"1"[..], br#"{"x":"]"}"#, b"[]"]);
    assert!(members(b"[1]").is_empty() && elements(b"{}").is_empty() && members(b"").is_empty());
    assert_eq!(Kind::Bool.to_string(), "boolean");
}

#[test]
fn strings_are_decoded() {
    let check =
        |text: &str, expected: &str| assert_eq!(decode_string(text.as_bytes()), expected, "{text}");
    check(r#""""#, "");
    check(r#""plain é""#, "plain é");
    check(
        r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#,
        "\"\\/\u{8}\u{c}\n\r\té😀",
    );
    check(r#""a\\""#, "a\\");
    check(r#""\ud800x""#, "\u{fffd}x");
}
