//! A server of its own for every test, and a client that shows everything it is answered.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::http::{
    Api, ApiParts, BodyPace, Certificates, ConnectionLimits, ConsoleParts, EventRates, NoticeParts,
    serve,
};
use tidings::store::directory::{Directory as _, NewKey, Scope};
use tidings::store::handover::{self, Receiver};
use tidings::store::notices::{NoticeRule, Notices as _, Told};
use tidings::store::queue::{AttemptRecord, Change, Job, Queue as _, Settlement, Timing};
use tidings::store::room::Room;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::sqlite::{self, Options};
use tidings::store::{Actor, Store};
use tidings_core::address::EgressRules;
use tidings_core::api_key::{KeyKind, KeyText};
use tidings_core::id::OrganizationId;
use tidings_core::outcome::Outcome;
use tidings_core::retry;
use tidings_core::time::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Two organizations that most stories need.
pub const LARKSPUR: i64 = 4_417;
pub const RIVERSIDE: i64 = 9_001;

pub struct World {
    pub address: SocketAddr,
    pub clock: Clock,
    pub store: Arc<SqlStore>,
    /// What the stub's receivers answer.
    pub status: Arc<AtomicU16>,
    pub operator: String,
    stop: Option<oneshot::Sender<()>>,
    pub server: JoinHandle<()>,
    settling: JoinHandle<()>,
    /// The data directory.
    pub folder: TempDir,
}

/// What it lets in.
#[derive(Default)]
struct Door {
    pace: BodyPace,
    limits: ConnectionLimits,
    rates: EventRates,
    notices: NoticeParts,
    needs_second_factor: bool,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(
            self.headers["x-request-id"],
            problem["request_id"].as_str().unwrap()
        );
        problem
    }
}

impl World {
    pub async fn new() -> Self {
        let noon = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        Self::with(
            Clock::manual(noon),
            BodyPace::default(),
            ConnectionLimits::default(),
        )
        .await
    }

    /// A world with both organizations, each with an add-on.
    pub async fn with_organizations() -> Self {
        let world = Self::new().await;
        for id in [LARKSPUR, RIVERSIDE] {
            let body = r#"{"name":"Organization","add_ons":["api_access"]}"#;
            let path = format!("/v1/organizations/{id}");
            world.send("PUT", &path, body).await.expect(201);
        }
        world
    }

    pub async fn with(clock: Clock, pace: BodyPace, limits: ConnectionLimits) -> Self {
        let door = Door {
            pace,
            limits,
            ..Door::default()
        };
        Self::serving(clock, door, None).await
    }

    /// A world that takes so many events.
    pub async fn taking(clock: Clock, rates: EventRates) -> Self {
        let door = Door {
            rates,
            ..Door::default()
        };
        Self::serving(clock, door, None).await
    }

    /// A world whose people need second factors.
    pub async fn requiring_second_factors() -> Self {
        let noon = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let door = Door {
            needs_second_factor: true,
            ..Door::default()
        };
        Self::serving(Clock::manual(noon), door, None).await
    }

    /// A world that tells notices to this organization.
    pub async fn telling(organization: i64) -> Self {
        let noon = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let door = Door {
            notices: NoticeParts {
                organization: OrganizationId::new(organization),
                mail: None,
            },
            ..Door::default()
        };
        let world = Self::serving(Clock::manual(noon), door, None).await;
        let rule = NoticeRule {
            organization: OrganizationId::new(organization),
            mail: false,
            base: String::from("https://webhooks.example.org"),
        };
        let told = world.store.tell_notices(Some(rule)).await;
        assert_eq!(told, Ok(Told::Ready));
        world
    }

    /// A world that speaks TLS.
    pub async fn secure(clock: Clock, certificates: Certificates) -> Self {
        Self::serving(clock, Door::default(), Some(certificates)).await
    }

    /// The same after its server was stopped, something was done to the database, and it was started again.
    pub async fn reopened(mut self, done: &str) -> Self {
        self.stop();
        (&mut self.server).await.unwrap();
        self.store.close().await;
        self.settling.abort();
        let _cancelled = (&mut self.settling).await;
        let Self {
            clock,
            folder,
            store,
            ..
        } = self;
        drop(store);
        let database = rusqlite::Connection::open(folder.path().join("tidings.db")).unwrap();
        database.execute_batch(done).unwrap();
        drop(database);
        Self::on(folder, clock, Door::default(), None).await
    }

    async fn serving(clock: Clock, door: Door, certificates: Option<Certificates>) -> Self {
        Self::on(tempfile::tempdir().unwrap(), clock, door, certificates).await
    }

