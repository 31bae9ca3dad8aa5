//! Connections: kept, shared, closed; a receiver that closes kept ones costs no try.

use crate::authority::{Authority, Offer};
use crate::receiver::{Receiver, Reply, Request, Step};
use crate::world::{Setting, World};
use std::net::IpAddr;
use std::time::Duration;
use tidings::engine::sender::Dialer;
use tidings_core::outcome::{Failure, Outcome};
use tokio::net::TcpListener;

#[tokio::test]
async fn endpoints_of_one_host_share_connections() {
    let receiver = Receiver::start(|_| Reply::body(200, "ok")).await;
    let world = World::new();
    for number in 1..=20 {
        let endpoint = world.endpoint(number, &receiver.url(&format!("/{number}")));
        let record = world.attempt(&endpoint).await;
        assert_eq!(record.outcome, Outcome::Status(200));
        assert_eq!(record.peer, Some(receiver.address));
        assert_eq!(
            record.timing.connect.is_some(),
            number == 1,
            "only the first one connects"
        );
    }
    assert_eq!(receiver.seen().opened, 1);
}

#[tokio::test]
async fn attempts_at_once_do_not_wait_for_each_other() {
    let receiver = Receiver::start(|_| Reply::status(200).after(Duration::from_millis(300))).await;
    let world = World::new();
    let endpoint = world.endpoint(1, &receiver.url("/"));
    let attempt = || world.attempt(&endpoint);
    let (a, b, c) = tokio::join!(attempt(), attempt(), attempt());
    for record in [a, b, c] {
        assert_eq!(record.outcome, Outcome::Status(200));
        assert!(record.timing.total < Duration::from_millis(900));
    }
    assert_eq!(receiver.seen().opened, 3);
}

#[tokio::test]
async fn requests_leave_from_the_address_that_is_set_and_only_from_one_of_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let ours: IpAddr = "127.0.0.2".parse().unwrap();
    let world = World::with(Setting {
        dialer: Dialer::tcp_from(&[ours, "::1".parse().unwrap()]).unwrap(),
        ..Setting::default()
    });
    let accepted = async { listener.accept().await.unwrap().1.ip() };
    let (_unanswered, seen) = tokio::join!(world.send(&url), accepted);
    assert_eq!(seen, ours);
    let theirs: IpAddr = "192.0.2.1".parse().unwrap();
    let (refused, _) = Dialer::tcp_from(&[ours, theirs]).err().unwrap();
    assert_eq!(refused, theirs);
}

