//! A block of addresses as an operator writes it: `10.1.2.0/24`, `fd00:1::/64`, or one address.
//!
//! Invariant: no bit behind the prefix is set, so what is written is what is meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// A block of addresses: all that share their first `prefix` bits with `network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CidrError {
    /// Not an address with an optional prefix length.
    #[error("Not an address block: write it as 10.1.2.0/24 or fd00:1::/64")]
    Unreadable,
    /// More bits than an address of this kind has.
    #[error("/{prefix} is too long: at most /{most} for this kind of address")]
    PrefixTooLong {
        /// What was written.
        prefix: u32,
        /// 32 or 128.
        most: u8,
    },
    /// The address is inside the block rather than its start.
    #[error("{address}/{} has host bits set: did you mean {meant}?", meant.prefix)]
    HostBits {
        /// The address that was written.
        address: IpAddr,
        /// The block that it lies in.
        meant: Cidr,
    },
}

impl CidrError {
    /// The stable code of the problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "invalid_cidr"
    }
}

impl Cidr {
    /// The block that holds this address only.
    #[must_use]
    pub const fn exact(address: IpAddr) -> Self {
        let prefix = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self {
            network: address,
            prefix,
        }
    }

    /// A block of IPv4 addresses; for tables, whose correctness is tested.
    pub(super) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self {
            network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            prefix,
        }
    }

    /// A block of IPv6 addresses, of which the first four segments are given; for tables.
    pub(super) const fn v6(segments: [u16; 4], prefix: u8) -> Self {
        let [a, b, c, d] = segments;
        Self {
            network: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
            prefix,
        }
    }

    /// Whether the address lies in this block. One kind of address is never in a block of the other.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::block_of(address, self.prefix).is_some_and(|block| block == self.network)
    }

    /// The address, if this block holds only one.
    #[must_use]
    pub fn single(&self) -> Option<IpAddr> {
        (*self == Self::exact(self.network)).then_some(self.network)
    }

    /// The address with all bits behind the prefix cleared; none if it has fewer bits than the prefix.
    fn block_of(address: IpAddr, prefix: u8) -> Option<IpAddr> {
        let prefix = u32::from(prefix);
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX
                    .checked_shl(32_u32.checked_sub(prefix)?)
                    .unwrap_or(0);
                Some(Ipv4Addr::from_bits(v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX
                    .checked_shl(128_u32.checked_sub(prefix)?)
                    .unwrap_or(0);
                Some(Ipv6Addr::from_bits(v6.to_bits() & mask).into())
            }
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| CidrError::Unreadable)?;
        let most = Self::exact(address).prefix;
        let Some(prefix) = prefix else {
            return Ok(Self::exact(address));
        };
        let canonical = prefix.bytes().all(|b| b.is_ascii_digit())
            && (prefix == "0" || !prefix.starts_with('0'));
        if !canonical || prefix.len() > 4 {
            return Err(CidrError::Unreadable);
        }
        let prefix: u32 = prefix.parse().map_err(|_| CidrError::Unreadable)?;
        let too_long = CidrError::PrefixTooLong { prefix, most };
        let Ok(prefix) = u8::try_from(prefix) else {
            return Err(too_long);
        };
        let network = Self::block_of(address, prefix).ok_or(too_long)?;
        let block = Self { network, prefix };
        if network == address {
            Ok(block)
        } else {
            Err(CidrError::HostBits {
                address,
                meant: block,
            })
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}