    async fn on(
        folder: TempDir,
        clock: Clock,
        door: Door,
        certificates: Option<Certificates>,
    ) -> Self {
        let (handover, engine) = handover::channel(Room::new(1_000, 64 << 20));
        let store = sqlite::open(Options {
            directory: folder.path().to_owned(),
            clock: clock.clone(),
            handover,
            key: MasterKey::from_bytes([7; 32]),
        })
        .unwrap();
        let is_secure = certificates.is_some();
        let status = Arc::new(AtomicU16::new(204));
        let settling = tokio::spawn(settle_all(
            engine,
            Arc::clone(&store),
            clock.clone(),
            Arc::clone(&status),
        ));
        let api = Api::new(ApiParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: clock.clone(),
            rules: Arc::new(EgressRules::default()),
            signature_header: String::from("vomo-signature"),
            proxies: vec!["127.0.0.1/32".parse().unwrap()],
            pace: door.pace,
            rates: door.rates,
            notices: door.notices,
            version: "0.0.0",
            console: ConsoleParts {
                runtime: None,
                public_url: None,
                tls: is_secure,
                setup_file: None,
                engine: None,
                needs_second_factor: door.needs_second_factor,
            },
            data: None,
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, api, door.limits, certificates, async {
            let _gone = stopped.await;
        }));
        let mut world = Self {
            address,
            clock,
            store,
            status,
            operator: String::new(),
            stop: Some(stop),
            server,
            settling,
            folder,
        };
        world.operator = world.key(Scope::Operator).await;
        world
    }

    /// Tells the server to stop.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// A key of that scope.
    pub async fn key(&self, scope: Scope) -> String {
        let kind = match scope {
            Scope::Operator => KeyKind::Operator,
            Scope::Producer => KeyKind::Producer,
            Scope::Administrator(_) => KeyKind::Administrator,
            Scope::Viewer(_) => KeyKind::Viewer,
        };
        let random = tidings::clock::random_bytes::<32>().unwrap();
        let text = KeyText::generated(kind, &random);
        let new = NewKey {
            hash: text.hash(),
            scope,
            description: String::new(),
            expires_at: None,
        };
        self.store.create_key(new, Actor::server()).await.unwrap();
        text.expose().to_owned()
    }

    /// As the operator, without a body.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &self.operator, "").await
    }

    /// As the operator.
    pub async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.call(method, path, &self.operator, body).await
    }

    /// As whoever holds the key.
    pub async fn call(&self, method: &str, path: &str, key: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.request(method, path, &headers, body.as_bytes()).await
    }

    /// With exactly these headers and a Host.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "tidings.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::copy_from_slice(body)))
            .unwrap();
        let response = client.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // A receiver's answer may be any bytes; everything that is ours is UTF-8.
        let downloaded = head.headers.contains_key("content-disposition");
        assert!(downloaded || text.as_bytes() == bytes, "{text}");
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            text,
        }
    }

    /// Bytes as they are; the answer up to the end of the connection.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is an end as well.
        let _end = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// An endpoint of that organization, as the operator.
    pub async fn endpoint(&self, organization: i64, types: &[&str]) -> Value {
        let path = format!("/v1/organizations/{organization}/endpoints");
        let body = serde_json::json!({"url": "https://receiver.example/hook?token=t", "event_types": types});
        self.send("POST", &path, &body.to_string())
            .await
            .expect(201)
    }

    /// An event of `project.updated` of that organization; its id.
    pub async fn event(&self, organization: i64) -> String {
        let body = format!(
            r#"{{"type":"project.updated","organization_id":{organization},"data":{{"id":1}}}}"#
        );
        let posted = self.send("POST", "/v1/events", &body).await.expect(202);
        posted["id"].as_str().unwrap().to_owned()
    }

    /// Events in an organization's list.
    pub async fn events(&self, organization: i64) -> usize {
        let path = format!("/v1/organizations/{organization}/events?limit=100");
        self.get(&path).await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len()
    }

    /// Asks until the answer is as wanted: what the stub does takes a moment.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..10_000 {
            let answer = self.get(path).await.expect(200);
            if wanted(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
        panic!("{path} never came to what was wanted");
    }
}

pub fn organization(id: i64) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

/// Settles everything that is handed over, with the status that is set.
async fn settle_all(
    mut engine: Receiver,
    store: Arc<SqlStore>,
    clock: Clock,
    status: Arc<AtomicU16>,
) {
    loop {
        let jobs = tokio::select! {
            jobs = engine.jobs.recv() => match jobs {
                Some(jobs) => jobs,
                None => return,
            },
            () = engine.due.changed() => {
                let _moment = engine.due.take();
                store.claim(100, clock.now()).await.unwrap().jobs
            }
        };
        let status = status.load(Ordering::SeqCst);
        let results = jobs
            .into_iter()
            .map(|job| settled(job, &clock, status))
            .collect();
        store.settle(results).await.unwrap();
    }
}

fn settled(job: Job, clock: &Clock, status: u16) -> Settlement {
    let outcome = Outcome::Status(status);
    let (progress, next) = retry::next(job.progress, outcome, clock.now());
    let record = AttemptRecord {
        number: progress.attempts,
        started_at: clock.now(),
        lateness: Duration::ZERO,
        timing: Timing::default(),
        outcome,
        detail: String::from("answered from 192.0.2.7"),
        endpoint_version: 1,
        timestamp: clock.now().as_seconds(),
        vomo_signature: "a".repeat(64),
        webhook_signature: String::from("v1,signature"),
        peer: Some("192.0.2.7:443".parse().unwrap()),
        answer: tidings::store::queue::Answer {
            headers: Bytes::from_static(b"server: stub\nx-odd: \xff"),
            body: Bytes::from_static(b"no \xff text"),
            body_bytes: 9,
        },
    };
    Settlement {
        delivery: job.delivery,
        lease: job.lease,
        change: Change::Attempted {
            record: Box::new(record),
            progress,
            next,
        },
        reservation: job.reservation,
    }
}

/// The status of a raw answer.
pub fn status_of(raw: &str) -> Option<StatusCode> {
    StatusCode::from_bytes(raw.as_bytes().get(9..12)?).ok()
}
