//! The client against a running server (`TIDINGS_URL`, `TIDINGS_KEY`), against scripted answers, and its receiver's part
//! against the contract's vectors (`TIDINGS_VECTORS`). The server's own `tests/clients.rs` runs these.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_client::generated::*;
use tidings_client::{Error, NewEvent, Reason, Retries, Tidings, Verifier, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ORGANIZATION: i64 = 7001;

/// A request as a receiver sees it.
struct Received {
    head: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Received {
    fn verify(&self, verifier: &Verifier) -> Webhook {
        let get = |name: &str| self.headers.get(name).map(String::as_str);
        verifier.verify(get, &self.body).unwrap()
    }
}

/// Reads one request of a connection of its own.
async fn receive(socket: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let headers: HashMap<String, String> = head
                .lines()
                .skip(1)
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers
                .get("content-length")
                .map_or(0, |n| n.parse().unwrap());
            if bytes.len() == end + 4 + length {
                let body = bytes.split_off(end + 4);
                return Received {
                    head,
                    headers,
                    body,
                };
            }
        }
        let mut part = [0; 4096];
        let count = socket.read(&mut part).await.unwrap();
        assert!(count > 0, "cut off");
        bytes.extend_from_slice(&part[..count]);
    }
}

/// A server that gives these answers, each to a connection of its own, and ends with what it was asked. An empty answer
/// closes the connection.
async fn scripted(answers: Vec<String>) -> (Tidings, tokio::task::JoinHandle<Vec<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            asked.push(receive(&mut socket).await);
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    let hasty = Retries {
        tries: 4,
        longest_wait: Duration::from_millis(2),
    };
    (Tidings::new(&url, "key").unwrap().retries(hasty), asked)
}

