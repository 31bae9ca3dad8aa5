//! `tidings key` against a server.

use super::{run_with, text};
use crate::server::{Server, operator_key};
use std::process::Output;

#[test]
fn a_key_is_made_listed_and_revoked_by_its_id_and_its_text_is_sent_nowhere() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    let url = format!("http://{}", server.address);
    let key = |arguments: &[&str]| -> Output {
        let mut all = vec!["key"];
        all.extend(arguments);
        let environment = [("TIDINGS_SERVER", &*url), ("TIDINGS_KEY", &*server.key)];
        run_with(&all, &environment, "")
    };
    let made = key(&[
        "create",
        "--scope",
        "producer",
        "--description",
        "the relay",
    ]);
    let secret = text(&made.stdout).trim().to_owned();
    assert!(secret.starts_with("tdg_p_"), "the key alone: {secret}");
    let said = text(&made.stderr);
    let id = said.split(':').next().unwrap();
    assert!(id.starts_with("key_"), "{said}");

    let listed = text(&key(&["list"]).stdout);
    let line = listed.lines().find(|line| line.starts_with(id));
    let line = line.unwrap_or_else(|| panic!("{id}: {listed}"));
    assert!(line.contains("producer") && line.ends_with("never ends  the relay"));
    assert!(!listed.contains("tdg_"), "{listed}");

    let refused = key(&["revoke", &secret]);
    let words = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("that is the key itself") && words.contains("key_…"));
    assert!(!words.contains(&secret), "{words}");
    let words = text(&key(&["revoke", "the relay"]).stderr);
    assert!(words.contains("that is no key's id"), "{words}");

    assert!(key(&["revoke", id]).status.success());
    assert!(!text(&key(&["list"]).stdout).contains(id));
}
