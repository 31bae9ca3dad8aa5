//! `tidings compact`: what was erased is in no page any more, what was kept is, and a running server is left alone.

use super::server::{Connection, Server, operator_key};
use super::{all, report, run, text};
use std::path::Path;
use std::time::{Duration, Instant};

const CANARY: &str = "Ada-Lovelace-was-here";
const PATIENCE: Duration = Duration::from_secs(60);

/// Events of two organizations in turns, small ones, so that both lie in the same pages.
fn post(server: &Server, batches: usize) {
    let mut connection = Connection::open(server.address, &server.key).unwrap();
    for batch in 0..batches {
        let events: Vec<String> = (0..500)
            .map(|number| {
                let (organization, name) = match number % 2 {
                    0 => (1, CANARY),
                    _ => (2, "somebody"),
                };
                format!(
                    r#"{{"type":"project.updated","organization_id":{organization},"reference":"{name}-{batch}-{number}","data":{{"name":"{name}","n":{number}}}}}"#
                )
            })
            .collect();
        let body = format!("{{\"events\":[{}]}}", events.join(","));
        let (status, answer) = connection.call("POST", "/v1/events/batch", &body).unwrap();
        assert_eq!(status, 202, "{answer}");
    }
}

fn erase(server: &Server, organization: i64) {
    let path = format!("/v1/organizations/{organization}?erase=true");
    let begun = server.ok("DELETE", &path, "");
    let path = format!("/v1/erasures/{}", begun["id"].as_str().unwrap());
    let began = Instant::now();
    while server.ok("GET", &path, "")["state"] != "done" {
        assert!(began.elapsed() < PATIENCE, "not erased");
        std::thread::sleep(Duration::from_millis(50)); // sleeps: an erasure is asked for, nobody tells
    }
}

fn holds(file: &Path, words: &str) -> bool {
    let bytes = std::fs::read(file).unwrap();
    bytes
        .windows(words.len())
        .any(|part| part == words.as_bytes())
}

#[test]
fn what_was_erased_is_in_no_page_of_a_compacted_file() {
    let place = tempfile::tempdir().unwrap();
    let (data, key) = (place.path().join("data"), operator_key());
    let file = data.join("tidings.db");
    let server = Server::start(&data, &key);
    server.organization(1);
    server.organization(2);
    post(&server, 12);
    let refused = run(&["compact", "--data", text(&data)]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    erase(&server, 1);
    assert!(server.terminate().success());
    let before = std::fs::metadata(&file).unwrap().len();
    let said = report(&["compact", "--data", text(&data), "--json"]);
    assert_eq!(said["bytes_before"], before);
    let now = std::fs::metadata(&file).unwrap().len();
    assert_eq!(said["bytes"], now);
    assert!(now < before, "{before} bytes before, {now} now");
    assert!(!holds(&file, CANARY));
    assert!(holds(&file, "somebody-11-499"));
    let names: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("tidings.db"))
        .collect();
    assert_eq!(names, ["tidings.db"]);
    let server = Server::start(&data, &key);
    assert_eq!(all(&server, "/v1/organizations/2/events").len(), 3_000);
    assert!(server.terminate().success());
}
