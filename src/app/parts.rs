//! What a server is made of, each part from the settings.
//!
//! Deliberately absent: in which order they start and stop, which is [`super::App`]'s.

use super::{AppError, keys, master_key_of, notices};
use crate::clock::Clock;
use crate::config::{DatabaseSettings, Settings};
use crate::engine::resolver::Resolver;
use crate::engine::sender::{Dialer, Proxy, Sender, SenderParts};
use crate::engine::{Engine, Gauge};
use crate::http::{
    self, Api, ApiParts, BodyPace, Certificates, ConnectionLimits, ConsoleParts, EngineLoad,
    EngineView, EventRates, PhaseLimits,
};
use crate::runtime::Beside;
use crate::store::directory::{Directory, PageRequest};
use crate::store::postgres::{self, Address};
use crate::store::retention::Retention;
use crate::store::sql::SqlStore;
use crate::store::sqlite::{self, Options};
use crate::store::{Reach, Store, StoreError, handover};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

/// Connections to receivers that are kept open for the next delivery.
const IDLE_CONNECTIONS: usize = 1_000;
/// Bytes of answers that the system holds for a client which never reads (it may take twice as much); else megabytes.
const UNREAD: u32 = 128 * 1024;
/// Connections that wait to be accepted: as many as a system usually lets. One that finds no place is tried again by
/// its producer's system a second later.
const UNACCEPTED: u32 = 4_096;
/// How long requests in flight may take once a stop began; with the engine's time a stop takes 25 s at most.
const ANSWER: Duration = Duration::from_secs(5);
pub(super) fn api(
    settings: &Settings,
    clock: Clock,
    store: &Arc<SqlStore>,
    (engine, drawing): (&Engine, &Beside),
) -> Result<Api, getrandom::Error> {
    Api::new(ApiParts {
        store: Arc::clone(store) as Arc<dyn Store>,
        clock,
        rules: Arc::new(settings.egress.clone()),
        signature_header: settings.signature_header.clone(),
        proxies: settings.trusted_proxies.clone(),
        pace: BodyPace::default(),
        rates: event_rates(settings),
        notices: notices::shown(&settings.notices),
        version: env!("CARGO_PKG_VERSION"),
        console: console(settings, engine, drawing),
        data: settings.database.is_none().then(|| settings.data.clone()),
    })
}

pub(super) fn metrics_listener(wanted: SocketAddr) -> Result<TcpListener, AppError> {
    listen("telemetry.metrics_listen", wanted).map(|(listener, _)| listener)
}

pub(super) fn metrics(listener: TcpListener, api: Api) -> JoinHandle<()> {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "metrics are served without a key");
    }
    tokio::spawn(http::serve_metrics(listener, api))
}

/// How people reach the console, for links.
pub(super) fn base(settings: &Settings, scheme: &str, address: SocketAddr) -> String {
    let told = settings.public_url.clone();
    told.unwrap_or_else(|| format!("{scheme}://{address}"))
}

pub(crate) fn certificates(
    settings: &Settings,
    clock: &Clock,
) -> Result<Option<Certificates>, AppError> {
    match settings.tls.clone() {
        Some((cert, key)) => Ok(Some(Certificates::read(cert, key, clock.clone())?)),
        None => Ok(None),
    }
}

pub(super) fn connection_limits(settings: &Settings) -> ConnectionLimits {
    ConnectionLimits {
        total: settings.connections,
        per_address: settings.connections_per_address,
        drain: ANSWER,
        phases: PhaseLimits {
            connection: Duration::from_secs(settings.connection_seconds as u64),
            ..PhaseLimits::default()
        },
    }
}

fn event_rates(settings: &Settings) -> EventRates {
    let [total, per_organization] = settings.events_per_second;
    EventRates {
        total,
        per_organization,
    }
}

pub(super) fn retention(settings: &Settings) -> Retention {
    let [bodies, records, audit] = settings.kept_days;
    let days = |days: usize| Duration::from_secs(days as u64 * 86_400);
    Retention {
        bodies: days(bodies),
        records: days(records),
        audit: days(audit),
    }
}

fn console(settings: &Settings, engine: &Engine, runtime: &Beside) -> ConsoleParts {
    let embedded = settings.database.is_none();
    ConsoleParts {
        runtime: runtime.handle(),
        public_url: settings.public_url.clone(),
        tls: settings.tls.is_some(),
        setup_file: embedded.then(|| settings.data.join(http::SETUP_FILE)),
        engine: Some(Arc::new(Loaded {
            gauge: engine.gauge(),
            slots: settings.attempts,
        })),
        needs_second_factor: settings.needs_second_factor,
    }
}

