//! S19: servers whose TLS is bad, and what the attempt says of each.

use crate::authority::{Authority, Offer};
use crate::modes::{Doing, Site, listen};
use crate::outside::{Outside, openssl};
use crate::receiver::{Receiver, Reply};
use crate::world::{Setting, World};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use std::path::Path;
use tidings_core::outcome::{Failure, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A certificate nobody vouches for.
pub fn self_signed(name: &str) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    crate::authority::config(vec![certificate.der().clone()], &key, Offer::Http1)
}

/// Answers a ClientHello with a ServerHello of this version (RFC 2246, 7.4.1.3) and no more.
pub async fn old_hello(mut stream: TcpStream, [major, minor]: [u8; 2]) {
    let mut hello = [0; 4_096];
    let _first = stream.read(&mut hello).await;
    let mut body = vec![major, minor];
    body.extend([7; 32]); // its random
    body.extend([0, 0, 0x2f, 0]); // no session; TLS_RSA_WITH_AES_128_CBC_SHA; no compression
    let mut message = vec![2, 0, 0, body.len() as u8];
    message.extend(body);
    let mut record = vec![22, major, minor, 0, message.len() as u8];
    record.extend(message);
    let _gone = stream.write_all(&record).await;
    while matches!(stream.read(&mut hello).await, Ok(1..)) {}
}

