//! A sender on this host's loopback network, with endpoints to send to.

use crate::receiver::Receiver;
use crate::secrets::{SecretsOnly, secret};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tidings::clock::Clock;
use tidings::engine::Transport as _;
use tidings::engine::resolver::Resolver;
use tidings::engine::sender::{Dialer, Proxy, Sender, SenderError, SenderParts};
use tidings::store::directory::Endpoint;
use tidings::store::queue::{AttemptRecord, Job, Lease};
use tidings::store::room::{Origin, Room};
use tidings_core::address::{EgressRules, TargetUrl};
use tidings_core::delivery::Progress;
use tidings_core::endpoint::HeaderNames;
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::organization::Switch;
use tidings_core::secret::Secrets;
use tidings_core::time::Timestamp;

/// The secret of every endpoint unless a test sets another.
pub const SECRET: &str = "whsec_DTJXfKHG6xA1Wn+kye4TOF2Cp8zxFjtgharP9Bk+Y4g=";
/// The data of every delivery.
pub const DATA: &str = r#"{"id":"318842","hours":10.0,"note":"caf\u00e9 \/"}"#;
/// And its body.
pub const BODY: &str = r#"{"type":"project.updated","organization_id":4417,"data":{"id":"318842","hours":10.0,"note":"caf\u00e9 \/"}}"#;

/// A sender and what it is asked with.
pub struct World {
    pub sender: Sender,
    pub directory: Arc<SecretsOnly>,
    pub clock: Clock,
    room: Arc<Room>,
    endpoints: AtomicI64,
}

/// What may differ between worlds.
pub struct Setting {
    pub clock: Clock,
    pub resolver: Resolver,
    pub rules: EgressRules,
    pub dialer: Dialer,
    pub proxy: Option<Proxy>,
    pub extra_ca: Vec<CertificateDer<'static>>,
    pub signature_header: &'static str,
    pub idle_connections: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            resolver: Resolver::system().unwrap(),
            rules: EgressRules {
                allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
                ..EgressRules::default()
            },
            dialer: Dialer::tcp(),
            proxy: None,
            extra_ca: Vec::new(),
            signature_header: "vomo-signature",
            idle_connections: 100,
        }
    }
}

impl Setting {
    /// A sender of this setting.
    pub fn sender(self, directory: Arc<SecretsOnly>) -> Result<Sender, SenderError> {
        Sender::new(SenderParts {
            directory,
            clock: self.clock,
            resolver: Arc::new(self.resolver),
            rules: Arc::new(self.rules),
            dialer: self.dialer,
            proxy: self.proxy,
            signature_header: self.signature_header.to_owned(),
            extra_ca: self.extra_ca,
            idle_connections: self.idle_connections,
        })
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(Setting::default())
    }

    pub fn with(setting: Setting) -> Self {
        let directory = Arc::new(SecretsOnly::default());
        let clock = setting.clock.clone();
        let sender = setting.sender(directory.clone()).unwrap();
        Self {
            sender,
            directory,
            clock,
            room: Room::new(1_000, 1 << 30),
            endpoints: AtomicI64::new(1_000),
        }
    }

    /// An endpoint whose secret is [`SECRET`].
    pub fn endpoint(&self, number: i64, url: &str) -> Arc<Endpoint> {
        let id = EndpointId::from_raw(number);
        self.directory.set(id, Secrets::first(secret(SECRET)));
        Arc::new(Endpoint {
            id,
            organization: OrganizationId::new(4_417).unwrap(),
            url: TargetUrl::from_stored(url).unwrap(),
            description: Box::default(),
            event_types: Box::default(),
            switch: Switch::On,
            headers: HeaderNames::default(),
            version: 1,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        })
    }

    /// A delivery for it.
    pub fn job(&self, endpoint: &Endpoint) -> Job {
        Job {
            delivery: DeliveryId {
                event: EventId::from_raw(77),
                endpoint: endpoint.id,
            },
            organization: endpoint.organization,
            wire_type: "project.updated".into(),
            data: Bytes::from_static(DATA.as_bytes()),
            progress: Progress::NEW,
            due_at: self.clock.now(),
            lease: Lease { epoch: 1, fence: 1 },
            reservation: self.room.reserve(endpoint.id, 100, Origin::Fresh).unwrap(),
        }
    }

    /// One attempt.
    pub async fn attempt(&self, endpoint: &Arc<Endpoint>) -> AttemptRecord {
        self.sender.attempt(&self.job(endpoint), endpoint).await
    }

    /// One attempt at a URL, for an endpoint of its own.
    pub async fn send(&self, url: &str) -> AttemptRecord {
        let number = self.endpoints.fetch_add(1, Ordering::Relaxed);
        self.attempt(&self.endpoint(number, url)).await
    }

    /// One attempt at a receiver.
    pub async fn send_to(&self, receiver: &Receiver) -> AttemptRecord {
        self.send(&receiver.url("/hook")).await
    }
}
