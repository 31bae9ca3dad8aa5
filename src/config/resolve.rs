//! Text becomes meaning: one typed [`Settings`], or one error that names the setting.

use super::{ConfigError, Form, Resolved, SETTINGS, Setting};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use tidings_core::address::{Cidr, EgressRules};
use zeroize::Zeroizing;

/// Everything an operator chose, parsed once.
#[derive(Debug)]
pub struct Settings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// How people reach the console from outside: scheme and host, without a slash at the end.
    pub public_url: Option<String>,
    /// Certificate and key, to serve HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// The data directory of the embedded store.
    pub data: PathBuf,
    /// The database, where it is not the embedded one.
    pub database: Option<DatabaseSettings>,
    /// The header of W14.
    pub signature_header: String,
    /// Where requests may go.
    pub egress: EgressRules,
    /// Further root certificates.
    pub extra_ca: Option<PathBuf>,
    /// Where the master key comes from.
    pub master_key: KeySource,
    /// Where a preset operator key comes from.
    pub operator_key: KeySource,
    /// Days that bodies are kept, and records.
    pub kept_days: (usize, usize),
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
    /// What is logged, and how.
    pub telemetry: Telemetry,
}

/// PostgreSQL instead of the embedded store.
pub struct DatabaseSettings {
    /// Where it is, with what opens it.
    pub url: Zeroizing<String>,
    /// Further root certificates for its TLS.
    pub authorities: Option<PathBuf>,
    /// This node's name.
    pub node: String,
    /// Whether one that may forget what it confirmed is taken.
    pub unsafe_durability: bool,
}

impl std::fmt::Debug for DatabaseSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "DatabaseSettings(…, node {})", self.node)
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// A filter of the tracing crate.
    pub filter: String,
    /// JSON lines; `None` decides by whether standard error is a terminal.
    pub json: Option<bool>,
}

/// Stands in for a name that the table does not hold; the test that resolves the defaults finds such a name.
static UNLISTED: Setting = Setting {
    name: "(unlisted)",
    env: "",
    form: Form::Single,
    default: "",
    allowed: "nothing",
    help: "",
};

/// Bytes of a node's name.
const NODE_NAME: usize = 64;

struct Values<'a>(&'a BTreeMap<&'static str, Resolved>);

impl Values<'_> {
    fn get(&self, name: &str) -> (&'static Setting, Resolved) {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .unwrap_or(&UNLISTED);
        let resolved = self.0.get(name).cloned().unwrap_or_else(|| Resolved {
            items: vec![setting.default.to_owned()],
            origin: super::Origin::Default,
        });
        (setting, resolved)
    }

    fn invalid(&self, name: &str, problem: impl ToString) -> ConfigError {
        let (setting, resolved) = self.get(name);
        ConfigError::Invalid {
            name: setting.name,
            value: resolved.shown(setting.form),
            origin: resolved.origin,
            problem: problem.to_string(),
            allowed: setting.allowed,
        }
    }

    fn text(&self, name: &str) -> String {
        self.get(name).1.single().to_owned()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.text(name))
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    }

    fn parsed<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<T, ConfigError> {
        self.text(name)
            .parse()
            .map_err(|error: T::Err| self.invalid(name, error.to_string()))
    }

    fn list<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<Vec<T>, ConfigError> {
        self.get(name)
            .1
            .items
            .iter()
            .map(|item| {
                item.parse()
                    .map_err(|error: T::Err| self.invalid(name, error.to_string()))
            })
            .collect()
    }

    fn number(&self, name: &str, low: usize, high: usize) -> Result<usize, ConfigError> {
        let value: usize = self.parsed(name)?;
        if (low..=high).contains(&value) {
            Ok(value)
        } else {
            Err(self.invalid(name, "out of range"))
        }
    }

    fn key(&self, value: &'static str, file: &'static str) -> Result<KeySource, ConfigError> {
        match (Zeroizing::new(self.text(value)), self.path(file)) {
            (text, None) if text.is_empty() => Ok(KeySource::Absent),
            (text, None) => Ok(KeySource::Text(text)),
            (text, Some(path)) if text.is_empty() => Ok(KeySource::File(path)),
            (_, Some(_)) => Err(ConfigError::Both {
                first: value,
                second: file,
            }),
        }
    }
}

