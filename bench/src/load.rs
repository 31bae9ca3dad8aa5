//! The load generator: raw hyper HTTP/1.1 keep-alive connections on one current-thread runtime, so that it takes as
//! little as possible of the cores it shares with the server it measures.
//! Closed loop: every connection posts, waits for the answer, posts again. Open loop: a thread of its own releases
//! events on schedule, and latency counts from the *scheduled* time, so a stall of the server (or of the generator) shows
//! in the figures instead of thinning out the load (no coordinated omission).
//! Bounded by the plan's count and time; connections are made before the clock starts. Deliberately absent: TLS,
//! HTTP/2, retries of a refused post.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::error::BenchError;
use crate::payload::{Template, now_ns};
use crate::seqset::{CAPACITY, SeqSet};

/// How long after its planned end a run may last before it is given up.
const GRACE: Duration = Duration::from_secs(30);
/// A connection that failed this often in a row is given up.
const FAILURES_IN_A_ROW: u32 = 100;
/// Between the set-up and the first scheduled event of an open loop.
const LEAD_NS: u64 = 20_000_000;

/// Where to post, with everything of a request that stays the same.
#[derive(Debug, Clone)]
pub struct Target {
    address: SocketAddr,
    head: Parts,
}

impl Target {
    /// `url` is `http://IP:PORT/path`; `key` goes into `Authorization: Bearer`.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, BenchError> {
        let wrong = |what, value: &str, reason: String| BenchError::Target {
            what,
            value: value.to_owned(),
            reason,
        };
        let uri: Uri = url
            .parse()
            .map_err(|error| wrong("url", url, format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("url", url, "must begin with http://".to_owned()));
        }
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let address = authority.parse().map_err(|_| {
            wrong(
                "url",
                url,
                "needs an IP address and a port: http://127.0.0.1:8420/v1/events".to_owned(),
            )
        })?;
        let host = HeaderValue::from_str(&authority)
            .map_err(|error| wrong("url", url, error.to_string()))?;
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::POST;
        head.uri = uri
            .path_and_query()
            .map(|path| Uri::from(path.clone()))
            .unwrap_or_default();
        head.headers.insert(HOST, host);
        head.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            let value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|error| wrong("key", "(not shown)", error.to_string()))?;
            head.headers.insert(AUTHORIZATION, value);
        }
        Ok(Self { address, head })
    }
}

/// How the posts are paced.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Every connection posts as soon as its last answer is in, for this long.
    Closed(Duration),
    /// This many events per second on schedule, for this long.
    Open {
        /// Events per second.
        rate: u32,
        /// For how long.
        lasting: Duration,
    },
}

impl Pace {
    fn lasting(self) -> Duration {
        match self {
            Self::Closed(lasting) | Self::Open { lasting, .. } => lasting,
        }
    }
}

/// One run of the generator.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where to post.
    pub target: Target,
    /// How fast.
    pub pace: Pace,
    /// Over how many connections.
    pub connections: usize,
    /// Length of a posted body.
    pub body_bytes: usize,
    /// The number of the first event; they count up from there.
    pub first_seq: u64,
    /// Events in one post; more than one is a batch.
    pub per_post: u64,
    /// Whether they are public.
    pub public: bool,
    /// They go round so many organizations, 1 to 9.
    pub organizations: u8,
}

/// What a run did. Times are nanoseconds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Posts that were answered, or failed on the way.
    pub posted: u64,
    /// Answered 2xx.
    pub accepted: u64,
    /// The events answered 2xx.
    pub accepted_set: SeqSet,
    /// Answered something else.
    pub refused: u64,
    /// Of those, answered 429 or 503 with `Retry-After`: come again later.
    pub put_off: u64,
    /// Not answered: the connection failed.
    pub failed: u64,
    /// When the first event was due: nanoseconds since 1970.
    pub first_due_ns: u64,
    /// When the last 2xx came: nanoseconds since 1970.
    pub last_accept_ns: u64,
    /// Due time to the end of a 2xx answer, one per accepted event.
    pub accept_ns: Vec<u64>,
    /// The first answer that was no 2xx, or the first failure.
    pub refusal: Option<String>,
}

