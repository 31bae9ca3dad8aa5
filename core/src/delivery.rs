//! The state machine of a delivery. The states are those of the contract, no others.
//!
//! ```text
//!            ┌────────── failed, tries left / our own fault ─────────┐
//!            ▼                                                       │
//!  (made) → due ── claimed, or handed over at accept ──────────► in_flight ──► delivered
//!            │  ▲                                                    │
//!            │  └── asked for again (retry, replay) ◄── resting ◄────┴──────► exhausted
//!            └───── add-on gone, endpoint deleted, held ones discarded, expired, damaged ──► cancelled
//! ```
//!
//! `held` is not stored: a due delivery is held while its endpoint or organization is switched off. So a
//! switch is one row, whatever the backlog. Attempts of a resting delivery never make it worse: a failed
//! re-send leaves a delivered one delivered.

use crate::time::Timestamp;

/// Why a delivery was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CancelReason {
    /// The last add-on was taken away (W2).
    AddOn,
    /// Its endpoint was deleted.
    Deleted,
    /// An administrator discarded what was held.
    Discarded,
    /// Retention removed its body before it was sent.
    Expired,
    /// Its stored body no longer has the hash it was stored with; wrong bytes are never sent.
    Damaged,
}

/// What is stored. See the module's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waiting for its time, for a slot, or (held) for a switch.
    Due,
    /// Leased to a node: in its memory or on the wire.
    InFlight,
    /// A 2xx came back.
    Delivered,
    /// The third counted failure.
    Exhausted,
    /// Given up for a reason that is not the receiver's.
    Cancelled(CancelReason),
}

/// A final state: what a delivery rests in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resting {
    /// A 2xx came back once.
    Delivered,
    /// The third counted failure.
    Exhausted,
    /// Given up.
    Cancelled(CancelReason),
}

/// Why tries are being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Round {
    /// The three tries every delivery gets (W19).
    Plan,
    /// One more try, asked for by hand; a failure puts the delivery back where it rested.
    Retry(Resting),
    /// Three more tries, asked for in bulk; a failure puts a delivered one back, others are exhausted.
    Replay(Resting),
    /// A test send: one try, outside statistics and replays.
    Test,
}

/// How far the tries of a delivery have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Why tries are being made.
    pub round: Round,
    /// HTTP requests made so far, over all rounds, counted or not.
    pub attempts: u32,
    /// Counted failures in this round.
    pub failures: u8,
}

impl Progress {
    /// Of a delivery just made.
    pub const NEW: Self = Self {
        round: Round::Plan,
        attempts: 0,
        failures: 0,
    };
    /// Of a test send just made.
    pub const TEST: Self = Self {
        round: Round::Test,
        attempts: 0,
        failures: 0,
    };

    /// The progress after one more round was asked for.
    #[must_use]
    pub const fn again(self, round: Round) -> Self {
        Self {
            round,
            attempts: self.attempts,
            failures: 0,
        }
    }
}

/// What becomes of a delivery after an attempt: computed by [`crate::retry::next`], performed by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Rest in this state.
    Rest(Resting),
    /// Another try, never before this moment.
    DueAt(Timestamp),
}

impl CancelReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AddOn,
        Self::Deleted,
        Self::Discarded,
        Self::Expired,
        Self::Damaged,
    ];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddOn => "add_on",
            Self::Deleted => "deleted",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Damaged => "damaged",
        }
    }
}

impl Resting {
    /// The stored state.
    pub const fn state(self) -> State {
        match self {
            Self::Delivered => State::Delivered,
            Self::Exhausted => State::Exhausted,
            Self::Cancelled(reason) => State::Cancelled(reason),
        }
    }
}

impl State {
    /// Every stored state.
    pub const ALL: [Self; 9] = [
        Self::Due,
        Self::InFlight,
        Self::Delivered,
        Self::Exhausted,
        Self::Cancelled(CancelReason::AddOn),
        Self::Cancelled(CancelReason::Deleted),
        Self::Cancelled(CancelReason::Discarded),
        Self::Cancelled(CancelReason::Expired),
        Self::Cancelled(CancelReason::Damaged),
    ];

