//! Ways to break the node on purpose, between it and the world, and the store's side of the bargain: each must be
//! found, and by the rule that is about it.
//!
//! The dispatcher cannot be made unfair from outside, but it can be misled about who a delivery is for: with a lane
//! for each delivery it knows no endpoints and serves who came first, with one organization for all it goes round
//! no organizations.

use std::time::Duration;
use tidings::engine::dispatcher::{Actions, Input, Start};
use tidings::store::queue::{Change, Job, Settlement};
use tidings_core::delivery::Next;
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::outcome::{Failure, Outcome};
use tidings_core::time::Timestamp;

/// More than there are endpoints: an endpoint's number in the name of a lane for one delivery.
const LANES: i64 = 1_000_000;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Nothing,
    RetriesEarly,
    CountsNothing,
    ForgetsWakeUps,
    ForgetsAnnouncements,
    ForgetsTheNextDue,
    ForgetsThatMoreIsDue,
    LosesAResult,
    LosesFailedBatches,
    TakesMoreSlots,
    TakesMoreRoom,
    SeesNoTimeouts,
    StartsHalf,
    ServesWhoCameFirst,
    ForgetsEndpoints,
    ForgetsOrganizations,
    RoomForgetsEndpoints,
    MovesTheCursorFirst,
    MovesTheCursorTooFar,
    ExpandsFromZeroWithoutTheKey,
    ExpandsToTheYounger,
    HearsOfNoFanOut,
}

impl Sabotage {
    /// All of them, each with words of the rule that has to find it.
    pub(crate) const ALL: [(Self, &str); 21] = [
        (Self::RetriesEarly, "earlier than the plan of tries"),
        (Self::CountsNothing, "once too often"),
        (Self::ForgetsWakeUps, "and starves"),
        (Self::ForgetsAnnouncements, "and starves"),
        (Self::ForgetsTheNextDue, "and starves"),
        (Self::ForgetsThatMoreIsDue, "and starves"),
        (Self::LosesAResult, "hold room"),
        (Self::LosesFailedBatches, "hold room"),
        (Self::TakesMoreSlots, "none is free"),
        (Self::TakesMoreRoom, "was given room"),
        (Self::SeesNoTimeouts, "endpoints that time out hold all"),
        (Self::StartsHalf, "counts"),
        (Self::ServesWhoCameFirst, "of its organization waited"),
        (Self::ForgetsEndpoints, "above its share"),
        (Self::ForgetsOrganizations, "turns of"),
        (Self::RoomForgetsEndpoints, "was given room"),
        (Self::MovesTheCursorFirst, "has no delivery for"),
        (Self::MovesTheCursorTooFar, "has no delivery for"),
        (Self::ExpandsFromZeroWithoutTheKey, "was made twice"),
        (Self::ExpandsToTheYounger, "is not to get it"),
        (Self::HearsOfNoFanOut, "stands still"),
    ];

    pub(crate) fn slots(self, slots: usize) -> usize {
        slots + usize::from(self == Self::TakesMoreSlots)
    }

    pub(crate) fn room(self, room: usize) -> usize {
        room + usize::from(self == Self::TakesMoreRoom)
    }

    /// Spoils what the dispatcher is told.
    pub(crate) fn input(self, mut input: Input) -> Option<Input> {
        self.mislead(&mut input);
        match (self, input) {
            (Self::ForgetsAnnouncements, Input::Due(_)) => None,
            (Self::LosesFailedBatches, Input::SettleFailed(_)) => {
                Some(Input::SettleFailed(Vec::new()))
            }
            (Self::SeesNoTimeouts, Input::Finished { job, mut record }) => {
                if record.outcome == Outcome::Failed(Failure::HeaderTimeout) {
                    record.outcome = Outcome::Status(500);
                }
                Some(Input::Finished { job, record })
            }
            (Self::ForgetsTheNextDue, Input::Claimed(mut claimed)) => {
                claimed.next_due = None;
                Some(Input::Claimed(claimed))
            }
            (Self::ForgetsThatMoreIsDue, Input::Claimed(mut claimed)) => {
                claimed.more = false;
                Some(Input::Claimed(claimed))
            }
            (_, input) => Some(input),
        }
    }

