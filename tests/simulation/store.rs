//! A store in plain Rust with the queue's semantics: accept with room, claim round the endpoints, settle under a
//! lease, recover. What is not synced yet can be lost in a crash.

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::Sending;
use tidings::store::queue::{Change, Claimed, Job, Lease, Settlement};
use tidings::store::room::{Origin, Reservation, Room};
use tidings_core::delivery::{CancelReason, Next, Progress, Resting, Round, State};
use tidings_core::id::{DeliveryId, EndpointId, OrganizationId};
use tidings_core::outcome::Verdict;
use tidings_core::time::Timestamp;

/// A delivery as it is on disk.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) organization: OrganizationId,
    pub(crate) progress: Progress,
    pub(crate) state: State,
    pub(crate) due_at: Timestamp,
    pub(crate) lease: Lease,
    /// Counted failures of this round, told from the attempts' records and nothing else.
    pub(crate) failures: u8,
    /// The earliest moment the contract allows the next try.
    pub(crate) not_before: Timestamp,
}

#[derive(Debug)]
pub(crate) struct EndpointRow {
    pub(crate) organization: OrganizationId,
    pub(crate) on: bool,
    pub(crate) deleted: bool,
}

#[derive(Debug)]
pub(crate) struct OrganizationRow {
    pub(crate) on: bool,
    pub(crate) add_on: bool,
}

/// What the disk holds, and the room of the present life.
#[derive(Debug)]
pub(crate) struct ModelStore {
    pub(crate) rows: BTreeMap<DeliveryId, Row>,
    pub(crate) endpoints: BTreeMap<EndpointId, EndpointRow>,
    pub(crate) organizations: BTreeMap<OrganizationId, OrganizationRow>,
    pub(crate) room: Arc<Room>,
    /// Deliveries that do not rest.
    pub(crate) unfinished: usize,
    due: BTreeMap<EndpointId, BTreeSet<(Timestamp, DeliveryId)>>,
    unsynced: Vec<(DeliveryId, Row)>,
    epoch: i64,
    turn: usize,
    wire_type: Arc<str>,
}

