//! A store on disk, an engine on it, and receivers that do what a test says.

use bytes::Bytes;
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tidings::clock::Clock;
use tidings::engine::{Engine, EngineParts, Transport};
use tidings::store::Actor;
use tidings::store::directory::{
    CreateEndpoint, Directory, Endpoint, NewEndpoint, OrganizationChange,
};
use tidings::store::handover::{self, Receiver};
use tidings::store::queue::{Accept, Accepted, Answer, AttemptRecord, Job, Queue, Timing};
use tidings::store::room::Room;
use tidings::store::seal::MasterKey;
use tidings::store::sql::SqlStore;
use tidings::store::sqlite::{self, Options};
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event::{NewEvent, Publicity};
use tidings_core::event_type::{EventTypeName, WireType};
use tidings_core::id::{DeliveryId, EndpointId, OrganizationId};
use tidings_core::organization::{AddOn, AddOns, Switch};
use tidings_core::outcome::Outcome;
use tidings_core::secret::Secret;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an attempt at an endpoint does.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Answer(Outcome),
    /// Waits until it is let go, then answers 200.
    Hold,
    Panic,
}

/// Receivers by endpoint. Each attempt announces itself first.
pub struct Script {
    acts: Mutex<HashMap<EndpointId, Act>>,
    gate: Semaphore,
    seen: mpsc::Sender<DeliveryId>,
    clock: Clock,
}

pub struct World {
    pub store: Arc<SqlStore>,
    receiver: Option<Receiver>,
    script: Arc<Script>,
    seen: mpsc::Receiver<DeliveryId>,
    clock: Clock,
    folder: TempDir,
}

impl Transport for Script {
    async fn attempt(&self, job: &Job, endpoint: &Arc<Endpoint>) -> AttemptRecord {
        let started_at = self.clock.now();
        self.seen.send(job.delivery).await.unwrap();
        let act = self.acts.lock().unwrap()[&endpoint.id];
        let outcome = match act {
            Act::Answer(outcome) => outcome,
            Act::Hold => {
                self.gate.acquire().await.unwrap().forget();
                Outcome::Status(200)
            }
            Act::Panic => panic!("on purpose"),
        };
        AttemptRecord {
            number: job.progress.attempts + 1,
            started_at,
            lateness: started_at.since(job.due_at),
            timing: Timing {
                total: self.clock.now().since(started_at),
                ..Timing::default()
            },
            outcome,
            detail: String::new(),
            endpoint_version: endpoint.version,
            timestamp: started_at.as_seconds(),
            vomo_signature: String::new(),
            webhook_signature: String::new(),
            peer: None,
            answer: Answer::default(),
        }
    }
}

impl World {
    /// One organization with an add-on.
    pub async fn new() -> Self {
        let world = Self::open(tempfile::tempdir().unwrap(), HashMap::new());
        let change = OrganizationChange {
            name: String::from("Larkspur"),
            slug: None,
            add_ons: AddOns::NONE.with(AddOn::ApiAccess),
            kept: None,
            restore: false,
        };
        let store = &world.store;
        store
            .put_organization(organization(), change, actor())
            .await
            .unwrap();
        world
    }

    fn open(folder: TempDir, acts: HashMap<EndpointId, Act>) -> Self {
        let clock = Clock::system();
        let (store, receiver) = open(folder.path(), &clock);
        let (sender, seen) = mpsc::channel(1_000);
        Self {
            store,
            receiver: Some(receiver),
            script: Arc::new(Script {
                acts: Mutex::new(acts),
                gate: Semaphore::new(0),
                seen: sender,
                clock: clock.clone(),
            }),
            seen,
            clock,
            folder,
        }
    }

    /// The same data in another life of the process.
    pub async fn reopen(self) -> Self {
        self.stored(|_| {}).await
    }

