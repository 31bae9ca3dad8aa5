//! The demo's live view: one row a delivery, redrawn in place on a terminal, plain lines elsewhere.

use super::output::{Failure, paint, say};
use super::receiver::{Arrival, Signatures};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::IsTerminal as _;
use tidings_core::time::Timestamp;

/// What the receiver said of one delivery's signatures, over all its tries.
#[derive(Default, Clone, Copy)]
struct Checked {
    valid: u32,
    wrong: u32,
}

/// The view.
pub struct View {
    terminal: bool,
    endpoints: HashMap<String, String>,
    checked: HashMap<String, Checked>,
    shown: BTreeMap<String, String>,
    drawn: usize,
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl View {
    /// A view that calls endpoints by these names.
    pub fn new(endpoints: HashMap<String, String>) -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            endpoints,
            checked: HashMap::new(),
            shown: BTreeMap::new(),
            drawn: 0,
        }
    }

    /// Notes what the receiver saw.
    pub fn arrived(&mut self, arrival: &Arrival) {
        let checked = self.checked.entry(arrival.id.clone()).or_default();
        match arrival.signatures {
            Signatures::Valid => checked.valid += 1,
            Signatures::Wrong(_) | Signatures::Unchecked => checked.wrong += 1,
        }
    }

    /// Shows the rows; answers whether every one of them rests.
    pub fn show(&mut self, rows: &[Value], now: Timestamp) -> Result<bool, Failure> {
        let mut rows: Vec<&Value> = rows.iter().collect();
        rows.sort_by_key(|row| {
            (
                row.get("organization_id").and_then(Value::as_i64),
                text(row, "id").to_owned(),
            )
        });
        if self.terminal {
            let lines: Vec<String> = rows.iter().map(|row| self.line(row, Some(now))).collect();
            let up = if self.drawn == 0 {
                String::new()
            } else {
                format!("\x1b[{}A", self.drawn)
            };
            let body: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
            paint(&format!("{up}{body}"));
            self.drawn = lines.len();
        } else {
            for row in &rows {
                let line = self.line(row, None);
                if self.shown.get(text(row, "id")) != Some(&line) {
                    say(&format!("{now} {line}"))?;
                    self.shown.insert(text(row, "id").to_owned(), line);
                }
            }
        }
        Ok(!rows.is_empty() && rows.iter().all(|row| text(row, "state") != "waiting"))
    }

    fn line(&self, row: &Value, now: Option<Timestamp>) -> String {
        let id = text(row, "id");
        let endpoint = self
            .endpoints
            .get(text(row, "endpoint_id"))
            .map_or("?", String::as_str);
        let attempts = row.get("attempts").and_then(Value::as_u64).unwrap_or(0);
        let checked = self.checked.get(id).copied().unwrap_or_default();
        let signatures = match (checked.valid, checked.wrong) {
            (0, 0) => String::new(),
            (valid, 0) => format!("signatures verified ×{valid}"),
            (_, wrong) => format!("SIGNATURES WRONG ×{wrong}"),
        };
        let organization = row
            .get("organization_id")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        format!(
            "{organization:<5} {endpoint:<12} {:<26} tries {attempts}  {:<34} {signatures}",
            text(row, "type"),
            self.state(row, now)
        )
    }

    fn state(&self, row: &Value, now: Option<Timestamp>) -> String {
        let (mark, colour) = match text(row, "state") {
            "delivered" => ("✓ delivered", "32"),
            "exhausted" => ("✗ exhausted", "31"),
            "cancelled" => ("– cancelled", "90"),
            _ => ("… waiting", "33"),
        };
        let due = Timestamp::parse_rfc3339(text(row, "due_at"));
        let detail = match (text(row, "state"), text(row, "reason"), due, now) {
            ("waiting", "due", Some(due), Some(now)) => {
                format!(": next try in {} s", due.since(now).as_secs_f32().ceil())
            }
            ("waiting", "due", Some(due), None) => format!(": next try at {due}"),
            ("waiting", "in_flight", ..) => String::from(": trying now"),
            (_, reason, ..) if !reason.is_empty() => format!(": {reason}"),
            _ => String::new(),
        };
        let plain = format!("{:<34}", format!("{mark}{detail}"));
        if self.terminal {
            format!("\x1b[{colour}m{plain}\x1b[0m")
        } else {
            plain.trim_end().to_owned()
        }
    }
}
