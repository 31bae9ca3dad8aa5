//! Why an attempt has no complete answer: the one place that reads what sockets, TLS and HTTP say about it.
//!
//! Decisions are made on the outcome; the detail is for people.

use rustix::io::Errno;
use rustls::{AlertDescription as Alert, CertificateError, Error as Tls, PeerIncompatible};
use std::error::Error;
use std::io;
use tidings_core::outcome::{Failure, Outcome, OwnFault};

/// An attempt that ended without a complete answer.
#[derive(Debug)]
pub(super) struct Fault {
    /// Its class.
    pub(super) outcome: Outcome,
    /// More than the class says; may be empty.
    pub(super) detail: String,
    /// Whether more has to be known before it is theirs.
    pub(super) blame: Blame,
}

/// What a fault leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nothing.
    Clear,
    /// The name servers gave no answer: they, or our way to them, may be down.
    MaybeResolver,
}

/// Which part of an answer was being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Its header.
    Header,
    /// Its body.
    Body,
}

impl Awaited {
    /// What it means that the connection ended here.
    const fn broken(self) -> Failure {
        match self {
            Self::Header => Failure::ResetBeforeHeaders,
            Self::Body => Failure::ResetInBody,
        }
    }
}

impl Fault {
    /// The receiver's failure.
    pub(super) fn failed(failure: Failure, detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Failed(failure),
            detail: detail.into(),
            blame: Blame::Clear,
        }
    }

    /// A fault of ours.
    pub(super) fn ours(fault: OwnFault, detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::OwnFault(fault),
            detail: detail.into(),
            blame: Blame::Clear,
        }
    }

    /// A look-up without an answer.
    pub(super) fn unanswered(detail: impl Into<String>) -> Self {
        Self {
            blame: Blame::MaybeResolver,
            ..Self::failed(Failure::Dns, detail)
        }
    }

    /// A new connection was closed before it took the request.
    pub(super) fn closed_unused() -> Self {
        Self::failed(
            Failure::ResetBeforeHeaders,
            "the connection was closed before the request was sent",
        )
    }

    /// An answer whose header passes the limits.
    pub(super) fn header_too_large() -> Self {
        Self::failed(
            Failure::TooLarge,
            "the answer's header is larger than 32 KiB or 100 fields",
        )
    }

    /// A connection that could not be opened.
    pub(super) fn connecting(error: &io::Error) -> Self {
        if let Some(ours) = resources(error) {
            return ours;
        }
        let failure = match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            // It was open, and reset before we looked: who refuses says so otherwise.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Failure::ResetBeforeHeaders
            }
            io::ErrorKind::TimedOut => Failure::ConnectTimeout,
            _ => Failure::Unreachable,
        };
        Self::failed(failure, error.to_string())
    }

    /// A TLS handshake that failed.
    pub(super) fn securing(error: &io::Error) -> Self {
        if let Some(ours) = resources(error) {
            return ours;
        }
        match tls_error(error) {
            Some(tls) => Self::failed(Failure::Tls, tls_words(tls)),
            None => Self::failed(Failure::Tls, format!("the handshake broke off ({error})")),
        }
    }

    /// A socket that failed while an exchange was under way.
    pub(super) fn breaking_off(error: &io::Error, awaited: Awaited) -> Self {
        if let Some(ours) = resources(error) {
            return ours;
        }
        if error.kind() == io::ErrorKind::QuotaExceeded {
            let detail = "the receiver sent more than answers can hold";
            return Self::failed(Failure::TooLarge, detail);
        }
        if let Some(tls) = tls_error(error) {
            return Self::failed(Failure::Tls, tls_words(tls));
        }
        Self::failed(
            awaited.broken(),
            format!("the connection broke off ({error})"),
        )
    }

    /// An exchange over HTTP/2 that failed.
    pub(super) fn exchanging(error: &hyper::Error, awaited: Awaited) -> Self {
        let broken = awaited.broken();
        let failure = if error.is_parse_too_large() {
            Failure::TooLarge
        } else if error.is_parse() {
            Failure::Protocol
        } else if let Some(io) = source::<io::Error>(error) {
            return Self::breaking_off(io, awaited);
        } else if let Some(h2) = source::<h2::Error>(error).filter(|h2| h2.is_library()) {
            match h2.reason() {
                // What the library says of a header, or of frames, without end.
                Some(h2::Reason::ENHANCE_YOUR_CALM) => Failure::TooLarge,
                _ => Failure::Protocol,
            }
        } else {
            broken
        };
        Self::failed(failure, words(error))
    }
}

