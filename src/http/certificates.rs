//! HTTPS by the server itself: its certificate and key, read from files and read again when they change.
//!
//! Invariants: TLS 1.2 and 1.3, HTTP/1.1 by ALPN; a key that others may read is not used; a new file that cannot be used is said in the log and the old
//! certificate stays in use. Deliberately absent: getting certificates (ACME), and those of clients.

use crate::clock::{Clock, Monotonic};
use crate::secret_file::{self, SecretFileError};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(60);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{setting}: {path}: {problem}", path = path.display())]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The key cannot be read, or others may read it.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The key does not belong to the certificate, or both are of no use.
    #[error("tls.cert and tls.key do not go together: {0}")]
    Pair(#[from] rustls::Error),
}

/// The certificate in use.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    clock: Clock,
    current: Mutex<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// When both files were last written.
    written: [Option<SystemTime>; 2],
    looked_at: Monotonic,
}

impl Certificates {
    /// Reads both files.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn read(
        certificate: PathBuf,
        key: PathBuf,
        clock: Clock,
    ) -> Result<Self, CertificateError> {
        let current = Current {
            written: [&certificate, &key].map(|path| written(path)),
            config: Arc::new(load(&certificate, &key)?),
            looked_at: clock.monotonic(),
        };
        Ok(Self {
            certificate,
            key,
            clock,
            current: Mutex::new(current),
        })
    }

    /// What the next connection is accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        if u128::from(now.micros_since(current.looked_at)) >= LOOK.as_micros() {
            current.looked_at = now;
            self.renew(&mut current);
        }
        TlsAcceptor::from(Arc::clone(&current.config))
    }

    fn renew(&self, current: &mut Current) {
        let written = [&self.certificate, &self.key].map(|path| written(path));
        if written == current.written {
            return;
        }
        current.written = written;
        match load(&self.certificate, &self.key) {
            Ok(config) => {
                current.config = Arc::new(config);
                tracing::info!("the certificate was renewed");
            }
            Err(error) => {
                tracing::warn!(%error, "the new certificate cannot be used; the old one stays");
            }
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}

fn load(certificate: &Path, key: &Path) -> Result<ServerConfig, CertificateError> {
    let wrong = |setting, path: &Path, problem: String| CertificateError::File {
        setting,
        path: path.to_owned(),
        problem,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong("tls.cert", certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(
            "tls.cert",
            certificate,
            String::from("no certificate in it (PEM)"),
        ));
    }
    let secret = secret_file::read("tls.key", key)?;
    let secret = PrivateKeyDer::from_pem_slice(secret.as_bytes())
        .map_err(|error| wrong("tls.key", key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, secret)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
