//! The request of one attempt: its body, its signatures and its headers (W10 to W16, W21).
//!
//! What does not change between attempts (the parsed URL, prepared keys, custom headers) is kept per endpoint
//! and version, in a bounded cache; a rotation is a new version, and an overlap ends by time. Keys wipe
//! themselves when they leave it.

use super::fault::Fault;
use crate::store::Reach;
use crate::store::StoreError;
use crate::store::directory::{Directory, Endpoint};
use crate::store::queue::Job;
use crate::traces::tracer;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tidings_core::endpoint::CustomHeaders;
use tidings_core::id::{DeliveryText, EndpointId};
use tidings_core::outcome::OwnFault;
use tidings_core::request;
use tidings_core::signature::SigningKey;
use tidings_core::time::Timestamp;

/// What a request's body is: bytes in one piece.
pub(super) type Payload = Full<Bytes>;

/// Endpoints whose keys are kept prepared: half of them at least, those asked for last.
const PREPARED_ENDPOINTS: usize = 40_000;
/// `User-Agent` of every request (W10).
const AGENT: &str = concat!("Tidings/", env!("CARGO_PKG_VERSION"));

const TRACEPARENT: &str = "traceparent";

static WEBHOOK_ID: HeaderName = HeaderName::from_static(request::WEBHOOK_ID);
static WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(request::WEBHOOK_TIMESTAMP);
static WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(request::WEBHOOK_SIGNATURE);

/// Makes and signs requests.
pub(super) struct Signer {
    directory: Arc<dyn Directory>,
    signature_header: HeaderName,
    prepared: Mutex<Prepared>,
}

/// Two generations: what is asked for moves into the young one; when that is full, the old one is dropped.
#[derive(Default)]
struct Prepared {
    young: HashMap<EndpointId, Arc<Recipient>>,
    old: HashMap<EndpointId, Arc<Recipient>>,
}

/// What stays the same between the requests to one version of an endpoint.
struct Recipient {
    version: u32,
    url: Uri,
    signature_header: HeaderName,
    custom: Vec<(HeaderName, HeaderValue)>,
    /// The head for HTTP/1.1 up to the value of the signature header.
    before: Vec<u8>,
    /// The custom headers' lines in it.
    after: Vec<u8>,
    newest: SigningKey,
    older: Option<OlderKey>,
}

struct OlderKey {
    key: SigningKey,
    until: Timestamp,
}

/// A request that was signed; it can be written more than once, and says the same each time.
pub(super) struct Signed {
    recipient: Arc<Recipient>,
    id: DeliveryText,
    seconds: i64,
    vomo: String,
    standard: String,
    body: Bytes,
    /// For receivers that take part in traces; only where that is switched on.
    traceparent: Option<String>,
}

impl Signer {
    /// A signer that opens secrets in `directory` and names `vomo-signature` so.
    pub(super) fn new(directory: Arc<dyn Directory>, signature_header: HeaderName) -> Self {
        Self {
            directory,
            signature_header,
            prepared: Mutex::default(),
        }
    }