/// Whether a failed HTTP/2 request was certainly not processed (RFC 9113, 8.7): refused, or above the last
/// stream of an orderly GOAWAY.
pub(super) fn certainly_unprocessed(error: &hyper::Error) -> bool {
    source::<h2::Error>(error).is_some_and(|h2| {
        let refused = h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
        let left = h2.is_go_away() && h2.reason() == Some(h2::Reason::NO_ERROR);
        h2.is_remote() && (refused || left)
    })
}

fn resources(error: &io::Error) -> Option<Fault> {
    let lacking = matches!(
        Errno::from_io_error(error)?,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::ADDRNOTAVAIL
    );
    lacking.then(|| Fault::ours(OwnFault::Resources, error.to_string()))
}

fn source<E: Error + 'static>(error: &hyper::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| {
        (*cause).source()
    })
}

fn tls_error(error: &io::Error) -> Option<&Tls> {
    error.get_ref()?.downcast_ref()
}

/// Characters of an error's words: a receiver may say much in a GOAWAY.
const WORDS: usize = 300;

/// An error and its causes, in one line.
fn words(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    if let Some((end, _)) = text.char_indices().nth(WORDS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// What failed, in an administrator's words where there are such.
fn tls_words(error: &Tls) -> String {
    let known = match error {
        Tls::InvalidCertificate(certificate) => certificate_words(certificate),
        Tls::AlertReceived(Alert::ProtocolVersion)
        | Tls::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            Some("the receiver speaks neither TLS 1.2 nor TLS 1.3")
        }
        Tls::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity) => Some(
            "the receiver broke off the handshake: it has no common cipher with us, or asks for more",
        ),
        Tls::AlertReceived(Alert::CertificateRequired) => {
            Some("the receiver asks for a certificate of ours, and we have none")
        }
        Tls::AlertReceived(Alert::UnrecognisedName) => {
            Some("the receiver does not know the name it was asked for")
        }
        Tls::InvalidMessage(_) => Some("what the receiver sent is no TLS"),
        _ => None,
    };
    known.map_or_else(|| error.to_string(), str::to_owned)
}

fn certificate_words(error: &CertificateError) -> Option<&'static str> {
    use CertificateError as Certificate;
    Some(match error {
        Certificate::Expired | Certificate::ExpiredContext { .. } => "the certificate expired",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        Certificate::UnknownIssuer => {
            "the certificate's issuer is not trusted (self-signed, or an intermediate is missing)"
        }
        Certificate::Revoked => "the certificate was revoked",
        // Which of the two it is the library does not say.
        Certificate::BadSignature => {
            "a signature of the certificate or the handshake is wrong, or made with an RSA key shorter than 2048 bits"
        }
        Certificate::UnsupportedSignatureAlgorithmContext { .. }
        | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate is signed in a way that is outdated (SHA-1) or unknown"
        }
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            "the certificate is not for servers"
        }
        Certificate::BadEncoding => "the certificate cannot be read",
        // The library has no variants of its own for these.
        Certificate::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => "the certificate belongs to an authority, not to a server",
            "EndEntityUsedAsCa" => "the certificate was signed with one that is no authority's",
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w20_no_handles_ports_or_memory_is_our_fault_and_the_rest_is_theirs() {
        let check = |errno: Errno, wanted: Outcome| {
            let error = io::Error::from(errno);
            assert_eq!(Fault::connecting(&error).outcome, wanted, "{error}");
        };
        let lacking = [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
            Errno::ADDRNOTAVAIL,
        ];
        for errno in lacking {
            check(errno, Outcome::OwnFault(OwnFault::Resources));
        }
        check(Errno::CONNREFUSED, Outcome::Failed(Failure::Refused));
        check(
            Errno::CONNRESET,
            Outcome::Failed(Failure::ResetBeforeHeaders),
        );
        check(Errno::TIMEDOUT, Outcome::Failed(Failure::ConnectTimeout));
        for errno in [
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
            Errno::NETDOWN,
            Errno::PERM,
        ] {
            check(errno, Outcome::Failed(Failure::Unreachable));
        }
    }
}