impl Settings {
    /// Gives the text of every setting its meaning.
    ///
    /// # Errors
    /// The first setting whose value is not allowed.
    pub fn parse(values: &BTreeMap<&'static str, Resolved>) -> Result<Self, ConfigError> {
        let values = Values(values);
        Ok(Self {
            listen: values.parsed("listen")?,
            public_url: public_url(&values)?,
            tls: tls(&values)?,
            trusted_proxies: values.list("trusted_proxies")?,
            data: values
                .path("data")
                .ok_or_else(|| values.invalid("data", "a directory is needed"))?,
            database: database(&values)?,
            signature_header: header_name(&values)?,
            egress: egress(&values)?,
            extra_ca: values.path("egress.extra_ca"),
            master_key: values.key("master_key", "master_key_file")?,
            operator_key: values.key("operator_key", "operator_key_file")?,
            kept_days: kept_days(&values)?,
            attempts: values.number("limits.attempts", 16, 65_536)?,
            memory_deliveries: values.number("limits.memory_deliveries", 16, 1_000_000)?,
            memory_bytes: values.number("limits.memory_bytes", 1 << 20, 1 << 34)?,
            connections: values.number("limits.connections", 1, 65_536)?,
            connections_per_address: values.number("limits.connections_per_address", 1, 65_536)?,
            telemetry: telemetry(&values)?,
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

fn database(values: &Values<'_>) -> Result<Option<DatabaseSettings>, ConfigError> {
    let url = Zeroizing::new(values.text("database_url"));
    let unsafe_durability = values.parsed("unsafe_durability")?;
    if url.is_empty() {
        return Ok(None);
    }
    let listen: SocketAddr = values.parsed("listen")?;
    let node = Some(values.text("node"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            let host = rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned();
            format!("{host}:{}", listen.port())
        });
    if node.len() > NODE_NAME || node.chars().any(char::is_control) {
        return Err(values.invalid("node", "too long, or with control characters"));
    }
    Ok(Some(DatabaseSettings {
        url,
        authorities: values.path("database_ca"),
        node,
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

fn kept_days(values: &Values<'_>) -> Result<(usize, usize), ConfigError> {
    let bodies = values.number("retention.bodies_days", 1, 36_500)?;
    let records = values.number("retention.attempts_days", 1, 36_500)?;
    match bodies <= records {
        true => Ok((bodies, records)),
        false => Err(values.invalid(
            "retention.attempts_days",
            format!("less than retention.bodies_days, which is {bodies}"),
        )),
    }
}

fn public_url(values: &Values<'_>) -> Result<Option<String>, ConfigError> {
    let text = values.text("public_url");
    if text.is_empty() {
        return Ok(None);
    }
    let url = url::Url::parse(&text).map_err(|error| values.invalid("public_url", error))?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
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
        allow_http: values.parsed("egress.allow_http")?,
        closed_ports: values.list("egress.closed_ports")?.into_iter().collect(),
    })
}

fn telemetry(values: &Values<'_>) -> Result<Telemetry, ConfigError> {
    let json = match values.text("telemetry.format").as_str() {
        "auto" => None,
        "text" => Some(false),
        "json" => Some(true),
        _ => return Err(values.invalid("telemetry.format", "unknown format")),
    };
    let filter = values.text("telemetry.log");
    tracing_subscriber::EnvFilter::builder()
        .parse(&filter)
        .map_err(|error| values.invalid("telemetry.log", error))?;
    Ok(Telemetry { filter, json })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::super::{Layers, load};
    use super::*;

    fn with(flags: &[(&'static str, &str)]) -> Result<Settings, ConfigError> {
        let flags = flags
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let values = load(&Layers {
            flags,
            environment: &|_| None,
            file: None,
        })
        .unwrap();
        Settings::parse(&values)
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let both = with(&[("tls.cert", "c.pem"), ("tls.key", "k.pem")]).unwrap();
        assert!(both.tls.is_some());
        for (given, missing) in [("tls.cert", "tls.key"), ("tls.key", "tls.cert")] {
            let error = with(&[(given, "x.pem")]).unwrap_err().to_string();
            assert!(error.contains(missing), "{error}");
        }
    }

    #[test]
    fn the_defaults_are_allowed() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8420");
        assert!(settings.egress.allow.is_empty());
        assert!(settings.egress.allow_http);
    }

    #[test]
    fn a_wrong_value_names_the_setting_its_value_its_origin_and_what_is_allowed() {
        for (name, value) in [
            ("listen", "8420"),
            ("egress.allow", "10.1.2.0/33"),
            ("egress.allow", "10.1.2.3/24"),
            ("egress.allow_http", "yes"),
            ("egress.closed_ports", "70000"),
            ("limits.attempts", "0"),
            ("limits.memory_bytes", "64MiB"),
            ("signature_header", "webhook-id"),
            ("signature_header", "a b"),
            ("retention.bodies_days", "0"),
            ("retention.attempts_days", "29"),
            ("trusted_proxies", "proxy.example"),
            ("public_url", "example.com"),
            ("public_url", "ftp://example.com"),
            ("public_url", "https://example.com/path"),
            ("telemetry.format", "xml"),
        ] {
            let error = with(&[(name, value)]).unwrap_err();
            let text = error.to_string();
            let ConfigError::Invalid { name: named, .. } = error else {
                panic!("{text}")
            };
            assert_eq!(named, name);
            assert!(
                text.contains(value) && text.contains("(flag)") && text.contains("allowed: "),
                "{text}"
            );
        }
    }

    #[test]
    fn a_secret_is_never_printed_and_excludes_its_file() {
        let flags = || {
            [("master_key", String::from("canary-canary"))]
                .into_iter()
                .collect()
        };
        let values = load(&Layers {
            flags: flags(),
            environment: &|_| None,
            file: None,
        })
        .unwrap();
        assert!(!Settings::print(&values).contains("canary"));
        assert!(!format!("{:?}", Settings::parse(&values).unwrap()).contains("canary"));
        assert!(matches!(
            with(&[("master_key", "x"), ("master_key_file", "y")]),
            Err(ConfigError::Both { .. })
        ));
    }
}
