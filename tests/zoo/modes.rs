//! The kinds of receivers, as data: what each does, and what its attempts must come to.

use crate::authority::{Authority, Offer};
use crate::h2;
use crate::outside::{self, Outside};
use crate::receiver::{Receiver, Reply, Step};
use rustls::ServerConfig;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::outcome::{Failure, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One kind.
pub struct Mode {
    pub name: &'static str,
    /// Any of these is right: where two things break, which is met first is chance.
    pub wanted: Vec<Outcome>,
    /// It sends as much as it can.
    pub is_hungry: bool,
    pub beast: Beast,
}

/// How it does it.
pub enum Beast {
    /// Reads a request and replies.
    Script(Reply),
    /// The same under TLS, with this configuration.
    Secure(Box<ServerConfig>, Reply),
    /// Has the bare connection.
    Bare(fn(TcpStream) -> Doing),
    /// The same where TLS is expected.
    NoTls(fn(TcpStream) -> Doing),
    /// Shakes hands and then speaks broken HTTP/2.
    Http2(fn(h2::Peer) -> Doing),
    /// Loses what comes after the connection is made.
    HalfOpen,
}

/// A kind that listens.
pub struct Site {
    pub url: String,
    pub port: u16,
    _held: Held,
}

#[allow(dead_code, reason = "held, not looked at")]
enum Held {
    Receiver(Receiver),
    Outside(Outside),
    Nothing,
}

impl Mode {
    fn new(name: &'static str, wanted: Outcome, beast: Beast) -> Self {
        Self {
            name,
            wanted: vec![wanted],
            is_hungry: false,
            beast,
        }
    }

    fn or(mut self, wanted: Outcome) -> Self {
        self.wanted.push(wanted);
        self
    }

    fn hungry(mut self) -> Self {
        self.is_hungry = true;
        self
    }

    /// Listens, in the runtime of the caller.
    pub async fn open(&self, authority: &Authority) -> Site {
        match &self.beast {
            Beast::Script(reply) => {
                let reply = reply.clone();
                let receiver = Receiver::start(move |_| reply.clone()).await;
                Site {
                    port: receiver.address.port(),
                    url: receiver.url("/hook"),
                    _held: Held::Receiver(receiver),
                }
            }
            Beast::Secure(config, reply) => {
                let reply = reply.clone();
                let receiver = Receiver::secure((**config).clone(), move |_| reply.clone()).await;
                Site {
                    port: receiver.address.port(),
                    url: receiver.named_url("localhost", "/hook"),
                    _held: Held::Receiver(receiver),
                }
            }
            Beast::Bare(doing) => listen("http", *doing).await,
            Beast::NoTls(doing) => listen("https", *doing).await,
            Beast::Http2(doing) => {
                let config = Arc::new(authority.serve("localhost", Offer::Http2));
                let doing = *doing;
                listen("https", move |stream| {
                    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
                    Box::pin(async move {
                        let Ok(stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        if let Some(peer) = h2::Peer::meet(stream).await {
                            doing(peer).await;
                        }
                    })
                })
                .await
            }
            Beast::HalfOpen => {
                let outside = Outside::half_open();
                Site {
                    port: outside.port,
                    url: format!("http://127.0.0.1:{}/hook", outside.port),
                    _held: Held::Outside(outside),
                }
            }
        }
    }
}

/// Listens, and does this with every connection until the runtime ends.
pub async fn listen(scheme: &str, doing: impl Fn(TcpStream) -> Doing + Send + 'static) -> Site {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(doing(stream));
        }
    });
    Site {
        port,
        url: format!("{scheme}://localhost:{port}/hook"),
        _held: Held::Nothing,
    }
}

