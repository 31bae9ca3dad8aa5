//! Proof that each rule bites: every rule is fed something bad and must name its line, and something that looks bad but
//! is not and must stay silent.

use crate::layers::check_core_manifest;
use crate::rules::check_lints_are_inherited;
use crate::{Finding, check_source};

const HEADER: &str = "//! What this file is for.\n";

/// `expected`: `(line, rule)` of each finding, where line 1 is the header.
#[track_caller]
fn check(path: &str, code: &str, expected: &[(usize, &str)]) {
    let found = check_source(path, &format!("{HEADER}{code}"));
    let short: Vec<(usize, &str)> = found
        .iter()
        .map(|finding| (finding.line, finding.rule))
        .collect();
    assert_eq!(short, expected, "in {path}:\n{code}\nfound: {found:?}");
}

#[test]
fn a_finding_says_where_which_rule_and_what_to_do() {
    let finding = Finding::new("src/a.rs", 7, "header", "do this");
    assert_eq!(finding.to_string(), "src/a.rs:7: header: do this");
}

#[test]
fn layer_rule_follows_every_kind_of_path() {
    let layer = |line| [(line, "layer")];
    check("src/store/mod.rs", "use crate::engine::Engine;", &layer(2));
    check(
        "src/store/sqlite/queue.rs",
        "fn f() {\n    crate::http::answer();\n}",
        &layer(3),
    );
    check(
        "src/engine/driver.rs",
        "use crate::{store::Store, http::Server};",
        &layer(2),
    );
    check("src/engine/driver.rs", "pub use crate::http;", &layer(2));
    check(
        "src/http/mod.rs",
        "fn f(e: &crate::engine::Engine) {}",
        &layer(2),
    );
    check(
        "src/http/api/keys.rs",
        "tracing::info!(n = crate::engine::COUNT);",
        &layer(2),
    );
    check(
        "src/http/api/keys.rs",
        "use super::super::super::engine::Engine;",
        &layer(2),
    );
    check("src/engine/mod.rs", "use super::http;", &layer(2));
    check(
        "src/engine/mod.rs",
        "mod deep {\n    use super::super::http;\n}",
        &layer(3),
    );
    check(
        "src/engine/mod.rs",
        "pub(in crate::http) fn f() {}",
        &layer(2),
    );
    check("src/engine/mod.rs", "use crate::app::App;", &layer(2));
    check("src/clock.rs", "use crate::store::Store;", &layer(2));
    check("src/config/file.rs", "use tidings::cli::Args;", &layer(2));
}

#[test]
fn layer_rule_lets_the_right_order_pass() {
    check(
        "src/store/mod.rs",
        "use crate::clock::Clock;\nuse tidings_core::id::EventId;",
        &[],
    );
    check(
        "src/store/sqlite/mod.rs",
        "use super::{Store, http_date};\nuse crate::store::StoreError;",
        &[],
    );
    check(
        "src/engine/mod.rs",
        "use crate::{clock::Clock, store::{Queue, http}};",
        &[],
    );
    check(
        "src/engine/sender.rs",
        "use http::Request;\nuse ::http::Uri;\nfn f(x: a::engine::http) {}",
        &[],
    );
    check(
        "src/http/mod.rs",
        "// crate::engine is not ours\nconst S: &str = \"crate::engine\";",
        &[],
    );
    check(
        "src/http/api/mod.rs",
        "use super::problem;\nuse crate::store::Log;",
        &[],
    );
    check(
        "src/app.rs",
        "use crate::{engine::Engine, http::Server, store::Store};",
        &[],
    );
    check("src/cli/serve.rs", "use crate::app::App;", &[]);
    check(
        "src/main.rs",
        "use tidings::cli;\nuse tidings::engine;",
        &[],
    );
    check(
        "tests/wire.rs",
        "use tidings::engine::Engine;\nuse crate::http;",
        &[],
    );
}

#[test]
fn core_rule_keeps_the_world_out_of_core() {
    check("core/src/time.rs", "use std::fs;", &[(2, "core")]);
    check(
        "core/src/time.rs",
        "fn f() { std::env::var(\"X\"); }",
        &[(2, "core")],
    );
    check(
        "core/src/address.rs",
        "use std::net::{IpAddr, TcpStream};",
        &[(2, "core")],
    );
    check(
        "core/src/address.rs",
        "use std::net::IpAddr;\nuse std::{fmt, time::Duration};",
        &[],
    );
    check("src/clock.rs", "use std::env;", &[]);
}

