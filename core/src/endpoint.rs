//! An endpoint's settings, parsed once: custom headers here, the URL in [`crate::address`], secrets in
//! [`crate::secret`], chosen types in [`crate::event_type`].
//!
//! Deliberately absent: rate limits, timeouts and retry plans per endpoint. The contract has none (W5, W22).

use crate::limits::{CUSTOM_HEADER_VALUE, CUSTOM_HEADERS};
use std::fmt;

/// Custom headers of an endpoint: sent with every request, after ours, never in their place. Values are often tokens and
/// cannot be printed.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct CustomHeaders(Box<[(String, String)]>);

/// The names of an endpoint's custom headers, without their values: what may be shown of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct HeaderNames(Box<[Box<str>]>);

/// Why custom headers are refused. `name` is as given, cut to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// More than the limit.
    #[error("at most {CUSTOM_HEADERS} custom headers (got {0})")]
    TooMany(usize),
    /// No token.
    #[error("a header name is 1 to 64 letters, digits and -")]
    Name {
        /// The name as given.
        name: String,
    },
    /// Control characters, not ASCII, or too long.
    #[error(
        "a header value is visible ASCII and spaces inside, at most {CUSTOM_HEADER_VALUE} characters"
    )]
    Value {
        /// The header's name.
        name: String,
    },
    /// A header that the server sets, that frames the message, or that opens cloud metadata services.
    #[error("this header is set by the server or closed for safety")]
    Reserved {
        /// The header's name.
        name: String,
    },
    /// The same name twice, in whatever case.
    #[error("this header is given twice")]
    Duplicate {
        /// The header's name.
        name: String,
    },
}

impl HeaderError {
    /// The stable code in the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooMany(_) => "too_many_headers",
            Self::Name { .. } => "invalid_header_name",
            Self::Value { .. } => "invalid_header_value",
            Self::Reserved { .. } => "reserved_header",
            Self::Duplicate { .. } => "duplicate_header",
        }
    }

    /// The header it is about, if it is about one.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::TooMany(_) => None,
            Self::Name { name }
            | Self::Value { name }
            | Self::Reserved { name }
            | Self::Duplicate { name } => Some(name),
        }
    }
}

/// Names that are never a customer's to set: framing, routing, ours, signatures, cloud metadata.
const RESERVED: [&str; 22] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie2",
    "date",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "metadata",
    "metadata-flavor",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "vomo-signature",
    "x-google-metadata-request",
    "forwarded",
];
const RESERVED_PREFIXES: [&str; 4] = [
    "webhook-",
    "proxy-",
    "x-aws-ec2-metadata-token",
    "x-forwarded-",
];

fn reserved(name: &str, signature_header: &str) -> bool {
    name == signature_header
        || RESERVED.contains(&name)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

impl fmt::Debug for CustomHeaders {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| (name, "***"));
        out.debug_map().entries(names).finish()
    }
}

impl HeaderNames {
    /// Names that were checked when they were stored.
    pub fn stored(names: Vec<Box<str>>) -> Self {
        Self(names.into())
    }

    /// Each, in lower case, in the order given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl CustomHeaders {
    /// Checks names and values; names are kept in lower case. `signature_header` is the instance's name for
    /// `vomo-signature` (W14) and is reserved as well.
    pub fn parse(
        given: Vec<(String, String)>,
        signature_header: &str,
    ) -> Result<Self, HeaderError> {
        if given.len() > CUSTOM_HEADERS {
            return Err(HeaderError::TooMany(given.len()));
        }
        let mut kept: Vec<(String, String)> = Vec::with_capacity(given.len());
        for (name, value) in given {
            let lower = name.to_ascii_lowercase();
            let shown = || name.chars().take(64).collect::<String>();
            if lower.is_empty()
                || lower.len() > 64
                || !lower
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            {
                return Err(HeaderError::Name { name: shown() });
            }
            if reserved(&lower, signature_header) {
                return Err(HeaderError::Reserved { name: shown() });
            }
            let fits = value.len() <= CUSTOM_HEADER_VALUE
                && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
                && value.trim() == value;
            if !fits {
                return Err(HeaderError::Value { name: shown() });
            }
            if kept.iter().any(|(other, _)| *other == lower) {
                return Err(HeaderError::Duplicate { name: shown() });
            }
            kept.push((lower, value));
        }
        Ok(Self(kept.into()))
    }

    /// Headers that were checked when they were stored.
    pub fn stored(headers: Vec<(String, String)>) -> Self {
        Self(headers.into())
    }

    /// Names (lower case) and values, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Their names.
    pub fn names(&self) -> HeaderNames {
        HeaderNames(
            self.0
                .iter()
                .map(|(name, _)| name.as_str().into())
                .collect(),
        )
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str) -> Option<&'static str> {
        CustomHeaders::parse(vec![(name.to_owned(), value.to_owned())], "vomo-signature")
            .err()
            .map(|error| error.code())
    }

    #[test]
    fn s17_a_value_cannot_be_printed() {
        let given = vec![("x-token".to_owned(), "Bearer s3cr3t".to_owned())];
        let headers = CustomHeaders::parse(given, "vomo-signature").unwrap_or_default();
        assert_eq!(format!("{headers:?}"), r#"{"x-token": "***"}"#);
    }

    #[test]
    fn s16_names_that_frame_sign_or_open_metadata_are_reserved() {
        for name in [
            "host",
            "Content-Length",
            "transfer-encoding",
            "connection",
            "te",
            "upgrade",
            "proxy-authorization",
            "webhook-id",
            "webhook-signature",
            "vomo-signature",
            "metadata-flavor",
            "x-aws-ec2-metadata-token",
            "Content-Type",
            "Expect",
            "Accept-Encoding",
        ] {
            assert_eq!(check(name, "x"), Some("reserved_header"), "{name}");
        }
    }

    #[test]
    fn s16_nothing_can_break_out_of_a_header() {
        for name in ["X Bad", "X:Y", "", "x-a\r\nhost", "x_a", "ü"] {
            assert_eq!(check(name, "x"), Some("invalid_header_name"), "{name}");
        }
        for value in ["a\r\nb: c", "a\nb", "a\0b", "ü", " a", "a ", "\u{7f}"] {
            assert_eq!(check("x-a", value), Some("invalid_header_value"), "{value}");
        }
        assert_eq!(
            check("x-a", &"v".repeat(1_025)),
            Some("invalid_header_value")
        );
        assert_eq!(check("X-A", &"v".repeat(1_024)), None);
    }

    #[test]
    fn s16_at_most_twenty_and_each_once() {
        let many = (0..21).map(|n| (format!("x-{n}"), String::new())).collect();
        assert_eq!(
            CustomHeaders::parse(many, "vomo-signature"),
            Err(HeaderError::TooMany(21))
        );
        let twice = vec![
            ("x-a".to_owned(), "1".to_owned()),
            ("X-A".to_owned(), "2".to_owned()),
        ];
        assert!(matches!(
            CustomHeaders::parse(twice, "vomo-signature"),
            Err(HeaderError::Duplicate { .. })
        ));
    }
}
