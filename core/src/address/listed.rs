//! Hosts that an operator lists: the setting `egress.allow_names`.
//!
//! Invariants: `example.com` is that host and no other, `*.example.com` every name below it and not itself; an address is listed as it
//! is. Nothing is looked up: a name that is listed is vetted like any other when it is dialled.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::host::Host;

/// A host, or all names below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    host: Host,
    below: bool,
}

/// A text that is no host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a host as in a URL, or *.name for all names below it")]
pub struct HostPatternError;

impl HostPattern {
    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, host: &Host) -> bool {
        match (&self.host, host) {
            (Host::Name(suffix), Host::Name(name)) if self.below => name
                .strip_suffix(&**suffix)
                .is_some_and(|before| before.len() > 1 && before.ends_with('.')),
            (listed, host) => listed == host,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let (rest, below) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        match Host::read(rest) {
            Ok(Host::Ip(_)) if below => Err(HostPatternError),
            Ok(host) => Ok(Self { host, below }),
            Err(_) => Err(HostPatternError),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.below {
            f.write_str("*.")?;
        }
        self.host.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn s1_a_listed_host_is_that_host_and_a_star_is_what_lies_below() {
        for (pattern, host, has) in [
            ("example.com", "example.com", true),
            ("Example.COM", "example.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "notexample.com", false),
            ("*.example.com", "example.com.evil.net", false),
            ("8.8.8.8", "8.8.8.8", true),
            ("8.8.8.8", "8.8.4.4", false),
            ("[2606:4700::1111]", "[2606:4700::1111]", true),
        ] {
            let (pattern, host) = (
                pattern.parse::<HostPattern>().unwrap(),
                Host::read(host).unwrap(),
            );
            assert_eq!(pattern.has(&host), has, "{pattern} {host}");
        }
        for text in [
            "",
            "*",
            "*.",
            "*.8.8.8.8",
            "a.*.com",
            "https://a.com",
            "a.com:80",
            "a.com.",
            "a com",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
