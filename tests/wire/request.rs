//! What a receiver gets (W10 to W16, W21).

use crate::authority::{Authority, Offer};
use crate::receiver::{Receiver, Reply, Request};
use crate::secrets::secret;
use crate::world::{BODY, SECRET, Setting, World};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tidings::clock::Clock;
use tidings::engine::Transport as _;
use tidings::store::directory::Endpoint;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::id::OrganizationId;
use tidings_core::outcome::{Outcome, OwnFault};
use tidings_core::secret::{Overlap, Secrets};
use tidings_core::signature::SigningKey;
use tidings_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_772_357_400_123);

async fn ok() -> Receiver {
    Receiver::start(|_| Reply::status(204)).await
}

/// A world whose clock stands at [`NOW`].
fn still() -> World {
    World::with(Setting {
        clock: Clock::manual(NOW),
        ..Setting::default()
    })
}

fn names(request: &Request) -> Vec<&str> {
    request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect()
}

#[tokio::test]
async fn w10_to_w16_the_request_is_exactly_this() {
    let (receiver, world) = (ok().await, still());
    let record = world
        .attempt(&world.endpoint(1, &receiver.url("/hook?a=1&b=%20")))
        .await;
    let key = SigningKey::new(SECRET.as_bytes());
    let (request, id) = (receiver.only(), "dlv_000000000002d0000000000001");
    let wanted = format!(
        "POST /hook?a=1&b=%20 HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nuser-agent: Tidings/{}\r\n\
         vomo-signature: {}\r\nwebhook-id: {id}\r\nwebhook-timestamp: 1772357400\r\nwebhook-signature: {}\r\n\
         content-length: {}\r\n\r\n",
        receiver.address,
        env!("CARGO_PKG_VERSION"),
        key.vomo(BODY.as_bytes()).as_str(),
        key.standard(id, 1_772_357_400, BODY.as_bytes()).as_str(),
        BODY.len(),
    );
    assert_eq!(String::from_utf8_lossy(&request.head), wanted);
    assert_eq!(String::from_utf8_lossy(&request.body), BODY);
    assert_eq!(
        (
            record.vomo_signature.as_str(),
            record.webhook_signature.as_str(),
            record.timestamp
        ),
        (
            request.header("vomo-signature"),
            request.header("webhook-signature"),
            1_772_357_400
        )
    );
    assert_eq!((record.outcome, record.number), (Outcome::Status(204), 1));
}

#[tokio::test]
async fn w10_over_http_2_the_request_says_the_same() {
    let authority = Authority::new("Tidings test");
    let receiver = Receiver::secure(authority.serve("localhost", Offer::Http2), |_| {
        Reply::status(200)
    })
    .await;
    let world = World::with(Setting {
        extra_ca: vec![authority.certificate()],
        ..Setting::default()
    });
    let record = world
        .send(&receiver.named_url("localhost", "/hook?a=1"))
        .await;
    assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
    let request = receiver.only();
    assert_eq!(request.line, "POST /hook?a=1 HTTP/2.0");
    assert_eq!(String::from_utf8_lossy(&request.body), BODY);
    assert_eq!(
        request.header(":authority"),
        format!("localhost:{}", receiver.address.port())
    );
    assert_eq!(
        names(&request),
        [
            ":authority",
            "content-type",
            "user-agent",
            "vomo-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "content-length"
        ]
    );
}

