//! What the operator opened and closed, and the verdict on an address or a port (S1, S2).
//!
//! Invariants: [`EgressRules::vet_addresses`] is asked for all addresses of a name before one is dialled, by whoever dials it;
//! without settings only ordinary public addresses pass. A refusal names every entry that is missing, so that an operator
//! who opens a name meets it once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::cidr::Cidr;
use super::host::Host;
use super::listed::HostPattern;
use super::special::{carrier, is_metadata, nat64, special};

/// The ports at 1024 and above that the Fetch standard blocks (<https://fetch.spec.whatwg.org/#port-blocking>):
/// other protocols live there, which could take a request for one of theirs.
const FETCH_BLOCKED: [u16; 19] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080,
];

/// What `localhost`, and every name under it, leads to (RFC 6761, 6.3): no name server is asked.
pub(super) const LOCALHOST: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Missing entries that a refusal repeats at most: a name may lead to any number of addresses.
const TAUGHT: usize = 4;

/// Where requests may go: the settings `egress.allow`, `egress.allow_names`, `egress.allow_http` and `egress.closed_ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressRules {
    /// Blocks that are open though they are not public.
    pub allow: Vec<Cidr>,
    /// The only hosts that targets may have; none listed is no such rule. Opens nothing.
    pub listed: Vec<HostPattern>,
    /// Whether plain `http://` targets may be used.
    pub allow_http: bool,
    /// Ports that are closed beside those that always are.
    pub closed_ports: Vec<u16>,
    /// Whether `64:ff9b::/96` stands for the IPv4 addresses in it: on networks that reach IPv4 by NAT64 (RFC 6052).
    pub nat64: bool,
}

impl Default for EgressRules {
    /// Nothing private is open; `http://` is.
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            listed: Vec::new(),
            allow_http: true,
            closed_ports: Vec::new(),
            nat64: false,
        }
    }
}

/// Why a request does not go to an address or a port.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The address is not on the public network and not opened.
    #[error("{ip} is {what}. {lacking}.")]
    AddressNotPublic {
        /// The address.
        ip: IpAddr,
        /// What it is, with its article: "a loopback address".
        what: &'static str,
        /// What would open it, and what else the name leads to.
        lacking: Lacking,
    },
    /// An IPv6 address that stands for an IPv4 one: it could lead anywhere, so no setting opens it.
    #[error("{ip} stands for an IPv4 address ({form}). Use the IPv4 address itself.")]
    CarriesIpv4 {
        /// The address.
        ip: IpAddr,
        /// "IPv4-mapped", "6to4" and so on.
        form: &'static str,
    },
    /// A cloud's credentials live there.
    #[error(
        "{ip} is a cloud metadata address. Only an entry with exactly this address opens it (egress.allow)."
    )]
    MetadataAddress {
        /// The address, which only the entry with exactly it opens.
        ip: IpAddr,
    },
    /// A host that the operator did not list. Which ones are is not told: a tenant reads this.
    #[error("{host} is not among the hosts that this server sends to (egress.allow_names).")]
    HostNotListed {
        /// The host.
        host: Host,
    },
    /// `http://` where the operator wants none.
    #[error("Plain http:// is closed here (egress.allow_http).")]
    HttpClosed,
    /// Never a port of a web server.
    #[error(
        "Port {port} is not allowed; 80, 443, or 1024 and above less the Fetch standard's blocked ports."
    )]
    PortNotAllowed {
        /// The port.
        port: u16,
    },
    /// A port that the operator closed.
    #[error("Port {port} is closed here (egress.closed_ports).")]
    PortClosed {
        /// The port.
        port: u16,
    },
}

/// The entries of `egress.allow` that are missing. Those that are there are never repeated: a tenant reads this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Each once, in the order of the addresses; at least one.
    entries: Vec<Cidr>,
    /// Whether there are others, which must stay.
    beside_others: bool,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.entries.len() {
            0 | 1 => "To allow it ",
            _ => "To allow it and what else the name leads to, ",
        })?;
        let shown = self.entries.iter().take(TAUGHT);
        let mut entries: Vec<String> = shown.map(|entry| format!("\"{entry}\"")).collect();
        if self.entries.len() > TAUGHT {
            entries.push("…".to_owned());
        }
        let entries = entries.join(", ");
        match self.beside_others {
            true => write!(f, "add {entries} to egress.allow"),
            false => write!(f, "set egress.allow = [{entries}]"),
        }
    }
}

