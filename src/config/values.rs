//! The values of settings as text, read by name: one value, a list, a number within bounds, a path, a key.
//!
//! Invariant: whatever is wrong is said with the setting's name, its value, where it came from and what is allowed.

use super::{ConfigError, Form, KeySource, Origin, Resolved, SETTINGS, Setting};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Stands in for a name that the table does not hold; the test that resolves the defaults finds such a name.
static UNLISTED: Setting = Setting {
    name: "(unlisted)",
    env: "",
    form: Form::Single,
    default: "",
    allowed: "nothing",
    help: "",
};

/// Every setting's value, whoever said it.
pub(super) struct Values<'a>(pub(super) &'a BTreeMap<&'static str, Resolved>);

impl Values<'_> {
    pub(super) fn get(&self, name: &str) -> (&'static Setting, Resolved) {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .unwrap_or(&UNLISTED);
        let resolved = self.0.get(name).cloned().unwrap_or_else(|| Resolved {
            items: vec![setting.default.to_owned()],
            origin: Origin::Default,
        });
        (setting, resolved)
    }

    pub(super) fn invalid(&self, name: &str, problem: impl ToString) -> ConfigError {
        let (setting, resolved) = self.get(name);
        ConfigError::Invalid {
            name: setting.name,
            value: resolved.shown(setting.form),
            origin: resolved.origin,
            problem: problem.to_string(),
            allowed: setting.allowed,
        }
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).1.single().to_owned()
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.text(name))
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    }

    pub(super) fn parsed<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<T, ConfigError> {
        self.text(name)
            .parse()
            .map_err(|error: T::Err| self.invalid(name, error.to_string()))
    }

    pub(super) fn list<T: FromStr<Err: ToString>>(
        &self,
        name: &str,
    ) -> Result<Vec<T>, ConfigError> {
        self.get(name)
            .1
            .items
            .iter()
            .map(|item| {
                item.parse()
                    .map_err(|error: T::Err| self.invalid(name, error.to_string()))
            })
            .collect()
    }

    pub(super) fn number(&self, name: &str, low: usize, high: usize) -> Result<usize, ConfigError> {
        let value: usize = self.parsed(name)?;
        if (low..=high).contains(&value) {
            Ok(value)
        } else {
            Err(self.invalid(name, "out of range"))
        }
    }

    /// A number for a second; 0 is none.
    pub(super) fn rate(&self, name: &str) -> Result<Option<NonZeroU32>, ConfigError> {
        let rate = self.number(name, 0, 1_000_000)?;
        Ok(u32::try_from(rate).ok().and_then(NonZeroU32::new))
    }

    pub(super) fn key(
        &self,
        value: &'static str,
        file: &'static str,
    ) -> Result<KeySource, ConfigError> {
        match (Zeroizing::new(self.text(value)), self.path(file)) {
            (text, None) if text.is_empty() => Ok(KeySource::Absent),
            (text, None) => Ok(KeySource::Text(text)),
            (text, Some(path)) if text.is_empty() => Ok(KeySource::File(path)),
            (_, Some(_)) => Err(ConfigError::Both {
                first: value,
                second: file,
            }),
        }
    }
}
