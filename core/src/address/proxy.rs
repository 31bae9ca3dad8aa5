//! Where an HTTP proxy is, as an operator writes it: `http://host:port`.
//!
//! Invariant: a [`ProxyAddress`] holds no credentials; those are a secret of their own.

use std::str::FromStr;

use thiserror::Error;

/// Where the proxy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddress {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A text that names no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a proxy: write it as http://host:port")]
pub struct ProxyAddressError;

impl FromStr for ProxyAddress {
    type Err = ProxyAddressError;

    fn from_str(text: &str) -> Result<Self, ProxyAddressError> {
        let url = url::Url::parse(text).map_err(|_| ProxyAddressError)?;
        let plain = url.scheme() == "http"
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) if plain => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            }),
            _ => Err(ProxyAddressError),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_proxy_is_written_as_a_plain_url() {
        let proxy: ProxyAddress = "http://proxy.internal:3128".parse().unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.internal", 3_128));
        let proxy: ProxyAddress = "http://[fd00::1]:3128/".parse().unwrap();
        assert_eq!(proxy.host, "fd00::1");
        for bad in [
            "proxy:3128",
            "https://proxy:3128",
            "socks5://proxy:1080",
            "http://user:password@proxy:3128",
            "http://proxy:3128/path",
            "http://proxy:3128?x",
            "",
        ] {
            assert_eq!(bad.parse::<ProxyAddress>(), Err(ProxyAddressError), "{bad}");
        }
    }
}
