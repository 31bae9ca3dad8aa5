//! The real binary as a child process, driven through its public interface only.
//!
//! Every server is killed when dropped, so a failing test leaves nothing behind.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A preset operator key with a right checksum, made by the binary itself.
pub fn operator_key() -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["key", "generate", "--scope", "operator"])
        .output()
        .unwrap();
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// `tidings` with a clean environment.
pub fn tidings() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDINGS_")) {
        command.env_remove(name);
    }
    command
}

/// A running server.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its operator key.
    pub key: String,
}

impl Server {
    /// Starts one on a free port and waits until it says that it serves.
    pub fn start(data: &Path, key: &str) -> Self {
        Self::start_with(data, key, &[])
    }

    /// The same with more environment variables.
    pub fn start_with(data: &Path, key: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = tidings();
        command.arg("serve").envs(environment.iter().copied());
        Self::run(command, data, key)
    }

    /// Runs a prepared `tidings serve` and waits until it says that it serves.
    pub fn run(command: Command, data: &Path, key: &str) -> Self {
        Self::try_run(command, data, key).expect("the server says within 60 s that it serves")
    }

    /// The same; `None` if it ends instead.
    pub fn try_run(mut command: Command, data: &Path, key: &str) -> Option<Self> {
        let mut child = command
            .env("TIDINGS_LISTEN", "127.0.0.1:0")
            .env("TIDINGS_DATA", data)
            .env("TIDINGS_OPERATOR_KEY", key)
            .env("TIDINGS_EGRESS_ALLOW", "127.0.0.1/32")
            .env("TIDINGS_TELEMETRY_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = child.stderr.take().unwrap();
        let (said, address) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if let Some(rest) = line.split("serves http://").nth(1) {
                    let _test_over =
                        said.send(rest.split(' ').next().unwrap_or_default().parse().unwrap());
                } else {
                    eprintln!("server: {line}");
                }
            }
        });
        let address = match address.recv_timeout(Duration::from_secs(60)) {
            Ok(address) => address,
            Err(silence) => {
                assert_eq!(silence, RecvTimeoutError::Disconnected, "it hangs");
                assert!(!child.wait().unwrap().success());
                return None;
            }
        };
        Some(Self {
            child,
            address,
            key: key.to_owned(),
        })
    }

    /// How it ended by itself, if it does within that time.
    pub fn ended_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || begun.elapsed() > time {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(5)); // sleeps: a process has no signal that fits a deadline
        }
    }

    /// One call of the API on a connection of its own.
    pub fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        Connection::open(self.address, &self.key)
            .and_then(|mut connection| connection.call(method, path, body))
            .unwrap()
    }

    /// A call that must answer 2xx.
    pub fn ok(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    /// An organization with an add-on.
    pub fn organization(&self, id: i64) {
        self.ok(
            "PUT",
            &format!("/v1/organizations/{id}"),
            &format!("{{\"name\":\"Organization {id}\",\"add_ons\":[\"api_access\"]}}"),
        );
    }

    /// An endpoint; answers its id and secret.
    pub fn endpoint(&self, organization: i64, url: &str, event_types: &[&str]) -> (String, String) {
        let body = serde_json::json!({ "url": url, "event_types": event_types }).to_string();
        let made = self.ok(
            "POST",
            &format!("/v1/organizations/{organization}/endpoints"),
            &body,
        );
        (
            made["id"].as_str().unwrap().to_owned(),
            made["secret"].as_str().unwrap().to_owned(),
        )
    }

    /// Gives an endpoint this header `authorization`.
    pub fn authorize(&self, organization: i64, endpoint: &str, value: &str) {
        let path = format!("/v1/organizations/{organization}/endpoints/{endpoint}");
        let body = serde_json::json!({ "headers": { "authorization": value } }).to_string();
        self.ok("PATCH", &path, &body);
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> ExitStatus {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

/// A keep-alive connection to the API.
pub struct Connection {
    stream: BufReader<TcpStream>,
    key: String,
}

impl Connection {
    /// Dials.
    pub fn open(address: SocketAddr, key: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream: BufReader::new(stream),
            key: key.to_owned(),
        })
    }

    /// One call; an error when the server is gone.
    pub fn call(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut status = None;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            match status {
                None => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
                Some(_) => {
                    let field = line.split_once(':');
                    if let Some((_, value)) =
                        field.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                    {
                        length = value.trim().parse().unwrap_or(0);
                    }
                }
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        let status = status.ok_or(std::io::ErrorKind::InvalidData)?;
        Ok((
            status,
            serde_json::from_slice(&answer).unwrap_or(Value::Null),
        ))
    }
}
