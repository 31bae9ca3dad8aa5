//! Notices while the server runs: the store is told to whom they go, and what waits to be mailed is mailed.
//!
//! Invariants: mail disturbs nothing else: what is queued is on disk and bounded, one mail is under way at a time, and a
//! server that is away is said once in the log, asked again ever more seldom, and said once more when it works again. A
//! mail may come twice after a crash between its sending and the note of it; it has the same message id then.

use super::AppError;
use super::parts::read_certificates;
use crate::clock::Clock;
use crate::config::{NoticeSettings, Settings};
use crate::http::NoticeParts;
use crate::mail::letter::{self, Item};
use crate::mail::{MailError, Mailer, Sent, pace};
use crate::runtime::Beside;
use crate::store::StoreError;
use crate::store::notices::{MAIL_PUT_OFF, MailNotice, NoticeRule, Notices, Told};
use crate::store::sql::SqlStore;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tidings_core::notice::Kind;
use tidings_core::time::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Between two looks at what waits.
const LOOK: Duration = Duration::from_secs(15);
/// Notices that one mail takes along.
const TAKEN: usize = 500;

/// Tells the store to whom notices go; answers what mails them, if they are mailed.
///
/// # Errors
/// The catalogue holds a type of the operator's own under a notice's name, or a file of authorities cannot be read.
pub(super) async fn start(
    settings: &Settings,
    store: &Arc<SqlStore>,
    (base, clock): (&str, &Clock),
) -> Result<Option<Courier>, AppError> {
    let notices = &settings.notices;
    let mailer = mailer(notices)?;
    let rule = (notices.organization.is_some() || mailer.is_some()).then(|| NoticeRule {
        organization: notices.organization,
        mail: mailer.is_some(),
        base: base.to_owned(),
    });
    if let Told::NameTaken(name) = store.tell_notices(rule).await? {
        return Err(AppError::NoticeNameTaken { name });
    }
    Ok(mailer.map(|mailer| {
        let store = Arc::clone(store) as Arc<dyn Notices>;
        Courier::new(store, mailer, base.to_owned(), clock.clone())
    }))
}

/// The mailer of the settings, if mail is set up.
///
/// # Errors
/// A file of authorities cannot be read.
pub fn mailer(notices: &NoticeSettings) -> Result<Option<Mailer>, AppError> {
    let Some(mail) = &notices.mail else {
        return Ok(None);
    };
    let authorities = match notices.authorities.as_deref() {
        Some(path) => read_certificates("notices.smtp_ca", path)?,
        None => Vec::new(),
    };
    Ok(Some(Mailer::new(mail, &authorities)?))
}

/// Where notices go, for the API and the console.
pub(super) fn shown(notices: &NoticeSettings) -> NoticeParts {
    NoticeParts {
        organization: notices.organization,
        mail: notices.mail.as_ref().map(|mail| {
            let to: Vec<String> = mail.to.iter().map(|to| to.email.to_string()).collect();
            format!("to {} through {}", to.join(", "), mail.server)
        }),
    }
}

/// Mails what waits.
pub struct Courier {
    store: Arc<dyn Notices>,
    mailer: Mailer,
    base: String,
    clock: Clock,
    last_mail: Option<Timestamp>,
    failures: u32,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// Nothing waits, or it is not time.
    Quiet,
    /// So many notices were mailed.
    Mailed(usize, Sent),
    /// They could not be; they are tried again after this time.
    Failed(MailError, Duration),
}

impl Courier {
    /// One that has mailed nothing yet; `base` is how people reach the console.
    pub fn new(store: Arc<dyn Notices>, mailer: Mailer, base: String, clock: Clock) -> Self {
        Self {
            store,
            mailer,
            base,
            clock,
            last_mail: None,
            failures: 0,
        }
    }

    /// Mails from now on, where what gives way to all else runs.
    pub(super) fn start(self, beside: &Beside) -> JoinHandle<()> {
        match beside.handle() {
            Some(runtime) => runtime.spawn(self.run()),
            None => tokio::spawn(self.run()),
        }
    }

    /// Goes round until it is aborted, or the store is closed.
    async fn run(mut self) {
        loop {
            match self.round().await {
                Err(StoreError::Closed) => return,
                Err(error) => tracing::warn!(%error, "what waits to be mailed cannot be read now"),
                Ok(_) => {}
            }
            sleep(LOOK).await;
        }
    }

    /// Looks once, and mails what waits if it is time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn round(&mut self) -> Result<Round, StoreError> {
        let Some(waiting) = self.store.mails_waiting().await? else {
            return Ok(Round::Quiet);
        };
        let now = self.clock.now();
        if !pace::is_time((waiting.count, waiting.oldest), self.last_mail, now) {
            return Ok(Round::Quiet);
        }
        let taken = self.store.take_mails(TAKEN, MAIL_PUT_OFF).await?;
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else {
            return Ok(Round::Quiet);
        };
        let id = format!("notices.{:x}.{:x}.{}", first.id, last.id, taken.len());
        let items: Vec<Item> = taken.iter().map(item).collect();
        let letter = letter::about(id, &items, &self.base);
        let ids: Vec<i64> = taken.iter().map(|notice| notice.id).collect();
        match self.mailer.send(&letter).await {
            Ok(sent) => {
                self.last_mail = Some(now);
                self.worked(&sent);
                self.store.mailed(ids).await?;
                Ok(Round::Mailed(items.len(), sent))
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let wait = pace::wait_after(self.failures);
                if self.failures == 1 {
                    tracing::warn!(%error, "notices cannot be mailed; they are kept for three days and tried again, and this is said once");
                }
                self.store.not_mailed(ids, wait).await?;
                Ok(Round::Failed(error, wait))
            }
        }
    }

    fn worked(&mut self, sent: &Sent) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "notices are mailed again");
            self.failures = 0;
        }
        for (to, error) in &sent.refused {
            tracing::warn!(to, %error, "a notice was not mailed to this address");
        }
    }
}

/// A notice as a mail tells it.
fn item(notice: &MailNotice) -> Item {
    let data: Value = serde_json::from_str(&notice.data).unwrap_or_default();
    let text = |name: &str| {
        data.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.name() == notice.kind);
    Item {
        at: notice.at.rfc3339(),
        label: kind.map_or_else(|| notice.kind.clone(), |kind| String::from(kind.label())),
        text: text("text"),
        advice: text("advice"),
        console: text("console"),
    }
}
