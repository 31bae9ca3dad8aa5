//! Settings: what an operator may choose, where each value came from, and what is wrong with it.
//!
//! One table ([`SETTINGS`]) names every setting; flags, environment variables and the file are three ways
//! to say the same names. Flags win over the environment, the environment over the file. A wrong value is
//! one error that names the setting, the value, what is allowed, and where it came from.
//!
//! Deliberately absent: environment names made by rule. `TIDINGS_EGRESS_ALLOW_HTTP` could be read two ways;
//! the table says which.

mod notices;
mod resolve;
mod sources;
mod values;

pub use notices::NoticeSettings;
pub use resolve::{DatabaseSettings, KeySource, ProxySettings, Settings, Telemetry};
pub use sources::{Layers, Origin, Resolved, load};

/// How a setting's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One value.
    Single,
    /// A list: an array in the file, comma-separated elsewhere; empty is an empty list.
    List,
    /// One value that is never printed.
    Secret,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the file; the flag is the same with dashes for dots and underscores.
    pub name: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// How it is written.
    pub form: Form,
    /// Its value when nobody says one, as text.
    pub default: &'static str,
    /// What is allowed, for errors and help.
    pub allowed: &'static str,
    /// What it does, for help and docs.
    pub help: &'static str,
}

macro_rules! settings {
    ($(($name:literal, $env:literal, $form:ident, $default:literal, $allowed:literal, $help:literal)),* $(,)?) => {
        /// Every setting there is.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { name: $name, env: $env, form: Form::$form, default: $default, allowed: $allowed, help: $help }),*
        ];
    };
}

