//! What answers and their absence mean (W17, W18).

use crate::receiver::{Receiver, Reply, Step};
use crate::world::{Setting, World};
use std::time::Duration;
use tidings::store::queue::AttemptRecord;
use tidings_core::address::EgressRules;
use tidings_core::limits::{ANSWER_BYTES, KEPT_ANSWER_FAILURE, KEPT_ANSWER_SUCCESS};
use tidings_core::outcome::{Failure, Outcome};
use tokio::net::TcpSocket;

async fn answered(reply: Reply) -> AttemptRecord {
    let receiver = Receiver::start(move |_| reply.clone()).await;
    World::new().send_to(&receiver).await
}

async fn check(reply: Reply, wanted: Outcome) {
    let shown = format!("{reply:.80?}");
    let record = answered(reply).await;
    assert_eq!(record.outcome, wanted, "{shown}: {}", record.detail);
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed(failure)
}

#[tokio::test]
async fn w17_every_status_is_taken_as_it_is() {
    for status in [
        200, 201, 202, 204, 206, 299, 400, 401, 404, 410, 429, 500, 503, 599,
    ] {
        check(Reply::status(status), Outcome::Status(status)).await;
    }
}

#[tokio::test]
async fn w17_ways_to_frame_an_answer() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n";
    let until_close = Reply::raw("HTTP/1.1 200 OK\r\n\r\nabcde").then(Step::Close);
    let old = Reply::raw("HTTP/1.0 200 OK\r\n\r\nabcde").then(Step::Close);
    let early = Reply::raw(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde",
    );
    for reply in [
        Reply::raw(chunked),
        until_close,
        old,
        early,
        Reply::body(200, "abcde"),
    ] {
        let record = answered(reply).await;
        assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
        assert_eq!(
            (&*record.answer.body, record.answer.body_bytes),
            (&b"abcde"[..], 5)
        );
    }
}

#[tokio::test]
async fn w17_ways_to_break_an_answer() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc";
    let cut_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab";
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let huge = "v".repeat(33 * 1024);
    let cases = [
        (Reply::Raw(vec![Step::Close]), Failure::ResetBeforeHeaders),
        (Reply::Raw(vec![Step::Reset]), Failure::ResetBeforeHeaders),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nconte").then(Step::Close),
            Failure::ResetBeforeHeaders,
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nconte").then(Step::Reset),
            Failure::ResetBeforeHeaders,
        ),
        (Reply::raw(cut).then(Step::Close), Failure::ResetInBody),
        (Reply::raw(cut).then(Step::Reset), Failure::ResetInBody),
        (
            Reply::raw(cut_chunk).then(Step::Close),
            Failure::ResetInBody,
        ),
        (Reply::raw("SSH-2.0-OpenSSH_9.2\r\n"), Failure::Protocol),
        (
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\n"),
            Failure::Protocol,
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na"),
            Failure::Protocol,
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            Failure::Protocol,
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\n bad name: 1\r\n\r\n"),
            Failure::Protocol,
        ),
        (
            Reply::raw(&format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
            Failure::TooLarge,
        ),
        (
            Reply::raw(&format!("HTTP/1.1 200 OK\r\nx: {huge}\r\n\r\n")),
            Failure::TooLarge,
        ),
    ];
    for (reply, failure) in cases {
        check(reply, failed(failure)).await;
    }
}

#[tokio::test]
async fn w17_deadline_covers_the_whole_answer() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc";
    let drip = |steps: usize| {
        let mut reply = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        for _ in 0..steps {
            reply = reply
                .then(Step::Wait(Duration::from_millis(200)))
                .then(Step::Send(b"x".to_vec()));
        }
        reply
    };
    let check = async |reply: Reply, failure: Failure| {
        let record = answered(reply).await;
        assert_eq!(record.outcome, failed(failure), "{}", record.detail);
        let total = record.timing.total;
        assert!(
            total >= Duration::from_secs(3) && total < Duration::from_millis(3_500),
            "{total:?}"
        );
        record
    };
    let (.., dripped, headed) = tokio::join!(
        check(Reply::Raw(vec![Step::Hang]), Failure::HeaderTimeout),
        check(
            Reply::raw("HTTP/1.1 200 OK\r\nconte").then(Step::Hang),
            Failure::HeaderTimeout
        ),
        check(
            Reply::raw("HTTP/1.1 103 Early\r\n\r\n").then(Step::Hang),
            Failure::HeaderTimeout
        ),
        check(
            Reply::status(200).after(Duration::from_secs(4)),
            Failure::HeaderTimeout
        ),
        check(drip(100), Failure::BodyTimeout),
        check(Reply::raw(head).then(Step::Hang), Failure::BodyTimeout),
    );
    assert!(
        dripped.answer.body_bytes > 5,
        "what came is kept: {:?}",
        dripped.answer
    );
    assert_eq!(&*headed.answer.body, b"abc");
    assert!(headed.timing.first_byte.unwrap() < Duration::from_secs(1));
}

#[tokio::test]
async fn w17_just_within_the_deadline_is_success() {
    check(
        Reply::status(200).after(Duration::from_millis(2_500)),
        Outcome::Status(200),
    )
    .await;
}

