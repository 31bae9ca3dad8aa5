//! Text becomes meaning: one typed [`Settings`], or one error that names the setting.

use super::notices::{NoticeSettings, notices};
use super::values::Values;
use super::written;
use super::{ConfigError, Form, Resolved, SETTINGS};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use tidings_core::address::{Cidr, EgressRules, ProxyAddress};
use tracing_subscriber::filter::Targets;
use zeroize::Zeroizing;

/// Everything an operator chose, parsed once.
#[derive(Debug)]
pub struct Settings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// How people reach the console from outside: scheme and host, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether nobody with an account of the console does anything without a second factor.
    pub needs_second_factor: bool,
    /// Certificate and key, to serve HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// The data directory of the embedded store.
    pub data: PathBuf,
    /// This node's name among those on one database, and in what it tells a collector.
    pub node: String,
    /// The database, where it is not the embedded one.
    pub database: Option<DatabaseSettings>,
    /// The header of W14.
    pub signature_header: String,
    /// Where requests may go.
    pub egress: EgressRules,
    /// The proxy that everything is sent through, and what opens it.
    pub proxy: Option<ProxySettings>,
    /// Further root certificates.
    pub extra_ca: Option<PathBuf>,
    /// The addresses that requests leave from, at most one of each family.
    pub source_addresses: Vec<IpAddr>,
    /// Where the master key comes from.
    pub master_key: KeySource,
    /// Where a preset operator key comes from.
    pub operator_key: KeySource,
    /// What operators are told, and how.
    pub notices: NoticeSettings,
    /// Days that bodies are kept, records, and the audit log.
    pub kept_days: [usize; 3],
    /// Attempts in flight at once.
    pub attempts: usize,
    /// Deliveries in memory at once.
    pub memory_deliveries: usize,
    /// Bytes of event data in memory at once.
    pub memory_bytes: usize,
    /// Connections to the API.
    pub connections: usize,
    /// Connections to the API from one address.
    pub connections_per_address: usize,
    /// How long a connection to the API lasts, in seconds.
    pub connection_seconds: usize,
    /// Events a second that are taken in all, and of one organization; none is no limit.
    pub events_per_second: [Option<NonZeroU32>; 2],
    /// What is logged, and how.
    pub telemetry: Telemetry,
    /// Where metrics are served without a key.
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces go.
    pub otlp: Option<OtlpSettings>,
}

/// A collector of traces.
pub struct OtlpSettings {
    /// Its address.
    pub url: url::Url,
    /// What it asks for.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// How many of a hundred events are traced.
    pub percent: u8,
    /// Whether receivers get a `traceparent`.
    pub to_receivers: bool,
}

impl std::fmt::Debug for OtlpSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "OtlpSettings({}, …)", self.url)
    }
}

/// PostgreSQL instead of the embedded store.
pub struct DatabaseSettings {
    /// Where it is, with what opens it.
    pub url: Zeroizing<String>,
    /// Further root certificates for its TLS.
    pub authorities: Option<PathBuf>,
    /// Whether one that may forget what it confirmed is taken.
    pub unsafe_durability: bool,
}

impl std::fmt::Debug for DatabaseSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("DatabaseSettings(…)")
    }
}

/// The proxy that everything is sent through.
#[derive(Clone)]
pub struct ProxySettings {
    /// Where it is.
    pub address: ProxyAddress,
    /// `user:password`, if it asks for one.
    pub credentials: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for ProxySettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ProxyAddress { host, port } = &self.address;
        write!(out, "ProxySettings({host}:{port}, …)")
    }
}

/// Where a key comes from.
pub enum KeySource {
    /// The setting's own value.
    Text(Zeroizing<String>),
    /// A file.
    File(PathBuf),
    /// Neither was given.
    Absent,
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => out.write_str("Text(…)"),
            Self::File(path) => write!(out, "File({})", path.display()),
            Self::Absent => out.write_str("Absent"),
        }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Which records.
    pub filter: Targets,
    /// JSON lines; `None` decides by whether standard error is a terminal.
    pub json: Option<bool>,
}

/// Bytes of a node's name.
const NODE_NAME: usize = 64;

