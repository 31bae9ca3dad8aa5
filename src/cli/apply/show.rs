//! A plan for people and as JSON. Values of headers and secrets are in neither; nothing printed is acted on by a
//! terminal, whatever the server's texts hold.

use super::change::{Action, Difference, Planned};
use super::node::{Kind, parse_json};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Characters of one value that are printed.
const VALUE_CHARS: usize = 120;

/// How many of each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    create: usize,
    update: usize,
    delete: usize,
}

impl Counts {
    /// Of a plan.
    pub fn of(plan: &[Planned]) -> Self {
        let count = |action| {
            let same = plan
                .iter()
                .filter(|planned| planned.change.action() == action);
            same.count()
        };
        Self {
            create: count(Action::Create),
            update: count(Action::Update),
            delete: count(Action::Delete),
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} to create, {} to change, {} to delete",
            self.create, self.update, self.delete
        )
    }
}

/// Whether signs are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    Yes,
    /// Elsewhere.
    No,
}

fn painted(action: Action, text: &str, colour: Colour) -> String {
    let code = match action {
        Action::Create => 32,
        Action::Update => 33,
        Action::Delete => 31,
    };
    match colour {
        Colour::Yes => format!("\x1b[{code}m{text}\x1b[0m"),
        Colour::No => text.to_owned(),
    }
}

/// The plan as lines.
pub fn lines(plan: &[Planned], colour: Colour) -> Vec<String> {
    let mut lines = Vec::new();
    for planned in plan {
        let action = planned.change.action();
        let line = format!("{} {}", action.sign(), planned.change.subject());
        lines.push(painted(action, &line, colour));
        for difference in &planned.differences {
            lines.push(format!("    {}", words(difference)));
        }
    }
    lines
}

fn words(difference: &Difference) -> String {
    let Difference {
        field,
        before,
        after,
    } = difference;
    let text = match before {
        None => format!("{field}: {}", short(after)),
        Some(before) => match (texts(before), texts(after)) {
            (Some(had), Some(has)) if had != has => {
                let gone = had.difference(&has).map(|text| format!("- {text}"));
                let new = has.difference(&had).map(|text| format!("+ {text}"));
                let both: Vec<String> = new.chain(gone).collect();
                format!("{field}: {}", both.join("  "))
            }
            (Some(_), Some(_)) => format!("{field}: other values"),
            _ => format!("{field}: {} -> {}", short(before), short(after)),
        },
    };
    crate::telemetry::one_line(&text, false).into_owned()
}

/// A list of texts, if it is one.
fn texts(json: &str) -> Option<BTreeSet<String>> {
    match parse_json(json).ok()?.kind {
        Kind::List(items) => items
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn short(json: &str) -> String {
    if json.chars().count() <= VALUE_CHARS {
        return json.to_owned();
    }
    let shown: String = json.chars().take(VALUE_CHARS).collect();
    format!("{shown}…")
}

/// What became of a plan, as one JSON document.
pub struct Outcome {
    /// Changes that were made, from the first on.
    pub made: usize,
    /// Secrets of endpoints that were made, unless they went into a file.
    pub secrets: Vec<Value>,
    /// Why it ended early.
    pub problem: Option<String>,
}

/// The plan and what became of it.
pub fn document(plan: &[Planned], outcome: &Outcome) -> Value {
    let value = |json: &str| serde_json::from_str::<Value>(json).unwrap_or(Value::Null);
    let changes: Vec<Value> = plan
        .iter()
        .enumerate()
        .map(|(index, planned)| {
            let differences = planned.differences.iter().map(|difference| {
                json!({
                    "field": difference.field,
                    "before": difference.before.as_deref().map(value),
                    "after": value(&difference.after),
                })
            });
            let (method, path, _) = planned.change.request();
            json!({
                "action": planned.change.action().name(),
                "subject": planned.change.subject(),
                "method": method.as_str(),
                "path": path,
                "differences": differences.collect::<Vec<_>>(),
                "made": index < outcome.made,
            })
        })
        .collect();
    json!({
        "changes": changes,
        "made": outcome.made,
        "pending": plan.len().saturating_sub(outcome.made),
        "secrets": outcome.secrets,
        "problem": outcome.problem,
    })
}
