//! The book (docs/, README.md): every command in it is run, every link leads somewhere, its reference pages say what the
//! program says.
//!
//! A chapter is run in a network of its own (`book/run.rs`). `BOOK=operate/backup.md cargo test --test book every_command`
//! runs one. Deliberately absent: the book's looks, which are mdBook's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "book/chapter.rs"]
mod chapter;
#[path = "book/links.rs"]
mod links;
#[path = "book/reference.rs"]
mod reference;
#[path = "book/run.rs"]
mod run;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Chapters run at once.
const AT_ONCE: usize = 3;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages that the table of contents names, as paths below `docs/`.
fn contents() -> Vec<String> {
    links::targets(&read(&root().join("docs/SUMMARY.md")))
        .into_iter()
        .map(|(_, target)| target)
        .collect()
}

/// Every Markdown file below `directory`.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_page_of_docs_is_in_the_table_of_contents() {
    let docs = root().join("docs");
    let there: BTreeSet<PathBuf> = pages(&docs).into_iter().collect();
    let named: BTreeSet<PathBuf> = contents().iter().map(|page| docs.join(page)).collect();
    let unnamed: Vec<_> = there
        .difference(&named)
        .filter(|page| !page.ends_with("SUMMARY.md"))
        .collect();
    assert!(unnamed.is_empty(), "not in docs/SUMMARY.md: {unnamed:?}");
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(missing.is_empty(), "named in docs/SUMMARY.md: {missing:?}");
}

#[test]
fn every_guarantee_names_a_test_that_there_is() {
    let guarantees = read(&root().join("docs/guarantees.md"));
    let tests = sources(&root().join("tests"));
    let named: Vec<&str> = guarantees.split('`').skip(1).step_by(2).collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        let there = match name.strip_prefix("tests/") {
            Some(_) => name.ends_with('/') || root().join(name).exists(),
            None if name.starts_with("./") || !name.contains('_') => true,
            None => tests
                .iter()
                .any(|text| text.contains(&format!("fn {name}("))),
        };
        assert!(
            there,
            "docs/guarantees.md names `{name}`, which is not there"
        );
    }
}

/// The texts of all Rust files below `directory`.
fn sources(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(read(&path));
        }
    }
    found
}

#[test]
fn every_command_in_the_book_runs() {
    let only = std::env::var("BOOK").ok();
    // Decisions are what was measured then, with what there was then.
    let mut chapters: Vec<PathBuf> = contents()
        .iter()
        .filter(|page| !page.starts_with("decisions/") && *page != "performance.md")
        .map(|page| root().join("docs").join(page))
        .chain([root().join("README.md")])
        .filter(|path| only.as_ref().is_none_or(|only| path.ends_with(only)))
        .collect();
    assert!(!chapters.is_empty(), "no chapter called {only:?}");
    let waiting = Mutex::new(chapters.drain(..));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(path) = { waiting.lock().unwrap().next() } {
                    if let Err(error) = judge(&path) {
                        failed.lock().unwrap().push(error);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

fn judge(path: &Path) -> Result<(), String> {
    let steps =
        chapter::parse(&read(path)).map_err(|error| format!("{}:{error}", path.display()))?;
    for step in &steps {
        if let chapter::Step::Json { line, text } = step {
            serde_json::from_str::<serde_json::Value>(text)
                .map_err(|error| format!("{}:{line}: no JSON: {error}", path.display()))?;
        }
    }
    match steps
        .iter()
        .any(|step| !matches!(step, chapter::Step::Json { .. }))
    {
        true => run::run(path, &steps, root()),
        false => Ok(()),
    }
}
