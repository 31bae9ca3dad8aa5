//! Bad inputs of what is posted: events, endpoints, headers, secrets, keys, organizations. See [`super::bad_inputs`].
//!
//! Where the list names a field that is not here, it is an unknown field and must be named as one.

use super::bad_inputs::{ENDPOINTS, EVENTS, FULL, Input, OURS, Prepared, field};

const ENDPOINT: &str = r#"{"url":"https://a.example/","event_types":["project.updated"]}"#;

pub fn inputs(prepared: &Prepared) -> Vec<Input> {
    let bearer = format!("Bearer {}", prepared.operator);
    let all = [
        events(),
        batches(),
        urls(),
        endpoints(prepared),
        headers(),
        secrets(prepared),
        keys(),
        organizations(),
    ];
    let all = all.into_iter().flatten();
    all.map(|input| input.and("authorization", &bearer))
        .collect()
}

fn events() -> Vec<Input> {
    let with = |line, member: &str, code, pointer: &str| {
        let event = r#"{"type":"project.updated","organization_id":4417,"data":{}"#;
        field(line, EVENTS, &format!("{event},{member}}}"), code, pointer)
    };
    let typed = |line, name: &str, code| {
        let body = format!(r#"{{"type":{name},"organization_id":4417,"data":{{}}}}"#);
        field(line, EVENTS, &body, code, "/type")
    };
    let owned = |line, id: &str, code| {
        let body = format!(r#"{{"type":"project.updated","organization_id":{id},"data":{{}}}}"#);
        field(line, EVENTS, &body, code, "/organization_id")
    };
    let data = |line, data: &str| {
        let body = format!(r#"{{"type":"project.updated","organization_id":4417,"data":{data}}}"#);
        field(line, EVENTS, &body, "wrong_type", "/data")
    };
    let bare = |line, body: &str, code, pointer| field(line, EVENTS, body, code, pointer);
    let (bad, unknown) = ("invalid_event_type", "unknown_field");
    let long = format!("\"a.{}\"", "x".repeat(127));
    let channels = format!(r#""channels":[{}1]"#, "1,".repeat(10));
    let stranger = format!(r#""{}":1"#, "x".repeat(500));
    let cut = format!("/{}…", "x".repeat(64));
    let unpublic =
        r#"{"type":"participation.created","organization_id":4417,"data":{},"public":true}"#;
    vec![
        bare(
            52,
            r#"{"organization_id":4417,"data":{}}"#,
            "required",
            "/type",
        ),
        typed(53, r#""""#, bad),
        typed(54, r#""user created""#, bad),
        typed(54, r#""a..b""#, bad),
        typed(54, r#"".a""#, bad),
        typed(54, r#""a.""#, bad),
        typed(54, r#""üser.made""#, bad),
        typed(54, &long, bad),
        typed(55, "5", "wrong_type"),
        typed(56, r#""project.craeted""#, "unknown_event_type"),
        typed(OURS, r#""membership.created""#, "inactive_event_type"),
        typed(OURS, r#""project.public.updated""#, "public_form"),
        bare(
            57,
            r#"{"type":"project.updated","organization_id":4417}"#,
            "required",
            "/data",
        ),
        with(58, r#""id":"a.b""#, "read_only", "/id"),
        with(
            60,
            r#""deliver_at":"2026-02-28T00:00:00Z""#,
            unknown,
            "/deliver_at",
        ),
        with(
            60,
            r#""deliver_at":"2026-12-01T00:00:00Z""#,
            unknown,
            "/deliver_at",
        ),
        with(60, r#""deliver_at":"tomorrow""#, unknown, "/deliver_at"),
        with(61, &channels, unknown, "/channels"),
        with(61, r#""channels":[""]"#, unknown, "/channels"),
        with(61, r#""channels":["a","a"]"#, unknown, "/channels"),
        with(OURS, r#""refrence":"a""#, unknown, "/refrence"),
        with(OURS, &stranger, unknown, &cut),
        with(
            OURS,
            r#""idempotency_key":"k""#,
            unknown,
            "/idempotency_key",
        ),
        with(OURS, r#""public":"true""#, "wrong_type", "/public"),
        with(OURS, r#""public":null"#, "wrong_type", "/public"),
        with(OURS, r#""reference":"""#, "invalid_reference", "/reference"),
        with(
            OURS,
            r#""reference":"a b""#,
            "invalid_reference",
            "/reference",
        ),
        owned(OURS, "0", "out_of_range"),
        owned(OURS, "-1", "out_of_range"),
        owned(OURS, "1.0", "out_of_range"),
        owned(OURS, "9007199254740992", "out_of_range"),
        owned(OURS, "\"4417\"", "wrong_type"),
        owned(OURS, "5", "unknown_organization"),
        data(OURS, "[]"),
        data(OURS, "null"),
        data(OURS, "\"x\""),
        bare(OURS, unpublic, "no_public_form", "/public"),
    ]
}

fn batches() -> Vec<Input> {
    let batch =
        |line, body: &str, code, pointer| field(line, "/v1/events/batch", body, code, pointer);
    let many = format!(r#"{{"events":[{}{{}}]}}"#, "{},".repeat(1_000));
    vec![
        batch(62, &many, "batch_too_large", "/events"),
        batch(OURS, "{}", "required", "/events"),
        batch(OURS, r#"{"events":{}}"#, "wrong_type", "/events"),
        batch(OURS, r#"{"events":[],"all":true}"#, "unknown_field", "/all"),
    ]
}

fn urls() -> Vec<Input> {
    let url = |line, url: &str, code| {
        let body = format!(r#"{{"url":"{url}","event_types":["project.updated"]}}"#);
        field(line, ENDPOINTS, &body, code, "/url")
    };
    let long = format!("https://example.com/{}", "x".repeat(2_029));
    vec![
        url(66, "http://127.0.0.1/x", "address_not_public"),
        url(67, "http://169.254.169.254/", "metadata_address"),
        url(68, "http://2130706433/", "noncanonical_host"),
        url(69, "ftp://example.com", "scheme_not_allowed"),
        url(70, "example.com/hook", "invalid_url"),
        url(71, "https://u:p@example.com/", "credentials_in_url"),
        url(72, "https://example.com/#x", "fragment_in_url"),
        url(73, "https://example.com:25/", "port_not_allowed"),
        url(74, "https://intranet/", "name_not_allowed"),
        url(75, &long, "too_long"),
        url(76, "https://example.com/a b", "invalid_url"),
        url(76, "https://example.com/a\\tb", "invalid_url"),
        url(76, "https://example.com/a\\nb", "invalid_url"),
        url(OURS, "", "invalid_url"),
    ]
}

/// The least endpoint with one more member.
fn with(line: u16, member: &str, code: &'static str, pointer: &str) -> Input {
    let body = ENDPOINT.replace("\"]}", &format!("\"],{member}}}"));
    field(line, ENDPOINTS, &body, code, pointer)
}

fn endpoints(prepared: &Prepared) -> Vec<Input> {
    let types = |line, types: &str, code, pointer: &str| {
        let body = format!(r#"{{"url":"https://a.example/","event_types":{types}}}"#);
        field(line, ENDPOINTS, &body, code, pointer)
    };
    let patch = |line, body: &str, code, pointer: &str| {
        let input = Input::call(line, "PATCH", &prepared.endpoint, body);
        input.refused(422, code).at(pointer)
    };
    let full = format!("/v1/organizations/{FULL}/endpoints");
    let unknown = "unknown_field";
    let mut all = vec![
        types(80, "[]", "empty_filter", "/event_types"),
        types(
            81,
            r#"["project.*.x"]"#,
            "invalid_event_type",
            "/event_types/0",
        ),
        types(
            OURS,
            r#"["project.*"]"#,
            "invalid_event_type",
            "/event_types/0",
        ),
        types(OURS, r#""project.updated""#, "wrong_type", "/event_types"),
        types(
            OURS,
            r#"["project.updated","project.updated"]"#,
            "duplicate",
            "/event_types/1",
        ),
        types(
            OURS,
            r#"["project.updated","membership.created"]"#,
            "inactive_event_type",
            "/event_types/1",
        ),
        types(
            OURS,
            r#"["projekt.updated"]"#,
            "unknown_event_type",
            "/event_types/0",
        ),
        types(OURS, "[7]", "wrong_type", "/event_types/0"),
        Input::call(83, "POST", &full, ENDPOINT).refused(409, "limit_reached"),
        with(84, r#""uid":"crm""#, unknown, "/uid"),
        patch(86, r#"{"id":"x"}"#, "read_only", "/id"),
        patch(
            86,
            r#"{"organization_id":1}"#,
            "read_only",
            "/organization_id",
        ),
        patch(
            86,
            r#"{"created_at":"2026-01-01T00:00:00Z"}"#,
            "read_only",
            "/created_at",
        ),
        with(OURS, r#""created_at":"x""#, "read_only", "/created_at"),
        with(87, r#""enabled":"false""#, "wrong_type", "/enabled"),
        with(87, r#""disabled":"false""#, unknown, "/disabled"),
        with(
            OURS,
            r#""description":"a\u0007""#,
            "invalid_text",
            "/description",
        ),
        with(
            OURS,
            &format!(r#""description":"{}""#, "x".repeat(201)),
            "invalid_text",
            "/description",
        ),
        patch(OURS, r#"{"secret":"x"}"#, unknown, "/secret"),
        patch(OURS, r#"{"held":"send"}"#, "invalid_value", "/held"),
        patch(
            OURS,
            r#"{"enabled":true,"held":"drop"}"#,
            "invalid_choice",
            "/held",
        ),
    ];
    let steps = format!("[{}1]", "1,".repeat(30));
    for (line, name, value) in [
        (77, "timeout_ms", "0"),
        (77, "timeout_ms", "60001"),
        (77, "timeout_ms", "\"20s\""),
        (77, "timeout_ms", "1.5"),
        (77, "timeout_ms", "null"),
        (78, "retry", "[]"),
        (78, "retry", &steps),
        (78, "retry", "[604800,604800,604800,604800,259200]"),
        (79, "retry", "[5,-1]"),
        (82, "rate_limit", r#"{"per":"fortnight"}"#),
    ] {
        let member = format!("\"{name}\":{value}");
        all.push(with(line, &member, unknown, &format!("/{name}")));
    }
    all
}

fn headers() -> Vec<Input> {
    let header = |line, name: &str, value: &str, code, pointer: &str| {
        with(
            line,
            &format!(r#""headers":{{"{name}":"{value}"}}"#),
            code,
            pointer,
        )
    };
    let (name, value, reserved) = (
        "invalid_header_name",
        "invalid_header_value",
        "reserved_header",
    );
    let many: Vec<String> = (0..21).map(|n| format!(r#""x-{n}":"a""#)).collect();
    let many = format!(r#""headers":{{{}}}"#, many.join(","));
    let mut all = vec![
        header(88, "X Bad", "a", name, "/headers/X Bad"),
        header(88, "X:Y", "a", name, "/headers/X:Y"),
        header(88, "", "a", name, "/headers/"),
        header(
            88,
            "x-a\\r\\nhost",
            "a",
            name,
            "/headers/x-a\u{fffd}\u{fffd}host",
        ),
        header(89, "x-a", "a\\r\\nb", value, "/headers/x-a"),
        header(89, "x-a", "a\\u0000", value, "/headers/x-a"),
        header(89, "x-a", "ü", value, "/headers/x-a"),
        header(89, "x-a", &"x".repeat(1_025), value, "/headers/x-a"),
        with(93, &many, "too_many_headers", "/headers"),
        with(OURS, r#""headers":{"x-a":1}"#, "wrong_type", "/headers/x-a"),
        with(OURS, r#""headers":[]"#, "wrong_type", "/headers"),
    ];
    for (line, name) in [
        (90, "host"),
        (90, "content-length"),
        (90, "transfer-encoding"),
        (90, "connection"),
        (90, "te"),
        (90, "upgrade"),
        (90, "proxy-authorization"),
        (91, "webhook-id"),
        (91, "webhook-signature"),
        (92, "metadata-flavor"),
        (92, "x-aws-ec2-metadata-token"),
        (OURS, "vomo-signature"),
        (OURS, "webhook-timestamp"),
        (OURS, "content-type"),
        (OURS, "user-agent"),
    ] {
        all.push(header(
            line,
            name,
            "a",
            reserved,
            &format!("/headers/{name}"),
        ));
    }
    all
}

fn secrets(prepared: &Prepared) -> Vec<Input> {
    let rotate = format!("{}/secret/rotate", prepared.endpoint);
    let confirm = format!("{}/secret/confirm", prepared.endpoint);
    let range = |line, seconds: &str| {
        let body = format!(r#"{{"overlap_seconds":{seconds}}}"#);
        field(line, &rotate, &body, "out_of_range", "/overlap_seconds")
    };
    let import =
        |line, secret: &str, code| with(line, &format!(r#""secret":{secret}"#), code, "/secret");
    vec![
        // Any 1 to 256 bytes that a customer has already may be imported (W4), `abc` and `whsec_!!!` too.
        import(94, r#""""#, "invalid_secret"),
        import(95, &format!("\"{}\"", "x".repeat(257)), "invalid_secret"),
        import(
            95,
            &format!("\"whsec_{}\"", "A".repeat(300)),
            "invalid_secret",
        ),
        import(95, "5", "wrong_type"),
        import(95, "null", "wrong_type"),
        range(96, "604801"),
        range(OURS, "-1"),
        field(
            OURS,
            &rotate,
            r#"{"grace_seconds":1}"#,
            "unknown_field",
            "/grace_seconds",
        ),
        field(OURS, &confirm, r#"{"now":true}"#, "unknown_field", "/now"),
        // Two are the most that are in force (W21).
        Input::call(97, "POST", &rotate, "{}").refused(409, "overlap_running"),
    ]
}

fn keys() -> Vec<Input> {
    let key = |body: &str, code, pointer: &str| field(OURS, "/v1/keys", body, code, pointer);
    let until = |time: &str| format!(r#"{{"scope":"producer","expires_at":"{time}"}}"#);
    let nobody = r#"{"scope":"viewer","organization_id":5}"#;
    let of = r#"{"scope":"operator","organization_id":4417}"#;
    vec![
        key("{}", "required", "/scope"),
        key(r#"{"scope":"admin"}"#, "invalid_choice", "/scope"),
        key(r#"{"scope":"viewer"}"#, "required", "/organization_id"),
        key(of, "invalid_value", "/organization_id"),
        key(nobody, "unknown_organization", "/organization_id"),
        key(
            &until("2026-01-01T00:00:00Z"),
            "invalid_time",
            "/expires_at",
        ),
        key(&until("tomorrow"), "invalid_time", "/expires_at"),
    ]
}

fn organizations() -> Vec<Input> {
    let put = |body: &str, code, pointer: &str| {
        let input = Input::call(OURS, "PUT", "/v1/organizations/7", body);
        input.refused(422, code).at(pointer)
    };
    let switch = |body: &str, code, pointer: &str| {
        let input = Input::call(OURS, "PUT", "/v1/organizations/4417/webhooks", body);
        input.refused(422, code).at(pointer)
    };
    vec![
        put(r#"{"name":"A"}"#, "required", "/add_ons"),
        put(r#"{"name":"","add_ons":[]}"#, "invalid_text", "/name"),
        put(
            r#"{"name":"A","add_ons":["crm"]}"#,
            "invalid_choice",
            "/add_ons/0",
        ),
        put(
            r#"{"name":"A","add_ons":[],"slug":"A b"}"#,
            "invalid_text",
            "/slug",
        ),
        put(r#"{"nam":1}"#, "several_problems", "/nam"),
        switch(
            r#"{"enabled":false,"held":"send"}"#,
            "invalid_value",
            "/held",
        ),
        switch(
            r#"{"enabled":true,"held":"drop"}"#,
            "invalid_choice",
            "/held",
        ),
    ]
}