impl ModelStore {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            rows: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            organizations: BTreeMap::new(),
            room: Room::new(room, usize::MAX),
            unfinished: 0,
            due: BTreeMap::new(),
            unsynced: Vec::new(),
            epoch: 1,
            turn: 0,
            wire_type: Arc::from("project.updated"),
        }
    }

    pub(crate) fn sending(&self, id: EndpointId) -> Option<Sending> {
        let endpoint = self.endpoints.get(&id).filter(|row| !row.deleted)?;
        let organization = self.organizations.get(&endpoint.organization)?;
        Some(
            match (organization.add_on, organization.on && endpoint.on) {
                (false, _) => Sending::Suspended,
                (true, false) => Sending::Off,
                (true, true) => Sending::Open,
            },
        )
    }

    /// The oldest due time of an endpoint's waiting deliveries.
    pub(crate) fn oldest_due(&self, endpoint: EndpointId) -> Option<Timestamp> {
        Some(self.due.get(&endpoint)?.first()?.0)
    }

    /// Writes a row and keeps what is derived from rows.
    pub(crate) fn put(&mut self, id: DeliveryId, row: Row) {
        let due = self.due.entry(id.endpoint).or_default();
        if let Some(before) = self.rows.get(&id) {
            due.remove(&(before.due_at, id));
            self.unfinished -= usize::from(before.state.resting().is_none());
        }
        if row.state == State::Due {
            due.insert((row.due_at, id));
        }
        self.unfinished += usize::from(row.state.resting().is_none());
        self.rows.insert(id, row);
    }

    /// Makes a delivery and hands it over if it finds room. `None`: a test found none.
    pub(crate) fn make(
        &mut self,
        id: DeliveryId,
        progress: Progress,
        bytes: usize,
        now: Timestamp,
    ) -> Option<Result<Job, Timestamp>> {
        let backlog = self.oldest_due(id.endpoint).is_some_and(|due| due <= now);
        let origin = if backlog && progress.round != Round::Test {
            Origin::BehindBacklog
        } else {
            Origin::Fresh
        };
        let reservation = self.room.reserve(id.endpoint, bytes, origin);
        if reservation.is_none() && progress.round == Round::Test {
            return None;
        }
        let row = Row {
            organization: self.endpoints[&id.endpoint].organization,
            progress,
            state: State::Due,
            due_at: now,
            lease: Lease { epoch: 0, fence: 0 },
            failures: 0,
            not_before: now,
        };
        self.put(id, row);
        self.unsynced.clear();
        Some(match reservation {
            Some(reservation) => Ok(self.lease(id, reservation)),
            None => Err(now),
        })
    }

    fn lease(&mut self, id: DeliveryId, reservation: Reservation) -> Job {
        let mut row = self.rows[&id].clone();
        row.state = State::InFlight;
        row.lease = Lease {
            epoch: self.epoch,
            fence: row.lease.fence + 1,
        };
        let job = Job {
            delivery: id,
            organization: row.organization,
            wire_type: Arc::clone(&self.wire_type),
            data: Bytes::new(),
            progress: row.progress,
            due_at: row.due_at,
            lease: row.lease,
            reservation,
        };
        self.put(id, row);
        job
    }

    /// Leases what is due, going round the endpoints that may be sent to.
    pub(crate) fn claim(&mut self, limit: usize, now: Timestamp) -> Claimed {
        self.unsynced.clear();
        let mut open: VecDeque<EndpointId> = self
            .endpoints
            .keys()
            .copied()
            .filter(|id| self.sending(*id) == Some(Sending::Open))
            .collect();
        let next_due = open
            .iter()
            .filter_map(|id| self.due.get(id))
            .flatten()
            .map(|(due, _)| *due)
            .filter(|due| *due > now)
            .min();
        let turn = self.turn % open.len().max(1);
        open.rotate_left(turn);
        self.turn += 1;
        let (mut jobs, mut more) = (Vec::new(), false);
        while let Some(endpoint) = open.pop_front() {
            let first = self.due.get(&endpoint).and_then(|due| due.first().copied());
            let Some((_, id)) = first.filter(|(due, _)| *due <= now) else {
                continue;
            };
            if jobs.len() == limit {
                more = true;
                break;
            }
            match self.room.reserve(endpoint, 100, Origin::Claimed) {
                Some(reservation) => {
                    jobs.push(self.lease(id, reservation));
                    open.push_back(endpoint);
                }
                None => more = true,
            }
        }
        Claimed {
            jobs,
            more,
            next_due,
        }
    }

    /// Stores results; answers how many leases were lost.
    pub(crate) fn settle(&mut self, results: Vec<Settlement>) -> usize {
        let mut lost = 0;
        for result in results {
            let mut row = self.rows[&result.delivery].clone();
            if row.state != State::InFlight || row.lease != result.lease {
                lost += 1;
                continue;
            }
            self.unsynced.push((result.delivery, row.clone()));
            row.state = match result.change {
                Change::Attempted {
                    record,
                    progress,
                    next,
                } => {
                    let ended_at = record.started_at.plus(record.timing.total);
                    row.failures += u8::from(record.outcome.verdict() == Verdict::Failure);
                    let wait = match (record.outcome.verdict(), row.failures) {
                        (Verdict::Failure, 2) => 100,
                        _ => 10,
                    };
                    row.not_before = ended_at.plus(Duration::from_secs(wait));
                    row.progress = progress;
                    match next {
                        Next::Rest(resting) => resting.state(),
                        Next::DueAt(due) => {
                            row.due_at = due;
                            self.again(result.delivery.endpoint)
                        }
                    }
                }
                Change::HandedBack => self.again(result.delivery.endpoint),
                Change::Cancelled(reason) => State::Cancelled(reason),
            };
            self.put(result.delivery, row);
        }
        lost
    }

    /// The state of a delivery that is to be sent again.
    fn again(&self, endpoint: EndpointId) -> State {
        match self.sending(endpoint) {
            Some(Sending::Open | Sending::Off) => State::Due,
            Some(Sending::Suspended) => State::Cancelled(CancelReason::AddOn),
            None => State::Cancelled(CancelReason::Deleted),
        }
    }

    /// Cancels what waits and may never be sent: after an add-on was taken away or an endpoint deleted.
    pub(crate) fn cancel_waiting(&mut self) {
        self.unsynced.clear();
        let waiting: Vec<DeliveryId> = self.due.values().flatten().map(|(_, id)| *id).collect();
        for id in waiting {
            let mut row = self.rows[&id].clone();
            row.state = self.again(id.endpoint);
            self.put(id, row);
        }
    }

    /// One more round of a resting delivery, asked for by hand or in bulk.
    pub(crate) fn ask_again(&mut self, id: DeliveryId, bulk: bool, now: Timestamp) -> bool {
        let mut row = self.rows[&id].clone();
        let Some(resting) = row.state.resting() else {
            return false;
        };
        if self.again(id.endpoint) != State::Due || row.progress.round == Round::Test {
            return false;
        }
        self.unsynced.clear();
        row.progress = row.progress.again(if bulk {
            Round::Replay(resting)
        } else {
            Round::Retry(resting)
        });
        row.state = State::Due;
        row.due_at = now;
        row.failures = 0;
        row.not_before = now;
        self.put(id, row);
        true
    }

    /// The process dies: the last `lost` unsynced results are gone, with all that was in memory.
    pub(crate) fn crash(&mut self, lost: usize) {
        let kept = self.unsynced.len().saturating_sub(lost);
        let undone = self.unsynced.split_off(kept);
        for (id, row) in undone.into_iter().rev() {
            self.put(id, row);
        }
        self.unsynced.clear();
    }

    /// A new life: everything leased before is due again.
    pub(crate) fn recover(&mut self) {
        self.epoch += 1;
        self.room = Room::new(self.room.capacity(), usize::MAX);
        let leased: Vec<DeliveryId> = self.in_flight().collect();
        for id in leased {
            let mut row = self.rows[&id].clone();
            row.state = self.again(id.endpoint);
            self.put(id, row);
        }
    }

    pub(crate) fn in_flight(&self) -> impl Iterator<Item = DeliveryId> {
        self.rows
            .iter()
            .filter(|(_, row)| row.state == State::InFlight)
            .map(|(id, _)| *id)
    }

    /// Why a finished delivery may not rest as it does, if so.
    pub(crate) fn wrong_rest(&self, row: &Row) -> Option<&'static str> {
        let tries = match row.progress.round {
            Round::Plan | Round::Replay(_) => 3,
            Round::Retry(_) | Round::Test => 1,
        };
        match row.state.resting() {
            None => Some("it does not rest"),
            Some(Resting::Exhausted) if row.failures != tries => Some("exhausted before its tries"),
            Some(Resting::Delivered | Resting::Exhausted | Resting::Cancelled(_)) => None,
        }
    }
}