#[tokio::test]
async fn w17_a_2xx_whose_body_passes_64_kib_is_success_and_closes() {
    let endless = |head: &str| Reply::raw(head).then(Step::Endless(vec![b'x'; 8_192]));
    let heads = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n",
    ];
    for head in heads {
        let reply = endless(head);
        let receiver = Receiver::start(move |_| reply.clone()).await;
        let record = World::new().send_to(&receiver).await;
        assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
        assert!(record.answer.body_bytes > ANSWER_BYTES as u64);
        assert_eq!(record.answer.body.len(), KEPT_ANSWER_SUCCESS);
        receiver.until(|seen| seen.closed == 1).await;
    }
    check(endless("HTTP/1.1 500 Oh\r\n\r\n"), Outcome::Status(500)).await;
}

#[tokio::test]
async fn w17_a_2xx_body_of_exactly_64_kib_is_read_whole_and_the_connection_kept() {
    let receiver = Receiver::start(|_| Reply::body(200, vec![b'x'; ANSWER_BYTES])).await;
    let world = World::new();
    for _ in 0..2 {
        let record = world.send_to(&receiver).await;
        assert_eq!(
            (record.outcome, record.answer.body_bytes),
            (Outcome::Status(200), ANSWER_BYTES as u64)
        );
    }
    assert_eq!(receiver.seen().opened, 1);
}

#[tokio::test]
async fn w18_redirects_are_not_followed() {
    let elsewhere = Receiver::start(|_| Reply::status(200)).await;
    for status in [301, 302, 303, 307, 308] {
        let to = elsewhere.url("/");
        let receiver =
            Receiver::start(move |_| Reply::status(status).header("location", &to)).await;
        let record = World::new().send_to(&receiver).await;
        assert_eq!(
            (record.outcome, record.outcome.class()),
            (Outcome::Status(status), "redirect")
        );
        assert!(String::from_utf8_lossy(&record.answer.headers).contains("location: http://127."));
    }
    assert_eq!(elsewhere.seen().opened, 0);
}

#[tokio::test]
async fn a_switch_of_protocols_is_a_failure_and_closes() {
    let head =
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    let receiver = Receiver::start(move |_| Reply::raw(head).then(Step::Hang)).await;
    let record = World::new().send_to(&receiver).await;
    assert_eq!(record.outcome, Outcome::Status(101));
    receiver.until(|seen| seen.closed == 1).await;
}

#[tokio::test]
async fn what_is_kept_of_an_answer() {
    let long = vec![b'y'; 20_000];
    let record = answered(
        Reply::body(500, long.clone())
            .header("x-b", "2")
            .header("x-a", "1"),
    )
    .await;
    assert_eq!(record.answer.body.len(), KEPT_ANSWER_FAILURE);
    assert_eq!(record.answer.body_bytes, 20_000);
    assert_eq!(
        &*record.answer.headers,
        b"content-length: 20000\nx-b: 2\nx-a: 1"
    );
    let record = answered(Reply::body(200, long)).await;
    assert_eq!(
        (record.answer.body.len(), record.answer.body_bytes),
        (KEPT_ANSWER_SUCCESS, 20_000)
    );
    // Never decoded, whatever it says it is.
    let record =
        answered(Reply::body(400, b"\x1f\x8b\0\xff".to_vec()).header("content-encoding", "gzip"))
            .await;
    assert_eq!(&*record.answer.body, b"\x1f\x8b\0\xff");
}

#[tokio::test]
async fn no_connection() {
    // A socket that is bound and does not listen.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = format!("http://{}/", bound.local_addr().unwrap());
    let refused = World::new().send(&free).await;
    assert_eq!(
        refused.outcome,
        failed(Failure::Refused),
        "{}",
        refused.detail
    );
    assert!(refused.peer.is_some() && !refused.vomo_signature.is_empty());
}

#[tokio::test]
async fn egress_rules_refuse_before_any_connection() {
    let receiver = Receiver::start(|_| Reply::status(200)).await;
    let port = receiver.address.port();
    let check = async |url: String, rules: EgressRules, says: &str| {
        let record = World::with(Setting {
            rules,
            ..Setting::default()
        })
        .send(&url)
        .await;
        assert_eq!(record.outcome, failed(Failure::EgressDenied), "{url}");
        assert!(record.detail.contains(says), "{url}: {}", record.detail);
        assert_eq!(record.peer, None);
    };
    let open = || Setting::default().rules;
    check(
        receiver.url("/"),
        EgressRules::default(),
        "is a loopback address",
    )
    .await;
    check(
        format!("http://localhost:{port}/"),
        EgressRules::default(),
        "127.0.0.1 is a loopback address. To allow it and what else the name leads to",
    )
    .await;
    check(
        receiver.url("/"),
        EgressRules {
            allow_http: false,
            ..open()
        },
        "egress.allow_http",
    )
    .await;
    check(
        receiver.url("/"),
        EgressRules {
            closed_ports: vec![port],
            ..open()
        },
        "is closed here",
    )
    .await;
    check("http://127.0.0.1:22/".to_owned(), open(), "is not allowed").await;
    check(
        "http://169.254.169.254/latest".to_owned(),
        open(),
        "metadata",
    )
    .await;
    assert_eq!(receiver.seen().opened, 0);
}
