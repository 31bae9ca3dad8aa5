//! A second opinion on addresses: the texts of the registries, read into sorted ranges and searched by halves.
//!
//! Written without a look at the table of the product, on purpose in another shape: lines of text instead of constants,
//! numbers instead of masks, the innermost block of a registry instead of the first that fits. Assumed: the IANA
//! special-purpose registries as they stood in 2025 (IPv6 with 100:0:0:1::/64 of RFC 9780, 3fff::/20 of RFC 9637 and 5f00::/16
//! of RFC 9602), the multicast and reserved spaces, 2000::/3 as all of global unicast. Blocks that a registry calls
//! globally reachable but that belong to a protocol (anycast services, AMT, AS112, ORCHID) count as closed: no receiver of
//! webhooks lives there.

use std::net::IpAddr;

/// What an address is, before any setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary: anybody's server may live there.
    Public,
    /// Not public.
    Special,
    /// It stands for an IPv4 address.
    Carrier,
    /// Credentials of a cloud.
    Metadata,
}

/// IPv4: everything is public but these.
const FOUR: &str = "
    0.0.0.0/0            public   the rest
    0.0.0.0/8            special  this network
    0.0.0.0/32           special  this host
    10.0.0.0/8           special  private use
    100.64.0.0/10        special  shared address space
    100.100.100.200/32   metadata Alibaba
    127.0.0.0/8          special  loopback
    168.63.129.16/32     metadata Azure
    169.254.0.0/16       special  link local
    169.254.0.23/32      metadata Tencent
    169.254.42.42/32     metadata Scaleway
    169.254.169.254/32   metadata most of them
    169.254.170.2/32     metadata AWS, containers
    169.254.170.23/32    metadata AWS, pods
    172.16.0.0/12        special  private use
    192.0.0.0/24         special  protocol assignments
    192.0.0.0/29         special  service continuity
    192.0.0.8/32         special  dummy address
    192.0.0.9/32         special  port control anycast
    192.0.0.10/32        special  TURN anycast
    192.0.0.170/32       special  NAT64 discovery
    192.0.0.171/32       special  NAT64 discovery
    192.0.0.192/32       metadata Oracle Classic
    192.0.2.0/24         special  documentation 1
    192.31.196.0/24      special  AS112
    192.52.193.0/24      special  AMT
    192.88.99.0/24       special  6to4 relay anycast, deprecated
    192.88.99.2/32       special  6a44 relay anycast
    192.168.0.0/16       special  private use
    192.175.48.0/24      special  direct delegation AS112
    198.18.0.0/15        special  benchmarking
    198.51.100.0/24      special  documentation 2
    203.0.113.0/24       special  documentation 3
    224.0.0.0/4          special  multicast
    240.0.0.0/4          special  reserved
    255.255.255.255/32   special  limited broadcast";

/// IPv6: nothing is public but what lies in 2000::/3 and not in these.
const SIX: &str = "
    ::/0                      special  the rest
    2000::/3                  public   global unicast
    ::/96                     carrier  IPv4-compatible
    ::/128                    special  unspecified
    ::1/128                   special  loopback
    ::ffff:0:0/96             carrier  IPv4-mapped
    ::ffff:0:0:0/96           carrier  IPv4-translated
    64:ff9b::/96              carrier  translation
    64:ff9b:1::/48            carrier  local translation
    100::/64                  special  discard only
    100:0:0:1::/64            special  dummy prefix
    2001::/23                 special  protocol assignments
    2001::/32                 carrier  Teredo
    2001:1::1/128             special  port control anycast
    2001:1::2/128             special  TURN anycast
    2001:1::3/128             special  service registration anycast
    2001:2::/48               special  benchmarking
    2001:3::/32               special  AMT
    2001:4:112::/48           special  AS112
    2001:10::/28              special  ORCHID, deprecated
    2001:20::/28              special  ORCHID 2
    2001:30::/28              special  drone remote ids
    2001:db8::/32             special  documentation
    2002::/16                 carrier  6to4
    2620:4f:8000::/48         special  direct delegation AS112
    3fff::/20                 special  documentation
    5f00::/16                 special  segment routing
    fc00::/7                  special  unique local
    fd00:42::42/128           metadata Scaleway
    fd00:c1::a9fe:a9fe/128    metadata Oracle
    fd00:ec2::23/128          metadata AWS, pods
    fd00:ec2::254/128         metadata AWS
    fd20:ce::254/128          metadata Google
    fe80::/10                 special  link local
    fec0::/10                 special  site local, deprecated
    ff00::/8                  special  multicast";

