//! Reading members of a map one after the other, gathering every mistake with its line instead of ending at the first.
//!
//! A member that nobody asked for is a mistake, with the known name that is nearest.

use super::document::Given;
use super::node::{Key, Kind, Node, Wrong, cut};
use crate::config::nearest;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Mistakes that are shown; more are counted.
pub const SHOWN: usize = 20;

/// What is being read, and what was wrong so far.
#[derive(Debug)]
pub struct Reading {
    /// The file's name, for messages.
    pub file: String,
    /// What paths in it are relative to.
    pub folder: PathBuf,
    /// Mistakes in the order they were found.
    pub mistakes: Vec<Wrong>,
}

impl Reading {
    pub fn wrong(&mut self, line: usize, words: impl Into<String>) {
        self.mistakes.push(Wrong::new(line, words));
    }

    /// A line of this file, for messages.
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file)
    }

    /// A list's items; none when it is no list.
    pub fn list<'a>(&mut self, node: &'a Node, name: &str) -> &'a [Node] {
        match &node.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => {
                self.wrong(node.line, format!("{name}: a list is wanted"));
                &[]
            }
        }
    }

    /// A text. What YAML takes for something else is not turned into one.
    pub fn string<'a>(&mut self, node: &'a Node, name: &str) -> Option<&'a str> {
        if let Kind::Text(text) = &node.kind {
            return Some(text);
        }
        let words = match &node.kind {
            Kind::Bool(_) | Kind::Number(_) => {
                let shown = cut(&node.json());
                format!("{name}: {shown} is no text; in quotes it is one")
            }
            _ => format!("{name}: a text is wanted"),
        };
        self.wrong(node.line, words);
        None
    }

    /// Where a value is found: `{env: NAME}` or `{file: PATH}`.
    pub fn source(&mut self, node: &Node, name: &str) -> Option<Given> {
        let mut fields = Fields::of(node, "a source", self);
        let env = fields.words("env", 1..=256, self);
        let file = fields.words("file", 1..=4096, self);
        fields.finish(self);
        match (env, file) {
            (Some(env), None) => Some(Given::Env(env)),
            (None, Some(file)) => Some(Given::File(self.folder.join(file))),
            _ => {
                let words = format!("{name}: one of `env: VARIABLE` and `file: PATH` is wanted");
                self.wrong(node.line, words);
                None
            }
        }
    }
}

/// The members of one map.
pub struct Fields<'a> {
    what: &'static str,
    line: usize,
    members: &'a [(Key, Node)],
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn of(node: &'a Node, what: &'static str, reading: &mut Reading) -> Self {
        let members: &[(Key, Node)] = match &node.kind {
            Kind::Map(members) => members,
            _ => {
                let words = format!("{what} is written as `name: value` lines");
                reading.wrong(node.line, words);
                &[]
            }
        };
        Self {
            what,
            line: node.line,
            members,
            asked: Vec::new(),
        }
    }

    /// A member; one that is null is as if it were not there.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        self.members
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(_, value)| value)
            .filter(|value| value.kind != Kind::Null)
    }

    pub fn required(&mut self, name: &'static str, reading: &mut Reading) -> Option<&'a Node> {
        let found = self.optional(name);
        // A map that is none has been complained of.
        if found.is_none() && !self.members.is_empty() {
            reading.wrong(self.line, format!("{} without `{name}`", self.what));
        }
        found
    }

    /// The line of a member, or of the map.
    pub fn line_of(&self, name: &str) -> usize {
        self.members
            .iter()
            .find(|(key, _)| key.text == name)
            .map_or(self.line, |(key, _)| key.line)
    }

    pub fn boolean(&mut self, name: &'static str, reading: &mut Reading) -> Option<bool> {
        let node = self.optional(name)?;
        match &node.kind {
            Kind::Bool(value) => Some(*value),
            _ => {
                reading.wrong(node.line, format!("{name}: true or false is wanted"));
                None
            }
        }
    }

    /// A text for people, with its length in characters.
    pub fn words(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
        reading: &mut Reading,
    ) -> Option<String> {
        let node = self.optional(name)?;
        let text = reading.string(node, name)?;
        let chars = text.chars().count();
        if !length.contains(&chars) {
            let (least, most) = (length.start(), length.end());
            let words = format!("{name}: {least} to {most} characters are wanted (got {chars})");
            reading.wrong(node.line, words);
            return None;
        }
        if text.chars().any(char::is_control) {
            reading.wrong(node.line, format!("{name}: a control character"));
            return None;
        }
        Some(text.to_owned())
    }

    /// Complains of what nobody asked for.
    pub fn finish(self, reading: &mut Reading) {
        for (key, _) in self.members {
            if self.asked.contains(&key.text.as_str()) {
                continue;
            }
            let hint = nearest(&key.text, self.asked.iter().copied()).map_or_else(
                || format!("; there are {}", self.asked.join(", ")),
                |name| format!("; did you mean `{name}`?"),
            );
            let words = format!("unknown field `{}` in {}{hint}", cut(&key.text), self.what);
            reading.wrong(key.line, words);
        }
    }
}
