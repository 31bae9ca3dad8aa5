//! A mail server as a setting names it: `smtp://user:password@host:587` or `smtps://…`.
//!
//! `smtp` means STARTTLS, and nothing without it. To this machine it is used where it is offered. `?tls=none` sends in the
//! clear, `?tls=required` insists on this machine, too. Neither the password nor the URL it stands in is ever printed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use url::{Host, Url};
use zeroize::Zeroizing;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS, or nothing is sent.
    Required,
    /// STARTTLS if it is offered: this machine only.
    IfOffered,
    /// In the clear: because the setting says so.
    Plain,
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer {
    /// A name or an address, as a certificate has it.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// User and password, if it asks for them.
    pub credentials: Option<(String, Zeroizing<String>)>,
}

/// Why a text is no mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// No URL at all.
    #[error("not a URL")]
    Url,
    /// Another scheme.
    #[error("neither smtp:// nor smtps://")]
    Scheme,
    /// No host.
    #[error("without a host")]
    Host,
    /// A path or a fragment.
    #[error("a path has no meaning here")]
    Path,
    /// Half of what opens it, or what cannot be read.
    #[error("user and password go together, with % signs escaped")]
    Credentials,
    /// A query we do not know.
    #[error("only ?tls=none or ?tls=required may follow")]
    Query,
}

impl fmt::Display for MailServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(out, "[{}]:{}", self.host, self.port),
            false => write!(out, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MailServer({self}, {:?}, …)", self.security)
    }
}

impl FromStr for MailServer {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let url = Url::parse(text).map_err(|_| ServerError::Url)?;
        let implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(ServerError::Scheme),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(ServerError::Path);
        }
        let (host, local) = match url.host().ok_or(ServerError::Host)? {
            // The host of an unknown scheme is not looked at by the URL standard.
            Host::Domain(name) => match name.parse::<IpAddr>() {
                Ok(address) => (address.to_string(), address.is_loopback()),
                Err(_) if name.is_empty() => return Err(ServerError::Host),
                Err(_) => (
                    name.to_ascii_lowercase(),
                    name.eq_ignore_ascii_case("localhost"),
                ),
            },
            Host::Ipv4(address) => (address.to_string(), address.is_loopback()),
            Host::Ipv6(address) => (address.to_string(), address.is_loopback()),
        };
        let security = match (implicit, url.query()) {
            (true, None) => Security::Implicit,
            (false, None) if local => Security::IfOffered,
            (false, None | Some("tls=required")) => Security::Required,
            (false, Some("tls=none")) => Security::Plain,
            _ => return Err(ServerError::Query),
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(if implicit { 465 } else { 587 }),
            security,
            credentials: credentials(&url)?,
        })
    }
}

fn credentials(url: &Url) -> Result<Option<(String, Zeroizing<String>)>, ServerError> {
    let (user, password) = match (url.username(), url.password()) {
        ("", None) => return Ok(None),
        ("", Some(_)) | (_, None) => return Err(ServerError::Credentials),
        (user, Some(password)) => (unescaped(user)?, Zeroizing::new(unescaped(password)?)),
    };
    match [&user, &*password]
        .iter()
        .any(|text| text.is_empty() || text.chars().any(char::is_control))
    {
        true => Err(ServerError::Credentials),
        false => Ok(Some((user, password))),
    }
}

/// A text with its `%41` as what they stand for.
fn unescaped(text: &str) -> Result<String, ServerError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()]
                    .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                let [Some(high), Some(low)] = digits else {
                    return Err(ServerError::Credentials);
                };
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| ServerError::Credentials)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_server_is_spoken_to_with_tls_unless_it_is_this_machine_or_the_setting_says_so() {
        for (text, server, security) in [
            (
                "smtp://mx.example.com",
                "mx.example.com:587",
                Security::Required,
            ),
            (
                "smtp://MX.example.com:25",
                "mx.example.com:25",
                Security::Required,
            ),
            (
                "smtps://mx.example.com",
                "mx.example.com:465",
                Security::Implicit,
            ),
            (
                "smtp://mx.example.com?tls=none",
                "mx.example.com:587",
                Security::Plain,
            ),
            (
                "smtp://mx.example.com/?tls=required",
                "mx.example.com:587",
                Security::Required,
            ),
            ("smtp://10.1.2.3:25", "10.1.2.3:25", Security::Required),
            ("smtp://127.0.0.1:25", "127.0.0.1:25", Security::IfOffered),
            ("smtp://[::1]:25", "[::1]:25", Security::IfOffered),
            ("smtp://localhost", "localhost:587", Security::IfOffered),
            (
                "smtp://localhost?tls=required",
                "localhost:587",
                Security::Required,
            ),
        ] {
            let parsed: MailServer = text.parse().unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), parsed.security),
                (server, security)
            );
            assert_eq!(parsed.credentials, None);
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_said_without_the_password() {
        for (text, error) in [
            ("mx.example.com", ServerError::Url),
            ("https://mx.example.com", ServerError::Scheme),
            ("smtp://", ServerError::Host),
            ("smtp://mx.example.com/inbox", ServerError::Path),
            ("smtp://mx.example.com?tls=maybe", ServerError::Query),
            ("smtps://mx.example.com?tls=none", ServerError::Query),
            ("smtp://user@mx.example.com", ServerError::Credentials),
            ("smtp://:hunter2@mx.example.com", ServerError::Credentials),
            (
                "smtp://user:a%0d%0ab@mx.example.com",
                ServerError::Credentials,
            ),
            ("smtp://user:a%zz@mx.example.com", ServerError::Credentials),
        ] {
            let refused = text.parse::<MailServer>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("hunter2"));
        }
        let server: MailServer = "smtp://a%40b.org:p%3Aw%25@mx.example.com".parse().unwrap();
        let (user, password) = server.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("a@b.org", "p:w%"));
        assert!(!format!("{server:?}").contains("p:w"));
    }
}