/// A handshake message that announces 16 MB, and parts of it without end.
pub async fn flooding(mut stream: TcpStream) {
    let mut hello = [0; 4_096];
    let _first = stream.read(&mut hello).await;
    let mut record = vec![22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    while stream.write_all(&record).await.is_ok() {}
}

/// A bad server.
enum Bad {
    Certificate(Box<ServerConfig>),
    Bare(fn(TcpStream) -> Doing),
    Program(Outside),
}

fn certified(config: ServerConfig) -> Bad {
    Bad::Certificate(Box::new(config))
}

/// What it is, the name it is asked for by, and what the attempt says.
type Case = (&'static str, &'static str, &'static str, Bad);

fn certificates(authority: &Authority) -> Vec<Case> {
    let signed = |change: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        certified(authority.config(params, Offer::Http1))
    };
    let named = |name: &str| certified(authority.serve(name, Offer::Http1));
    let stranger = Authority::new("Stranger");
    let name = "localhost";
    vec![
        (
            "expired",
            name,
            "the certificate expired",
            certified(authority.serve_expired(name)),
        ),
        (
            "not yet valid",
            name,
            "not valid yet",
            signed(|params| {
                params.not_before = date_time_ymd(2090, 1, 1);
                params.not_after = date_time_ymd(2091, 1, 1);
            }),
        ),
        ("wrong name", name, "another name", named("example.com")),
        (
            "name in CN only",
            name,
            "another name",
            signed(|params| {
                params.subject_alt_names.clear();
                params
                    .distinguished_name
                    .push(DnType::CommonName, "localhost");
            }),
        ),
        (
            "a wildcard for a whole top domain",
            "hook.localhost",
            "another name",
            named("*.localhost"),
        ),
        (
            "a wildcard over two levels",
            "a.b.hook.localhost",
            "another name",
            named("*.hook.localhost"),
        ),
        (
            "a wildcard in the middle",
            "a.b.hook.localhost",
            "another name",
            named("a.*.hook.localhost"),
        ),
        (
            "self-signed",
            name,
            "not trusted",
            certified(self_signed(name)),
        ),
        (
            "unknown authority",
            name,
            "not trusted",
            certified(stranger.serve(name, Offer::Http1)),
        ),
        (
            "intermediate missing",
            name,
            "an intermediate is missing",
            certified(below(authority, false)),
        ),
        (
            "for clients only",
            name,
            "not for servers",
            signed(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
        ),
        (
            "an authority's certificate as the server's",
            name,
            "belongs to an authority",
            signed(|params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
        ),
        (
            "signed by a server's certificate",
            name,
            "no authority's",
            certified(below_a_server(authority)),
        ),
    ]
}

/// A server whose certificate an intermediate signed, which it shows or does not.
fn below(authority: &Authority, shown: bool) -> ServerConfig {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Intermediate");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    chain(authority, params, shown)
}

fn below_a_server(authority: &Authority) -> ServerConfig {
    let mut params = CertificateParams::new(["example.com".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "A server");
    params.is_ca = IsCa::ExplicitNoCa;
    chain(authority, params, true)
}

fn chain(authority: &Authority, params: CertificateParams, shown: bool) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let between = CertifiedIssuer::signed_by(params, key, authority.issuer()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &between).unwrap();
    let mut sent = vec![leaf.der().clone()];
    sent.extend(shown.then(|| between.der().clone()));
    crate::authority::config(sent, &key, Offer::Http1)
}

fn versions(folder: &Path) -> Vec<Case> {
    let old = "speaks neither TLS 1.2 nor TLS 1.3";
    let with = |leaf: &str, more: &[&str]| {
        let (certificate, key) = (format!("{leaf}.pem"), format!("{leaf}.key"));
        let mut arguments = vec![
            "-cert",
            &certificate,
            "-key",
            &key,
            "-cipher",
            "ALL:@SECLEVEL=0",
        ];
        arguments.extend_from_slice(more);
        Bad::Program(Outside::openssl(&arguments, folder))
    };
    let name = "localhost";
    vec![
        ("TLS 1.0", name, old, with("good", &["-tls1"])),
        ("TLS 1.1", name, old, with("good", &["-tls1_1"])),
        (
            "TLS 1.0, told by its ServerHello",
            name,
            old,
            Bad::Bare(|stream| Box::pin(old_hello(stream, [3, 1]))),
        ),
        (
            "SSLv3",
            name,
            old,
            Bad::Bare(|stream| Box::pin(old_hello(stream, [3, 0]))),
        ),
        (
            "ciphers without forward secrecy",
            name,
            "no common cipher",
            with("good", &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]),
        ),
        (
            "a key of 1024 bits",
            name,
            "shorter than 2048 bits",
            with("weak", &["-tls1_2"]),
        ),
        (
            "a signature by SHA-1",
            name,
            "outdated",
            with("sha1", &["-tls1_2"]),
        ),
        (
            "no TLS at all",
            name,
            "no TLS",
            Bad::Bare(|mut stream| {
                Box::pin(async move {
                    let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                    let mut rest = [0; 4_096];
                    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
                })
            }),
        ),
    ]
}

/// Certificates that rcgen does not make, by an authority of OpenSSL's; the authority's.
fn by_openssl(folder: &Path) -> CertificateDer<'static> {
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost\n").unwrap();
    let request = |arguments: &str| openssl(folder, &arguments.split(' ').collect::<Vec<_>>());
    request(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=Old -days 30 -sha256",
    );
    request("x509 -in ca.pem -outform DER -out ca.der");
    for (leaf, bits, hash) in [
        ("good", 2048, "-sha256"),
        ("weak", 1024, "-sha256"),
        ("sha1", 2048, "-sha1"),
    ] {
        request(&format!(
            "req -newkey rsa:{bits} -nodes -keyout {leaf}.key -out {leaf}.csr -subj /CN=localhost"
        ));
        request(&format!(
            "x509 -req -in {leaf}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {leaf}.pem -days 30 -extfile san {hash}"
        ));
    }
    std::fs::read(folder.join("ca.der")).unwrap().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s19_bad_servers_are_refused_and_the_attempt_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Zoo");
    let extra_ca = vec![authority.certificate(), by_openssl(folder.path())];
    let world = World::with(Setting {
        extra_ca,
        ..Setting::default()
    });
    let mut cases = certificates(&authority);
    cases.extend(versions(folder.path()));
    let mut wrong = Vec::new();
    for (what, name, says, bad) in cases {
        let (port, _held): (u16, Box<dyn std::any::Any>) = match bad {
            Bad::Certificate(config) => {
                let receiver = Receiver::secure(*config, |_| Reply::status(200)).await;
                (receiver.address.port(), Box::new(receiver))
            }
            Bad::Bare(doing) => {
                let site: Site = listen("https", doing).await;
                (site.port, Box::new(site))
            }
            Bad::Program(program) => (program.port, Box::new(program)),
        };
        let record = world.send(&format!("https://{name}:{port}/")).await;
        println!("{what:<45} {}", record.detail);
        let refused = record.outcome == Outcome::Failed(Failure::Tls);
        if !refused || !record.detail.contains(says) || record.answer.body_bytes > 0 {
            wrong.push(format!("{what}: {:?}: {}", record.outcome, record.detail));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// So that a refusal above is for its reason.
#[tokio::test]
async fn s19_the_same_servers_without_their_fault_are_good() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Zoo");
    let extra_ca = vec![authority.certificate(), by_openssl(folder.path())];
    let world = World::with(Setting {
        extra_ca,
        ..Setting::default()
    });
    let answered = async |url: String| {
        let record = world.send(&url).await;
        assert_eq!(
            record.outcome,
            Outcome::Status(200),
            "{url}: {}",
            record.detail
        );
    };
    for (name, config) in [
        ("localhost", below(&authority, true)),
        (
            "a.hook.localhost",
            authority.serve("*.hook.localhost", Offer::Http1),
        ),
    ] {
        let receiver = Receiver::secure(config, |_| Reply::status(200)).await;
        answered(receiver.named_url(name, "/")).await;
    }
    let good = ["-cert", "good.pem", "-key", "good.key", "-tls1_2"];
    let program = Outside::openssl(&good, folder.path());
    // Its page answers GET only, and says so in HTTP.
    let record = world
        .send(&format!("https://localhost:{}/", program.port))
        .await;
    assert!(record.timing.tls.is_some(), "{}", record.detail);
    assert_ne!(
        record.outcome,
        Outcome::Failed(Failure::Tls),
        "{}",
        record.detail
    );
}
