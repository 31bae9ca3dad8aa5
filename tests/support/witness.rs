//! A receiver that answers everything with one status and remembers what arrived: the outside witness of what was
//! delivered, since the server's own tables cannot witness their own loss.
//!
//! Plain threads and sockets, so that it shares nothing with the code under test.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// One delivery as it was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How many times it arrived.
    pub arrivals: u32,
    /// The path of the first arrival.
    pub path: String,
    /// The header lines of the first arrival, names as received.
    pub headers: Vec<(String, String)>,
    /// The body of the first arrival.
    pub body: Vec<u8>,
    /// Whether a later arrival had another body (W16 forbids it).
    pub changed: bool,
}

impl Seen {
    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.iter();
        let line = lines.find(|(given, _)| given.eq_ignore_ascii_case(name));
        line.map(|(_, value)| value.as_str())
    }
}

/// What arrived so far, by `webhook-id`.
#[derive(Default)]
struct Log {
    seen: Mutex<HashMap<String, Seen>>,
    more: Condvar,
}

/// The receiver.
#[derive(Clone)]
pub struct Witness {
    /// Where it listens.
    pub address: SocketAddr,
    log: Arc<Log>,
}

impl Witness {
    /// One that answers 200.
    pub fn start() -> Self {
        Self::answering(200)
    }

    /// Starts one on a free port; it serves until the test process ends.
    pub fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &log, status));
            }
        });
        Self { address, log }
    }

    /// The URL of an endpoint at this receiver.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that arrived.
    pub fn seen(&self) -> HashMap<String, Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// Waits until that many different deliveries arrived; answers whether they did in time.
    pub fn wait_for(&self, count: usize, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut seen = self.log.seen.lock().unwrap();
        while seen.len() < count {
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                return false;
            };
            seen = self.log.more.wait_timeout(seen, left).unwrap().0;
        }
        true
    }
}

fn serve(stream: TcpStream, log: &Log, status: u16) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut id = String::new();
        let mut length = 0;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ") {
                match name.to_ascii_lowercase().as_str() {
                    "webhook-id" => id = value.to_owned(),
                    "content-length" => length = value.parse().ok()?,
                    _ => {}
                }
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let mut seen = log.seen.lock().unwrap();
        let entry = seen.entry(id).or_default();
        if entry.arrivals == 0 {
            first
                .split(' ')
                .nth(1)
                .unwrap_or_default()
                .clone_into(&mut entry.path);
            entry.headers = headers;
            entry.body = body;
        } else {
            entry.changed |= entry.body != body;
        }
        entry.arrivals += 1;
        drop(seen);
        log.more.notify_all();
        let answer = format!("HTTP/1.1 {status} Status\r\ncontent-length: 2\r\n\r\nok");
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}
