//! Bad inputs of lists, retries and replays, and of idempotency keys. See [`super::bad_inputs`].

use super::bad_inputs::{DELIVERIES, EVENTS, Input, OURS, Prepared, field};

pub fn inputs(prepared: &Prepared) -> Vec<Input> {
    let bearer = format!("Bearer {}", prepared.operator);
    let all = [queries(prepared), replays(prepared), idempotency()];
    let all = all.into_iter().flatten();
    all.map(|input| input.and("authorization", &bearer))
        .collect()
}

fn queries(prepared: &Prepared) -> Vec<Input> {
    let get = |line, query: &str, status, code, name: &str| {
        let input = Input::call(line, "GET", &format!("{DELIVERIES}?{query}"), "");
        input.refused(status, code).at(name)
    };
    let limit = |text: &str| get(98, &format!("limit={text}"), 422, "out_of_range", "limit");
    let cursor = |text: &str| {
        get(
            99,
            &format!("cursor={text}"),
            400,
            "invalid_cursor",
            "cursor",
        )
    };
    let (range, unknown) = ("invalid_range", "unknown_parameter");
    let organizations = |query: &str, status, code, name: &str| {
        let path = format!("/v1/organizations?{query}");
        let input = Input::call(OURS, "GET", &path, "");
        input.refused(status, code).at(name)
    };
    let events = |query: &str, status, code, name: &str| {
        let path = format!("/v1/organizations/4417/events?{query}");
        let input = Input::call(OURS, "GET", &path, "");
        input.refused(status, code).at(name)
    };
    vec![
        limit("0"),
        limit("101"),
        limit("251"),
        limit("abc"),
        limit("1e2"),
        cursor("AAAA"),
        // One of another list.
        cursor(&prepared.cursor),
        get(
            100,
            "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            422,
            range,
            "to",
        ),
        get(100, "from=yesterday", 422, range, "from"),
        get(
            101,
            "limit=10&limit=20",
            400,
            "duplicate_parameter",
            "limit",
        ),
        get(102, "stat=exhausted", 400, unknown, "stat"),
        get(102, "status=failed", 400, unknown, "status"),
        get(103, "state=broken", 422, "invalid_choice", "state"),
        get(
            OURS,
            "endpoint=evt_0000000000000",
            422,
            "invalid_id",
            "endpoint",
        ),
        get(OURS, "event=ep_0000000000000", 422, "invalid_id", "event"),
        get(OURS, "type=a", 422, "invalid_event_type", "type"),
        get(OURS, "reference=", 422, "invalid_reference", "reference"),
        events("type=project", 422, "invalid_event_type", "type"),
        events("reference=", 422, "invalid_reference", "reference"),
        events(
            "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            422,
            range,
            "to",
        ),
        events("state=waiting", 400, unknown, "state"),
        organizations("name=", 422, "invalid_text", "name"),
        organizations(
            &format!("name={}", "a".repeat(201)),
            422,
            "invalid_text",
            "name",
        ),
    ]
}

fn replays(prepared: &Prepared) -> Vec<Input> {
    let below = |path: &str, name: &str| format!("{path}/{name}");
    let replay = |line, body: &str, code, pointer: &str| {
        field(
            line,
            &below(&prepared.endpoint, "replay"),
            body,
            code,
            pointer,
        )
    };
    let day = r#""from":"2026-02-01T00:00:00Z","to":"2026-02-02T00:00:00Z""#;
    let good = format!(r#"{{{day},"include":["missing"]}}"#);
    let with = |member: &str| format!("{{{day},{member}}}");
    let between = |from: &str, to: &str| {
        format!(r#"{{"from":"{from}T00:00:00Z","to":"{to}T00:00:00Z","include":["missing"]}}"#)
    };
    let retry = format!("/v1/deliveries/{}/retry", prepared.bodiless);
    let test = below(&prepared.endpoint, "test");
    let confirmed = with(r#""include":["missing"],"confirm":2000000"#);
    vec![
        Input::call(104, "POST", &retry, "").refused(410, "body_expired"),
        Input::call(105, "POST", &below(&prepared.off, "replay"), good)
            .refused(409, "endpoint_off"),
        // A replay is a job that can be watched and stopped: it asks for no confirmation.
        replay(106, &confirmed, "unknown_field", "/confirm"),
        replay(
            107,
            &between("2025-01-01", "2026-02-05"),
            "range_too_long",
            "/to",
        ),
        replay(
            OURS,
            &between("2026-02-02", "2026-02-02"),
            "invalid_range",
            "/to",
        ),
        replay(OURS, &with(r#""include":[]"#), "empty_list", "/include"),
        replay(
            OURS,
            &with(r#""include":["lost"]"#),
            "invalid_choice",
            "/include/0",
        ),
        field(
            OURS,
            &test,
            r#"{"event_type":"a.b"}"#,
            "unknown_event_type",
            "/event_type",
        ),
    ]
}

fn idempotency() -> Vec<Input> {
    let keyed = |line, key: &str| {
        let body = r#"{"type":"project.updated","organization_id":9001,"data":{"other":1}}"#;
        Input::call(line, "POST", EVENTS, body).with("idempotency-key", key)
    };
    let bad = |key: &str| keyed(110, key).refused(400, "invalid_idempotency_key");
    vec![
        keyed(108, "used").refused(409, "idempotency_conflict"),
        keyed(OURS, "a")
            .and("idempotency-key", "b")
            .refused(400, "duplicate_header"),
        bad(&"k".repeat(256)),
        bad("a\tb"),
        bad(""),
        bad("a b"),
    ]
}
