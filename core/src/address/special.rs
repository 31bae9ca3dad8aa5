//! What the numbers of an address say about it: the special-purpose blocks of the IANA registries (as of 2025),
//! the addresses of cloud metadata services, and the IPv6 addresses that carry an IPv4 one.
//!
//! Invariant: [`special`] answers for every address that is not ordinary public unicast, known or not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cidr::Cidr;

/// What to call a block, and the block.
type Named = (Cidr, &'static str);

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, multicast and class E; the narrower block first.
const SPECIAL_V4: [Named; 20] = [
    (Cidr::v4([0, 0, 0, 0], 32), "an unspecified address"),
    (Cidr::v4([0, 0, 0, 0], 8), "a this-network address"),
    (Cidr::v4([10, 0, 0, 0], 8), "a private address"),
    (
        Cidr::v4([100, 64, 0, 0], 10),
        "a shared (carrier NAT) address",
    ),
    (Cidr::v4([127, 0, 0, 0], 8), "a loopback address"),
    (Cidr::v4([169, 254, 0, 0], 16), "a link-local address"),
    (Cidr::v4([172, 16, 0, 0], 12), "a private address"),
    (
        Cidr::v4([192, 0, 0, 0], 24),
        "a protocol-assignment address",
    ),
    (Cidr::v4([192, 0, 2, 0], 24), "a documentation address"),
    (Cidr::v4([192, 31, 196, 0], 24), "an AS112 address"),
    (Cidr::v4([192, 52, 193, 0], 24), "an AMT relay address"),
    (Cidr::v4([192, 88, 99, 0], 24), "a 6to4 relay address"),
    (Cidr::v4([192, 168, 0, 0], 16), "a private address"),
    (Cidr::v4([192, 175, 48, 0], 24), "an AS112 address"),
    (Cidr::v4([198, 18, 0, 0], 15), "a benchmarking address"),
    (Cidr::v4([198, 51, 100, 0], 24), "a documentation address"),
    (Cidr::v4([203, 0, 113, 0], 24), "a documentation address"),
    (Cidr::v4([224, 0, 0, 0], 4), "a multicast address"),
    (Cidr::v4([255, 255, 255, 255], 32), "the broadcast address"),
    (Cidr::v4([240, 0, 0, 0], 4), "a reserved address"),
];

/// Inside 2000::/3: <https://www.iana.org/assignments/iana-ipv6-special-registry>.
const SPECIAL_V6: [Named; 4] = [
    (
        Cidr::v6([0x2001, 0, 0, 0], 23),
        "a protocol-assignment address",
    ),
    (
        Cidr::v6([0x2001, 0xdb8, 0, 0], 32),
        "a documentation address",
    ),
    (Cidr::v6([0x2620, 0x4f, 0x8000, 0], 48), "an AS112 address"),
    (Cidr::v6([0x3fff, 0, 0, 0], 20), "a documentation address"),
];

/// All that is ordinary in IPv6 lies in here.
const GLOBAL_UNICAST: Cidr = Cidr::v6([0x2000, 0, 0, 0], 3);

/// Outside 2000::/3 everything is refused; these have names.
const OUTSIDE_V6: [Named; 5] = [
    (
        Cidr::v6([0xfc00, 0, 0, 0], 7),
        "a unique-local (private) address",
    ),
    (Cidr::v6([0xfe80, 0, 0, 0], 10), "a link-local address"),
    (
        Cidr::v6([0xfec0, 0, 0, 0], 10),
        "a site-local (private) address",
    ),
    (Cidr::v6([0xff00, 0, 0, 0], 8), "a multicast address"),
    (Cidr::v6([0x100, 0, 0, 0], 64), "a discard-only address"),
];

/// Where clouds hand out credentials and settings to their machines (S2).
const METADATA: [IpAddr; 13] = [
    // AWS, Google Cloud, Azure, Oracle, DigitalOcean, Hetzner and more.
    v4([169, 254, 169, 254]),
    // AWS: containers (ECS), pods (EKS).
    v4([169, 254, 170, 2]),
    v4([169, 254, 170, 23]),
    // Tencent, Scaleway.
    v4([169, 254, 0, 23]),
    v4([169, 254, 42, 42]),
    // Azure WireServer, a public address.
    v4([168, 63, 129, 16]),
    // Alibaba, Oracle Classic.
    v4([100, 100, 100, 200]),
    v4([192, 0, 0, 192]),
    // AWS: machines, pods.
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]),
    // Google Cloud, Oracle, Scaleway.
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]),
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]),
];

const fn v4(octets: [u8; 4]) -> IpAddr {
    let [a, b, c, d] = octets;
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(segments: [u16; 8]) -> IpAddr {
    let [a, b, c, d, e, f, g, h] = segments;
    IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
}

/// Whether a cloud's metadata service lives at this address.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address)
}

/// What the address is, if it is anything but ordinary public unicast.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    let named = |table: &[Named]| {
        table
            .iter()
            .find(|(block, _)| block.contains(address))
            .map(|(_, name)| *name)
    };
    match address {
        IpAddr::V4(_) => named(&SPECIAL_V4),
        IpAddr::V6(_) if GLOBAL_UNICAST.contains(address) => named(&SPECIAL_V6),
        IpAddr::V6(v6) if v6.is_loopback() => Some("a loopback address"),
        IpAddr::V6(v6) if v6.is_unspecified() => Some("an unspecified address"),
        IpAddr::V6(_) => Some(named(&OUTSIDE_V6).unwrap_or("not a public unicast address")),
    }
}

/// The IPv4 address in one with the well-known prefix of NAT64.
pub(super) fn nat64(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

/// What form the address has, if it is one that carries an IPv4 address to which something on the way may turn.
pub(super) fn carrier(address: IpAddr) -> Option<&'static str> {
    let IpAddr::V6(v6) = address else { return None };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, _, _] => Some("IPv4-compatible"),
        [0, 0, 0, 0, 0, 0xffff, _, _] => Some("IPv4-mapped"),
        [0, 0, 0, 0, 0xffff, 0, _, _] => Some("IPv4-translated"),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0x64, 0xff9b, 1, ..] => Some("NAT64"),
        [0x2001, 0, ..] => Some("Teredo"),
        [0x2002, ..] => Some("6to4"),
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => Some("ISATAP"),
        _ => None,
    }
}
