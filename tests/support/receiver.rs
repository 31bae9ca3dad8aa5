//! A real receiver on a loopback port: it keeps every request as its raw bytes and answers as its script says,
//! rightly or wrongly, over HTTP/1.1, under TLS, or with HTTP/2.
//!
//! The HTTP/1.1 side is written by hand, so that it can break every rule and hides nothing of what came in. A
//! script is asked once per request. Everything stops when the receiver is dropped.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests; each test file uses a part of it"
)]

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidings::clock::Clock;
use tidings_core::time::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio_rustls::server::TlsStream;

/// What one request gets.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer that keeps to the rules.
    Answer(Answer),
    /// Steps on the bare connection (not over HTTP/2, except [`Step::Hang`] alone).
    Raw(Vec<Step>),
}

/// An answer that keeps to the rules.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Waits so long before it answers.
    pub wait: Duration,
}

/// A step on a bare connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again until the other side closes.
    Endless(Vec<u8>),
    /// Sends these bytes so many times.
    Repeat(Vec<u8>, usize),
    /// Waits.
    Wait(Duration),
    /// Waits until the other side closes.
    Hang,
    /// Closes in order (FIN).
    Close,
    /// Closes at once (RST).
    Reset,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// The bytes up to the empty line, with it; empty over HTTP/2.
    pub head: Vec<u8>,
    /// `POST /path HTTP/1.1`, or what amounts to it.
    pub line: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection it came over, from 0.
    pub connection: usize,
    pub at: Timestamp,
}

