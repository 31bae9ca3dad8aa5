//! Rows that are written together at the end of a transaction: whatever is inserted for every event, column by column.

use super::connection::Connection;
use super::statements::{INSERT_ATTEMPTS, INSERT_EVENTS, INSERT_FRESH};
use crate::store::StoreError;
use crate::store::queue::AttemptRecord;
use crate::store::sql::database::{DeliveryRow, EventRow, micros};
use tidings_core::id::DeliveryId;

/// The rows.
#[derive(Debug, Default)]
pub(super) struct Pending {
    events: Events,
    deliveries: Deliveries,
    attempts: Attempts,
}

#[derive(Debug, Default)]
struct Events {
    numbers: [Vec<i64>; 6],
    references: Vec<Option<String>>,
    hashes: Vec<Vec<u8>>,
    data: Vec<Vec<u8>>,
}

/// Deliveries, column by column, in the order of their statements.
#[derive(Debug, Default)]
pub(super) struct Deliveries(pub [Vec<i64>; 10]);

#[derive(Debug, Default)]
struct Attempts {
    /// Event, endpoint, number, started at, lateness.
    begun: [Vec<i64>; 5],
    /// dns, connect, tls, first byte.
    parts: [Vec<Option<i64>>; 4],
    /// Total, outcome, version of the endpoint, timestamp, bytes of the answer.
    ended: [Vec<i64>; 5],
    /// Detail, both signatures.
    texts: [Vec<String>; 3],
    peers: Vec<Option<String>>,
    /// Headers and body of the answer.
    answers: [Vec<Vec<u8>>; 2],
}

fn push<T, const N: usize>(columns: &mut [Vec<T>; N], row: [T; N]) {
    for (column, value) in columns.iter_mut().zip(row) {
        column.push(value);
    }
}

impl Deliveries {
    /// One more.
    pub(super) fn push(&mut self, row: &DeliveryRow) {
        push(
            &mut self.0,
            [
                row.event,
                row.endpoint,
                row.organization,
                row.name,
                row.audience,
                row.state.into(),
                row.round.into(),
                row.due_at,
                row.epoch,
                row.fence.into(),
            ],
        );
    }
}

impl Pending {
    /// An event to write.
    pub(super) fn event(&mut self, event: &EventRow<'_>) {
        let events = &mut self.events;
        push(
            &mut events.numbers,
            [
                event.id,
                event.organization,
                event.name,
                event.public.into(),
                event.test.into(),
                event.accepted_at,
            ],
        );
        events.references.push(event.reference.map(str::to_owned));
        events.hashes.push(event.hash.to_vec());
        events.data.push(event.data.to_vec());
    }

    /// A delivery to write, of an event that had none.
    pub(super) fn delivery(&mut self, row: &DeliveryRow) {
        self.deliveries.push(row);
    }

    /// An attempt to write.
    pub(super) fn attempt(&mut self, id: DeliveryId, record: &AttemptRecord) {
        let (attempts, timing) = (&mut self.attempts, &record.timing);
        push(
            &mut attempts.begun,
            [
                id.event.raw(),
                id.endpoint.raw(),
                record.number.into(),
                record.started_at.as_micros(),
                micros(record.lateness),
            ],
        );
        push(
            &mut attempts.parts,
            [timing.dns, timing.connect, timing.tls, timing.first_byte]
                .map(|part| part.map(micros)),
        );
        push(
            &mut attempts.ended,
            [
                micros(timing.total),
                record.outcome.code().into(),
                record.endpoint_version.into(),
                record.timestamp,
                i64::try_from(record.answer.body_bytes).unwrap_or(i64::MAX),
            ],
        );
        push(
            &mut attempts.texts,
            [
                &record.detail,
                &record.vomo_signature,
                &record.webhook_signature,
            ]
            .map(|text| text.replace('\0', "")),
        );
        attempts
            .peers
            .push(record.peer.map(|peer| peer.to_string()));
        push(
            &mut attempts.answers,
            [record.answer.headers.to_vec(), record.answer.body.to_vec()],
        );
    }

    /// Writes all there is.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn write(self, connection: &Connection) -> Result<(), StoreError> {
        let Self {
            events,
            deliveries,
            attempts,
        } = self;
        if !events.data.is_empty() {
            let [id, organization, name, public, test, accepted] = &events.numbers;
            connection.run(
                INSERT_EVENTS,
                &[
                    id,
                    organization,
                    name,
                    public,
                    test,
                    accepted,
                    &events.references,
                    &events.hashes,
                    &events.data,
                ],
            )?;
        }
        let columns = &deliveries.0;
        if columns.iter().any(|column| !column.is_empty()) {
            let values = columns.each_ref().map(|column| column as _);
            connection.run(INSERT_FRESH, &values)?;
        }
        attempts.write(connection)
    }
}

impl Attempts {
    fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.peers.is_empty() {
            return Ok(());
        }
        let [event, endpoint, number, started_at, lateness] = &self.begun;
        let [dns, connect, tls, first_byte] = &self.parts;
        let [total, outcome, version, timestamp, bytes] = &self.ended;
        let [detail, vomo, webhook] = &self.texts;
        let [headers, body] = &self.answers;
        connection.run(
            INSERT_ATTEMPTS,
            &[
                event,
                endpoint,
                number,
                started_at,
                lateness,
                dns,
                connect,
                tls,
                first_byte,
                total,
                outcome,
                detail,
                version,
                timestamp,
                vomo,
                webhook,
                &self.peers,
                headers,
                body,
                bytes,
            ],
        )?;
        Ok(())
    }
}
