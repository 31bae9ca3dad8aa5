//! An answer before it is written, and the id that names its request.

use super::problem::Problem;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Names one request in answers, in the log and in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestId([u8; 20]);

impl RequestId {
    /// `req_` and 16 hexadecimal digits.
    pub fn new(random: [u32; 2]) -> Self {
        let mut text = *b"req_0000000000000000";
        let bits = (u64::from(random[0]) << 32) | u64::from(random[1]);
        for (place, slot) in text.iter_mut().skip(4).enumerate() {
            let digit = (bits >> (60 - 4 * place)) & 15;
            *slot = b"0123456789abcdef"
                .get(digit as usize)
                .copied()
                .unwrap_or(b'0');
        }
        Self(text)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Content,
}

/// What follows an answer's head.
#[derive(Debug)]
pub(super) enum Content {
    /// All of it.
    Whole(Bytes),
    /// Part after part, as they come; it ends when the sender is dropped.
    Parts(mpsc::Receiver<Bytes>),
}

/// The body of an answer on its way out.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// All of it, of a known length.
    Whole(Full<Bytes>),
    /// Part after part.
    Parts(mpsc::Receiver<Bytes>),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Parts(parts) => parts
                .poll_recv(context)
                .map(|part| part.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Parts(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Parts(_) => SizeHint::default(),
        }
    }
}

impl Reply {
    /// A JSON text that is ready.
    pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Content::Whole(body.into()),
        }
    }

    /// A value as JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        match serde_json::to_vec(value) {
            Ok(body) => Ok(Self::text(status, body)),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// 200 with a value.
    pub fn ok(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, value)
    }

    /// 204.
    pub fn done() -> Self {
        Self::text(StatusCode::NO_CONTENT, Bytes::new())
    }

    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Ready to be written.
    pub fn into_response(self, request_id: RequestId) -> Response<AnswerBody> {
        let mut response = Response::new(match self.body {
            Content::Whole(body) => AnswerBody::Whole(Full::new(body)),
            Content::Parts(parts) => AnswerBody::Parts(parts),
        });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_bytes(&request_id.0) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}
