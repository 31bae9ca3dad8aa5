//! Logging: one line per record, on standard error; text for people, JSON for machines.
//!
//! Invariants: a record is one line, whatever stands in it: control characters, escape sequences and what turns the direction
//! of text are written as their numbers (S18); a record is `RECORD_BYTES` at most. Deliberately absent: metrics and traces
//! over the network, and colours, which could not be told from what outside text brings along.

use crate::config::Telemetry;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Bytes of a record; what is longer is cut, as JSON put into a record that says so.
const RECORD_BYTES: usize = 8 * 1024;

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(settings: &Telemetry) {
    let json = settings.json.unwrap_or_else(|| !io::stderr().is_terminal());
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || Lines {
            out: io::stderr(),
            json,
        });
    let filtered = tracing_subscriber::registry().with(settings.filter.clone());
    let _already_started = if json {
        let lines = lines.json().flatten_event(true);
        let lines = lines.with_current_span(false).with_span_list(false);
        filtered.with(lines).try_init()
    } else {
        filtered.with(lines.with_target(false)).try_init()
    };
}

/// Writes each record, which comes in one piece, as one line.
struct Lines<W> {
    out: W,
    json: bool,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = one_line(text, self.json).into_owned();
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A record without anything that a terminal or a reader of lines would act on.
pub(crate) fn one_line(record: &str, json: bool) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(record);
    if record.contains(acts) {
        let mut shown = String::with_capacity(record.len() + 64);
        for c in record.chars() {
            match (acts(c), json) {
                (false, _) => shown.push(c),
                // All of these are of the basic plane: one escape each.
                (true, true) => drop(write!(shown, "\\u{:04x}", u32::from(c))),
                (true, false) => drop(write!(shown, "{}", c.escape_unicode())),
            }
        }
        text = Cow::Owned(shown);
    }
    if text.len() <= RECORD_BYTES {
        return text;
    }
    let begins: String = text.chars().take(RECORD_BYTES / 8).collect();
    Cow::Owned(match json {
        true => serde_json::json!({
            "level": "WARN",
            "message": "a record was too long and is cut",
            "bytes": record.len(),
            "begins": begins,
        })
        .to_string(),
        false => format!("{begins}… ({} bytes, cut)", record.len()),
    })
}

/// Control characters, line and paragraph separators, and what turns the direction of text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    /// What nobody should be able to say to a terminal or to whoever reads lines.
    fn hostile() -> Vec<String> {
        let mut texts: Vec<String> = (0..0x20_u32)
            .chain(0x7f..0xa0)
            .chain(0x2028..0x202f)
            .chain(0x2066..0x206a)
            .chain([0x200e, 0x200f, 0x61c, 0xfeff])
            .filter_map(char::from_u32)
            .map(|c| format!("before{c}after"))
            .collect();
        texts.push(String::from(
            "\r\n2026-01-01T00:00:00Z ERROR a forged record",
        ));
        texts.push(String::from("\u{1b}[2J\u{1b}]0;title\u{7}"));
        texts.push(String::from("\",\"level\":\"ERROR"));
        texts.push("x".repeat(1_000_000));
        texts.push("\n".repeat(100_000));
        texts
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Format(Kept, bool);

    impl<'a> MakeWriter<'a> for Format {
        type Writer = Lines<Kept>;

        fn make_writer(&'a self) -> Lines<Kept> {
            Lines {
                out: self.0.clone(),
                json: self.1,
            }
        }
    }

    /// What is written when this stands in a field and in a message.
    fn written(text: &str, json: bool) -> String {
        let kept = Kept::default();
        let builder = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(Format(kept.clone(), json));
        let say = || tracing::warn!(field = %text, "message {text}");
        match json {
            true => {
                tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), say)
            }
            false => tracing::subscriber::with_default(builder.finish(), say),
        }
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn s18_a_record_is_one_line_whatever_stands_in_it() {
        let texts = hostile();
        assert!(texts.len() >= 60, "{}", texts.len());
        for text in &texts {
            for json in [false, true] {
                let out = written(text, json);
                let begins: String = text.chars().take(40).collect();
                assert!(
                    out.ends_with('\n') && out.len() <= RECORD_BYTES + 200,
                    "{begins:?}: {}",
                    out.len()
                );
                let line = out.strip_suffix('\n').unwrap();
                assert!(!line.contains(acts), "{begins:?}: {line}");
                if json {
                    let record: serde_json::Value = serde_json::from_str(line).unwrap();
                    assert_eq!(record["level"], "WARN");
                    let whole = record["field"].as_str().is_none_or(|field| field == text);
                    assert!(whole, "{begins:?} is still readable: {line}");
                }
            }
        }
    }
}
