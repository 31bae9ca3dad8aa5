//! Bad inputs before any field: what is wrong with a head, a key, or with JSON itself. See [`super::bad_inputs`].

use super::bad_inputs::{DELIVERIES, ENDPOINTS, EVENTS, Input, OURS, Prepared};
use super::bad_keys::{mistyped, unknown};

const EVENT: &str = r#"{"type":"project.updated","organization_id":4417,"data":{}}"#;

pub fn inputs(prepared: &Prepared) -> Vec<Input> {
    let mut all = raw_heads(prepared);
    for input in heads().into_iter().chain(json()) {
        all.push(input.and("authorization", &format!("Bearer {}", prepared.operator)));
    }
    all.extend(keys(prepared));
    all
}

/// A head without a body, and the connection's end after its answer.
fn head(line: u16, first: &str, headers: &str) -> Input {
    Input::raw(
        line,
        format!("{first} HTTP/1.1\r\n{headers}connection: close\r\n\r\n"),
    )
}

fn raw_heads(prepared: &Prepared) -> Vec<Input> {
    let host = "host: a\r\n";
    let get = |line, headers: &str| head(line, "GET /healthz", &format!("{host}{headers}"));
    let many = |count: usize| {
        let lines = (0..count).map(|n| format!("x-{n}: 1\r\n"));
        lines.collect::<String>()
    };
    let long = |bytes: usize| format!("x-a: {}\r\n", "a".repeat(bytes));
    let post = format!(
        "POST {EVENTS} HTTP/1.1\r\n{host}authorization: Bearer {}\r\ncontent-type: application/json\r\n",
        prepared.operator
    );
    let mut chunked = format!("{post}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..40 {
        chunked.extend_from_slice(b"2000\r\n");
        chunked.extend_from_slice(&[b' '; 0x2000]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let both = "content-length: 2\r\ntransfer-encoding: chunked\r\n";
    let both = format!("{post}connection: close\r\n{both}\r\n2\r\n{{}}\r\n0\r\n\r\n");
    vec![
        Input::raw(1, format!("{post}content-length: 262145\r\n\r\n"))
            .refused(413, "body_too_large"),
        Input::raw(2, chunked).refused(413, "body_too_large"),
        get(5, &many(63)).refused(431, "too_many_headers"),
        get(OURS, &many(300)).refused(431, "too_many_headers"),
        get(6, &long(9_216)).refused(431, "header_too_large"),
        get(OURS, &long(6_000).repeat(3)).refused(431, "header_too_large"),
        head(7, &format!("GET /{}", "a".repeat(9_216)), host).refused(414, "uri_too_long"),
        Input::raw(8, both).refused(400, "bad_framing"),
        get(9, "content-length: 3\r\ncontent-length: 4\r\n").refused(400, "bad_framing"),
        get(10, "content-length: -1\r\n").refused(400, "bad_framing"),
        get(10, "content-length: +5\r\n").refused(400, "bad_framing"),
        get(10, "content-length: 0x10\r\n").refused(400, "bad_framing"),
        get(10, "content-length: 5 5\r\n").refused(400, "bad_framing"),
        head(11, "GET /healthz", "").refused(400, "bad_host"),
        head(11, "GET /healthz", &format!("{host}{host}")).refused(400, "bad_host"),
        get(12, "x-a: a\0b\r\n").refused(400, "bad_request"),
        get(12, "x-a: a\rb\r\n").refused(400, "bad_request"),
        head(13, "TRACE /", host).refused(405, "method_not_allowed"),
        head(13, "CONNECT x:443", host).refused(405, "method_not_allowed"),
        Input::raw(OURS, "not http\r\n\r\n").refused(400, "bad_request"),
    ]
}

fn heads() -> Vec<Input> {
    let post = |line, name, value: &str| Input::call(line, "POST", EVENTS, "{}").with(name, value);
    let get = |line, path: &str| Input::call(line, "GET", path, "");
    let missing = |input: Input| input.refused(404, "no_such_route");
    vec![
        Input::call(14, "PUT", EVENTS, "{}").refused(405, "method_not_allowed"),
        missing(Input::call(15, "POST", "/v1/evnts", "{}")),
        missing(Input::call(15, "POST", "/v1/events/", "{}")),
        post(16, "content-type", "text/plain").refused(415, "unsupported_media_type"),
        Input::call(17, "POST", EVENTS, "{}")
            .without("content-type")
            .refused(415, "unsupported_media_type"),
        post(18, "content-type", "application/json; charset=latin1")
            .refused(415, "unsupported_charset"),
        post(19, "content-encoding", "gzip").refused(415, "unsupported_encoding"),
        post(20, "accept", "application/xml").refused(406, "not_acceptable"),
        post(21, "expect", "200-maybe").refused(417, "expectation_failed"),
        missing(get(22, "/..%2f..%2fetc/passwd")),
        missing(get(22, "/v1/..%2f..%2fetc/passwd")),
        missing(get(OURS, "/.git/config")),
        get(OURS, "/healthz?x=1")
            .refused(400, "unknown_parameter")
            .at("x"),
    ]
}

fn keys(prepared: &Prepared) -> Vec<Input> {
    let bare = |line| Input::call(line, "GET", "/v1/keys", "");
    let given = |line, text: &str| bare(line).with("authorization", text);
    let bearer = |line, key: &str| given(line, &format!("Bearer {key}"));
    let by = |line, key: &str, path: &str| {
        Input::call(line, "GET", path, "").with("authorization", &format!("Bearer {key}"))
    };
    let good = format!("Bearer {}", prepared.operator);
    let administrator = &prepared.administrator;
    vec![
        bare(23).refused(401, "no_credentials"),
        given(24, "Basic dTpw").refused(401, "wrong_scheme"),
        bearer(25, &mistyped(&prepared.operator)).refused(401, "malformed_key"),
        bearer(26, &unknown()).refused(401, "unknown_key"),
        bearer(26, &prepared.revoked).refused(401, "unknown_key"),
        bearer(27, &prepared.expired).refused(401, "expired_key"),
        by(28, &prepared.operator, "/v1/keys?api_key=x").refused(400, "key_in_url"),
        given(29, &good)
            .and("authorization", &good)
            .refused(400, "duplicate_header"),
        // A header of more than 8 KiB is line 6: it is not looked into.
        bearer(30, &"x".repeat(8_000)).refused(401, "malformed_key"),
        bearer(30, &"x".repeat(10_000)).refused(431, "header_too_large"),
        by(31, &prepared.producer, ENDPOINTS).refused(403, "missing_scope"),
        by(32, administrator, &prepared.foreign_endpoint).refused(404, "no_such_organization"),
        by(32, administrator, &crossed(prepared)).refused(404, "no_such_endpoint"),
        by(
            33,
            administrator,
            &format!("{EVENTS}/{}", prepared.foreign_event),
        )
        .refused(404, "no_such_event"),
        by(
            34,
            administrator,
            &format!("{ENDPOINTS}/{}", prepared.event),
        )
        .refused(404, "wrong_id_kind"),
        by(OURS, &prepared.viewer, "/v1/keys").refused(403, "missing_scope"),
        by(OURS, &prepared.producer, DELIVERIES).refused(403, "missing_scope"),
        Input::call(OURS, "POST", EVENTS, EVENT)
            .with("authorization", &format!("Bearer {}", prepared.viewer))
            .refused(403, "missing_scope"),
    ]
}

/// The own organization with another's endpoint below it.
fn crossed(prepared: &Prepared) -> String {
    let id = prepared.foreign_endpoint.rsplit('/').next().unwrap();
    format!("{ENDPOINTS}/{id}")
}

fn json() -> Vec<Input> {
    let post = |line, body: &str| Input::call(line, "POST", EVENTS, body);
    let bad = |line, body: &str| post(line, body).refused(400, "invalid_json");
    let not =
        |line, body: &str, code, pointer: &str| post(line, body).refused(422, code).at(pointer);
    let deep = format!(r#"{{"data":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
    let deepest = format!("{}1{}", "[".repeat(2_000_000), "]".repeat(2_000_000));
    let many = format!(r#"{{"data":[{}1]}}"#, "1,".repeat(100_000));
    let typed = r#"{"type":"project.updated","organization_id":1e400,"data":{}}"#;
    vec![
        post(35, " ").refused(400, "empty_body"),
        Input::call(OURS, "POST", EVENTS, "")
            .with("content-type", "application/json")
            .refused(400, "empty_body"),
        bad(36, r#"{"type":"a""#),
        bad(37, "{'type':'a'}"),
        bad(38, r#"{"a":1,}"#),
        bad(39, "{} x"),
        bad(40, "NaN"),
        bad(40, r#"{"a":Infinity}"#),
        bad(40, r#"{"a":01}"#),
        bad(40, r#"{"a":+1}"#),
        bad(40, r#"{"a":.5}"#),
        bad(40, r#"{"a":1.}"#),
        bad(41, "\u{feff}{}"),
        Input::call(42, "POST", EVENTS, *b"{\"type\":\"a\xff\"}").refused(400, "invalid_utf8"),
        not(
            43,
            r#"{"data":{"name":"\ud800"}}"#,
            "lone_surrogate",
            "/data/name",
        ),
        not(44, &deep, "too_deep", "/data"),
        post(45, &deepest).refused(413, "body_too_large"),
        not(
            46,
            r#"{"type":"a.b","type":"c.d"}"#,
            "duplicate_key",
            "/type",
        ),
        not(47, r#"{"data":{"x":1,"x":2}}"#, "duplicate_key", "/data/x"),
        not(48, &many, "too_many_values", "/data"),
        not(49, "[]", "not_an_object", ""),
        not(49, r#""x""#, "not_an_object", ""),
        not(49, "null", "not_an_object", ""),
        not(49, "5", "not_an_object", ""),
        not(
            50,
            r#"{"tpe":"a","organization_id":4417,"data":{}}"#,
            "several_problems",
            "/tpe",
        ),
        not(51, typed, "out_of_range", "/organization_id"),
    ]
}
