//! `tidings serve`: the server, until a signal stops it.

use super::output::{Failure, note, say};
use super::{SettingFlags, output};
use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::config::{Layers, Resolved, Settings, load, unread};
use crate::service_manager::{self, Phase};
use crate::{core_dump, handles, telemetry};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// How to serve.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    flags: SettingFlags,
    /// Print every setting with the origin of its value, and end
    #[arg(long)]
    print_config: bool,
}

/// The settings file that is read when none is named.
const FILE: &str = "tidings.toml";

/// All settings as text, from this process's flags, environment and file.
pub fn settings_text(flags: &SettingFlags) -> Result<BTreeMap<&'static str, Resolved>, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    let named: Option<PathBuf> = flags
        .file
        .clone()
        .or_else(|| environment("TIDINGS_CONFIG").map(PathBuf::from));
    let file = named.or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.exists()));
    Ok(load(&Layers {
        flags: flags.values.clone(),
        environment: &environment,
        file: file.as_deref().map(Path::new),
    })?)
}

/// What is wrong with the names in this process's environment, one line each.
pub fn unread_variables() -> Vec<String> {
    unread(std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()))
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => Self::Store(error),
            other => Self::Environment(other.to_string()),
        }
    }
}

/// The runtime that takes events in.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    crate::runtime::build("intake")
        .map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

/// Runs `tidings serve`.
pub fn run(args: ServeArgs) -> Result<(), Failure> {
    let text = settings_text(&args.flags)?;
    let settings = Settings::parse(&text)?;
    if args.print_config {
        return say(Settings::print(&text).trim_end());
    }
    telemetry::start(&settings.telemetry);
    for line in unread_variables() {
        tracing::warn!("{line}");
    }
    core_dump::forbid();
    handles::reserve(&settings);
    runtime()?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let stop = Stop::listen()?;
    let app = App::start(settings, Clock::system()).await?;
    note(&format!(
        "Tidings {} serves {}://{} (data in {})",
        env!("CARGO_PKG_VERSION"),
        app.scheme(),
        app.address(),
        app.location()
    ));
    tell(Phase::Ready);
    if let Some(link) = app.setup_link() {
        note("Set the console up here; the link works once, for 15 minutes:");
        output::say(link)?;
    }
    if let Some(key) = app.first_key() {
        note("The operator's API key, shown this once:");
        output::say(key.expose())?;
    }
    tokio::select! {
        () = stop.wait() => {
            tracing::info!("stopping: finishing what is in flight");
            tell(Phase::Stopping);
            app.stop().await;
            Ok(())
        }
        error = app.failed() => Err(Failure::Store(error)),
    }
}

/// Tells systemd, when it started us.
fn tell(phase: Phase) {
    if let Err(error) = service_manager::tell(std::env::var_os("NOTIFY_SOCKET").as_deref(), phase) {
        tracing::warn!(%error, "the service manager cannot be told: NOTIFY_SOCKET");
    }
}

/// The signals that stop a server cleanly.
pub struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    /// Listens from now on.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for one.
    pub async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
