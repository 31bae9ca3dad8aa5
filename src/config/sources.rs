//! Where values come from: flags, environment, file, defaults, in that order of weight.
//!
//! The result is still text; [`super::resolve`] gives it meaning.

use super::{ConfigError, Form, SETTINGS, Setting, nearest};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The settings file and the line.
    File {
        /// The file as named.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(&'static str),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { path, line } => write!(out, "{path} line {line}"),
            Self::Environment(name) => write!(out, "environment {name}"),
            Self::Flag => out.write_str("flag"),
        }
    }
}

/// The three places where an operator says something.
pub struct Layers<'a> {
    /// Flags by setting name.
    pub flags: BTreeMap<&'static str, String>,
    /// Looks an environment variable up.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// A settings file that must exist.
    pub file: Option<&'a Path>,
}

/// One setting's value as text, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The items; one unless it is a list.
    pub items: Vec<String>,
    /// Where they came from.
    pub origin: Origin,
}

impl Resolved {
    fn of(setting: &Setting, text: &str, origin: Origin) -> Self {
        let items = match setting.form {
            Form::List => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
            Form::Single | Form::Secret => vec![text.trim().to_owned()],
        };
        Self { items, origin }
    }

    /// The value of a setting that is no list.
    pub fn single(&self) -> &str {
        self.items.first().map_or("", String::as_str)
    }

    /// The value for people, as a settings file has it and on one line: lists in brackets, secrets masked.
    pub fn shown(&self, form: Form) -> String {
        match form {
            Form::List => format!(
                "[{}]",
                self.items
                    .iter()
                    .map(|item| quoted(item))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Form::Single => quoted(self.single()),
            Form::Secret if self.single().is_empty() => String::from("\"\""),
            Form::Secret => String::from("(hidden)"),
        }
    }
}

/// A text between quotes, as TOML has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A text on one line: what would end the line, the quotes or the terminal's patience is written as an escape of TOML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out
}

/// Brings the layers together: one value for every setting of the table.
///
/// # Errors
/// A file that cannot be read, or a name in it that no setting has.
pub fn load(layers: &Layers<'_>) -> Result<BTreeMap<&'static str, Resolved>, ConfigError> {
    let mut values: BTreeMap<&'static str, Resolved> = SETTINGS
        .iter()
        .map(|setting| {
            (
                setting.name,
                Resolved::of(setting, setting.default, Origin::Default),
            )
        })
        .collect();
    if let Some(path) = layers.file {
        values.extend(read_file(path)?);
    }
    for setting in SETTINGS {
        if let Some(text) = (layers.environment)(setting.env) {
            values.insert(
                setting.name,
                Resolved::of(setting, &text, Origin::Environment(setting.env)),
            );
        }
        if let Some(text) = layers.flags.get(setting.name) {
            values.insert(setting.name, Resolved::of(setting, text, Origin::Flag));
        }
    }
    Ok(values)
}

fn read_file(path: &Path) -> Result<BTreeMap<&'static str, Resolved>, ConfigError> {
    let shown = path.display().to_string();
    let fail = |problem: String| ConfigError::File {
        path: shown.clone(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        fail(format!("line {line}: {}", error.message()))
    })?;
    let mut file = FileReader {
        text: &text,
        path: &shown,
        values: BTreeMap::new(),
    };
    file.table(table.get_ref(), "")?;
    Ok(file.values)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

struct FileReader<'a> {
    text: &'a str,
    path: &'a str,
    values: BTreeMap<&'static str, Resolved>,
}

impl FileReader<'_> {
    fn table(&mut self, table: &DeTable<'_>, prefix: &str) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            let line = line_of(self.text, key.span().start);
            let origin = Origin::File {
                path: self.path.to_owned(),
                line,
            };
            match (
                value.get_ref(),
                SETTINGS.iter().find(|setting| setting.name == name),
            ) {
                (DeValue::Table(inner), None) => self.table(inner, &name)?,
                (value, Some(setting)) => {
                    let resolved = self.value(setting, value, origin)?;
                    self.values.insert(setting.name, resolved);
                }
                (_, None) => {
                    let suggestion = nearest(&name, SETTINGS.iter().map(|setting| setting.name))
                        .and_then(|near| SETTINGS.iter().find(|setting| setting.name == near))
                        .map(|setting| setting.name);
                    return Err(ConfigError::Unknown {
                        name: escaped(&name),
                        origin,
                        suggestion,
                    });
                }
            }
        }
        Ok(())
    }

    fn value(
        &self,
        setting: &'static Setting,
        value: &DeValue<'_>,
        origin: Origin,
    ) -> Result<Resolved, ConfigError> {
        let scalar = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Boolean(on) => Some(on.to_string()),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                None
            }
        };
        let items = match (value, setting.form) {
            (DeValue::Array(array), Form::List) => {
                array.iter().map(|item| scalar(item.get_ref())).collect()
            }
            (DeValue::Array(_), Form::Single | Form::Secret) => None,
            (value, Form::List) => {
                return scalar(value)
                    .map(|text| Resolved::of(setting, &text, origin.clone()))
                    .ok_or_else(|| wrong_kind(setting, origin));
            }
            (value, Form::Single | Form::Secret) => scalar(value).map(|text| vec![text]),
        };
        items
            .map(|items| Resolved {
                items,
                origin: origin.clone(),
            })
            .ok_or_else(|| wrong_kind(setting, origin))
    }
}

