//! A YAML or JSON text as a tree that knows its lines.
//!
//! YAML 1.2's core schema, and of it only what JSON can say: `no` and `off` are texts, a number is written as JSON
//! writes it and keeps its digits, a key is a text and stands once. What older readers would take for something else
//! (`0x1F`, `007`, `.5`) is refused with the word to quote it, not guessed.
//!
//! Bounded: bytes, depth and nodes, those counted after aliases are put in place, so that a few lines cannot become a
//! million. Deliberately absent: tags, merge keys, several documents in one file.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::collections::HashSet;

/// Bytes of one file.
pub const FILE_BYTES: usize = 16 * 1024 * 1024;
/// Nodes of one file, aliases in place.
const NODES: usize = 2_000_000;
/// Nesting.
const DEPTH: usize = 64;

/// A value and the line it begins on. Equal is what says the same, on whatever line.
#[derive(Debug, Clone)]
pub struct Node {
    /// From 1; 0 in what came as JSON.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with its digits as they were written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Members in their order.
    Map(Vec<(Key, Node)>),
}

/// A member's name.
#[derive(Debug, Clone)]
pub struct Key {
    /// As in [`Node`].
    pub line: usize,
    /// The name.
    pub text: String,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}
impl Eq for Node {}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Key {}

/// What is wrong with a text, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    /// What to do instead is part of it.
    pub words: String,
}

impl Wrong {
    pub fn new(line: usize, words: impl Into<String>) -> Self {
        Self {
            line,
            words: words.into(),
        }
    }
}

/// One level that is still open.
struct Open {
    line: usize,
    anchor: usize,
    nodes: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        members: Vec<(Key, Node)>,
        names: HashSet<String>,
        key: Option<Key>,
    },
}

#[derive(Default)]
struct Loader {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    /// By anchor: the value and how many nodes it is.
    anchors: BTreeMap<usize, (Node, usize)>,
}

/// Reads one YAML document. An empty text is `null`.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn parse_yaml(text: &str) -> Result<Node, Wrong> {
    if text.len() > FILE_BYTES {
        return Err(Wrong::new(1, format!("longer than {FILE_BYTES} bytes")));
    }
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| scan(&error))?;
        loader.take(event, span)?;
    }
    Ok(loader.root.unwrap_or(Node {
        line: 1,
        kind: Kind::Null,
    }))
}

fn scan(error: &ScanError) -> Wrong {
    Wrong::new(
        error.marker().line(),
        format!("no YAML: {}", error.info().trim_end_matches('.')),
    )
}

