//! TLS: only certificates that are valid for the name, from an authority that is trusted; the log says what is wrong.

use crate::authority::{Authority, Offer};
use crate::receiver::{Receiver, Reply};
use crate::world::{Setting, World};
use rustls::ServerConfig;
use std::sync::Arc;
use tidings::engine::sender::SenderError;
use tidings_core::outcome::{Failure, Outcome};

async fn check(trusted: &Authority, config: ServerConfig, wanted: Result<u16, &str>) {
    let receiver = Receiver::secure(config, |_| Reply::status(200)).await;
    let world = World::with(Setting {
        extra_ca: vec![trusted.certificate()],
        ..Setting::default()
    });
    let record = world.send(&receiver.named_url("localhost", "/")).await;
    match wanted {
        Ok(status) => {
            assert_eq!(record.outcome, Outcome::Status(status), "{}", record.detail);
            assert!(record.timing.tls.is_some());
        }
        Err(says) => {
            assert_eq!(
                record.outcome,
                Outcome::Failed(Failure::Tls),
                "{}",
                record.detail
            );
            assert!(record.detail.contains(says), "{}", record.detail);
            assert!(receiver.seen().requests.is_empty());
        }
    }
}

#[tokio::test]
async fn only_good_certificates_are_accepted() {
    let authority = Authority::new("Tidings test");
    for offer in [Offer::Http1, Offer::Http2, Offer::Nothing] {
        check(&authority, authority.serve("localhost", offer), Ok(200)).await;
    }
    check(
        &authority,
        authority.serve_expired("localhost"),
        Err("expired"),
    )
    .await;
    check(
        &authority,
        authority.serve("example.com", Offer::Http1),
        Err("another name"),
    )
    .await;
    let stranger = Authority::new("Stranger");
    check(
        &authority,
        stranger.serve("localhost", Offer::Http1),
        Err("not trusted"),
    )
    .await;
}

#[tokio::test]
async fn an_address_needs_a_certificate_for_the_address() {
    let authority = Authority::new("Tidings test");
    let receiver = Receiver::secure(authority.serve("127.0.0.1", Offer::Http1), |_| {
        Reply::status(200)
    })
    .await;
    let world = World::with(Setting {
        extra_ca: vec![authority.certificate()],
        ..Setting::default()
    });
    assert_eq!(
        world
            .send(&receiver.named_url("127.0.0.1", "/"))
            .await
            .outcome,
        Outcome::Status(200)
    );
    let by_name = world.send(&receiver.named_url("localhost", "/")).await;
    assert_eq!(by_name.outcome, Outcome::Failed(Failure::Tls));
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_a_tls_failure() {
    let receiver = Receiver::start(|_| Reply::raw("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let url = receiver.url("/").replace("http:", "https:");
    let hangs = World::new().send(&url).await;
    // It waits for a request that never comes: the handshake hangs, and the attempt is over in time.
    assert_eq!(hangs.outcome, Outcome::Failed(Failure::ConnectTimeout));
    assert_eq!(hangs.detail, "no TLS handshake within 3 s");
}

#[test]
fn settings_that_cannot_be_used_are_refused_at_start() {
    let refused = |setting: Setting| setting.sender(Arc::default()).err();
    let extra_ca = vec![b"no certificate".to_vec().into()];
    let no_certificate = refused(Setting {
        extra_ca,
        ..Setting::default()
    });
    assert!(matches!(no_certificate, Some(SenderError::ExtraCa(_))));
    let no_name = refused(Setting {
        signature_header: "no header",
        ..Setting::default()
    });
    assert!(matches!(no_name, Some(SenderError::SignatureHeader { .. })));
}
