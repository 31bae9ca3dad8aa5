//! The composition root: the only place that knows every part, and the order in which they start and stop.
//!
//! Start: store, recovery, engine, keys, listener. Stop: the listener first, so that nothing new is
//! accepted; then the engine drains; then the store writes out what is left and closes.

mod exporting;
mod keys;
pub mod notices;
mod parts;
mod sealing;
pub mod setup;

pub(crate) use exporting::reach as reach_collector;
pub use keys::{check_secret_files, master_key_found, master_key_of, master_key_path, preset_key};
pub use notices::mailer;

use crate::clock::Clock;
use crate::config::Settings;
use crate::data_directory;
use crate::engine::resolver::LookupError;
use crate::engine::sender::SenderError;
use crate::engine::{Drained, Engine, EngineParts};
use crate::http::{self, CertificateError};
use crate::runtime::Beside;
use crate::secret_file::SecretFileError;
use crate::store::postgres::AddressError;
use crate::store::queue::Queue as _;
use crate::store::room::Room;
use crate::store::seal::MasterKeyError;
use crate::store::sql::SqlStore;
use crate::store::{Store, StoreError, handover};
pub use parts::database_authorities;
use parts::{api, base, connection_limits, is_new, metrics, metrics_listener, retention, sender};
pub(crate) use parts::{certificates, dialer, extra_ca, listen, open_store};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::api_key::KeyText;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long attempts in flight may take then; what waits is handed back at once.
const DRAIN: Duration = Duration::from_secs(20);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key cannot be had.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// There is data, and the key that sealed it is not where it was made.
    #[error(
        "{database} is there, its master key {key} is not: put it back, or name it with `master_key_file`",
        database = database.display(), key = key.display()
    )]
    MasterKeyMissing {
        /// The database.
        database: PathBuf,
        /// Where the key should lie.
        key: PathBuf,
    },
    /// Several nodes share one key, so each must be given it.
    #[error(
        "with database_url every node needs the same master key: set master_key or master_key_file (openssl rand -hex 32 makes one)"
    )]
    MasterKeyUnset,
    /// The database's address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The data directory cannot be made.
    #[error("cannot make the data directory {what}; choose another with `data`")]
    DataDirectory {
        /// The directory, and the system's words.
        what: String,
    },
    /// The sender cannot be built.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// The system's resolver settings cannot be read.
    #[error("the system's resolver settings cannot be read: {0}")]
    Resolver(#[from] LookupError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {problem}; stop what listens there or choose another address with `{setting}`"
    )]
    Listen {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        problem: std::io::Error,
    },
    /// Requests cannot leave from an address.
    #[error(
        "egress.source_addresses: requests cannot leave from {address} ({problem}); name an address of this machine"
    )]
    SourceAddress {
        /// The address.
        address: IpAddr,
        /// The system's words.
        problem: std::io::Error,
    },
    /// HTTPS cannot be served.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Notices would be told under the name of a type that the operator registered.
    #[error(
        "notices.organization: the catalogue has a type of your own under the name of a notice, `{name}`; leave the setting empty and have notices mailed (notices.smtp_url)"
    )]
    NoticeNameTaken {
        /// The type.
        name: &'static str,
    },
    /// Mail cannot be set up.
    #[error(transparent)]
    Mail(#[from] crate::mail::MailError),
    /// A file with a secret cannot be read, or others may.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// A file that a setting names cannot be read.
    #[error("{setting}: cannot read {path}: {problem}", path = path.display())]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        problem: std::io::Error,
    },
    /// The preset operator key is no key.
    #[error(
        "operator_key: this is not a well-formed operator key; make one with `tidings key generate --scope operator`"
    )]
    OperatorKey,
    /// The preset operator key was revoked.
    #[error(
        "operator_key: this key was revoked and opens nothing; set another one (`tidings key generate --scope operator`), or none"
    )]
    OperatorKeyRevoked,
    /// The system gives no threads.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    /// The system has no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(#[from] getrandom::Error),
}

/// No reason not to start: [`data_directory`] says why.
fn warn_of_shared_data(settings: &Settings) {
    let shared = data_directory::shared(&settings.data);
    if let Some(shared) = shared.filter(|_| settings.database.is_none()) {
        tracing::warn!("{shared}");
    }
}

