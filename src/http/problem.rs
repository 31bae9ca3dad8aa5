//! The one mapping from errors to `application/problem+json` (RFC 9457).
//!
//! Invariants: no answer repeats more than [`ECHO_CHARS`] characters of the input at one place, and none holds a
//! stack, SQL, a file's path or an inside address. What a client can do about it stands in `detail`.

use super::code::Code;
use super::reply::{Content, Reply, RequestId};
use crate::store::StoreError;
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use std::borrow::Cow;
use tidings_core::json::JsonError;
use utoipa::ToSchema;

/// Characters of the input that an answer repeats at most at one place.
pub(super) const ECHO_CHARS: usize = 64;
/// Problems of one body that an answer lists at most.
pub(super) const FAULTS_MAX: usize = 20;
/// The media type of every error.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// One thing wrong with one field, parameter or header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// An RFC 6901 pointer into the body, or the name of a query parameter.
    pub pointer: String,
    /// What is wrong, for programs.
    pub code: Code,
    /// What is wrong and what to do, for people.
    pub detail: Cow<'static, str>,
}

/// When a client should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RetryAfter {
    Never,
    /// So many seconds, and none to four more, so that clients do not come back all at once.
    Jittered(u32),
    /// So many seconds.
    Seconds(u32),
}

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: Code,
    status: StatusCode,
    detail: Cow<'static, str>,
    faults: Vec<Fault>,
    retry: RetryAfter,
    allow: Option<String>,
    closes: bool,
}

/// A problem as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemShown {
    /// Names the kind of problem; `urn:tidings:problem:` and the code.
    r#type: String,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, for programs; stable.
    code: &'static str,
    /// What is wrong, the limit, and what to do.
    detail: Cow<'static, str>,
    /// Everything wrong with the body or the query, up to 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FaultShown>,
    /// Names this request in the server's log; also in the header `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
}

/// One thing wrong with a field or parameter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldProblem)]
pub(super) struct FaultShown {
    /// An RFC 6901 pointer into the body, or the name of a query parameter.
    pointer: String,
    /// What is wrong, for programs.
    code: &'static str,
    /// What is wrong and what to do.
    detail: Cow<'static, str>,
}