    /// The same, changed from outside while no process had it; then recovered.
    pub async fn stored(self, change: impl FnOnce(&Connection)) -> Self {
        let acts = self.script.acts.lock().unwrap().clone();
        self.store.close().await;
        let Self { store, folder, .. } = self;
        drop(store);
        change(&Connection::open(folder.path().join("tidings.db")).unwrap());
        let world = Self::open(folder, acts);
        world.store.recover(world.clock.now()).await.unwrap();
        world
    }

    pub fn start(&mut self, slots: usize) -> Engine {
        Engine::start(EngineParts {
            store: self.store.clone(),
            handover: self.receiver.take().expect("one engine for one store"),
            transport: Arc::clone(&self.script),
            clock: self.clock.clone(),
            slots,
        })
    }

    pub async fn endpoint(&self, act: Act) -> EndpointId {
        let new = NewEndpoint {
            url: TargetUrl::from_stored("https://receiver.example/hook").unwrap(),
            description: String::new(),
            event_types: vec![wire()],
            switch: Switch::On,
            headers: CustomHeaders::default(),
            secret: Secret::imported(b"whsec_first".to_vec()).unwrap(),
        };
        let answer = self
            .store
            .create_endpoint(organization(), new, actor())
            .await
            .unwrap();
        let CreateEndpoint::Created(endpoint) = answer else {
            panic!("{answer:?}");
        };
        self.script.acts.lock().unwrap().insert(endpoint.id, act);
        endpoint.id
    }

    pub async fn post(&self) {
        let event = NewEvent {
            organization: organization(),
            event_type: EventTypeName::parse("project.updated").unwrap(),
            publicity: Publicity::Private,
            data: Bytes::from_static(b"{\"id\":1}"),
            reference: None,
        };
        let accept = Accept {
            event,
            idempotency: None,
            trace: None,
        };
        let answers = self.store.accept(vec![accept]).await.unwrap();
        assert!(matches!(answers[..], [Accepted::Stored(_)]), "{answers:?}");
    }

    /// Waits for the next attempt to begin.
    pub async fn attempted(&mut self) -> DeliveryId {
        timeout(PATIENCE, self.seen.recv())
            .await
            .expect("no attempt was made")
            .unwrap()
    }

    /// Whether no further attempt has begun.
    pub fn is_quiet(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }

    /// Lets one held attempt go on.
    pub fn let_go(&self) {
        self.script.gate.add_permits(1);
    }

    /// All deliveries on disk, by age: state, attempts, failures.
    pub fn states(&self) -> Vec<(i64, i64, i64)> {
        let sql = self.sql();
        let mut statement = sql
            .prepare(
                "SELECT iif(epoch = 0 AND state = 1, 0, state), attempts, failures FROM deliveries
                 ORDER BY event_id",
            )
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub fn number(&self, query: &str) -> i64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    fn sql(&self) -> Connection {
        Connection::open(self.folder.path().join("tidings.db")).unwrap()
    }
}

fn open(folder: &Path, clock: &Clock) -> (Arc<SqlStore>, Receiver) {
    let (handover, receiver) = handover::channel(Room::new(1_000, 64 << 20));
    let options = Options {
        directory: folder.to_owned(),
        clock: clock.clone(),
        handover,
        key: MasterKey::from_bytes([7; 32]),
    };
    (sqlite::open(options).unwrap(), receiver)
}

pub fn organization() -> OrganizationId {
    OrganizationId::new(4_417).unwrap()
}

pub fn wire() -> WireType {
    WireType::parse("project.updated").unwrap()
}

pub fn actor() -> Actor {
    Actor::server()
}

/// What this thread logged, as JSON lines.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// Listens until the guard is dropped.
    pub fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let said = self.clone();
        let lines = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || said.clone())
            .finish();
        tracing::subscriber::set_default(lines)
    }

    /// The lines about attempts.
    pub fn attempts(&self) -> Vec<serde_json::Value> {
        let said = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &serde_json::Value| line["target"] == "tidings::attempt")
            .collect()
    }
}

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
