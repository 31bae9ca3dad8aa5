//! `tidings restore`: a data directory made of a backup, checked, with its master key, and what to do next.

use super::SettingFlags;
use super::backup::{Shown, damage, key_beside, report, summary};
use super::output::{Failure, say};
use super::serve::settings_text;
use crate::app::AppError;
use crate::config::{KeySource, Settings};
use crate::store::StoreError;
use crate::store::seal::file::{self, MASTER_KEY_FILE};
use crate::store::seal::{MasterKey, MasterKeyError};
use crate::store::sqlite::backup::{self, BackupError};
use serde_json::json;
use std::path::PathBuf;

/// Shown by `tidings restore --help`.
pub const EXAMPLES: &str = "The directory must be empty or missing. The master key is proved to fit before anything gets its name; it is taken from --key, else from\nthe settings master_key or master_key_file, else from FILE.key beside the backup. One from --key or FILE.key is copied to DIR/master.key.\n\nExample: tidings restore /backup/tidings-2026-03-01T04-00-00Z.db --data /var/lib/tidings-restored --key /safe/master.key";

/// Which backup, and where to.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The file that `tidings backup` made
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The file with the master key that the backup's data was written with
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Where the key is, and whether it is copied into the directory.
struct Key {
    key: MasterKey,
    copied_from: Option<PathBuf>,
}

/// Runs `tidings restore`.
pub fn run(args: RestoreArgs) -> Result<(), Failure> {
    let settings = Settings::parse(&settings_text(&args.flags)?)?;
    if settings.database.is_some() {
        return Err(Failure::Environment(String::from(
            "with database_url the data is in PostgreSQL: `pg_restore --dbname=… tidings.dump` into an empty database, with the nodes stopped \
             (docs/operate/backup.md)",
        )));
    }
    let key = key_of(&args, &settings)?;
    let mut shown = Shown::new(args.json);
    let key_file = settings.data.join(MASTER_KEY_FILE);
    let restored = backup::restore(
        &args.backup,
        &settings.data,
        &key.key,
        &mut |progress| shown.show(progress),
        || match &key.copied_from {
            Some(from) => file::copy(from, &key_file).map_err(|error| unwritten(&error)),
            None => Ok(()),
        },
    )?;
    shown.end();
    let serve = format!("tidings serve --data {}", settings.data.display());
    if args.json {
        let more = ("data", json!(settings.data));
        let report = report(&args.backup, &restored, more);
        say(&report.to_string())?;
    } else {
        say(&format!(
            "{} is restored: {}",
            settings.data.display(),
            summary(&restored)
        ))?;
        say("The master key fits.")?;
        say(&format!(
            "Next: stop the old server for good, then `{serve}`. What waited in the backup is sent then, with the same webhook-id as before; \
             events accepted after the backup are not in it: have producers post them again, with the same idempotency keys."
        ))?;
    }
    damage(&restored, "it is restored")
}

fn unwritten(error: &MasterKeyError) -> BackupError {
    StoreError::Io {
        what: error.to_string(),
    }
    .into()
}

fn key_of(args: &RestoreArgs, settings: &Settings) -> Result<Key, Failure> {
    let beside = key_beside(&args.backup);
    let (file, copied) = match (&args.key, &settings.master_key) {
        (Some(path), _) => (path.clone(), true),
        (None, KeySource::Text(text)) => {
            let key = MasterKey::parse(text).map_err(AppError::from)?;
            return Ok(Key {
                key,
                copied_from: None,
            });
        }
        (None, KeySource::File(path)) => (path.clone(), false),
        (None, KeySource::Absent) if beside.exists() => (beside, true),
        (None, KeySource::Absent) => {
            return Err(Failure::Environment(String::from(
                "the master key is not in the backup: give the file it is kept in with --key, or set master_key_file; without it signing \
                 secrets cannot be opened",
            )));
        }
    };
    let key = file::read(&file).map_err(AppError::from)?;
    Ok(Key {
        key,
        copied_from: copied.then_some(file),
    })
}
