//! Bad input, as data: what is sent, and the one clear error it must give. Nothing of it may be stored, no value
//! longer than 64 characters may come back, and no answer may show what is inside.

use super::world::{LARKSPUR, World};

const EVENTS: &str = "/v1/events";
pub const ENDPOINTS: &str = "/v1/organizations/4417/endpoints";
const KEYS: &str = "/v1/keys";

pub struct Case<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub body: String,
    pub status: u16,
    pub code: &'a str,
    /// Of the only or first error; empty where there is none.
    pub pointer: &'a str,
}

pub async fn check(world: &World, case: Case<'_>) {
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

pub async fn check_all(method: &str, path: &str, cases: &[(&str, u16, &str, &str)]) {
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