impl Request {
    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known == name);
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} is there once: {:?}", self.headers);
        all[0]
    }
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer {
            status,
            ..Answer::default()
        })
    }

    pub fn body(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(Answer {
            status,
            body: body.into(),
            ..Answer::default()
        })
    }

    pub fn raw(text: &str) -> Self {
        Self::Raw(vec![Step::Send(text.as_bytes().to_vec())])
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer(answer) = &mut self {
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        if let Self::Answer(answer) = &mut self {
            answer.wait = wait;
        }
        self
    }

    #[must_use]
    pub fn then(self, step: Step) -> Self {
        let mut steps = match self {
            Self::Answer(answer) => vec![Step::Wait(answer.wait), Step::Send(answer.bytes())],
            Self::Raw(steps) => steps,
        };
        steps.push(step);
        Self::Raw(steps)
    }
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        if self.status >= 200 && self.status != 204 {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn closes(&self) -> bool {
        let close = |(name, value): &(String, String)| name == "connection" && value == "close";
        self.headers.iter().any(close)
    }
}

/// What was seen so far.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub requests: Vec<Request>,
    /// Connections that were opened.
    pub opened: usize,
    /// Connections that are over.
    pub closed: usize,
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

/// How connections are spoken over.
#[derive(Clone)]
enum Speech {
    Plain,
    /// HTTP/2 where the configuration's ALPN says so.
    Tls(Arc<rustls::ServerConfig>),
}

/// The receiver.
pub struct Receiver {
    pub address: SocketAddr,
    seen: watch::Receiver<Seen>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

#[derive(Clone)]
struct Serving {
    script: Arc<Script>,
    seen: Arc<watch::Sender<Seen>>,
    tasks: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Receiver {
    /// Without TLS.
    pub async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Speech::Plain, Arc::new(script)).await
    }

    /// Under TLS.
    pub async fn secure(
        config: rustls::ServerConfig,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Speech::Tls(Arc::new(config)), Arc::new(script)).await
    }

    async fn listen(speech: Speech, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = watch::channel(Seen::default());
        let tasks = Arc::new(Mutex::new(Vec::new()));
        let serving = Serving {
            script,
            seen: Arc::new(sender),
            tasks: Arc::clone(&tasks),
        };
        let accepting = tokio::spawn(accept(listener, speech, serving));
        tasks.lock().unwrap().push(accepting.abort_handle());
        Self {
            address,
            seen,
            tasks,
        }
    }

    /// A URL of this receiver.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A URL of this receiver under TLS, by name.
    pub fn named_url(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.address.port())
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// The only request so far.
    pub fn only(&self) -> Request {
        let seen = self.seen();
        assert_eq!(seen.requests.len(), 1, "one request");
        seen.requests[0].clone()
    }

    /// Waits until what was seen is as wanted.
    pub async fn until(&self, wanted: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        let waited = tokio::time::timeout(Duration::from_secs(10), seen.wait_for(wanted)).await;
        waited.expect("seen within 10 s").unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap().drain(..) {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, speech: Speech, serving: Serving) {
    let mut connection = 0;
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        serving.seen.send_modify(|seen| seen.opened += 1);
        let (speech, mine) = (speech.clone(), serving.clone());
        let task = tokio::spawn(async move {
            match speech {
                Speech::Plain => mine.converse(stream, |stream| stream, connection).await,
                Speech::Tls(config) => mine.shake_hands(config, stream, connection).await,
            }
            mine.seen.send_modify(|seen| seen.closed += 1);
        });
        serving.tasks.lock().unwrap().push(task.abort_handle());
        connection += 1;
    }
}

impl Serving {
    async fn shake_hands(
        &self,
        config: Arc<rustls::ServerConfig>,
        stream: TcpStream,
        connection: usize,
    ) {
        let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await else {
            return;
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.serve_h2(stream, connection).await;
        } else {
            self.converse(stream, |stream| stream.into_inner().0, connection)
                .await;
        }
    }

    /// An answer that says `connection: close` ends the connection in order (GOAWAY).
    async fn serve_h2(&self, stream: TlsStream<TcpStream>, connection: usize) {
        let leave = Arc::new(Notify::new());
        let (serving, leaving) = (self.clone(), Arc::clone(&leave));
        let service = hyper::service::service_fn(move |request| {
            let (serving, leaving) = (serving.clone(), Arc::clone(&leaving));
            async move {
                let mut response = serving.answer_h2(request, connection).await;
                if response.headers_mut().remove("connection").is_some() {
                    leaving.notify_one();
                }
                Ok::<_, Infallible>(response)
            }
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
        // However it ends: the tests look at what came in.
        tokio::select! {
            _ended = served.as_mut() => return,
            () = leave.notified() => served.as_mut().graceful_shutdown(),
        }
        let _ended = served.await;
    }

    async fn answer_h2(
        &self,
        request: hyper::Request<Incoming>,
        connection: usize,
    ) -> hyper::Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let authority = parts
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let mut headers = vec![(":authority".to_owned(), authority.to_owned())];
        headers.extend(
            parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value))),
        );
        let request = Request {
            head: Vec::new(),
            line: format!(
                "{} {} {:?}",
                parts.method,
                parts.uri.path_and_query().unwrap(),
                parts.version
            ),
            headers,
            body: body
                .collect()
                .await
                .map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec()),
            connection,
            at: Clock::system().now(),
        };
        let Reply::Answer(answer) = self.script_of(request) else {
            return std::future::pending().await;
        };
        // sleeps: a slow receiver is the behaviour under test
        tokio::time::sleep(answer.wait).await;
        let mut response = hyper::Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        response.body(Full::from(answer.body)).unwrap()
    }

    fn script_of(&self, request: Request) -> Reply {
        let reply = (self.script)(&request);
        self.seen.send_modify(|seen| seen.requests.push(request));
        reply
    }

    /// Requests and answers on one connection, until one side is done. `bare` gives the socket below.
    async fn converse<S>(&self, mut stream: S, bare: impl FnOnce(S) -> TcpStream, connection: usize)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut buffer, connection).await {
            let steps = match self.script_of(request) {
                Reply::Raw(steps) => steps,
                Reply::Answer(answer) => {
                    let mut steps = vec![Step::Wait(answer.wait), Step::Send(answer.bytes())];
                    steps.extend(answer.closes().then_some(Step::Close));
                    steps
                }
            };
            for step in steps {
                match step {
                    Step::Reset => {
                        bare(stream).set_zero_linger().unwrap();
                        return;
                    }
                    step => {
                        if !perform(&mut stream, step).await {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// Performs one step; whether the connection goes on.
async fn perform<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, step: Step) -> bool {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok(),
        Step::Endless(bytes) => {
            while stream.write_all(&bytes).await.is_ok() {}
            false
        }
        Step::Repeat(bytes, times) => {
            for _ in 0..times {
                if stream.write_all(&bytes).await.is_err() {
                    return false;
                }
            }
            true
        }
        Step::Wait(wait) => {
            // sleeps: a slow receiver is the behaviour under test
            tokio::time::sleep(wait).await;
            true
        }
        Step::Hang => {
            let mut rest = [0; 4096];
            while matches!(stream.read(&mut rest).await, Ok(1..)) {}
            false
        }
        Step::Close => {
            let _gone = stream.shutdown().await;
            false
        }
        Step::Reset => false,
    }
}

/// The next request; `None` when the other side closed.
async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> Option<Request> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if !matches!(stream.read_buf(buffer).await, Ok(1..)) {
            return None;
        }
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.trim_end().split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").expect("name: value"))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < length {
        if !matches!(stream.read_buf(buffer).await, Ok(1..)) {
            return None;
        }
    }
    let body = buffer.drain(..length).collect();
    let at = Clock::system().now();
    Some(Request {
        head,
        line,
        headers,
        body,
        connection,
        at,
    })
}
