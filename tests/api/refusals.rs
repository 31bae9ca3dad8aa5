//! Bad input, as data: what is sent, and the one clear error it must give. Nothing of it may be stored, no value
//! longer than 64 characters may come back, and no answer may show what is inside.

use super::world::{LARKSPUR, World};

const EVENTS: &str = "/v1/events";
const ENDPOINTS: &str = "/v1/organizations/4417/endpoints";
const KEYS: &str = "/v1/keys";

struct Case<'a> {
    method: &'a str,
    path: &'a str,
    body: String,
    status: u16,
    code: &'a str,
    /// Of the only or first error; empty where there is none.
    pointer: &'a str,
}

async fn check(world: &World, case: Case<'_>) {
    let shown: String = case.body.chars().take(120).collect();
    let answer = world.send(case.method, case.path, &case.body).await;
    let (text, named) = (
        answer.text.clone(),
        format!("{} {} {shown}", case.method, case.path),
    );
    let problem = answer.json();
    let pointer = problem["errors"][0]["pointer"].as_str().unwrap_or("");
    assert_eq!(
        (answer.status, problem["code"].as_str(), pointer),
        (case.status, Some(case.code), case.pointer),
        "{named}: {text}"
    );
    answer.refused(case.status, case.code);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.len() > 9),
        "{named}: {text}"
    );
    for leak in [
        "src/",
        ".rs",
        "SELECT",
        "sqlite",
        "panicked",
        &"x".repeat(66),
    ] {
        assert!(!text.contains(leak), "{named} shows {leak}: {text}");
    }
}

async fn check_all(method: &str, path: &str, cases: &[(&str, u16, &str, &str)]) {
    let world = World::with_organizations().await;
    for (body, status, code, pointer) in cases {
        let case = Case {
            method,
            path,
            body: (*body).to_owned(),
            status: *status,
            code,
            pointer,
        };
        check(&world, case).await;
    }
    assert_eq!(world.events(LARKSPUR).await, 0, "something was stored");
    let endpoints = world.get(ENDPOINTS).await.expect(200);
    assert_eq!(
        endpoints["data"].as_array().unwrap().len(),
        0,
        "something was stored"
    );
}

