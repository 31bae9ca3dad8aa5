//! Verdicts on target URLs by their text alone (S1, S2), as tables of cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use proptest::prelude::*;

use tidings_core::address::*;
use tidings_core::limits::URL_BYTES;

fn rules(allow: &[&str]) -> EgressRules {
    let allow = allow.iter().map(|block| block.parse().unwrap()).collect();
    EgressRules {
        allow,
        ..EgressRules::default()
    }
}

/// The code of the verdict on a URL.
fn url(text: &str, allow: &[&str]) -> &'static str {
    match TargetUrl::parse(text, &rules(allow)) {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

/// Verdicts, and the URLs that get them when nothing is opened.
const VERDICTS: [(&str, &str); 11] = [
    (
        "ok",
        "
            https://example.com https://example.com/hook?a=b%20c HTTPS://Example.COM/Hook
            http://example.com:8080/ https://bücher.example/ https://a_b.example.com/
            https://8.8.8.8/ https://[2606:4700::1111]:8443/x https://169.254.169.254.nip.io/
            https://example.com/@x https://example.com/?a@b https://example.com/%23x",
    ),
    (
        "address_not_public",
        "
            http://127.0.0.1/x http://10.0.0.8:8080/ http://0.0.0.0/ http://[::1]/ http://[::]/
            http://[fe80::1]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/
            http://[0:0:0:0:0:ffff:7f00:1]/ http://[64:ff9b::7f00:1]/",
    ),
    (
        "metadata_address",
        "
            http://[fd00:ec2::254]/ http://169.254.169.254/ http://168.63.129.16/",
    ),
    (
        "noncanonical_host",
        "
            http://2130706433/ http://0x7f.1/ http://0177.0.0.1/ http://127.1/
            http://0x7f000001/ http://017700000001/ http://127.0.0.1./ http://127.0.1/ http://0/
            http://１２７.0.0.1/ http://①②⑦.0.0.1/ http://127。0。0。1/ http://010.8.8.8/
            http://0xa.8.8.8/ https://[2606:4700:0:0:0:0:0:1111]/ https://[2606:4700::0001]/
            https://example.com./ https://localhost./",
    ),
    (
        "invalid_url",
        "
            http://008.8.8.8/ https://example.com../ http://256.1.1.1/ http://1.2.3.4.5/
            http://example.123/ http://4294967296/ http://%31%32%37.0.0.1/
            https://exa%6dple.com/ http://[::1/ http://::1/ http://[fe80::1%25eth0]/
            http://[127.0.0.1]/ http://[::1]x/ http://[]/ example.com/hook example.com:8080/hook
            localhost:3000 //example.com/ /hook https:example.com https:/example.com
            https:///example.com https:// ://example.com https://example.com:/
            https://example.com:0443/ https://example.com:65536/ https://example.com:+443/
            https://example.com:80:80/ https://example.com:a/ https://:443/
            https://a..example.com/ https://-a.example.com/ https://a-.example.com/
            https://exa<mple.com/ https://exa*mple.com/ https://.example.com/",
    ),
    (
        "scheme_not_allowed",
        "
            ftp://example.com file:///etc/passwd gopher://example.com/ ws://example.com/
            mailto:a@example.com javascript:alert data:,x",
    ),
    (
        "credentials_in_url",
        "
            https://u:p@example.com/ https://u@example.com/ https://@example.com/
            https://example.com@127.0.0.1/",
    ),
    (
        "fragment_in_url",
        "
            https://example.com/#x https://example.com#",
    ),
    (
        "port_not_allowed",
        "
            https://example.com:25/ https://example.com:0/ https://example.com:6667/
            http://example.com:22/",
    ),
    (
        "name_not_allowed",
        "
            https://intranet/ https://notlocalhost/",
    ),
    (
        "address_not_public",
        "
            http://localhost:8080/ http://LOCALHOST/ https://a.localhost/",
    ),
];

#[test]
fn urls_are_judged_by_their_text() {
    for (expected, urls) in VERDICTS {
        for text in urls.split(&[' ', '\n']).filter(|text| !text.is_empty()) {
            assert_eq!(url(text, &[]), expected, "{text:?}");
        }
    }
}

#[test]
fn urls_with_odd_characters_are_judged() {
    for (text, expected) in [
        ("", "invalid_url"),
        ("https://example.com/a b", "invalid_url"),
        ("https://example.com/a\tb", "invalid_url"),
        ("https://example.com/a\nb", "invalid_url"),
        (" https://example.com/", "invalid_url"),
        ("https://example.com/\u{0}", "invalid_url"),
        ("https://example.com/\u{7f}", "invalid_url"),
        ("https://example.com/\u{a0}", "invalid_url"),
        ("ht\ntps://example.com/", "invalid_url"),
        ("https:\\\\example.com/", "invalid_url"),
        ("https://example.com\\@127.0.0.1/", "invalid_url"),
        (
            "https://example.com\u{2044}@127.0.0.1/",
            "credentials_in_url",
        ),
        ("https://ex\u{ad}ample.com/", "ok"),
    ] {
        assert_eq!(url(text, &[]), expected, "{text:?}");
    }
}

#[test]
fn long_urls_are_refused_as_written_and_as_sent() {
    let long = format!("https://example.com/{}", "a".repeat(URL_BYTES - 20));
    let escaped = format!("https://example.com/{}", "é".repeat(900));
    for (text, expected) in [
        (&long, "ok"),
        (&format!("{long}a"), "too_long"),
        (&escaped, "too_long"),
    ] {
        assert_eq!(url(text, &[]), expected);
    }
}

#[test]
fn settings_open_names_addresses_and_close_http() {
    let half = &["127.0.0.0/8"];
    assert_eq!(url("http://localhost:8080/", half), "address_not_public");
    let both = &["127.0.0.0/8", "::1/128"];
    assert_eq!(url("http://localhost:8080/", both), "ok");
    assert_eq!(url("https://intranet/", &["10.0.0.0/8"]), "ok");
    assert_eq!(
        url("http://127.0.0.1:9/", &["127.0.0.1/32"]),
        "port_not_allowed"
    );
    assert_eq!(url("http://127.0.0.1:9000/", &["127.0.0.1/32"]), "ok");
    assert_eq!(url("http://[::1]:9000/", &["::1"]), "ok");
    assert_eq!(
        url("http://2130706433/", &["0.0.0.0/0"]),
        "noncanonical_host"
    );
    assert_eq!(
        url("http://[::ffff:127.0.0.1]/", &["127.0.0.0/8", "::/0"]),
        "address_not_public"
    );
    let strict = EgressRules {
        allow_http: false,
        ..EgressRules::default()
    };
    assert_eq!(
        TargetUrl::parse("http://example.com/", &strict),
        Err(UrlError::Refused(Refusal::HttpClosed))
    );
    assert!(TargetUrl::parse("https://example.com/", &strict).is_ok());
}

#[test]
fn url_errors_say_what_to_write() {
    let check = |text: &str, message: &str| {
        let error = TargetUrl::parse(text, &EgressRules::default()).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    };
    check(
        "http://127.0.0.1/x",
        r#"127.0.0.1 is a loopback address. To allow it set egress.allow = ["127.0.0.1/32"]."#,
    );
    check(
        "http://localhost/",
        r#"127.0.0.1 is a loopback address. To allow it and what else the name leads to, set egress.allow = ["127.0.0.1/32", "::1/128"]."#,
    );
    check(
        "http://169.254.169.254/",
        "169.254.169.254 is a cloud metadata address. Only an entry with exactly this address opens it (egress.allow).",
    );
    check("http://2130706433/", "Write this address as 127.0.0.1.");
    check("https://example.com./", "Write this name as example.com.");
    check(
        "ftp://example.com",
        "Use https:// (http:// when the operator allows it).",
    );
    check(
        "example.com/hook",
        "The scheme is missing. Did you mean https://example.com/hook?",
    );
    check(
        "//example.com/hook",
        "The scheme is missing. Did you mean https://example.com/hook?",
    );
    check(
        &format!("example.com/{}", "a".repeat(99)),
        "The scheme is missing. Did you mean https://…?",
    );
    check(
        "https://u:p@example.com/",
        "Put credentials in a header: headers.authorization.",
    );
    check(
        "https://example.com/#x",
        "The part after # is never sent; remove it.",
    );
    check(
        "https://example.com:25/",
        "Port 25 is not allowed; 80, 443, or 1024 and above less the Fetch standard's blocked ports.",
    );
    check(
        "https://example.com/ x",
        "Control character or space at position 21.",
    );
    check(&"x".repeat(2049), "At most 2,048 bytes.");
    check(
        "http://[::ffff:127.0.0.1]/",
        "::ffff:127.0.0.1 stands for an IPv4 address (IPv4-mapped). Use the IPv4 address itself.",
    );
}

#[test]
fn a_target_answers_what_the_sender_needs() {
    let cases = "
        https://Example.com              https://example.com/            443  example.com           /
        https://example.com:443/a?b=c    https://example.com/a?b=c       443  example.com           /a?b=c
        http://example.com:8080?b        http://example.com:8080/?b      8080 example.com:8080      /?b
        http://[::1]:81/é                http://[::1]:81/%C3%A9          81   [::1]:81              /%C3%A9
        http://10.1.2.3/x                http://10.1.2.3/x               80   10.1.2.3              /x
        https://bücher.example/          https://xn--bcher-kva.example/  443  xn--bcher-kva.example /";
    for line in cases.lines().skip(1) {
        let [text, whole, port, authority, path] = line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        let target = TargetUrl::from_stored(text).unwrap();
        assert_eq!(target.as_str(), whole);
        assert!(
            whole.starts_with(&format!("{}://", target.scheme().as_str())),
            "{text}"
        );
        assert_eq!(target.port().to_string(), port, "{text}");
        assert_eq!(
            (target.authority(), target.path_and_query()),
            (authority, path)
        );
        let again = TargetUrl::from_stored(target.as_str()).unwrap();
        assert_eq!(again, target, "what is stored is read back");
    }
}

#[test]
fn targets_of_one_server_share_an_origin() {
    let read = |text| TargetUrl::from_stored(text).unwrap();
    let (a, b) = (
        read("https://EXAMPLE.com/a"),
        read("https://example.com:443/b"),
    );
    assert_eq!(a.origin(), b.origin());
    assert_eq!(*a.host(), Host::Name("example.com".into()));
    assert_ne!(a.origin(), read("http://example.com:443/").origin());
}

#[test]
fn s17_paths_and_queries_are_not_printed() {
    let target = TargetUrl::from_stored("https://example.com/token?key=token").unwrap();
    assert_eq!(format!("{target:?}"), "TargetUrl(https://example.com/…)");
    let refused = TargetUrl::from_stored("https://u:p@example.com/");
    assert_eq!(refused, Err(UrlError::Credentials));
}

#[test]
fn s2_wide_entries_open_no_metadata_url() {
    let wide = ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00::/8"];
    for text in [
        "http://169.254.169.254/",
        "http://168.63.129.16/",
        "http://[fd00:ec2::254]/",
    ] {
        assert_eq!(url(text, &wide), "metadata_address");
    }
    assert_eq!(
        url("http://169.254.169.254/", &["169.254.169.254/32"]),
        "ok"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_or_passes_unread(text in "(https?://)?[-a-z0-9.:/?#@%\\[\\]\\\\ é]{0,40}") {
        if let Ok(target) = TargetUrl::parse(&text, &EgressRules::default()) {
            prop_assert_eq!(TargetUrl::from_stored(target.as_str()).unwrap(), target);
        }
    }
}
