//! Who asks, when a proxy stands between: the last address that no trusted proxy wrote about itself.
//!
//! `X-Forwarded-For` can be written by anybody. It is read from its end, and only as long as who wrote it is trusted; so the
//! answer is an address that a trusted proxy saw, or the proxy's own. Deliberately absent: limits by that address, since
//! connections are counted by who opens them (and those of trusted proxies have no limit of their own).

use http::{HeaderMap, HeaderName};
use std::net::IpAddr;
use tidings_core::address::Cidr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Proxies behind each other, at most.
const HOPS: usize = 8;

/// Whether what this address says about others is believed.
pub(super) fn is_trusted(address: IpAddr, trusted: &[Cidr]) -> bool {
    trusted.iter().any(|cidr| cidr.contains(address))
}

/// The address a request comes from, as far as it can be believed.
pub(super) fn asker(headers: &HeaderMap, peer: IpAddr, trusted: &[Cidr]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let lines = headers.get_all(FORWARDED_FOR);
    let written: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .collect();
    let mut asker = peer;
    for text in written.into_iter().rev().take(HOPS) {
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            break;
        };
        asker = address.to_canonical();
        if !is_trusted(asker, trusted) {
            break;
        }
    }
    asker
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let trusted: Vec<Cidr> = ["10.0.0.0/8", "::1/128"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for (peer, lines, wanted) in [
            ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("::1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, evil"], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            let found = asker(&headers, peer.parse().unwrap(), &trusted);
            assert_eq!(found, wanted.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }
}
