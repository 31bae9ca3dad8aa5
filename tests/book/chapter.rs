//! A chapter of the book, parsed: what of it is run, what is written to a file, what must be printed.
//!
//! The rules are those of CONTRIBUTING.md, "The book". Nothing in a chapter is without one: a fence that is neither run, nor
//! compared, nor written to a file, nor checked says why on the line above it. Deliberately absent: Markdown beyond fences
//! and comments.

/// One step of a chapter, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Shell commands to run.
    Run { line: usize, code: String },
    /// What the commands before must have printed.
    Prints { line: usize, text: String },
    /// A file to write.
    File {
        line: usize,
        name: String,
        text: String,
    },
    /// Settings that the server must take.
    Settings { line: usize, text: String },
    /// A JSON text.
    Json { line: usize, text: String },
}

/// What a comment above a fence says about it.
#[derive(Debug, PartialEq, Eq)]
enum Note {
    File(String),
    NotRun,
}

/// The steps of `text`.
///
/// # Errors
/// A line number and what is wrong there.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut note = None;
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let trimmed = line.trim();
        if let Some(language) = trimmed.strip_prefix("```") {
            let text = until(&mut lines, "```").ok_or(format!("{number}: a fence without end"))?;
            let fence = Fence {
                line: number,
                language,
                text,
            };
            let after_run = matches!(steps.last(), Some(Step::Run { .. }));
            steps.extend(fence.step(note.take(), after_run)?);
        } else if trimmed == "<!-- sh" {
            let code =
                until(&mut lines, "-->").ok_or(format!("{number}: a comment without end"))?;
            steps.push(Step::Run { line: number, code });
        } else if let Some(said) = comment(trimmed) {
            note = Some(said.map_err(|wrong| format!("{number}: {wrong}"))?);
        } else if !trimmed.is_empty() && note.take().is_some() {
            return Err(format!(
                "{number}: a fence must follow the comment above this line"
            ));
        }
    }
    Ok(steps)
}

/// The lines up to `end`, without it and without the indentation of the first one.
fn until<'a>(lines: &mut impl Iterator<Item = (&'a str, usize)>, end: &str) -> Option<String> {
    let mut text = String::new();
    let mut indented = None;
    for (line, _) in lines {
        if line.trim() == end {
            return Some(text);
        }
        let indent = *indented.get_or_insert(line.len() - line.trim_start().len());
        text.push_str(line.get(indent..).unwrap_or_default());
        text.push('\n');
    }
    None
}

fn comment(line: &str) -> Option<Result<Note, String>> {
    let said = line.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    let value = |prefix: &str| said.strip_prefix(prefix).map(str::trim);
    if let Some(name) = value("file:") {
        let plain = !name.is_empty() && !name.contains("..") && !name.starts_with('/');
        return Some(match plain {
            true => Ok(Note::File(name.to_owned())),
            false => Err(format!("`{name}` is no file beside the chapter")),
        });
    }
    value("not run:").map(|reason| match reason.len() {
        0..5 => Err(String::from("`not run:` needs a reason")),
        _ => Ok(Note::NotRun),
    })
}

struct Fence<'a> {
    line: usize,
    language: &'a str,
    text: String,
}

impl Fence<'_> {
    fn step(self, note: Option<Note>, after_run: bool) -> Result<Option<Step>, String> {
        let Self {
            line,
            language,
            text,
        } = self;
        let norun = language.ends_with(",norun");
        Ok(Some(match (language, note) {
            ("", _) => return Err(format!("{line}: a fence needs a language")),
            (_, Some(Note::File(name))) => Step::File { line, name, text },
            ("sh", Some(Note::NotRun)) => return Err(format!("{line}: mark it `sh,norun`, too")),
            (_, Some(Note::NotRun)) => return Ok(None),
            (_, None) if norun => {
                return Err(format!("{line}: `<!-- not run: why -->` belongs above it"));
            }
            ("sh", None) => Step::Run { line, code: text },
            ("text", None) if after_run => Step::Prints { line, text },
            ("toml", None) => Step::Settings { line, text },
            ("json", None) => Step::Json { line, text },
            _ => {
                return Err(format!(
                    "{line}: nothing tests this `{language}`; put `<!-- file: NAME -->` above it and use the file in a `sh` block, or say \
                     `<!-- not run: why -->`"
                ));
            }
        }))
    }
}

/// The first line of `expected` that `printed` does not have, in order. `…` stands for anything within a line, and alone on
/// a line for any lines.
pub fn missing<'a>(expected: &'a str, printed: &str) -> Option<&'a str> {
    let mut lines = printed.lines().map(str::trim_end);
    expected
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && *line != "…")
        .find(|line| !lines.any(|printed| fits(line, printed)))
}

fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
        last = Some(part);
    }
    rest.is_empty() || last.is_some_and(|last| last.is_empty() || line.ends_with(last))
}

#[test]
fn a_fence_that_nothing_tests_is_refused() {
    let bad = [
        ("```\nls\n```", "1: a fence needs a language"),
        ("```sh\nls", "1: a fence without end"),
        ("```sh,norun\nls\n```", "1: `<!-- not run: why -->` belongs"),
        ("```python\nprint()\n```", "1: nothing tests this `python`"),
        (
            "```text\nnobody printed it\n```",
            "1: nothing tests this `text`",
        ),
        (
            "<!-- not run: -->\n```php\n```",
            "1: `not run:` needs a reason",
        ),
        ("<!-- file: ../x -->\n```php\n```", "1: `../x` is no file"),
        ("<!-- file: x -->\nText\n", "2: a fence must follow"),
    ];
    for (text, expected) in bad {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn what_was_printed_is_compared_line_by_line() {
    let printed = "one\n2 of 3 done in 17 ms\nthree\n";
    assert_eq!(missing("one\nthree", printed), None);
    assert_eq!(missing("2 of 3 done in … ms", printed), None);
    assert_eq!(missing("…of 3…", printed), None);
    assert_eq!(missing("one\n…\nthree", printed), None);
    assert_eq!(missing("three\none", printed), Some("one"));
    assert_eq!(
        missing("2 of 4 done in … ms", printed),
        Some("2 of 4 done in … ms")
    );
    assert_eq!(missing("on", printed), Some("on"));
}
