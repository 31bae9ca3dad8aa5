//! S14: slow and greedy clients cannot hold the door; a stop answers what is in flight. Limits are short here.

use super::world::{World, status_of};
use std::time::Duration;
use tidings::clock::Clock;
use tidings::http::{BodyPace, ConnectionLimits, PhaseLimits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(100);

async fn hasty() -> World {
    let pace = BodyPace {
        total: 4 * SHORT,
        grace: SHORT,
        rate: 1_024,
    };
    let limits = ConnectionLimits {
        total: 3,
        phases: PhaseLimits {
            first_byte: SHORT,
            head: SHORT,
            answer: SHORT,
            stream: Duration::from_millis(600),
            idle: SHORT,
            stranger_idle: SHORT,
            linger: SHORT,
            connection: Duration::MAX,
        },
        ..ConnectionLimits::default()
    };
    World::with(Clock::system(), pace, limits).await
}

/// What comes back until the server ends the connection; that it ends at all is what is asked.
async fn until_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    let _end = read.await.expect("the server must cut the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn s14_a_silent_client_and_a_head_that_stops_are_cut() {
    let world = hasty().await;
    for sent in [
        "",
        "GET /healthz HT",
        "GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ",
    ] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(until_end(&mut stream).await, "", "{sent}");
    }
}

#[tokio::test]
async fn s14_an_idle_connection_is_closed_after_its_answer() {
    let world = hasty().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let answer = until_end(&mut stream).await;
    assert_eq!(status_of(&answer).unwrap(), 200);
}

#[tokio::test]
async fn s14_a_body_that_stops_is_answered_408() {
    let world = hasty().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{{}}{{",
        world.operator
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = until_end(&mut stream).await;
    assert_eq!(status_of(&answer).unwrap(), 408, "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn s14_no_more_connections_than_the_limit_and_their_places_come_back() {
    let world = hasty().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(world.address).await.unwrap());
    }
    // The fourth waits until silent ones are cut, and is then served.
    let answer = world
        .raw(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(status_of(&answer).unwrap(), 200);
}

/// Asks for the operator's keys over this connection; the status.
async fn ask(stream: &mut TcpStream, key: &str) -> u16 {
    let head = format!("GET /v1/keys HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    status_of(&answer).map_or(0, |status| status.as_u16())
}

#[tokio::test]
async fn s14_when_all_places_are_taken_a_stranger_gives_way_and_who_has_a_key_does_not() {
    let limits = ConnectionLimits {
        total: 3,
        ..ConnectionLimits::default()
    };
    let world = World::with(Clock::system(), BodyPace::default(), limits).await;
    let mut known = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(ask(&mut known, &world.operator).await, 200);
    let mut strangers = Vec::new();
    for key in ["unknown", "tdo_unknown"] {
        let mut stranger = TcpStream::connect(world.address).await.unwrap();
        assert_eq!(ask(&mut stranger, key).await, 401);
        strangers.push(stranger);
    }
    // Every place is taken, and each for longer than this test may last.
    let give_way = async {
        let mut held = Vec::new();
        for mut stranger in strangers {
            let mut honest = TcpStream::connect(world.address).await.unwrap();
            assert_eq!(ask(&mut honest, &world.operator).await, 200);
            assert_eq!(until_end(&mut stranger).await, "", "the oldest one went");
            held.push(honest);
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), give_way).await;
    in_time.expect("nobody waits until a stranger's time is over");
    assert_eq!(ask(&mut known, &world.operator).await, 200);
}

#[tokio::test]
async fn s14_a_pipeline_of_a_stranger_is_cut_short_and_one_with_a_key_is_answered_whole() {
    let world = World::new().await;
    let key = format!("authorization: Bearer {}\r\n", world.operator);
    for (line, last, wanted) in [("", "", 32), (key.as_str(), "connection: close\r\n", 101)] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let ask = |last: &str| {
            format!("GET /v1/event-types/project.updated HTTP/1.1\r\nhost: a\r\n{line}{last}\r\n")
        };
        let requests = ask("").repeat(100) + &ask(last);
        stream.write_all(requests.as_bytes()).await.unwrap();
        let answers = until_end(&mut stream).await;
        assert_eq!(answers.matches("HTTP/1.1 ").count(), wanted);
        assert_eq!(answers.matches("connection: close").count(), 1);
    }
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight_and_closes_what_is_idle() {
    let mut world = World::new().await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0_u8; 12];
    idle.read_exact(&mut first).await.unwrap();
    let mut busy = TcpStream::connect(world.address).await.unwrap();
    let body = r#"{"name":"A","add_ons":[]}"#;
    let head = format!(
        "PUT /v1/organizations/1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        world.operator,
        body.len()
    );
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0_u8; 25];
    busy.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    world.stop();
    until_end(&mut idle).await;
    busy.write_all(body.as_bytes()).await.unwrap();
    let answer = until_end(&mut busy).await;
    assert_eq!(status_of(&answer).unwrap(), 201, "{answer}");
    (&mut world.server).await.unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
}

/// A world whose connections last so long.
async fn lasting(connection: Duration) -> World {
    let limits = ConnectionLimits {
        phases: PhaseLimits {
            connection,
            ..PhaseLimits::default()
        },
        ..ConnectionLimits::default()
    };
    World::with(Clock::system(), BodyPace::default(), limits).await
}

/// One answer of a connection that stays open or not: its head and its body.
async fn answer_to(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert_ne!(read, 0, "the connection ended within an answer: {text}");
    }
}

