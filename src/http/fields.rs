//! A typed reader over a JSON object that [`tidings_core::json::compact`] has accepted.
//!
//! It collects everything that is wrong, each with its pointer, so that a client can mend a body at once.
//! Unknown fields are refused by name. What was written becomes what is meant here, and nowhere else.

use super::code::Code;
use super::problem::{FAULTS_MAX, Fault, Problem, cut};
use super::suggest::did_you_mean;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use tidings_core::json::{self, Kind, Member};
use tidings_core::time::Timestamp;

/// What a value is, or everything wrong with it; pointers are relative to the value.
pub(super) type Read<T> = Result<T, Vec<Fault>>;

/// The names an object may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Fields that can be given.
    pub fields: &'static [&'static str],
    /// Fields that answers show and nobody can set.
    pub read_only: &'static [&'static str],
}

/// The names, none of them read-only.
pub(super) const fn known(fields: &'static [&'static str]) -> Known {
    Known {
        fields,
        read_only: &[],
    }
}

/// One JSON value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    text: &'a [u8],
    kind: Kind,
}

/// The members of one object, and what was found wrong with them so far.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    text: &'a [u8],
    members: Vec<Member>,
    faults: Vec<Fault>,
}

/// One fault of the value itself.
pub(super) fn wrong<T>(code: Code, detail: impl Into<Cow<'static, str>>) -> Read<T> {
    Err(vec![Fault::new(String::new(), code, detail)])
}

/// A pointer's segment for a key: escaped, and cut to what an answer may repeat.
pub(super) fn segment(key: &str) -> String {
    format!("/{}", cut(key).replace('~', "~0").replace('/', "~1"))
}

impl<'a> Fields<'a> {
    /// The members of the object in a compact text.
    pub fn of(text: &'a [u8], known: Known) -> Result<Self, Problem> {
        Self::read(text, known).map_err(Problem::of)
    }

    /// As [`Fields::of`], for an object inside another.
    pub fn read(text: &'a [u8], known: Known) -> Read<Self> {
        let kind = json::kind(text);
        if kind != Kind::Object {
            return wrong(
                Code::NotAnObject,
                format!("A JSON object is needed here (got {kind})."),
            );
        }
        let mut fields = Self {
            text,
            members: json::members(text),
            faults: Vec::new(),
        };
        fields.check_names(known);
        Ok(fields)
    }

    fn check_names(&mut self, known: Known) {
        let unknown = self
            .members
            .iter()
            .filter(|member| !known.fields.contains(&member.key.as_str()))
            .take(FAULTS_MAX);
        let faults: Vec<Fault> = unknown
            .map(|member| {
                let key = member.key.as_str();
                if known.read_only.contains(&key) {
                    return Fault::new(segment(key), Code::ReadOnly, "This field cannot be set.");
                }
                let hint = did_you_mean(key, known.fields.iter().copied());
                let detail = format!("Unknown field `{}`.{hint}", cut(key));
                Fault::new(segment(key), Code::UnknownField, detail)
            })
            .collect();
        self.faults = faults;
    }

    fn value(&self, name: &str) -> Option<Value<'a>> {
        let member = self.members.iter().find(|member| member.key == name)?;
        Some(Value {
            text: self.text.get(member.span.clone())?,
            kind: member.kind,
        })
    }

    /// Whether the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.key == name)
    }

    /// A field that may be left out; `None` when it is, or when it is wrong, which is then on the list.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>) -> Read<T>,
    ) -> Option<T> {
        match read(self.value(name)?) {
            Ok(value) => Some(value),
            Err(faults) => {
                self.absorb(&segment(name), faults);
                None
            }
        }
    }

    /// A field that is needed; `None` only when something about it is on the list.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>) -> Read<T>,
    ) -> Option<T> {
        if !self.has(name) {
            self.refuse(name, Code::Required, format!("`{name}` is needed."));
        }
        self.optional(name, read)
    }

    /// Puts something on the list that shows only when fields are seen together.
    pub fn refuse(&mut self, name: &str, code: Code, detail: impl Into<Cow<'static, str>>) {
        self.faults.push(Fault::new(segment(name), code, detail));
    }

    fn absorb(&mut self, base: &str, faults: Vec<Fault>) {
        self.faults.extend(faults.into_iter().map(|fault| Fault {
            pointer: format!("{base}{}", fault.pointer),
            ..fault
        }));
    }

    /// As [`Fields::finish`], for an object inside another.
    pub fn finish_inside<T>(self, made: T) -> Read<T> {
        match self.faults.is_empty() {
            true => Ok(made),
            false => Err(self.faults),
        }
    }

    /// `made`, unless anything was wrong.
    pub fn finish<T>(self, made: Option<T>) -> Result<T, Problem> {
        match made {
            Some(made) if self.faults.is_empty() => Ok(made),
            _ if self.faults.is_empty() => {
                Err(Problem::internal(&"a field was neither read nor refused"))
            }
            _ => Err(Problem::of(self.faults)),
        }
    }
}

