//! What is wrong before any handler looks: routes, methods, heads, media types, sizes. Where hyper refuses a head
//! by itself, the answer is a problem document all the same.

use super::world::{World, status_of};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn check_raw(world: &World, request: &[u8], status: u16, code: &str) {
    let shown = String::from_utf8_lossy(request.get(..200).unwrap_or(request)).into_owned();
    let answer = world.raw(request).await;
    assert_eq!(
        status_of(&answer).map(|status| status.as_u16()),
        Some(status),
        "{shown}: {answer}"
    );
    assert!(
        answer.contains("application/problem+json"),
        "{shown}: {answer}"
    );
    assert!(
        answer.contains(&format!("\"code\":\"{code}\"")),
        "{shown}: {answer}"
    );
}

#[tokio::test]
async fn heads_that_cannot_be_read_or_are_too_large_get_a_problem_document() {
    let world = World::new().await;
    let head = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").into_bytes()
    };
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("x-{n}: 1\r\n"))
            .collect::<String>()
    };
    let host = "host: a\r\n";
    for (request, status, code) in [
        (
            head("GET /healthz", &format!("{host}{}", many(63))),
            431,
            "too_many_headers",
        ),
        (
            head("GET /healthz", &format!("{host}{}", many(300))),
            431,
            "too_many_headers",
        ),
        (
            head(
                "GET /healthz",
                &format!("{host}x-a: {}\r\n", "a".repeat(9_216)),
            ),
            431,
            "header_too_large",
        ),
        (
            head(
                "GET /healthz",
                &format!(
                    "{host}{}",
                    format!("x-a: {}\r\n", "a".repeat(6_000)).repeat(3)
                ),
            ),
            431,
            "header_too_large",
        ),
        (
            head(&format!("GET /{}", "a".repeat(9_216)), host),
            414,
            "uri_too_long",
        ),
        (
            head(
                "GET /healthz",
                &format!("{host}content-length: 3\r\ncontent-length: 4\r\n"),
            ),
            400,
            "bad_request",
        ),
        (
            head("GET /healthz", &format!("{host}content-length: -1\r\n")),
            400,
            "bad_request",
        ),
        (
            head("GET /healthz", &format!("{host}content-length: +5\r\n")),
            400,
            "bad_request",
        ),
        (
            head("GET /healthz", &format!("{host}content-length: 0x10\r\n")),
            400,
            "bad_request",
        ),
        (
            head("GET /healthz", &format!("{host}content-length: 5 5\r\n")),
            400,
            "bad_request",
        ),
        (
            head("GET /healthz", &format!("{host}x-a: a\0b\r\n")),
            400,
            "bad_request",
        ),
        (
            head("GET /healthz", &format!("{host}x-a: a\rb\r\n")),
            400,
            "bad_request",
        ),
        (head("GET /healthz", ""), 400, "bad_host"),
        (
            head("GET /healthz", &format!("{host}{host}")),
            400,
            "bad_host",
        ),
        (head("TRACE /", host), 405, "method_not_allowed"),
        (b"not http\r\n\r\n".to_vec(), 400, "bad_request"),
    ] {
        check_raw(&world, &request, status, code).await;
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 262145\r\n\r\n",
        world.operator
    );
    check_raw(&world, head.as_bytes(), 413, "body_too_large").await;
    let answer = world.raw(head.as_bytes()).await;
    assert!(
        answer.contains("The body is 262145 bytes; the limit is 262144."),
        "{answer}"
    );
}

#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_refused_and_the_answer_arrives() {
    let world = World::new().await;
    let mut request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        world.operator
    )
    .into_bytes();
    for _ in 0..40 {
        request.extend_from_slice(b"2000\r\n");
        request.extend_from_slice(&[b' '; 0x2000]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    check_raw(&world, &request, 413, "body_too_large").await;
}

#[tokio::test]
async fn routes_methods_and_media_types_are_checked_in_that_order() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.operator);
    let json = ("content-type", "application/json");
    let auth = ("authorization", bearer.as_str());
    for (method, path, headers, body, status, code) in [
        (
            "PUT",
            "/v1/events",
            vec![auth, json],
            "{}",
            405,
            "method_not_allowed",
        ),
        (
            "POST",
            "/v1/evnts",
            vec![auth, json],
            "{}",
            404,
            "no_such_route",
        ),
        (
            "POST",
            "/v1/events/",
            vec![auth, json],
            "{}",
            404,
            "no_such_route",
        ),
        (
            "GET",
            "/..%2f..%2fetc/passwd",
            vec![auth],
            "",
            404,
            "no_such_route",
        ),
        ("GET", "/.git/config", vec![], "", 404, "no_such_route"),
        (
            "POST",
            "/v1/events",
            vec![auth, ("content-type", "text/plain")],
            "{}",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "/v1/events",
            vec![auth],
            "{}",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "/v1/events",
            vec![auth, ("content-type", "application/json; charset=latin1")],
            "{}",
            415,
            "unsupported_charset",
        ),
        (
            "POST",
            "/v1/events",
            vec![auth, json, ("content-encoding", "gzip")],
            "{}",
            415,
            "unsupported_encoding",
        ),
        (
            "POST",
            "/v1/events",
            vec![auth, json, ("accept", "application/xml")],
            "{}",
            406,
            "not_acceptable",
        ),
        (
            "POST",
            "/v1/events",
            vec![auth, json, ("expect", "200-maybe")],
            "{}",
            417,
            "expectation_failed",
        ),
        (
            "POST",
            "/v1/events",
            vec![auth, json],
            "",
            400,
            "empty_body",
        ),
        ("GET", "/healthz?x=1", vec![], "", 400, "unknown_parameter"),
    ] {
        let answer = world.request(method, path, &headers, body.as_bytes()).await;
        answer.refused(status, code);
    }
    let invalid = world
        .request("POST", "/v1/events", &[auth, json], b"{\"type\":\"a\xff\"}")
        .await;
    invalid.refused(400, "invalid_utf8");
    let wrong = world.send("PUT", "/v1/events", "{}").await;
    assert_eq!(wrong.headers["allow"], "POST");
    let utf8 = [
        auth,
        ("content-type", "Application/JSON; charset=\"UTF-8\""),
    ];
    world
        .request("POST", "/v1/events", &utf8, b"{}")
        .await
        .refused(422, "several_problems");
}

#[tokio::test]
async fn health_and_the_document_need_no_key_and_answer_head_too() {
    let world = World::new().await;
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        let answer = world.request("GET", path, &[], b"").await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.contains_key("x-request-id"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        let head = world.request("HEAD", path, &[], b"").await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /nope HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(
        answers.matches("HTTP/1.1 404 Not Found").count(),
        1,
        "{answers}"
    );
}