impl Fault {
    pub fn new(
        pointer: impl Into<String>,
        code: Code,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            faults: Vec::new(),
            retry: RetryAfter::Never,
            allow: None,
            closes: false,
        }
    }

    /// One problem of one field.
    pub fn field(
        pointer: impl Into<String>,
        code: Code,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::of(vec![Fault::new(pointer, code, detail)])
    }

    /// All problems of a body or a query; the first [`FAULTS_MAX`] are shown.
    pub fn of(mut faults: Vec<Fault>) -> Self {
        faults.truncate(FAULTS_MAX);
        let mut problem = match faults.as_slice() {
            [only] => Self::new(only.code, only.detail.clone()),
            [first, ..] if first.code.status().as_u16() == 400 => {
                Self::new(first.code, first.detail.clone())
            }
            several @ [first, ..] => Self::new(
                Code::SeveralProblems,
                format!(
                    "{} problems; the first, at `{}`: {}",
                    several.len(),
                    cut(&first.pointer),
                    first.detail
                ),
            ),
            [] => Self::new(Code::SeveralProblems, "Something is wrong with it."),
        };
        // A code may also have a meaning for the whole request (`too_many_headers`); in a field it is 422.
        if problem.status != StatusCode::BAD_REQUEST {
            problem.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        problem.faults = faults;
        problem
    }

    /// A missing thing and a foreign one: the same words.
    pub fn missing(code: Code, what: &str, id: &str) -> Self {
        Self::new(code, format!("No {what} `{}` here.", cut(id)))
    }

    pub fn busy() -> Self {
        Self::new(
            Code::Overloaded,
            "The server is busy: nothing was stored. Try again.",
        )
        .after_about(1)
    }

    /// A fault of ours; `what` goes to the log only.
    pub fn internal(what: &dyn std::fmt::Display) -> Self {
        tracing::error!(%what, "a request failed");
        Self::new(
            Code::Internal,
            "A fault of ours; the request id names it in the server's log.",
        )
    }

    /// Told to come back after so many seconds.
    pub const fn after(mut self, seconds: u32) -> Self {
        self.retry = RetryAfter::Seconds(seconds);
        self
    }

    /// The client should try again after so many seconds, or a little later.
    pub const fn after_about(mut self, least: u32) -> Self {
        self.retry = RetryAfter::Jittered(least);
        self
    }

    /// What the answer says in its head, whether it is a document or a page. `random` spreads the times at which clients
    /// come back.
    pub fn put_headers(&self, headers: &mut HeaderMap, random: u32) {
        let seconds = match self.retry {
            RetryAfter::Never => None,
            RetryAfter::Jittered(least) => Some(least.saturating_add(random % 5)),
            RetryAfter::Seconds(seconds) => Some(seconds),
        };
        if let Some(seconds) = seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(methods)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, methods);
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    pub fn allowing(mut self, methods: String) -> Self {
        self.allow = Some(methods);
        self
    }

    /// The connection cannot be used for another request.
    pub const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// What kind of problem it is.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The status it is answered with.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong and what to do.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What is wrong with single fields or parameters.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// As a part of a larger answer.
    pub fn shown(self, request_id: Option<String>) -> ProblemShown {
        ProblemShown {
            r#type: format!("urn:tidings:problem:{}", self.code.name()),
            title: self.code.title(),
            status: self.status.as_u16(),
            code: self.code.name(),
            detail: self.detail,
            errors: self
                .faults
                .into_iter()
                .map(|fault| FaultShown {
                    pointer: fault.pointer,
                    code: fault.code.name(),
                    detail: fault.detail,
                })
                .collect(),
            request_id,
        }
    }

    /// The whole answer.
    pub fn reply(self, request_id: RequestId, random: u32) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        self.put_headers(&mut headers, random);
        let status = self.status;
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let shown = self.shown(Some(request_id.to_string()));
        Reply {
            status,
            headers,
            body: Content::Whole(
                serde_json::to_vec(&shown).map_or_else(|_| Bytes::new(), Bytes::from),
            ),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let retried = |code, detail: &'static str| Self::new(code, detail).after_about(1);
        match error {
            StoreError::Full => retried(
                Code::StorageFull,
                "The disk is full: nothing was stored. Try again when there is space.",
            ),
            StoreError::Overloaded => Self::busy(),
            StoreError::Unreachable { .. } => {
                tracing::warn!(%error, "a request was refused");
                retried(
                    Code::DatabaseUnreachable,
                    "The database does not answer: the event is not acknowledged. Try again, with the same idempotency key.",
                )
            }
            StoreError::Closed => retried(
                Code::Stopping,
                "The server is stopping: nothing was stored. Try again.",
            ),
            StoreError::Damaged { .. } | StoreError::Io { .. } | StoreError::Replaced { .. } => {
                tracing::error!(%error, "the store failed");
                retried(
                    Code::Damaged,
                    "The store cannot be used: nothing was stored. The server's log says why.",
                )
            }
            StoreError::BeingErased { .. } => Self::new(Code::BeingErased, format!("{error}.")),
            StoreError::WasDeleted { .. } => {
                Self::new(Code::OrganizationDeleted, format!("{error}."))
            }
            StoreError::DoesNotOpen { .. } => {
                tracing::error!(%error, "a request was refused");
                Self::new(Code::DoesNotOpen, format!("Nothing was changed: {error}."))
            }
            StoreError::Locked { .. }
            | StoreError::TooNew { .. }
            | StoreError::WrongMasterKey { .. }
            | StoreError::Unsuitable { .. }
            | StoreError::Internal { .. } => Self::internal(&error),
        }
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        let code = Code::named(error.kind.code());
        if error.kind.is_unreadable() {
            Self::new(code, error.to_string())
        } else {
            let detail = error.to_string();
            Self::field(error.pointer, code, detail)
        }
    }
}

/// A text of the input, cut to what an answer may repeat and without control characters.
pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(ECHO_CHARS)
        .collect();
    if text.chars().nth(ECHO_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
