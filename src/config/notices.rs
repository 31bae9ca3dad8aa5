//! Settings of notices: the organization whose events they are, and the mail. Both are off until set.

use super::ConfigError;
use super::values::Values;
use crate::mail::{MailServer, MailSettings, RECIPIENTS};
use lettre::message::Mailbox;
use std::path::PathBuf;
use tidings_core::id::OrganizationId;
use zeroize::Zeroizing;

/// What operators are told, and how.
#[derive(Debug, Default)]
pub struct NoticeSettings {
    /// The organization that operators use for notices.
    pub organization: Option<OrganizationId>,
    /// The mail.
    pub mail: Option<MailSettings>,
    /// Further root certificates for the mail server's TLS.
    pub authorities: Option<PathBuf>,
}

pub(super) fn notices(values: &Values<'_>) -> Result<NoticeSettings, ConfigError> {
    Ok(NoticeSettings {
        organization: organization(values)?,
        mail: mail(values)?,
        authorities: values.path("notices.smtp_ca"),
    })
}

fn organization(values: &Values<'_>) -> Result<Option<OrganizationId>, ConfigError> {
    let name = "notices.organization";
    if values.text(name).is_empty() {
        return Ok(None);
    }
    let id = OrganizationId::new(values.parsed(name)?);
    id.map(Some)
        .ok_or_else(|| values.invalid(name, "out of range"))
}

fn mail(values: &Values<'_>) -> Result<Option<MailSettings>, ConfigError> {
    let url = Zeroizing::new(values.text("notices.smtp_url"));
    let from = values.text("notices.email_from");
    let to: Vec<Mailbox> = values.list("notices.email_to")?;
    if url.is_empty() {
        return match to.is_empty() && from.is_empty() {
            true => Ok(None),
            false => Err(values.invalid(
                "notices.smtp_url",
                "notices.email_from and notices.email_to need it",
            )),
        };
    }
    let server: MailServer = values.parsed("notices.smtp_url")?;
    if to.is_empty() || to.len() > RECIPIENTS {
        let problem = format!("with notices.smtp_url, 1 to {RECIPIENTS} addresses are needed");
        return Err(values.invalid("notices.email_to", problem));
    }
    if from.is_empty() {
        return Err(values.invalid("notices.email_from", "notices.smtp_url needs it"));
    }
    Ok(Some(MailSettings {
        server,
        from: values.parsed("notices.email_from")?,
        to,
    }))
}