/// The engine as the console sees it.
struct Loaded {
    gauge: Gauge,
    slots: usize,
}

impl EngineView for Loaded {
    fn load(&self) -> EngineLoad {
        EngineLoad {
            running: self.gauge.is_running(),
            waiting: self.gauge.waiting(),
            in_flight: self.gauge.in_flight(),
            slots: self.slots,
        }
    }
}

/// Whether nobody was ever let in.
pub(super) fn is_new(store: &SqlStore) -> bool {
    let first = PageRequest {
        limit: 1,
        after: None,
    };
    store.keys(Reach::All, &first).items.is_empty()
}

pub(crate) fn listen(
    setting: &'static str,
    wanted: SocketAddr,
) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |problem| AppError::Listen {
        setting,
        address: wanted,
        problem,
    };
    let socket = match wanted {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let listener = socket
        .and_then(|socket| {
            // A server that was just stopped leaves connections behind that are no reason not to start.
            socket.set_reuseaddr(true)?;
            socket.set_send_buffer_size(UNREAD)?;
            socket.bind(wanted)?;
            socket.listen(UNACCEPTED)
        })
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Authorities that are trusted beside the system's.
pub(crate) fn extra_ca(
    settings: &Settings,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, AppError> {
    match settings.extra_ca.as_deref() {
        Some(path) => read_certificates("egress.extra_ca", path),
        None => Ok(Vec::new()),
    }
}

/// Dials receivers, from the addresses that the settings name.
pub(crate) fn dialer(settings: &Settings) -> Result<Dialer, AppError> {
    Dialer::tcp_from(&settings.source_addresses)
        .map_err(|(address, problem)| AppError::SourceAddress { address, problem })
}

pub(super) fn sender(
    settings: &Settings,
    clock: &Clock,
    store: &Arc<SqlStore>,
    extra_ca: Vec<rustls::pki_types::CertificateDer<'static>>,
) -> Result<Sender, AppError> {
    let dialer = dialer(settings)?;
    Ok(Sender::new(SenderParts {
        directory: Arc::clone(store) as Arc<dyn Directory>,
        clock: clock.clone(),
        resolver: Arc::new(Resolver::system()?),
        rules: Arc::new(settings.egress.clone()),
        dialer,
        proxy: settings.proxy.clone().map(|proxy| Proxy {
            address: proxy.address,
            credentials: proxy.credentials,
        }),
        signature_header: settings.signature_header.clone(),
        extra_ca,
        idle_connections: IDLE_CONNECTIONS,
    })?)
}

pub(crate) fn open_store(
    settings: &Settings,
    clock: &Clock,
    handover: handover::Handover,
) -> Result<Arc<SqlStore>, AppError> {
    if let Some(database) = &settings.database {
        let authorities = database_authorities(Some(database))?;
        return Ok(postgres::open(postgres::Options {
            address: Address::parse(&database.url, &authorities)?,
            node: settings.node.clone(),
            clock: clock.clone(),
            handover,
            key: keys::shared_master_key(settings)?,
            unsafe_durability: database.unsafe_durability,
        })?);
    }
    sqlite::make_directory(&settings.data).map_err(|error| match error {
        StoreError::Io { what } => AppError::DataDirectory { what },
        other => AppError::Store(other),
    })?;
    let master_key = master_key_of(settings)?;
    Ok(sqlite::open(Options {
        directory: settings.data.clone(),
        clock: clock.clone(),
        handover,
        key: master_key,
    })?)
}

/// Root certificates for the database's TLS beside the system's.
///
/// # Errors
/// Their file cannot be read.
pub fn database_authorities(
    database: Option<&DatabaseSettings>,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, AppError> {
    match database.and_then(|database| database.authorities.as_deref()) {
        Some(path) => read_certificates("database_ca", path),
        None => Ok(Vec::new()),
    }
}

pub(super) fn read_certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, AppError> {
    use rustls::pki_types::pem::PemObject as _;
    let fail = |problem: std::io::Error| AppError::File {
        setting,
        path: path.to_owned(),
        problem,
    };
    let pem = std::fs::read(path).map_err(fail)?;
    rustls::pki_types::CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| {
            fail(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                error.to_string(),
            ))
        })
}
