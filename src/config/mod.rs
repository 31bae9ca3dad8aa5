//! Settings: what an operator may choose, where each value came from, and what is wrong with it.
//!
//! One table ([`SETTINGS`]) names every setting; flags, environment variables and the file are three ways
//! to say the same names. Flags win over the environment, the environment over the file. A wrong value is
//! one error that names the setting, the value, what is allowed, and where it came from.
//!
//! Deliberately absent: environment names made by rule. `TIDINGS_EGRESS_ALLOW_HTTP` could be read two ways;
//! the table says which.

mod environment;
mod notices;
mod resolve;
mod sources;
mod table;
mod values;
pub(crate) mod written;

pub use environment::unread;
pub use notices::NoticeSettings;
pub use resolve::{DatabaseSettings, KeySource, OtlpSettings, ProxySettings, Settings, Telemetry};
pub use sources::{Layers, Origin, Resolved, load};
pub use table::SETTINGS;

/// How a setting's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One value.
    Single,
    /// A list: an array in the file, comma-separated elsewhere; empty is an empty list.
    List,
    /// One value that is never printed.
    Secret,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file; the flag is the same with dashes for dots and underscores.
    pub name: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// How it is written.
    pub form: Form,
    /// Its value when nobody says one, as text.
    pub default: &'static str,
    /// What is allowed, for errors and help.
    pub allowed: &'static str,
    /// What it does, for help and docs.
    pub help: &'static str,
}

/// What is wrong with the settings. Each text is one line that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that is not in the table.
    #[error("unknown setting `{name}` ({origin}){}", suggestion.map_or_else(String::new, |known| format!("; did you mean `{known}`?")))]
    Unknown {
        /// The name as written.
        name: String,
        /// Where it stands.
        origin: Origin,
        /// The nearest known name.
        suggestion: Option<&'static str>,
    },
    /// A value that is not allowed.
    #[error("{name} = {value} ({origin}): {problem}; allowed: {allowed}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value as written, masked where secret.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What is wrong with it.
        problem: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Two settings that exclude each other.
    #[error("{first} and {second} are both set; give one of them")]
    Both {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The settings file cannot be read.
    #[error("the settings file {path} cannot be read: {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        problem: String,
    },
}

/// The nearest of `known` to `given`, if it is near enough to be meant.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (distance(given, name), name))
        .filter(|(steps, name)| *steps <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Edit distance of two short texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        let mut next = vec![last];
        for (above, to) in row.iter().skip(1).zip(&right) {
            last = (diagonal + usize::from(from != *to))
                .min(above + 1)
                .min(last + 1);
            diagonal = *above;
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let names = || SETTINGS.iter().map(|setting| setting.name);
        assert_eq!(nearest("egres.allow", names()), Some("egress.allow"));
        assert_eq!(nearest("colour", names()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn names_and_variables_are_unique() {
        let names: std::collections::BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.name).collect();
        let variables: std::collections::BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.env).collect();
        assert_eq!(
            (names.len(), variables.len()),
            (SETTINGS.len(), SETTINGS.len())
        );
    }
}
