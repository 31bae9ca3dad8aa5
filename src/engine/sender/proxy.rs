//! Through an HTTP proxy (`egress.proxy`): the way out where nothing else is open.
//!
//! A tunnel is asked for with CONNECT (RFC 9110, 9.3.6), for `http://` targets as for `https://`. Names are then looked up
//! by the proxy, so the guard judges the URL alone: keeping names from leading inside is the proxy's part. Invariants: the
//! proxy comes from the settings only, never from the environment; a proxy that is away or wants other credentials is our
//! fault and costs no try (W20); what it says is read up to [`ANSWER_BYTES`].
//! Deliberately absent: proxies that are spoken to over TLS, SOCKS, lists of targets that go round the proxy.

use super::fault::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use tidings_core::address::{Origin, ProxyAddress};
use tidings_core::outcome::{Failure, OwnFault};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// Bytes of the proxy's answer.
const ANSWER_BYTES: usize = 8 * 1024;
/// Header fields of it.
const ANSWER_FIELDS: usize = 64;

/// A proxy, and what opens it.
#[derive(Clone)]
pub struct Proxy {
    /// Where it is.
    pub address: ProxyAddress,
    /// `user:password`, if it asks for one.
    pub credentials: Option<Zeroizing<String>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Proxy({}:{})", self.address.host, self.address.port)
    }
}

impl Proxy {
    /// Asks for a tunnel to `origin` over a connection to the proxy.
    ///
    /// # Errors
    /// The proxy refused, or is none.
    pub(super) async fn tunnel(
        &self,
        mut stream: TcpStream,
        origin: &Origin,
    ) -> Result<TcpStream, Fault> {
        // A target could have a hand in these: they count as tries.
        let broken = |error: std::io::Error| unreachable(format!("the proxy broke off ({error})"));
        let request = self.request(origin);
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::with_capacity(512);
        loop {
            // Byte by byte at the end: what comes after the head is the target's.
            let byte = stream.read_u8().await.map_err(broken)?;
            answer.push(byte);
            if answer.ends_with(b"\r\n\r\n") {
                break;
            }
            if answer.len() >= ANSWER_BYTES {
                return Err(unreachable(String::from("the proxy's answer is too long")));
            }
        }
        match status(&answer) {
            Some(200..=299) => Ok(stream),
            Some(407) => Err(away(
                "the proxy wants other credentials (egress.proxy_credentials)",
            )),
            Some(403) => Err(Fault::failed(
                Failure::EgressDenied,
                "the proxy does not let this target through (403)",
            )),
            Some(code) => Err(unreachable(format!(
                "the proxy could not reach the target ({code})"
            ))),
            None => Err(away("what egress.proxy names is no HTTP proxy")),
        }
    }

    fn request(&self, origin: &Origin) -> Zeroizing<String> {
        let target = format!("{}:{}", origin.host, origin.port);
        let mut text = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if let Some(credentials) = &self.credentials {
            let encoded = Zeroizing::new(STANDARD.encode(credentials.as_bytes()));
            text.push_str("Proxy-Authorization: Basic ");
            text.push_str(&encoded);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text
    }
}

fn unreachable(detail: String) -> Fault {
    Fault::failed(Failure::Unreachable, detail)
}

/// The proxy is ours to keep running.
pub(super) fn away(detail: &str) -> Fault {
    Fault::ours(OwnFault::Network, detail)
}

fn status(head: &[u8]) -> Option<u16> {
    let mut fields = [httparse::EMPTY_HEADER; ANSWER_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    answer.parse(head).ok()?;
    answer.code
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn s17_credentials_are_not_printed() {
        let proxy = Proxy {
            address: "http://proxy:3128".parse().unwrap(),
            credentials: Some(Zeroizing::new(String::from("user:canary"))),
        };
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy:3128)");
    }
}
