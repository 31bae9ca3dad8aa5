//! Connections of our own to servers that a setting or a flag names: whom TLS trusts, and one HTTP/1.1 connection.
//!
//! Deliberately absent: what the engine's sender has on top (vetting, pools, HTTP/2, the deadline). Where these
//! connections lead is the operator's choice, not a stranger's.

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Whom TLS trusts: the system's authorities, or Mozilla's list where the system has none (a bare container), and `extra`
/// beside either.
///
/// # Errors
/// One of `extra` that cannot be used.
pub fn authorities(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for certificate in extra {
        roots.add(certificate.clone())?;
    }
    Ok(roots)
}

/// TLS 1.2 and 1.3 towards whom `roots` vouch for.
///
/// # Errors
/// The cryptography library refuses its own defaults.
pub fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A connection to where an `http` or `https` URL points; it ends when what is given is dropped. `tls` is asked for `https`
/// only.
///
/// # Errors
/// Words for people: no such server, or no trust in it.
pub async fn connect(
    url: &url::Url,
    tls: impl FnOnce() -> Result<Arc<ClientConfig>, rustls::Error>,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let host = url.host_str().ok_or("the URL has no host")?;
    let host = host.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or("the URL has no port")?;
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("cannot connect ({error}); is the server running?"))?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" => handshake(stream).await,
        "https" => {
            let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
            let tls = tls().map_err(|error| error.to_string())?;
            let stream = TlsConnector::from(tls).connect(name, stream).await;
            handshake(stream.map_err(|error| error.to_string())?).await
        }
        other => Err(format!("the URL starts with {other}:, not http: or https:")),
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        let _ended = connection.await;
    });
    Ok(sender)
}
