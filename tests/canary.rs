//! S6 and S17: a thousand known secrets of every kind go through a server that logs everything it can; nowhere is one of
//! them found again: not in the database and its log, not in a backup, not in what the server says, not in what viewers
//! see. Raw, in hexadecimal and in base64.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests of real processes, in real time"
)]

#[path = "canary/second_factor.rs"]
mod second_factor;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod server;
#[path = "support/witness.rs"]
#[allow(dead_code, reason = "shared with the other process tests")]
mod witness;

#[path = "canary/upgrade.rs"]
mod upgrade;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use server::{Connection, operator_key, tidings};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tidings::config::{Form, SETTINGS};
use witness::Witness;

const ENDPOINTS: usize = 1_000;
/// Bytes that are enough to know a secret by.
const KNOWN_BY: usize = 12;
const MASTER_KEY: &str = "c0ffee00c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77";
const PASSWORD: &str = "canary-password-of-nineteen-geese";
const URL_TOKEN: &str = "hidden-url-token-canary";

/// A server that logs everything, to a file.
struct Loud {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
}

impl Drop for Loud {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

impl Loud {
    fn start(data: &Path, log: &Path, key: &str) -> Self {
        let mut server = Self {
            child: Self::spawn(data, log, key),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.to_owned(),
        };
        let begun = Instant::now();
        loop {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let address = said.split("serves http://").nth(1);
            if let Some(address) = address.and_then(|rest| rest.split(' ').next()?.parse().ok()) {
                server.address = address;
                return server;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
            std::thread::sleep(Duration::from_millis(5)); // sleeps: a file has no signal for what is written to it
        }
    }

    fn spawn(data: &Path, log: &Path, key: &str) -> Child {
        tidings()
            .arg("serve")
            .env("TIDINGS_LISTEN", "127.0.0.1:0")
            .env("TIDINGS_DATA", data)
            .env("TIDINGS_OPERATOR_KEY", key)
            .env("TIDINGS_MASTER_KEY", MASTER_KEY)
            .env("TIDINGS_EGRESS_ALLOW", "127.0.0.1/32")
            .env("TIDINGS_TELEMETRY_LOG", "trace")
            .env("TIDINGS_TELEMETRY_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap()
    }
}

/// Known secrets, by what they are.
#[derive(Default)]
struct Canaries(Vec<(String, Vec<u8>)>);

impl Canaries {
    /// What the server is started with.
    fn of_the_server(key: &str) -> Self {
        let master: Vec<u8> = MASTER_KEY
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let mut canaries = Self(vec![
            (
                String::from("master key, as text"),
                MASTER_KEY.as_bytes().to_vec(),
            ),
            (String::from("master key"), master),
        ]);
        canaries.put("operator key", key);
        canaries
    }

    fn put(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= KNOWN_BY, "{what}");
        self.0.push((what.to_owned(), secret.as_bytes().to_vec()));
        // `whsec_` and keys' beginnings are the same for all; the rest is what is secret, also decoded.
        let rest = secret.rsplit('_').next().unwrap();
        if rest.len() >= KNOWN_BY && rest != secret {
            self.0.push((what.to_owned(), rest.as_bytes().to_vec()));
        }
        for bytes in [STANDARD.decode(rest), URL_SAFE_NO_PAD.decode(rest)]
            .into_iter()
            .flatten()
        {
            if bytes.len() >= KNOWN_BY {
                self.0.push((format!("{what}, decoded"), bytes));
            }
        }
    }

    /// The beginnings of every secret in every form.
    fn needles(&self) -> HashMap<Vec<u8>, String> {
        let mut needles = HashMap::new();
        for (what, secret) in &self.0 {
            // All of them share `whsec_` or `tdg_o_`: too little to be known by.
            if secret.starts_with(b"whsec_") || secret.starts_with(b"tdg_") {
                needles.insert(secret[6..6 + KNOWN_BY].to_vec(), what.clone());
                continue;
            }
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            for form in [
                secret.clone(),
                hex.into_bytes(),
                STANDARD.encode(secret).into_bytes(),
            ] {
                needles.insert(form[..KNOWN_BY].to_vec(), what.clone());
            }
        }
        needles
    }
}

/// What is found where it should not be.
fn found(needles: &HashMap<Vec<u8>, String>, place: &str, text: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = text
        .windows(KNOWN_BY)
        .filter_map(|window| needles.get(window))
        .map(|what| format!("{what} in {place}"))
        .collect();
    found.sort();
    found.dedup();
    found
}

struct Api {
    address: SocketAddr,
    connection: Connection,
}

impl Api {
    fn of(server: &Loud, key: &str) -> Self {
        Self {
            address: server.address,
            connection: Connection::open(server.address, key).unwrap(),
        }
    }

