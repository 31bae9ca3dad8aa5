//! The rules of the house that neither the compiler nor clippy knows: which layer may know which, what a file must
//! open with, how long it may be, what it may not be called, what no test may do.
//!
//! Each rule is a pure function from a path and a text to findings (`tidy/rules.rs`, `tidy/layers.rs`); this file walks
//! the tree and shows what they found. `tidy/bites.rs` feeds every rule something bad, so that none is a rule on paper.
//! Sources are read as tokens, so comments and strings never count, and the inside of macros does.
//!
//! Deliberately absent: function length, arguments and banned calls (clippy.toml), licences and sources (deny.toml).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "tidy/bites.rs"]
mod bites;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/rules.rs"]
mod rules;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One broken rule: where, which, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    remedy: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, remedy: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule,
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.path, self.line, self.rule, self.remedy
        )
    }
}

/// All findings in one Rust source; `path` is relative to the workspace and uses `/`.
fn check_source(path: &str, source: &str) -> Vec<Finding> {
    let mut findings = rules::check_text(path, source);
    match source.parse() {
        Ok(tokens) => {
            findings.extend(rules::check_tokens(path, source, &tokens));
            findings.extend(layers::check_layers(path, &tokens));
        }
        Err(error) => {
            let line = error.span().start().line;
            findings.push(Finding::new(
                path,
                line,
                "rust",
                "this file is not Rust: make it parse",
            ));
        }
    }
    findings
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source of the repository, without build output, what a generator wrote, and hidden folders.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_made = ["target", "node_modules", "generated"].contains(&name.as_str());
        if path.is_dir() && !is_made && !name.starts_with('.') {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn show(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("\n  {finding}"))
        .collect()
}

#[test]
fn every_source_obeys_the_house() {
    let mut paths = Vec::new();
    sources(root(), &mut paths);
    paths.sort();
    assert!(
        paths.len() > 5,
        "the walk found only {} sources: it looks in the wrong place",
        paths.len()
    );
    let findings: Vec<Finding> = paths
        .iter()
        .flat_map(|path| {
            let source = fs::read_to_string(path).expect("a readable source");
            let name = path
                .strip_prefix(root())
                .expect("below the root")
                .to_string_lossy()
                .replace('\\', "/");
            check_source(&name, &source)
        })
        .collect();
    assert!(
        findings.is_empty(),
        "{} findings:{}",
        findings.len(),
        show(&findings)
    );
}

#[test]
fn core_has_no_runtime() {
    let path = "core/Cargo.toml";
    let manifest = fs::read_to_string(root().join(path)).expect("core's manifest");
    let findings = layers::check_core_manifest(path, &manifest);
    assert!(findings.is_empty(), "core is pure:{}", show(&findings));
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for path in ["Cargo.toml", "core/Cargo.toml", "bench/Cargo.toml"] {
        let manifest = fs::read_to_string(root().join(path)).expect("a manifest");
        let findings = rules::check_lints_are_inherited(path, &manifest);
        assert!(findings.is_empty(), "lints:{}", show(&findings));
    }
}
