//! Exports with keys that may not see what an export holds.

use super::{Ended, FILE, Place};
use std::process::Stdio;

fn key(place: &Place, input: &str) -> String {
    let made = place.server.ok("POST", "/v1/keys", input);
    made["key"].as_str().unwrap().to_owned()
}

fn export(place: &Place, key: &str, more: &[&str]) -> Ended {
    let output = super::tidings()
        .arg("export")
        .args(more)
        .env("TIDINGS_SERVER", format!("http://{}", place.server.address))
        .env("TIDINGS_KEY", key)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ended::of(&output)
}

#[test]
fn a_key_that_is_shown_masked_urls_exports_nothing_and_is_told_which_key_does() {
    let place = Place::start();
    place.apply(FILE, &["--yes"]).done();
    let one = ["--organization", "4417"];
    let viewer = key(&place, r#"{"scope":"viewer","organization_id":4417}"#);
    let ended = export(&place, &viewer, &one).failed(
        1,
        &[
            "masked (https://",
            "use an operator's key, or one of the organization's administrator",
        ],
    );
    assert_eq!(ended.out, "");
    let administrator = key(
        &place,
        r#"{"scope":"administrator","organization_id":4417}"#,
    );
    let ended = export(&place, &administrator, &one).done();
    assert!(ended.out.contains("https://crm.example.com/hooks"));
    let producer = key(&place, r#"{"scope":"producer"}"#);
    let everything = "an export of everything takes an operator's key";
    export(&place, &producer, &[]).failed(1, &["missing_scope", everything]);
    export(&place, &producer, &one).failed(1, &["an export takes an operator's key"]);
}
