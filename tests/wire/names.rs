//! Names: looked up as rarely as their answers allow, every address vetted, and a silent name server is no try.

use crate::name_server::NameServer;
use crate::receiver::{Receiver, Reply};
use crate::world::{Setting, World};
use hickory_resolver::proto::op::ResponseCode;
use std::net::IpAddr;
use std::time::Duration;
use tidings::engine::resolver::{LookupError, Probe};
use tidings_core::outcome::{Failure, Outcome, OwnFault};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

fn zone(name: &str) -> Option<Result<Vec<IpAddr>, ResponseCode>> {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    match name {
        "hook.example." => Some(Ok(vec![ip("127.0.0.1")])),
        "two.example." => Some(Ok(vec![ip("127.0.0.2"), ip("127.0.0.1")])),
        "both.example." => Some(Ok(vec![ip("::1"), ip("127.0.0.1")])),
        "mixed.example." => Some(Ok(vec![ip("127.0.0.1"), ip("10.0.0.7")])),
        "broken.example." => Some(Err(ResponseCode::ServFail)),
        "silent.example." => None,
        _ => Some(Err(ResponseCode::NXDomain)),
    }
}

async fn world(server: &NameServer) -> World {
    World::with(Setting {
        resolver: server.resolver(),
        ..Setting::default()
    })
}

#[tokio::test]
async fn a_name_is_asked_for_once_and_not_at_all_over_a_kept_connection() {
    let (server, receiver) = (
        NameServer::start(zone).await,
        Receiver::start(|_| Reply::status(200)).await,
    );
    let world = world(&server).await;
    let url = format!("http://hook.example:{}/", receiver.address.port());
    let first = world.send(&url).await;
    assert_eq!(first.outcome, Outcome::Status(200), "{}", first.detail);
    assert!(first.timing.dns.is_some() && first.timing.connect.is_some());
    assert_eq!(
        receiver.only().header("host"),
        format!("hook.example:{}", receiver.address.port())
    );
    let second = world.send(&url).await;
    assert_eq!((second.timing.dns, second.timing.connect), (None, None));
    assert_eq!(
        server.questions_for("hook.example."),
        2,
        "A and AAAA, once each"
    );
}

#[tokio::test]
async fn an_address_that_refuses_is_not_the_last_word() {
    let (server, receiver) = (
        NameServer::start(zone).await,
        Receiver::start(|_| Reply::status(200)).await,
    );
    let record = world(&server)
        .await
        .send(&format!("http://both.example:{}/", receiver.address.port()))
        .await;
    assert_eq!(
        (record.outcome, record.peer),
        (Outcome::Status(200), Some(receiver.address))
    );
}

/// A listener whose queue is full: the first packet of a new connection is dropped there, as on a bad line. The queue
/// is emptied by accepting.
async fn deaf(address: &str, port: u16) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket
        .bind(format!("{address}:{port}").parse().unwrap())
        .unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(at)).await {
        queued.push(stream.unwrap());
    }
    (listener, queued)
}

#[tokio::test]
async fn an_address_that_is_silent_has_a_head_start_of_250_ms() {
    let (server, receiver) = (
        NameServer::start(zone).await,
        Receiver::start(|_| Reply::status(200)).await,
    );
    let port = receiver.address.port();
    let _silent = deaf("127.0.0.2", port).await;
    let record = world(&server)
        .await
        .send(&format!("http://two.example:{port}/"))
        .await;
    assert_eq!(
        (record.outcome, record.peer),
        (Outcome::Status(200), Some(receiver.address))
    );
    let connect = record.timing.connect.unwrap();
    assert!(connect >= Duration::from_millis(250), "{connect:?}");
}

#[tokio::test]
async fn a_lost_first_packet_costs_a_second_and_no_try() {
    let server = NameServer::start(zone).await;
    let (listener, _queued) = deaf("127.0.0.1", 0).await;
    let port = listener.local_addr().unwrap().port();
    let answers = async {
        // sleeps: the first packet has to be lost, and nothing says when it was
        tokio::time::sleep(Duration::from_millis(300)).await;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    };
    // Its other address, ::1, refuses.
    let url = format!("http://both.example:{port}/");
    let world = world(&server).await;
    let record = tokio::select! {
        record = world.send(&url) => record,
        () = answers => unreachable!(),
    };
    assert_eq!(record.outcome, Outcome::Status(204), "{}", record.detail);
    assert!(record.timing.connect.unwrap() >= Duration::from_secs(1));
}

#[tokio::test]
async fn one_closed_address_among_a_names_refuses_the_attempt() {
    let (server, receiver) = (
        NameServer::start(zone).await,
        Receiver::start(|_| Reply::status(200)).await,
    );
    let record = world(&server)
        .await
        .send(&format!(
            "http://mixed.example:{}/",
            receiver.address.port()
        ))
        .await;
    assert_eq!(record.outcome, Outcome::Failed(Failure::EgressDenied));
    assert!(record.detail.contains("10.0.0.7"), "{}", record.detail);
    assert_eq!(receiver.seen().opened, 0);
}

#[tokio::test]
async fn w20_an_unknown_host_counts_and_so_does_one_whose_own_servers_are_broken() {
    let server = NameServer::start(zone).await;
    let world = world(&server).await;
    for name in ["nowhere.example", "broken.example"] {
        let record = world.send(&format!("http://{name}/")).await;
        assert_eq!(
            record.outcome,
            Outcome::Failed(Failure::Dns),
            "{name}: {}",
            record.detail
        );
        assert!(!record.detail.is_empty());
    }
}

#[tokio::test]
async fn w20_name_servers_that_do_not_answer_are_our_fault() {
    let server = NameServer::start(|_| None).await;
    let record = world(&server).await.send("http://hook.example/").await;
    assert_eq!(
        record.outcome,
        Outcome::OwnFault(OwnFault::Network),
        "{}",
        record.detail
    );
    assert_eq!(server.resolver().probe().await, Probe::Silent);
}

#[tokio::test]
async fn w20_most_of_twenty_hosts_unknown_at_once_is_our_fault() {
    let server = NameServer::start(zone).await;
    let world = world(&server).await;
    for number in 1..20 {
        let record = world.send(&format!("http://gone-{number}.example/")).await;
        assert_eq!(
            record.outcome,
            Outcome::Failed(Failure::Dns),
            "host {number}"
        );
    }
    let record = world.send("http://gone-20.example/").await;
    assert_eq!(record.outcome, Outcome::OwnFault(OwnFault::Network));
}

#[tokio::test]
async fn names_of_this_host_need_no_name_server() {
    let server = NameServer::start(|_| None).await;
    let found = server.resolver().lookup("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback));
}

#[tokio::test]
async fn lookups_say_what_is_wrong() {
    let server = NameServer::start(zone).await;
    let resolver = server.resolver();
    let none = resolver.lookup("nowhere.example").await;
    assert_eq!(
        none,
        Err(LookupError::NoAddress(
            "there is no name nowhere.example".to_owned()
        ))
    );
    assert!(matches!(
        resolver.lookup("broken.example").await,
        Err(LookupError::NoAnswer(_))
    ));
    assert!(matches!(
        resolver.lookup("silent.example").await,
        Err(LookupError::NoAnswer(_))
    ));
    assert_eq!(resolver.probe().await, Probe::Answers);
}