impl Refusal {
    /// The stable code of the problem document.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AddressNotPublic { .. } | Self::CarriesIpv4 { .. } => "address_not_public",
            Self::MetadataAddress { .. } => "metadata_address",
            Self::HostNotListed { .. } => "host_not_listed",
            Self::HttpClosed => "scheme_not_allowed",
            Self::PortNotAllowed { .. } | Self::PortClosed { .. } => "port_not_allowed",
        }
    }
}

impl EgressRules {
    /// Whether a target may have this host, wherever it leads.
    ///
    /// # Errors
    /// [`Refusal::HostNotListed`].
    pub fn vet_host(&self, host: &Host) -> Result<(), Refusal> {
        if self.listed.is_empty() || self.listed.iter().any(|listed| listed.has(host)) {
            Ok(())
        } else {
            Err(Refusal::HostNotListed { host: host.clone() })
        }
    }

    /// Whether a connection to this address may be opened.
    ///
    /// # Errors
    /// [`Refusal`] says what the address is and how the operator would open it.
    pub fn vet_address(&self, ip: IpAddr) -> Result<(), Refusal> {
        if let Some(v4) = nat64(ip).filter(|_| self.nat64) {
            return self.vet_address(v4.into());
        }
        if let Some(form) = carrier(ip) {
            return Err(Refusal::CarriesIpv4 { ip, form });
        }
        if is_metadata(ip) {
            let opened = self.allow.iter().any(|block| block.single() == Some(ip));
            return if opened {
                Ok(())
            } else {
                Err(Refusal::MetadataAddress { ip })
            };
        }
        match special(ip) {
            Some(what) if !self.allow.iter().any(|block| block.contains(ip)) => {
                let lacking = Lacking {
                    entries: vec![Cidr::exact(ip)],
                    beside_others: !self.allow.is_empty(),
                };
                Err(Refusal::AddressNotPublic { ip, what, lacking })
            }
            _ => Ok(()),
        }
    }

    /// Whether connections to all addresses of a name may be opened: one that may not closes the name.
    ///
    /// # Errors
    /// The [`Refusal`] of the first one, which names what would open all of them; one that no such entry opens goes before.
    pub fn vet_addresses(&self, ips: &[IpAddr]) -> Result<(), Refusal> {
        let mut first: Option<Refusal> = None;
        for ip in ips {
            match (self.vet_address(*ip), &mut first) {
                (Ok(()), _) => {}
                (
                    Err(Refusal::AddressNotPublic { lacking: other, .. }),
                    Some(Refusal::AddressNotPublic { lacking, .. }),
                ) => {
                    let fresh = other.entries.into_iter();
                    let fresh = fresh.filter(|entry| !lacking.entries.contains(entry));
                    lacking.entries.extend(fresh.collect::<Vec<_>>());
                }
                (Err(refusal @ Refusal::AddressNotPublic { .. }), first) => *first = Some(refusal),
                (Err(refusal), _) => return Err(refusal),
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Whether a connection to this port may be opened, at any address.
    ///
    /// # Errors
    /// [`Refusal::PortNotAllowed`] or [`Refusal::PortClosed`].
    pub fn vet_port(&self, port: u16) -> Result<(), Refusal> {
        let usual = matches!(port, 80 | 443 | 1024..);
        if !usual || FETCH_BLOCKED.contains(&port) {
            return Err(Refusal::PortNotAllowed { port });
        }
        if self.closed_ports.contains(&port) {
            return Err(Refusal::PortClosed { port });
        }
        Ok(())
    }

    /// The entries that open cloud metadata addresses; to be warned of at start.
    pub fn opened_metadata(&self) -> impl Iterator<Item = &Cidr> {
        self.allow
            .iter()
            .filter(|block| block.single().is_some_and(is_metadata))
    }
}