    fn mislead(self, input: &mut Input) {
        match input {
            Input::Arrived(jobs) => jobs.iter_mut().for_each(|job| self.disguise(job)),
            Input::Claimed(claimed) => claimed.jobs.iter_mut().for_each(|job| self.disguise(job)),
            Input::Finished { job, .. } | Input::Withheld(job) => self.disguise(job),
            Input::SettleFailed(results) => {
                for result in results {
                    result.delivery.endpoint = self.lane(result.delivery);
                }
            }
            _ => {}
        }
    }

    fn disguise(self, job: &mut Job) {
        job.delivery.endpoint = self.lane(job.delivery);
        if matches!(self, Self::ServesWhoCameFirst | Self::ForgetsOrganizations)
            && let Some(one) = OrganizationId::new(1)
        {
            job.organization = one;
        }
    }

    const fn a_lane_for_each(self) -> bool {
        matches!(self, Self::ServesWhoCameFirst | Self::ForgetsEndpoints)
    }

    fn lane(self, id: DeliveryId) -> EndpointId {
        match self.a_lane_for_each() {
            true => EndpointId::from_raw(id.event.raw() * LANES + id.endpoint.raw()),
            false => id.endpoint,
        }
    }

    fn unmask(self, endpoint: &mut EndpointId) {
        if self.a_lane_for_each() {
            *endpoint = EndpointId::from_raw(endpoint.raw() % LANES);
        }
    }

    /// Spoils what it decided.
    pub(crate) fn actions(self, actions: &mut Actions) {
        for Start { job, .. } in &mut actions.start {
            self.unmask(&mut job.delivery.endpoint);
        }
        for result in actions.settle.iter_mut().flatten() {
            self.unmask(&mut result.delivery.endpoint);
            self.result(result);
        }
        match self {
            Self::ForgetsWakeUps => actions.wake_at = None,
            Self::LosesAResult => {
                if let Some(results) = actions.settle.as_mut().filter(|all| all.len() > 1) {
                    results.pop();
                }
            }
            Self::StartsHalf => {
                let half = actions.start.len().div_ceil(2);
                actions.start.truncate(half);
            }
            _ => {}
        }
    }

    fn result(self, result: &mut Settlement) {
        let Change::Attempted { progress, next, .. } = &mut result.change else {
            return;
        };
        match (self, next) {
            (Self::RetriesEarly, Next::DueAt(due)) => *due = due.minus(Duration::from_millis(1)),
            (Self::CountsNothing, next) if progress.failures == 3 => {
                progress.failures = 2;
                *next = Next::DueAt(Timestamp::default());
            }
            _ => {}
        }
    }

    // The store's side.

    pub(crate) fn who_asks_for_room(self, id: DeliveryId) -> EndpointId {
        match self {
            Self::RoomForgetsEndpoints => EndpointId::from_raw(-id.event.raw()),
            _ => id.endpoint,
        }
    }

    pub(crate) fn moves_the_cursor_first(self) -> bool {
        self == Self::MovesTheCursorFirst
    }

    pub(crate) fn knows_the_key(self) -> bool {
        self != Self::ExpandsFromZeroWithoutTheKey
    }

    pub(crate) fn hears_of_fan_outs(self) -> bool {
        self != Self::HearsOfNoFanOut
    }

    /// Which of a part and the one behind it the cursor stands at.
    pub(crate) fn cursor_at(self, part: usize) -> usize {
        part - usize::from(self != Self::MovesTheCursorTooFar)
    }

    /// The youngest endpoint that may get an event.
    pub(crate) fn newest_recipient(self, event: EventId) -> EndpointId {
        match self {
            Self::ExpandsToTheYounger => EndpointId::from_raw(i64::MAX),
            _ => EndpointId::from_raw(event.raw()),
        }
    }
}
