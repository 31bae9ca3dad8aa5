//! Foreign receivers judge our signatures: PHP's own `hash_hmac`, and the published Standard Webhooks libraries for
//! Node and Python beside those languages' plain HMAC (W14, W15).
//!
//! A receiver is a script in `tests/receivers/` that reads requests and prints one verdict a line. A missing interpreter
//! or library is a failure that says how to get it, never a skipped test. Deliberately absent: what the receivers are
//! fed beside the contract's vectors; whoever has requests that the server really sent gives them to `Receiver::judge`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "receivers/examples.rs"]
mod examples;
#[path = "receivers/judges.rs"]
mod judges;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use judges::{ALL, Clock, Signed};
use serde_json::Value;

/// The contract's vectors, whose signatures PHP printed.
fn vectors() -> Vec<Signed> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/core/tests/vectors.json");
    let text = std::fs::read_to_string(path).expect("the contract's vectors");
    let vectors: Vec<Value> = serde_json::from_str(&text).expect("a JSON list");
    vectors.iter().map(signed).collect()
}

fn signed(vector: &Value) -> Signed {
    let text = |key: &str| {
        vector
            .get(key)
            .and_then(Value::as_str)
            .expect("a string")
            .to_owned()
    };
    let timestamp = vector
        .get("webhook-timestamp")
        .and_then(Value::as_u64)
        .expect("seconds");
    Signed {
        secret: text("secret"),
        headers: vec![
            ("vomo-signature".to_owned(), text("vomo-signature")),
            ("webhook-id".to_owned(), text("webhook-id")),
            ("webhook-timestamp".to_owned(), timestamp.to_string()),
            ("webhook-signature".to_owned(), text("webhook-signature")),
        ],
        body: text("body").into_bytes(),
    }
}

/// The first vector, signed again by the Standard Webhooks library for Rust as if it were sent now.
#[expect(
    clippy::disallowed_methods,
    reason = "the receivers look at the real clock"
)]
fn sent_now() -> Signed {
    let mut signed = vectors().swap_remove(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let seconds = i64::try_from(now.as_secs()).expect("before the end of time");
    let library = standardwebhooks::Webhook::new(&signed.secret).expect("a secret");
    let signature = library
        .sign("dlv_1", seconds, &signed.body)
        .expect("a signature");
    signed.headers.truncate(1);
    signed
        .headers
        .push(("webhook-id".to_owned(), "dlv_1".to_owned()));
    signed
        .headers
        .push(("webhook-timestamp".to_owned(), seconds.to_string()));
    signed
        .headers
        .push(("webhook-signature".to_owned(), signature));
    signed
}

/// Each way to tamper with a request; a receiver must see every one of them.
fn tampered(good: &Signed) -> Vec<(&'static str, Signed)> {
    let changed = |name: &str, value: &str| {
        let mut signed = good.clone();
        let header = signed
            .headers
            .iter_mut()
            .find(|(given, _)| given == name)
            .expect("a header");
        value.clone_into(&mut header.1);
        signed
    };
    let mut body = good.clone();
    body.body.push(b' ');
    let mut secret = good.clone();
    secret.secret = format!("whsec_{}", STANDARD.encode([7; 32]));
    let mut unsigned = good.clone();
    unsigned.headers.clear();
    vec![
        ("one more byte in the body", body),
        ("another secret", secret),
        ("no headers", unsigned),
        (
            "another vomo-signature",
            changed("vomo-signature", &"0".repeat(64)),
        ),
        ("another id", changed("webhook-id", "msg_other")),
        ("another time", changed("webhook-timestamp", "1767225599")),
        (
            "another standard signature",
            changed(
                "webhook-signature",
                &format!("v1,{}", STANDARD.encode([0; 32])),
            ),
        ),
        (
            "another version of the signature",
            changed("webhook-signature", "v2,AAAA"),
        ),
    ]
}

#[test]
fn w14_w15_foreign_receivers_verify_every_vector() {
    let vectors = vectors();
    assert!(vectors.len() >= 11, "only {} vectors", vectors.len());
    for receiver in ALL {
        let verdicts = receiver.judge(&vectors, Clock::AtTheRequest);
        assert_eq!(verdicts, vec!["ok"; vectors.len()], "{receiver:?}");
    }
}

/// The request that `docs/wire.md` shows: the secret in backquotes before it, then head, blank line, body.
fn documented() -> Signed {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/wire.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let (before, rest) = page.split_once("```http\n").expect("a request");
    let (request, _) = rest.split_once("\n```").expect("its end");
    let (head, body) = request.split_once("\n\n").expect("head and body");
    let secret = before
        .split('`')
        .rfind(|word| word.starts_with("whsec_"))
        .expect("a secret");
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    Signed {
        secret: secret.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn w14_w15_foreign_receivers_verify_the_request_in_wire_md() {
    let request = documented();
    let length = request
        .headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .expect("a length");
    assert_eq!(length.1, request.body.len().to_string());
    for receiver in ALL {
        let verdicts = receiver.judge(std::slice::from_ref(&request), Clock::AtTheRequest);
        assert_eq!(verdicts, ["ok"], "{receiver:?}");
    }
}

#[test]
fn w14_w15_foreign_receivers_refuse_what_was_tampered_with() {
    let good = vectors().swap_remove(0);
    let (names, requests): (Vec<_>, Vec<_>) = tampered(&good).into_iter().unzip();
    for receiver in ALL {
        let verdicts = receiver.judge(&requests, Clock::AtTheRequest);
        for (name, verdict) in names.iter().zip(&verdicts) {
            assert!(
                verdict.starts_with("bad: "),
                "{receiver:?} accepted {name}: {verdict}"
            );
        }
    }
}

#[test]
fn w15_the_libraries_refuse_an_old_timestamp() {
    let vectors = vectors();
    for receiver in [judges::Receiver::Node, judges::Receiver::Python] {
        let verdicts = receiver.judge(&vectors, Clock::Now);
        assert!(
            verdicts.iter().all(|verdict| verdict.contains("too old")),
            "{receiver:?}: {verdicts:?}"
        );
    }
}

#[test]
fn w14_w17_the_example_receivers_take_what_is_signed_and_refuse_the_rest() {
    let good = sent_now();
    let mut forged = good.clone();
    forged.body.push(b' ');
    let mut unsigned = good.clone();
    unsigned.headers.clear();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/receivers");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the examples")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.ends_with(".md"))
        .collect();
    files.sort();
    assert!(files.len() >= 8, "only {files:?}");
    for file in files {
        let receiver = examples::start(&file, &good.secret);
        let answers = [&good, &forged, &unsigned].map(|request| receiver.post(request));
        assert_eq!(answers, [204, 401, 401], "{file}");
    }
}
