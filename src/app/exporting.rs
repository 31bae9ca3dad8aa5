//! Switches traces on where a collector is named.

use crate::clock::Clock;
use crate::config::{OtlpSettings, Settings};
use crate::traces::export::{self, Collector};
use crate::traces::{self, Rules};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// Starts exporting; the task ends with the runtime.
///
/// # Errors
/// The cryptography library refuses its own defaults.
pub fn start(
    settings: &Settings,
    clock: &Clock,
    extra_ca: Vec<CertificateDer<'static>>,
) -> Result<(), rustls::Error> {
    let Some(otlp) = &settings.otlp else {
        return Ok(());
    };
    let rules = Rules {
        percent: otlp.percent,
        to_receivers: otlp.to_receivers,
    };
    let tls = Arc::new(tls(extra_ca)?);
    if let Some(spans) = traces::start(rules) {
        let collector = collector(settings, otlp, tls);
        tokio::spawn(export::run(collector, spans, clock.clone()));
    }
    Ok(())
}

fn collector(
    settings: &Settings,
    otlp: &OtlpSettings,
    tls: Arc<rustls::ClientConfig>,
) -> Collector {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    Collector {
        url: otlp.url.clone(),
        headers: otlp.headers.clone(),
        version: env!("CARGO_PKG_VERSION"),
        instance: format!("{host}:{}", settings.listen.port()),
        tls,
    }
}

fn tls(extra_ca: Vec<CertificateDer<'static>>) -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.add_parsable_certificates(extra_ca);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