/// Both kinds of address as numbers, with where each kind of space begins; the last beginning at or below an
/// address says what it is.
pub struct Registry {
    four: Vec<(u128, Kind)>,
    six: Vec<(u128, Kind)>,
}

impl Registry {
    /// Reads the texts.
    pub fn read() -> Self {
        Self {
            four: beginnings(FOUR, 32),
            six: beginnings(SIX, 128),
        }
    }

    /// What an address is.
    pub fn kind(&self, ip: IpAddr) -> Kind {
        let (space, number) = match ip {
            IpAddr::V4(v4) => (&self.four, u128::from(u32::from_be_bytes(v4.octets()))),
            IpAddr::V6(v6) => (&self.six, u128::from_be_bytes(v6.octets())),
        };
        let above = space.partition_point(|(first, _)| *first <= number);
        let kind = above
            .checked_sub(1)
            .and_then(|at| space.get(at))
            .map_or(Kind::Special, |(_, kind)| *kind);
        // ISATAP is no block: its sign stands in the lower half of the address (RFC 5214, 6.1).
        let isatap = ip.is_ipv6() && (number >> 32) as u32 & 0xfdff_ffff == 0x5efe;
        if isatap { Kind::Carrier } else { kind }
    }

    /// The verdict's code under a list of opened blocks, each as its first and last address.
    pub fn code(&self, ip: IpAddr, opened: &[(IpAddr, IpAddr)]) -> &'static str {
        let inside = |(first, last): &(IpAddr, IpAddr)| {
            first.is_ipv4() == ip.is_ipv4() && *first <= ip && ip <= *last
        };
        let alone = |(first, last): &(IpAddr, IpAddr)| *first == ip && *last == ip;
        match self.kind(ip) {
            Kind::Public => "ok",
            Kind::Carrier => "address_not_public",
            Kind::Special if opened.iter().any(inside) => "ok",
            Kind::Special => "address_not_public",
            Kind::Metadata if opened.iter().any(alone) => "ok",
            Kind::Metadata => "metadata_address",
        }
    }

    /// Every address at which something begins, as a number, for either kind of address: where mistakes live.
    pub fn edges(&self, of_ipv4: bool) -> Vec<u128> {
        let space = if of_ipv4 { &self.four } else { &self.six };
        space.iter().map(|(first, _)| *first).collect()
    }
}

/// Cuts nested blocks into a line of beginnings: wider blocks first, so that narrower ones overwrite them.
fn beginnings(text: &str, bits: u32) -> Vec<(u128, Kind)> {
    let mut blocks: Vec<(u32, u128, u128, Kind)> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| block(line, bits))
        .collect();
    blocks.sort_by_key(|(length, first, ..)| (*length, *first));
    let mut firsts: Vec<u128> = blocks.iter().map(|(_, first, ..)| *first).collect();
    let behind = blocks
        .iter()
        .filter_map(|(_, _, last, _)| last.checked_add(1));
    firsts.extend(behind.filter(|first| bits == 128 || first >> bits == 0));
    firsts.sort_unstable();
    firsts.dedup();
    let kind_of = |at: u128| {
        let around = blocks
            .iter()
            .rev()
            .find(|(_, first, last, _)| *first <= at && at <= *last);
        around.map_or(Kind::Special, |(_, _, _, kind)| *kind)
    };
    firsts
        .into_iter()
        .map(|first| (first, kind_of(first)))
        .collect()
}

/// One line: its prefix length, first and last address, and kind.
fn block(line: &str, bits: u32) -> (u32, u128, u128, Kind) {
    let mut words = line.split_whitespace();
    let (address, length) = words
        .next()
        .and_then(|text| text.split_once('/'))
        .expect("a block");
    let length: u32 = length.parse().expect("a length");
    let first = match address.parse().expect("an address") {
        IpAddr::V4(v4) => u128::from(u32::from_be_bytes(v4.octets())),
        IpAddr::V6(v6) => u128::from_be_bytes(v6.octets()),
    };
    let behind = if length == 0 && bits == 128 {
        u128::MAX
    } else {
        (1_u128 << (bits - length)) - 1
    };
    assert_eq!(first & behind, 0, "{line}");
    let kind = match words.next() {
        Some("public") => Kind::Public,
        Some("special") => Kind::Special,
        Some("carrier") => Kind::Carrier,
        Some("metadata") => Kind::Metadata,
        other => panic!("no kind: {other:?} in {line}"),
    };
    (length, first, first + behind, kind)
}