impl Loaded {
    fn absorb(&mut self, other: Connection) {
        let per_post = other.per_post;
        self.accepted += other.accepted.len() as u64 * per_post;
        for (seq, accept_ns) in other.accepted {
            for event in seq..seq + per_post {
                self.accepted_set.put(event);
            }
            self.accept_ns.push(accept_ns);
        }
        self.refused += other.refused * per_post;
        self.put_off += other.put_off * per_post;
        self.failed += other.failed * per_post;
        self.last_accept_ns = self.last_accept_ns.max(other.last_accept_ns);
        self.refusal = self.refusal.take().or(other.refusal);
        self.posted = self.accepted + self.refused + self.failed;
    }
}

/// Runs `load` on the calling thread until it is done.
pub fn run(load: &Load) -> Result<Loaded, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::io("start the generator's runtime"))?;
    let limit = load.pace.lasting() + GRACE;
    runtime.block_on(async {
        let stuck = |_| BenchError::Stuck {
            phase: "the load generator",
            limit,
        };
        tokio::time::timeout(limit, drive(load))
            .await
            .map_err(stuck)?
    })
}

async fn drive(load: &Load) -> Result<Loaded, BenchError> {
    let template = match load.public {
        true => Template::public_of_length(load.body_bytes),
        false => Template::of_length(load.body_bytes),
    };
    let template = Arc::new(template.round(load.organizations));
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(Connection::open(load, Arc::clone(&template)).await?);
    }
    let (first_due_ns, tasks) = match load.pace {
        Pace::Closed(lasting) => closed(connections, load.first_seq, lasting),
        Pace::Open { rate, lasting } => open(connections, load.first_seq, rate, lasting),
    };
    let mut loaded = Loaded {
        first_due_ns,
        accepted_set: SeqSet::from(load.first_seq),
        ..Loaded::default()
    };
    for task in tasks {
        // A task ends by itself; a panic in it would have been reported by the runtime.
        if let Ok(connection) = task.await {
            loaded.absorb(connection);
        }
    }
    Ok(loaded)
}

type Running = (u64, Vec<JoinHandle<Connection>>);

fn closed(connections: Vec<Connection>, first_seq: u64, lasting: Duration) -> Running {
    let next = Arc::new(AtomicU64::new(first_seq));
    let begin = now_ns();
    let end = begin + lasting.as_nanos() as u64;
    let spawn = |mut connection: Connection| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            loop {
                let now = now_ns();
                if now >= end || connection.given_up() {
                    return connection;
                }
                let seq = next.fetch_add(connection.per_post, Ordering::Relaxed);
                if seq + connection.per_post > first_seq + CAPACITY {
                    return connection;
                }
                connection.post(seq, now).await;
            }
        })
    };
    (begin, connections.into_iter().map(spawn).collect())
}

fn open(connections: Vec<Connection>, first_seq: u64, rate: u32, lasting: Duration) -> Running {
    let rate = u64::from(rate.max(1));
    let events = (lasting.as_millis() as u64 * rate / 1_000).clamp(1, CAPACITY);
    // Holds what is due while all connections wait for answers; when it is full, the release waits and latency,
    // which counts from the schedule, shows it.
    let (release, due) = mpsc::channel::<(u64, u64)>(65_536);
    let due = Arc::new(Mutex::new(due));
    let begin = now_ns() + LEAD_NS;
    // A thread that sleeps is exact to some 60 µs; the runtime's timer only to a millisecond.
    std::thread::spawn(move || {
        for event in 0..events {
            let due_ns = begin + event * 1_000_000_000 / rate;
            let early = due_ns.saturating_sub(now_ns());
            if early > 0 {
                std::thread::sleep(Duration::from_nanos(early));
            }
            if release.blocking_send((first_seq + event, due_ns)).is_err() {
                return;
            }
        }
    });
    let spawn = |mut connection: Connection| {
        let due = Arc::clone(&due);
        tokio::spawn(async move {
            while !connection.given_up() {
                let Some((seq, due_ns)) = due.lock().await.recv().await else {
                    break;
                };
                connection.post(seq, due_ns).await;
            }
            connection
        })
    };
    (begin, connections.into_iter().map(spawn).collect())
}

