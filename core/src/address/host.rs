//! The host of a URL: a name or an address, in the one spelling that everyone reads alike.
//!
//! Invariants: `http://2130706433/`, `http://0x7f.1/` and `http://127.1/` never become a [`Host`], nor do names
//! with a dot at the end, empty labels, or characters that names do not have. Names are lower case and ASCII.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::url_error::UrlError;

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name, in lower case, other scripts as punycode, without a dot at the end.
    Name(Arc<str>),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    /// As in a URL: IPv6 addresses in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

impl Host {
    /// Reads a host as it stands in a URL.
    pub(super) fn read(text: &str) -> Result<Self, UrlError> {
        if let Some(inside) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            // Its spelling is looked at last: what the address is matters more (`[::ffff:7f00:1]`).
            let v6: Ipv6Addr = inside.parse().map_err(|_| UrlError::InvalidHost)?;
            return Ok(Self::Ip(v6.into()));
        }
        // The standard decodes `%31` in a host; nobody writes that who means well.
        if text.contains('%') {
            return Err(UrlError::InvalidHost);
        }
        match url::Host::parse(text).map_err(|_| UrlError::InvalidHost)? {
            url::Host::Ipv4(v4) if v4.to_string() == text => Ok(Self::Ip(v4.into())),
            url::Host::Ipv4(v4) => Err(UrlError::NoncanonicalHost {
                what: "address",
                meant: v4.to_string(),
            }),
            url::Host::Ipv6(_) => Err(UrlError::InvalidHost),
            url::Host::Domain(name) => Self::read_name(&name),
        }
    }

    fn read_name(name: &str) -> Result<Self, UrlError> {
        let meant = name.strip_suffix('.').unwrap_or(name);
        if meant.len() > 253 || !meant.split('.').all(is_label) {
            return Err(UrlError::InvalidHost);
        }
        if meant.len() < name.len() {
            return Err(UrlError::NoncanonicalHost {
                what: "name",
                meant: meant.to_owned(),
            });
        }
        Ok(Self::Name(name.into()))
    }
}

/// RFC 1123, and the underscore that some inside names have.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    let edges = !label.starts_with('-') && !label.ends_with('-');
    !label.is_empty() && label.len() <= 63 && edges && label.bytes().all(allowed)
}
