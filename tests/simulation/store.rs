//! A store in plain Rust with the queue's semantics: accept with room, settle under a lease, recover.
//!
//! Invariants: a delivery is unique by (event, endpoint); what is leased in this life holds room. What is not
//! synced yet can be lost in a crash, by whole commits. Claims are in `claims`, fan-outs in `fan_out`.

use crate::plan::Plan;
use crate::sabotage::Sabotage;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tidings::store::directory::Sending;
use tidings::store::queue::{Change, Job, Lease, Settlement};
use tidings::store::room::{Origin, Reservation, Room};
use tidings_core::delivery::{CancelReason, Next, Progress, Resting, Round, State};
use tidings_core::id::{DeliveryId, EndpointId, EventId, OrganizationId};
use tidings_core::outcome::{Outcome, Verdict};
use tidings_core::time::Timestamp;

/// A delivery as it is on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) organization: OrganizationId,
    pub(crate) progress: Progress,
    pub(crate) state: State,
    pub(crate) due_at: Timestamp,
    pub(crate) lease: Lease,
    pub(crate) made_at: Timestamp,
    /// Counted failures of this round, told from the attempts' records and nothing else.
    pub(crate) failures: u8,
    /// The earliest moment the contract allows the next try,
    pub(crate) not_before: Timestamp,
    /// on the clock as it was set when the last one began.
    pub(crate) clock_set: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct EventRow {
    pub(crate) owner: OrganizationId,
    pub(crate) public: bool,
    /// Which event type, as a bit.
    pub(crate) kind: u8,
    pub(crate) bytes: usize,
    pub(crate) accepted_at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct EndpointRow {
    pub(crate) organization: OrganizationId,
    /// The event types it chose, as bits.
    pub(crate) kinds: u8,
    pub(crate) on: bool,
    pub(crate) deleted: bool,
}

#[derive(Debug)]
pub(crate) struct OrganizationRow {
    pub(crate) on: bool,
    pub(crate) add_on: bool,
}

/// What one commit that is not synced replaced.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    pub(crate) rows: Vec<(DeliveryId, Option<Row>)>,
    pub(crate) cursor: Option<(EventId, EndpointId)>,
}

/// What became of a delivery that was to be made.
#[derive(Debug)]
pub(crate) enum Made {
    InMemory(Job),
    Waits,
    /// There was one of this event to this endpoint, or it was a test that found no room.
    Not,
}

/// Deliveries that are leased, and bytes of their bodies.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    deliveries: usize,
    bytes: usize,
}

impl Held {
    fn change(&mut self, sign: isize, bytes: isize) {
        self.deliveries = self.deliveries.wrapping_add_signed(sign);
        self.bytes = self.bytes.wrapping_add_signed(sign * bytes);
    }
}

/// What the disk holds, and the room of the present life.
#[derive(Debug)]
pub(crate) struct ModelStore {
    pub(crate) rows: BTreeMap<DeliveryId, Row>,
    pub(crate) events: BTreeMap<EventId, EventRow>,
    pub(crate) endpoints: BTreeMap<EndpointId, EndpointRow>,
    pub(crate) organizations: BTreeMap<OrganizationId, OrganizationRow>,
    /// Unfinished fan-outs, each with the last endpoint that was reached.
    pub(crate) fan_outs: BTreeMap<EventId, EndpointId>,
    pub(crate) room: Arc<Room>,
    /// Deliveries that do not rest.
    pub(crate) unfinished: usize,
    pub(crate) now: Timestamp,
    /// How often the clock was set.
    pub(crate) clock_set: u32,
    /// The first rule about room that was broken.
    pub(crate) broken: Option<String>,
    pub(crate) due: BTreeMap<EndpointId, BTreeSet<(Timestamp, DeliveryId)>>,
    /// Endpoints with something due, in the order of their turns.
    pub(crate) turns: VecDeque<EndpointId>,
    pub(crate) sabotage: Sabotage,
    held: BTreeMap<EndpointId, Held>,
    held_in_all: Held,
    /// Endpoints whose last try in this life timed out.
    slow: BTreeSet<EndpointId>,
    capacity: usize,
    bytes: usize,
    pub(crate) unsynced: Vec<Commit>,
    epoch: i64,
    wire_type: Arc<str>,
}

