//! HTTPS by the server itself: the same API and console, and a certificate that is renewed while it runs.

use crate::world::World;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings::clock::Clock;
use tidings::http::Certificates;
use tidings_core::time::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A new certificate for `localhost`, in both files.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    let path = folder.join("key.pem");
    std::fs::write(&path, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    certificate.der().clone()
}

/// The answer to a request by who trusts this certificate alone; nothing when TLS fails.
async fn ask(address: SocketAddr, trusted: &CertificateDer<'static>) -> Option<String> {
    get(address, trusted, "/healthz").await
}

async fn get(address: SocketAddr, trusted: &CertificateDer<'static>, path: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // Some clients end a connection without saying so in TLS.
    let _end = stream.read_to_string(&mut answer).await;
    Some(answer)
}

#[tokio::test]
async fn s14_https_is_served_and_a_new_certificate_is_used_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = issue(folder.path());
    let clock = Clock::manual(Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap());
    let files = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let [certificate, key] = files;
    let certificates = Certificates::read(certificate.clone(), key, clock.clone()).unwrap();
    let world = World::secure(clock.clone(), certificates).await;
    let answer = ask(world.address, &first).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let page = get(world.address, &first, "/admin/login").await.unwrap();
    assert!(
        page.contains("strict-transport-security: max-age=31536000\r\n"),
        "S12: browsers keep to TLS: {page}"
    );

    let later = || clock.set(clock.now().plus(Duration::from_secs(61)));
    std::fs::write(&certificate, "no certificate").unwrap();
    later();
    assert!(
        ask(world.address, &first).await.is_some(),
        "the old one stays in use"
    );
    let second = issue(folder.path());
    assert!(
        ask(world.address, &second).await.is_none(),
        "the files are looked at once a minute"
    );
    later();
    assert!(ask(world.address, &second).await.is_some());
    assert!(ask(world.address, &first).await.is_none());
}

#[tokio::test]
async fn s22_a_key_that_others_may_read_is_not_served_with() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = issue(folder.path());
    let files = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let [certificate, key] = files;
    let read = |clock: &Clock| Certificates::read(certificate.clone(), key.clone(), clock.clone());
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let refused = read(&Clock::system()).unwrap_err().to_string();
    assert!(refused.starts_with("tls.key: "), "{refused}");
    assert!(refused.contains("chmod 600"), "{refused}");
    // Nor is one that was renewed so: the old one stays.
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let clock = Clock::manual(Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap());
    let world = World::secure(clock.clone(), read(&clock).unwrap()).await;
    let renewed = issue(folder.path());
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    clock.set(clock.now().plus(Duration::from_secs(61)));
    assert!(ask(world.address, &renewed).await.is_none());
    assert!(ask(world.address, &trusted).await.is_some());
}

#[tokio::test]
async fn what_is_no_tls_is_not_answered_and_hurts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = issue(folder.path());
    let files = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let [certificate, key] = files;
    let certificates = Certificates::read(certificate, key, Clock::system()).unwrap();
    let world = World::secure(Clock::system(), certificates).await;
    let plain = world.raw(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!plain.contains("200 OK"), "{plain}");
    assert!(ask(world.address, &trusted).await.is_some());
}