/// The head of an answer, and then.
fn head(lines: &str) -> Reply {
    Reply::raw(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"))
}

/// A byte of it a second, for longer than any attempt lasts.
fn dripping(mut reply: Reply, text: &str) -> Reply {
    for byte in text.bytes().cycle().take(10) {
        reply = reply
            .then(Step::Wait(Duration::from_secs(1)))
            .then(Step::Send(vec![byte]));
    }
    reply
}

/// Reads the request's head and no more.
async fn asked(stream: &mut TcpStream) {
    let mut head = vec![0; 1_024];
    let _first = stream.read(&mut head).await;
}

const SMALL: usize = 8 * 1024;
const FAILED: fn(Failure) -> Outcome = Outcome::Failed;
const OK: Outcome = Outcome::Status(200);

/// All that speak HTTP/1.1, or nothing, without TLS.
pub fn plain(elsewhere: &str) -> Vec<Mode> {
    let script = |name, wanted, reply| Mode::new(name, wanted, Beast::Script(reply));
    let failed = |name, failure, reply| script(name, FAILED(failure), reply);
    let status = |status| Reply::status(status);
    let (bomb, more) = outside::bomb();
    let to_inside = "http://169.254.169.254/latest/meta-data/";
    vec![
        script("ok", OK, status(200)),
        script("500", Outcome::Status(500), status(500)),
        script("410", Outcome::Status(410), status(410)),
        script("429 with Retry-After", Outcome::Status(429), status(429).header("retry-after", "3600")),
        script("503", Outcome::Status(503), status(503)),
        script("301 to the inside", Outcome::Status(301), status(301).header("location", to_inside)),
        script("307 to a witness", Outcome::Status(307), status(307).header("location", elsewhere)),
        Mode::new(
            "accepts and never reads",
            FAILED(Failure::HeaderTimeout),
            Beast::Bare(|stream| Box::pin(async move { held(stream).await })),
        ),
        failed("reads and never answers", Failure::HeaderTimeout, Reply::Raw(vec![Step::Hang])),
        failed("header, 1 byte/s", Failure::HeaderTimeout, dripping(Reply::Raw(Vec::new()), "HTTP/1.1 200 OK")),
        failed("body, 1 byte/s", Failure::BodyTimeout, dripping(head("content-length: 100\r\n"), "x")),
        failed("header, then silence", Failure::BodyTimeout, head("content-length: 100\r\n").then(Step::Hang)),
        script("endless body at full speed", OK, head("").then(Step::Endless(vec![b'x'; SMALL]))).hungry(),
        script("endless chunks at full speed", OK, head("transfer-encoding: chunked\r\n").then(Step::Endless(b"5\r\nabcde\r\n".repeat(500)))).hungry(),
        failed("endless headers", Failure::TooLarge, Reply::raw("HTTP/1.1 200 OK\r\n").then(Step::Endless(b"x-a: 1\r\n".repeat(500)))).hungry(),
        failed("10,000 headers", Failure::TooLarge, Reply::raw("HTTP/1.1 200 OK\r\n").then(Step::Repeat(b"x-a: 1\r\n".repeat(100), 100)).then(Step::Send(b"\r\n".to_vec()))).hungry(),
        failed("1 MB header line", Failure::TooLarge, Reply::raw("HTTP/1.1 200 OK\r\nx: ").then(Step::Repeat(vec![b'v'; 10_000], 100)).then(Step::Send(b"\r\n\r\n".to_vec()))).hungry(),
        failed("1 MB status line", Failure::TooLarge, Reply::raw("HTTP/1.1 200 ").then(Step::Repeat(vec![b'v'; 10_000], 100)).then(Step::Send(b"\r\n\r\n".to_vec()))).hungry(),
        script("Content-Length too short", OK, head("content-length: 3\r\n").then(Step::Send(b"abcdefg".to_vec()))),
        failed("Content-Length too long", Failure::ResetInBody, head("content-length: 30\r\n").then(Step::Send(b"abc".to_vec())).then(Step::Close)),
        failed("two Content-Lengths", Failure::Protocol, head("content-length: 3\r\ncontent-length: 4\r\n").then(Step::Send(b"abcd".to_vec()))),
        script("Transfer-Encoding and Content-Length", OK, head("transfer-encoding: chunked\r\ncontent-length: 3\r\n").then(Step::Send(b"0\r\n\r\n".to_vec()))),
        failed("bad chunk size", Failure::Protocol, head("transfer-encoding: chunked\r\n").then(Step::Send(b"5g\r\nabcde\r\n".to_vec()))),
        failed("chunk size that overflows", Failure::Protocol, head("transfer-encoding: chunked\r\n").then(Step::Send(b"ffffffffffffffffff\r\n".to_vec()))),
        Mode::new(
            "RST after accept",
            FAILED(Failure::ResetBeforeHeaders),
            Beast::Bare(|stream| Box::pin(async move { stream.set_zero_linger().unwrap() })),
        ),
        failed("RST in the body", Failure::ResetInBody, head("content-length: 30\r\n").then(Step::Send(b"abc".to_vec())).then(Step::Wait(Duration::from_millis(50))).then(Step::Reset)),
        failed("FIN before the answer", Failure::ResetBeforeHeaders, Reply::Raw(vec![Step::Close])),
        Mode::new(
            "FIN before the request",
            FAILED(Failure::ResetBeforeHeaders),
            Beast::Bare(|mut stream| Box::pin(async move { drop(stream.shutdown().await) })),
        ),
        Mode::new("half-open", FAILED(Failure::HeaderTimeout), Beast::HalfOpen),
        failed("HTTP/0.9 text", Failure::Protocol, Reply::raw("<html>hello</html>\n").then(Step::Close)),
        script("gzip bomb, 10 MB for 10 GB", OK, head("content-encoding: gzip\r\n").then(Step::Send(bomb)).then(Step::Repeat(more, 1_023)).then(Step::Close)).hungry(),
        script("headers that are not ASCII", OK, Reply::Raw(vec![Step::Send(b"HTTP/1.1 200 Gr\xfc\xdf Gott\r\nx-\x2d: \xff\xfe\x80 \xe2\x98\x83\r\ncontent-length: 0\r\n\r\n".to_vec())])),
        failed("header names that are not ASCII", Failure::Protocol, Reply::Raw(vec![Step::Send(b"HTTP/1.1 200 OK\r\nx-\xff\xfe: 1\r\ncontent-length: 0\r\n\r\n".to_vec())])),
        failed("100,000 interim answers", Failure::TooLarge, Reply::Raw(vec![Step::Repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100), 1_000)]).then(Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()))).hungry(),
        failed("trailers without end", Failure::TooLarge, head("transfer-encoding: chunked\r\n").then(Step::Send(b"0\r\n".to_vec())).then(Step::Endless(b"x-a: 1\r\n".repeat(500)))).hungry(),
        failed("chunk extensions without end", Failure::TooLarge, head("transfer-encoding: chunked\r\n").then(Step::Send(b"5;a=".to_vec())).then(Step::Endless(vec![b'b'; SMALL]))).hungry(),
        failed("trailers, 1 byte/s", Failure::BodyTimeout, dripping(head("transfer-encoding: chunked\r\n").then(Step::Send(b"0\r\n".to_vec())), "x")),
        Mode::new(
            "answers endlessly before the request",
            OK,
            Beast::Bare(|mut stream| {
                Box::pin(async move {
                    let body = vec![b'x'; SMALL];
                    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    while stream.write_all(&body).await.is_ok() {}
                })
            }),
        )
        .or(FAILED(Failure::ResetInBody))
        .hungry(),
        Mode::new(
            "RST in the header",
            FAILED(Failure::ResetBeforeHeaders),
            Beast::Bare(|mut stream| {
                Box::pin(async move {
                    asked(&mut stream).await;
                    let _gone = stream.write_all(b"HTTP/1.1 200 O").await;
                    stream.set_zero_linger().unwrap();
                })
            }),
        ),
    ]
}