impl Loader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Wrong> {
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Wrong::new(
                        line,
                        "a second document; put it in a file of its own",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(line, tag.is_some())?;
                let kind = scalar(&text, style, line, self.wants_key())?;
                self.value(Node { line, kind }, anchor, (1, 1))?;
            }
            Event::Alias(anchor) => {
                let (mut node, nodes) = self
                    .anchors
                    .get(&anchor)
                    .filter(|(_, nodes)| self.nodes + nodes <= NODES)
                    .cloned()
                    .ok_or_else(|| {
                        Wrong::new(
                            line,
                            "this alias names nothing, or makes the file too large",
                        )
                    })?;
                node.line = line;
                self.value(node, 0, (nodes, nodes))?;
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(line, tag.is_some())?;
                self.begin(line, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(line, tag.is_some())?;
                let content = Content::Map {
                    members: Vec::new(),
                    names: HashSet::new(),
                    key: None,
                };
                self.begin(line, anchor, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Whether the next value is a member's name.
    fn wants_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                content: Content::Map { key: None, .. },
                ..
            })
        )
    }

    fn begin(&mut self, line: usize, anchor: usize, content: Content) -> Result<(), Wrong> {
        if self.wants_key() {
            return Err(Wrong::new(line, "a key must be a text"));
        }
        if self.open.len() >= DEPTH {
            return Err(Wrong::new(line, format!("nested deeper than {DEPTH}")));
        }
        self.open.push(Open {
            line,
            anchor,
            nodes: 1,
            content,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Wrong> {
        let Some(level) = self.open.pop() else {
            return Ok(());
        };
        let kind = match level.content {
            Content::List(items) => Kind::List(items),
            Content::Map { members, .. } => Kind::Map(members),
        };
        let node = Node {
            line: level.line,
            kind,
        };
        // What is inside has been counted.
        self.value(node, level.anchor, (level.nodes, 1))
    }

    /// Puts a finished value where it belongs: how many nodes it is, and how many of them are new.
    fn value(
        &mut self,
        node: Node,
        anchor: usize,
        (nodes, new): (usize, usize),
    ) -> Result<(), Wrong> {
        // What is kept for aliases takes room, too, also where anchors lie within anchors.
        self.nodes += new + if anchor > 0 { nodes } else { 0 };
        if self.nodes > NODES {
            return Err(Wrong::new(node.line, format!("more than {NODES} values")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        let Some(level) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        level.nodes += nodes;
        match &mut level.content {
            Content::List(items) => items.push(node),
            Content::Map {
                members,
                names,
                key,
            } => match key.take() {
                Some(key) => members.push((key, node)),
                None => {
                    let Kind::Text(text) = node.kind else {
                        return Err(Wrong::new(node.line, "a key must be a text"));
                    };
                    if !names.insert(text.clone()) {
                        let words = format!("`{}` stands here twice", cut(&text));
                        return Err(Wrong::new(node.line, words));
                    }
                    *key = Some(Key {
                        line: node.line,
                        text,
                    });
                }
            },
        }
        Ok(())
    }
}

fn refuse_tag(line: usize, given: bool) -> Result<(), Wrong> {
    if given {
        return Err(Wrong::new(line, "tags (!…) are not read; leave it out"));
    }
    Ok(())
}

/// At most 64 characters, for a message.
pub fn cut(text: &str) -> String {
    let shown: String = text.chars().take(64).collect();
    crate::telemetry::one_line(&shown, false).into_owned()
}

fn scalar(text: &str, style: ScalarStyle, line: usize, is_key: bool) -> Result<Kind, Wrong> {
    if style != ScalarStyle::Plain || is_key {
        return Ok(Kind::Text(text.to_owned()));
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ if is_json_number(text) => Kind::Number(text.to_owned()),
        _ if looks_like_a_number(text) => {
            let shown = cut(text);
            return Err(Wrong::new(
                line,
                format!("`{shown}` is no number as JSON writes them; in quotes it is a text"),
            ));
        }
        _ => Kind::Text(text.to_owned()),
    })
}

fn is_json_number(text: &str) -> bool {
    text.bytes()
        .next()
        .is_some_and(|first| first == b'-' || first.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// What YAML 1.1 or 1.2 takes for a number, and JSON does not.
fn looks_like_a_number(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = bare.to_ascii_lowercase();
    let digits = bare.strip_prefix('.').unwrap_or(bare);
    let all = |allowed: &str| bare.chars().all(|c| allowed.contains(c));
    matches!(lower.as_str(), ".inf" | ".nan")
        || (lower.starts_with("0x") && lower.chars().skip(2).all(|c| c.is_ascii_hexdigit()))
        || (lower.starts_with("0o") && lower.chars().skip(2).all(|c| c.is_digit(8)))
        || (digits.starts_with(|c: char| c.is_ascii_digit())
            && all("0123456789.eE+-_")
            && bare.replace('_', "").parse::<f64>().is_ok())
}

/// Reads a JSON text, keeping the order of members and the digits of numbers.
pub fn parse_json(text: &str) -> Result<Node, serde_json::Error> {
    let raw: &RawValue = serde_json::from_str(text)?;
    of_raw(raw, 0)
}

fn of_raw(raw: &RawValue, depth: usize) -> Result<Node, serde_json::Error> {
    if depth > 2 * DEPTH {
        return Err(serde::de::Error::custom("nested too deeply"));
    }
    let text = raw.get().trim();
    let kind = match text.as_bytes().first() {
        Some(b'{') => {
            let members = serde_json::Deserializer::from_str(text).deserialize_map(Members)?;
            let nodes = members.into_iter().map(|(name, raw)| {
                let key = Key {
                    line: 0,
                    text: name,
                };
                Ok((key, of_raw(raw, depth + 1)?))
            });
            Kind::Map(nodes.collect::<Result<_, serde_json::Error>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            let nodes = items.into_iter().map(|raw| of_raw(raw, depth + 1));
            Kind::List(nodes.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Kind::Text(serde_json::from_str(text)?),
        Some(b't') => Kind::Bool(true),
        Some(b'f') => Kind::Bool(false),
        Some(b'n') => Kind::Null,
        _ => Kind::Number(text.to_owned()),
    };
    Ok(Node { line: 0, kind })
}

/// An object's members in their order.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

impl Node {
    /// As compact JSON.
    pub fn json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool(true) => out.push_str("true"),
            Kind::Bool(false) => out.push_str("false"),
            Kind::Number(digits) => out.push_str(digits),
            Kind::Text(text) => out.push_str(&quoted(text)),
            Kind::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Kind::Map(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(&key.text));
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(members) => members
                .iter()
                .find(|(key, _)| key.text == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// As a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
