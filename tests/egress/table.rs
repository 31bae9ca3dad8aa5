//! Tables of cases, one case a line: columns with a bar between them, comments, and what the columns mean.

use tidings_core::address::EgressRules;

pub(crate) const ADDRESSES: &str = include_str!("addresses.txt");
pub(crate) const URLS: &str = include_str!("urls.txt");
pub(crate) const NAMES: &str = include_str!("names.txt");
pub(crate) const HOPS: &str = include_str!("hops.txt");

/// The lines of a table that are cases.
pub(crate) fn cases(table: &str) -> Vec<&str> {
    let lines = table.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The columns of a case.
pub(crate) fn columns<const N: usize>(case: &str) -> [&str; N] {
    let columns: Vec<&str> = case.split('|').map(str::trim).collect();
    columns
        .try_into()
        .unwrap_or_else(|_| panic!("{N} columns: {case}"))
}

/// `allow=BLOCK,BLOCK names=HOST,HOST http=no closed=PORT,PORT`, and a word that means something to one table only.
pub(crate) fn rules(settings: &str) -> EgressRules {
    let mut rules = EgressRules::default();
    for setting in settings.split_whitespace() {
        match setting.split_once('=') {
            Some(("allow", blocks)) => {
                rules.allow = blocks.split(',').map(|one| one.parse().unwrap()).collect();
            }
            Some(("names", hosts)) => {
                rules.listed = hosts.split(',').map(|one| one.parse().unwrap()).collect();
            }
            Some(("http", "no")) => rules.allow_http = false,
            Some(("closed", ports)) => {
                rules.closed_ports = ports.split(',').map(|one| one.parse().unwrap()).collect();
            }
            None if setting == "steps" => {}
            _ => panic!("no setting: {setting}"),
        }
    }
    rules
}

/// A verdict: a code, and words that the refusal must have.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) code: &'a str,
    pub(crate) words: &'a str,
}

impl<'a> Wanted<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let (code, words) = text.split_once(": ").unwrap_or((text, ""));
        let code = code.strip_suffix(':').unwrap_or(code);
        Self { code, words }
    }

    /// What is wrong with a verdict, if it is not the one wanted.
    pub(crate) fn objection(&self, code: &str, words: &str) -> Option<String> {
        let good = code == self.code && words.contains(self.words);
        (!good).then(|| {
            format!(
                "wanted {}: {}\n     found {code}: {words}",
                self.code, self.words
            )
        })
    }
}

/// Shows every case that went wrong, not only the first.
pub(crate) fn none_wrong(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