    /// Makes the request of an attempt that starts at `now`, signed with the secrets in force then (W16).
    ///
    /// # Errors
    /// The endpoint's secrets or headers are gone or damaged: no try of the receiver's.
    pub(super) fn sign(
        &self,
        job: &Job,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<Signed, Fault> {
        let recipient = self.recipient(endpoint, now)?;
        let body = request::body(&job.wire_type, job.organization, &job.data);
        let id = job.delivery.text();
        let seconds = now.as_seconds();
        let mut standard = recipient
            .newest
            .standard(id.as_str(), seconds, &body)
            .as_str()
            .to_owned();
        let vomo = match &recipient.older {
            Some(older) => {
                standard.push(' ');
                standard.push_str(older.key.standard(id.as_str(), seconds, &body).as_str());
                older.key.vomo(&body)
            }
            None => recipient.newest.vomo(&body),
        };
        Ok(Signed {
            id,
            seconds,
            vomo: vomo.as_str().to_owned(),
            standard,
            body: body.into(),
            traceparent: tracer()
                .filter(|_| !recipient.has(TRACEPARENT))
                .and_then(|tracer| {
                    tracer.for_receiver(job.delivery, job.progress.attempts.saturating_add(1))
                }),
            recipient,
        })
    }

    fn recipient(&self, endpoint: &Endpoint, now: Timestamp) -> Result<Arc<Recipient>, Fault> {
        let known = self.cache(|prepared| prepared.get(endpoint.id));
        if let Some(recipient) = known.filter(|known| known.serves(endpoint.version, now)) {
            return Ok(recipient);
        }
        let recipient = Arc::new(self.prepare(endpoint, now)?);
        self.cache(|prepared| prepared.put(endpoint.id, Arc::clone(&recipient)));
        Ok(recipient)
    }

    fn prepare(&self, endpoint: &Endpoint, now: Timestamp) -> Result<Recipient, Fault> {
        let secrets = self
            .directory
            .secrets(Reach::One(endpoint.organization), endpoint.id)
            .map_err(|error| unusable(&error))?
            .ok_or_else(deleted)?;
        let headers = self.headers(endpoint)?;
        let custom = self
            .custom(&headers)
            .map(|(name, value)| {
                Ok((
                    HeaderName::try_from(name).map_err(|_| misfit())?,
                    text(value)?,
                ))
            })
            .collect::<Result<_, Fault>>()?;
        let (before, after) = self.constant_lines(endpoint, &headers);
        Ok(Recipient {
            version: endpoint.version,
            url: uri(endpoint.url.as_str())?,
            signature_header: self.signature_header.clone(),
            custom,
            before,
            after,
            newest: SigningKey::new(secrets.newest().expose()),
            older: secrets.older(now).map(|older| OlderKey {
                key: SigningKey::new(older.secret.expose()),
                until: older.until,
            }),
        })
    }

    /// The endpoint's own headers, opened.
    fn headers(&self, endpoint: &Endpoint) -> Result<CustomHeaders, Fault> {
        if endpoint.headers.is_empty() {
            return Ok(CustomHeaders::default());
        }
        self.directory
            .headers(Reach::One(endpoint.organization), endpoint.id)
            .map_err(|error| unusable(&error))?
            .ok_or_else(deleted)
    }

    /// Without one that the instance has given to its signature since.
    fn custom<'a>(
        &'a self,
        headers: &'a CustomHeaders,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let headers = headers.iter();
        headers.filter(|(name, _)| !self.signature_header.as_str().eq_ignore_ascii_case(name))
    }

