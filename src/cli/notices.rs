//! `tidings notices test`: sends a mail to whoever is told of notices, and says what is wrong if that fails.

use super::SettingFlags;
use super::output::{Failure, say};
use super::serve::settings_text;
use super::small_runtime;
use crate::app::mailer;
use crate::clock::Clock;
use crate::config::Settings;
use crate::mail::letter;
use clap::Subcommand;

/// Shown by `tidings notices --help`.
pub const EXAMPLES: &str = "Needs no running server. Endpoints are tested as any other: with a test send of `endpoint.failing`.\n\nExample: tidings notices test --config /etc/tidings.toml";

/// What to do about notices.
#[derive(Debug, Subcommand)]
pub enum NoticesAction {
    /// Send a test mail to every address of notices.email_to
    Test(TestArgs),
}

/// Where the settings are.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    #[command(flatten)]
    flags: SettingFlags,
}

/// Runs `tidings notices`.
pub fn run(action: NoticesAction) -> Result<(), Failure> {
    let NoticesAction::Test(args) = action;
    let settings = Settings::parse(&settings_text(&args.flags)?)?;
    let (Some(mailer), Some(mail)) = (mailer(&settings.notices)?, &settings.notices.mail) else {
        return Err(Failure::Environment(String::from(
            "no mail is set up: set notices.smtp_url (by environment or file), notices.email_from and notices.email_to",
        )));
    };
    let base = settings
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://{}", settings.listen));
    let id = format!("test.{:x}", Clock::system().now().as_micros());
    let letter = letter::test(id, &base);
    let sent = small_runtime()?.block_on(mailer.send(&letter));
    let sent = sent.map_err(|error| Failure::Failed(error.to_string()))?;
    for to in &mail.to {
        let address = to.email.to_string();
        if !sent.refused.iter().any(|(refused, _)| *refused == address) {
            say(&format!("{} took a mail to {address}", mail.server))?;
        }
    }
    match sent.refused.first() {
        None => Ok(()),
        Some((address, error)) => Err(Failure::Failed(format!("{address}: {error}"))),
    }
}
