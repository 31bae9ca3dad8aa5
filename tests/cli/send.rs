//! `tidings send`, and what is said to whoever leaves a part of an address out.

use super::{run, run_with, text};
use crate::server::{Server, operator_key};

#[test]
fn send_posts_one_event_and_many_and_names_refused_lines() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    server.organization(1);
    let url = format!("http://{}", server.address);
    let environment = [
        ("TIDINGS_SERVER", url.as_str()),
        ("TIDINGS_KEY", server.key.as_str()),
    ];
    let one = [
        "send",
        "--type",
        "project.updated",
        "--organization",
        "1",
        "--data",
        "{\"n\":1E400}",
    ];
    let output = run_with(&one, &environment, "");
    assert!(
        output.status.success() && text(&output.stdout).starts_with("evt_"),
        "{}",
        text(&output.stderr)
    );
    let good = "{\"type\":\"project.updated\",\"organization_id\":1,\"data\":{}}\n";
    let lines = format!(
        "{}{{\"type\":\"no.such\",\"organization_id\":1,\"data\":{{}}}}\n{good}",
        good.repeat(150)
    );
    let output = run_with(&["send", "--ndjson", "-"], &environment, &lines);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("line 151:") && errors.contains("151 accepted, 1 refused"),
        "{errors}"
    );
    // A line that is no JSON is named by its own place, and the lines around it are posted.
    let lines = format!("{good}\n{good}{{nonsense}}\n{good}");
    let output = run_with(&["send", "--ndjson", "-"], &environment, &lines);
    let errors = text(&output.stderr);
    assert!(
        errors.contains("at line 4, column 2") && errors.contains("3 accepted, 1 refused"),
        "{errors}"
    );
    let mut one = one;
    one[6] = "{";
    let errors = text(&run_with(&one, &environment, "").stderr);
    assert!(errors.contains("--data: JSON ends too early"), "{errors}");
}

#[test]
fn send_with_an_idempotency_key_posts_one_event_however_often() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    server.organization(1);
    let url = format!("http://{}", server.address);
    let environment = [
        ("TIDINGS_SERVER", url.as_str()),
        ("TIDINGS_KEY", server.key.as_str()),
    ];
    let send = |key: &str, data: &str| {
        let event = ["send", "--type", "project.updated", "--organization", "1"];
        let more = ["--idempotency-key", key, "--data", data];
        run_with(&[&event[..], &more].concat(), &environment, "")
    };
    let first = text(&send("k-1", "{}").stdout);
    assert!(first.starts_with("evt_"), "{first}");
    assert_eq!(text(&send("k-1", "{}").stdout), first);
    assert_ne!(text(&send("k-2", "{}").stdout), first);
    let other = send("k-1", "{\"n\":1}");
    let said = text(&other.stderr);
    assert_eq!(other.status.code(), Some(1), "{said}");
    assert!(said.contains("idempotency_conflict"), "{said}");
    let said = text(&send("a b", "{}").stderr);
    assert!(said.contains("1 to 255 visible ASCII characters"), "{said}");
}

#[test]
fn an_address_without_its_scheme_or_port_is_answered_with_what_to_write() {
    for (arguments, meant) in [
        (
            &["health", "--server", "127.0.0.1:8420"][..],
            "write http://127.0.0.1:8420 or https://",
        ),
        (
            &["key", "list", "--key", "k", "--server", "localhost:8420"],
            "write http://localhost:8420 or https://",
        ),
        (&["listen", "--listen", "8421"], "write 127.0.0.1:8421"),
        (
            &["serve", "--print-config", "--listen", "localhost:8420"],
            "write 127.0.0.1:8420",
        ),
        (
            &["serve", "--print-config", "--public-url", "tidings.example"],
            "write http://tidings.example or https://tidings.example",
        ),
    ] {
        let output = run(arguments);
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && said.contains(meant),
            "{arguments:?}: {said}"
        );
    }
}
