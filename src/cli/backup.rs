//! `tidings backup`: a checked copy of the data while a server runs on it. The master key only goes along when that is
//! asked for, and never silently.

use super::SettingFlags;
use super::output::{Failure, note, paint, say};
use super::permission::{may_make_in, may_read_data};
use super::serve::settings_text;
use crate::app::{self, AppError};
use crate::clock::Clock;
use crate::config::{KeySource, Settings};
use crate::store::seal::file;
use crate::store::sqlite::backup::{self, BackupError, Copied, Progress};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Shown by `tidings backup --help`.
pub const EXAMPLES: &str = "The server may be running. The copy is checked (every page, every body, the audit log) and on disk when this ends with 0.\n\nExamples:\n  tidings backup /backup/ --data /var/lib/tidings\n  tidings backup /backup/before-upgrade.db --data /var/lib/tidings --json";

/// What to back up, and where to.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// A new file, or a directory in which a file named after the moment is made
    #[arg(value_name = "DIR_OR_FILE")]
    target: PathBuf,
    /// Put the master key beside the copy, as FILE.key: who has both can read every secret
    #[arg(long)]
    with_master_key: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: SettingFlags,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::NoRoom(_) => Self::Disk(error.to_string()),
            BackupError::Store(error) => Self::Store(error),
            other => Self::Environment(other.to_string()),
        }
    }
}

/// Runs `tidings backup`.
pub fn run(args: BackupArgs) -> Result<(), Failure> {
    let settings = Settings::parse(&settings_text(&args.flags)?)?;
    if settings.database.is_some() {
        return Err(Failure::Environment(String::from(
            "the data is in PostgreSQL, which has its own ways: `pg_dump --format=custom --file=tidings.dump --dbname=…` with the address in \
             database_url, or continuous archiving (docs/operate/backup.md); the master key is not in either",
        )));
    }
    may_read_data(&settings)?;
    let target = target_of(&args.target);
    may_make_in(folder_of(&args.target))?;
    let key_file = key_beside(&target);
    if args.with_master_key && key_file.exists() {
        return Err(BackupError::Exists(key_file).into());
    }
    let mut shown = Shown::new(args.json);
    let copied = backup::back_up(&settings.data, &target, &mut |progress| {
        shown.show(progress);
    })?;
    shown.end();
    if args.with_master_key {
        put_key(&settings, &key_file)?;
    }
    if args.json {
        let key = match args.with_master_key {
            true => json!(key_file),
            false => Value::Null,
        };
        let report = report(&target, &copied, ("master_key", key));
        say(&report.to_string())?;
    } else {
        say(&format!("{}: {}", target.display(), summary(&copied)))?;
        say(&key_words(
            &settings,
            args.with_master_key.then_some(&key_file),
        ))?;
    }
    damage(&copied, "the copy was made all the same")
}

/// Where the copy goes.
fn target_of(given: &Path) -> PathBuf {
    if !given.is_dir() {
        return given.to_owned();
    }
    let moment: String = Clock::system().now().rfc3339().chars().take(19).collect();
    given.join(format!("tidings-{}Z.db", moment.replace(':', "-")))
}

/// The folder that the copy is made in. A name with a slash at its end means a folder, also one that is not mounted.
fn folder_of(given: &Path) -> &Path {
    if given.is_dir() || given.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return given;
    }
    match given.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The name of the master key that goes along with a copy.
pub fn key_beside(copy: &Path) -> PathBuf {
    let mut name = copy.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

fn put_key(settings: &Settings, to: &Path) -> Result<(), Failure> {
    let put = match (&settings.master_key, app::master_key_path(settings)) {
        (KeySource::Text(text), _) => file::put_new(to, text),
        (_, Some(from)) => file::copy(&from, to),
        (_, None) => Ok(()),
    };
    put.map_err(|error| AppError::MasterKey(error).into())
}

fn key_words(settings: &Settings, beside: Option<&PathBuf>) -> String {
    match (beside, app::master_key_path(settings)) {
        (Some(path), _) => format!(
            "The master key lies beside it, in {}: who has both can read every secret.",
            path.display()
        ),
        (None, Some(path)) => format!(
            "The master key is not in it: keep a copy of {} somewhere else. Without it this backup cannot be restored.",
            path.display()
        ),
        (None, None) => String::from(
            "The master key is not in it: keep what TIDINGS_MASTER_KEY holds. Without it this backup cannot be restored.",
        ),
    }
}

/// What a copy holds, for programs, and one thing more.
pub fn report(file: &Path, copied: &Copied, more: (&str, Value)) -> Value {
    let contents = &copied.contents;
    let mut report = json!({
        "file": file,
        "bytes": copied.bytes,
        "format": copied.format,
        "written_by": copied.written_by,
        "organizations": contents.organizations,
        "endpoints": contents.endpoints,
        "events": contents.events,
        "bodies": contents.bodies,
        "deliveries": contents.deliveries,
        "audit_entries": contents.audit,
        "last_event": contents.last.map(|(id, at)| json!({ "id": id.to_string(), "accepted_at": at.rfc3339() })),
        "damaged_bodies": contents.damaged_bodies,
        "audit_faults": contents.audit_faults,
        "closed_secrets": copied.closed_secrets,
        "closed_headers": copied.closed_headers,
    });
    if let Some(members) = report.as_object_mut() {
        members.insert(more.0.to_owned(), more.1);
    }
    report
}

/// What a copy holds, for people.
pub fn summary(copied: &Copied) -> String {
    let contents = &copied.contents;
    let last = match contents.last {
        Some((id, at)) => format!("the last is {id}, accepted {at}"),
        None => String::from("none yet"),
    };
    format!(
        "{} MiB, format {}; {} organizations, {} events ({last}), {} deliveries, {} audit entries; every page, body and audit entry checked",
        copied.bytes.div_ceil(1 << 20),
        copied.format,
        contents.organizations,
        contents.events,
        contents.deliveries,
        contents.audit,
    )
}

/// What was found wrong in what was copied faithfully.
pub fn damage(copied: &Copied, meanwhile: &str) -> Result<(), Failure> {
    let contents = &copied.contents;
    if contents.is_whole() && copied.closed_secrets == 0 && copied.closed_headers == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{meanwhile}, but what it is a copy of has faults: {} bodies without their hash (they are never sent), {} places of the audit \
         log that are not as they were written, {} signing secrets that do not open (what their endpoints get is not sent: rotate those), \
         {} endpoints whose custom headers do not open (nothing is sent to them: give their headers again)",
        contents.damaged_bodies,
        contents.audit_faults,
        copied.closed_secrets,
        copied.closed_headers
    )))
}

/// What was shown so far: one line that moves, on a terminal.
pub struct Shown {
    live: bool,
    open: bool,
}

impl Shown {
    /// Nothing yet; nothing at all for programs.
    pub fn new(json: bool) -> Self {
        Self {
            live: !json && std::io::stdout().is_terminal(),
            open: false,
        }
    }

    /// One step.
    pub fn show(&mut self, progress: Progress) {
        if !self.live {
            return;
        }
        let line = match progress {
            Progress::Copied { bytes, of } => {
                format!("\r  {:>8} of {} MiB copied", bytes >> 20, of >> 20)
            }
            Progress::Checking => String::from("\r  copied; checking every page, body and entry"),
        };
        paint(&format!("{line:<60}"));
        self.open = true;
    }

    /// The line is done.
    pub fn end(&mut self) {
        if self.open {
            note("");
        }
        self.open = false;
    }
}
