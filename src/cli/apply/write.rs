//! A tree as YAML that every reader of YAML 1.1 or 1.2 takes for the same: block style, two spaces, and quotes around
//! whatever could be read as something other than a text.

use super::node::{Kind, Node, quoted};

/// The tree as a YAML document.
pub fn yaml(node: &Node) -> String {
    let mut out = String::new();
    match &node.kind {
        Kind::Map(members) if !members.is_empty() => block(node, 0, &mut out),
        _ => {
            out.push_str(&inline(node));
            out.push('\n');
        }
    }
    out
}

/// A value that stands on lines of its own, each indented.
fn block(node: &Node, indent: usize, out: &mut String) {
    let margin = "  ".repeat(indent);
    match &node.kind {
        Kind::Map(members) => {
            for (key, value) in members {
                out.push_str(&margin);
                member(&key.text, value, indent, out);
            }
        }
        Kind::List(items) => {
            for item in items {
                out.push_str(&margin);
                out.push_str("- ");
                element(item, indent + 1, out);
            }
        }
        _ => {}
    }
}

fn is_long(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(members) => !members.is_empty(),
        Kind::List(items) => !items.is_empty(),
        _ => false,
    }
}

fn member(name: &str, value: &Node, indent: usize, out: &mut String) {
    out.push_str(&scalar(name));
    out.push(':');
    if is_long(value) {
        out.push('\n');
        block(value, indent + 1, out);
    } else {
        out.push(' ');
        out.push_str(&inline(value));
        out.push('\n');
    }
}

/// What follows `- `: the first member of a map stands beside it.
fn element(item: &Node, indent: usize, out: &mut String) {
    match &item.kind {
        Kind::Map(members) if !members.is_empty() => {
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push_str(&"  ".repeat(indent));
                }
                member(&key.text, value, indent, out);
            }
        }
        Kind::List(items) if !items.is_empty() => {
            out.push('\n');
            block(item, indent, out);
        }
        _ => {
            out.push_str(&inline(item));
            out.push('\n');
        }
    }
}

fn inline(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => scalar(text),
        _ => node.json(),
    }
}

/// Words that some reader takes for something else.
const RESERVED: [&str; 10] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan",
];

fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _./:?&=%@+-~".contains(c);
    let is_plain = text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        escaped(text)
    }
}

/// As a double-quoted text: JSON's escapes, and escapes for what YAML does not take raw or shows nowhere.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in quoted(text).chars() {
        let shown = c.is_ascii() && c != '\u{7f}'
            || !c.is_ascii()
                && !c.is_control()
                && !matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                );
        match (shown, u32::from(c)) {
            (true, _) => out.push(c),
            (false, code) => out.push_str(&format!("\\u{code:04x}")),
        }
    }
    out
}
