//! `tidings compact`: the embedded store's file written anew, smaller, without what was removed from it.

use super::SettingFlags;
use super::backup::{Shown, damage, report, summary};
use super::output::{Failure, say};
use super::permission::may_read_data;
use super::serve::settings_text;
use crate::config::Settings;
use crate::store::sqlite::compact::compact;
use serde_json::json;

/// Shown by `tidings compact --help`.
pub const EXAMPLES: &str = "Stop the server first. The new file is checked before it takes the old one's place; it needs its size in free space.\n\nExample: tidings compact --data /var/lib/tidings";

/// What to compact.
#[derive(Debug, clap::Args)]
pub struct CompactArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Runs `tidings compact`.
pub fn run(args: CompactArgs) -> Result<(), Failure> {
    let settings = Settings::parse(&settings_text(&args.flags)?)?;
    if settings.database.is_some() {
        return Err(Failure::Environment(String::from(
            "the data is in PostgreSQL, which has its own ways: autovacuum uses the space again, VACUUM FULL gives it back",
        )));
    }
    may_read_data(&settings)?;
    let mut shown = Shown::new(args.json);
    let compacted = compact(&settings.data, &mut |progress| shown.show(progress))?;
    shown.end();
    if args.json {
        let more = ("bytes_before", json!(compacted.before));
        say(&report(&settings.data, &compacted.now, more).to_string())?;
    } else {
        say(&format!(
            "{}: {} MiB before; now {}",
            settings.data.display(),
            compacted.before.div_ceil(1 << 20),
            summary(&compacted.now)
        ))?;
    }
    damage(&compacted.now, "it was written anew")
}
