//! The server under test, driven through its public interface only: the command line to make a key and to serve, HTTP
//! to set up one organization with one endpoint, `/readyz` to learn when it is ready, SIGTERM to stop it.
//! It runs as a child process with its own data directory and nothing of our `TIDINGS_*` environment; what it prints
//! goes to a file beside that directory. The child ends with this value.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::error::BenchError;
use crate::load::Target;

/// How long a start may take before it is given up.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long a stop may take before it is killed: the server's own drain limit is 25 s.
const STOP_LIMIT: Duration = Duration::from_secs(28);
/// One exchange with the API.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks at a starting or stopping server.
const LOOK: Duration = Duration::from_micros(500);

/// A running `tidings serve`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    key: String,
    control: Runtime,
    /// From spawn until `/readyz` answered 200.
    pub ready_after: Duration,
}

impl Server {
    /// Starts `binary` on a free loopback port with its data in `data`, and waits until it is ready. `key` is the
    /// operator key it shall know, see [`operator_key`].
    pub fn start(binary: &Path, data: &Path, key: &str) -> Result<Self, BenchError> {
        Self::start_with(binary, data, key, &[])
    }

    /// As [`Server::start`], with more settings in its environment.
    pub fn start_with(
        binary: &Path,
        data: &Path,
        key: &str,
        extra: &[(&str, String)],
    ) -> Result<Self, BenchError> {
        let address = free_address()?;
        let control = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BenchError::io("start the control runtime"))?;
        let log_path = log_of(data);
        let log = File::create(&log_path)
            .map_err(BenchError::io(format!("create {}", log_path.display())))?;
        let also_log = log
            .try_clone()
            .map_err(BenchError::io("share the server's log"))?;
        let spawned = Instant::now();
        let child = clean(Command::new(binary).arg("serve"))
            .env("TIDINGS_LISTEN", address.to_string())
            .env("TIDINGS_DATA", data)
            .env("TIDINGS_OPERATOR_KEY", key)
            .env("TIDINGS_EGRESS_ALLOW", "127.0.0.1/32, ::1/128")
            .envs(extra.iter().map(|(name, value)| (*name, value.as_str())))
            // Not our directory: a tidings.toml there is not part of the measurement.
            .current_dir(data)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also_log)
            .spawn()
            .map_err(BenchError::io(format!("start {}", binary.display())))?;
        let mut server = Self {
            child,
            address,
            key: key.to_owned(),
            control,
            ready_after: Duration::ZERO,
        };
        server.wait_until_ready(spawned, &log_path)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, spawned: Instant, log: &Path) -> Result<(), BenchError> {
        loop {
            let answer = self
                .control
                .block_on(call(self.address, Method::GET, "/readyz", None));
            if matches!(answer, Ok((200, _))) {
                self.ready_after = spawned.elapsed();
                return Ok(());
            }
            let ended = !matches!(self.child.try_wait(), Ok(None));
            if ended || spawned.elapsed() > START_LIMIT {
                return Err(BenchError::NotReady {
                    waited: spawned.elapsed(),
                    log: end_of(log),
                });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes organization 1 with an endpoint at `receiver` for `project.updated`; gives the target for events.
    pub fn set_up(&self, receiver: &str) -> Result<Target, BenchError> {
        self.ask(
            Method::PUT,
            "/v1/organizations/1",
            json!({"name": "Bench", "add_ons": ["api_access"]}),
        )?;
        let endpoint = json!({"url": receiver, "event_types": ["project.updated"]});
        self.ask(Method::POST, "/v1/organizations/1/endpoints", endpoint)?;
        self.target("/v1/events")
    }

    /// A path of the API, as a target for events.
    pub fn target(&self, path: &str) -> Result<Target, BenchError> {
        Target::new(&format!("http://{}{path}", self.address), Some(&self.key))
    }

    /// Makes organization 1, and these endpoints with their organizations, some at a time.
    pub fn set_up_many(&self, wanted: impl Iterator<Item = Wanted>) -> Result<(), BenchError> {
        let mut made = std::collections::HashSet::new();
        let mut calls = Vec::new();
        let organization = |number: u64| {
            let body = json!({"name": format!("Bench {number}"), "add_ons": ["api_access"]});
            (Method::PUT, format!("/v1/organizations/{number}"), body)
        };
        let mut organizations = vec![organization(1)];
        made.insert(1);
        for endpoint in wanted {
            let number = endpoint.organization;
            if made.insert(number) {
                organizations.push(organization(number));
            }
            let body = json!({"url": endpoint.url, "event_types": [endpoint.event_type]});
            let path = format!("/v1/organizations/{number}/endpoints");
            calls.push((Method::POST, path, body));
        }
        self.ask_all(organizations)?;
        self.ask_all(calls)
    }

    fn ask_all(&self, calls: Vec<(Method, String, Value)>) -> Result<(), BenchError> {
        let calls = std::sync::Mutex::new(calls.into_iter());
        let next = || {
            let mut calls = calls
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            calls.next()
        };
        let worker = async || {
            while let Some((method, path, body)) = next() {
                let asked = format!("{method} {path}");
                let sent = Some((self.key.as_str(), body));
                let (status, answer) = call(self.address, method, &path, sent).await?;
                accepted(asked, status, &answer)?;
            }
            Ok(())
        };
        // In one task, so a call that failed ends all.
        self.control.block_on(async {
            let workers = (worker(), worker(), worker(), worker());
            tokio::try_join!(workers.0, workers.1, workers.2, workers.3).map(drop)
        })
    }

    fn ask(&self, method: Method, path: &str, body: Value) -> Result<(), BenchError> {
        self.answer(method, path, body).map(drop)
    }

    fn answer(&self, method: Method, path: &str, body: Value) -> Result<Bytes, BenchError> {
        let asked = format!("{method} {path}");
        let sent = Some((self.key.as_str(), body));
        let (status, answer) = self
            .control
            .block_on(call(self.address, method, path, sent))?;
        accepted(asked, status, &answer)?;
        Ok(answer)
    }

    /// Posts to the API; answers the JSON it answers.
    pub fn post(&self, path: &str, body: Value) -> Result<Value, BenchError> {
        Ok(serde_json::from_slice(&self.answer(
            Method::POST,
            path,
            body,
        )?)?)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the server to stop, as a service manager does, and says how long it took; kills it when it does not.
    pub fn stop(mut self) -> Duration {
        let asked = Instant::now();
        // An error means it has ended already.
        _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < STOP_LIMIT {
            std::thread::sleep(LOOK);
        }
        asked.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An endpoint to be made.
#[derive(Debug)]
pub struct Wanted {
    /// Whose it is.
    pub organization: u64,
    /// Its Target URL.
    pub url: String,
    /// What it gets.
    pub event_type: &'static str,
}

fn accepted(asked: String, status: u16, answer: &[u8]) -> Result<(), BenchError> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(answer).chars().take(500).collect();
    Err(BenchError::Refused {
        asked,
        status,
        answer,
    })
}

/// Where a server with its data in `data` writes what it prints.
pub fn log_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}

/// A well-formed operator key, from the binary itself.
pub fn operator_key(binary: &Path) -> Result<String, BenchError> {
    let output = clean(Command::new(binary).args(["key", "generate", "--scope", "operator"]))
        .stdin(Stdio::null())
        .output()
        .map_err(BenchError::io(format!("start {}", binary.display())))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let key = printed
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| word.starts_with("tdg_"));
    key.filter(|_| output.status.success())
        .map(ToOwned::to_owned)
        .ok_or_else(|| BenchError::Child {
            command: format!("{} key generate --scope operator", binary.display()),
            detail: format!(
                "{}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
        })
}

/// The release binary to measure: the one named, else the one built now with cargo, else the one beside this program.
/// Built even when there is one, for an old binary would be measured without a word; cargo is quick when it is fresh.
pub fn find_binary(named: Option<&Path>, progress: impl Fn(&str)) -> Result<PathBuf, BenchError> {
    if let Some(path) = named {
        return path
            .canonicalize()
            .map_err(|_| BenchError::NoBinary(path.to_owned()));
    }
    let own = std::env::current_exe().map_err(BenchError::io("find this program"))?;
    // target/<profile>/tidings-bench: the server is always taken from the release profile.
    let target = own
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new("target"));
    let path = target
        .join("release")
        .join(format!("tidings{}", std::env::consts::EXE_SUFFIX));
    // Set by `cargo run`, with the workspace as the working place.
    if let (Some(cargo), Some(manifest)) = (
        std::env::var_os("CARGO"),
        std::env::var_os("CARGO_MANIFEST_DIR"),
    ) {
        progress(
            "building the server: cargo build --release (a few minutes when it is the first time)",
        );
        let status = Command::new(cargo)
            .args([
                "build",
                "--release",
                "--package",
                "tidings",
                "--bin",
                "tidings",
                "--target-dir",
            ])
            .arg(target)
            .current_dir(manifest)
            .status()
            .map_err(BenchError::io("start cargo"))?;
        if !status.success() {
            let command = "cargo build --release --package tidings".to_owned();
            return Err(BenchError::Child {
                command,
                detail: status.to_string(),
            });
        }
    }
    path.canonicalize().map_err(|_| BenchError::NoBinary(path))
}

/// Without the settings this process may have in its environment.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"TIDINGS_") {
            command.env_remove(name);
        }
    }
    command
}

