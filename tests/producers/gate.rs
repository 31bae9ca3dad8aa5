//! What stands between a relay and the server: it lets through, answers 503, or lets a batch through and kills the relay
//! before that hears of it.

use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};

/// What is done with a request; once the script is used up, they are let through.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Busy,
    /// 502 of a proxy, in its own words.
    Proxy,
    /// 202, and each of the events put off with 429.
    PutOff,
    /// Closes without an answer.
    Gone,
    /// The relay's process dies after the server has answered.
    Kill,
}

pub struct Gate {
    pub url: String,
    script: Arc<Mutex<Vec<Act>>>,
    /// The relay to kill is told here.
    pub victim: mpsc::SyncSender<u32>,
    keys: Arc<Mutex<HashMap<String, usize>>>,
}

impl Gate {
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (victim, victims) = mpsc::sync_channel(1);
        let victims = Arc::new(Mutex::new(victims));
        let gate = Self {
            url,
            script: Arc::default(),
            victim,
            keys: Arc::default(),
        };
        let (script, keys) = (Arc::clone(&gate.script), Arc::clone(&gate.keys));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, keys) = (Arc::clone(&script), Arc::clone(&keys));
                let victims = Arc::clone(&victims);
                let mut stream = BufReader::new(stream.unwrap());
                std::thread::spawn(move || {
                    // A relay that goes away is one that was killed.
                    let _gone = serve(&mut stream, server, &script, &keys, &victims);
                });
            }
        });
        gate
    }

    /// In this order.
    pub fn play(&self, acts: &[Act]) {
        *self.script.lock().unwrap() = acts.iter().rev().copied().collect();
    }

    /// How often each key was posted, since the last look.
    pub fn keys(&self) -> HashMap<String, usize> {
        std::mem::take(&mut self.keys.lock().unwrap())
    }
}

/// A head and a body.
fn message(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let small = head.to_ascii_lowercase();
    if small.contains("expect: 100-continue") {
        stream
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = small
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((head, body))
}

fn serve(
    stream: &mut BufReader<TcpStream>,
    server: SocketAddr,
    script: &Mutex<Vec<Act>>,
    keys: &Mutex<HashMap<String, usize>>,
    victims: &Mutex<mpsc::Receiver<u32>>,
) -> std::io::Result<()> {
    loop {
        let (head, body) = message(stream)?;
        let act = script.lock().unwrap().pop();
        match act {
            Some(Act::Busy) => {
                answer(stream, "503 Busy", "{}")?;
                continue;
            }
            Some(Act::Proxy) => {
                answer(stream, "502 Bad Gateway", "<html>")?;
                continue;
            }
            Some(Act::PutOff) => {
                // One of them is no JSON to us.
                let events = String::from_utf8_lossy(&body)
                    .matches("\"idempotency_key\"")
                    .count();
                let error = serde_json::json!({"error": {"status": 429, "code": "rate_limited"}});
                let results = vec![error; events];
                let results = serde_json::json!({ "results": results }).to_string();
                answer(stream, "202 Accepted", &results)?;
                continue;
            }
            Some(Act::Gone) => return Ok(()),
            Some(Act::Kill) | None => {}
        }
        note(&body, keys);
        let mut onward = TcpStream::connect(server)?;
        onward.write_all(head.as_bytes())?;
        onward.write_all(&body)?;
        let (head, body) = message(&mut BufReader::new(onward))?;
        if let Some(Act::Kill) = act {
            let pid = victims.lock().unwrap().recv().unwrap();
            let killed = Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status();
            assert!(killed.unwrap().success());
            return Ok(());
        }
        stream.get_mut().write_all(head.as_bytes())?;
        stream.get_mut().write_all(&body)?;
    }
}

fn answer(stream: &mut BufReader<TcpStream>, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nretry-after: 1\r\ncontent-type: application/json\r\n");
    stream
        .get_mut()
        .write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())
}

/// Counts the keys of a batch; one that is no JSON to us has none.
fn note(body: &[u8], keys: &Mutex<HashMap<String, usize>>) {
    let batch: Value = serde_json::from_slice(body).unwrap_or_default();
    let events = batch["events"].as_array().map_or(&[][..], Vec::as_slice);
    let mut keys = keys.lock().unwrap();
    for key in events
        .iter()
        .filter_map(|event| event["idempotency_key"].as_str())
    {
        *keys.entry(key.to_owned()).or_default() += 1;
    }
}
