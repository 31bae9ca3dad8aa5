//! Why a text is no target URL, and what its writer should do about it.

use thiserror::Error;

use super::egress::Refusal;

/// Why a text is no target URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Nothing there.
    #[error("A URL is needed, as in https://example.com/hook.")]
    Empty,
    /// Longer than [`crate::limits::URL_BYTES`], as written or with all characters escaped that need it.
    #[error("At most 2,048 bytes.")]
    TooLong,
    /// A character that cannot be in a URL.
    #[error("Control character or space at position {position}.")]
    ControlOrSpace {
        /// In characters, counted from 1.
        position: usize,
    },
    /// A `\`, which some read as `/`.
    #[error("Backslash at position {position}; write / or %5C.")]
    Backslash {
        /// In characters, counted from 1.
        position: usize,
    },
    /// No `https://`.
    #[error("The scheme is missing. Did you mean {suggestion}?")]
    SchemeMissing {
        /// The text with `https://` before it, if it is short.
        suggestion: String,
    },
    /// `https:` with less or more than two slashes.
    #[error("Write {scheme}:// with two slashes and then the host.")]
    Slashes {
        /// The scheme that was meant.
        scheme: &'static str,
    },
    /// `ftp://` and the like.
    #[error("Use https:// (http:// when the operator allows it).")]
    SchemeNotAllowed,
    /// `user:password@`.
    #[error("Put credentials in a header: headers.authorization.")]
    Credentials,
    /// A `#`.
    #[error("The part after # is never sent; remove it.")]
    Fragment,
    /// Not a port number, or an odd way to write one.
    #[error("The port must be a number from 1 to 65535 without leading zeros.")]
    InvalidPort,
    /// Neither a name nor an address.
    #[error("The host is neither a valid name nor an IP address.")]
    InvalidHost,
    /// An address or a name in a spelling that some read otherwise.
    #[error("Write this {what} as {meant}.")]
    NoncanonicalHost {
        /// "address" or "name".
        what: &'static str,
        /// The one spelling that we take.
        meant: String,
    },
    /// A name of one label.
    #[error(
        "A full name with a dot is needed. For inside names set egress.allow to the addresses they have."
    )]
    NameNotAllowed,
    /// Our reading and that of the URL standard differ.
    #[error("This is not a valid URL.")]
    Unreadable,
    /// A good URL of a place where requests may not go.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl UrlError {
    /// The stable code of the problem document.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::SchemeNotAllowed => "scheme_not_allowed",
            Self::Credentials => "credentials_in_url",
            Self::Fragment => "fragment_in_url",
            Self::NoncanonicalHost { .. } => "noncanonical_host",
            Self::NameNotAllowed => "name_not_allowed",
            Self::Refused(refusal) => refusal.code(),
            Self::Empty
            | Self::ControlOrSpace { .. }
            | Self::Backslash { .. }
            | Self::SchemeMissing { .. }
            | Self::Slashes { .. }
            | Self::InvalidPort
            | Self::InvalidHost
            | Self::Unreadable => "invalid_url",
        }
    }
}
