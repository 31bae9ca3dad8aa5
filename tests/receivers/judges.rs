//! Runs a foreign receiver: requests in, one verdict each out.
//!
//! Any integration test may use it by `#[path = "receivers/judges.rs"] mod judges;`. Invariant: as many verdicts as
//! requests, in their order; anything else (no interpreter, no library, a crash) panics and says what is missing.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A request as it was received, and the secret that its receiver knows.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) secret: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a receiver's library takes for now; the libraries refuse what is older than five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each test binary uses its own part")]
pub(crate) enum Clock {
    /// The real time: for requests that were just sent.
    Now,
    /// The request's own timestamp: for requests signed long ago.
    AtTheRequest,
}

/// A receiver written in another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `hash_hmac` of PHP itself.
    Php,
    /// node:crypto, and the npm package `standardwebhooks`.
    Node,
    /// hmac, and the PyPI package `standardwebhooks`.
    Python,
}

/// Every receiver.
pub(crate) const ALL: [Receiver; 3] = [Receiver::Php, Receiver::Node, Receiver::Python];

impl Receiver {
    /// One verdict for each request: `ok` or `bad: why`.
    pub(crate) fn judge(self, requests: &[Signed], clock: Clock) -> Vec<String> {
        let mut child = self
            .command(clock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{self:?} does not start ({error}): run `./test deps`"));
        let input: String = requests
            .iter()
            .map(|request| format!("{}\n", line(request)))
            .collect();
        let mut stdin = child.stdin.take().expect("a piped stdin");
        // A receiver that dies early breaks the pipe; its stderr, below, says why.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("the receiver's output");
        let written = writer.join().expect("the writer");
        let verdicts: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect();
        assert!(
            output.status.success() && written.is_ok() && verdicts.len() == requests.len(),
            "{self:?} judged {} of {} requests ({}); if a library is missing, run `./test deps`:\n{}",
            verdicts.len(),
            requests.len(),
            output.status,
            String::from_utf8_lossy(&output.stderr),
        );
        verdicts
    }

    fn command(self, clock: Clock) -> Command {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let deps = deps();
        let (program, script) = match self {
            Self::Php => (PathBuf::from("php"), "verify.php"),
            Self::Node => (PathBuf::from("node"), "verify.mjs"),
            Self::Python => (deps.join("python/bin/python"), "verify.py"),
        };
        let mut command = Command::new(program);
        command
            .arg(root.join("tests/receivers").join(script))
            .env("TIDINGS_TEST_DEPS", &deps);
        if clock == Clock::AtTheRequest {
            command.arg("--frozen");
        }
        command
    }
}

/// Where `./test deps` puts the published verifiers.
pub(crate) fn deps() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-deps")
}

fn line(request: &Signed) -> Value {
    let headers: Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({ "secret": request.secret, "headers": headers, "body_base64": STANDARD.encode(&request.body) })
}