    /// The number that is stored; the schema's CHECK lists the same.
    pub const fn code(self) -> u8 {
        match self {
            Self::Due => 0,
            Self::InFlight => 1,
            Self::Delivered => 2,
            Self::Exhausted => 3,
            Self::Cancelled(CancelReason::AddOn) => 4,
            Self::Cancelled(CancelReason::Deleted) => 5,
            Self::Cancelled(CancelReason::Discarded) => 6,
            Self::Cancelled(CancelReason::Expired) => 7,
            Self::Cancelled(CancelReason::Damaged) => 8,
        }
    }

    /// The state of a stored number; an unknown one is damage.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The final state, if it is one.
    pub const fn resting(self) -> Option<Resting> {
        match self {
            Self::Due | Self::InFlight => None,
            Self::Delivered => Some(Resting::Delivered),
            Self::Exhausted => Some(Resting::Exhausted),
            Self::Cancelled(reason) => Some(Resting::Cancelled(reason)),
        }
    }
}

impl Round {
    /// The number that is stored: what kind of round, times 16, plus the resting state's number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Plan => 0,
            Self::Retry(from) => 16 + from.state().code(),
            Self::Replay(from) => 32 + from.state().code(),
            Self::Test => 48,
        }
    }

    /// The round of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        let from = || State::from_code(code % 16).and_then(State::resting);
        match code / 16 {
            0 if code == 0 => Some(Self::Plan),
            1 => from().map(Self::Retry),
            2 => from().map(Self::Replay),
            3 if code == 48 => Some(Self::Test),
            _ => None,
        }
    }
}

/// A state as people and the API see it: with `held`, and the reasons of `waiting` told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shown {
    /// `waiting`, reason `due`.
    Due,
    /// `waiting`, reason `in_flight`.
    InFlight,
    /// `waiting`, reason `held`: its endpoint or organization is switched off.
    Held,
    /// A final state.
    Resting(Resting),
}

impl Shown {
    /// The shown state of a stored one, given whether the endpoint may send now.
    pub const fn of(state: State, held: bool) -> Self {
        match state {
            State::Due if held => Self::Held,
            State::Due => Self::Due,
            State::InFlight => Self::InFlight,
            State::Delivered => Self::Resting(Resting::Delivered),
            State::Exhausted => Self::Resting(Resting::Exhausted),
            State::Cancelled(reason) => Self::Resting(Resting::Cancelled(reason)),
        }
    }

    /// The state's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Due | Self::InFlight | Self::Held => "waiting",
            Self::Resting(Resting::Delivered) => "delivered",
            Self::Resting(Resting::Exhausted) => "exhausted",
            Self::Resting(Resting::Cancelled(_)) => "cancelled",
        }
    }

    /// The reason's name in the API, where the state has one.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Due => Some("due"),
            Self::InFlight => Some("in_flight"),
            Self::Held => Some("held"),
            Self::Resting(Resting::Cancelled(reason)) => Some(reason.name()),
            Self::Resting(Resting::Delivered | Resting::Exhausted) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_round_trip() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
            if let Some(resting) = state.resting() {
                assert_eq!(resting.state(), state);
                for round in [Round::Retry(resting), Round::Replay(resting)] {
                    assert_eq!(Round::from_code(round.code()), Some(round));
                }
            }
        }
        for round in [Round::Plan, Round::Test] {
            assert_eq!(Round::from_code(round.code()), Some(round));
        }
        for bad in [1, 15, 16, 17, 33, 49, 255] {
            assert_eq!(Round::from_code(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_states_shown_are_those_of_the_contract() {
        let names: std::collections::BTreeSet<_> = State::ALL
            .into_iter()
            .flat_map(|state| [Shown::of(state, false), Shown::of(state, true)])
            .map(|shown| (shown.name(), shown.reason()))
            .collect();
        let wanted = [
            ("cancelled", Some("add_on")),
            ("cancelled", Some("damaged")),
            ("cancelled", Some("deleted")),
            ("cancelled", Some("discarded")),
            ("cancelled", Some("expired")),
            ("delivered", None),
            ("exhausted", None),
            ("waiting", Some("due")),
            ("waiting", Some("held")),
            ("waiting", Some("in_flight")),
        ];
        assert_eq!(names, wanted.into_iter().collect());
    }
}
