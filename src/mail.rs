//! Mail over SMTP: where it is sent ([`MailServer`]), what stands in it ([`letter`]), and sending it.
//!
//! Invariants: nothing is sent in the clear unless the server is this machine or the setting says so; each recipient gets a
//! message of its own, so that one whom the server refuses keeps it from nobody else; sending ends within [`PATIENCE`],
//! whatever the server does. What goes wrong is said in words an operator can act on.
//! Deliberately absent: a queue (the store has it), HTML, attachments, reading mail.

pub mod letter;
pub mod pace;
mod server;

pub use letter::Letter;
pub use server::{MailServer, Security, ServerError};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use std::error::Error;
use std::time::Duration;
use tidings_core::notice::one_line;

/// How long one message may take, whatever the server does.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long one answer of the server may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Recipients there may be.
pub const RECIPIENTS: usize = 20;
/// Characters of a server's words that are repeated.
const WORDS: usize = 300;

/// Where mail goes, from whom and to whom.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server.
    pub server: MailServer,
    /// From whom.
    pub from: Mailbox,
    /// To whom; at least one.
    pub to: Vec<Mailbox>,
}

/// Why mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// TLS cannot be set up here.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Setup(String),
    /// There was no connection, or it broke.
    #[error("the mail server {server} cannot be reached: {what}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What happened.
        what: String,
    },
    /// It did not answer in time.
    #[error("the mail server {server} does not answer in time")]
    Silent {
        /// Host and port.
        server: String,
    },
    /// TLS failed.
    #[error(
        "TLS with the mail server {server} failed: {what}; if its certificate is of your own authority, name that with notices.smtp_ca"
    )]
    Tls {
        /// Host and port.
        server: String,
        /// What happened.
        what: String,
    },
    /// It refused, for now (4xx) or for good (5xx).
    #[error("the mail server {server} refuses: {words}")]
    Refused {
        /// Host and port.
        server: String,
        /// What it says, with its code.
        words: String,
        /// Whether trying again is of no use.
        permanent: bool,
    },
    /// It has no STARTTLS, no way to log in that we know, or it speaks no SMTP.
    #[error("the mail server {server} cannot be used: {what}")]
    Unfit {
        /// Host and port.
        server: String,
        /// Why.
        what: String,
    },
    /// The message cannot be made.
    #[error("the mail cannot be made: {0}")]
    Message(String),
}

/// Sends mail.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    server: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    patience: Duration,
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Who was refused, and why.
    pub refused: Vec<(String, MailError)>,
}

impl Mailer {
    /// Ready to send; nothing is connected yet. `authorities` are trusted beside the system's.
    ///
    /// # Errors
    /// An authority cannot be read.
    pub fn new(
        settings: &MailSettings,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, MailError> {
        let server = &settings.server;
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
                .port(server.port)
                .timeout(Some(ANSWER))
                .tls(security(server, authorities)?);
        if let Some((user, password)) = &server.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
        }
        Ok(Self {
            transport: builder.build(),
            server: server.to_string(),
            from: settings.from.clone(),
            to: settings.to.clone(),
            patience: PATIENCE,
        })
    }

    /// The same with another patience than [`PATIENCE`].
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends a letter to everybody. It is sent if one took it, so that nobody gets it again and again because of
    /// another; who did not is said.
    ///
    /// # Errors
    /// Nobody took it.
    pub async fn send(&self, letter: &Letter) -> Result<Sent, MailError> {
        let mut refused = Vec::new();
        let (mut taken, mut failures) = (0, 0);
        for to in &self.to {
            let Err(error) = self.send_to(letter, to).await else {
                taken += 1;
                continue;
            };
            failures += usize::from(!matches!(error, MailError::Refused { .. }));
            // One may be an address that the server dies of; after two without one taken there is no server.
            if failures > 1 && taken == 0 {
                return Err(error);
            }
            refused.push((to.email.to_string(), error));
        }
        match refused.pop() {
            Some((_, error)) if refused.len() + 1 == self.to.len() => Err(error),
            last => {
                refused.extend(last);
                Ok(Sent { refused })
            }
        }
    }

    /// The server, for messages.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Connects, and logs in if that is asked for; sends nothing.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn reach(&self) -> Result<(), MailError> {
        match tokio::time::timeout(self.patience, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err(self.silent()),
            Ok(Err(error)) => Err(self.in_words(&error)),
        }
    }

    async fn send_to(&self, letter: &Letter, to: &Mailbox) -> Result<(), MailError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.clone())
            .subject(letter.subject.as_str())
            .message_id(Some(self.message_id(letter)))
            .header(AutoSubmitted)
            .singlepart(SinglePart::plain(letter.body.clone()))
            .map_err(|error| MailError::Message(error.to_string()))?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.in_words(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// The same for the same notices, so that who gets them twice after a crash can tell.
    fn message_id(&self, letter: &Letter) -> String {
        format!("<{}@{}>", letter.id, self.from.email.domain())
    }

    fn silent(&self) -> MailError {
        MailError::Silent {
            server: self.server.clone(),
        }
    }

    fn in_words(&self, error: &lettre::transport::smtp::Error) -> MailError {
        let server = self.server.clone();
        // What lies at the bottom says it best: above it stands only that something failed.
        let sources = || std::iter::successors(error.source(), |&error| error.source());
        let what = sources()
            .last()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let what: String = one_line(&what).chars().take(WORDS).collect();
        if let Some(code) = error.status() {
            MailError::Refused {
                server,
                words: format!("{code} {what}"),
                permanent: error.is_permanent(),
            }
        } else if error.is_timeout() {
            self.silent()
        } else if error.is_tls() || sources().any(speaks_of_tls) {
            MailError::Tls { server, what }
        } else if error.is_client() || error.is_response() {
            MailError::Unfit { server, what }
        } else {
            MailError::Unreachable { server, what }
        }
    }
}

/// A handshake that fails comes as a failed connection.
fn speaks_of_tls(source: &(dyn Error + 'static)) -> bool {
    source
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

fn security(
    server: &MailServer,
    authorities: &[CertificateDer<'static>],
) -> Result<Tls, MailError> {
    if server.security == Security::Plain {
        return Ok(Tls::None);
    }
    let failed = |error: lettre::transport::smtp::Error| MailError::Setup(error.to_string());
    // Where the system has no authorities (a bare container), Mozilla's list is used.
    let store = match rustls_native_certs::load_native_certs().certs.is_empty() {
        true => CertificateStore::WebpkiRoots,
        false => CertificateStore::Default,
    };
    let mut builder = TlsParameters::builder(server.host.clone()).certificate_store(store);
    for authority in authorities {
        let authority = Certificate::from_der(authority.to_vec()).map_err(failed)?;
        builder = builder.add_root_certificate(authority);
    }
    let parameters = builder.build_rustls().map_err(failed)?;
    Ok(match server.security {
        Security::Implicit => Tls::Wrapper(parameters),
        Security::Required => Tls::Required(parameters),
        Security::IfOffered => Tls::Opportunistic(parameters),
        Security::Plain => Tls::None,
    })
}

/// Says that a program wrote it, so that no other program answers.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), String::from("auto-generated"))
    }
}