/// A loopback address that was free a moment ago.
fn free_address() -> Result<SocketAddr, BenchError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(BenchError::io("find a free port"))?;
    listener
        .local_addr()
        .map_err(BenchError::io("find a free port"))
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(12))
        .map(|line| format!("  {line}\n"))
        .collect()
}

/// One exchange on a connection of its own.
async fn call(
    address: SocketAddr,
    method: Method,
    path: &str,
    sent: Option<(&str, Value)>,
) -> Result<(u16, Bytes), BenchError> {
    let exchange = async {
        let stream = tokio::net::TcpStream::connect(address)
            .await
            .map_err(BenchError::io(format!("connect to {address}")))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(BenchError::http("open the control connection"))?;
        // Its error, if any, comes out of the request it broke.
        tokio::spawn(async move { _ = connection.await });
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = method;
        let wrong = |what, value: &str, reason: &dyn std::fmt::Display| BenchError::Target {
            what,
            value: value.to_owned(),
            reason: reason.to_string(),
        };
        head.uri = path.parse().map_err(|error| wrong("path", path, &error))?;
        let host = address
            .to_string()
            .parse()
            .map_err(|error| wrong("address", path, &error))?;
        head.headers.insert(HOST, host);
        let mut body = Bytes::new();
        if let Some((key, value)) = sent {
            let bearer = format!("Bearer {key}")
                .parse()
                .map_err(|error| wrong("key", "(not shown)", &error))?;
            head.headers.insert(AUTHORIZATION, bearer);
            head.headers.insert(
                CONTENT_TYPE,
                hyper::header::HeaderValue::from_static("application/json"),
            );
            body = Bytes::from(value.to_string());
        }
        let request = Request::from_parts(head, Full::new(body));
        let answer = sender
            .send_request(request)
            .await
            .map_err(BenchError::http(format!("call {path}")))?;
        let status = answer.status().as_u16();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(BenchError::http(format!("read the answer of {path}")))?;
        Ok((status, body.to_bytes()))
    };
    let stuck = |_| BenchError::Stuck {
        phase: "a call of the API",
        limit: CALL_LIMIT,
    };
    tokio::time::timeout(CALL_LIMIT, exchange)
        .await
        .map_err(stuck)?
}
