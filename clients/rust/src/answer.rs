//! What a call comes to: the answer's body, or one of the ways in which there is none.
//!
//! The one place that knows every variant of the generated [`ApiResponse`].

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::generated::{
    ApiResponse, Problem, RetryAfterHeaders, WithHeaders, WwwAuthenticateAndRetryAfterHeaders,
};

/// Why a call has no answer to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused. Decide by `problem.code`, which is stable.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// An answer that is not one of the server's: of a proxy before it, or of another program.
    #[error("HTTP {status}, which is not an answer of Tidings: {text}")]
    Unexpected {
        /// Its HTTP status.
        status: u16,
        /// What `Retry-After` says.
        retry_after: Option<Duration>,
        /// Up to 200 characters of its body.
        text: String,
    },
    /// No whole answer: whether the server did what it was asked is not known.
    #[error("no answer: {0}")]
    NoAnswer(#[source] reqwest::Error),
    /// The request breaks the document's own rules and was not sent, or the answer does and cannot be read.
    #[error("{0:#}")]
    Invalid(anyhow::Error),
}

/// A refusal (RFC 9457), and when to come again.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What is wrong.
    pub problem: Problem,
    /// What `Retry-After` says.
    pub retry_after: Option<Duration>,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = &self.problem;
        write!(f, "{} {}: {}", problem.status, problem.code, problem.detail)?;
        for field in problem.errors.iter().flatten() {
            write!(f, " {}: {}", field.pointer, field.detail)?;
        }
        Ok(())
    }
}

impl Error {
    /// The HTTP status, where there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => u16::try_from(refusal.problem.status).ok(),
            Self::Unexpected { status, .. } => Some(*status),
            Self::NoAnswer(_) | Self::Invalid(_) => None,
        }
    }

    /// How long the server asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Unexpected { retry_after, .. } => *retry_after,
            Self::NoAnswer(_) | Self::Invalid(_) => None,
        }
    }

    /// From what a generated operation fails with.
    pub(crate) fn of(error: anyhow::Error) -> Self {
        use oas3_gen_support::DiagnosticsError;
        match error.downcast::<reqwest::Error>() {
            Ok(gone) if gone.is_builder() => Self::Invalid(gone.into()),
            Ok(gone) => Self::NoAnswer(gone),
            Err(error) => match error.downcast::<DiagnosticsError>() {
                Ok(DiagnosticsError::BodyReadError(gone)) => Self::NoAnswer(gone),
                Ok(unreadable) => Self::Invalid(unreadable.into()),
                Err(error) => Self::Invalid(error),
            },
        }
    }
}

/// The headers that a refusal may have.
pub trait RefusalHeaders {
    /// Seconds.
    fn retry_after(&self) -> Option<i64>;
}

impl RefusalHeaders for RetryAfterHeaders {
    fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }
}

impl RefusalHeaders for WwwAuthenticateAndRetryAfterHeaders {
    fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }
}

/// The body of an answer that has to have one, unless nothing is what is asked for.
pub(crate) fn whole<T: 'static>(body: Option<T>) -> Result<T, Error> {
    let nothing: Box<dyn Any> = Box::new(());
    body.or_else(|| Some(*nothing.downcast().ok()?))
        .ok_or_else(|| Error::Invalid(anyhow::anyhow!("the answer has no body (204)")))
}

/// The body of a good answer; none where it has none (204).
pub(crate) async fn body<T, H: RefusalHeaders>(
    answer: ApiResponse<T, WithHeaders<H, Problem>>,
) -> Result<Option<T>, Error> {
    let refused = match answer {
        ApiResponse::Ok(value) | ApiResponse::Created(value) | ApiResponse::Accepted(value) => {
            return Ok(Some(value));
        }
        ApiResponse::NoContent => return Ok(None),
        ApiResponse::Other(response) => return Err(unexpected(*response).await),
        ApiResponse::BadRequest(refused)
        | ApiResponse::Unauthorized(refused)
        | ApiResponse::Forbidden(refused)
        | ApiResponse::NotFound(refused)
        | ApiResponse::NotAcceptable(refused)
        | ApiResponse::RequestTimeout(refused)
        | ApiResponse::Conflict(refused)
        | ApiResponse::Gone(refused)
        | ApiResponse::ContentTooLarge(refused)
        | ApiResponse::UriTooLong(refused)
        | ApiResponse::UnsupportedMediaType(refused)
        | ApiResponse::ExpectationFailed(refused)
        | ApiResponse::UnprocessableEntity(refused)
        | ApiResponse::TooManyRequests(refused)
        | ApiResponse::RequestHeaderFieldsTooLarge(refused)
        | ApiResponse::InternalServerError(refused)
        | ApiResponse::ServiceUnavailable(refused) => refused,
    };
    let seconds = refused.headers.retry_after();
    Err(Error::Refused(Box::new(Refusal {
        problem: refused.body,
        retry_after: seconds
            .and_then(|s| u64::try_from(s).ok())
            .map(Duration::from_secs),
    })))
}

async fn unexpected(response: reqwest::Response) -> Error {
    let status = response.status().as_u16();
    let header = response.headers().get(http::header::RETRY_AFTER);
    let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
    match response.text().await {
        Ok(text) => Error::Unexpected {
            status,
            retry_after: seconds.map(Duration::from_secs),
            text: text.chars().take(200).collect(),
        },
        Err(gone) => Error::NoAnswer(gone),
    }
}
