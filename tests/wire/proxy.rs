//! `egress.proxy`: everything goes through the tunnel that the operator named, and nothing past it.

use crate::authority::{Authority, Offer};
use crate::receiver::{Receiver, Reply};
use crate::world::{Setting, World};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tidings::engine::resolver::Resolver;
use tidings::engine::sender::Proxy;
use tidings_core::outcome::{Failure, Outcome, OwnFault};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

/// A proxy on a loopback port. Whatever is asked for leads to one place.
struct StubProxy {
    address: SocketAddr,
    /// The heads of what was asked.
    asked: Arc<Mutex<Vec<String>>>,
}

impl StubProxy {
    /// One that answers with `answer`, and after a 200 leads to `target`.
    async fn start(answer: &'static str, target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(serve(stream, answer, target, seen));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &str,
    target: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    stream.write_all(answer.as_bytes()).await.unwrap();
    if answer.contains(" 200 ") {
        let mut target = TcpStream::connect(target).await.unwrap();
        let _ended = copy_bidirectional(&mut stream, &mut target).await;
    }
}

const OPEN: &str = "HTTP/1.1 200 Connection established\r\nvia: stub\r\n\r\n";

fn through(address: SocketAddr, credentials: Option<&str>) -> Setting {
    Setting {
        // Nobody answers there: what is looked up here is not found.
        resolver: Resolver::with_servers(&[([127, 0, 0, 1], 9).into()]).unwrap(),
        proxy: Some(Proxy {
            address: format!("http://{address}").parse().unwrap(),
            credentials: credentials.map(|text| Zeroizing::new(text.to_owned())),
        }),
        ..Setting::default()
    }
}

#[tokio::test]
async fn a_request_goes_through_the_proxy_which_looks_the_name_up() {
    let receiver = Receiver::start(|_| Reply::status(200)).await;
    let proxy = StubProxy::start(OPEN, receiver.address).await;
    let world = World::with(through(proxy.address, Some("user:secret")));
    for _ in 0..2 {
        let record = world.send("http://hook.example:8080/in?token=t").await;
        assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
        assert_eq!(record.peer, Some(proxy.address));
    }
    let request = &receiver.seen().requests[0];
    assert_eq!(request.line, "POST /in?token=t HTTP/1.1");
    assert_eq!(request.header("host"), "hook.example:8080");
    let request = String::from_utf8_lossy(&request.head).to_ascii_lowercase();
    assert!(!request.contains("proxy-authorization"), "{request}");
    // The second one went over the tunnel that was there.
    assert_eq!(
        proxy.asked(),
        [
            "CONNECT hook.example:8080 HTTP/1.1\r\nHost: hook.example:8080\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
        ]
    );
}

#[tokio::test]
async fn tls_is_spoken_with_the_target_and_not_with_the_proxy() {
    let authority = Authority::new("Tidings test");
    let receiver = Receiver::secure(authority.serve("hook.example", Offer::Http1), |_| {
        Reply::status(200)
    })
    .await;
    let proxy = StubProxy::start(OPEN, receiver.address).await;
    let setting = Setting {
        extra_ca: vec![authority.certificate()],
        ..through(proxy.address, None)
    };
    let record = World::with(setting).send("https://hook.example/in").await;
    assert_eq!(record.outcome, Outcome::Status(200), "{}", record.detail);
    assert_eq!(
        proxy.asked(),
        ["CONNECT hook.example:443 HTTP/1.1\r\nHost: hook.example:443\r\n\r\n"]
    );
}

#[tokio::test]
async fn w20_what_the_proxy_says_is_ours_or_theirs() {
    let ours = Outcome::OwnFault(OwnFault::Network);
    for (answer, wanted) in [
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            Outcome::Failed(Failure::EgressDenied),
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            Outcome::Failed(Failure::Unreachable),
        ),
        (
            "HTTP/1.1 504 Gateway Timeout\r\n\r\n",
            Outcome::Failed(Failure::Unreachable),
        ),
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ours),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", ours),
        ("", Outcome::Failed(Failure::Unreachable)),
    ] {
        let proxy = StubProxy::start(answer, ([127, 0, 0, 1], 9).into()).await;
        let record = World::with(through(proxy.address, None))
            .send("https://hook.example/")
            .await;
        assert_eq!(record.outcome, wanted, "{answer}: {}", record.detail);
        assert!(record.detail.contains("proxy"), "{}", record.detail);
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let record = World::with(through(nobody, None))
        .send("https://hook.example/")
        .await;
    assert_eq!(record.outcome, ours, "{}", record.detail);
}

#[tokio::test]
async fn a_proxy_whose_answer_does_not_end_is_left() {
    let long: &'static str = Box::leak("x: y\r\n".repeat(2_000).into_boxed_str());
    let proxy = StubProxy::start(long, ([127, 0, 0, 1], 9).into()).await;
    let record = World::with(through(proxy.address, None))
        .send("https://hook.example/")
        .await;
    assert_eq!(record.outcome, Outcome::Failed(Failure::Unreachable));
}

#[tokio::test]
async fn s1_what_the_url_alone_gives_away_is_refused_before_the_proxy_is_asked() {
    let proxy = StubProxy::start(OPEN, ([127, 0, 0, 1], 9).into()).await;
    let world = World::with(through(proxy.address, None));
    for url in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://[fd00::1]/",
        "http://hook.example:22/",
    ] {
        let record = world.send(url).await;
        assert_eq!(
            record.outcome,
            Outcome::Failed(Failure::EgressDenied),
            "{url}"
        );
    }
    assert!(proxy.asked().is_empty());
}
