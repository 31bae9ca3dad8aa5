//! TLS as we speak it: 1.2 and 1.3, the system's authorities, HTTP/2 or HTTP/1.1 by ALPN (W10).

use super::SenderError;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Hosts whose TLS sessions are remembered, so that a new connection to them is cheap.
const REMEMBERED_SESSIONS: usize = 4_096;

/// What makes TLS connections. Where the system has no authorities (a bare container), Mozilla's list is used;
/// `extra` is trusted beside either.
///
/// # Errors
/// An extra authority that cannot be read.
pub(super) fn connector(extra: Vec<CertificateDer<'static>>) -> Result<TlsConnector, SenderError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for certificate in extra {
        roots.add(certificate).map_err(SenderError::ExtraCa)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(SenderError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(REMEMBERED_SESSIONS);
    Ok(TlsConnector::from(Arc::new(config)))
}
