//! What stands before any handler: sizes, methods, media types, connections. What is wrong there is in
//! [`super::bad_inputs_requests`].

use super::world::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_told_both_sizes_before_it_is_sent() {
    let world = World::new().await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 262145\r\n\r\n",
        world.operator
    );
    let answer = world.raw(head.as_bytes()).await;
    assert!(
        answer.contains("The body is 262145 bytes; the limit is 262144."),
        "{answer}"
    );
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones_and_a_media_type_may_be_spelled_as_it_likes() {
    let world = World::new().await;
    let wrong = world.send("PUT", "/v1/events", "{}").await;
    assert_eq!(wrong.headers["allow"], "POST");
    let bearer = format!("Bearer {}", world.operator);
    let utf8 = [
        ("authorization", bearer.as_str()),
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
