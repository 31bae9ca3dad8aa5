//! The OpenAPI document is the truth: the server keeps to it, and the clients are generated from it and work.
//!
//! schemathesis calls every operation of the document that the server answers, so a new operation is in by itself
//! (`tests/clients/contract/`). The clients' own tests run against a real server, each in its language. What is generated and
//! committed is generated again and compared. Interpreters and packages are installed by `./test deps`; a missing one
//! fails. With `UPDATE=1` the document and what is made of it are renewed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "support/server.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod server;

use server::{Server, operator_key, tidings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Each of them takes a processor for itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn deps() -> PathBuf {
    root().join("target/test-deps")
}

fn document() -> String {
    let output = tidings().arg("openapi").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command to its end and shows what it said if it fails.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} ({error}): run `./test deps`"));
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(
        output.status.success(),
        "{command:?} ({}):\n{}",
        output.status,
        said.concat()
    );
    said.concat()
}

/// A server of one's own, told to a command by its environment.
fn with_server(command: &mut Command) -> String {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    command
        .env("TIDINGS_URL", format!("http://{}", server.address))
        .env("TIDINGS_KEY", &server.key);
    run(command)
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = root().join("clients/openapi.json");
    let served = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &served).unwrap();
        run(&mut Command::new(root().join("clients/generate.sh")));
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == served,
        "the document has changed: UPDATE=1 cargo test --test clients the_committed_document"
    );
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("__pycache__") && !path.ends_with(".ruff_cache") {
                    open.push(path);
                }
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), text);
            }
        }
    }
    found
}

#[test]
fn what_is_generated_of_the_clients_is_up_to_date() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let made = tempfile::tempdir().unwrap();
    run(Command::new(root().join("clients/generate.sh")).arg(made.path()));
    for place in [
        "python/src/tidings/generated",
        "typescript/src",
        "rust/src/generated",
    ] {
        let committed = files(&root().join("clients").join(place));
        let made = files(&made.path().join(place));
        assert!(!made.is_empty());
        for (path, text) in &made {
            let same = committed.get(path) == Some(text);
            assert!(same, "{place}/{}: run clients/generate.sh", path.display());
        }
        let stale = committed
            .keys()
            .find(|path| place.ends_with("generated") && !made.contains_key(*path));
        assert_eq!(stale, None, "{place}: generated no longer");
    }
}

#[test]
fn the_python_client_posts_lists_and_verifies() {
    let said = with_server(
        Command::new(deps().join("clients/bin/python"))
            .args(["-B", "clients/python/tests/test_client.py"])
            .env("PYTHONPATH", root().join("clients/python/src"))
            .current_dir(root()),
    );
    assert!(said.contains("Ran 6 tests"), "{said}");
}

#[test]
fn the_typescript_client_posts_lists_and_verifies() {
    let place = deps().join("typescript");
    for part in ["src", "test", "tsconfig.json"] {
        let from = root().join("clients/typescript").join(part);
        run(Command::new("cp")
            .arg("-rT")
            .arg(from)
            .arg(place.join(part)));
    }
    run(Command::new(place.join("node_modules/.bin/tsc")).current_dir(&place));
    let said = with_server(
        Command::new("node")
            .args(["--test", "test/client.test.mjs"])
            .env("TIDINGS_VECTORS", root().join("core/tests/vectors.json"))
            .current_dir(&place),
    );
    assert!(said.contains("pass 6"), "{said}");
}

#[test]
fn the_rust_client_posts_lists_and_verifies() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let said = with_server(
        Command::new(env!("CARGO"))
            .args([
                "test",
                "--locked",
                "--manifest-path",
                "clients/rust/Cargo.toml",
            ])
            .env("CARGO_TARGET_DIR", root().join("target/clients-rust"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("TIDINGS_VECTORS", root().join("core/tests/vectors.json"))
            .current_dir(root()),
    );
    assert!(said.contains("test result: ok. 8 passed"), "{said}");
}

#[test]
fn the_server_keeps_to_its_document() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let examples = match std::env::var("TIDINGS_TEST_TIER").as_deref() {
        Ok("long") => "200",
        _ => "6",
    };
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("openapi.json");
    std::fs::write(&path, document()).unwrap();
    // It looks for its hooks in the working directory.
    for file in ["schemathesis.toml", "hooks.py"] {
        let from = root().join("tests/clients/contract").join(file);
        std::fs::copy(from, work.path().join(file)).unwrap();
    }
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    let url = format!("http://{}", server.address);
    let said = run(Command::new(deps().join("clients/bin/schemathesis"))
        .args([
            "--config-file",
            "schemathesis.toml",
            "run",
            "--url",
            &url,
            "--max-examples",
            examples,
        ])
        .arg(&path)
        .env("TIDINGS_URL", &url)
        .env("TIDINGS_KEY", &server.key)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(work.path()));
    let parsed: serde_json::Value = serde_json::from_str(&document()).unwrap();
    let paths = parsed
        .get("paths")
        .and_then(serde_json::Value::as_object)
        .unwrap();
    let operations: usize = paths
        .values()
        .map(|methods| methods.as_object().unwrap().len())
        .sum();
    let all = format!("Tested: {operations}");
    assert!(said.contains(&all), "{all}, but:\n{said}");
    println!(
        "{}",
        said.lines().rev().take(12).collect::<Vec<_>>().join("\n")
    );
}
