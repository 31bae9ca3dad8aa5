//! The command line: what was asked for, parsed by clap, and one exit code for each way to end.
//!
//! Exit codes: 0 done; 1 it did not work (the message says why); 2 the command line is wrong; 3 changes are pending
//! (`apply`); 74 the disk failed; 78 a setting or the data directory is wrong.

mod apply;
mod audit;
mod backup;
mod client;
mod compact;
mod demo;
mod doctor;
mod events;
mod export;
mod health;
mod keys;
mod listen;
mod master_key;
mod migrate;
mod notices;
mod output;
mod permission;
mod receiver;
mod restore;
mod serve;
mod setup_link;
mod verify;
mod view;

use crate::config::{Form, SETTINGS, Setting};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};
use output::{Failure, say_error};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// A self-hosted server that sends webhooks: signed, retried, and found in the log.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, about, after_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    command: Action,
}

const AFTER: &str = "Start here: tidings demo\n\nExit codes: 0 done, 1 failed (the message says why), 2 wrong command line, 3 changes pending (apply), 74 disk failure, 78 wrong setting or data directory";

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the server
    #[command(
        after_help = "In environment or file only, since arguments can be read by every user of the machine:\n  master_key    [env: TIDINGS_MASTER_KEY]    32 bytes as 64 hex digits or base64\n  operator_key  [env: TIDINGS_OPERATOR_KEY]  a key made by `tidings key generate --scope operator`\n  database_url  [env: TIDINGS_DATABASE_URL]  postgres://user:password@host:5432/database, sslmode=require for TLS\n  egress.proxy_credentials  [env: TIDINGS_EGRESS_PROXY_CREDENTIALS]  user:password\n  telemetry.otlp_headers  [env: TIDINGS_TELEMETRY_OTLP_HEADERS]  name=value, with commas between several\n  notices.smtp_url  [env: TIDINGS_NOTICES_SMTP_URL]  smtp://user:password@host:587\n\nExample: tidings serve --data /var/lib/tidings --egress-allow 10.1.2.0/24"
    )]
    Serve(serve::ServeArgs),
    /// Show the whole product in one terminal: server, receivers, events, retries
    #[command(after_help = "Example: tidings demo")]
    Demo(demo::DemoArgs),
    /// Post one event, or many from NDJSON
    #[command(after_help = events::EXAMPLES)]
    Send(events::SendArgs),
    /// A local receiver that verifies and prints what it gets, and can fail on purpose
    #[command(after_help = "Example: tidings listen --secret whsec_… --status 500 --times 2")]
    Listen(listen::ListenArgs),
    /// Check a signature, offline
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::VerifyArgs),
    /// Bring a server to what a file says: organizations, endpoints, event types
    #[command(after_help = apply::EXAMPLES)]
    Apply(apply::ApplyArgs),
    /// Print a server's organizations, endpoints and event types as a file for `apply`
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// API keys
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Key(keys::KeyAction),
    /// The key that seals signing secrets
    #[command(subcommand, after_help = master_key::EXAMPLES)]
    MasterKey(master_key::MasterKeyAction),
    /// Show the audit log of a server, or check that it is whole
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::AuditArgs),
    /// Check what a start needs, from settings to certificates, and say what to do
    #[command(after_help = "Example: tidings doctor --data /var/lib/tidings")]
    Doctor(doctor::DoctorArgs),
    /// Ask a running server whether it is ready
    #[command(after_help = health::EXAMPLES)]
    Health(health::HealthArgs),
    /// Make a one-time link into the console, for the first operator or one who lost the way in
    #[command(after_help = setup_link::EXAMPLES)]
    SetupLink(setup_link::SetupLinkArgs),
    /// Notices: what operators are told of endpoints
    #[command(subcommand, after_help = notices::EXAMPLES)]
    Notices(notices::NoticesAction),
    /// Carry the embedded store's data over to PostgreSQL
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::MigrateArgs),
    /// Copy the data to a file, while a server runs on it, and check the copy
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::BackupArgs),
    /// Make a data directory of a backup, and check it
    #[command(after_help = restore::EXAMPLES)]
    Restore(restore::RestoreArgs),
    /// Write the data's file anew, while no server runs on it: smaller, and without what was removed
    #[command(after_help = compact::EXAMPLES)]
    Compact(compact::CompactArgs),
    /// Print the OpenAPI document
    #[command(after_help = "Example: tidings openapi > openapi.json")]
    Openapi,
}

/// The settings that flags gave, by name: one flag for every row of the table.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags {
    /// Values by setting name.
    pub values: BTreeMap<&'static str, String>,
    /// A settings file named by flag.
    pub file: Option<PathBuf>,
}

fn flag_name(setting: &str) -> String {
    setting.replace(['.', '_'], "-")
}

/// Secrets have no flag: every user of the machine can read a process's arguments.
fn on_the_command_line() -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .filter(|setting| setting.form != Form::Secret)
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("Settings file [default: ./tidings.toml, when it exists] [env: TIDINGS_CONFIG]");
        on_the_command_line().fold(command.arg(file), |command, setting| {
            let default = if setting.default.is_empty() {
                String::new()
            } else {
                format!(" [default: {}]", setting.default)
            };
            let help = format!(
                "{}: {}{default} [env: {}]",
                setting.help, setting.allowed, setting.env
            );
            command.arg(
                Arg::new(setting.name)
                    .long(flag_name(setting.name))
                    .value_name("VALUE")
                    .help(help)
                    .help_heading("Settings"),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in on_the_command_line() {
            if let Some(value) = matches.get_one::<String>(setting.name) {
                self.values.insert(setting.name, value.clone());
            }
        }
        self.file = matches.get_one::<String>("config").map(PathBuf::from);
        Ok(())
    }
}

/// Runs the command line to its end.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Action::Serve(args) => serve::run(args),
        Action::Demo(args) => demo::run(args),
        Action::Send(args) => events::run(args),
        Action::Listen(args) => listen::run(args),
        Action::Verify(args) => verify::run(args),
        Action::Apply(args) => apply::run(args),
        Action::Export(args) => export::run(args),
        Action::Key(action) => keys::run(action),
        Action::Audit(args) => audit::run(args),
        Action::MasterKey(action) => master_key::run(action),
        Action::Doctor(args) => doctor::run(args),
        Action::Health(args) => health::run(args),
        Action::SetupLink(args) => setup_link::run(args),
        Action::Notices(action) => notices::run(action),
        Action::Migrate(args) => migrate::run(args),
        Action::Backup(args) => backup::run(args),
        Action::Restore(args) => restore::run(args),
        Action::Compact(args) => compact::run(args),
        Action::Openapi => output::say(crate::http::openapi()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say_error(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A runtime for commands that talk to a server for a moment.
fn small_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}