/// An answer that is no 2xx.
struct Refused {
    /// Its status and the start of its body.
    text: String,
    /// Whether it is a 429 or 503 with `Retry-After`.
    put_off: bool,
}

/// One keep-alive connection and what happened on it.
struct Connection {
    target: Target,
    template: Arc<Template>,
    per_post: u64,
    sender: Option<SendRequest<Full<Bytes>>>,
    failures_in_a_row: u32,
    accepted: Vec<(u64, u64)>,
    refused: u64,
    put_off: u64,
    failed: u64,
    last_accept_ns: u64,
    refusal: Option<String>,
}

impl Connection {
    async fn open(load: &Load, template: Arc<Template>) -> Result<Self, BenchError> {
        let sender = Some(connect(load.target.address).await?);
        Ok(Self {
            target: load.target.clone(),
            per_post: load.per_post,
            template,
            sender,
            failures_in_a_row: 0,
            accepted: Vec::with_capacity(4096),
            refused: 0,
            put_off: 0,
            failed: 0,
            last_accept_ns: 0,
            refusal: None,
        })
    }

    fn given_up(&self) -> bool {
        self.failures_in_a_row >= FAILURES_IN_A_ROW
    }

    /// Posts one event and records what came of it.
    async fn post(&mut self, seq: u64, due_ns: u64) {
        match self.exchange(seq, due_ns).await {
            Ok(None) => {
                let now = now_ns();
                self.accepted.push((seq, now.saturating_sub(due_ns)));
                self.last_accept_ns = now;
                self.failures_in_a_row = 0;
            }
            Ok(Some(Refused {
                text: answer,
                put_off,
            })) => {
                self.refused += 1;
                self.put_off += u64::from(put_off);
                self.failures_in_a_row = 0;
                self.refusal.get_or_insert(answer);
            }
            Err(error) => {
                self.failed += 1;
                self.failures_in_a_row += 1;
                self.sender = None;
                self.refusal.get_or_insert(error.to_string());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// `None` for a 2xx.
    async fn exchange(&mut self, seq: u64, due_ns: u64) -> Result<Option<Refused>, BenchError> {
        let sender = match &mut self.sender {
            Some(sender) if !sender.is_closed() => sender,
            lost => lost.insert(connect(self.target.address).await?),
        };
        let body = Full::new(self.template.post(seq, self.per_post, due_ns));
        let request = Request::from_parts(self.target.head.clone(), body);
        sender
            .ready()
            .await
            .map_err(BenchError::http("wait for the connection"))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(BenchError::http("post"))?;
        let status = answer.status();
        let put_off =
            matches!(status.as_u16(), 429 | 503) && answer.headers().contains_key(RETRY_AFTER);
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(BenchError::http("read the answer"))?;
        if status.is_success() {
            return Ok(None);
        }
        let text: String = String::from_utf8_lossy(&body.to_bytes())
            .chars()
            .take(300)
            .collect();
        Ok(Some(Refused {
            text: format!("{status} {text}"),
            put_off,
        }))
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, BenchError> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(BenchError::io(format!("connect to {address}")))?;
    stream
        .set_nodelay(true)
        .map_err(BenchError::io("set TCP_NODELAY"))?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(BenchError::http("open the connection"))?;
    // Its error, if any, comes out of the request it broke.
    tokio::spawn(async move { _ = connection.await });
    Ok(sender)
}