fn get(path: &str, key: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\r\n")
}

const CLOSE: &str = "connection: close";

#[tokio::test]
async fn s14_a_connection_lasts_its_time_and_ends_with_a_whole_answer() {
    let lasts = 3 * SHORT;
    let world = lasting(lasts).await;
    let request = get("/v1/keys", &world.operator);
    let clock = Clock::system();
    let lasted = || Duration::from_micros(clock.monotonic().0);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    loop {
        let answer = answer_to(&mut stream, &request).await;
        assert_eq!(status_of(&answer).unwrap(), 200, "{answer}");
        if answer.contains(CLOSE) {
            break;
        }
        assert!(lasted() < Duration::from_secs(20), "it lasts for ever");
    }
    assert!(lasted() >= lasts, "{:?}", lasted());
    assert_eq!(until_end(&mut stream).await, "");
    // One that is idle then is closed, though it might be idle for a minute.
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    let answer = answer_to(&mut idle, &request).await;
    assert!(!answer.contains(CLOSE), "{answer}");
    assert_eq!(until_end(&mut idle).await, "");
}

#[tokio::test]
async fn s14_a_request_that_came_before_its_connection_s_time_is_over_is_answered() {
    let world = lasting(SHORT).await;
    let body = r#"{"name":"A","add_ons":[]}"#;
    let head = format!(
        "PUT /v1/organizations/1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        world.operator,
        body.len()
    );
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0_u8; 25];
    stream.read_exact(&mut interim).await.unwrap();
    // sleeps: its time is to be over while its body is awaited
    tokio::time::sleep(3 * SHORT).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = until_end(&mut stream).await;
    assert_eq!(status_of(&answer).unwrap(), 201, "{answer}");
    assert!(answer.contains(CLOSE), "{answer}");
}

#[tokio::test]
async fn s8_a_revoked_key_is_refused_on_an_open_connection_which_ends_with_that() {
    let world = World::new().await;
    for (unproved, status) in [("/v1/keys", 401), ("/healthz", 200), ("/v1/nothing", 404)] {
        let new = r#"{"scope":"operator","description":"short-lived"}"#;
        let made = world.send("POST", "/v1/keys", new).await.expect(201);
        let key = made["key"].as_str().unwrap().to_owned();
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        // More requests than a stranger has, so that it is known.
        for _ in 0..40 {
            let answer = answer_to(&mut stream, &get("/v1/keys", &key)).await;
            assert_eq!(status_of(&answer).unwrap(), 200, "{answer}");
        }
        // What proves nothing changes nothing while the key is in force.
        for path in ["/healthz", "/v1/nothing"] {
            let answer = answer_to(&mut stream, &get(path, "")).await;
            assert!(!answer.contains(CLOSE), "{path}: {answer}");
        }
        let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
        world.send("DELETE", &path, "").await.expect(204);
        let answer = answer_to(&mut stream, &get(unproved, &key)).await;
        assert_eq!(status_of(&answer).unwrap(), status, "{answer}");
        assert!(answer.contains(CLOSE), "{unproved}: {answer}");
        assert_eq!(until_end(&mut stream).await, "");
    }
}
