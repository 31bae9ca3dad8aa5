//! What became of one attempt, as an enum that decisions match on, never as text (W17, W18, W20).

/// What went wrong in an attempt that got no usable status. The names are those in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// The name could not be resolved.
    Dns,
    /// The host refused the connection.
    Refused,
    /// The host or its network cannot be reached, or there is no route.
    Unreachable,
    /// No connection within the deadline.
    ConnectTimeout,
    /// The TLS handshake failed, or the certificate is not valid for the host.
    Tls,
    /// The connection was closed or reset before the answer's header was complete.
    ResetBeforeHeaders,
    /// The connection was closed or reset before the answer's body was complete.
    ResetInBody,
    /// Connected, but no complete answer header within the deadline.
    HeaderTimeout,
    /// The answer's header came, its end did not, within the deadline.
    BodyTimeout,
    /// The answer is no HTTP, or breaks its rules.
    Protocol,
    /// The answer's header is larger than we read.
    TooLarge,
    /// The target's address or port is closed by the egress rules.
    EgressDenied,
}

/// A fault of ours: the try does not count and is repeated (W20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OwnFault {
    /// No file handles, ports or memory.
    Resources,
    /// The server was stopping.
    Shutdown,
    /// Evidence that our own network or resolver is down.
    Network,
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A complete answer with this status. Any 2xx is success, everything else failure (W17, W18).
    Status(u16),
    /// No complete answer.
    Failed(Failure),
    /// Our own fault.
    OwnFault(OwnFault),
}

/// What an outcome means for the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Delivered.
    Success,
    /// A failure that counts as one of the three tries.
    Failure,
    /// Does not count; repeat.
    NotCounted,
}

impl Failure {
    /// Every failure, in the order of an attempt's life.
    pub const ALL: [Self; 12] = [
        Self::EgressDenied,
        Self::Dns,
        Self::Refused,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::Tls,
        Self::ResetBeforeHeaders,
        Self::HeaderTimeout,
        Self::Protocol,
        Self::TooLarge,
        Self::ResetInBody,
        Self::BodyTimeout,
    ];

    /// Whether the deadline ended the attempt: such endpoints share a part of the slots only.
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout | Self::HeaderTimeout | Self::BodyTimeout
        )
    }

    /// Whether many of these at once are evidence that our own network is down (W20).
    pub const fn may_be_ours(self) -> bool {
        matches!(self, Self::Dns | Self::Unreachable)
    }
}

impl Outcome {
    /// What it means for the delivery.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Status(200..=299) => Verdict::Success,
            Self::Status(_) | Self::Failed(_) => Verdict::Failure,
            Self::OwnFault(_) => Verdict::NotCounted,
        }
    }

    /// The class in the log and the API.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Status(200..=299) => "success",
            Self::Status(300..=399) => "redirect",
            Self::Status(_) => "status",
            Self::Failed(failure) => match failure {
                Failure::Dns => "dns",
                Failure::Refused => "refused",
                Failure::Unreachable => "unreachable",
                Failure::ConnectTimeout => "connect_timeout",
                Failure::Tls => "tls",
                Failure::ResetBeforeHeaders => "reset_before_headers",
                Failure::ResetInBody => "reset_in_body",
                Failure::HeaderTimeout => "header_timeout",
                Failure::BodyTimeout => "body_timeout",
                Failure::Protocol => "protocol",
                Failure::TooLarge => "too_large",
                Failure::EgressDenied => "egress_denied",
            },
            Self::OwnFault(fault) => match fault {
                OwnFault::Resources => "own_resources",
                OwnFault::Shutdown => "own_shutdown",
                OwnFault::Network => "own_network",
            },
        }
    }

    /// The status of a complete answer.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::Failed(_) | Self::OwnFault(_) => None,
        }
    }

    /// The number that is stored: a status as itself, a failure from 1000, a fault of ours from 2000.
    pub const fn code(self) -> u16 {
        match self {
            Self::Status(status) => status,
            Self::Failed(failure) => match failure {
                Failure::Dns => 1000,
                Failure::Refused => 1001,
                Failure::Unreachable => 1002,
                Failure::ConnectTimeout => 1003,
                Failure::Tls => 1004,
                Failure::ResetBeforeHeaders => 1005,
                Failure::ResetInBody => 1006,
                Failure::HeaderTimeout => 1007,
                Failure::BodyTimeout => 1008,
                Failure::Protocol => 1009,
                Failure::TooLarge => 1010,
                Failure::EgressDenied => 1011,
            },
            Self::OwnFault(fault) => match fault {
                OwnFault::Resources => 2000,
                OwnFault::Shutdown => 2001,
                OwnFault::Network => 2002,
            },
        }
    }

    /// The outcome of a stored number; an unknown one is `None`.
    pub fn from_code(code: u16) -> Option<Self> {
        if code < 1000 {
            return Some(Self::Status(code));
        }
        let faults = [OwnFault::Resources, OwnFault::Shutdown, OwnFault::Network];
        Failure::ALL
            .map(Self::Failed)
            .into_iter()
            .chain(faults.map(Self::OwnFault))
            .find(|outcome| outcome.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w17_any_2xx_is_success_and_every_other_status_is_failure() {
        for status in 100..=999 {
            let wanted = if (200..300).contains(&status) {
                Verdict::Success
            } else {
                Verdict::Failure
            };
            assert_eq!(Outcome::Status(status).verdict(), wanted, "{status}");
        }
    }

    #[test]
    fn w18_a_redirect_is_a_failure_and_the_log_says_so() {
        assert_eq!(
            (Outcome::Status(301).verdict(), Outcome::Status(301).class()),
            (Verdict::Failure, "redirect")
        );
    }

    #[test]
    fn w20_only_our_own_faults_do_not_count() {
        for failure in Failure::ALL {
            assert_eq!(Outcome::Failed(failure).verdict(), Verdict::Failure);
        }
        assert_eq!(
            Outcome::OwnFault(OwnFault::Shutdown).verdict(),
            Verdict::NotCounted
        );
    }

    #[test]
    fn stored_numbers_round_trip() {
        let faults =
            [OwnFault::Resources, OwnFault::Shutdown, OwnFault::Network].map(Outcome::OwnFault);
        for outcome in Failure::ALL
            .map(Outcome::Failed)
            .into_iter()
            .chain(faults)
            .chain([Outcome::Status(204)])
        {
            assert_eq!(Outcome::from_code(outcome.code()), Some(outcome));
        }
        assert_eq!(Outcome::from_code(1500), None);
    }
}
