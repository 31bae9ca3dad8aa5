//! Verdicts on addresses, ports and blocks (S1, S2), as tables of cases.
//! Those on URLs are in `core/tests/target_url.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn rules(allow: &[&str]) -> EgressRules {
    let allow = allow.iter().map(|block| block.parse().unwrap()).collect();
    EgressRules {
        allow,
        ..EgressRules::default()
    }
}

/// The code of the verdict on an address.
fn address(ip: &str, allow: &[&str]) -> &'static str {
    match rules(allow).vet_address(ip.parse().unwrap()) {
        Ok(()) => "ok",
        Err(refusal) => refusal.code(),
    }
}

#[test]
fn s1_only_public_addresses_are_dialled() {
    let public = "
        1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
        128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255
        192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255
        198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2606:4700::1111 2a00::1
        2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1 2003::1 3ffe:ffff::1
        3fff:1000::1 2620:4f:7fff::1 2620:4f:8001::1";
    for ip in public.split_whitespace() {
        assert_eq!(address(ip, &[]), "ok", "{ip}");
    }
    let closed = "
        0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1
        127.255.255.255 169.254.0.1 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.1
        192.0.0.9 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.0
        192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1
        224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255 :: ::1 ::2
        ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
        64:ff9b::808:808 64:ff9b:1::1 100::1 100:0:0:1::1 1fff:ffff::1 2001::1
        2001:0:53aa:64c::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1
        2002:7f00:1:: 2002:808:808::1 2620:4f:8000::1 2a00::5efe:7f00:1 2a00::200:5efe:7f00:1
        3fff::1 3fff:fff:ffff::1 4000::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 febf::1
        ff02::1 ff0e::1 ffff::1";
    for ip in closed.split_whitespace() {
        assert_eq!(address(ip, &[]), "address_not_public", "{ip}");
    }
}

