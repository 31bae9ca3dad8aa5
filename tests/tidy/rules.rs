//! Rules about one file by itself: its header, its length, its name, its unfinished marks, and what tests may not do.
//!
//! Pure: texts and tokens in, findings out. The only way round a rule is the one it names (`// sleeps: why`).

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::Finding;

const MAX_LINES: usize = 500;
const DRAWERS: [&str; 7] = [
    "utils", "util", "helpers", "helper", "common", "types", "misc",
];
/// The one file that reads the clock and the random source.
const CLOCK: &str = "src/clock.rs";
/// A sleep that is the behaviour under test (a receiver that answers late) says so on its line or the line above.
const SLEEP_REASON: &str = "// sleeps: ";

/// Rules that look at lines and at the file's name.
pub(crate) fn check_text(path: &str, source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first = source
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let says_enough = first
        .strip_prefix("//!")
        .is_some_and(|text| text.split_whitespace().count() >= 3);
    if !says_enough {
        let remedy =
            "open the file with `//!`: what it is for, its invariants, what is deliberately absent";
        findings.push(Finding::new(path, 1, "header", remedy));
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        let remedy = format!(
            "{lines} lines, at most {MAX_LINES}: split it where a second reason to change appears"
        );
        findings.push(Finding::new(path, MAX_LINES + 1, "length", remedy));
    }
    let drawer = path
        .trim_end_matches(".rs")
        .split('/')
        .find(|part| DRAWERS.contains(part));
    if let Some(name) = drawer {
        findings.push(drawer_finding(path, 1, name));
    }
    findings
}

fn drawer_finding(path: &str, line: usize, name: &str) -> Finding {
    let remedy = format!("`{name}` says nothing: name the module after what it decides or does");
    Finding::new(path, line, "drawer", remedy)
}

/// Rules that look at the code itself.
pub(crate) fn check_tokens(path: &str, source: &str, tokens: &TokenStream) -> Vec<Finding> {
    let mut walk = Walk {
        path,
        lines: source.lines().collect(),
        findings: Vec::new(),
    };
    walk.stream(tokens, is_test_file(path));
    walk.findings
}

fn is_test_file(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "tests.rs")
        || path.ends_with("_tests.rs")
}

struct Walk<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    /// `in_test`: this code only runs in tests. `#[cfg(test)]` turns it on for the next braces.
    fn stream(&mut self, tokens: &TokenStream, in_test: bool) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut next_is_test = false;
        for (i, token) in tokens.iter().enumerate() {
            let after = tokens.get(i + 1);
            match token {
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    self.ident(&ident.to_string(), line, after, in_test);
                    if ident == "mod" {
                        self.module(after);
                    }
                }
                TokenTree::Group(group) if is_attribute(&tokens, i, group.delimiter()) => {
                    let text = group.stream().to_string().replace(' ', "");
                    next_is_test |=
                        text.starts_with("cfg(test") || text.starts_with("cfg(all(test");
                    self.attribute(&text, group.span_open().start().line, in_test);
                }
                TokenTree::Group(group) => {
                    self.stream(&group.stream(), in_test || next_is_test);
                    if group.delimiter() == Delimiter::Brace {
                        next_is_test = false;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => next_is_test = false,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn ident(&mut self, name: &str, line: usize, after: Option<&TokenTree>, in_test: bool) {
        let is_macro = matches!(after, Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
        let is_call = matches!(after, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
        match name {
            "todo" | "unimplemented" if is_macro => {
                self.find(
                    line,
                    "unfinished",
                    format!("`{name}!`: finish it, or leave the feature out"),
                );
            }
            "sleep" | "sleep_until" | "sleep_ms"
                if is_call && in_test && !self.says_why_it_sleeps(line) =>
            {
                let remedy = "wait for a signal, not for time; where the sleep is the behaviour under test, say so \
                              with `// sleeps: why`";
                self.find(line, "sleep", remedy);
            }
            _ => {}
        }
    }

    fn module(&mut self, name: Option<&TokenTree>) {
        if let Some(TokenTree::Ident(name)) = name
            && DRAWERS.contains(&name.to_string().as_str())
        {
            let finding = drawer_finding(self.path, name.span().start().line, &name.to_string());
            self.findings.push(finding);
        }
    }

    fn attribute(&mut self, text: &str, line: usize, in_test: bool) {
        let is_ignore = text == "ignore" || text.starts_with("ignore=");
        if is_ignore || (text.starts_with("cfg_attr(") && text.contains(",ignore")) {
            let remedy = "an ignored test proves nothing: mend it, delete it, or let TIDINGS_TEST_TIER decide how long it runs";
            self.find(line, "ignore", remedy);
        }
        let may_call_anything = in_test || self.path == CLOCK || self.path.starts_with("bench/");
        if text.contains("clippy::disallowed_methods") && !may_call_anything {
            let remedy = format!(
                "banned calls stay banned outside {CLOCK}: clippy.toml says what to use instead"
            );
            self.find(line, "escape", remedy);
        }
    }

    fn says_why_it_sleeps(&self, line: usize) -> bool {
        let has_reason = |at: usize| {
            self.lines
                .get(at)
                .is_some_and(|text| text.contains(SLEEP_REASON))
        };
        has_reason(line.saturating_sub(1)) || has_reason(line.saturating_sub(2))
    }

    fn find(&mut self, line: usize, rule: &'static str, remedy: impl Into<String>) {
        self.findings
            .push(Finding::new(self.path, line, rule, remedy));
    }
}

/// The brackets of `#[…]` and `#![…]`.
fn is_attribute(tokens: &[TokenTree], at: usize, delimiter: Delimiter) -> bool {
    let is = |back: usize, wanted: char| {
        let token = at.checked_sub(back).and_then(|i| tokens.get(i));
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
    };
    delimiter == Delimiter::Bracket && (is(1, '#') || (is(1, '!') && is(2, '#')))
}

/// A member without `[lints] workspace = true` escapes every lint of the house.
pub(crate) fn check_lints_are_inherited(path: &str, manifest: &str) -> Vec<Finding> {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let inherits = table
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool);
    if inherits == Some(true) {
        return Vec::new();
    }
    vec![Finding::new(
        path,
        1,
        "lints",
        "add `[lints]` with `workspace = true`",
    )]
}
