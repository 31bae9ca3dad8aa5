//! Bad endpoints, rotations, replays and tests, as data; see [`super::refusals`].

use super::refusals::{Case, ENDPOINTS, check, check_all};
use super::world::{LARKSPUR, World};

#[tokio::test]
async fn bad_endpoints_are_named_with_their_field() {
    let url = |url: &str| {
        (
            format!(r#"{{"url":"{url}","event_types":["project.updated"]}}"#),
            "/url",
        )
    };
    let with = |member: &str| {
        format!(r#"{{"url":"https://a.example/","event_types":["project.updated"],{member}}}"#)
    };
    let header = |name: &str, value: &str| with(&format!(r#""headers":{{"{name}":"{value}"}}"#));
    let types = |types: &str| format!(r#"{{"url":"https://a.example/","event_types":{types}}}"#);
    let mut cases: Vec<(String, &str, &str)> = Vec::new();
    for (text, code) in [
        ("http://127.0.0.1/x", "address_not_public"),
        ("http://169.254.169.254/", "metadata_address"),
        ("http://2130706433/", "noncanonical_host"),
        ("ftp://example.com", "scheme_not_allowed"),
        ("example.com/hook", "invalid_url"),
        ("https://u:p@example.com/", "credentials_in_url"),
        ("https://example.com/#x", "fragment_in_url"),
        ("https://example.com:25/", "port_not_allowed"),
        ("https://intranet/", "name_not_allowed"),
        ("https://example.com/a b", "invalid_url"),
        ("https://example.com/a\\tb", "invalid_url"),
        ("https://example.com/a\\nb", "invalid_url"),
        ("", "invalid_url"),
    ] {
        let (body, pointer) = url(text);
        cases.push((body, code, pointer));
    }
    cases.push((
        url(&format!("https://example.com/{}", "x".repeat(2_029))).0,
        "too_long",
        "/url",
    ));
    for (name, value, code, pointer) in [
        ("X Bad", "a", "invalid_header_name", "/headers/X Bad"),
        ("X:Y", "a", "invalid_header_name", "/headers/X:Y"),
        ("", "a", "invalid_header_name", "/headers/"),
        (
            "x-a\\r\\nhost",
            "a",
            "invalid_header_name",
            "/headers/x-a\u{fffd}\u{fffd}host",
        ),
        ("x-a", "a\\r\\nb", "invalid_header_value", "/headers/x-a"),
        ("x-a", "a\\u0000", "invalid_header_value", "/headers/x-a"),
        ("x-a", "ü", "invalid_header_value", "/headers/x-a"),
        ("host", "a", "reserved_header", "/headers/host"),
        (
            "transfer-encoding",
            "a",
            "reserved_header",
            "/headers/transfer-encoding",
        ),
        (
            "webhook-signature",
            "a",
            "reserved_header",
            "/headers/webhook-signature",
        ),
        (
            "vomo-signature",
            "a",
            "reserved_header",
            "/headers/vomo-signature",
        ),
        (
            "metadata-flavor",
            "Google",
            "reserved_header",
            "/headers/metadata-flavor",
        ),
    ] {
        cases.push((header(name, value), code, pointer));
    }
    let many: Vec<String> = (0..21).map(|n| format!(r#""x-{n}":"a""#)).collect();
    cases.push((
        with(&format!(r#""headers":{{{}}}"#, many.join(","))),
        "too_many_headers",
        "/headers",
    ));
    cases.extend([
        (with(r#""headers":{"x-a":1}"#), "wrong_type", "/headers/x-a"),
        (with(r#""headers":[]"#), "wrong_type", "/headers"),
        (with(r#""secret":"""#), "invalid_secret", "/secret"),
        (
            with(&format!(r#""secret":"{}""#, "x".repeat(257))),
            "invalid_secret",
            "/secret",
        ),
        (with(r#""enabled":"false""#), "wrong_type", "/enabled"),
        (with(r#""timeout_ms":0"#), "unknown_field", "/timeout_ms"),
        (with(r#""created_at":"x""#), "read_only", "/created_at"),
        (
            with(&format!(r#""description":"{}""#, "x".repeat(201))),
            "invalid_text",
            "/description",
        ),
        (
            with(r#""description":"a\u0007""#),
            "invalid_text",
            "/description",
        ),
        (types("[]"), "empty_filter", "/event_types"),
        (types(r#""project.updated""#), "wrong_type", "/event_types"),
        (
            types(r#"["project.*"]"#),
            "invalid_event_type",
            "/event_types/0",
        ),
        (
            types(r#"["project.updated","project.updated"]"#),
            "duplicate",
            "/event_types/1",
        ),
        (
            types(r#"["project.updated","membership.created"]"#),
            "inactive_event_type",
            "/event_types/1",
        ),
        (
            types(r#"["projekt.updated"]"#),
            "unknown_event_type",
            "/event_types/0",
        ),
        (types(r"[7]"), "wrong_type", "/event_types/0"),
    ]);
    let cases: Vec<_> = cases
        .iter()
        .map(|(body, code, pointer)| (body.as_str(), 422, *code, *pointer))
        .collect();
    check_all("POST", ENDPOINTS, &cases).await;
}

#[tokio::test]
async fn bad_rotations_replays_and_patches_are_named() {
    let world = World::with_organizations().await;
    let endpoint = world.endpoint(LARKSPUR, &["project.updated"]).await;
    let path = format!("{ENDPOINTS}/{}", endpoint["id"].as_str().unwrap());
    let day = r#""from":"2026-02-01T00:00:00Z","to":"2026-02-02T00:00:00Z""#;
    for (method, below, body, code, pointer) in [
        (
            "POST",
            "/secret/rotate",
            r#"{"overlap_seconds":604801}"#.to_owned(),
            "out_of_range",
            "/overlap_seconds",
        ),
        (
            "POST",
            "/secret/rotate",
            r#"{"overlap_seconds":-1}"#.to_owned(),
            "out_of_range",
            "/overlap_seconds",
        ),
        (
            "POST",
            "/secret/confirm",
            r#"{"now":true}"#.to_owned(),
            "unknown_field",
            "/now",
        ),
        (
            "POST",
            "/replay",
            format!(r#"{{{day},"include":[]}}"#),
            "empty_list",
            "/include",
        ),
        (
            "POST",
            "/replay",
            format!(r#"{{{day},"include":["lost"]}}"#),
            "invalid_choice",
            "/include/0",
        ),
        (
            "POST",
            "/replay",
            r#"{"from":"2026-02-02T00:00:00Z","to":"2026-02-02T00:00:00Z","include":["missing"]}"#
                .to_owned(),
            "invalid_range",
            "/to",
        ),
        (
            "POST",
            "/replay",
            r#"{"from":"2025-01-01T00:00:00Z","to":"2026-02-02T00:00:00Z","include":["missing"]}"#
                .to_owned(),
            "range_too_long",
            "/to",
        ),
        (
            "POST",
            "/test",
            r#"{"event_type":"a.b"}"#.to_owned(),
            "unknown_event_type",
            "/event_type",
        ),
        ("PATCH", "", r#"{"id":"x"}"#.to_owned(), "read_only", "/id"),
        (
            "PATCH",
            "",
            r#"{"secret":"x"}"#.to_owned(),
            "unknown_field",
            "/secret",
        ),
        (
            "PATCH",
            "",
            r#"{"held":"send"}"#.to_owned(),
            "invalid_value",
            "/held",
        ),
        (
            "PATCH",
            "",
            r#"{"enabled":true,"held":"drop"}"#.to_owned(),
            "invalid_choice",
            "/held",
        ),
    ] {
        let path = format!("{path}{below}");
        let case = Case {
            method,
            path: &path,
            body,
            status: 422,
            code,
            pointer,
        };
        check(&world, case).await;
    }
}
