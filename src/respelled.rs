//! Other spellings of a JSON body: what frameworks make of it when they parse it and print it again.
//!
//! Tokens keep their order; what changes is the white space between them, how characters are escaped, and how numbers are
//! written. A signature that fits one of these tells what happened to the body on its way.

use tidings_core::limits::EVENT_BYTES;

/// How the tokens are laid out.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// Nothing between them: as it is sent.
    Compact,
    /// A space after commas and colons, as Python prints it.
    Spaced,
    /// Line breaks and two spaces, as for reading.
    Indented(usize),
}

/// How a kind of character is written in strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Kept,
    /// `\u00e9`, `\/`: as PHP prints them unless told otherwise, Python the first.
    Made,
    /// é, /: as JavaScript prints them.
    Undone,
}

const LAYOUTS: [Layout; 4] = [
    Layout::Compact,
    Layout::Spaced,
    Layout::Indented(2),
    Layout::Indented(4),
];
const ESCAPES: [Escapes; 3] = [Escapes::Kept, Escapes::Made, Escapes::Undone];

/// A longer body is none of ours, and its spellings are not looked for.
const LONGEST: usize = EVENT_BYTES + 1_024;
/// How many times as long as the body a spelling may be, beside some [`ROOM`]: deep nesting and its indentation make more of it.
const TIMES: usize = 4;
const ROOM: usize = 4_096;
/// Digits of a number that JavaScript and Python print as they are: from 1e21 and 1e16 on they have an exponent.
const DIGITS: usize = 25;

/// Every other spelling of a body, made as it is asked for; none when it is no JSON. What they take is bounded: each is a few times
/// as long as the body.
pub fn spellings(body: &str) -> impl Iterator<Item = String> {
    let longest = body.len() * TIMES + ROOM;
    Some(body)
        .filter(|body| body.len() <= LONGEST)
        .and_then(compact)
        .into_iter()
        .flat_map(|text| distinct([renumbered(&text), text]))
        .flat_map(|text| {
            distinct(ESCAPES.map(|how| in_strings(&text, |text| with_unicode(text, how))))
        })
        .flat_map(|text| {
            distinct(ESCAPES.map(|how| in_strings(&text, |text| with_slashes(text, how))))
        })
        .flat_map(move |text| {
            LAYOUTS
                .into_iter()
                .filter_map(move |layout| laid_out(&text, layout, longest))
        })
        .filter(move |text| text != body)
}

/// A body without white space between its tokens, as it is sent.
pub fn compact(body: &str) -> Option<String> {
    let limits = tidings_core::json::Limits::default();
    let bytes = tidings_core::json::compact(body.as_bytes(), limits).ok()?;
    String::from_utf8(bytes).ok()
}