#[tokio::test]
async fn connection_close_is_honoured() {
    let receiver = Receiver::start(|_| Reply::status(200).header("connection", "close")).await;
    let world = World::new();
    for wanted in 1..=3 {
        assert_eq!(world.send_to(&receiver).await.outcome, Outcome::Status(200));
        assert_eq!(receiver.seen().opened, wanted);
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_try() {
    for step in [Step::Close, Step::Reset] {
        // It closes after the connection went back to be kept.
        let reply = Reply::status(204)
            .then(Step::Wait(Duration::from_millis(50)))
            .then(step);
        let receiver = Receiver::start(move |_| reply.clone()).await;
        let world = World::new();
        for number in 1..=5 {
            let record = world.send_to(&receiver).await;
            assert_eq!(
                record.outcome,
                Outcome::Status(204),
                "try {number}: {}",
                record.detail
            );
            receiver.until(|seen| seen.closed == number).await;
            // sleeps: the closing has to travel to the other end of the connection
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(receiver.seen().opened, 5);
    }
}

#[tokio::test]
async fn an_unasked_answer_on_a_kept_connection_is_never_taken_for_the_next_one() {
    let receiver = Receiver::start(|request| match request.connection {
        0 => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"),
        _ => Reply::status(202),
    })
    .await;
    let world = World::new();
    assert_eq!(world.send_to(&receiver).await.outcome, Outcome::Status(200));
    assert_eq!(world.send_to(&receiver).await.outcome, Outcome::Status(202));
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_request_is_one_failed_try_and_nothing_is_sent_again() {
    let receiver = Receiver::start(|request| match request.body.is_empty() {
        true => Reply::status(200),
        false => Reply::Raw(vec![Step::Close]),
    })
    .await;
    let record = World::new().send_to(&receiver).await;
    assert_eq!(record.outcome.class(), "reset_before_headers");
    assert_eq!(
        (receiver.seen().requests.len(), receiver.seen().opened),
        (1, 1)
    );
}

#[tokio::test]
async fn idle_connections_are_closed_after_four_seconds_and_never_more_than_the_cap_are_kept() {
    let receiver = Receiver::start(|_| Reply::status(200).after(Duration::from_millis(100))).await;
    let world = World::with(Setting {
        idle_connections: 2,
        ..Setting::default()
    });
    let endpoint = world.endpoint(1, &receiver.url("/"));
    let attempt = || world.attempt(&endpoint);
    tokio::join!(attempt(), attempt(), attempt(), attempt());
    let seen = receiver.until(|seen| seen.closed == 2).await;
    assert_eq!(seen.opened, 4);
    receiver.until(|seen| seen.closed == 4).await;
}

/// A receiver with HTTP/2, a world that trusts it, and its URL.
async fn http_2(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Receiver, World, String) {
    let authority = Authority::new("Tidings test");
    let receiver = Receiver::secure(authority.serve("localhost", Offer::Http2), script).await;
    let extra_ca = vec![authority.certificate()];
    let world = World::with(Setting {
        extra_ca,
        ..Setting::default()
    });
    let url = receiver.named_url("localhost", "/");
    (receiver, world, url)
}

#[tokio::test]
async fn http_2_connections_are_shared_by_attempts_at_once() {
    let (receiver, world, url) =
        http_2(|_| Reply::status(200).after(Duration::from_millis(100))).await;
    let endpoint = world.endpoint(1, &url);
    let attempt = || world.attempt(&endpoint);
    assert_eq!(attempt().await.outcome, Outcome::Status(200));
    let (a, b, c) = tokio::join!(attempt(), attempt(), attempt());
    for record in [a, b, c] {
        assert_eq!(
            (record.outcome, record.timing.tls),
            (Outcome::Status(200), None)
        );
    }
    assert_eq!(
        (receiver.seen().opened, receiver.seen().requests.len()),
        (1, 4)
    );
}

#[tokio::test]
async fn an_http_2_receiver_that_leaves_in_order_costs_no_try() {
    let (receiver, world, url) = http_2(|_| Reply::status(200).header("connection", "close")).await;
    for number in 1..=20 {
        let record = world.send(&url).await;
        assert_eq!(
            record.outcome,
            Outcome::Status(200),
            "try {number}: {}",
            record.detail
        );
    }
    assert_eq!(receiver.seen().requests.len(), 20, "nothing is sent twice");
}

#[tokio::test]
async fn an_http_2_connection_on_which_an_attempt_hung_is_used_no_more() {
    let (receiver, world, url) = http_2(|request| match request.line.contains("hang") {
        true => Reply::Raw(vec![Step::Hang]),
        false => Reply::status(200),
    })
    .await;
    assert_eq!(world.send(&url).await.outcome, Outcome::Status(200));
    let hung = world.send(&format!("{url}hang")).await;
    assert_eq!(hung.outcome, Outcome::Failed(Failure::HeaderTimeout));
    assert_eq!(receiver.seen().opened, 1);
    assert_eq!(world.send(&url).await.outcome, Outcome::Status(200));
    assert_eq!(receiver.seen().opened, 2);
}

#[tokio::test]
async fn w17_a_large_2xx_over_http_2_is_success() {
    let (_receiver, world, url) = http_2(|_| Reply::body(200, vec![b'x'; 200_000])).await;
    let record = world.send(&url).await;
    assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
    assert_eq!(record.answer.body.len(), 1_024);
}

#[tokio::test]
async fn w22_an_endpoint_that_times_out_takes_no_connection_from_others_of_its_origin() {
    let receiver = Receiver::start(|_| Reply::status(204)).await;
    let world = World::new();
    let slow = world.endpoint(1, &receiver.url("/slow"));
    world.job(&slow).reservation.learn(true);
    world.send_to(&receiver).await;
    assert_eq!(receiver.seen().opened, 1);
    assert_eq!(world.attempt(&slow).await.outcome, Outcome::Status(204));
    assert_eq!(receiver.seen().opened, 2, "one of its own");
    world.send_to(&receiver).await;
    assert_eq!(receiver.seen().opened, 2, "kept ones are used as ever");
}