#[test]
fn core_rule_reads_every_table_of_the_manifest() {
    let bad = "[dependencies]\nsha2 = \"1\"\ntokio.workspace = true\n\n[build-dependencies]\nrand_core = \"1\"\n\n\
               [target.'cfg(unix)'.dependencies]\nd = { package = \"async-io\", version = \"1\" }\n\n\
               [dev-dependencies]\nproptest = \"1\"\ntokio = \"1\"\n";
    let found = check_core_manifest("core/Cargo.toml", bad);
    let text: String = found.iter().map(|finding| format!("{finding}\n")).collect();
    assert_eq!(found.len(), 3, "{text}");
    assert!(
        text.contains("core/Cargo.toml:3: core: core is pure: `tokio`"),
        "{text}"
    );
    assert!(
        text.contains("`rand_core`") && text.contains("`async-io`"),
        "{text}"
    );
    assert!(!check_core_manifest("core/Cargo.toml", "not toml").is_empty());
}

#[test]
fn header_rule_wants_a_sentence_first() {
    for bad in [
        "fn main() {}",
        "//! x\nfn main() {}",
        "// plain words of no use\n",
        "",
    ] {
        let found = check_source("src/main.rs", bad);
        assert_eq!(
            found.first().map(|finding| (finding.line, finding.rule)),
            Some((1, "header")),
            "{bad}"
        );
    }
    check("src/main.rs", "fn main() {}", &[]);
}

#[test]
fn length_rule_counts_to_five_hundred() {
    check("src/a.rs", &"\n".repeat(499), &[]);
    check("src/a.rs", &"\n".repeat(500), &[(501, "length")]);
}

#[test]
fn drawer_rule_wants_names_that_say_something() {
    check("src/http/utils.rs", "", &[(1, "drawer")]);
    check("core/src/types/mod.rs", "", &[(1, "drawer")]);
    check("tests/common/mod.rs", "", &[(1, "drawer")]);
    check(
        "src/lib.rs",
        "pub mod clock;\nmod helpers;",
        &[(3, "drawer")],
    );
    check("src/a.rs", "mod misc { fn f() {} }", &[(2, "drawer")]);
    check(
        "src/event_types.rs",
        "mod event_type;\nlet types = common;",
        &[],
    );
}

#[test]
fn unfinished_rule_finds_marks_in_code_only() {
    check("src/a.rs", "fn f() {\n    todo!()\n}", &[(3, "unfinished")]);
    check(
        "tests/a.rs",
        "fn f() { g(|| unimplemented!(\"later\")) }",
        &[(2, "unfinished")],
    );
    check(
        "src/a.rs",
        "// todo!()\nfn todo() { let s = \"todo!()\"; todo(); }",
        &[],
    );
}

#[test]
fn ignore_rule_finds_sleeping_tests() {
    check(
        "tests/a.rs",
        "#[test]\n#[ignore]\nfn f() {}",
        &[(3, "ignore")],
    );
    check(
        "core/src/a.rs",
        "#[ignore = \"slow\"]\nfn f() {}",
        &[(2, "ignore")],
    );
    check(
        "src/a.rs",
        "mod tests {\n    #[cfg_attr(not(slow), ignore)]\n    fn f() {}\n}",
        &[(3, "ignore")],
    );
    check(
        "src/a.rs",
        "#[serde(ignore)]\nstruct S;\nfn ignore() {}",
        &[],
    );
}

#[test]
fn sleep_rule_holds_in_tests_only_and_takes_a_reason() {
    check(
        "tests/a.rs",
        "fn f() {\n    tokio::time::sleep(d).await;\n}",
        &[(3, "sleep")],
    );
    check(
        "src/engine/tests.rs",
        "use std::thread::sleep;\nfn f() { sleep(d) }",
        &[(3, "sleep")],
    );
    check(
        "src/a.rs",
        "#[cfg(test)]\nmod tests {\n    fn f() { time::sleep(d); }\n}",
        &[(4, "sleep")],
    );
    check("src/a.rs", "fn f() { tokio::time::sleep(d); }", &[]);
    check(
        "src/a.rs",
        "#[cfg(test)]\nmod tests;\nfn f() { time::sleep(d); }",
        &[],
    );
    check(
        "tests/a.rs",
        "// sleeps: this receiver answers late\nfn f() { time::sleep(d); }",
        &[],
    );
}

#[test]
fn escape_rule_leaves_banned_calls_to_the_clock() {
    let code = "#[expect(clippy::disallowed_methods, reason = \"in a hurry\")]\nfn f() {}";
    check("src/engine/driver.rs", code, &[(2, "escape")]);
    check("src/lib.rs", &format!("#!{}", &code[1..]), &[(2, "escape")]);
    check("src/clock.rs", code, &[]);
    check("tests/crash.rs", code, &[]);
}

#[test]
fn lints_rule_wants_every_member_in() {
    assert_eq!(
        check_lints_are_inherited("x/Cargo.toml", "[package]\nname = \"x\"\n").len(),
        1
    );
    assert_eq!(
        check_lints_are_inherited("x/Cargo.toml", "[lints]\nworkspace = true\n").len(),
        0
    );
}
