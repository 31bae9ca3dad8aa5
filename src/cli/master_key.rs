//! `tidings master-key`: a new key that seals signing secrets, without stopping the server.

use super::SettingFlags;
use super::output::{Failure, say};
use super::serve::settings_text;
use crate::app;
use crate::config::Settings;
use crate::store::seal::file;

/// Shown by `tidings master-key --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings master-key rotate --data /var/lib/tidings\n  tidings master-key rotate --master-key-file /etc/tidings/master.key\n\nWith the key in TIDINGS_MASTER_KEY: put the new key before the old one there, with a comma between, and restart.\nSeveral nodes: give every node both keys first, the old one before the new one; then the new one first, node by node.";

/// What to do with the master key.
#[derive(Debug, clap::Subcommand)]
pub enum MasterKeyAction {
    /// Put a new key before those in the key file; a running server takes it within seconds and seals everything anew
    Rotate {
        #[command(flatten)]
        flags: SettingFlags,
    },
}

/// Runs `tidings master-key`.
pub fn run(action: MasterKeyAction) -> Result<(), Failure> {
    let MasterKeyAction::Rotate { flags } = action;
    let settings = Settings::parse(&settings_text(&flags)?)?;
    let Some(path) = app::master_key_path(&settings) else {
        return Err(Failure::Environment(String::from(
            "the master key is not in a file of this server: put the new key before the old one in TIDINGS_MASTER_KEY, with a comma between, and restart",
        )));
    };
    let key = file::add(&path).map_err(app::AppError::from)?;
    say(&format!(
        "{} begins with a new master key, {}. A running server takes it within 10 s; otherwise the next start does.\n\
         The audit log says when everything is sealed anew (master_key.seal_anew). The older keys stay in the file: backups \
         made until then need them.",
        path.display(),
        key.id()
    ))
}
