//! `tidings doctor`: checks what a server needs and says what to do. It changes nothing that a server uses.
//!
//! What would stop a start is found by what a start calls, and said in its words.

use super::SettingFlags;
use super::output::{Failure, say};
use super::permission::{may_read, may_read_data};
use super::serve::{settings_text, unread_variables};
use super::small_runtime;
use crate::app::{self, AppError, check_secret_files, database_authorities};
use crate::clock::Clock;
use crate::config::{DatabaseSettings, Settings};
use crate::data_directory;
use crate::engine::resolver::Resolver;
use crate::store::StoreError;
use crate::store::postgres::{self, Address};
use crate::store::seal::MasterKey;
use crate::store::sqlite::{self, Inspection};
use std::net::SocketAddr;
use std::path::Path;
use tidings_core::address::TargetUrl;
use tidings_core::time::Timestamp;

/// What to check.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    flags: SettingFlags,
    /// A receiver's host name to look up
    #[arg(long, value_name = "HOST")]
    resolve: Option<String>,
    /// Print one JSON object a check
    #[arg(long)]
    json: bool,
}

/// How one check ended.
enum Finding {
    Good(String),
    /// Works, but look at it.
    Note(String),
    /// Does not work; the text says what to do.
    Bad(String),
}

/// A clock before this is wrong: the first version was not made yet. 2026-01-01.
const NOT_BEFORE: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Less free space than this is a warning.
const SPACE: u64 = 1 << 30;

/// Runs `tidings doctor`.
pub fn run(args: DoctorArgs) -> Result<(), Failure> {
    let settings = Settings::parse(&settings_text(&args.flags)?)?;
    let runtime = small_runtime()?;
    let (database, is_running) = database(&settings);
    let checks = [
        ("settings", names_read()),
        ("clock", clock()),
        ("secrets", secrets(&settings)),
        ("disk", disk(&settings)),
        ("database", database),
        ("key", master_key(&settings)),
        ("operator", operator_key(&settings)),
        (
            "listen",
            runtime.block_on(listen("listen", settings.listen, is_running)),
        ),
        (
            "metrics",
            match settings.metrics_listen {
                Some(at) => runtime.block_on(listen("telemetry.metrics_listen", at, is_running)),
                None => Finding::Good(String::from(
                    "no listener of their own (telemetry.metrics_listen)",
                )),
            },
        ),
        ("tls", certificates(&settings)),
        (
            "names",
            runtime.block_on(names(&settings, args.resolve.as_deref())),
        ),
        ("egress", egress(&settings)),
        ("collector", runtime.block_on(collector(&settings))),
        ("notices", runtime.block_on(notices(&settings))),
    ];
    let mut bad = 0;
    for (name, finding) in checks {
        let (word, text) = match finding {
            Finding::Good(text) => ("ok", text),
            Finding::Note(text) => ("note", text),
            Finding::Bad(text) => {
                bad += 1;
                ("BAD", text)
            }
        };
        let line = if args.json {
            serde_json::json!({ "check": name, "result": word.to_lowercase(), "detail": text })
                .to_string()
        } else {
            format!("{word:<5}{name:<10}{text}")
        };
        say(&line)?;
    }
    if bad == 0 {
        Ok(())
    } else {
        Err(Failure::Failed(format!("{bad} of the checks failed")))
    }
}

/// That their values are allowed was seen before the first check; a misspelt variable is none of them.
fn names_read() -> Finding {
    let good = "every value is allowed (see `tidings serve --print-config`)";
    let unread = unread_variables();
    match unread.is_empty() {
        true => Finding::Good(String::from(good)),
        false => Finding::Note(format!("{good}; but {}", unread.join("; "))),
    }
}

fn clock() -> Finding {
    let now = Clock::system().now();
    if now < NOT_BEFORE {
        Finding::Bad(format!(
            "it is {now} here, which cannot be: set the clock, or signatures will be refused as too old"
        ))
    } else {
        Finding::Good(format!("it is {now} here"))
    }
}

