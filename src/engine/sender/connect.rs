//! Opening a connection: look the name up, vet every address, dial exactly a vetted one, shake hands.
//!
//! Invariants: an address is vetted each time right before it is dialled, and one bad address among a name's
//! refuses the attempt, so a name cannot be moved to the inside between a check and a connect; a name is
//! looked up once at most in an attempt. IPv4 addresses are tried first (a broken IPv6 route would cost
//! every attempt time). Each has a [`HEAD_START`] before the next one is tried beside it, and none is given up
//! before the deadline: a first packet that is lost is sent again after a second.

use super::course::{Journey, Stage};
use super::fault::Fault;
use super::line::Line;
use super::proxy::{self, Proxy};
use super::socket::Socket;
use crate::clock::{Clock, Monotonic};
use crate::engine::resolver::{LookupError, Resolver};
use http::Version;
use rustls::pki_types::ServerName;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tidings_core::address::{EgressRules, Host, Origin, ProxyAddress, Scheme};
use tidings_core::outcome::{Failure, Outcome, OwnFault};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// How long one address is tried alone while there are others (RFC 8305, section 5, recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses of one name that are dialled at most in an attempt (S3); those behind them are vetted all the same.
const ADDRESSES_TRIED: usize = 16;

/// Opens connections.
pub(super) struct Connector {
    pub(super) resolver: Arc<Resolver>,
    /// Where it goes.
    pub(super) rules: Arc<EgressRules>,
    pub(super) tls: TlsConnector,
    pub(super) dialer: Dialer,
    /// Through which proxy, if through one.
    pub(super) proxy: Option<Proxy>,
    pub(super) clock: Clock,
}

/// How a socket to an address is opened. A test's own sees every address that would have been dialled.
#[derive(Clone)]
pub struct Dialer(Arc<dyn Fn(SocketAddr) -> Dial + Send + Sync>);

impl Dialer {
    /// Over TCP, without detours: no proxy is taken from the environment.
    #[must_use]
    pub fn tcp() -> Self {
        Self::new(TcpStream::connect)
    }

    /// Over TCP from these addresses, at most one of each family; a family without one (all of them, when none is given) goes as the
    /// system chooses.
    ///
    /// # Errors
    /// The first of them that is none of this machine's, with the system's words.
    pub fn tcp_from(sources: &[IpAddr]) -> Result<Self, (IpAddr, io::Error)> {
        for source in sources {
            bound(*source).map_err(|error| (*source, error))?;
        }
        let sources: Arc<[IpAddr]> = sources.into();
        Ok(Self::new(move |address: SocketAddr| {
            let same_family = |source: &&IpAddr| source.is_ipv6() == address.is_ipv6();
            let source = sources.iter().find(same_family).copied();
            async move {
                match source {
                    Some(source) => bound(source)?.connect(address).await,
                    None => TcpStream::connect(address).await,
                }
            }
        }))
    }

