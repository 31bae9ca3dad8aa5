//! Every setting there is: its name, its variable, its default, what is allowed and what it does.
//!
//! From here come the flags with their help, `--print-config` and the reference page. Deliberately absent: what a value means,
//! which is [`super::Settings::parse`]'s.

use super::{Form, Setting};

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
        "console.second_factor",
        "TIDINGS_CONSOLE_SECOND_FACTOR",
        Single,
        "optional",
        "optional or required",
        "Whether people with an account of the console must have a second factor (one-time codes of an authenticator app)"
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
        "a PEM file of mode 0600",
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
        "egress.allow_names",
        "TIDINGS_EGRESS_ALLOW_NAMES",
        List,
        "",
        "hosts such as hooks.example.com or *.example.com",
        "The only hosts that target URLs may have; without any, every public one"
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
        "egress.source_addresses",
        "TIDINGS_EGRESS_SOURCE_ADDRESSES",
        List,
        "",
        "this machine's addresses, at most one of IPv4 and one of IPv6",
        "Addresses that requests to receivers, or to the proxy, leave from; the system chooses otherwise"
    ),
    (
        "master_key",
        "TIDINGS_MASTER_KEY",
        Secret,
        "",
        "32 bytes as 64 hex digits or base64",
        "Key that seals signing secrets and second factors at rest"
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
        "a file of mode 0600",
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
        "limits.connection_seconds",
        "TIDINGS_LIMITS_CONNECTION_SECONDS",
        Single,
        "600",
        "10 to 86400",
        "Seconds that a connection to the API lasts; what is asked by then is answered, with connection: close"
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
        "off, error, warn, info, debug or trace; also by module: info,tidings::attempt=debug",
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
        "telemetry.otlp",
        "TIDINGS_TELEMETRY_OTLP",
        Single,
        "",
        "http://host:port or https://host, with a path if need be",
        "Send traces and metrics to this OpenTelemetry collector (OTLP over HTTP; /v1/traces and /v1/metrics are added)"
    ),
    (
        "telemetry.otlp_headers",
        "TIDINGS_TELEMETRY_OTLP_HEADERS",
        Secret,
        "",
        "name=value, with commas between several",
        "Headers that the collector asks for, such as a key"
    ),
    (
        "telemetry.otlp_percent",
        "TIDINGS_TELEMETRY_OTLP_PERCENT",
        Single,
        "100",
        "0 to 100",
        "Of a hundred events without a traceparent of their producer, so many are traced"
    ),
    (
        "telemetry.traceparent_to_receivers",
        "TIDINGS_TELEMETRY_TRACEPARENT_TO_RECEIVERS",
        Single,
        "false",
        "true or false",
        "Whether requests to receivers have a traceparent; a header more than the contract has"
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
