//! `tidings setup-link`: a one-time link for an operator, made where the server's data is.

use super::SettingFlags;
use super::output::{Failure, note, say};
use super::permission::may_read_data;
use super::serve::settings_text;
use crate::app::setup;
use crate::clock::Clock;
use crate::config::Settings;

/// Shown by `tidings setup-link --help`.
pub const EXAMPLES: &str = "The server may be running. The link works once, for 15 minutes; the account it makes or takes over is an operator's.\n\nExample: tidings setup-link --data /var/lib/tidings";

/// Where the data is.
#[derive(Debug, clap::Args)]
pub struct SetupLinkArgs {
    #[command(flatten)]
    flags: SettingFlags,
}

/// Runs `tidings setup-link`.
pub fn run(args: SetupLinkArgs) -> Result<(), Failure> {
    let settings = Settings::parse(&settings_text(&args.flags)?)?;
    may_read_data(&settings)?;
    let link = super::small_runtime()?.block_on(setup::link_beside(settings, Clock::system()))?;
    note("Open this in a browser; it works once, for 15 minutes:");
    say(&link)
}
