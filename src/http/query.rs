//! Query parameters, read as strictly as bodies: unknown, repeated and wrong ones are named; and cursors.
//!
//! A cursor is bound to the list it came from (path and filters): elsewhere it is refused. It is no secret and
//! opens nothing: what a list shows depends on the key alone.

use super::code::Code;
use super::fields::{NOT_A_TIME, choose};
use super::problem::{Fault, Problem, cut};
use super::suggest::did_you_mean;
use crate::store::directory::{Cursor, PageRequest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::borrow::Cow;
use tidings_core::limits::{PAGE_DEFAULT, PAGE_MAX};
use tidings_core::time::Timestamp;

/// Names under which people put keys into URLs.
const KEY_NAMES: [&str; 5] = ["api_key", "apikey", "access_token", "token", "key"];

/// The parameters of one request, and what was found wrong with them so far.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    faults: Vec<Fault>,
    /// What a cursor of this list is bound to.
    list: u32,
}

/// Refuses a key in a URL, wherever it is sent.
pub(super) fn refuse_keys(query: Option<&str>) -> Result<(), Problem> {
    let Some(query) = query else { return Ok(()) };
    let holds_key = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| KEY_NAMES.contains(&&*name) || value.starts_with("tdg_"));
    if holds_key {
        Err(Problem::new(
            Code::KeyInUrl,
            "Keys in URLs end up in logs. Send it in the Authorization header.",
        ))
    } else {
        Ok(())
    }
}

impl<'a> Query<'a> {
    /// Reads the parameters of a request to `path`, which may have these names.
    pub fn of(path: &str, query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
        let mut faults = Vec::new();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&&**name) {
                let hint = did_you_mean(name, known.iter().copied());
                faults.push(Fault::new(
                    cut(name),
                    Code::UnknownParameter,
                    format!("Unknown parameter.{hint}"),
                ));
            } else if pairs.iter().take(index).any(|(other, _)| other == name) {
                faults.push(Fault::new(
                    cut(name),
                    Code::DuplicateParameter,
                    "Given twice.",
                ));
            }
        }
        if !faults.is_empty() {
            return Err(Problem::of(faults));
        }
        let list = binding(path, &pairs);
        Ok(Self {
            pairs,
            faults: Vec::new(),
            list,
        })
    }

    /// A parameter that may be left out.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, (Code, Cow<'static, str>)>,
    ) -> Option<T> {
        let (_, value) = self.pairs.iter().find(|(other, _)| other == name)?;
        match read(value) {
            Ok(value) => Some(value),
            Err((code, detail)) => {
                self.faults.push(Fault::new(name, code, detail));
                None
            }
        }
    }

    /// An RFC 3339 time.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.optional(name, |text| {
            Timestamp::parse_rfc3339(text).ok_or((Code::InvalidRange, Cow::Borrowed(NOT_A_TIME)))
        })
    }

    /// One of some names.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        self.optional(name, |text| {
            choose(text, choices).map_err(|detail| (Code::InvalidChoice, Cow::Owned(detail)))
        })
    }

    /// Puts something on the list that shows only when parameters are seen together.
    pub fn refuse(&mut self, name: &str, code: Code, detail: impl Into<Cow<'static, str>>) {
        self.faults.push(Fault::new(name, code, detail));
    }

    /// `limit` and `cursor`, and everything that was wrong; to be asked last.
    pub fn page(mut self) -> Result<(PageRequest, CursorText), Problem> {
        let list = self.list;
        let limit = self.optional("limit", |text| {
            let plain = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            let limit = text.parse().ok().filter(|_| plain);
            limit.filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or((
                Code::OutOfRange,
                Cow::Owned(format!("A whole number from 1 to {PAGE_MAX}.")),
            ))
        });
        let after = self.optional("cursor", |text| {
            decode(text, list).ok_or((
                Code::InvalidCursor,
                Cow::Borrowed("This cursor is not valid here; start again without it."),
            ))
        });
        let limit = limit.unwrap_or(PAGE_DEFAULT);
        self.finish((PageRequest { limit, after }, CursorText { list }))
    }

    /// `made`, unless anything was wrong.
    pub fn finish<T>(self, made: T) -> Result<T, Problem> {
        if self.faults.is_empty() {
            Ok(made)
        } else {
            Err(Problem::of(self.faults))
        }
    }
}

/// Writes the cursors of one list.
#[derive(Debug, Clone, Copy)]
pub(super) struct CursorText {
    list: u32,
}

impl CursorText {
    /// The text of where the next page starts.
    pub fn write(self, next: Option<&Cursor>) -> Option<String> {
        let mut bytes: Vec<u8> = next?.0.iter().flat_map(|part| part.to_be_bytes()).collect();
        let check = check(&bytes, self.list);
        bytes.extend_from_slice(&check.to_be_bytes());
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn check(ids: &[u8], list: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&list.to_be_bytes());
    hasher.update(ids);
    hasher.finalize()
}

fn decode(text: &str, list: u32) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (ids, given) = bytes.split_last_chunk::<4>()?;
    let (parts, rest) = ids.as_chunks::<8>();
    let whole = !parts.is_empty() && rest.is_empty();
    if !whole || check(ids, list).to_be_bytes() != *given {
        return None;
    }
    Some(Cursor(
        parts.iter().map(|part| i64::from_be_bytes(*part)).collect(),
    ))
}

/// A number for the list: its path and its filters in whatever order, without limit and cursor.
fn binding(path: &str, pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> u32 {
    let mut filters: Vec<_> = pairs
        .iter()
        .filter(|(name, _)| name != "limit" && name != "cursor")
        .collect();
    filters.sort();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(path.as_bytes());
    for (name, value) in filters {
        for part in [name, value] {
            hasher.update(&[0]);
            hasher.update(part.as_bytes());
        }
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_cursor_opens_its_own_list_only() {
        let known = ["limit", "cursor", "state"];
        let list = |path, query| Query::of(path, Some(query), &known).unwrap().page();
        let (_, cursors) = list("/a", "state=x&limit=2").unwrap();
        let text = cursors.write(Some(&Cursor(vec![7, -1]))).unwrap();
        let again = format!("limit=9&cursor={text}&state=x");
        let (page, _) = list("/a", &again).unwrap();
        assert_eq!((page.limit, page.after), (9, Some(Cursor(vec![7, -1]))));
        let (first, rest) = text.split_at(1);
        let changed = format!(
            "state=x&cursor={}{rest}",
            if first == "A" { "B" } else { "A" }
        );
        for (path, query) in [
            ("/b", again.as_str()),
            ("/a", &format!("cursor={text}&state=y")),
            ("/a", &changed),
            ("/a", "state=x&cursor="),
            ("/a", "state=x&cursor=!!"),
        ] {
            assert_eq!(
                list(path, query).unwrap_err().code(),
                Code::InvalidCursor,
                "{query}"
            );
        }
    }
}
