//! The crowd: clients that take a place and give nothing, each in its way.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// Addresses they come from: 127.0.1.1 to 127.0.1.32.
const ADDRESSES: usize = 32;
/// A client is back so long after it was cut.
const BACK: Duration = Duration::from_secs(1);

/// A way to be slow: what is sent at first, and then what, how often.
#[derive(Clone, Copy)]
pub struct Kind {
    name: &'static str,
    first: fn(&str) -> Vec<u8>,
    then: &'static [u8],
    every: Duration,
    reads: bool,
}

/// Kinds that are answered, or could be, and so have 30 s.
pub const PATIENT: usize = 3;

pub const KINDS: [Kind; 8] = [
    Kind {
        name: "silent",
        first: |_| Vec::new(),
        then: b"",
        every: Duration::MAX,
        reads: true,
    },
    Kind {
        name: "1 header byte per 5 s",
        first: |_| b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ".to_vec(),
        then: b"a",
        every: Duration::from_secs(5),
        reads: true,
    },
    Kind {
        name: "1 body byte per s, with a key",
        first: |key| posting(&format!("authorization: Bearer {key}\r\n")),
        then: b" ",
        every: Duration::from_secs(1),
        reads: true,
    },
    Kind {
        name: "1 body byte per s, without",
        first: |_| posting(""),
        then: b" ",
        every: Duration::from_secs(1),
        reads: true,
    },
    Kind {
        name: "never reads",
        first: |_| b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100),
        then: b"",
        every: Duration::MAX,
        reads: false,
    },
    Kind {
        name: "huge pipeline, never reads",
        first: |_| b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".repeat(500),
        then: b"",
        every: Duration::MAX,
        reads: false,
    },
    Kind {
        name: "speaks HTTP/2",
        first: |_| b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        then: b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
        every: Duration::from_millis(500),
        reads: true,
    },
    Kind {
        name: "one request, then silent",
        first: |_| b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        then: b"",
        every: Duration::MAX,
        reads: true,
    },
];

fn posting(line: &str) -> Vec<u8> {
    format!("POST /v1/events HTTP/1.1\r\nhost: a\r\n{line}content-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        .into_bytes()
}

/// How connections of a kind ended.
#[derive(Debug, Default, Clone)]
pub struct Ended {
    /// By the server.
    pub cut: usize,
    /// The longest that one was held.
    pub longest: Duration,
}

type Ends = Arc<Mutex<BTreeMap<&'static str, Ended>>>;

/// All of them, until told to stop coming back.
pub struct Crowd {
    _runtime: Runtime,
    stop: watch::Sender<bool>,
    ends: Ends,
}

/// This process may have so many files open.
pub fn allow_files(wanted: u64) {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < wanted) {
        let limit = Rlimit {
            current: Some(wanted.min(now.maximum.unwrap_or(wanted))),
            maximum: now.maximum,
        };
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}

impl Crowd {
    /// So many clients, in equal parts of each kind and from each address.
    pub fn gather(server: SocketAddr, key: &str, clients: usize) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopping) = watch::channel(false);
        let ends = Ends::default();
        for number in 0..clients {
            let kind = KINDS[number % KINDS.len()];
            let from = number / KINDS.len() % ADDRESSES;
            let from = Ipv4Addr::new(127, 0, 1, u8::try_from(from).unwrap() + 1);
            let first = (kind.first)(key);
            let client = Client {
                kind,
                from,
                first,
                ends: Arc::clone(&ends),
            };
            runtime.spawn(client.come_back(server, stopping.clone()));
        }
        Self {
            _runtime: runtime,
            stop,
            ends,
        }
    }

    /// Nobody comes back from now on; who is in stays until the server cuts it.
    pub fn disperse(&self) {
        self.stop.send_replace(true);
    }

    /// How those ended that were cut so far.
    pub fn ends(&self) -> Vec<(&'static str, Ended)> {
        self.ends.lock().unwrap().clone().into_iter().collect()
    }
}

struct Client {
    kind: Kind,
    from: Ipv4Addr,
    first: Vec<u8>,
    ends: Ends,
}

impl Client {
    async fn come_back(self, server: SocketAddr, stopping: watch::Receiver<bool>) {
        while !*stopping.borrow() {
            if let Ok(stream) = self.knock(server).await {
                let begun = Instant::now();
                let _however = self.be_slow(stream).await;
                let mut ends = self.ends.lock().unwrap();
                let ended = ends.entry(self.kind.name).or_default();
                ended.cut += 1;
                ended.longest = ended.longest.max(begun.elapsed());
            }
            // sleeps: a client that is cut waits a moment
            tokio::time::sleep(BACK).await;
        }
    }

    async fn knock(&self, server: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((self.from, 0)))?;
        if !self.kind.reads {
            socket.set_recv_buffer_size(4_096)?;
        }
        socket.connect(server).await
    }

    /// Until the server ends it.
    async fn be_slow(&self, stream: TcpStream) -> io::Result<()> {
        let (mut reading, mut writing) = stream.into_split();
        let writes = async {
            writing.write_all(&self.first).await?;
            loop {
                // sleeps: being slow is what it is for
                tokio::time::sleep(self.kind.every.min(Duration::from_secs(3_600))).await;
                writing.write_all(self.kind.then).await?;
            }
        };
        let reads = async {
            let mut rest = [0; 4_096];
            if !self.kind.reads {
                // Closed is what it takes note of, not what comes.
                return reading
                    .as_ref()
                    .ready(tokio::io::Interest::ERROR)
                    .await
                    .map(drop);
            }
            while reading.read(&mut rest).await? > 0 {}
            Ok(())
        };
        tokio::select! {
            ended = writes => ended,
            ended = reads => ended,
        }
    }
}
