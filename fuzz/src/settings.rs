//! Settings: a file, the environment and flags become one typed value or one error.

use std::collections::BTreeMap;
use std::io::Write as _;
use tidings::config::{ConfigError, Form, Layers, Origin, SETTINGS, Settings, load};

/// A secret that stands in for whatever an operator would not want to see printed.
const CANARY: &str = "canary-5d1f";

/// Flags win over the environment over the file; what is printed hides every secret and is a settings file that means
/// the same; an error names a place.
///
/// The input: a settings file, then a NUL, then lines of `name=value` for the environment, or for a flag with `--` before.
pub fn settings(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let Ok(rest) = std::str::from_utf8(parts.next().unwrap_or_default()) else {
        return;
    };
    let (mut environment, mut flags) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in rest.lines().filter_map(|line| line.split_once('=')) {
        match name.strip_prefix("--") {
            Some(name) => {
                if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
                    flags.insert(setting.name, value.to_owned());
                }
            }
            None => {
                environment.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    let path = written(file);
    let values = match load(&Layers {
        flags: flags.clone(),
        environment: &|name| environment.get(name).cloned(),
        file: Some(&path),
    }) {
        Ok(values) => values,
        Err(error) => return named(&error),
    };
    assert_eq!(values.len(), SETTINGS.len());
    for setting in SETTINGS {
        let from = &values[setting.name].origin;
        if flags.contains_key(setting.name) {
            assert_eq!(*from, Origin::Flag);
        } else if environment.contains_key(setting.env) {
            assert_eq!(*from, Origin::Environment(setting.env));
        }
    }
    // A secret stands there as `(hidden)`, which no file may say.
    let hidden = |line: &&str| {
        let name = line.split(' ').next().unwrap_or_default();
        SETTINGS
            .iter()
            .any(|setting| setting.name == name && setting.form == Form::Secret)
    };
    let printed = Settings::print(&values);
    assert_eq!(
        printed.lines().count(),
        SETTINGS.len(),
        "a line each: {printed}"
    );
    let printed: Vec<&str> = printed.lines().filter(|line| !hidden(line)).collect();
    let printed = written(printed.join("\n").as_bytes());
    let again = load(&Layers {
        flags: BTreeMap::new(),
        environment: &|_| None,
        file: Some(&printed),
    });
    let again = again.expect("what is printed is a settings file");
    for setting in SETTINGS
        .iter()
        .filter(|setting| setting.form != Form::Secret)
    {
        assert_eq!(again[setting.name].items, values[setting.name].items);
    }
    match Settings::parse(&values) {
        Ok(settings) => {
            // A key that somebody chose is in no text about it.
            let secret = [&values["master_key"], &values["operator_key"]];
            if secret.iter().any(|value| value.single() == CANARY) {
                assert!(!format!("{settings:?}").contains(CANARY) || others_hold(&values));
                assert!(!Settings::print(&values).contains(CANARY) || others_hold(&values));
            }
        }
        Err(error) => named(&error),
    }
}

/// Whether the canary stands where it is no secret.
fn others_hold(values: &BTreeMap<&'static str, tidings::config::Resolved>) -> bool {
    let mut open = values
        .iter()
        .filter(|(name, _)| !matches!(**name, "master_key" | "operator_key"));
    open.any(|(_, value)| value.items.iter().any(|item| item.contains(CANARY)))
}

/// An error says which setting or which file, in words.
fn named(error: &ConfigError) {
    let words = error.to_string();
    assert!(
        !words.is_empty() && !words.contains(['\n', '\r', '\u{1b}']),
        "{words:?}"
    );
    if let ConfigError::Invalid { name, .. } = error {
        assert!(words.contains(name) && SETTINGS.iter().any(|setting| setting.name == *name));
    }
}

/// The one file of this process, with this content.
fn written(content: &[u8]) -> std::path::PathBuf {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("tidings-fuzz-{}.toml", std::process::id()));
    let mut file = std::fs::File::create(&path).expect("a temporary file");
    file.write_all(content).expect("a temporary file");
    path
}
