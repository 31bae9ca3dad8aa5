//! Names to addresses: the system's name servers and hosts file, asked as rarely as their answers allow.
//!
//! Invariants: names are absolute (no search list is tried, so a name means one thing); answers are kept as
//! long as their time to live says, refusals never longer than `NEGATIVE`, so that a name that was
//! mended is found again before a delivery's tries are used up; a look-up ends well within an attempt. A name leads over
//! `ALIASES` other names at most (S3), and in fewer questions than that where servers leave the next name to us.
//!
//! Deliberately absent: whether an address may be dialled.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use rustix::io::Errno;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long "no such name" is remembered at most.
const NEGATIVE: Duration = Duration::from_secs(5);
/// How long one name server has to answer one question.
const PER_QUESTION: Duration = Duration::from_millis(900);
/// Questions that may be open at one name server.
const OPEN_QUESTIONS: usize = 4_096;

/// Names that a name may stand for, one after the other (CNAME), until there are addresses.
const ALIASES: usize = 8;

/// Looks names up. A clone of its answers is kept for all attempts.
pub struct Resolver {
    kept: TokioResolver,
    /// The same name servers without a memory: only an answer that was given now shows that they are there.
    unkept: TokioResolver,
}

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The name servers answered: there is no such name, or it has no address.
    #[error("{0}")]
    NoAddress(String),
    /// The name servers did not answer, or could not: it may be them, or our way to them.
    #[error("{0}")]
    NoAnswer(String),
    /// No file handles or memory to ask with.
    #[error("{0}")]
    Resources(String),
}

/// Whether the name servers answer now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// One of them answered.
    Answers,
    /// None did.
    Silent,
}

impl Resolver {
    /// A resolver that asks the system's name servers; without `/etc/resolv.conf`, the one on this host, as
    /// the C library does.
    ///
    /// # Errors
    /// The system's settings cannot be used.
    pub fn system() -> Result<Self, LookupError> {
        match hickory_resolver::system_conf::read_system_conf() {
            Ok((config, _)) => Self::asking(config),
            Err(NetError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::with_servers(&[SocketAddr::from(([127, 0, 0, 1], 53))])
            }
            Err(error) => Err(LookupError::NoAnswer(format!(
                "/etc/resolv.conf cannot be used ({error})"
            ))),
        }
    }

    /// A resolver that asks these name servers, and the hosts file.
    ///
    /// # Errors
    /// None today; the library may refuse a setting.
    pub fn with_servers(servers: &[SocketAddr]) -> Result<Self, LookupError> {
        let config = |server: &SocketAddr| {
            let mut ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for way in &mut ways {
                way.port = server.port();
            }
            NameServerConfig::new(server.ip(), true, ways.into())
        };
        Self::asking(ResolverConfig::from_name_servers(
            servers.iter().map(config).collect(),
        ))
    }

    fn asking(config: ResolverConfig) -> Result<Self, LookupError> {
        let (_, _, servers) = config.into_parts();
        let build = |options| {
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.clone());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(options)
                .build()
                .map_err(|error| LookupError::NoAnswer(error.to_string()))
        };
        let mut options = ResolverOpts::default();
        options.timeout = PER_QUESTION;
        options.attempts = 1;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.negative_max_ttl = Some(NEGATIVE);
        options.max_active_requests = OPEN_QUESTIONS;
        // The names on the way stay in the answer, to be counted.
        options.preserve_intermediates = true;
        let mut unkept = options.clone();
        unkept.cache_size = 0;
        unkept.attempts = 0;
        Ok(Self {
            kept: build(options)?,
            unkept: build(unkept)?,
        })
    }

    /// The addresses of `name`, each once, in the order of the answer; never none.
    ///
    /// # Errors
    /// [`LookupError`] says whose fault it may be.
    pub async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let mut absolute =
            Name::from_ascii(name).map_err(|error| LookupError::NoAddress(error.to_string()))?;
        absolute.set_fqdn(true);
        let answer = self
            .kept
            .lookup_ip(absolute)
            .await
            .map_err(|error| explain(&error, name))?;
        let aliases: HashSet<&Name> = answer
            .as_lookup()
            .answers()
            .iter()
            .filter(|record| record.record_type() == RecordType::CNAME)
            .map(|record| &record.name)
            .collect();
        if aliases.len() > ALIASES {
            let why = format!("{name} stands for another name, and that too: more than {ALIASES}");
            return Err(LookupError::NoAddress(why));
        }
        let mut known = HashSet::new();
        let addresses: Vec<IpAddr> = answer.iter().filter(|ip| known.insert(*ip)).collect();
        if addresses.is_empty() {
            return Err(LookupError::NoAddress(format!("{name} has no address")));
        }
        Ok(addresses)
    }

    /// Asks for the root's name servers, which every resolver that is alive can tell, or refuse to.
    pub async fn probe(&self) -> Probe {
        match self.unkept.lookup(Name::root(), RecordType::NS).await {
            Ok(_) => Probe::Answers,
            Err(error) => match explain(&error, ".") {
                LookupError::NoAddress(_) => Probe::Answers,
                LookupError::NoAnswer(_) | LookupError::Resources(_) => Probe::Silent,
            },
        }
    }
}

fn explain(error: &NetError, name: &str) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => LookupError::NoAddress(format!("there is no name {name}")),
            ResponseCode::NoError => LookupError::NoAddress(format!("{name} has no address")),
            code @ ResponseCode::ServFail => {
                LookupError::NoAnswer(format!("the name server could not answer ({code})"))
            }
            code => LookupError::NoAddress(format!("the name server refused to answer ({code})")),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => match code {
            ResponseCode::ServFail => {
                LookupError::NoAnswer(format!("the name server could not answer ({code})"))
            }
            code => LookupError::NoAddress(format!("the name server refused to answer ({code})")),
        },
        NetError::Io(io) if lacks_resources(io) => LookupError::Resources(error.to_string()),
        NetError::Busy => LookupError::Resources(error.to_string()),
        _ => LookupError::NoAnswer(format!("no answer from the name servers ({error})")),
    }
}

fn lacks_resources(error: &std::io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}
