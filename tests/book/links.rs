//! Links in Markdown: where they lead, and whether that is there.
//!
//! Deliberately absent: what lies outside the repository; no test of ours asks the internet.

use crate::{pages, read, root};
use std::path::{Path, PathBuf};

/// The targets of inline links and pictures, with their lines; fences are left out.
pub fn targets(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else {
                break;
            };
            found.push((number, target.to_owned()));
            rest = after;
        }
    }
    found
}

/// A heading's anchor, as mdBook and most others make it.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

fn broken(page: &Path, target: &str) -> Option<String> {
    let outside = ["https://", "http://", "mailto:"];
    if outside.iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_path_buf(),
        _ => page.parent()?.join(file),
    };
    if !path.exists() {
        return Some(format!("{target}: not there"));
    }
    let known = heading.is_empty() || anchors(&read(&path)).iter().any(|known| known == heading);
    (!known).then(|| format!("{target}: no such heading"))
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = pages(&root().join("docs"));
    for page in [
        "README",
        "ARCHITECTURE",
        "CONTRIBUTING",
        "SECURITY",
        "CHANGELOG",
    ] {
        all.push(root().join(page).with_extension("md"));
    }
    all.extend(pages(&root().join("examples")));
    let mut wrong = Vec::new();
    for page in all {
        for (line, target) in targets(&read(&page)) {
            if let Some(problem) = broken(&page, &target) {
                wrong.push(format!("{}:{line}: {problem}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with a link in the book as it is built: there is nothing of the repository around it, and of pages only
/// those of its contents.
fn dead_when_built(page: &Path, target: &str, contents: &[PathBuf]) -> Option<String> {
    let file = target.split('#').next().unwrap_or_default();
    if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
        return None;
    }
    let leads_to = page.parent()?.join(file).canonicalize().ok()?;
    let book = root().join("docs").canonicalize().ok()?;
    if !leads_to.starts_with(&book) {
        return Some(format!(
            "{target}: not in the book; name the file as `code`, in the repository"
        ));
    }
    let is_page = leads_to.extension().is_some_and(|kind| kind == "md");
    (is_page && !contents.contains(&leads_to)).then(|| format!("{target}: not in SUMMARY.md"))
}

fn contents() -> Vec<PathBuf> {
    let summary = root().join("docs/SUMMARY.md");
    let listed = targets(&read(&summary)).into_iter();
    listed
        .map(|(_, target)| root().join("docs").join(target).canonicalize().unwrap())
        .collect()
}

#[test]
fn no_link_of_the_book_is_dead_once_it_is_built() {
    let contents = contents();
    let mut wrong = Vec::new();
    for page in pages(&root().join("docs")) {
        for (line, target) in targets(&read(&page)) {
            if let Some(problem) = dead_when_built(&page, &target, &contents) {
                wrong.push(format!("{}:{line}: {problem}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_link_out_of_the_book_is_found() {
    let contents = contents();
    let page = root().join("docs/operate/run.md");
    let dead = |target| dead_when_built(&page, target, &contents).is_some();
    assert!(dead("../../SECURITY.md") && dead("../../clients") && dead("../SUMMARY.md"));
    assert!(!dead("../console.md") && !dead("install.md#anything") && !dead("https://example.org"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = root().join("docs/wire.md");
    assert!(broken(&page, "nowhere.md").is_some());
    assert!(broken(&page, "wire.md#no-such-heading").is_some());
    assert_eq!(broken(&page, "wire.md#signatures"), None);
    assert_eq!(broken(&page, "https://example.org/"), None);
    assert_eq!(
        anchor(" Did it arrive, and if not, why?"),
        "did-it-arrive-and-if-not-why"
    );
}
