//! `tidings migrate`: from the embedded store to PostgreSQL, with progress, to go on with when it was cut short.

use super::SettingFlags;
use super::output::{Failure, note, paint, say};
use super::serve::settings_text;
use crate::app;
use crate::config::Settings;
use crate::store::migrate::{self, MigrateError, Progress};
use crate::store::postgres::Address;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// Shown by `tidings migrate --help`.
pub const EXAMPLES: &str = "Stop the server first. Run again what was cut short: it goes on where it stopped.\n\nExample: tidings migrate --from sqlite:/var/lib/tidings --to postgres://tidings@db.internal/tidings\nA password belongs in TIDINGS_DATABASE_URL, not into --to: arguments can be read by every user of the machine";

/// From where, and to where.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// The data directory to carry over, as sqlite:DIRECTORY [default: the setting `data`]
    #[arg(long, value_name = "sqlite:DIRECTORY")]
    from: Option<String>,
    /// The database to fill, as postgres://… [default: the setting `database_url`]
    #[arg(long, value_name = "postgres://…")]
    to: Option<String>,
    #[command(flatten)]
    flags: SettingFlags,
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Store(error) => Self::Store(error),
            MigrateError::NotEmpty(_) | MigrateError::InUse(_) | MigrateError::Moved(_) => {
                Self::Environment(error.to_string())
            }
            MigrateError::Different { .. } => Self::Failed(error.to_string()),
        }
    }
}

/// Runs `tidings migrate`.
pub fn run(args: MigrateArgs) -> Result<(), Failure> {
    let mut settings = Settings::parse(&settings_text(&args.flags)?)?;
    if let Some(from) = &args.from {
        let directory = from.strip_prefix("sqlite:").ok_or_else(|| {
            Failure::Environment(format!("--from {from}: write it as sqlite:DIRECTORY"))
        })?;
        settings.data = PathBuf::from(directory);
    }
    let key = app::master_key_of(&settings)?;
    let (url, authorities) = match (&args.to, &settings.database) {
        (Some(url), database) => (url.as_str(), database.as_ref()),
        (None, Some(database)) => (database.url.as_str(), Some(database)),
        (None, None) => {
            return Err(Failure::Environment(String::from(
                "where to? Give --to postgres://… or set database_url",
            )));
        }
    };
    let authorities = app::database_authorities(authorities)?;
    let to = Address::parse(url, &authorities).map_err(app::AppError::from)?;
    note(&format!(
        "from {} to {}",
        settings.data.display(),
        to.name().display()
    ));
    let mut shown = Shown::default();
    migrate::run(&settings.data, &to, &key, &mut |progress| {
        shown.show(progress)
    })?;
    say(&format!(
        "{} rows carried over and read back: the same. {} is as it was; start the nodes with database_url, and keep it until you trust them.",
        shown.verified,
        settings.data.display()
    ))
}

/// What was shown so far.
#[derive(Default)]
struct Shown {
    verified: u64,
    open: bool,
}

impl Shown {
    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Carried { table, rows, of } => {
                let done = rows >= of;
                // One line that moves on a terminal; elsewhere one line for each table.
                if std::io::stdout().is_terminal() {
                    let end = if done { "\n" } else { "" };
                    paint(&format!("\r  {table:<20} {rows:>12} of {of}{end}"));
                    self.open = !done;
                } else if done {
                    note(&format!("  {table:<20} {rows:>12}"));
                }
            }
            Progress::Verified { table, rows } => {
                self.verified += rows;
                note(&format!("  {table:<20} {rows:>12} read back, the same"));
            }
        }
    }
}