fn distinct<const N: usize>(texts: [String; N]) -> Vec<String> {
    let mut texts = Vec::from(texts);
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// With the strings of a JSON text changed, quotes included in none.
fn in_strings(json: &str, change: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(json.len());
    for (is_string, part) in parts(json) {
        if is_string {
            out.push('"');
            out.push_str(&change(part));
            out.push('"');
        } else {
            out.push_str(part);
        }
    }
    out
}

/// A compact JSON text in parts: strings without their quotes, and what is between them.
fn parts(json: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut in_string, mut escaped) = (0, false, false);
    for (at, c) in json.char_indices() {
        match c {
            '"' if !escaped => {
                parts.push((in_string, json.get(start..at).unwrap_or_default()));
                in_string = !in_string;
                start = at + 1;
            }
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    parts.push((in_string, json.get(start..).unwrap_or_default()));
    parts
}

fn with_slashes(text: &str, how: Escapes) -> String {
    match how {
        Escapes::Kept => text.to_owned(),
        Escapes::Undone => text.replace(r"\/", "/"),
        Escapes::Made => text.replace(r"\/", "/").replace('/', r"\/"),
    }
}

fn with_unicode(text: &str, how: Escapes) -> String {
    match how {
        Escapes::Kept => text.to_owned(),
        Escapes::Made => {
            let mut out = String::with_capacity(text.len());
            let mut units = [0_u16; 2];
            for c in text.chars() {
                if c.is_ascii() {
                    out.push(c);
                } else {
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
            out
        }
        Escapes::Undone => {
            // Only what is beyond ASCII: quotes and control characters stay escaped everywhere.
            let quoted = format!("\"{text}\"");
            let read: Option<String> = serde_json::from_str(&quoted).ok();
            let printed = read.and_then(|text| serde_json::to_string(&text).ok());
            let bare = printed.as_deref().and_then(|text| {
                let text = text.strip_prefix('"')?;
                text.strip_suffix('"')
            });
            bare.unwrap_or(text).to_owned()
        }
    }
}

/// With every number as a floating-point number prints: 1.10 is 1.1.
fn renumbered(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut number = String::new();
    let flush = |number: &mut String, out: &mut String| {
        let printed = number.parse::<f64>().ok().map(|value| value.to_string());
        match printed.filter(|printed| printed.len() <= DIGITS) {
            Some(printed) => out.push_str(&printed),
            None => out.push_str(number),
        }
        number.clear();
    };
    for (is_string, part) in parts(json) {
        if is_string {
            out.push('"');
            out.push_str(part);
            out.push('"');
            continue;
        }
        for c in part.chars() {
            let digit = c.is_ascii_digit() || matches!(c, '-' | '+' | '.');
            if digit || (matches!(c, 'e' | 'E') && !number.is_empty()) {
                number.push(c);
            } else {
                flush(&mut number, &mut out);
                out.push(c);
            }
        }
        flush(&mut number, &mut out);
    }
    out
}

/// A compact JSON text with white space between its tokens; `None` when it gets longer than `longest`.
fn laid_out(json: &str, layout: Layout, longest: usize) -> Option<String> {
    let indent = match layout {
        Layout::Compact => return Some(json.to_owned()),
        Layout::Spaced => None,
        Layout::Indented(width) => Some(width),
    };
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let line = |out: &mut String, depth: usize| {
        if let Some(width) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * depth));
        }
    };
    for (is_string, part) in parts(json) {
        if out.len() > longest {
            return None;
        }
        if is_string {
            out.push('"');
            out.push_str(part);
            out.push('"');
            continue;
        }
        let mut chars = part.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '[' => {
                    out.push(c);
                    if !matches!(chars.peek(), Some('}' | ']')) {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
                '}' | ']' => {
                    if !out.ends_with(['{', '[']) {
                        depth = depth.saturating_sub(1);
                        line(&mut out, depth);
                    }
                    out.push(c);
                }
                ',' => {
                    out.push(c);
                    match indent {
                        Some(_) => line(&mut out, depth),
                        None => out.push(' '),
                    }
                }
                ':' => out.push_str(": "),
                other => out.push(other),
            }
            if out.len() > longest {
                return None;
            }
        }
    }
    Some(out)
}

/// How many times as long as a body it may be when it is laid out for reading.
const FOR_READING: usize = 8;

/// JSON with line breaks, for reading; numbers and strings stay as they are written. `None` when that would be far longer.
pub fn for_reading(json: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(json).ok()?;
    laid_out(text, Layout::Indented(2), text.len() * FOR_READING + ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_no_token_of_it_changes() {
        let laid = for_reading(br#"{"a":[1.10,{}],"b":"x,\"{","c":[]}"#);
        let wanted =
            "{\n  \"a\": [\n    1.10,\n    {}\n  ],\n  \"b\": \"x,\\\"{\",\n  \"c\": []\n}";
        assert_eq!(laid.as_deref(), Some(wanted));
    }

    #[test]
    fn what_three_languages_print_is_among_the_spellings() {
        let body = r#"{"b":"Fête / é","a":[1.10,{"x":null}],"e":"\""}"#;
        let spellings: Vec<String> = spellings(body).collect();
        for (language, printed) in [
            (
                "PHP",
                r#"{"b":"F\u00eate \/ \u00e9","a":[1.1,{"x":null}],"e":"\""}"#,
            ),
            (
                "JavaScript",
                r#"{"b":"Fête / é","a":[1.1,{"x":null}],"e":"\""}"#,
            ),
            (
                "Python",
                r#"{"b": "F\u00eate / \u00e9", "a": [1.1, {"x": null}], "e": "\""}"#,
            ),
        ] {
            assert!(spellings.iter().any(|text| text == printed), "{language}");
        }
        assert!(spellings.iter().all(|text| text != body));
        assert_eq!(super::spellings("no json").count(), 0);
    }

    #[test]
    fn spellings_of_numbers_and_nesting_made_for_it_stay_a_few_times_as_long() {
        let numbers = vec!["1e308"; 20_000].join(",");
        let deep = format!("{}{numbers}{}", "[".repeat(60), "]".repeat(60));
        let longest = deep.len() * TIMES + ROOM;
        let lengths: Vec<usize> = spellings(&deep).map(|text| text.len()).collect();
        assert!(!lengths.is_empty());
        assert!(
            lengths.iter().all(|length| *length <= longest + 200),
            "{lengths:?}"
        );
        assert!(for_reading(deep.as_bytes()).is_none());
        let long = format!("[{}]", vec!["1.10"; LONGEST / 4].join(","));
        assert_eq!(spellings(&long).count(), 0);
    }

    #[test]
    fn escapes_are_undone_as_well() {
        let mut spellings = spellings(r#"{"b":"F\u00eate \/"}"#);
        assert!(spellings.any(|text| text == r#"{"b":"Fête /"}"#));
    }
}