fn answer(status: u16, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn problem(status: u16, code: &str) -> Value {
    json!({"type": "urn:x", "title": "t", "status": status, "code": code, "detail": "d"})
}

fn vectors() -> Vec<Value> {
    let path =
        std::env::var("TIDINGS_VECTORS").expect("TIDINGS_VECTORS: the contract's vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'v>(vector: &'v Value, key: &str) -> &'v str {
    vector[key].as_str().unwrap()
}

#[test]
fn every_vector_is_verified_with_any_of_several_secrets() {
    let vectors = vectors();
    assert!(vectors.len() >= 11);
    for vector in &vectors {
        let body = text(vector, "body").as_bytes();
        let now = vector["webhook-timestamp"].as_u64().unwrap();
        let stamp = now.to_string();
        let header = |name: &str| match name {
            "webhook-timestamp" => Some(stamp.as_str()),
            name => vector[name].as_str(),
        };
        let verifier = Verifier::new(["whsec_b3RoZXI=", text(vector, "secret")]).unwrap();
        let webhook = verifier.verify_at(now + 299, header, body).unwrap();
        assert_eq!(webhook.id, text(vector, "webhook-id"));
        let content: HashMap<String, &serde_json::value::RawValue> =
            serde_json::from_slice(body).unwrap();
        assert_eq!(content["type"].get(), format!("\"{}\"", webhook.kind));
        assert_eq!(content["data"].get(), webhook.data.get());
    }
}

#[test]
fn what_was_tampered_with_is_refused_by_its_reason() {
    let vector = &vectors()[0];
    let now = vector["webhook-timestamp"].as_u64().unwrap();
    let good = text(vector, "body").to_owned();
    let verifier = Verifier::new([text(vector, "secret")]).unwrap();
    let zeros = "0".repeat(64);
    let cases = [
        (Reason::StandardSignature, "", "", format!("{good} "), now),
        (
            Reason::StandardSignature,
            "webhook-id",
            "dlv_other",
            good.clone(),
            now,
        ),
        (
            Reason::StandardSignature,
            "webhook-signature",
            "v2,AAAA",
            good.clone(),
            now,
        ),
        (
            Reason::VomoSignature,
            "vomo-signature",
            zeros.as_str(),
            good.clone(),
            now,
        ),
        (
            Reason::VomoSignature,
            "vomo-signature",
            "é",
            good.clone(),
            now,
        ),
        (Reason::Timestamp, "", "", good.clone(), now + 301),
        (Reason::Timestamp, "", "", good.clone(), now - 301),
        (
            Reason::Timestamp,
            "webhook-timestamp",
            "soon",
            good.clone(),
            now,
        ),
        (
            Reason::Timestamp,
            "webhook-timestamp",
            "+1",
            good.clone(),
            1,
        ),
        (
            Reason::MissingHeader,
            "vomo-signature",
            "",
            good.clone(),
            now,
        ),
        (Reason::MissingHeader, "webhook-id", "", good.clone(), now),
        (
            Reason::MissingHeader,
            "webhook-timestamp",
            "",
            good.clone(),
            now,
        ),
        (
            Reason::MissingHeader,
            "webhook-signature",
            "",
            good.clone(),
            now,
        ),
    ];
    let stamp = now.to_string();
    for (reason, changed, value, body, at) in cases {
        let header = |name: &str| match name {
            name if name == changed => Some(value),
            "webhook-timestamp" => Some(stamp.as_str()),
            name => vector[name].as_str(),
        };
        let refused = verifier.verify_at(at, header, body.as_bytes()).unwrap_err();
        assert_eq!(refused.reason, reason, "{changed} {value}");
    }
    assert!(Verifier::new([""]).is_none());
    assert!(Verifier::new([] as [&str; 0]).is_none());
}

#[tokio::test]
async fn too_much_and_too_busy_are_waited_for_with_the_same_key() {
    let (tidings, asked) = scripted(vec![
        answer(503, "retry-after: 3\r\n", &problem(503, "overloaded")),
        String::new(),
        "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 6\r\n\r\n<html>".to_owned(),
        answer(202, "", &json!({"id": "evt_1"})),
    ])
    .await;
    let event = NewEvent::new("a.b", 1, &json!({"n": 1})).unwrap();
    assert_eq!(tidings.post_event(&event).await.unwrap(), "evt_1");
    let asked = asked.await.unwrap();
    let keys: HashSet<_> = asked
        .iter()
        .map(|r| &r.headers["idempotency-key"])
        .collect();
    assert_eq!((asked.len(), keys.len()), (4, 1));
    assert!(
        asked
            .iter()
            .all(|r| r.headers["authorization"] == "Bearer key")
    );
}

#[tokio::test]
async fn data_is_posted_as_it_was_written() {
    let odd = r#"{"z":12345678901234567890123,"a":1.00,"t":"\u00e9"}"#;
    let raw: Box<serde_json::value::RawValue> = serde_json::from_str(odd).unwrap();
    let (tidings, asked) = scripted(vec![answer(202, "", &json!({"id": "evt_1"}))]).await;
    let event = NewEvent::new("a.b", 1, &raw)
        .unwrap()
        .public()
        .reference("r");
    tidings.post_event(&event).await.unwrap();
    let body = String::from_utf8(asked.await.unwrap().remove(0).body).unwrap();
    assert!(body.contains(odd), "{body}");
    assert!(body.contains(r#""public":true,"reference":"r"}"#), "{body}");
}

#[tokio::test]
async fn the_last_refusal_is_given_and_no_answer_is_not_asked_twice_without_a_key() {
    let busy = answer(503, "", &problem(503, "a_code_of_a_later_server"));
    let (tidings, asked) = scripted(vec![busy; 4]).await;
    let event = NewEvent::new("a.b", 1, &json!({})).unwrap();
    let Err(Error::Refused(refusal)) = tidings.post_event(&event).await else {
        panic!("not refused");
    };
    assert_eq!(
        refusal.problem.code,
        ProblemCode::from("a_code_of_a_later_server".to_owned())
    );
    assert_eq!(asked.await.unwrap().len(), 4);

    let accepted = answer(202, "", &json!({}));
    let (tidings, asked) = scripted(vec![String::new(), accepted]).await;
    let path = RetryDeliveryRequestPath {
        dlv: format!("dlv_{}", "0".repeat(26)),
    };
    let retried = tidings
        .call(async |api| {
            api.retry_delivery(RetryDeliveryRequest { path: path.clone() })
                .await
        })
        .await;
    assert!(matches!(retried, Err(Error::NoAnswer(_))), "{retried:?}");
    asked.abort();
}

#[tokio::test]
async fn what_the_document_forbids_is_not_sent_and_a_redirect_is_not_followed() {
    let tidings = Tidings::new("http://127.0.0.1:9", "key").unwrap();
    let path = GetDeliveryRequestPath {
        dlv: "../keys".to_owned(),
    };
    let refused = tidings
        .repeat(async |api| {
            api.get_delivery(GetDeliveryRequest { path: path.clone() })
                .await
        })
        .await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");

    let elsewhere = "location: http://127.0.0.1:9/\r\n";
    let (tidings, asked) = scripted(vec![answer(307, elsewhere, &json!({}))]).await;
    let event = NewEvent::new("a.b", 1, &json!({})).unwrap();
    let refused = tidings.post_event(&event).await.unwrap_err();
    assert_eq!(refused.status(), Some(307), "{refused}");
    assert!(asked.await.unwrap()[0].head.starts_with("POST /v1/events "));
}

fn server() -> Tidings {
    let of = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} names the server"));
    Tidings::new(&of("TIDINGS_URL"), of("TIDINGS_KEY")).unwrap()
}

/// An organization with a webhook to this address.
async fn webhook_to(tidings: &Tidings, url: String) -> Endpoint {
    let path = PutOrganizationRequestPath { org: ORGANIZATION };
    let body = OrganizationInput {
        name: "Larkspur Commons".to_owned(),
        add_ons: vec![OrganizationAddOns::from("api_access".to_owned())],
        ..Default::default()
    };
    let put = PutOrganizationRequest { path, body };
    let organization = tidings
        .repeat(async |api| api.put_organization(put.clone()).await)
        .await
        .unwrap();
    assert!(organization.webhooks_available);
    let post = PostEndpointRequest {
        path: PostEndpointRequestPath { org: ORGANIZATION },
        body: EndpointInput {
            url,
            event_types: vec!["project.updated".to_owned()],
            ..Default::default()
        },
    };
    tidings
        .call(async |api| api.post_endpoint(post.clone()).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn from_an_organization_to_a_verified_delivery() {
    let tidings = server();
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", receiver.local_addr().unwrap());
    let arrival = async || {
        let (mut socket, _) = receiver.accept().await.unwrap();
        let received = receive(&mut socket).await;
        let thanks = b"HTTP/1.1 204 Thanks\r\nconnection: close\r\n\r\n";
        socket.write_all(thanks).await.unwrap();
        received
    };
    let endpoint = webhook_to(&tidings, url).await;
    let secret = endpoint.secret.clone().unwrap();

    let event = NewEvent::new("project.updated", ORGANIZATION, &json!({"id": "318842"})).unwrap();
    let event = event.idempotency_key("order-17");
    let id = tidings.post_event(&event).await.unwrap();
    assert_eq!(tidings.post_event(&event).await.unwrap(), id);
    let webhook = arrival().await.verify(&Verifier::new([&secret]).unwrap());
    assert_eq!(
        (webhook.kind.as_str(), webhook.organization_id),
        ("project.updated", ORGANIZATION)
    );
    assert_eq!(webhook.data.get(), r#"{"id":"318842"}"#);

    let path = RotateSecretRequestPath {
        org: ORGANIZATION,
        ep: endpoint.id.clone(),
    };
    let rotate = RotateSecretRequest {
        path,
        body: Some(RotationInput::default()),
    };
    let rotated = tidings
        .call(async |api| api.rotate_secret(rotate.clone()).await)
        .await
        .unwrap();
    let new = |kind: &str, n: u8| NewEvent::new(kind, ORGANIZATION, &json!({"n": n})).unwrap();
    let mut batch: Vec<_> = (0..5).map(|n| new("project.updated", n)).collect();
    batch.push(new("project.mislaid", 5));
    let results = tidings.post_events(&batch).await.unwrap();
    assert!(results[..5].iter().all(Result::is_ok), "{results:?}");
    let refused = results[5].as_ref().unwrap_err();
    assert_eq!(refused.code, ProblemCode::UnknownEventType);
    let both = Verifier::new([&rotated.secret, &secret]).unwrap();
    let mut ids = HashSet::from([webhook.id.clone()]);
    for _ in 0..5 {
        ids.insert(arrival().await.verify(&both).id);
    }

    let mut listed = tidings.pages(async |api, cursor| {
        let path = ListDeliveriesRequestPath { org: ORGANIZATION };
        let query = ListDeliveriesRequestQuery {
            limit: Some(2),
            cursor,
            ..Default::default()
        };
        api.list_deliveries(ListDeliveriesRequest { path, query })
            .await
    });
    let mut found = HashSet::new();
    while let Some(delivery) = listed.next().await.unwrap() {
        found.insert(delivery.id);
    }
    assert_eq!(found, ids);

    let path = DeleteEndpointRequestPath {
        org: ORGANIZATION,
        ep: endpoint.id,
    };
    let delete = DeleteEndpointRequest { path };
    tidings
        .repeat(async |api| api.delete_endpoint(delete.clone()).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refusal_is_a_typed_problem() {
    let event = NewEvent::new("project.updated", ORGANIZATION + 1, &json!({})).unwrap();
    let Err(Error::Refused(refusal)) = server().post_event(&event).await else {
        panic!("not refused");
    };
    let problem = &refusal.problem;
    assert_eq!(
        (problem.status, &problem.code),
        (422, &ProblemCode::UnknownOrganization)
    );
    let fields = problem.errors.as_ref().unwrap();
    assert_eq!(
        fields
            .iter()
            .map(|f| f.pointer.as_str())
            .collect::<Vec<_>>(),
        ["/organization_id"]
    );
    assert!(problem.request_id.as_ref().unwrap().starts_with("req_"));
    assert!(
        refusal.to_string().contains("/organization_id: "),
        "{refusal}"
    );
}