impl<'a> Value<'a> {
    fn must_be<T>(self, what: &str) -> Read<T> {
        wrong(
            Code::WrongType,
            format!("Must be {what} (got {}).", self.kind),
        )
    }

    /// Something, or null.
    pub fn or_null<T>(self, read: impl FnOnce(Self) -> Read<T>) -> Read<Option<T>> {
        match self.kind {
            Kind::Null => Ok(None),
            _ => read(self).map(Some),
        }
    }

    /// A string, whatever it holds.
    pub fn string(self) -> Read<String> {
        match self.kind {
            Kind::String => Ok(json::decode_string(self.text)),
            _ => self.must_be("a string"),
        }
    }

    /// A string for people, in characters, without control characters.
    pub fn words(self, length: RangeInclusive<usize>) -> Read<String> {
        let text = self.string()?;
        let chars = text.chars().count();
        if !length.contains(&chars) {
            let (least, most) = (length.start(), length.end());
            return wrong(
                Code::InvalidText,
                format!("{least} to {most} characters (got {chars})."),
            );
        }
        match text.chars().position(char::is_control) {
            Some(at) => wrong(
                Code::InvalidText,
                format!("A control character at position {}; remove it.", at + 1),
            ),
            None => Ok(text),
        }
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Read<bool> {
        match self.kind {
            Kind::Bool => Ok(self.text == b"true"),
            _ => self.must_be("true or false"),
        }
    }

    /// A whole number, written as one.
    pub fn integer(self, range: RangeInclusive<i64>) -> Read<i64> {
        if self.kind != Kind::Number {
            return self.must_be("a number");
        }
        let number = std::str::from_utf8(self.text).ok();
        match number.and_then(|text| text.parse::<i64>().ok()) {
            Some(number) if range.contains(&number) => Ok(number),
            _ => wrong(
                Code::OutOfRange,
                format!("A whole number from {} to {}.", range.start(), range.end()),
            ),
        }
    }

    /// A list of at most `limit`; every wrong element is named.
    pub fn list<T>(self, limit: usize, read: impl Fn(Value<'a>) -> Read<T>) -> Read<Vec<T>> {
        if self.kind != Kind::Array {
            return self.must_be("an array");
        }
        let spans = json::elements(self.text);
        if spans.len() > limit {
            return wrong(
                Code::TooMany,
                format!("At most {limit} (got {}).", spans.len()),
            );
        }
        let mut items = Vec::with_capacity(spans.len());
        let mut faults = Vec::new();
        for (index, span) in spans.into_iter().enumerate() {
            let text = self.text.get(span).unwrap_or_default();
            let kind = json::kind(text);
            match read(Value { text, kind }) {
                Ok(item) => items.push(item),
                Err(found) => faults.extend(found.into_iter().map(|fault| Fault {
                    pointer: format!("/{index}{}", fault.pointer),
                    ..fault
                })),
            }
        }
        if faults.is_empty() {
            Ok(items)
        } else {
            Err(faults)
        }
    }

    /// An object whose values are all strings.
    pub fn strings(self) -> Read<Vec<(String, String)>> {
        if self.kind != Kind::Object {
            return self.must_be("an object");
        }
        let mut pairs = Vec::new();
        let mut faults = Vec::new();
        for member in json::members(self.text) {
            let value = Value {
                text: self.text.get(member.span).unwrap_or_default(),
                kind: member.kind,
            };
            match value.string() {
                Ok(text) => pairs.push((member.key, text)),
                Err(found) => faults.extend(found.into_iter().map(|fault| Fault {
                    pointer: segment(&member.key),
                    ..fault
                })),
            }
        }
        if faults.is_empty() {
            Ok(pairs)
        } else {
            Err(faults)
        }
    }

    /// An object, as its compact text.
    pub fn object(self) -> Read<&'a [u8]> {
        match self.kind {
            Kind::Object => Ok(self.text),
            _ => self.must_be("an object"),
        }
    }

    /// An RFC 3339 time.
    pub fn time(self) -> Read<Timestamp> {
        let text = self.string()?;
        match Timestamp::parse_rfc3339(&text) {
            Some(moment) => Ok(moment),
            None => wrong(Code::InvalidTime, NOT_A_TIME),
        }
    }

    /// One of some names.
    pub fn choice<T>(self, choices: &[(&'static str, T)]) -> Read<T>
    where
        T: Copy,
    {
        let text = self.string()?;
        choose(&text, choices).or_else(|detail| wrong(Code::InvalidChoice, detail))
    }
}

/// What is said of a text that is no time.
pub(super) const NOT_A_TIME: &str = "An RFC 3339 time, as in 2026-03-01T09:30:00Z.";

/// The choice of that name, or which there are.
pub(super) fn choose<T: Copy>(text: &str, choices: &[(&'static str, T)]) -> Result<T, String> {
    match choices.iter().find(|(name, _)| *name == text) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let hint = did_you_mean(text, names.iter().copied());
            Err(format!("One of {}.{hint}", names.join(", ")))
        }
    }
}
