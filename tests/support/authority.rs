//! A certificate authority of a test's own, and the certificates a receiver shows.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests; each test file uses a part of it"
)]

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What is said by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Http1,
    Http2,
    Nothing,
}

impl Authority {
    /// An authority of that name; two with one name would be taken for each other.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, to be trusted.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A receiver's configuration with a good certificate for `name`.
    pub fn serve(&self, name: &str, offer: Offer) -> ServerConfig {
        self.config(CertificateParams::new([name.to_owned()]).unwrap(), offer)
    }

    /// The same with a certificate that expired long ago.
    pub fn serve_expired(&self, name: &str) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.config(params, Offer::Http1)
    }

    /// What signs.
    pub fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.0
    }

    /// The same with a certificate that says this.
    pub fn config(&self, params: CertificateParams, offer: Offer) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        config(vec![certificate.der().clone()], &key, offer)
    }
}

/// A receiver's configuration with this chain of certificates, its own first.
pub fn config(chain: Vec<CertificateDer<'static>>, key: &KeyPair, offer: Offer) -> ServerConfig {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = match offer {
        Offer::Http1 => vec![b"http/1.1".to_vec()],
        Offer::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Offer::Nothing => Vec::new(),
    };
    config
}