settings![
    (
        "listen",
        "TIDINGS_LISTEN",
        Single,
        "127.0.0.1:8420",
        "ADDRESS:PORT",
        "Where the API listens"
    ),
    (
        "data",
        "TIDINGS_DATA",
        Single,
        "./tidings-data",
        "a directory",
        "Data directory of the embedded store; made when missing"
    ),
    (
        "public_url",
        "TIDINGS_PUBLIC_URL",
        Single,
        "",
        "http://host or https://host, with a port if need be",
        "How people reach the console from outside, for links; https also for strict transport security"
    ),
    (
        "tls.cert",
        "TIDINGS_TLS_CERT",
        Single,
        "",
        "a PEM file with the certificate and its chain",
        "Serve HTTPS with this certificate, together with tls.key; read again when it changes"
    ),
    (
        "tls.key",
        "TIDINGS_TLS_KEY",
        Single,
        "",
        "a PEM file",
        "The certificate's private key"
    ),
    (
        "trusted_proxies",
        "TIDINGS_TRUSTED_PROXIES",
        List,
        "",
        "CIDRs such as 10.1.2.3/32",
        "Proxies whose X-Forwarded-For is believed, for logins and the audit log"
    ),
    (
        "database_url",
        "TIDINGS_DATABASE_URL",
        Secret,
        "",
        "postgres://user:password@host:5432/database, sslmode=require for TLS",
        "PostgreSQL instead of the embedded store: for several nodes on the same data"
    ),
    (
        "database_ca",
        "TIDINGS_DATABASE_CA",
        Single,
        "",
        "a PEM file",
        "Further root certificates for the database's TLS"
    ),
    (
        "node",
        "TIDINGS_NODE",
        Single,
        "",
        "1 to 64 characters",
        "This node's name among those on the same database; the host's name and the port otherwise"
    ),
    (
        "unsafe_durability",
        "TIDINGS_UNSAFE_DURABILITY",
        Single,
        "false",
        "true or false",
        "Whether a database that may forget what it confirmed is taken all the same"
    ),
    (
        "signature_header",
        "TIDINGS_SIGNATURE_HEADER",
        Single,
        "vomo-signature",
        "a header name of letters, digits and -",
        "Name of the header with the platform's signature"
    ),
    (
        "egress.allow",
        "TIDINGS_EGRESS_ALLOW",
        List,
        "",
        "CIDRs such as 10.1.2.0/24",
        "Private networks that target URLs may reach; everything not public is closed otherwise"
    ),
    (
        "egress.allow_http",
        "TIDINGS_EGRESS_ALLOW_HTTP",
        Single,
        "true",
        "true or false",
        "Whether target URLs may be http://"
    ),
    (
        "egress.closed_ports",
        "TIDINGS_EGRESS_CLOSED_PORTS",
        List,
        "",
        "port numbers",
        "Ports that target URLs may not use, besides those always closed"
    ),
    (
        "egress.nat64",
        "TIDINGS_EGRESS_NAT64",
        Single,
        "false",
        "true or false",
        "Whether 64:ff9b::/96 is taken for the IPv4 addresses in it, on networks that reach IPv4 by NAT64"
    ),
    (
        "egress.proxy",
        "TIDINGS_EGRESS_PROXY",
        Single,
        "",
        "http://host:port",
        "Send through this HTTP proxy (CONNECT); it looks names up, so keeping them from leading inside is its part"
    ),
    (
        "egress.proxy_credentials",
        "TIDINGS_EGRESS_PROXY_CREDENTIALS",
        Secret,
        "",
        "user:password",
        "What the proxy asks for"
    ),
    (
        "egress.extra_ca",
        "TIDINGS_EGRESS_EXTRA_CA",
        Single,
        "",
        "a PEM file",
        "Further root certificates for receivers' TLS"
    ),
    (
        "master_key",
        "TIDINGS_MASTER_KEY",
        Secret,
        "",
        "32 bytes as 64 hex digits or base64",
        "Key that seals signing secrets at rest"
    ),
    (
        "master_key_file",
        "TIDINGS_MASTER_KEY_FILE",
        Single,
        "",
        "a file of mode 0600",
        "File with the master key; without either, <data>/master.key is made"
    ),
    (
        "operator_key",
        "TIDINGS_OPERATOR_KEY",
        Secret,
        "",
        "a key made by `tidings key generate --scope operator`",
        "Presets the operator's API key, for automation"
    ),
    (
        "operator_key_file",
        "TIDINGS_OPERATOR_KEY_FILE",
        Single,
        "",
        "a file",
        "File with the operator's API key"
    ),
    (
        "notices.organization",
        "TIDINGS_NOTICES_ORGANIZATION",
        Single,
        "",
        "an organization's number",
        "The operator's organization: its endpoints may choose notices (endpoint failing, exhausted, switched off, …)"
    ),
    (
        "notices.smtp_url",
        "TIDINGS_NOTICES_SMTP_URL",
        Secret,
        "",
        "smtp://user:password@host:587 (STARTTLS) or smtps://…; smtp://…?tls=none sends in the clear",
        "The mail server that notices are mailed through; without one they are not mailed"
    ),
    (
        "notices.smtp_ca",
        "TIDINGS_NOTICES_SMTP_CA",
        Single,
        "",
        "a PEM file",
        "Further root certificates for the mail server's TLS"
    ),
    (
        "notices.email_from",
        "TIDINGS_NOTICES_EMAIL_FROM",
        Single,
        "",
        "an address such as tidings@example.org",
        "From whom notices are mailed"
    ),
    (
        "notices.email_to",
        "TIDINGS_NOTICES_EMAIL_TO",
        List,
        "",
        "1 to 20 addresses such as ops@example.org",
        "To whom notices are mailed"
    ),
    (
        "retention.bodies_days",
        "TIDINGS_RETENTION_BODIES_DAYS",
        Single,
        "30",
        "1 to 36500",
        "Days that bodies of events are kept; what waits longer is cancelled"
    ),
    (
        "retention.attempts_days",
        "TIDINGS_RETENTION_ATTEMPTS_DAYS",
        Single,
        "90",
        "1 to 36500, at least retention.bodies_days",
        "Days that events, deliveries, attempts and statistics are kept"
    ),
    (
        "retention.audit_days",
        "TIDINGS_RETENTION_AUDIT_DAYS",
        Single,
        "365",
        "1 to 36500",
        "Days that the audit log is kept"
    ),
    (
        "limits.attempts",
        "TIDINGS_LIMITS_ATTEMPTS",
        Single,
        "4096",
        "16 to 65536",
        "Attempts in flight at once"
    ),
    (
        "limits.memory_deliveries",
        "TIDINGS_LIMITS_MEMORY_DELIVERIES",
        Single,
        "16384",
        "16 to 1000000",
        "Deliveries in memory at once; more wait in the store"
    ),
    (
        "limits.memory_bytes",
        "TIDINGS_LIMITS_MEMORY_BYTES",
        Single,
        "67108864",
        "1048576 to 17179869184",
        "Bytes of event data in memory at once"
    ),
    (
        "limits.connections",
        "TIDINGS_LIMITS_CONNECTIONS",
        Single,
        "4096",
        "1 to 65536",
        "Connections to the API at once"
    ),
    (
        "limits.connections_per_address",
        "TIDINGS_LIMITS_CONNECTIONS_PER_ADDRESS",
        Single,
        "256",
        "1 to 65536",
        "Connections to the API at once from one address over which no valid key came; this machine's own and trusted proxies' are not counted"
    ),
    (
        "limits.events_per_second",
        "TIDINGS_LIMITS_EVENTS_PER_SECOND",
        Single,
        "0",
        "0 (no limit) to 1000000",
        "Events a second that this node takes; more are refused with 503 and Retry-After"
    ),
    (
        "limits.events_per_second_per_organization",
        "TIDINGS_LIMITS_EVENTS_PER_SECOND_PER_ORGANIZATION",
        Single,
        "0",
        "0 (no limit) to 1000000",
        "Events a second of one organization that this node takes; more are refused with 429 and Retry-After"
    ),
    (
        "telemetry.log",
        "TIDINGS_TELEMETRY_LOG",
        Single,
        "info",
        "a filter such as info or tidings::attempt=debug",
        "What is logged"
    ),
    (
        "telemetry.format",
        "TIDINGS_TELEMETRY_FORMAT",
        Single,
        "auto",
        "auto, text or json",
        "How it is logged: auto is text on a terminal and JSON elsewhere"
    ),
    (
        "telemetry.metrics_listen",
        "TIDINGS_TELEMETRY_METRICS_LISTEN",
        Single,
        "",
        "ADDRESS:PORT",
        "Serve /metrics here, too, without a key; for a network where only the watcher is"
    ),
];

