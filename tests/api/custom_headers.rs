//! S16: custom headers cannot break out or overrule: 90 pairs of name and value, each refused, each named by its pointer.

use super::bad_inputs::ENDPOINTS;
use super::leaks;
use super::world::World;

/// Names that frame, route, sign or open metadata services, and those of the server.
const RESERVED: [&str; 40] = [
    "host",
    "Host",
    "HOST",
    "content-length",
    "Content-Length",
    "transfer-encoding",
    "Transfer-Encoding",
    "connection",
    "Connection",
    "te",
    "TE",
    "trailer",
    "Trailer",
    "upgrade",
    "Upgrade",
    "HTTP2-Settings",
    "expect",
    "Expect",
    "keep-alive",
    "proxy-authorization",
    "Proxy-Connection",
    "proxy-authenticate",
    "cookie2",
    "content-type",
    "Content-Encoding",
    "accept-encoding",
    "user-agent",
    "date",
    "via",
    "forwarded",
    "x-forwarded-for",
    "X-Forwarded-Host",
    "webhook-id",
    "Webhook-Timestamp",
    "webhook-signature",
    "Vomo-Signature",
    "metadata",
    "Metadata-Flavor",
    "x-aws-ec2-metadata-token",
    "X-aws-ec2-metadata-token-ttl-seconds",
];

/// Names that are none.
const NAMES: [&str; 28] = [
    "",
    " ",
    " x-a",
    "x-a ",
    "x a",
    "x\ta",
    "x-a:",
    ":x-a",
    ":authority",
    ":path",
    "x-a: 1\r\nhost",
    "x-a\r\nhost",
    "x-a\nhost",
    "x-a\r",
    "x-a\u{0}",
    "x-a\u{7f}",
    "x_a",
    "content_length",
    "x.a",
    "x/a",
    "x~a",
    "x\"a",
    "x(a)",
    "x@a",
    "ü",
    "x-\u{212a}",
    "x-\u{200b}a",
    "hos\u{74}\u{301}",
];

/// Values that would end their line, or are not text that a header holds.
const VALUES: [&str; 20] = [
    "a\r\nhost: evil",
    "a\r\n\r\nPOST / HTTP/1.1",
    "a\nb",
    "a\rb",
    "\r\n",
    "\n",
    "a\r\n b",
    "a\u{0}b",
    "\u{0}",
    "a\u{8}",
    "a\u{1b}[2J",
    "a\tb",
    "a\u{7f}",
    "a\u{85}b",
    "ü",
    "\u{2028}",
    "\u{560a}\u{560d}host: evil",
    " a",
    "a ",
    "\u{a0}a",
];

#[tokio::test]
async fn s16_ninety_pairs_that_overrule_or_break_out_are_refused_with_their_pointer() {
    let world = World::with_organizations().await;
    let (long_name, long_value) = ("x".repeat(65), "v".repeat(1_025));
    let reserved = RESERVED.map(|name| (name, "a", "reserved_header"));
    let names = NAMES.map(|name| (name, "a", "invalid_header_name"));
    let values = VALUES.map(|value| ("x-a", value, "invalid_header_value"));
    let long = [
        (long_name.as_str(), "a", "invalid_header_name"),
        ("x-a", long_value.as_str(), "invalid_header_value"),
    ];
    let pairs: Vec<_> = reserved
        .into_iter()
        .chain(names)
        .chain(values)
        .chain(long)
        .collect();
    assert_eq!(pairs.len(), 90);
    for (name, value, code) in pairs {
        let pointer: String = name
            .chars()
            .take(64)
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        let pointer = pointer.replace('~', "~0").replace('/', "~1");
        let body = serde_json::json!({
            "url": "https://a.example/",
            "event_types": ["project.updated"],
            "headers": {name: value},
        });
        let body = body.to_string();
        let answer = world.send("POST", ENDPOINTS, &body).await;
        let text = answer.text.clone();
        assert_eq!(leaks::shown_in(&text, &body), Vec::<&str>::new(), "{text}");
        let problem = answer.refused(422, code);
        assert_eq!(
            problem["errors"][0]["pointer"],
            format!("/headers/{pointer}"),
            "{name:?}: {text}"
        );
    }
    let endpoints = world.get(ENDPOINTS).await.expect(200);
    assert!(endpoints["data"].as_array().unwrap().is_empty());
}
