//! Target URLs and the rules of addresses.

use crate::blocks::Registry;
use std::net::IpAddr;
use std::sync::LazyLock;
use tidings_core::address::{Cidr, EgressRules, Host, Scheme, TargetUrl};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::read);

/// The verdict on an address is that of a second classifier, under opened blocks that the input makes up.
///
/// The input: 17 bytes for the address (kind and value), then 17 for each of up to four blocks (length and value).
pub fn address(mut data: &[u8]) {
    let ip = read_ip(&mut data);
    let mut rules = EgressRules::default();
    let mut opened = Vec::new();
    while !data.is_empty() && opened.len() < 4 {
        let length = u32::from(crate::byte(&mut data));
        let (bits, number) = match read_ip(&mut data) {
            IpAddr::V4(v4) => (32, u128::from(u32::from_be_bytes(v4.octets()))),
            IpAddr::V6(v6) => (128, u128::from_be_bytes(v6.octets())),
        };
        let length = length % (bits + 1);
        let rest = u128::MAX.checked_shr(128 - bits + length).unwrap_or(0);
        let (first, last) = (
            of_number(bits, number & !rest),
            of_number(bits, number | rest),
        );
        let text = format!("{first}/{length}");
        let block: Cidr = text.parse().expect("a block without host bits");
        assert_eq!(block.to_string(), text);
        assert!(block.contains(first) && block.contains(last));
        rules.allow.push(block);
        opened.push((first, last));
    }
    let verdict = rules.vet_address(ip);
    let code = verdict
        .as_ref()
        .map_or_else(|refusal| refusal.code(), |()| "ok");
    assert_eq!(
        code,
        REGISTRY.code(ip, &opened),
        "{ip} with {:?}",
        rules.allow
    );
}

fn read_ip(data: &mut &[u8]) -> IpAddr {
    let is_ipv4 = crate::byte(data).is_multiple_of(2);
    let mut octets = [0; 16];
    let given = crate::cut(data, 16);
    octets[16 - given.len()..].copy_from_slice(given);
    of_number(if is_ipv4 { 32 } else { 128 }, u128::from_be_bytes(octets))
}

fn of_number(bits: u32, number: u128) -> IpAddr {
    match bits {
        32 => IpAddr::from((number as u32).to_be_bytes()),
        _ => IpAddr::from(number.to_be_bytes()),
    }
}

/// What is taken as a target reads back as itself, has no part that a URL of ours must not have, is what the URL
/// standard reads, and passes the egress rules; what is refused gets words of limited length.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let closed = EgressRules::default();
    let open = EgressRules {
        allow: vec![
            "0.0.0.0/0".parse().expect("a block"),
            "::/0".parse().expect("a block"),
        ],
        ..EgressRules::default()
    };
    if let Err(error) = TargetUrl::parse(text, &closed) {
        let words = error.to_string();
        assert!(!error.code().is_empty() && !words.is_empty());
        assert!(words.len() < 1_024, "{words}");
    }
    if let Ok(block) = text.parse::<Cidr>() {
        assert_eq!(block.to_string().parse(), Ok(block), "{text}");
    }
    let Ok(target) = TargetUrl::from_stored(text) else {
        assert!(TargetUrl::parse(text, &open).is_err(), "{text}");
        return;
    };
    let printed = target.as_str();
    assert_eq!(
        TargetUrl::from_stored(printed).as_ref(),
        Ok(&target),
        "{text}"
    );
    assert!(
        printed.is_ascii() && !printed.contains(['#', '\\', ' ']),
        "{printed}"
    );
    let scheme = target.scheme().as_str();
    let whole = format!(
        "{scheme}://{}{}",
        target.authority(),
        target.path_and_query()
    );
    assert_eq!(printed, whole);
    assert!(target.path_and_query().starts_with('/'), "{printed}");
    assert!(!target.authority().contains('@'), "{printed}");
    let default = if target.scheme() == Scheme::Http {
        80
    } else {
        443
    };
    let authority = match target.port() {
        port if port == default => target.host().to_string(),
        port => format!("{}:{port}", target.host()),
    };
    // The URL standard writes `::ffff:127.0.0.1` otherwise than Rust; no rule ever opens it.
    if !matches!(target.host(), Host::Ip(ip) if ip.to_canonical() != *ip) {
        assert_eq!(target.authority(), authority);
    }
    target
        .authority()
        .parse::<http::uri::Authority>()
        .expect("an authority that can be sent");
    target
        .path_and_query()
        .parse::<http::uri::PathAndQuery>()
        .expect("a path that can be sent");
    http::HeaderValue::from_str(target.authority()).expect("a Host header");
    judge(text, &target, &closed);
    judge(text, &target, &open);
}

/// Entering a URL and sending to it give one verdict, but for an odd spelling of an IPv6 address.
fn judge(text: &str, target: &TargetUrl, rules: &EgressRules) {
    let entered = TargetUrl::parse(text, rules);
    let sent = target.origin().vet(rules);
    match (entered, sent) {
        (Ok(taken), Ok(())) => {
            assert_eq!(taken, *target);
            if let Host::Ip(ip) = taken.host() {
                assert_eq!(rules.vet_address(*ip), Ok(()));
                assert!(
                    text.to_ascii_lowercase()
                        .contains(&taken.host().to_string()),
                    "{text}"
                );
            }
        }
        (Err(entered), Ok(())) => {
            assert_eq!(entered.code(), "noncanonical_host", "{text}");
            assert!(matches!(target.host(), Host::Ip(IpAddr::V6(_))), "{text}");
        }
        (Err(entered), Err(sent)) => assert_eq!(entered, sent, "{text}"),
        (Ok(_), Err(sent)) => panic!("{text} is taken, but not sent to: {sent}"),
    }
}