/// What is wrong with the settings. Each text is one line that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that is not in the table.
    #[error("unknown setting `{name}` ({origin}){}", suggestion.map_or_else(String::new, |known| format!("; did you mean `{known}`?")))]
    Unknown {
        /// The name as written.
        name: String,
        /// Where it stands.
        origin: Origin,
        /// The nearest known name.
        suggestion: Option<&'static str>,
    },
    /// A value that is not allowed.
    #[error("{name} = {value} ({origin}): {problem}; allowed: {allowed}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value as written, masked where secret.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What is wrong with it.
        problem: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Two settings that exclude each other.
    #[error("{first} and {second} are both set; give one of them")]
    Both {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The settings file cannot be read.
    #[error("the settings file {path} cannot be read: {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        problem: String,
    },
}

/// The nearest of `known` to `given`, if it is near enough to be meant.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (distance(given, name), name))
        .filter(|(steps, name)| *steps <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Edit distance of two short texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        let mut next = vec![last];
        for (above, to) in row.iter().skip(1).zip(&right) {
            last = (diagonal + usize::from(from != *to))
                .min(above + 1)
                .min(last + 1);
            diagonal = *above;
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let names = || SETTINGS.iter().map(|setting| setting.name);
        assert_eq!(nearest("egres.allow", names()), Some("egress.allow"));
        assert_eq!(nearest("colour", names()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn names_and_variables_are_unique() {
        let names: std::collections::BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.name).collect();
        let variables: std::collections::BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.env).collect();
        assert_eq!(
            (names.len(), variables.len()),
            (SETTINGS.len(), SETTINGS.len())
        );
    }
}
