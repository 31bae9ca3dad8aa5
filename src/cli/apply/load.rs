//! From files to one [`Document`]: read, checked whole, and with the values of headers fetched from where they are.

use super::document::{Document, Given, read};
use super::fields::{Reading, SHOWN};
use super::node::{FILE_BYTES, parse_yaml};
use crate::cli::output::Failure;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Reads all files; `-` is standard input.
///
/// # Errors
/// Every mistake in them, one a line, each with file and line.
pub fn load(files: &[PathBuf]) -> Result<Document, Failure> {
    let mut document = Document::default();
    let mut mistakes = Vec::new();
    for path in files {
        let (file, text) = text_of(path)?;
        let mut reading = Reading {
            file,
            folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            mistakes: Vec::new(),
        };
        match parse_yaml(&text) {
            Ok(root) => read(&root, &mut reading, &mut document),
            Err(wrong) => reading.mistakes.push(wrong),
        }
        reading.mistakes.sort_by_key(|wrong| wrong.line);
        let file = &reading.file;
        let lines = reading.mistakes.iter();
        mistakes.extend(lines.map(|wrong| format!("{file}:{}: {}", wrong.line, wrong.words)));
    }
    refuse(&mistakes)?;
    fetch_headers(&mut document)?;
    Ok(document)
}

/// One failure out of many mistakes.
pub fn refuse(mistakes: &[String]) -> Result<(), Failure> {
    if mistakes.is_empty() {
        return Ok(());
    }
    let mut words = String::from("nothing was changed:");
    for mistake in mistakes.iter().take(SHOWN) {
        words.push_str("\n  ");
        words.push_str(mistake);
    }
    if mistakes.len() > SHOWN {
        words.push_str(&format!("\n  and {} more", mistakes.len() - SHOWN));
    }
    Err(Failure::Failed(words))
}

fn text_of(path: &Path) -> Result<(String, String), Failure> {
    let mut bytes = Vec::new();
    let (name, result) = if path.as_os_str() == "-" {
        let most = FILE_BYTES as u64 + 1;
        let input = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
        (String::from("stdin"), input)
    } else {
        (path.display().to_string(), read_file(path, &mut bytes))
    };
    result.map_err(|error| Failure::Failed(format!("cannot read {name}: {error}")))?;
    match String::from_utf8(bytes) {
        // A mark of the byte order is no part of the text.
        Ok(text) => Ok((name, text.trim_start_matches('\u{feff}').to_owned())),
        Err(_) => Err(Failure::Failed(format!("{name} is not UTF-8"))),
    }
}

fn read_file(path: &Path, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let most = FILE_BYTES as u64 + 1;
    std::fs::File::open(path)?.take(most).read_to_end(bytes)
}

/// The value, from where it is.
pub fn fetch(given: &Given, place: &str, what: &str) -> Result<String, Failure> {
    let failed = |words: String| Failure::Failed(format!("{place}: {what}: {words}"));
    match given {
        Given::Text(text) => Ok(text.clone()),
        Given::Env(name) => std::env::var(name)
            .map_err(|_| failed(format!("the environment has no variable {name}"))),
        Given::File(path) => {
            let mut bytes = Vec::new();
            read_file(path, &mut bytes)
                .map_err(|error| failed(format!("cannot read {}: {error}", path.display())))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| failed(format!("{} is not UTF-8", path.display())))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}

fn fetch_headers(document: &mut Document) -> Result<(), Failure> {
    let organizations = document.organizations.iter_mut().flatten();
    for endpoint in organizations.flat_map(|(_, wanted)| wanted.endpoints.iter_mut().flatten()) {
        for (name, value) in endpoint.headers.iter_mut().flatten() {
            if let Some(given) = value {
                let what = format!("header `{name}`");
                *value = Some(Given::Text(fetch(given, &endpoint.place, &what)?));
            }
        }
    }
    Ok(())
}