/// Holds a connection without a look at it, until the runtime ends.
async fn held(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// TLS that does not come about, and the good one beside it.
pub fn secure(authority: &Authority) -> Vec<Mode> {
    let reply = || Reply::status(200);
    let good = |offer| authority.serve("localhost", offer);
    let secure = |config, reply| Beast::Secure(Box::new(config), reply);
    let tls = FAILED(Failure::Tls);
    let stranger = Authority::new("Stranger");
    let endless = head("").then(Step::Endless(vec![b'x'; SMALL]));
    vec![
        Mode::new("TLS: ok", OK, secure(good(Offer::Http1), reply())),
        Mode::new("TLS: ok, HTTP/2", OK, secure(good(Offer::Http2), reply())),
        Mode::new(
            "TLS: expired",
            tls,
            secure(authority.serve_expired("localhost"), reply()),
        ),
        Mode::new(
            "TLS: wrong name",
            tls,
            secure(authority.serve("example.com", Offer::Http1), reply()),
        ),
        Mode::new(
            "TLS: self-signed",
            tls,
            secure(crate::tls::self_signed("localhost"), reply()),
        ),
        Mode::new(
            "TLS: unknown authority",
            tls,
            secure(stranger.serve("localhost", Offer::Http1), reply()),
        ),
        Mode::new(
            "TLS: a version we do not speak",
            tls,
            Beast::NoTls(|stream| Box::pin(crate::tls::old_hello(stream, [3, 1]))),
        ),
        Mode::new(
            "TLS: not TLS",
            tls,
            Beast::NoTls(|mut stream| {
                Box::pin(async move {
                    let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                    held(stream).await;
                })
            }),
        ),
        Mode::new(
            "TLS: handshake stalls",
            FAILED(Failure::ConnectTimeout),
            Beast::NoTls(|stream| Box::pin(held(stream))),
        ),
        Mode::new(
            "TLS: handshake floods",
            tls,
            Beast::NoTls(|stream| Box::pin(crate::tls::flooding(stream))),
        )
        .hungry(),
        Mode::new(
            "TLS: closed in the handshake",
            tls,
            Beast::NoTls(|mut stream| {
                Box::pin(async move {
                    asked(&mut stream).await;
                })
            }),
        ),
        Mode::new(
            "TLS: endless body at full speed",
            OK,
            secure(good(Offer::Http1), endless),
        )
        .hungry(),
    ]
}