    /// By this function.
    pub fn new<F>(dial: impl Fn(SocketAddr) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<TcpStream>> + Send + 'static,
    {
        Self(Arc::new(move |address| Box::pin(dial(address))))
    }
}

/// A socket that will connect from this address.
fn bound(source: IpAddr) -> io::Result<TcpSocket> {
    let socket = match source {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind(SocketAddr::new(source, 0))?;
    Ok(socket)
}

impl Connector {
    /// A new connection to `origin`, ready for a request.
    ///
    /// # Errors
    /// The class says how far it came.
    pub(super) async fn dial(&self, origin: &Origin, journey: &mut Journey) -> Result<Line, Fault> {
        origin.vet(&self.rules).map_err(denied)?;
        let stream = match &self.proxy {
            None => self.directly(origin, journey).await?,
            Some(proxy) => self.through(proxy, origin, journey).await?,
        };
        let peer = stream
            .peer_addr()
            .map_err(|error| Fault::connecting(&error))?;
        // Without it a request would wait for the acknowledgement of the one before; failing is no harm.
        let _slower = stream.set_nodelay(true);
        let (socket, version) = match origin.scheme {
            Scheme::Http => (Socket::Plain(stream), Version::HTTP_11),
            Scheme::Https => self.secure(&origin.host, stream, journey).await?,
        };
        journey.enters(Stage::Header);
        Line::open(socket, version, peer).await
    }

    /// To the target itself: nobody is dialled, or spoken to, who was not vetted.
    async fn directly(&self, origin: &Origin, journey: &mut Journey) -> Result<TcpStream, Fault> {
        let addresses = self.vetted(origin, journey).await?;
        let stream = self.connect(&addresses, journey).await?;
        let peer = stream
            .peer_addr()
            .map_err(|error| Fault::connecting(&error))?;
        self.rules.vet_address(peer.ip()).map_err(denied)?;
        Ok(stream)
    }

    /// By a tunnel through the proxy, which the operator chose: it is not vetted, and being away it is our fault.
    async fn through(
        &self,
        proxy: &Proxy,
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<TcpStream, Fault> {
        let ProxyAddress { host, port } = &proxy.address;
        let found = match host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => self.resolver.lookup(host).await.map_err(|error| {
                proxy::away(&format!("the proxy's name cannot be looked up: {error}"))
            })?,
        };
        let addresses: Vec<_> = found
            .into_iter()
            .take(ADDRESSES_TRIED)
            .map(|ip| SocketAddr::new(ip, *port))
            .collect();
        let stream = self.connect(&addresses, journey).await.map_err(|fault| {
            proxy::away(&format!("the proxy cannot be reached: {}", fault.detail))
        })?;
        proxy.tunnel(stream, origin).await
    }

    async fn vetted(
        &self,
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let mut found = match &origin.host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => self.look_up(name, journey).await?,
        };
        self.rules.vet_addresses(&found).map_err(denied)?;
        found.sort_by_key(IpAddr::is_ipv6);
        found.truncate(ADDRESSES_TRIED);
        Ok(found
            .into_iter()
            .map(|ip| SocketAddr::new(ip, origin.port))
            .collect())
    }

    async fn look_up(&self, name: &str, journey: &mut Journey) -> Result<Vec<IpAddr>, Fault> {
        journey.enters(Stage::Name);
        let started = self.clock.monotonic();
        let found = self.resolver.lookup(name).await;
        journey.timing.dns = Some(self.since(started));
        found.map_err(|error| match error {
            LookupError::Resources(_) => Fault::ours(OwnFault::Resources, error.to_string()),
            LookupError::NoAddress(_) => Fault::failed(Failure::Dns, error.to_string()),
            LookupError::NoAnswer(_) => Fault::unanswered(error.to_string()),
        })
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        journey: &mut Journey,
    ) -> Result<TcpStream, Fault> {
        journey.enters(Stage::Connect);
        let started = self.clock.monotonic();
        let mut dials = Dials::default();
        let mut untried = addresses.iter().copied();
        let mut first = None;
        loop {
            if let Some(address) = untried.next() {
                journey.peer = Some(address);
                dials.start(address, &self.dialer);
            }
            let ended = match untried.len() {
                0 => Ok(dials.next().await),
                _ => tokio::time::timeout(HEAD_START, dials.next()).await,
            };
            let (address, connected) = match ended {
                Err(_elapsed) => continue,
                Ok(Some(ended)) => ended,
                Ok(None) => break,
            };
            journey.timing.connect = Some(self.since(started));
            match connected {
                Ok(stream) => {
                    journey.peer = Some(address);
                    return Ok(stream);
                }
                Err(error) => {
                    let fault = unconnected(&error, address);
                    if matches!(fault.outcome, Outcome::OwnFault(_)) {
                        return Err(fault);
                    }
                    first.get_or_insert(fault);
                }
            }
        }
        Err(first.unwrap_or_else(|| Fault::failed(Failure::Dns, "the name has no address")))
    }

    async fn secure(
        &self,
        host: &Host,
        stream: TcpStream,
        journey: &mut Journey,
    ) -> Result<(Socket, Version), Fault> {
        journey.enters(Stage::Tls);
        let started = self.clock.monotonic();
        let name = match host {
            Host::Ip(ip) => ServerName::from(*ip),
            Host::Name(name) => ServerName::try_from(&**name)
                .map_err(|_| {
                    Fault::failed(Failure::Tls, "no certificate can be valid for this name")
                })?
                .to_owned(),
        };
        let shaken = self.tls.connect(name, stream).await;
        journey.timing.tls = Some(self.since(started));
        let stream = shaken.map_err(|error| Fault::securing(&error))?;
        let version = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Version::HTTP_2,
            _ => Version::HTTP_11,
        };
        Ok((Socket::Tls(Box::new(stream)), version))
    }

    fn since(&self, earlier: Monotonic) -> Duration {
        Duration::from_micros(self.clock.monotonic().micros_since(earlier))
    }
}

/// Connections that are being opened beside each other.
#[derive(Default)]
struct Dials(Vec<(SocketAddr, Dial)>);

type Dial = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

impl Dials {
    fn start(&mut self, address: SocketAddr, dialer: &Dialer) {
        self.0.push((address, (dialer.0)(address)));
    }

    /// The next one that is open or failed; `None` when none is under way.
    async fn next(&mut self) -> Option<(SocketAddr, io::Result<TcpStream>)> {
        poll_fn(|context| {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            let ended = self
                .0
                .iter_mut()
                .enumerate()
                .find_map(|(place, (_, dial))| match dial.as_mut().poll(context) {
                    Poll::Ready(connected) => Some((place, connected)),
                    Poll::Pending => None,
                });
            match ended {
                Some((place, connected)) => {
                    let (address, _) = self.0.remove(place);
                    Poll::Ready(Some((address, connected)))
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}

fn denied(why: impl ToString) -> Fault {
    Fault::failed(Failure::EgressDenied, why.to_string())
}

/// A system without IPv6 has no own address to dial an IPv6 one from; for IPv4 that means no free port.
fn unconnected(error: &io::Error, address: SocketAddr) -> Fault {
    if address.is_ipv6() && error.kind() == io::ErrorKind::AddrNotAvailable {
        return Fault::failed(Failure::Unreachable, error.to_string());
    }
    Fault::connecting(error)
}