    /// What a head for HTTP/1.1 has before the signature's value, and its custom lines.
    fn constant_lines(&self, endpoint: &Endpoint, headers: &CustomHeaders) -> (Vec<u8>, Vec<u8>) {
        let before = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: {}\r\nuser-agent: {AGENT}\r\n{}: ",
            endpoint.url.path_and_query(),
            endpoint.url.authority(),
            request::CONTENT_TYPE,
            self.signature_header,
        );
        let mut after = Vec::new();
        for (name, value) in self.custom(headers) {
            let name = name.bytes().map(|byte| byte.to_ascii_lowercase());
            after.extend(name.chain(*b": "));
            after.extend_from_slice(value.as_bytes());
            after.extend_from_slice(b"\r\n");
        }
        (before.into_bytes(), after)
    }

    fn cache<T>(&self, access: impl FnOnce(&mut Prepared) -> T) -> T {
        access(&mut self.prepared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Prepared {
    fn get(&mut self, endpoint: EndpointId) -> Option<Arc<Recipient>> {
        if let Some(recipient) = self.young.get(&endpoint) {
            return Some(Arc::clone(recipient));
        }
        let recipient = self.old.remove(&endpoint)?;
        self.put(endpoint, Arc::clone(&recipient));
        Some(recipient)
    }

    fn put(&mut self, endpoint: EndpointId, recipient: Arc<Recipient>) {
        if self.young.len() >= PREPARED_ENDPOINTS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&endpoint);
        self.young.insert(endpoint, recipient);
    }
}

impl Recipient {
    /// Whether the endpoint has a header of its own under this name, which stays as it is.
    fn has(&self, name: &str) -> bool {
        self.custom.iter().any(|(own, _)| own == name)
    }

    fn serves(&self, version: u32, now: Timestamp) -> bool {
        let overlap_runs = self.older.as_ref().is_none_or(|older| now < older.until);
        self.version == version && overlap_runs
    }
}

impl Signed {
    /// The request for HTTP/1.1: its head and its body.
    pub(super) fn http1(&self) -> (Bytes, Bytes) {
        let recipient = &*self.recipient;
        let mut digits = [0_u8; 20];
        let mut head = Vec::with_capacity(recipient.before.len() + recipient.after.len() + 384);
        let line = |head: &mut Vec<u8>, name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        head.extend_from_slice(&recipient.before);
        head.extend_from_slice(self.vomo.as_bytes());
        head.extend_from_slice(b"\r\n");
        line(&mut head, request::WEBHOOK_ID, self.id.as_str().as_bytes());
        let seconds = request::decimal(self.seconds.unsigned_abs(), &mut digits);
        line(&mut head, request::WEBHOOK_TIMESTAMP, seconds);
        line(
            &mut head,
            request::WEBHOOK_SIGNATURE,
            self.standard.as_bytes(),
        );
        if let Some(traceparent) = &self.traceparent {
            line(&mut head, TRACEPARENT, traceparent.as_bytes());
        }
        head.extend_from_slice(&recipient.after);
        let length = request::decimal(self.body.len() as u64, &mut digits);
        line(&mut head, CONTENT_LENGTH.as_str(), length);
        head.extend_from_slice(b"\r\n");
        (head.into(), self.body.clone())
    }

    /// The request for HTTP/2, whose authority is in the URL.
    pub(super) fn http2(&self) -> Result<Request<Payload>, Fault> {
        let recipient = &*self.recipient;
        let mut headers = HeaderMap::with_capacity(8 + recipient.custom.len());
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(request::CONTENT_TYPE),
        );
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(recipient.signature_header.clone(), text(&self.vomo)?);
        headers.insert(WEBHOOK_ID.clone(), text(self.id.as_str())?);
        headers.insert(WEBHOOK_TIMESTAMP.clone(), self.seconds.into());
        headers.insert(WEBHOOK_SIGNATURE.clone(), text(&self.standard)?);
        if let Some(traceparent) = &self.traceparent {
            headers.insert(TRACEPARENT, text(traceparent)?);
        }
        for (name, value) in &recipient.custom {
            headers.insert(name, value.clone());
        }
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = recipient.url.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// The values of `vomo-signature` and `webhook-signature`, for the record.
    pub(super) fn into_signatures(self) -> (String, String) {
        (self.vomo, self.standard)
    }
}

fn text(value: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(value).map_err(|_| misfit())
}

fn uri(text: &str) -> Result<Uri, Fault> {
    text.parse().map_err(|_| misfit())
}

/// What was checked when it was stored does not fit a request: a defect of ours, never the receiver's try.
fn misfit() -> Fault {
    Fault::ours(
        OwnFault::Resources,
        "the endpoint's stored URL or headers do not fit a request",
    )
}

/// The error names what does not open, and what mends it.
fn unusable(error: &StoreError) -> Fault {
    Fault::ours(OwnFault::Resources, error.to_string())
}

fn deleted() -> Fault {
    Fault::ours(OwnFault::Resources, "the endpoint was deleted meanwhile")
}
