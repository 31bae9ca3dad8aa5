//! People who look at the console while events run: each has a session and a keep-alive connection, loads one page a
//! second, and follows one live page; how long each page took is kept.
//! Bounded: so many people, until they are told to stop. Deliberately absent: what a browser does with a page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::server::Server;

/// Between two pages of one person.
const PACE: Duration = Duration::from_secs(1);
/// How long a page may take at all.
const LIMIT: Duration = Duration::from_secs(30);

/// People at work.
pub struct Viewers {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<Result<Vec<u64>, BenchError>>>,
    streams: Vec<TcpStream>,
}

/// An answer: its status, its headers in lower case, its body.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Viewers {
    /// So many people look at these pages in turn, and follow the first of them.
    pub fn start(server: &Server, people: usize, pages: &[String]) -> Result<Self, BenchError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut at_work, mut streams) = (Vec::new(), Vec::new());
        for person in 0..people {
            let cookie = log_in(server)?;
            let mut stream = dial(server.address())?;
            let first = pages.first().map_or("/admin", String::as_str);
            ask(
                stream.get_mut(),
                server.address(),
                first,
                &cookie,
                "text/event-stream",
            )?;
            streams.push(stream.into_inner());
            let (address, pages, stop) = (server.address(), pages.to_vec(), Arc::clone(&stop));
            at_work.push(std::thread::spawn(move || {
                look(address, &cookie, (&pages, person), &stop)
            }));
        }
        Ok(Self {
            stop,
            people: at_work,
            streams,
        })
    }

    /// Ends their work; answers how long each page took, in nanoseconds.
    pub fn stop(self) -> Result<Vec<u64>, BenchError> {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.streams);
        let mut times = Vec::new();
        for person in self.people {
            times.extend(person.join().unwrap_or(Ok(Vec::new()))?);
        }
        Ok(times)
    }
}

/// One person's work: a page, a look at it, the next page.
fn look(
    address: SocketAddr,
    cookie: &str,
    (pages, first): (&[String], usize),
    stop: &AtomicBool,
) -> Result<Vec<u64>, BenchError> {
    let mut stream = dial(address)?;
    let mut times = Vec::new();
    for page in pages.iter().cycle().skip(first) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        ask(stream.get_mut(), address, page, cookie, "text/html")?;
        let answer = read(&mut stream)?;
        if answer.status != 200 {
            return Err(refused(page, &answer));
        }
        times.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        std::thread::sleep(PACE.saturating_sub(began.elapsed()));
    }
    Ok(times)
}

/// A session of an administrator of organization 1, by a portal link.
fn log_in(server: &Server) -> Result<String, BenchError> {
    let link = server.post(
        "/v1/organizations/1/portal-links",
        serde_json::json!({"role": "administrator"}),
    )?;
    let url = link.get("url").and_then(|url| url.as_str());
    let path = url.and_then(|url| url.split_once("/admin/"));
    let path = path.map_or(String::new(), |(_, rest)| format!("/admin/{rest}"));
    let address = server.address();
    let mut stream = dial(address)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n"
    );
    stream
        .get_mut()
        .write_all(request.as_bytes())
        .map_err(BenchError::io("log in"))?;
    let answer = read(&mut stream)?;
    let cookie = answer.headers.iter().find(|(name, _)| name == "set-cookie");
    match cookie.and_then(|(_, value)| value.split(';').next()) {
        Some(cookie) if answer.status == 303 => Ok(cookie.to_owned()),
        _ => Err(refused(&path, &answer)),
    }
}

fn refused(path: &str, answer: &Answer) -> BenchError {
    let text = String::from_utf8_lossy(&answer.body);
    BenchError::Refused {
        asked: format!("GET {path}"),
        status: answer.status,
        answer: text.chars().take(500).collect(),
    }
}

fn dial(address: SocketAddr) -> Result<BufReader<TcpStream>, BenchError> {
    let doing = || BenchError::io(format!("connect to {address}"));
    let stream = TcpStream::connect(address).map_err(doing())?;
    stream.set_nodelay(true).map_err(doing())?;
    stream.set_read_timeout(Some(LIMIT)).map_err(doing())?;
    Ok(BufReader::new(stream))
}

fn ask(
    stream: &mut TcpStream,
    address: SocketAddr,
    path: &str,
    cookie: &str,
    accept: &str,
) -> Result<(), BenchError> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\naccept: {accept}\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .map_err(BenchError::io(format!("ask for {path}")))
}

fn read(stream: &mut BufReader<TcpStream>) -> Result<Answer, BenchError> {
    let doing = || BenchError::io("read a page");
    let mut answer = Answer {
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let mut line = String::new();
    while stream.read_line(&mut line).map_err(doing())? > 2 {
        match line.trim_end().split_once(':') {
            Some((name, value)) if answer.status > 0 => {
                let name = name.to_ascii_lowercase();
                answer.headers.push((name, value.trim().to_owned()));
            }
            _ => {
                let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
                answer.status = status.unwrap_or(0);
            }
        }
        line.clear();
    }
    let length = answer
        .headers
        .iter()
        .find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).map_err(doing())?;
    Ok(answer)
}
