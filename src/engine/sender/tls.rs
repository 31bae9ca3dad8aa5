//! TLS as we speak it: 1.2 and 1.3, the system's authorities, HTTP/2 or HTTP/1.1 by ALPN (W10).

use super::SenderError;
use crate::outgoing;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Hosts whose TLS sessions are remembered, so that a new connection to them is cheap.
const REMEMBERED_SESSIONS: usize = 4_096;

/// What makes TLS connections; `extra` is trusted beside the usual authorities.
///
/// # Errors
/// An extra authority that cannot be read.
pub(super) fn connector(extra: &[CertificateDer<'static>]) -> Result<TlsConnector, SenderError> {
    let roots = outgoing::authorities(extra).map_err(SenderError::ExtraCa)?;
    let mut config = outgoing::tls(roots).map_err(SenderError::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(REMEMBERED_SESSIONS);
    Ok(TlsConnector::from(Arc::new(config)))
}