#[tokio::test]
async fn w14_the_signature_header_is_named_by_the_instance_and_custom_headers_come_last() {
    let receiver = ok().await;
    let world = World::with(Setting {
        signature_header: "X-Acme-Signature",
        ..Setting::default()
    });
    let given = vec![
        ("X-Token".to_owned(), "a b".to_owned()),
        ("authorization".to_owned(), "Bearer x".to_owned()),
    ];
    let mut endpoint = Endpoint::clone(&world.endpoint(1, &receiver.url("/")));
    let custom = CustomHeaders::parse(given, "x-acme-signature").unwrap();
    world.directory.give(&mut endpoint, &custom);
    world.attempt(&Arc::new(endpoint)).await;
    let request = receiver.only();
    assert_eq!(
        request.header("x-acme-signature"),
        SigningKey::new(SECRET.as_bytes())
            .vomo(BODY.as_bytes())
            .as_str()
    );
    let names = names(&request);
    assert!(!names.contains(&"vomo-signature"));
    assert_eq!(
        names[names.len() - 3..],
        ["x-token", "authorization", "content-length"]
    );
    assert_eq!(
        (request.header("x-token"), request.header("authorization")),
        ("a b", "Bearer x")
    );
}

#[tokio::test]
async fn w14_the_signatures_are_those_that_php_printed() {
    let (receiver, world) = (ok().await, still());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/core/tests/vectors.json");
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut checked = 0;
    for (vector, number) in vectors.iter().zip(1..) {
        let text = |key: &str| vector[key].as_str().unwrap();
        let (head, data) = text("body").split_once(r#","data":"#).unwrap();
        let (wire_type, organization) = head.split_once(r#"","organization_id":"#).unwrap();
        let endpoint = world.endpoint(number, &receiver.url("/"));
        world
            .directory
            .set(endpoint.id, Secrets::first(secret(text("secret"))));
        let mut job = world.job(&endpoint);
        job.wire_type = wire_type.strip_prefix(r#"{"type":""#).unwrap().into();
        job.organization = OrganizationId::new(organization.parse().unwrap()).unwrap();
        job.data = Bytes::copy_from_slice(data.strip_suffix('}').unwrap().as_bytes());
        world.sender.attempt(&job, &endpoint).await;
        let seen = receiver.seen();
        let request = seen.requests.last().unwrap();
        assert_eq!(request.body, text("body").as_bytes());
        assert_eq!(
            request.header("vomo-signature"),
            text("vomo-signature"),
            "{}",
            text("name")
        );
        checked += 1;
    }
    assert!(checked > 0);
}

#[tokio::test]
async fn w16_every_try_has_the_same_body_and_id_and_its_own_time() {
    let (receiver, world) = (ok().await, still());
    let endpoint = world.endpoint(1, &receiver.url("/"));
    world.attempt(&endpoint).await;
    world.clock.set(NOW.plus(Duration::from_secs(10)));
    let mut job = world.job(&endpoint);
    job.progress.attempts = 1;
    job.due_at = NOW.plus(Duration::from_millis(9_500));
    let record = world.sender.attempt(&job, &endpoint).await;
    assert_eq!(
        (record.number, record.lateness),
        (2, Duration::from_millis(500))
    );
    let [first, second] = <[Request; 2]>::try_from(receiver.seen().requests).unwrap();
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(second.header("webhook-timestamp"), "1772357410");
    assert_ne!(
        first.header("webhook-signature"),
        second.header("webhook-signature")
    );
    assert_eq!(
        first.header("vomo-signature"),
        second.header("vomo-signature")
    );
}

#[tokio::test]
async fn w21_within_the_overlap_both_secrets_sign_and_the_old_one_keys_vomo() {
    let (receiver, world) = (ok().await, still());
    let before = Secrets::first(secret("old"));
    let hour = Overlap::from_seconds(3_600).unwrap();
    let mut endpoint = Endpoint::clone(&world.endpoint(1, &receiver.url("/")));
    world.directory.set(endpoint.id, before.clone());
    let (old, new) = (SigningKey::new(b"old"), SigningKey::new(b"new"));
    let check = |request: &Request, vomo: &SigningKey, standard: &[&SigningKey]| {
        let seconds: i64 = request.header("webhook-timestamp").parse().unwrap();
        let sign = |key: &&SigningKey| {
            key.standard(request.header("webhook-id"), seconds, &request.body)
                .as_str()
                .to_owned()
        };
        let wanted: Vec<_> = standard.iter().map(sign).collect();
        assert_eq!(request.header("webhook-signature"), wanted.join(" "));
        assert_eq!(
            request.header("vomo-signature"),
            vomo.vomo(&request.body).as_str()
        );
    };
    world.attempt(&Arc::new(endpoint.clone())).await;
    check(&receiver.seen().requests[0], &old, &[&old]);
    // Rotated: another version of the endpoint.
    world.directory.set(
        endpoint.id,
        before.rotated(secret("new"), hour, NOW).unwrap(),
    );
    endpoint.version = 2;
    let rotated = Arc::new(endpoint);
    world.attempt(&rotated).await;
    check(&receiver.seen().requests[1], &old, &[&new, &old]);
    world.clock.set(NOW.plus(Duration::from_secs(3_599)));
    world.attempt(&rotated).await;
    check(&receiver.seen().requests[2], &old, &[&new, &old]);
    // The overlap ends by time alone.
    world.clock.set(NOW.plus(Duration::from_secs(3_600)));
    world.attempt(&rotated).await;
    check(&receiver.seen().requests[3], &new, &[&new]);
    world.attempt(&rotated).await;
    assert_eq!(
        world.directory.opened(),
        3,
        "once, at the rotation, and at the overlap's end"
    );
}

#[tokio::test]
async fn an_endpoint_without_secrets_costs_no_try_and_sends_nothing() {
    let (receiver, world) = (ok().await, World::new());
    let mut endpoint = Endpoint::clone(&world.endpoint(1, &receiver.url("/")));
    endpoint.id = tidings_core::id::EndpointId::from_raw(2);
    let record = world.attempt(&Arc::new(endpoint)).await;
    assert_eq!(record.outcome, Outcome::OwnFault(OwnFault::Resources));
    assert_eq!(
        (record.vomo_signature.as_str(), receiver.seen().opened),
        ("", 0)
    );
}

/// Over kept connections and new ones, with custom headers and without: the bytes as they came.
#[tokio::test]
async fn s16_a_thousand_requests_have_one_host_one_length_and_no_coding() {
    let asked = AtomicUsize::new(0);
    let receiver = Receiver::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) % 7 {
        0 => Reply::status(200).header("connection", "close"),
        _ => Reply::body(500, "no"),
    })
    .await;
    let world = World::new();
    let custom = [
        ("x-tenant", "4417"),
        ("authorization", "Bearer t: te"),
        ("x-empty", ""),
    ];
    let custom = custom.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let custom = CustomHeaders::parse(custom.to_vec(), "vomo-signature").unwrap();
    for number in 0..1_000 {
        let mut endpoint = world.endpoint(number % 10 + 1, &receiver.url("/hook"));
        if number % 2 == 0 {
            world.directory.give(Arc::make_mut(&mut endpoint), &custom);
        }
        let record = world.attempt(&endpoint).await;
        assert!(record.outcome.status().is_some(), "{}", record.detail);
    }
    let seen = receiver.seen();
    assert_eq!(seen.requests.len(), 1_000);
    assert!(
        seen.opened > 10 && seen.opened < 1_000,
        "{} connections",
        seen.opened
    );
    for request in &seen.requests {
        let head = String::from_utf8(request.head.clone())
            .unwrap()
            .to_lowercase();
        let lines = |name: &str| head.matches(&format!("\r\n{name}:")).count();
        let counts = [
            "host",
            "content-length",
            "transfer-encoding",
            "te",
            "trailer",
        ]
        .map(lines);
        assert_eq!(counts, [1, 1, 0, 0, 0], "{head}");
        assert_eq!(
            request.header("content-length"),
            request.body.len().to_string()
        );
        assert_eq!(head.matches('\n').count(), head.matches("\r\n").count());
        assert!(head.ends_with("\r\n\r\n") && head.matches("\r\n\r\n").count() == 1);
    }
}
