//! What stands in a mail about notices: a subject of one line, a text with what happened, what to do, and where to look.
//!
//! Invariant: names and URLs in notices are whatever somebody chose; in the subject they are one line of bounded length, and
//! in the text lines that begin with nothing a mail's header or its end could be taken for (the transport sees to the dots).

use crate::mail::WORDS;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tidings_core::notice::one_line;

/// Notices that one mail tells in full.
pub const TOLD_IN_FULL: usize = 50;
/// Characters of a subject.
const SUBJECT: usize = 120;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it is known by: the part before the @ of its message id.
    pub id: String,
    /// One line.
    pub subject: String,
    /// Text, lines ended by `\n`.
    pub body: String,
}

/// A notice as a mail tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// When it was made, in words.
    pub at: String,
    /// What people call its kind.
    pub label: String,
    /// What happened, in one line.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// Where to look.
    pub console: String,
}

/// A mail about these notices, the oldest first; `base` is how people reach the console.
pub fn about(id: String, items: &[Item], base: &str) -> Letter {
    let mut body = String::new();
    for item in items.iter().take(TOLD_IN_FULL) {
        let _infallible = write!(
            body,
            "{}  {}\n  {}\n  What to do: {}\n  {}\n\n",
            line(&item.at),
            line(&item.label),
            line(&item.text),
            line(&item.advice),
            line(&item.console)
        );
    }
    let more = items.len().saturating_sub(TOLD_IN_FULL);
    if more > 0 {
        let _infallible = write!(body, "And {more} more.\n\n");
    }
    let _infallible = writeln!(
        body,
        "Sent by Tidings at {}, because notices.email_to names this address.",
        line(base)
    );
    Letter {
        id,
        subject: subject(items),
        body,
    }
}

/// A mail that shows that mails arrive.
pub fn test(id: String, base: &str) -> Letter {
    let base = line(base);
    Letter {
        id,
        subject: String::from("Tidings: a test"),
        body: format!(
            "This is a test: notices about endpoints will come to this address.\n\nSent by Tidings at {base}, because notices.email_to names this address.\n"
        ),
    }
}

fn subject(items: &[Item]) -> String {
    let text = match items {
        [only] => format!("Tidings: {}: {}", only.label, only.text),
        _ => {
            let kinds: BTreeSet<String> =
                items.iter().map(|item| item.label.to_lowercase()).collect();
            let kinds: Vec<String> = kinds.into_iter().collect();
            format!("Tidings: {} notices: {}", items.len(), kinds.join(", "))
        }
    };
    let text = line(&text);
    match text.char_indices().nth(SUBJECT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// One line of bounded length.
fn line(text: &str) -> String {
    one_line(text).chars().take(4 * WORDS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn item(text: &str) -> Item {
        Item {
            at: String::from("2026-03-01T09:30:00.000Z"),
            label: String::from("Endpoint failing"),
            text: text.to_owned(),
            advice: String::from("Tell whoever runs it."),
            console: String::from("https://hooks.example.org/admin/x"),
        }
    }

    #[test]
    fn names_begin_no_other_line_in_subject_or_text() {
        let evil = "crm\r\nBcc: all@example.com\r\n\r\n.\r\nQUIT\u{2028}x\0";
        let letter = about(String::from("1"), &[item(evil)], "https://h\r\nX: y");
        assert!(!letter.subject.contains(['\r', '\n', '\0', '\u{2028}']));
        let lines: Vec<&str> = letter.body.lines().collect();
        assert_eq!(lines.len(), 6, "{}", letter.body);
        assert!(!letter.body.contains('\r'));
        assert!(
            lines
                .iter()
                .all(|line| !line.starts_with("Bcc") && *line != ".")
        );
    }

    #[test]
    fn many_notices_are_one_mail_of_bounded_length() {
        let letter = about(
            String::from("1"),
            &vec![item(&"x".repeat(10_000)); 1_000],
            "https://h",
        );
        assert!(letter.body.len() < 100_000, "{}", letter.body.len());
        assert!(letter.body.contains("And 950 more."));
        assert_eq!(letter.subject, "Tidings: 1000 notices: endpoint failing");
        let one = about(String::from("1"), &[item(&"ü".repeat(10_000))], "https://h");
        assert_eq!(one.subject.chars().count(), SUBJECT + 1);
    }
}