impl Settings {
    /// Gives the text of every setting its meaning.
    ///
    /// # Errors
    /// The first setting whose value is not allowed.
    pub fn parse(values: &BTreeMap<&'static str, Resolved>) -> Result<Self, ConfigError> {
        let values = Values(values);
        Ok(Self {
            listen: listener(&values, "listen")?,
            public_url: public_url(&values)?,
            needs_second_factor: needs_second_factor(&values)?,
            tls: tls(&values)?,
            trusted_proxies: values.list("trusted_proxies")?,
            data: values
                .path("data")
                .ok_or_else(|| values.invalid("data", "a directory is needed"))?,
            node: node(&values)?,
            database: database(&values)?,
            signature_header: header_name(&values)?,
            egress: egress(&values)?,
            proxy: proxy(&values)?,
            extra_ca: values.path("egress.extra_ca"),
            source_addresses: source_addresses(&values)?,
            master_key: values.key("master_key", "master_key_file")?,
            operator_key: values.key("operator_key", "operator_key_file")?,
            notices: notices(&values)?,
            kept_days: kept_days(&values)?,
            attempts: values.number("limits.attempts", 16, 65_536)?,
            memory_deliveries: values.number("limits.memory_deliveries", 16, 1_000_000)?,
            memory_bytes: values.number("limits.memory_bytes", 1 << 20, 1 << 34)?,
            connections: values.number("limits.connections", 1, 65_536)?,
            connections_per_address: values.number("limits.connections_per_address", 1, 65_536)?,
            connection_seconds: values.number("limits.connection_seconds", 10, 86_400)?,
            events_per_second: [
                values.rate("limits.events_per_second")?,
                values.rate("limits.events_per_second_per_organization")?,
            ],
            telemetry: telemetry(&values)?,
            metrics_listen: match values.text("telemetry.metrics_listen").is_empty() {
                true => None,
                false => Some(listener(&values, "telemetry.metrics_listen")?),
            },
            otlp: otlp(&values)?,
        })
    }

    /// All settings with the origin of each, as a settings file with comments; secrets are hidden.
    pub fn print(values: &BTreeMap<&'static str, Resolved>) -> String {
        let mut out = String::new();
        for setting in SETTINGS {
            if let Some(resolved) = values.get(setting.name) {
                let comment = if setting.form == Form::Secret && resolved.single().is_empty() {
                    "not set"
                } else {
                    &resolved.origin.to_string()
                };
                out.push_str(&format!(
                    "{} = {}  # {comment}\n",
                    setting.name,
                    resolved.shown(setting.form)
                ));
            }
        }
        out
    }
}

fn needs_second_factor(values: &Values<'_>) -> Result<bool, ConfigError> {
    let name = "console.second_factor";
    match values.text(name).as_str() {
        "optional" => Ok(false),
        "required" => Ok(true),
        _ => Err(values.invalid(name, "neither optional nor required")),
    }
}

fn node(values: &Values<'_>) -> Result<String, ConfigError> {
    let listen = listener(values, "listen")?;
    let node = Some(values.text("node"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            let system = rustix::system::uname();
            let host = system.nodename().to_string_lossy();
            // With its port it is short enough, too.
            let host: String = host.chars().take(NODE_NAME - 6).collect();
            format!("{host}:{}", listen.port())
        });
    match node.len() > NODE_NAME || node.chars().any(char::is_control) {
        true => Err(values.invalid("node", "too long, or with control characters")),
        false => Ok(node),
    }
}

fn database(values: &Values<'_>) -> Result<Option<DatabaseSettings>, ConfigError> {
    let url = Zeroizing::new(values.text("database_url"));
    let unsafe_durability = values.parsed("unsafe_durability")?;
    if url.is_empty() {
        return Ok(None);
    }
    Ok(Some(DatabaseSettings {
        url,
        authorities: values.path("database_ca"),
        unsafe_durability,
    }))
}

fn tls(values: &Values<'_>) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    match (values.path("tls.cert"), values.path("tls.key")) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(values.invalid("tls.key", "tls.cert needs its key")),
        (None, Some(_)) => Err(values.invalid("tls.cert", "tls.key needs its certificate")),
    }
}

fn kept_days(values: &Values<'_>) -> Result<[usize; 3], ConfigError> {
    let bodies = values.number("retention.bodies_days", 1, 36_500)?;
    let records = values.number("retention.attempts_days", 1, 36_500)?;
    let audit = values.number("retention.audit_days", 1, 36_500)?;
    match bodies <= records {
        true => Ok([bodies, records, audit]),
        false => Err(values.invalid(
            "retention.attempts_days",
            format!("less than retention.bodies_days, which is {bodies}"),
        )),
    }
}

fn listener(values: &Values<'_>, name: &str) -> Result<SocketAddr, ConfigError> {
    written::listener(&values.text(name)).map_err(|error| values.invalid(name, error))
}