/// A running server.
pub struct App {
    address: SocketAddr,
    scheme: &'static str,
    first_key: Option<KeyText>,
    setup_link: Option<String>,
    store: Arc<SqlStore>,
    engine: Engine,
    /// Where the engine and the console run; they end with this.
    _beside: [Beside; 2],
    server: JoinHandle<()>,
    sealing: JoinHandle<()>,
    /// Serves metrics where that is asked for.
    metrics: Option<JoinHandle<()>>,
    courier: Option<JoinHandle<()>>,
    stop: oneshot::Sender<()>,
}

impl App {
    /// Starts everything; when this returns, the server answers.
    ///
    /// # Errors
    /// What is wrong and what to do; nothing is left running.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Self, AppError> {
        // Before anything is made or opened.
        check_secret_files(&settings)?;
        warn_of_shared_data(&settings);
        let (listener, address) = listen("listen", settings.listen)?;
        // Here already: what may fail comes before the engine, which begins to send.
        let watched = settings.metrics_listen.map(metrics_listener).transpose()?;
        let room = Room::new(settings.memory_deliveries, settings.memory_bytes);
        let (to_engine, handover) = handover::channel(room);
        let store = open_store(&settings, &clock, to_engine)?;
        store.keep_events(retention(&settings));
        let recovered = store.recover(clock.now()).await?;
        if recovered > 0 {
            tracing::info!(
                deliveries = recovered,
                "taken back from the last run, which did not stop cleanly"
            );
        }
        let certificates = certificates(&settings, &clock)?;
        let scheme = certificates.as_ref().map_or("http", |_| "https");
        let base = base(&settings, scheme, address);
        let courier = notices::start(&settings, &store, (&base, &clock)).await?;
        let setup_link = match is_new(&store) {
            true => Some(setup::link(&*store, &base, clock.now()).await?),
            false => None,
        };
        let first_key = keys::operator_key(&settings, &store).await?;
        let authorities = extra_ca(&settings)?;
        let collector = exporting::start(&settings, &clock, &authorities)?;
        let sender = sender(&settings, &clock, &store, authorities)?;
        let delivering = Beside::delivering().map_err(AppError::Runtime)?;
        let drawing = Beside::console().map_err(AppError::Runtime)?;
        let engine = {
            let _spawns_there = delivering.enter();
            Engine::start(EngineParts {
                store: Arc::clone(&store) as Arc<dyn Store>,
                handover,
                transport: Arc::new(sender),
                clock: clock.clone(),
                slots: settings.attempts,
            })
        };
        let courier = courier.map(|courier| courier.start(&drawing));
        let api = api(&settings, clock.clone(), &store, (&engine, &drawing))?;
        exporting::report(collector, &api, clock);
        let metrics = watched.map(|listener| metrics(listener, api.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let limits = connection_limits(&settings);
        let server = tokio::spawn(http::serve(listener, api, limits, certificates, async {
            let _app_gone = stopped.await;
        }));
        let sealing = tokio::spawn(sealing::keep(
            Arc::clone(&store),
            keys::master_key_path(&settings),
        ));
        Ok(Self {
            address,
            scheme,
            first_key,
            setup_link,
            store,
            engine,
            _beside: [delivering, drawing],
            server,
            sealing,
            metrics,
            courier,
            stop,
        })
    }

    /// Where the API listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http`, or `https` with a certificate of its own.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Where the data is: a directory, or a database.
    pub fn location(&self) -> impl std::fmt::Display {
        self.store.location().display()
    }

    /// The operator key made at the very first start; shown once.
    pub const fn first_key(&self) -> Option<&KeyText> {
        self.first_key.as_ref()
    }

    /// The one-time link into the console made at the very first start.
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    /// Waits until the store can no longer promise anything; the process must end.
    pub async fn failed(&self) -> StoreError {
        self.store.failed().await
    }

    /// Stops: finishes what is in flight, hands back the rest, closes the store.
    pub async fn stop(self) {
        let _server_gone = self.stop.send(());
        let _panicked = self.server.await;
        if let Drained::CutOff { in_flight } = self.engine.drain(DRAIN).await {
            tracing::warn!(
                in_flight,
                "attempts were cut off; they are made again at the next start"
            );
        }
        self.sealing.abort();
        for beside in [self.metrics, self.courier].into_iter().flatten() {
            beside.abort();
        }
        self.store.close().await;
    }
}
