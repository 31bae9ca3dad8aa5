//! An answer before it is written, and the id that names its request.

use super::problem::Problem;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use std::fmt;

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
    pub body: Bytes,
}

impl Reply {
    /// A JSON text that is ready.
    pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
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
    pub fn into_response(self, request_id: RequestId) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_bytes(&request_id.0) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}