#[test]
fn s1_an_entry_opens_its_block_and_no_more() {
    for (ip, allow, expected) in [
        ("127.0.0.1", "127.0.0.1/32", "ok"),
        ("127.0.0.2", "127.0.0.1/32", "address_not_public"),
        ("10.1.2.255", "10.1.2.0/24", "ok"),
        ("10.1.3.0", "10.1.2.0/24", "address_not_public"),
        ("10.1.2.3", "0.0.0.0/0", "ok"),
        ("::1", "0.0.0.0/0", "address_not_public"),
        ("::1", "::1", "ok"),
        ("fd12::1", "fd00::/8", "ok"),
        ("10.1.2.3", "::/0", "address_not_public"),
        // What stands for an IPv4 address stays closed, lest a wide entry open something else.
        ("::ffff:127.0.0.1", "::/0", "address_not_public"),
        ("::ffff:127.0.0.1", "127.0.0.0/8", "address_not_public"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::/96", "address_not_public"),
        ("2002:a9fe:a9fe::1", "2002::/16", "address_not_public"),
    ] {
        assert_eq!(address(ip, &[allow]), expected, "{ip} with {allow}");
    }
    let refusal = rules(&[])
        .vet_address("127.0.0.1".parse().unwrap())
        .unwrap_err();
    let taught =
        r#"127.0.0.1 is a loopback address. To allow it set egress.allow = ["127.0.0.1/32"]."#;
    assert_eq!(refusal.to_string(), taught);
    let refusal = rules(&[])
        .vet_address("fd12::1".parse().unwrap())
        .unwrap_err();
    assert!(
        refusal
            .to_string()
            .ends_with(r#"egress.allow = ["fd12::1/128"]."#),
        "{refusal}"
    );
}

#[test]
fn s3_a_refused_name_teaches_every_entry_that_is_missing() {
    for (ips, allow, words) in [
        (
            "8.8.8.8 10.0.0.7",
            &[][..],
            r#"10.0.0.7 is a private address. To allow it set egress.allow = ["10.0.0.7/32"]."#,
        ),
        (
            "127.0.0.1 ::1",
            &["127.0.0.0/8"],
            r#"::1 is a loopback address. To allow it add "::1/128" to egress.allow."#,
        ),
        (
            "10.0.0.1 ::1 10.0.0.1",
            &["10.1.0.0/16"],
            r#"10.0.0.1 is a private address. To allow it and what else the name leads to, add "10.0.0.1/32", "::1/128" to egress.allow."#,
        ),
        (
            "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5",
            &[],
            r#"10.0.0.1 is a private address. To allow it and what else the name leads to, set egress.allow = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32", "10.0.0.4/32", …]."#,
        ),
        (
            "10.0.0.1 169.254.169.254",
            &[],
            "169.254.169.254 is a cloud metadata address. Only an entry with exactly this address opens it (egress.allow).",
        ),
    ] {
        let ips: Vec<IpAddr> = ips.split(' ').map(|ip| ip.parse().unwrap()).collect();
        let refusal = rules(allow).vet_addresses(&ips).unwrap_err();
        assert_eq!(refusal.to_string(), words);
    }
    let both = rules(&["127.0.0.0/8", "::1"]);
    let localhost = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    assert_eq!(both.vet_addresses(&localhost), Ok(()));
}

#[test]
fn s2_metadata_addresses_open_one_by_one_only() {
    let metadata = [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.0.23",
        "169.254.42.42",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
    ];
    let wide = [
        "0.0.0.0/0",
        "::/0",
        "169.254.0.0/16",
        "fd00::/8",
        "168.63.129.16/31",
        "100.64.0.0/10",
        "192.0.0.0/24",
    ];
    for ip in metadata {
        assert_eq!(address(ip, &[]), "metadata_address", "{ip}");
        assert_eq!(address(ip, &wide), "metadata_address", "{ip}");
        assert_eq!(address(ip, &[ip]), "ok", "{ip}");
        assert_eq!(rules(&[wide[0], ip]).opened_metadata().count(), 1);
    }
}

#[test]
fn ports_of_other_protocols_are_closed() {
    let rules = EgressRules {
        closed_ports: vec![9000, 443],
        ..EgressRules::default()
    };
    for port in [80, 1024, 3000, 8080, 8443, 10079, 65535] {
        assert_eq!(rules.vet_port(port), Ok(()), "{port}");
    }
    let blocked = [
        1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
        6669, 6679, 6697, 10080,
    ];
    for port in [0, 1, 22, 25, 79, 81, 442, 444, 1023]
        .into_iter()
        .chain(blocked)
    {
        assert_eq!(
            rules.vet_port(port),
            Err(Refusal::PortNotAllowed { port }),
            "{port}"
        );
    }
    for port in [443, 9000] {
        assert_eq!(
            rules.vet_port(port),
            Err(Refusal::PortClosed { port }),
            "{port}"
        );
    }
}

#[test]
fn blocks_are_read_strictly() {
    let check = |text: &str, expected: &str| {
        let read = text
            .parse::<Cidr>()
            .map_or_else(|error| error.to_string(), |block| block.to_string());
        assert_eq!(read, expected, "{text}");
    };
    for good in [
        "10.1.2.0/24",
        "0.0.0.0/0",
        "127.0.0.1/32",
        "::/0",
        "fd00:1::/64",
        "::1/128",
    ] {
        check(good, good);
    }
    check("127.0.0.1", "127.0.0.1/32");
    check("::1", "::1/128");
    check(
        "10.1.2.0/33",
        "/33 is too long: at most /32 for this kind of address",
    );
    check(
        "10.1.2.0/999",
        "/999 is too long: at most /32 for this kind of address",
    );
    check(
        "fd00::/129",
        "/129 is too long: at most /128 for this kind of address",
    );
    check(
        "10.1.2.3/24",
        "10.1.2.3/24 has host bits set: did you mean 10.1.2.0/24?",
    );
    check(
        "fd00::1/64",
        "fd00::1/64 has host bits set: did you mean fd00::/64?",
    );
    let odd = [
        "",
        "/",
        "/8",
        "10.1.2.0/",
        "10.1.2.0/+8",
        "10.1.2.0/08",
        "10.1.2/24",
        "010.1.2.0/24",
        "a/8",
        "10.0.0.0/8/8",
        "[::1]/128",
        " ::1",
        "10.0.0.0/99999",
    ];
    for odd in odd {
        assert_eq!(odd.parse::<Cidr>(), Err(CidrError::Unreadable), "{odd}");
    }
}

/// A second classifier, of bits rather than blocks.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(matches!(a, 0 | 10 | 127 | 224..)
                || (a == 100 && b & 0xC0 == 64)
                || (a == 169 && b == 254)
                || (a == 172 && b & 0xF0 == 16)
                || (a == 198 && b & 0xFE == 18)
                || matches!(
                    (a, b, c),
                    (192, 168, _)
                        | (192, 0, 0 | 2)
                        | (192, 31, 196)
                        | (192, 52, 193)
                        | (192, 88, 99)
                )
                || matches!((a, b, c), (192, 175, 48) | (198, 51, 100) | (203, 0, 113))
                || v4 == Ipv4Addr::new(168, 63, 129, 16))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, _, e, f, ..] = v6.segments();
            (0x2000..0x4000).contains(&a)
                && !(matches!(
                    (a, b),
                    (0x2001, 0..0x200 | 0xdb8) | (0x2002, _) | (0x3fff, 0..0x1000)
                ))
                && (a, b, c) != (0x2620, 0x4f, 0x8000)
                && !matches!((e, f), (0 | 0x200, 0x5efe))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s1_random_addresses_agree_with_a_second_classifier(bits in any::<u32>(), high in prop::sample::select(&[0_u32, 0x64ff9b, 0x2001_0000, 0x2001_0db8, 0x2620_004f, 0x3fff_0000, 0x2a00_0000, 0xfd00_0ec2][..]), low in any::<u128>(), keep in 0..96_u32) {
        let v4 = IpAddr::V4(Ipv4Addr::from_bits(bits));
        prop_assert_eq!(rules(&[]).vet_address(v4).is_ok(), is_public(v4), "{}", v4);
        let v6 = IpAddr::V6(Ipv6Addr::from_bits((u128::from(high) << 96) ^ (low >> keep)));
        prop_assert_eq!(rules(&[]).vet_address(v6).is_ok(), is_public(v6), "{}", v6);
    }
}

#[test]
fn s1_nat64_is_taken_for_what_it_stands_for_only_where_it_is_said() {
    let closed = EgressRules::default();
    let open = EgressRules {
        nat64: true,
        ..EgressRules::default()
    };
    for (text, code) in [
        ("64:ff9b::8.8.8.8", None),
        ("64:ff9b::10.0.0.1", Some("address_not_public")),
        ("64:ff9b::127.0.0.1", Some("address_not_public")),
        ("64:ff9b::169.254.169.254", Some("metadata_address")),
        ("64:ff9b::168.63.129.16", Some("metadata_address")),
        ("64:ff9b:1::8.8.8.8", Some("address_not_public")),
        ("::ffff:8.8.8.8", Some("address_not_public")),
    ] {
        let ip: IpAddr = text.parse().unwrap();
        let verdict = open.vet_address(ip).err().map(|refusal| refusal.code());
        assert_eq!(verdict, code, "{text}");
        assert!(closed.vet_address(ip).is_err(), "{text}");
    }
}
