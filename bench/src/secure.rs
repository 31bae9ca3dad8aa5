//! Certificates for receivers with TLS: an authority made anew for each run, and receivers it vouches for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::BenchError;
use crate::receiver::Receiver;

/// An authority that nobody else trusts.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self, BenchError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(BenchError::tls)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(BenchError::tls)?;
        let pem = params.self_signed(&key).map_err(BenchError::tls)?.pem();
        Ok(Self {
            pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// Writes its certificate into a directory, for the server to trust.
    pub fn write(&self, directory: &Path) -> Result<PathBuf, BenchError> {
        let path = directory.join("suite-ca.pem");
        std::fs::write(&path, &self.pem)
            .map_err(BenchError::io(format!("write {}", path.display())))?;
        Ok(path)
    }

    /// A receiver that speaks this version of HTTP over TLS, as `localhost`.
    pub fn receiver(&self, http2: bool) -> Result<Receiver, BenchError> {
        let key = KeyPair::generate().map_err(BenchError::tls)?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .and_then(|params| params.signed_by(&key, &self.issuer))
            .map_err(BenchError::tls)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(BenchError::tls)?;
        let version: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![version.to_vec()];
        Receiver::secure(TlsAcceptor::from(Arc::new(config)))
    }
}