impl ModelStore {
    pub(crate) fn new(plan: &Plan, sabotage: Sabotage) -> Self {
        Self {
            rows: BTreeMap::new(),
            events: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            organizations: BTreeMap::new(),
            fan_outs: BTreeMap::new(),
            room: Room::new(plan.room, plan.bytes),
            unfinished: 0,
            now: Timestamp::default(),
            clock_set: 0,
            broken: None,
            due: BTreeMap::new(),
            turns: VecDeque::new(),
            sabotage,
            held: BTreeMap::new(),
            held_in_all: Held::default(),
            slow: BTreeSet::new(),
            capacity: plan.room,
            bytes: plan.bytes,
            unsynced: Vec::new(),
            epoch: 1,
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

    /// The oldest of an endpoint's waiting deliveries.
    pub(crate) fn oldest_due(&self, endpoint: EndpointId) -> Option<(Timestamp, DeliveryId)> {
        self.due.get(&endpoint)?.first().copied()
    }

    /// A try begins.
    pub(crate) fn sent(&mut self, id: DeliveryId) {
        if let Some(row) = self.rows.get_mut(&id)
            && row.clock_set < self.clock_set
        {
            row.clock_set = self.clock_set;
            row.not_before = self.now;
        }
    }

    /// Deliveries that are leased in this life.
    pub(crate) fn in_memory(&self) -> usize {
        self.held_in_all.deliveries
    }

    /// An attempt ended: whether its endpoint counts as slow now.
    pub(crate) fn learn(&mut self, endpoint: EndpointId, outcome: Outcome) {
        match outcome {
            Outcome::Failed(failure) if failure.is_timeout() => {
                self.slow.insert(endpoint);
            }
            Outcome::Failed(_) | Outcome::Status(_) => {
                self.slow.remove(&endpoint);
            }
            Outcome::OwnFault(_) => {}
        }
    }

    /// Writes a row, or takes it away, and keeps what is derived from rows.
    pub(crate) fn put(&mut self, id: DeliveryId, row: Option<Row>) {
        let before = match row {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
        for (row, sign) in [(before, -1_isize), (row, 1)] {
            let Some(row) = row else { continue };
            let bytes = self.events[&id.event].bytes as isize;
            let resting = row.state.resting().is_some();
            self.unfinished = self
                .unfinished
                .wrapping_add_signed(sign * isize::from(!resting));
            if row.state == State::InFlight {
                let held = self.held.entry(id.endpoint).or_default();
                held.change(sign, bytes);
                self.held_in_all.change(sign, bytes);
            }
            if row.state == State::Due {
                let due = self.due.entry(id.endpoint).or_default();
                match sign {
                    1 => due.insert((row.due_at, id)),
                    _ => due.remove(&(row.due_at, id)),
                };
                if due.is_empty() {
                    self.due.remove(&id.endpoint);
                }
            }
        }
    }

    /// Writes a row as a part of a commit.
    pub(crate) fn write(&mut self, commit: &mut Commit, id: DeliveryId, row: Row) {
        let before = self.rows.get(&id).copied();
        if before.is_some_and(|before| before.progress.attempts > row.progress.attempts) {
            let words = || format!("{id} was made twice: its tries are forgotten");
            self.broken.get_or_insert_with(words);
        }
        commit.rows.push((id, before));
        self.put(id, Some(row));
    }

    /// Whether the rule of the room lets a delivery in, by what is leased.
    pub(crate) fn fits(&self, endpoint: EndpointId, bytes: usize, origin: Origin) -> bool {
        let held = self.held.get(&endpoint).copied().unwrap_or_default();
        let rule = |deliveries: usize, share: usize, taken: Held| {
            let part = if origin == Origin::BehindBacklog {
                2
            } else {
                1
            };
            let free = deliveries.saturating_sub(taken.deliveries) / part;
            let bytes_free = share.saturating_sub(taken.bytes) / part;
            taken.deliveries == 0 || (held.deliveries < free && held.bytes + bytes <= bytes_free)
        };
        let slow = self.slow.iter().filter_map(|slow| self.held.get(slow));
        let slow = slow.fold(Held::default(), |all, one| Held {
            deliveries: all.deliveries + one.deliveries,
            bytes: all.bytes + one.bytes,
        });
        let half = || rule(self.capacity / 2, self.bytes / 2, slow);
        rule(self.capacity, self.bytes, self.held_in_all)
            && (!self.slow.contains(&endpoint) || half())
    }

    /// Asks the real room, which has to say what the rule says.
    pub(crate) fn reserve(&mut self, id: DeliveryId, origin: Origin) -> Option<Reservation> {
        let (bytes, endpoint) = (self.events[&id.event].bytes, id.endpoint);
        let fits = self.fits(endpoint, bytes, origin);
        let granted = self
            .room
            .reserve(self.sabotage.who_asks_for_room(id), bytes, origin);
        if granted.is_some() != fits {
            let (held, all) = (self.held.get(&endpoint), self.held_in_all);
            self.broken.get_or_insert_with(|| {
                let said = if fits { "found no" } else { "was given" };
                format!("{id} {said} room: its endpoint holds {held:?}, all {all:?} ({origin:?})")
            });
        }
        granted
    }

    /// Makes a delivery, in memory if it finds room. There is only one for an event and an endpoint.
    pub(crate) fn make(&mut self, commit: &mut Commit, id: DeliveryId, progress: Progress) -> Made {
        let test = progress.round == Round::Test;
        if self.rows.contains_key(&id) && self.sabotage.knows_the_key() {
            return Made::Not;
        }
        let event = self.events[&id.event];
        let oldest = self.oldest_due(id.endpoint);
        let origin = match oldest.filter(|(due, _)| *due <= self.now && !test) {
            Some(_) => Origin::BehindBacklog,
            None => Origin::Fresh,
        };
        let reservation = self.reserve(id, origin);
        if reservation.is_none() && test {
            return Made::Not;
        }
        let row = Row {
            organization: self.endpoints[&id.endpoint].organization,
            progress,
            state: State::Due,
            due_at: event.accepted_at,
            lease: Lease { epoch: 0, fence: 0 },
            made_at: self.now,
            failures: 0,
            not_before: self.now,
            clock_set: self.clock_set,
        };
        self.write(commit, id, row);
        match reservation {
            Some(reservation) => Made::InMemory(self.lease(id, reservation)),
            None => Made::Waits,
        }
    }

    pub(crate) fn lease(&mut self, id: DeliveryId, reservation: Reservation) -> Job {
        let mut row = self.rows[&id];
        row.state = State::InFlight;
        row.lease = Lease {
            epoch: self.epoch,
            fence: row.lease.fence + 1,
        };
        self.put(id, Some(row));
        Job {
            delivery: id,
            organization: row.organization,
            wire_type: Arc::clone(&self.wire_type),
            data: Bytes::new(),
            progress: row.progress,
            due_at: row.due_at,
            lease: row.lease,
            reservation,
        }
    }

    /// Stores results in one commit; answers how many leases were lost.
    pub(crate) fn settle(&mut self, results: Vec<Settlement>) -> usize {
        let (mut lost, mut commit) = (0, Commit::default());
        for result in results {
            let id = result.delivery;
            let mut row = self.rows[&id];
            if row.state != State::InFlight || row.lease != result.lease {
                lost += 1;
                continue;
            }
            match &result.change {
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
                    row.progress = *progress;
                    match next {
                        Next::Rest(resting) => row.state = resting.state(),
                        Next::DueAt(due) => {
                            row.due_at = *due;
                            row.state = self.again(id.endpoint, row);
                        }
                    }
                }
                Change::HandedBack { .. } => row.state = self.again(id.endpoint, row),
                Change::Cancelled(reason) => row.state = State::Cancelled(*reason),
            }
            self.write(&mut commit, id, row);
        }
        self.unsynced.push(commit);
        lost
    }

    /// The state of a delivery that is to be sent again; one that arrived before stays delivered.
    fn again(&self, endpoint: EndpointId, row: Row) -> State {
        let reason = match self.sending(endpoint) {
            Some(Sending::Open | Sending::Off) => return State::Due,
            Some(Sending::Suspended) => CancelReason::AddOn,
            None => CancelReason::Deleted,
        };
        match row.progress.round {
            Round::Retry(Resting::Delivered) | Round::Replay(Resting::Delivered) => {
                State::Delivered
            }
            _ => State::Cancelled(reason),
        }
    }

    /// Cancels what waits and may never be sent: after an add-on was taken away or an endpoint deleted.
    pub(crate) fn cancel_waiting(&mut self) {
        self.unsynced.clear();
        let waiting: Vec<DeliveryId> = self.due.values().flatten().map(|(_, id)| *id).collect();
        for id in waiting {
            let row = self.rows[&id];
            let state = self.again(id.endpoint, row);
            if state != State::Due {
                self.put(id, Some(Row { state, ..row }));
            }
        }
    }

    /// One more round of a resting delivery, asked for by hand or in bulk.
    pub(crate) fn ask_again(&mut self, id: DeliveryId, bulk: bool, now: Timestamp) -> bool {
        let mut row = self.rows[&id];
        let Some(resting) = row.state.resting() else {
            return false;
        };
        let sendable = matches!(
            self.sending(id.endpoint),
            Some(Sending::Open | Sending::Off)
        );
        if !sendable || row.progress.round == Round::Test {
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
        row.clock_set = self.clock_set;
        self.put(id, Some(row));
        true
    }

    /// The process dies: the last `lost` unsynced commits are gone, with all that was in memory.
    pub(crate) fn crash(&mut self, lost: usize) {
        let kept = self.unsynced.len().saturating_sub(lost);
        for commit in self.unsynced.split_off(kept).into_iter().rev() {
            for (id, row) in commit.rows.into_iter().rev() {
                self.put(id, row);
            }
            if let Some((event, after)) = commit.cursor {
                self.fan_outs.insert(event, after);
            }
        }
        self.unsynced.clear();
    }

    /// A new life: everything leased before is due again.
    pub(crate) fn recover(&mut self) {
        self.epoch += 1;
        self.room = Room::new(self.sabotage.room(self.capacity), self.bytes);
        self.slow.clear();
        self.turns.clear();
        let leased: Vec<DeliveryId> = self.in_flight().collect();
        for id in leased {
            let row = self.rows[&id];
            let state = self.again(id.endpoint, row);
            self.put(id, Some(Row { state, ..row }));
        }
        if !self.sabotage.knows_the_key() {
            let from_zero = EndpointId::from_raw(0);
            self.fan_outs
                .values_mut()
                .for_each(|after| *after = from_zero);
        }
    }

    pub(crate) fn in_flight(&self) -> impl Iterator<Item = DeliveryId> {
        self.rows
            .iter()
            .filter(|(_, row)| row.state == State::InFlight)
            .map(|(id, _)| *id)
    }
}
