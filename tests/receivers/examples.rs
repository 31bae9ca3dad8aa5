//! The receivers of `examples/receivers/`, run as their first line says: each takes what is signed and refuses what is not.
//!
//! Readiness is a line that the receiver prints, not a wait. Every receiver is ended when its guard is dropped.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::judges::{Signed, deps};

/// How to start one example; `None` where the folder of examples has a file that nobody runs.
fn command(file: &str, port: u16) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/receivers");
    let script = folder.join(file);
    let with = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    };
    let path = script.to_string_lossy();
    Some(match file {
        "receiver.php" => with("php".as_ref(), &["-S", &format!("127.0.0.1:{port}"), &path]),
        "receiver.mjs" => with("node".as_ref(), &[&path]),
        "standard.mjs" => with(
            "node".as_ref(),
            &[&beside_its_library(&script).to_string_lossy()],
        ),
        "receiver.py" => with("python3".as_ref(), &["-u", &path]),
        "standard.py" => with(&deps().join("python/bin/python"), &["-u", &path]),
        "receiver.rb" => with("ruby".as_ref(), &[&path]),
        "receiver.go" => with(&built_go(&script), &[]),
        "receiver.rs" => with(&built_rust(), &[]),
        _ => return None,
    })
}

/// Node looks for a library beside the script, so the script goes where the library is installed.
fn beside_its_library(script: &Path) -> PathBuf {
    let copy = deps().join("standard.mjs");
    std::fs::copy(script, &copy).expect("run `./test deps` first");
    copy
}

fn built_go(script: &Path) -> PathBuf {
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("receiver-go");
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg(script)
        .status();
    assert!(
        status.expect("no go: run `./test deps`").success(),
        "the Go example does not build"
    );
    binary
}

/// Cargo has built the example together with the tests, and now says where it is.
fn built_rust() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--locked",
            "--example=receiver",
            "--message-format=json",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let binary = lines.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    binary.unwrap_or_else(|| panic!("no example: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A receiver that is up; dropped, it is gone.
pub(crate) struct Running {
    file: String,
    child: Child,
    port: u16,
    // Held open: a receiver that prints into a closed pipe would die of it.
    _output: [Box<dyn Read>; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Starts the example and returns when it says that it listens.
pub(crate) fn start(file: &str, secret: &str) -> Running {
    let port = free_port();
    let mut child = command(file, port)
        .unwrap_or_else(|| {
            panic!("examples/receivers/{file} is run by no test: add it to `command`")
        })
        .env("WEBHOOK_SECRET", secret)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{file} does not start ({error}): run `./test deps`"));
    let stdout = child.stdout.take().expect("a piped stdout");
    let stderr = child.stderr.take().expect("a piped stderr");
    let speaks_on_stderr = file.ends_with(".php") || file.ends_with(".go");
    let (speaks, silent): (Box<dyn Read>, Box<dyn Read>) = if speaks_on_stderr {
        (Box::new(stderr), Box::new(stdout))
    } else {
        (Box::new(stdout), Box::new(stderr))
    };
    let mut reader = BufReader::new(speaks);
    let mut line = String::new();
    let read = reader.read_line(&mut line).expect("a line");
    if read == 0 {
        let mut said = String::new();
        let mut silent = silent;
        silent.read_to_string(&mut said).expect("its last words");
        panic!(
            "{file} ended before it listened ({:?}): {said}",
            child.wait()
        );
    }
    let running = Running {
        file: file.to_owned(),
        child,
        port,
        _output: [Box::new(reader), silent],
    };
    assert!(
        line.contains(&port.to_string()),
        "{file} said {line:?} instead of where it listens"
    );
    running
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

impl Running {
    /// Posts the request; the status of the answer.
    pub(crate) fn post(&self, request: &Signed) -> u16 {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        let headers: String = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{headers}\r\n",
            request.body.len()
        );
        stream
            .write_all(&[head.as_bytes(), &request.body].concat())
            .expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let text = String::from_utf8_lossy(&answer);
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("{}: no status in {text:?}", self.file))
    }
}
