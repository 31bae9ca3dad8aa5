//! Environment variables that look like ours and that nothing reads: a misspelt one would be ignored without a word.

use super::sources::escaped;
use super::{SETTINGS, nearest};

/// What all of ours begin with.
const START: &str = "TIDINGS_";
/// Those that commands read and that are no settings.
const COMMANDS: [&str; 4] = [
    "TIDINGS_CONFIG",
    "TIDINGS_KEY",
    "TIDINGS_SECRET",
    "TIDINGS_SERVER",
];
/// Our own tests' and measurements', and what Kubernetes sets in every pod beside a Service named `tidings`.
const OTHERS: [&str; 5] = [
    "TIDINGS_TEST_",
    "TIDINGS_FUZZ_",
    "TIDINGS_BENCH_",
    "TIDINGS_SERVICE_",
    "TIDINGS_PORT",
];

/// One line for every variable that nothing reads, with the name that may have been meant. Values are in none.
pub fn unread(names: impl Iterator<Item = String>) -> Vec<String> {
    let known = || SETTINGS.iter().map(|setting| setting.env).chain(COMMANDS);
    let mut lines: Vec<String> = names
        .filter(|name| name.starts_with(START))
        .filter(|name| !OTHERS.iter().any(|start| name.starts_with(start)))
        .filter(|name| known().all(|other| other != name))
        .map(|name| {
            // What all begin with would make any two of them near.
            let bare = |name: &'static str| name.strip_prefix(START).unwrap_or(name);
            let given = name.strip_prefix(START).unwrap_or(&name);
            let meant = nearest(given, known().map(bare)).map_or_else(String::new, |near| {
                format!("; did you mean `{START}{near}`?")
            });
            format!(
                "nothing reads the environment variable {}{meant}",
                escaped(&name)
            )
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Vec<String> {
        unread(names.iter().map(|name| String::from(*name)))
    }

    #[test]
    fn a_misspelt_variable_is_named_with_the_one_that_was_meant() {
        assert_eq!(
            of(&["TIDINGS_LISTN", "HOME", "TIDINGS_LISTEN", "TIDINGS_COLOUR"]),
            [
                "nothing reads the environment variable TIDINGS_COLOUR",
                "nothing reads the environment variable TIDINGS_LISTN; did you mean `TIDINGS_LISTEN`?",
            ]
        );
    }

    #[test]
    fn what_others_set_is_passed_over() {
        let names = [
            "TIDINGS_TEST_TIER",
            "TIDINGS_SERVICE_HOST",
            "TIDINGS_PORT_8420_TCP_ADDR",
            "TIDINGS_KEY",
            "TIDINGS_SERVER",
            "TIDINGS",
        ];
        assert!(of(&names).is_empty());
    }
}