#[tokio::test]
async fn bad_json_is_named_with_its_place() {
    let deep = format!(r#"{{"data":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
    let many = format!(r#"{{"data":[{}1]}}"#, "1,".repeat(100_000));
    let cases = [
        (r#"{"type":"a""#, 400, "invalid_json", ""),
        (r"{'type':'a'}", 400, "invalid_json", ""),
        (r#"{"a":1,}"#, 400, "invalid_json", ""),
        (r"{} x", 400, "invalid_json", ""),
        ("NaN", 400, "invalid_json", ""),
        (r#"{"a":Infinity}"#, 400, "invalid_json", ""),
        (r#"{"a":01}"#, 400, "invalid_json", ""),
        (r#"{"a":+1}"#, 400, "invalid_json", ""),
        (r#"{"a":.5}"#, 400, "invalid_json", ""),
        (r#"{"a":1.}"#, 400, "invalid_json", ""),
        ("\u{feff}{}", 400, "invalid_json", ""),
        (" ", 400, "empty_body", ""),
        (
            r#"{"data":{"name":"\ud800"}}"#,
            422,
            "lone_surrogate",
            "/data/name",
        ),
        (&deep, 422, "too_deep", "/data"),
        (&many, 422, "too_many_values", "/data"),
        (
            r#"{"type":"a.b","type":"c.d"}"#,
            422,
            "duplicate_key",
            "/type",
        ),
        (r#"{"data":{"x":1,"x":2}}"#, 422, "duplicate_key", "/data/x"),
        ("[]", 422, "not_an_object", ""),
        (r#""x""#, 422, "not_an_object", ""),
        ("null", 422, "not_an_object", ""),
        ("5", 422, "not_an_object", ""),
    ];
    check_all("POST", EVENTS, &cases).await;
}

#[tokio::test]
async fn bad_events_are_named_with_their_field() {
    let with = |member: &str| {
        format!(r#"{{"type":"project.updated","organization_id":4417,"data":{{}},{member}}}"#)
    };
    let typed = |name: &str| format!(r#"{{"type":{name},"organization_id":4417,"data":{{}}}}"#);
    let owned =
        |id: &str| format!(r#"{{"type":"project.updated","organization_id":{id},"data":{{}}}}"#);
    let data = |data: &str| {
        format!(r#"{{"type":"project.updated","organization_id":4417,"data":{data}}}"#)
    };
    let long = format!("\"a.{}\"", "x".repeat(127));
    let cases = [
        (with(r#""refrence":"a""#), "unknown_field", "/refrence"),
        (with(r#""id":"evt_1""#), "read_only", "/id"),
        (
            with(r#""deliver_at":"tomorrow""#),
            "unknown_field",
            "/deliver_at",
        ),
        (
            with(&format!(r#""{}":1"#, "x".repeat(500))),
            "unknown_field",
            &format!("/{}…", "x".repeat(64)),
        ),
        (with(r#""public":"true""#), "wrong_type", "/public"),
        (with(r#""public":null"#), "wrong_type", "/public"),
        (with(r#""reference":"""#), "invalid_reference", "/reference"),
        (
            with(r#""reference":"a b""#),
            "invalid_reference",
            "/reference",
        ),
        (
            with(r#""idempotency_key":"k""#),
            "unknown_field",
            "/idempotency_key",
        ),
        (typed(r#""""#), "invalid_event_type", "/type"),
        (typed(r#""user created""#), "invalid_event_type", "/type"),
        (typed(r#""a..b""#), "invalid_event_type", "/type"),
        (typed(r#"".a""#), "invalid_event_type", "/type"),
        (typed(r#""a.""#), "invalid_event_type", "/type"),
        (typed(r#""üser.made""#), "invalid_event_type", "/type"),
        (typed(&long), "invalid_event_type", "/type"),
        (typed("5"), "wrong_type", "/type"),
        (typed(r#""project.craeted""#), "unknown_event_type", "/type"),
        (
            typed(r#""membership.created""#),
            "inactive_event_type",
            "/type",
        ),
        (typed(r#""project.public.updated""#), "public_form", "/type"),
        (owned("0"), "out_of_range", "/organization_id"),
        (owned("-1"), "out_of_range", "/organization_id"),
        (owned("1.0"), "out_of_range", "/organization_id"),
        (owned("1e400"), "out_of_range", "/organization_id"),
        (
            owned("9007199254740992"),
            "out_of_range",
            "/organization_id",
        ),
        (owned("\"4417\""), "wrong_type", "/organization_id"),
        (owned("5"), "unknown_organization", "/organization_id"),
        (data("[]"), "wrong_type", "/data"),
        (data("null"), "wrong_type", "/data"),
        (data("\"x\""), "wrong_type", "/data"),
        (
            String::from(r#"{"organization_id":4417,"data":{}}"#),
            "required",
            "/type",
        ),
        (
            String::from(r#"{"type":"project.updated","organization_id":4417}"#),
            "required",
            "/data",
        ),
        (
            String::from(
                r#"{"type":"participation.created","organization_id":4417,"data":{},"public":true}"#,
            ),
            "no_public_form",
            "/public",
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(body, code, pointer)| (body.as_str(), 422, *code, *pointer))
        .collect();
    check_all("POST", EVENTS, &cases).await;
}

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
async fn bad_keys_and_organizations_are_named_with_their_field() {
    let cases = [
        (r"{}", 422, "required", "/scope"),
        (r#"{"scope":"admin"}"#, 422, "invalid_choice", "/scope"),
        (r#"{"scope":"viewer"}"#, 422, "required", "/organization_id"),
        (
            r#"{"scope":"operator","organization_id":4417}"#,
            422,
            "invalid_value",
            "/organization_id",
        ),
        (
            r#"{"scope":"viewer","organization_id":5}"#,
            422,
            "unknown_organization",
            "/organization_id",
        ),
        (
            r#"{"scope":"producer","expires_at":"2026-01-01T00:00:00Z"}"#,
            422,
            "invalid_time",
            "/expires_at",
        ),
        (
            r#"{"scope":"producer","expires_at":"tomorrow"}"#,
            422,
            "invalid_time",
            "/expires_at",
        ),
    ];
    check_all("POST", KEYS, &cases).await;
    let cases = [
        (r#"{"name":"A"}"#, 422, "required", "/add_ons"),
        (r#"{"name":"","add_ons":[]}"#, 422, "invalid_text", "/name"),
        (
            r#"{"name":"A","add_ons":["crm"]}"#,
            422,
            "invalid_choice",
            "/add_ons/0",
        ),
        (
            r#"{"name":"A","add_ons":[],"slug":"A b"}"#,
            422,
            "invalid_text",
            "/slug",
        ),
        (r#"{"nam":1}"#, 422, "several_problems", "/nam"),
    ];
    check_all("PUT", "/v1/organizations/7", &cases).await;
}

#[tokio::test]
async fn all_problems_of_a_body_come_at_once_and_twenty_at_most() {
    let world = World::with_organizations().await;
    let body = r#"{"type":"x","organization_id":0,"data":[],"publik":true}"#;
    let problem = world
        .send("POST", EVENTS, body)
        .await
        .refused(422, "several_problems");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/publik", "/type", "/organization_id", "/data"]);
    let many: Vec<String> = (0..100).map(|n| format!(r#""f{n}":1"#)).collect();
    let problem = world
        .send("POST", EVENTS, &format!("{{{}}}", many.join(",")))
        .await
        .refused(422, "several_problems");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn bad_queries_are_named_with_their_parameter() {
    let world = World::with_organizations().await;
    let deliveries = "/v1/organizations/4417/deliveries";
    for (query, status, code, pointer) in [
        ("limit=0", 422, "out_of_range", "limit"),
        ("limit=101", 422, "out_of_range", "limit"),
        ("limit=abc", 422, "out_of_range", "limit"),
        ("limit=1e2", 422, "out_of_range", "limit"),
        ("limit=10&limit=20", 400, "duplicate_parameter", "limit"),
        ("stat=exhausted", 400, "unknown_parameter", "stat"),
        ("state=broken", 422, "invalid_choice", "state"),
        ("cursor=AAAA", 400, "invalid_cursor", "cursor"),
        ("from=yesterday", 422, "invalid_range", "from"),
        (
            "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            422,
            "invalid_range",
            "to",
        ),
        ("endpoint=evt_0000000000000", 422, "invalid_id", "endpoint"),
        ("type=a", 422, "invalid_event_type", "type"),
        ("reference=", 422, "invalid_reference", "reference"),
    ] {
        let case = Case {
            method: "GET",
            path: &format!("{deliveries}?{query}"),
            body: String::new(),
            status,
            code,
            pointer,
        };
        check(&world, case).await;
    }
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
