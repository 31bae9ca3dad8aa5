//! `tidings verify`: the mistakes that it names, as the console's signature check does.

use super::{run, text};
use tidings_core::signature::SigningKey;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const SENT: &str =
    r#"{"type":"project.updated","data":{"url":"https:\/\/example.org\/é","n":1.10}}"#;

/// What is said of a body whose signature is this.
fn said(body: &str, signature: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("body");
    std::fs::write(&file, body).unwrap();
    let path = file.to_str().unwrap();
    let output = run(&[
        "verify",
        "--secret",
        SECRET,
        "--body",
        path,
        "--signature",
        signature,
    ]);
    assert_eq!(output.status.code(), Some(1), "{body}");
    text(&output.stderr)
}

#[test]
fn a_body_that_was_parsed_and_printed_again_is_named() {
    let key = SigningKey::new(SECRET.as_bytes());
    let signature = key.vomo(SENT.as_bytes()).as_str().to_owned();
    let slashes = SENT.replace(r"\/", "/");
    for body in [
        slashes.clone(),
        format!("{slashes}\n"),
        slashes.replace(':', ": ").replace("https: ", "https:"),
        slashes.replace('é', r"\u00e9"),
    ] {
        let said = said(&body, &signature);
        assert!(said.contains("parsed and printed again"), "{body}: {said}");
    }
    let said = said(&SENT.replace("project", "order"), &signature);
    assert!(!said.contains("Likely"), "another event: {said}");
}

#[test]
fn a_signature_of_another_form_is_told_its_form() {
    let digits = "0".repeat(64);
    for given in [format!("sha256={digits}"), "A".repeat(64), "00".into()] {
        let said = said(SENT, &given);
        assert!(
            said.contains("64 lower-case hex digits, without `sha256=`"),
            "{given}: {said}"
        );
    }
    assert!(said(SENT, "v1,AAAA").contains("--webhook-signature"));
}
