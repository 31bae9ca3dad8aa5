//! A target URL, parsed once: what the sender needs of it is read off, not searched for again.
//!
//! Invariants: a [`TargetUrl`] is `http` or `https`, has a host in its one canonical spelling, no credentials and
//! no fragment, and means the same to us as to the URL standard. Whether its host may be dialled is asked
//! again at every attempt ([`EgressRules::vet_addresses`]); rules change, and names move.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::{Position, Url};

use super::egress::{EgressRules, LOCALHOST, Refusal};
use super::host::Host;
use super::url_error::UrlError;
use crate::limits::URL_BYTES;

/// Characters of a text without a scheme that the answer repeats at most.
const ECHO_LIMIT: usize = 64;

/// How the target is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As in the URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// What a connection is to, and so what targets that share connections have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// With TLS or without.
    pub scheme: Scheme,
    /// The name or address.
    pub host: Host,
    /// The port, that of the scheme if the URL names none.
    pub port: u16,
}

impl Origin {
    /// What the settings say of it before anything is looked up. Asked when a URL is entered and again at every
    /// attempt, so that both give the same words.
    ///
    /// # Errors
    /// [`UrlError`] says what is closed and how the operator would open it.
    pub fn vet(&self, rules: &EgressRules) -> Result<(), UrlError> {
        if self.scheme == Scheme::Http && !rules.allow_http {
            return Err(Refusal::HttpClosed.into());
        }
        rules.vet_host(&self.host)?;
        match &self.host {
            Host::Ip(ip) => rules.vet_address(*ip)?,
            Host::Name(name) if is_localhost(name) => rules.vet_addresses(&LOCALHOST)?,
            Host::Name(name) if !name.contains('.') && rules.allow.is_empty() => {
                return Err(UrlError::NameNotAllowed);
            }
            Host::Name(_) => {}
        }
        Ok(rules.vet_port(self.port)?)
    }
}

/// Where an endpoint's requests go. A clone shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TargetUrl(Arc<Parsed>);

#[derive(PartialEq, Eq, Hash)]
struct Parsed {
    text: Box<str>,
    /// Where the host starts in `text`, and the path: what lies between is the authority.
    host: usize,
    path: usize,
    origin: Origin,
}

impl TargetUrl {
    /// Reads what somebody entered, and judges it by its text alone: names are not looked up.
    ///
    /// # Errors
    /// [`UrlError`] says what is wrong and what to write instead.
    pub fn parse(text: &str, rules: &EgressRules) -> Result<Self, UrlError> {
        let target = Self::from_stored(text)?;
        target.origin().vet(rules)?;
        match &target.origin().host {
            // Looked at last: what the address is matters more than how it is spelled.
            host @ Host::Ip(IpAddr::V6(_)) if !is_spelled(text, host) => {
                Err(UrlError::NoncanonicalHost {
                    what: "address",
                    meant: host.to_string(),
                })
            }
            _ => Ok(target),
        }
    }

    /// Reads a URL that [`TargetUrl::parse`] once accepted, whatever the egress rules are now.
    ///
    /// # Errors
    /// [`UrlError`] if it is no target URL under any rules.
    pub fn from_stored(text: &str) -> Result<Self, UrlError> {
        check_characters(text)?;
        let (scheme, rest) = read_scheme(text)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let authority = authority_of(rest);
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let (host, port) = split_port(authority)?;
        let host = Host::read(host)?;
        let port = port.unwrap_or(scheme.default_port());
        let url = Url::parse(text).map_err(|_| UrlError::Unreadable)?;
        let same_host = match (url.host(), &host) {
            (Some(url::Host::Domain(theirs)), Host::Name(ours)) => *theirs == **ours,
            (Some(url::Host::Ipv4(theirs)), Host::Ip(ours)) => theirs == *ours,
            (Some(url::Host::Ipv6(theirs)), Host::Ip(ours)) => theirs == *ours,
            _ => false,
        };
        let same = same_host
            && url.scheme() == scheme.as_str()
            && url.port_or_known_default() == Some(port);
        if !same {
            return Err(UrlError::Unreadable);
        }
        if url.as_str().len() > URL_BYTES {
            return Err(UrlError::TooLong);
        }
        Ok(Self(Arc::new(Parsed {
            host: url[..Position::BeforeHost].len(),
            path: url[..Position::BeforePath].len(),
            text: String::from(url).into_boxed_str(),
            origin: Origin { scheme, host, port },
        })))
    }