fn wrong_kind(setting: &'static Setting, origin: Origin) -> ConfigError {
    let problem = match setting.form {
        Form::List => "a list of texts or numbers is needed",
        Form::Single | Form::Secret => "one text, number or true/false is needed",
    };
    ConfigError::Invalid {
        name: setting.name,
        value: String::from("(another kind of value)"),
        origin,
        problem: problem.to_owned(),
        allowed: setting.allowed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn load_with(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<BTreeMap<&'static str, Resolved>, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tidings.toml");
        std::fs::write(&path, file).unwrap();
        let lookup = |name: &str| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        load(&Layers {
            flags: flags
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            environment: &lookup,
            file: Some(&path),
        })
    }

    #[test]
    fn flags_win_over_environment_over_file_over_default() {
        let file = "listen = \"1.1.1.1:1\"\n[limits]\nattempts = 100\n[egress]\nallow = [\"10.0.0.0/8\"]\nallow_http = false\n";
        let values = load_with(
            file,
            &[
                ("TIDINGS_LISTEN", "2.2.2.2:2"),
                ("TIDINGS_LIMITS_ATTEMPTS", "200"),
            ],
            &[("listen", "3.3.3.3:3")],
        )
        .unwrap();
        assert_eq!(
            (values["listen"].single(), &values["listen"].origin),
            ("3.3.3.3:3", &Origin::Flag)
        );
        assert_eq!(values["limits.attempts"].single(), "200");
        assert_eq!(values["egress.allow"].items, ["10.0.0.0/8"]);
        assert_eq!(values["egress.allow_http"].single(), "false");
        assert_eq!(values["data"].origin, Origin::Default);
    }

    #[test]
    fn a_list_is_split_at_commas_and_an_empty_value_is_an_empty_list() {
        let values = load_with(
            "",
            &[("TIDINGS_EGRESS_ALLOW", "10.0.0.0/8, 127.0.0.1/32")],
            &[],
        )
        .unwrap();
        assert_eq!(values["egress.allow"].items, ["10.0.0.0/8", "127.0.0.1/32"]);
        let values = load_with(
            "egress.allow = [\"10.0.0.0/8\"]",
            &[("TIDINGS_EGRESS_ALLOW", "")],
            &[],
        )
        .unwrap();
        assert!(values["egress.allow"].items.is_empty());
    }

    #[test]
    fn bad_input_117_an_unknown_setting_is_named_with_its_line_and_the_nearest() {
        let error = load_with("\n\n\negres.allow = []\n", &[], &[]).unwrap_err();
        let ConfigError::Unknown {
            name,
            origin: Origin::File { line, .. },
            suggestion,
        } = error
        else {
            unreachable!("another error")
        };
        assert_eq!(
            (name.as_str(), line, suggestion),
            ("egres.allow", 4, Some("egress.allow"))
        );
        assert!(matches!(
            load_with("listen = [1]", &[], &[]),
            Err(ConfigError::Invalid { .. })
        ));
        assert!(matches!(
            load_with("listen = ", &[], &[]),
            Err(ConfigError::File { .. })
        ));
    }
    #[test]
    fn what_is_printed_is_one_line_each_and_reads_back() {
        let odd = "a\"b\\c\n\u{1b}[31m\u{7f}";
        let values = load_with("", &[("TIDINGS_DATA", odd)], &[("egress.allow", odd)]).unwrap();
        let printed = super::super::Settings::print(&values);
        assert_eq!(printed.lines().count(), SETTINGS.len(), "{printed}");
        assert!(!printed.contains(['\u{1b}', '\u{7f}']), "{printed}");
        let again = load_with(&printed, &[], &[]).unwrap();
        for name in ["data", "egress.allow", "listen"] {
            assert_eq!(again[name].items, values[name].items);
        }
        let error = load_with("\"a\\nb\" = 1", &[], &[]).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
