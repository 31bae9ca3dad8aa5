//! What settings mean, and what is said of wrong ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::{Layers, load};
use super::*;

fn with(flags: &[(&'static str, &str)]) -> Result<Settings, ConfigError> {
    let flags = flags
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    let values = load(&Layers {
        flags,
        environment: &|_| None,
        file: None,
    })
    .unwrap();
    Settings::parse(&values)
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let both = with(&[("tls.cert", "c.pem"), ("tls.key", "k.pem")]).unwrap();
    assert!(both.tls.is_some());
    for (given, missing) in [("tls.cert", "tls.key"), ("tls.key", "tls.cert")] {
        let error = with(&[(given, "x.pem")]).unwrap_err().to_string();
        assert!(error.contains(missing), "{error}");
    }
}

#[test]
fn the_defaults_are_allowed() {
    let settings = with(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8420");
    assert!(settings.egress.allow.is_empty());
    assert!(settings.egress.allow_http);
}

#[test]
fn requests_leave_from_one_address_of_each_family_at_most() {
    let name = "egress.source_addresses";
    let settings = with(&[(name, "10.1.2.3,2001:db8::1")]).unwrap();
    assert_eq!(settings.source_addresses.len(), 2);
    with(&[(name, "10.1.2.3,10.1.2.4")]).unwrap_err();
}

#[test]
fn a_wrong_value_names_the_setting_its_value_its_origin_and_what_is_allowed() {
    for (name, value) in [
        ("listen", "8420"),
        ("egress.allow", "10.1.2.0/33"),
        ("egress.allow", "10.1.2.3/24"),
        ("egress.allow_http", "yes"),
        ("egress.closed_ports", "70000"),
        ("egress.nat64", "maybe"),
        ("egress.proxy", "https://proxy:3128"),
        ("egress.source_addresses", "0.0.0.0"),
        ("egress.source_addresses", "10.1.2.3/32"),
        ("limits.events_per_second", "-1"),
        ("limits.events_per_second_per_organization", "1000001"),
        ("retention.audit_days", "0"),
        ("limits.attempts", "0"),
        ("limits.memory_bytes", "64MiB"),
        ("signature_header", "webhook-id"),
        ("signature_header", "a b"),
        ("retention.bodies_days", "0"),
        ("retention.attempts_days", "29"),
        ("trusted_proxies", "proxy.example"),
        ("public_url", "example.com"),
        ("public_url", "ftp://example.com"),
        ("public_url", "https://example.com/path"),
        ("telemetry.format", "xml"),
        ("telemetry.log", "loud"),
        ("telemetry.log", "tidings=loud"),
        ("telemetry.log", "tidings[span{field=a+}]=info"),
        ("notices.organization", "0"),
        ("notices.organization", "acme"),
        ("notices.email_to", "ops"),
    ] {
        let error = with(&[(name, value)]).unwrap_err();
        let text = error.to_string();
        let ConfigError::Invalid { name: named, .. } = error else {
            panic!("{text}")
        };
        assert_eq!(named, name);
        assert!(
            text.contains(value) && text.contains("(flag)") && text.contains("allowed: "),
            "{text}"
        );
    }
}

#[test]
fn a_secret_is_never_printed_and_excludes_its_file() {
    let flags = || {
        [("master_key", String::from("canary-canary"))]
            .into_iter()
            .collect()
    };
    let values = load(&Layers {
        flags: flags(),
        environment: &|_| None,
        file: None,
    })
    .unwrap();
    assert!(!Settings::print(&values).contains("canary"));
    assert!(!format!("{:?}", Settings::parse(&values).unwrap()).contains("canary"));
    assert!(matches!(
        with(&[("master_key", "x"), ("master_key_file", "y")]),
        Err(ConfigError::Both { .. })
    ));
}

#[test]
fn mail_needs_a_server_a_sender_and_somebody_to_get_it() {
    let url = ("notices.smtp_url", "smtp://u:hunter2@mx.example.org");
    let (from, to) = (
        ("notices.email_from", "tidings@example.org"),
        ("notices.email_to", "ops@example.org"),
    );
    assert!(with(&[]).unwrap().notices.mail.is_none());
    let mail = with(&[url, from, to]).unwrap().notices.mail.unwrap();
    assert_eq!(mail.to.len(), 1);
    assert!(!format!("{mail:?}").contains("hunter2"));
    for (given, missing) in [
        (vec![url, from], "notices.email_to"),
        (vec![url, to], "notices.email_from"),
        (vec![from, to], "notices.smtp_url"),
        (
            vec![("notices.smtp_url", "http://u:hunter2@mx"), from, to],
            "notices.smtp_url",
        ),
        (
            vec![url, ("notices.email_from", "not an address"), to],
            "notices.email_from",
        ),
    ] {
        let error = with(&given).unwrap_err().to_string();
        assert!(error.starts_with(missing), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