    /// The whole URL, escaped where it has to be.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// With TLS or without.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.0.origin.scheme
    }

    /// The name or address.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.origin.host
    }

    /// The port, that of the scheme if the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.origin.port
    }

    /// What the request line says: the path, and the query if there is one.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.0.text.get(self.0.path..).unwrap_or("/")
    }

    /// What the `Host` header says: the host, and the port if it is not that of the scheme.
    #[must_use]
    pub fn authority(&self) -> &str {
        let Parsed {
            text, host, path, ..
        } = &*self.0;
        text.get(*host..*path).unwrap_or_default()
    }

    /// What a connection to this target is to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }
}

impl fmt::Debug for TargetUrl {
    /// Scheme, host and port only: paths and queries carry tokens (S17).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TargetUrl({}://{}/…)",
            self.scheme().as_str(),
            self.authority()
        )
    }
}

fn check_characters(text: &str) -> Result<(), UrlError> {
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    if text.len() > URL_BYTES {
        return Err(UrlError::TooLong);
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    match text.chars().zip(1..).find(|(c, _)| odd(*c)) {
        Some(('\\', position)) => Err(UrlError::Backslash { position }),
        Some((_, position)) => Err(UrlError::ControlOrSpace { position }),
        None => Ok(()),
    }
}

/// The scheme and what follows its two slashes.
fn read_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let Some((name, rest)) = text.split_once(':') else {
        return Err(scheme_missing(text));
    };
    let scheme = match name.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        // `example.com:8080/hook` and `example.com/a:b` have none; `mailto:a` has one.
        other if rest.starts_with("//") && is_scheme(other) => {
            return Err(UrlError::SchemeNotAllowed);
        }
        other
            if rest.starts_with(|c: char| c.is_ascii_digit())
                || other.contains('.')
                || !is_scheme(other) =>
        {
            return Err(scheme_missing(text));
        }
        _ => return Err(UrlError::SchemeNotAllowed),
    };
    match rest.strip_prefix("//") {
        Some(rest) if !rest.starts_with('/') && !rest.is_empty() => Ok((scheme, rest)),
        _ => Err(UrlError::Slashes {
            scheme: scheme.as_str(),
        }),
    }
}

/// From the two slashes to the path or the query.
fn authority_of(rest: &str) -> &str {
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// A name whose addresses are known without looking it up.
fn is_localhost(name: &str) -> bool {
    name.strip_suffix("localhost")
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Whether the host of this URL is written as we print it, in whatever case.
fn is_spelled(text: &str, host: &Host) -> bool {
    let written = read_scheme(text).and_then(|(_, rest)| split_port(authority_of(rest)));
    written.is_ok_and(|(written, _)| written.eq_ignore_ascii_case(&host.to_string()))
}

fn is_scheme(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn scheme_missing(text: &str) -> UrlError {
    let text = text.trim_start_matches('/');
    let suggestion = if text.len() <= ECHO_LIMIT {
        format!("https://{text}")
    } else {
        "https://…".to_owned()
    };
    UrlError::SchemeMissing { suggestion }
}

/// The host and the port, if one is named.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let after_brackets = authority.rfind(']').unwrap_or(0);
    let Some(colon) = authority
        .rfind(':')
        .filter(|&colon| colon >= after_brackets)
    else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at_checked(colon).unwrap_or((authority, ""));
    let port = port.trim_start_matches(':');
    if port.starts_with('0') && port != "0" || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::InvalidPort);
    }
    port.parse()
        .map(|port| (host, Some(port)))
        .map_err(|_| UrlError::InvalidPort)
}
