//! What the server really sends, for every catalogue type, judged by PHP, Node, Python and the published
//! Standard Webhooks libraries (W7 to W16).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests of real processes, in real time"
)]

#[path = "receivers/judges.rs"]
mod judges;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

use judges::{ALL, Clock, Signed};
use serde_json::Value;
use server::{Server, operator_key};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tidings::catalogue;
use tidings_core::event_type::{Audience, EventType};
use witness::{Seen, Witness};

const OWNER: i64 = 4417;
const OTHER: i64 = 9001;
const THIRD: i64 = 120;

/// One server with three organizations, an endpoint for every form, and everything posted once.
struct World {
    _server: Server,
    _data: tempfile::TempDir,
    seen: HashMap<String, Seen>,
    /// Secrets by path.
    secrets: BTreeMap<String, String>,
    catalogue: Vec<EventType>,
}

fn compatible(audience: Audience) -> Vec<EventType> {
    catalogue::entries()
        .unwrap()
        .into_iter()
        .filter(|entry| entry.compatible && entry.wire.audience == audience)
        .collect()
}

/// `data` that any parser but a byte-for-byte one changes.
const ODD: &str = "{\"big\":12345678901234567890123,\"f\":10.0,\"e\":1E400,\"neg\":-0,\"esc\":\"\\u00e9\\/\\ud83c\\udf31\",\"\":[{},[]],\"B\":1,\"a\":2}";

fn world() -> World {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &operator_key());
    let witness = Witness::start();
    let own = compatible(Audience::Own);
    let public = compatible(Audience::Public);
    let mut secrets = BTreeMap::new();
    for organization in [OWNER, OTHER, THIRD] {
        server.organization(organization);
        // Everyone chooses everything, own and public, so that what must not arrive could.
        let path = format!("/{organization}");
        let chosen: Vec<String> = own
            .iter()
            .chain(&public)
            .map(|entry| entry.wire.to_string())
            .collect();
        let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
        let (_, secret) = server.endpoint(organization, &witness.url(&path), &chosen);
        secrets.insert(path, secret);
    }
    let mut expected = 0;
    for entry in &own {
        let is_public = public
            .iter()
            .any(|other| other.wire.name == entry.wire.name);
        let data = entry.example.as_deref().unwrap();
        server.ok("POST", "/v1/events", &format!("{{\"type\":\"{}\",\"organization_id\":{OWNER},\"data\": {data} ,\"public\":{is_public}}}", entry.wire));
        expected += if is_public { 3 } else { 1 };
    }
    server.ok(
        "POST",
        "/v1/events",
        &format!("{{\"type\":\"project.updated\",\"organization_id\":{OTHER},\"data\":{ODD}}}"),
    );
    expected += 1;
    assert!(witness.wait_for(expected, Duration::from_secs(30)));
    let seen = witness.seen();
    assert_eq!(seen.len(), expected, "nothing more arrived than should");
    World {
        _server: server,
        _data: data,
        seen,
        secrets,
        catalogue: own.into_iter().chain(public).collect(),
    }
}

fn header<'a>(seen: &'a Seen, name: &str) -> Vec<&'a str> {
    seen.headers
        .iter()
        .filter(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect()
}

fn check_head(id: &str, seen: &Seen) {
    assert_eq!(header(seen, "content-type"), ["application/json"], "W10");
    assert_eq!(
        header(seen, "content-length"),
        [seen.body.len().to_string()],
        "W10"
    );
    assert_eq!(
        header(seen, "user-agent"),
        [format!("Tidings/{}", env!("CARGO_PKG_VERSION"))],
        "W10"
    );
    assert_eq!(header(seen, "host").len(), 1, "W10");
    for absent in ["accept-encoding", "expect", "transfer-encoding"] {
        assert!(header(seen, absent).is_empty(), "W10: {absent}");
    }
    assert_eq!(header(seen, "webhook-id"), [id], "W15");
    let vomo = header(seen, "vomo-signature");
    assert!(
        vomo.len() == 1
            && vomo[0].len() == 64
            && vomo[0]
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "W14"
    );
}

fn check_body(world: &World, seen: &Seen) {
    let organization: i64 = seen.path.trim_start_matches('/').parse().unwrap();
    let text = std::str::from_utf8(&seen.body).unwrap();
    let body: Value = serde_json::from_str(&text.replace("1E400", "1")).unwrap();
    let wire = body["type"].as_str().unwrap();
    let data = if text.contains("1E400") {
        ODD.to_owned()
    } else {
        let own = wire.replace(".public.", ".");
        let entry = world
            .catalogue
            .iter()
            .find(|entry| entry.wire.to_string() == own)
            .unwrap();
        entry.example.as_deref().unwrap().to_owned()
    };
    assert_eq!(
        text,
        format!("{{\"type\":\"{wire}\",\"organization_id\":{organization},\"data\":{data}}}"),
        "W11, W12, W13"
    );
    let is_public = wire.contains(".public.");
    let by_owner = organization == OWNER || text.contains("1E400");
    assert_eq!(is_public, !by_owner, "W8: {wire} at {organization}");
}

#[test]
fn w7_to_w16_every_catalogue_type_arrives_as_the_contract_says_and_foreign_verifiers_agree() {
    let world = world();
    let mut types: Vec<String> = Vec::new();
    let mut requests = Vec::new();
    for (id, seen) in &world.seen {
        check_head(id, seen);
        check_body(&world, seen);
        let body = String::from_utf8_lossy(&seen.body);
        types.push(body.split('"').nth(3).unwrap().to_owned());
        requests.push(Signed {
            secret: world.secrets[&seen.path].clone(),
            headers: seen.headers.clone(),
            body: seen.body.clone(),
        });
    }
    types.sort();
    types.dedup();
    assert_eq!(types.len(), 15, "W9: {types:?}");
    for receiver in ALL {
        let verdicts = receiver.judge(&requests, Clock::Now);
        assert_eq!(verdicts, vec!["ok"; requests.len()], "{receiver:?}");
    }
    for request in &requests {
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<http::HeaderName>().unwrap(),
                    value.parse::<http::HeaderValue>().unwrap(),
                )
            })
            .collect();
        standardwebhooks::Webhook::new(&request.secret)
            .unwrap()
            .verify(&request.body, &headers)
            .unwrap();
    }
}
