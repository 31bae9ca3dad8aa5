//! Where the database is: the setting `database_url`, how a connection is made, and how it is named without its password.
//!
//! TLS is as `sslmode` in the URL says: `disable`, `prefer` (the default: with TLS where the server offers it) or `require`.
//! A certificate is always verified, against the system's authorities and those of `database_ca`.

use super::tls::Tls;
use crate::outgoing;
use crate::store::StoreError;
use postgres::config::{Host, SslMode};
use postgres::{Client, Config};
use rustls::pki_types::CertificateDer;
use std::path::PathBuf;
use std::time::Duration;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the other side may be silent before it is asked whether it is there, and how often.
const KEPT_ALIVE: Duration = Duration::from_secs(2);
const KEPT_ALIVE_TIMES: u32 = 2;
/// How long what was sent may stay unconfirmed.
const UNCONFIRMED: Duration = Duration::from_secs(6);

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The text is none.
    #[error(
        "database_url: {0}; write it as postgres://user:password@host:5432/database (sslmode=require for TLS)"
    )]
    Malformed(String),
    /// No authority to verify a certificate against.
    #[error("database_url: TLS cannot be set up ({0})")]
    Tls(String),
}

/// The database, ready to be connected to.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: Tls,
    name: PathBuf,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Address({})", self.name.display())
    }
}

impl Address {
    /// Reads the setting; `authorities` are trusted beside the system's.
    ///
    /// # Errors
    /// The text is no such URL, or TLS cannot be set up.
    pub fn parse(
        text: &str,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, AddressError> {
        let mut config: Config = text.parse().map_err(|error: postgres::Error| {
            use std::error::Error as _;
            let cause = error.source().map(ToString::to_string);
            AddressError::Malformed(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(AddressError::Malformed(String::from("it names no host")));
        }
        config
            .application_name("tidings")
            .connect_timeout(CONNECT)
            .keepalives_idle(KEPT_ALIVE)
            .keepalives_interval(KEPT_ALIVE)
            .keepalives_retries(KEPT_ALIVE_TIMES)
            .tcp_user_timeout(UNCONFIRMED);
        if config.get_dbname().is_none() {
            config.dbname("tidings");
        }
        let name = PathBuf::from(named(&config));
        let tls = tls(&config, authorities)?;
        Ok(Self { config, tls, name })
    }

    /// The address for messages: no user, no password.
    pub const fn name(&self) -> &PathBuf {
        &self.name
    }

    /// Connects and sets the session up. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], or the server's refusal.
    pub(super) fn connect(&self, session: &str) -> Result<Client, StoreError> {
        let mut client = self.config.connect(self.tls.clone())?;
        client.batch_execute(session)?;
        Ok(client)
    }
}

fn named(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!(
        "postgres://{host}:{port}/{}",
        config.get_dbname().unwrap_or_default()
    )
}

fn tls(config: &Config, authorities: &[CertificateDer<'static>]) -> Result<Tls, AddressError> {
    let refused = |error: rustls::Error| AddressError::Tls(error.to_string());
    let roots = match config.get_ssl_mode() {
        SslMode::Disable => rustls::RootCertStore::empty(),
        _ => outgoing::authorities(authorities).map_err(refused)?,
    };
    let client = outgoing::tls(roots).map_err(refused)?;
    Ok(Tls(std::sync::Arc::new(client)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_address_is_named_without_what_is_secret() {
        let address = Address::parse("postgres://me:hush@db.example:6432/hooks", &[]).unwrap();
        assert_eq!(
            address.name().to_str(),
            Some("postgres://db.example:6432/hooks")
        );
        assert!(!format!("{address:?}").contains("hush"));
        let address = Address::parse("postgres://me@localhost", &[]).unwrap();
        assert_eq!(
            address.name().to_str(),
            Some("postgres://localhost:5432/tidings")
        );
    }

    #[test]
    fn what_is_no_address_is_told_with_an_example() {
        for bad in [
            "mysql://x",
            "postgres://u@h:port/x",
            "postgres://",
            "nonsense",
        ] {
            let error = Address::parse(bad, &[]).unwrap_err().to_string();
            assert!(error.contains("postgres://user:password@host"), "{error}");
        }
    }
}