    fn ok(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let text = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let (status, answer) = self.connection.call(method, path, &text).unwrap();
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }
}

/// A request of a browser; its whole answer.
fn browse(address: SocketAddr, method: &str, path: &str, cookie: &str, form: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\ncookie: {cookie}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap()
}

/// Secrets of endpoints: generated, rotated and imported ones.
fn endpoints(api: &mut Api, canaries: &mut Canaries, witness: &Witness) -> String {
    api.ok(
        "PUT",
        "/v1/organizations/1",
        &json!({"name": "Larkspur", "add_ons": ["api_access"]}),
    );
    let path = "/v1/organizations/1/endpoints";
    let mut last = String::new();
    for number in 0..ENDPOINTS {
        let token = blake3::hash(&number.to_be_bytes()).to_hex();
        canaries.put("custom header", &token);
        let mut new = json!({
            "url": witness.url(&format!("/{number}?token={URL_TOKEN}")), "event_types": ["project.updated"],
            "headers": {"authorization": format!("Bearer {token}")}, "enabled": number < 20,
        });
        if number % 10 == 0 {
            let imported = format!("imported-{number:04}-{}", "z".repeat(number % 40));
            new["secret"] = json!(imported);
            // The number is what tells them apart.
            canaries.put(
                "imported secret",
                &format!("ted-{number:04}-{}", "z".repeat(number % 40 + 4))[..12],
            );
        }
        let made = api.ok("POST", path, &new);
        last = made["id"].as_str().unwrap().to_owned();
        if let Some(secret) = made["secret"]
            .as_str()
            .filter(|text| text.starts_with("whsec_"))
        {
            canaries.put("signing secret", secret);
        }
        if number % 50 == 2 {
            let token = blake3::hash(format!("other {number}").as_bytes()).to_hex();
            canaries.put("custom header", &token);
            let other = json!({ "headers": {"authorization": format!("Bearer {token}")} });
            api.ok("PATCH", &format!("{path}/{last}"), &other);
        }
        if number % 50 == 1 {
            let rotated = api.ok("POST", &format!("{path}/{last}/secret/rotate"), &json!({}));
            canaries.put("rotated secret", rotated["secret"].as_str().unwrap());
        }
    }
    last
}

/// Keys, a password, sessions and links; answers a viewer's key and cookie.
fn people(server: &Loud, api: &mut Api, canaries: &mut Canaries) -> (String, String) {
    let mut viewer = String::new();
    for scope in ["operator", "producer", "administrator", "viewer"] {
        let own = matches!(scope, "administrator" | "viewer").then_some(1);
        let body = match own {
            Some(own) => json!({"scope": scope, "organization_id": own}),
            None => json!({"scope": scope}),
        };
        let made = api.ok("POST", "/v1/keys", &body);
        made["key"].as_str().unwrap().clone_into(&mut viewer);
        canaries.put(&format!("{scope} key"), &viewer);
    }
    let link = api.ok(
        "POST",
        "/v1/organizations/1/portal-links",
        &json!({"role": "viewer"}),
    );
    let url = link["url"].as_str().unwrap();
    let token = url.rsplit('/').next().unwrap();
    canaries.put("portal link", token);
    let entered = browse(
        server.address,
        "POST",
        &format!("/admin/portal/{token}"),
        "",
        "",
    );
    let cookie = between(&entered, "set-cookie: ", ";").to_owned();
    canaries.put("session", cookie.split('=').nth(1).unwrap());
    // A login that fails: the password must not be in the log either.
    let form = format!("name=nobody&password={PASSWORD}");
    browse(server.address, "POST", "/admin/login", "", &form);
    canaries.put("password", PASSWORD);
    second_factor::switch_on(server, canaries);
    (viewer, cookie)
}

/// What viewers are shown, by the API and in the console.
fn shown_to_viewers(
    api: &Api,
    (viewer, cookie): &(String, String),
    endpoint: &str,
    needles: &HashMap<Vec<u8>, String>,
) -> Vec<String> {
    let mut hits = Vec::new();
    let mut as_viewer = Api {
        address: api.address,
        connection: Connection::open(api.address, viewer).unwrap(),
    };
    let list = as_viewer.ok("GET", "/v1/organizations/1/deliveries", &Value::Null);
    let delivery = list["data"][0]["id"].as_str().unwrap();
    for path in [
        String::from("/v1/organizations/1"),
        String::from("/v1/organizations/1/endpoints?limit=100"),
        String::from("/v1/organizations/1/events"),
        format!("/v1/deliveries/{delivery}"),
        String::from("/v1/event-types"),
    ] {
        let answer = as_viewer.ok("GET", &path, &Value::Null).to_string();
        hits.extend(found(needles, &path, answer.as_bytes()));
    }
    for path in [
        String::from("/admin/overview"),
        String::from("/admin/integrations/webhooks"),
        format!("/admin/integrations/webhooks/{endpoint}"),
        String::from("/admin/deliveries"),
        format!("/admin/deliveries/{delivery}"),
        String::from("/admin/nowhere"),
    ] {
        let page = browse(api.address, "GET", &path, cookie, "");
        assert!(
            page.starts_with("HTTP/1.1 200") || path.ends_with("nowhere"),
            "{path}: {page}"
        );
        let body = page.split("\r\n\r\n").nth(1).unwrap();
        hits.extend(found(needles, &path, body.as_bytes()));
    }
    hits
}

/// The database, its log, and a backup made while the server runs.
fn on_the_disk(data: &Path, needles: &HashMap<Vec<u8>, String>) -> Vec<String> {
    let backup = data.join("backup.db");
    rusqlite::Connection::open(data.join("tidings.db"))
        .unwrap()
        .execute("VACUUM INTO ?1", [backup.to_str().unwrap()])
        .unwrap();
    assert!(!data.join("master.key").exists());
    [
        "tidings.db",
        "tidings.db-wal",
        "tidings.db-shm",
        "backup.db",
    ]
    .into_iter()
    .flat_map(|file| found(needles, file, &std::fs::read(data.join(file)).unwrap()))
    .collect()
}

/// What it says of its settings.
fn printed(key: &str, needles: &HashMap<Vec<u8>, String>) -> Vec<String> {
    let secrets = [
        ("TIDINGS_OPERATOR_KEY", key.to_owned()),
        ("TIDINGS_MASTER_KEY", MASTER_KEY.to_owned()),
        (
            "TIDINGS_DATABASE_URL",
            format!("postgres://tidings:{PASSWORD}@db/tidings"),
        ),
        (
            "TIDINGS_EGRESS_PROXY_CREDENTIALS",
            format!("user:{PASSWORD}"),
        ),
        (
            "TIDINGS_NOTICES_SMTP_URL",
            format!("smtp://user:{PASSWORD}@mail"),
        ),
        (
            "TIDINGS_TELEMETRY_OTLP_HEADERS",
            format!("x-key={PASSWORD}"),
        ),
    ];
    let named: BTreeSet<&str> = secrets.iter().map(|(name, _)| *name).collect();
    let there = SETTINGS
        .iter()
        .filter(|setting| setting.form == Form::Secret);
    assert_eq!(named, there.map(|setting| setting.env).collect());
    let printed = tidings()
        .args(["serve", "--print-config"])
        .envs(secrets)
        .env("TIDINGS_EGRESS_PROXY", "http://proxy:3128")
        .env("TIDINGS_NOTICES_EMAIL_FROM", "tidings@example.org")
        .env("TIDINGS_NOTICES_EMAIL_TO", "ops@example.org")
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    found(needles, "the printed settings", &printed.stdout)
}

#[test]
fn s17_a_thousand_secrets_of_every_kind_are_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let (witness, key) = (Witness::start(), operator_key());
    let mut canaries = Canaries::of_the_server(&key);
    let server = Loud::start(&data, &log, &key);
    let mut api = Api::of(&server, &key);
    let endpoint = endpoints(&mut api, &mut canaries, &witness);
    let viewer = people(&server, &mut api, &mut canaries);
    for number in 0..20 {
        let event =
            json!({"type": "project.updated", "organization_id": 1, "data": {"number": number}});
        api.ok("POST", "/v1/events", &event);
    }
    assert!(
        witness.wait_for(400, Duration::from_secs(60)),
        "events are delivered"
    );
    let secret = format!("/v1/organizations/1/endpoints/{endpoint}/secret");
    api.ok("GET", &secret, &Value::Null);
    let needles = canaries.needles();
    assert!(needles.len() > 5 * ENDPOINTS, "{}", needles.len());
    let audit = api.ok("GET", "/v1/audit?limit=100", &Value::Null);
    let mut hits = found(&needles, "the audit log", audit.to_string().as_bytes());
    // Tokens in URLs are for administrators' eyes; they stand in the database as they are.
    let mut told = needles.clone();
    told.insert(
        URL_TOKEN.as_bytes()[..KNOWN_BY].to_vec(),
        String::from("token in a URL"),
    );
    hits.extend(shown_to_viewers(&api, &viewer, &endpoint, &told));
    hits.extend(on_the_disk(&data, &needles));
    let said = std::fs::read(&log).unwrap();
    assert!(said.len() > 100_000, "it was loud: {}", said.len());
    hits.extend(found(&told, "the log", &said));
    hits.extend(printed(&key, &needles));
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
    eprintln!(
        "{} forms of secrets, {} bytes of log, 0 hits",
        needles.len(),
        said.len()
    );
}

#[test]
fn s17_a_server_leaves_no_core_dump() {
    let data = tempfile::tempdir().unwrap();
    let server = server::Server::start(data.path(), &operator_key());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}