fn secrets(settings: &Settings) -> Finding {
    match check_secret_files(settings) {
        Ok(0) => Finding::Good(String::from("no file with a secret is there")),
        Ok(count) => Finding::Good(format!(
            "no other users may read the files with them: {count}"
        )),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

fn disk(settings: &Settings) -> Finding {
    if settings.database.is_some() {
        return Finding::Good(String::from("not used: the data is in the database"));
    }
    let existing = settings
        .data
        .ancestors()
        .find(|path| path.exists() || path.as_os_str().is_empty())
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let probe = existing.join(format!(".tidings-doctor-{}", std::process::id()));
    if let Err(error) =
        std::fs::write(&probe, b"probe").and_then(|()| std::fs::File::open(&probe)?.sync_all())
    {
        return Finding::Bad(format!(
            "{} cannot be written ({error}): give this user the right to, or choose another directory with `data`",
            existing.display()
        ));
    }
    let removed = std::fs::remove_file(&probe);
    match (rustix::fs::statvfs(existing), removed) {
        (Err(error), _) => Finding::Bad(format!("{}: {error}", existing.display())),
        (_, Err(error)) => Finding::Bad(format!(
            "{}: the probe file cannot be removed: {error}",
            existing.display()
        )),
        (Ok(space), Ok(())) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let text = format!(
                "{} can be written, {} MiB are free",
                existing.display(),
                free >> 20
            );
            if let Some(shared) = data_directory::shared(&settings.data) {
                Finding::Note(format!("{text}; but {shared}"))
            } else if free < SPACE {
                Finding::Note(text)
            } else {
                Finding::Good(text)
            }
        }
    }
}

/// And whether a server runs on it, where that can be known.
fn database(settings: &Settings) -> (Finding, Option<bool>) {
    if let Some(database) = &settings.database {
        return (remote(database, &settings.node), None);
    }
    if let Err(failure) = may_read_data(settings) {
        return (Finding::Bad(failure.to_string()), None);
    }
    match sqlite::inspect(&settings.data) {
        Ok(Inspection::Absent) => (
            Finding::Good(String::from("none yet; the first `tidings serve` makes it")),
            Some(false),
        ),
        Ok(Inspection::InUse { pid }) => (
            Finding::Good(format!(
                "in use by a running server{}",
                pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
            )),
            Some(true),
        ),
        Ok(Inspection::Sound { format, bytes }) => (
            Finding::Good(format!("sound: format {format}, {} MiB", bytes >> 20)),
            Some(false),
        ),
        Err(error) => (Finding::Bad(error.to_string()), None),
    }
}

fn master_key(settings: &Settings) -> Finding {
    if let Some(Err(failure)) = app::master_key_path(settings).map(|path| may_read(&path)) {
        return Finding::Bad(failure.to_string());
    }
    let key = match app::master_key_found(settings) {
        Ok(Some(key)) => key,
        Ok(None) => {
            return Finding::Good(String::from("none yet; the first `tidings serve` makes it"));
        }
        Err(error) => return Finding::Bad(error.to_string()),
    };
    match key_fits(settings, &key) {
        Ok(()) => Finding::Good(String::from("there, and it fits the data")),
        Err(error @ StoreError::WrongMasterKey { .. }) => Finding::Bad(error.to_string()),
        Err(_) => Finding::Note(String::from(
            "there; whether it fits cannot be told while the database cannot be read",
        )),
    }
}

fn key_fits(settings: &Settings, key: &MasterKey) -> Result<(), StoreError> {
    let Some(database) = &settings.database else {
        return sqlite::key_fits(&settings.data, key);
    };
    let unreadable = |error: AppError| StoreError::Io {
        what: error.to_string(),
    };
    let authorities = database_authorities(Some(database)).map_err(unreadable)?;
    let address = Address::parse(&database.url, &authorities);
    postgres::key_fits(&address.map_err(|error| unreadable(error.into()))?, key)
}

fn operator_key(settings: &Settings) -> Finding {
    match app::preset_key(settings) {
        Ok(Some(_)) => Finding::Good(String::from("a key is preset (operator_key)")),
        Ok(None) => Finding::Good(String::from("no key is preset; the first start makes one")),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

fn certificates(settings: &Settings) -> Finding {
    match app::certificates(settings, &Clock::system()) {
        Ok(Some(_)) => Finding::Good(String::from("the certificate and its key can be used")),
        Ok(None) => Finding::Good(String::from("off (tls.cert and tls.key turn it on)")),
        Err(error) => Finding::Bad(format!(
            "{error}; give this user the right to read both files, which belong together"
        )),
    }
}

/// It holds nothing up, so it is no reason not to start.
async fn collector(settings: &Settings) -> Finding {
    let url = settings.otlp.as_ref().map(|otlp| otlp.url.to_string());
    let url = url.unwrap_or_default();
    match app::reach_collector(settings).await {
        Ok(None) => Finding::Good(String::from("off (telemetry.otlp names one)")),
        Ok(Some(Ok(()))) => Finding::Good(format!("{url} answers")),
        Ok(Some(Err(problem))) => Finding::Note(format!(
            "{url}: {problem}; traces and metrics for it are lost meanwhile: look at telemetry.otlp and telemetry.otlp_headers"
        )),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

fn remote(database: &DatabaseSettings, node: &str) -> Finding {
    let authorities = match database_authorities(Some(database)) {
        Ok(authorities) => authorities,
        Err(error) => return Finding::Bad(error.to_string()),
    };
    let address = match Address::parse(&database.url, &authorities) {
        Ok(address) => address,
        Err(error) => return Finding::Bad(error.to_string()),
    };
    let name = address.name().display();
    match postgres::inspect(&address, database.unsafe_durability) {
        Ok(found) => Finding::Good(format!(
            "{name}: PostgreSQL {}, durable, {}, {} nodes at work; this one is `{}`",
            found.version,
            match found.format {
                0 => String::from("empty: the first node makes the tables"),
                format => format!("format {format}"),
            },
            found.nodes,
            node
        )),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

/// Whether an address can be listened on. That it is in use is well where the server runs; where that cannot be known it is
/// a reason to look.
async fn listen(setting: &'static str, wanted: SocketAddr, is_running: Option<bool>) -> Finding {
    match (app::listen(setting, wanted), is_running) {
        (Ok(_), _) => Finding::Good(format!("{wanted} is free")),
        (Err(AppError::Listen { problem, .. }), Some(true) | None)
            if problem.kind() == std::io::ErrorKind::AddrInUse =>
        {
            Finding::Note(format!(
                "{wanted} is in use: by a running server, or choose another with `{setting}`"
            ))
        }
        (Err(error), _) => Finding::Bad(error.to_string()),
    }
}

/// A host is judged as a send judges it, in its words.
async fn names(settings: &Settings, host: Option<&str>) -> Finding {
    let resolver = match Resolver::system() {
        Ok(resolver) => resolver,
        Err(error) => {
            return Finding::Bad(format!(
                "the system's resolver settings cannot be read: {error}"
            ));
        }
    };
    let Some(host) = host else {
        return Finding::Good(String::from(
            "the system's resolver settings are read (try a host with --resolve HOST)",
        ));
    };
    let addresses = match resolver.lookup(host).await {
        Ok(addresses) => addresses,
        Err(error) => return Finding::Bad(format!("{host}: {error}")),
    };
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let found = format!("{host} is {}", shown.join(", "));
    let rules = &settings.egress;
    let refused = |why: String| Finding::Bad(format!("{found}; a send to it is refused: {why}"));
    let target = TargetUrl::from_stored(&format!("https://{host}/"));
    if let Err(why) = target.and_then(|target| target.origin().vet(rules)) {
        return refused(why.to_string());
    }
    if settings.proxy.is_some() {
        return Finding::Note(format!(
            "{found} from here; sends ask the proxy, which looks it up itself"
        ));
    }
    match rules.vet_addresses(&addresses) {
        Ok(()) => Finding::Good(found),
        Err(refusal) => refused(refusal.to_string()),
    }
}

async fn notices(settings: &Settings) -> Finding {
    let organization = settings.notices.organization;
    let mailer = match crate::app::mailer(&settings.notices) {
        Ok(mailer) => mailer,
        Err(error) => return Finding::Bad(error.to_string()),
    };
    let events = organization.map(|id| format!("events of organization {id}"));
    let mail = match &mailer {
        Some(mailer) => match mailer.reach().await {
            Ok(()) => Some(format!("mail through {}, which answers", mailer.server())),
            Err(error) => return Finding::Bad(error.to_string()),
        },
        None => None,
    };
    let ways: Vec<String> = events.into_iter().chain(mail).collect();
    match ways.is_empty() {
        true => Finding::Good(String::from(
            "off (notices.organization and notices.smtp_url turn them on)",
        )),
        false => Finding::Good(ways.join(", and ")),
    }
}

fn egress(settings: &Settings) -> Finding {
    if let Err(error) = app::extra_ca(settings).and_then(|_| app::dialer(settings)) {
        return Finding::Bad(error.to_string());
    }
    let rules = &settings.egress;
    let opened: Vec<String> = rules.opened_metadata().map(ToString::to_string).collect();
    if !opened.is_empty() {
        return Finding::Note(format!(
            "egress.allow opens cloud metadata addresses ({}): whoever sets a target URL can read what they serve",
            opened.join(", ")
        ));
    }
    if let Some(proxy) = settings.proxy.as_ref().map(|proxy| &proxy.address) {
        return Finding::Note(format!(
            "through the proxy {}:{}, which looks names up: it must not let them lead inside",
            proxy.host, proxy.port
        ));
    }
    let allow: Vec<String> = rules.allow.iter().map(ToString::to_string).collect();
    if allow.is_empty() {
        Finding::Good(String::from(
            "public addresses only; open private ones with egress.allow",
        ))
    } else {
        Finding::Good(format!("public addresses and {}", allow.join(", ")))
    }
}