fn public_url(values: &Values<'_>) -> Result<Option<String>, ConfigError> {
    let text = values.text("public_url");
    if text.is_empty() {
        return Ok(None);
    }
    let url = written::server(&text).map_err(|error| values.invalid("public_url", error))?;
    let plain = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    match plain {
        true => Ok(Some(url.origin().ascii_serialization())),
        false => Err(values.invalid("public_url", "scheme, host and port only")),
    }
}

fn header_name(values: &Values<'_>) -> Result<String, ConfigError> {
    let name = values.text("signature_header").to_ascii_lowercase();
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let ours = [
        "host",
        "content-type",
        "content-length",
        "user-agent",
        "connection",
        "transfer-encoding",
    ];
    if !fits {
        Err(values.invalid("signature_header", "not a header name"))
    } else if ours.contains(&name.as_str()) || name.starts_with("webhook-") {
        Err(values.invalid(
            "signature_header",
            "this header has another meaning in the request",
        ))
    } else {
        Ok(name)
    }
}

fn egress(values: &Values<'_>) -> Result<EgressRules, ConfigError> {
    Ok(EgressRules {
        allow: values.list::<Cidr>("egress.allow")?,
        listed: values.list("egress.allow_names")?,
        allow_http: values.parsed("egress.allow_http")?,
        closed_ports: values.list("egress.closed_ports")?.into_iter().collect(),
        nat64: values.parsed("egress.nat64")?,
    })
}

fn source_addresses(values: &Values<'_>) -> Result<Vec<IpAddr>, ConfigError> {
    let name = "egress.source_addresses";
    let addresses: Vec<IpAddr> = values.list(name)?;
    if addresses
        .iter()
        .any(|address| address.is_unspecified() || address.is_multicast())
    {
        return Err(values.invalid(name, "not an address of a machine"));
    }
    let of_one_family = addresses.iter().filter(|address| address.is_ipv6()).count();
    if of_one_family > 1 || addresses.len() - of_one_family > 1 {
        return Err(values.invalid(name, "two of one family"));
    }
    Ok(addresses)
}

fn proxy(values: &Values<'_>) -> Result<Option<ProxySettings>, ConfigError> {
    let credentials = Zeroizing::new(values.text("egress.proxy_credentials"));
    let given = !credentials.is_empty();
    if given && (!credentials.contains(':') || credentials.chars().any(char::is_control)) {
        return Err(values.invalid("egress.proxy_credentials", "not user:password"));
    }
    match values.text("egress.proxy").is_empty() {
        false => Ok(Some(ProxySettings {
            address: values.parsed("egress.proxy")?,
            credentials: given.then_some(credentials),
        })),
        true if given => Err(values.invalid("egress.proxy", "credentials without a proxy")),
        true => Ok(None),
    }
}

fn otlp(values: &Values<'_>) -> Result<Option<OtlpSettings>, ConfigError> {
    let percent = values.number("telemetry.otlp_percent", 0, 100)?;
    let to_receivers = values.parsed("telemetry.traceparent_to_receivers")?;
    let mut headers = Vec::new();
    let text = Zeroizing::new(values.text("telemetry.otlp_headers"));
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let pair = part.split_once('=').filter(|(name, value)| {
            let name = name.trim().parse::<http::HeaderName>();
            name.is_ok() && http::HeaderValue::from_str(value.trim()).is_ok()
        });
        let Some((name, value)) = pair else {
            return Err(values.invalid("telemetry.otlp_headers", "not name=value"));
        };
        headers.push((
            name.trim().to_owned(),
            Zeroizing::new(value.trim().to_owned()),
        ));
    }
    if values.text("telemetry.otlp").is_empty() {
        return Ok(None);
    }
    let url: url::Url = values.parsed("telemetry.otlp")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !url.username().is_empty() {
        return Err(values.invalid("telemetry.otlp", "scheme, host, port and path only"));
    }
    Ok(Some(OtlpSettings {
        url,
        headers,
        percent: u8::try_from(percent).unwrap_or(100),
        to_receivers,
    }))
}

fn telemetry(values: &Values<'_>) -> Result<Telemetry, ConfigError> {
    let json = match values.text("telemetry.format").as_str() {
        "auto" => None,
        "text" => Some(false),
        "json" => Some(true),
        _ => return Err(values.invalid("telemetry.format", "unknown format")),
    };
    let filter = written::log_filter(&values.text("telemetry.log"))
        .map_err(|problem| values.invalid("telemetry.log", problem))?;
    Ok(Telemetry { filter, json })
}

#[cfg(test)]
mod tests;
