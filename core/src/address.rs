//! Where a request may go: addresses, ports and target URLs, judged without looking anything up.
//!
//! Invariants: thinking is by allow-list, so that an address nobody thought of is refused; the addresses at which
//! clouds hand out credentials open only by naming each one exactly; an IPv4 address inside an IPv6
//! one is never dialled as such. A name is not judged here: its addresses are, each time, before they are dialled.
//! Deliberately absent: name look-up and sockets.

mod cidr;
mod egress;
mod host;
mod listed;
mod proxy;
mod special;
mod target;
#[cfg(test)]
mod tests;
mod url_error;

pub use cidr::{Cidr, CidrError};
pub use egress::{EgressRules, Lacking, Refusal};
pub use host::Host;
pub use listed::{HostPattern, HostPatternError};
pub use proxy::{ProxyAddress, ProxyAddressError};
pub use target::{Origin, Scheme, TargetUrl};
pub use url_error::UrlError;
