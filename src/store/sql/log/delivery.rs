//! One delivery with everything that is known of it: its request as it is sent, and every attempt.

use super::super::tables::Shared;
use super::{events, rows, sql};
use crate::store::log::DeliveryDetail;
use crate::store::sql::database::{Sql, values};
use crate::store::{Reach, StoreError};
use bytes::Bytes;
use tidings_core::id::DeliveryId;
use tidings_core::request;

/// A delivery within reach.
pub fn find(
    connection: &dyn Sql,
    tables: &Shared,
    reach: Reach,
    id: DeliveryId,
) -> Result<Option<DeliveryDetail>, StoreError> {
    let (event, endpoint) = (id.event.raw(), id.endpoint.raw());
    let key = values![event, endpoint];
    let found = connection.one(sql::DELIVERY, key, |row| {
        rows::delivery(row, &tables.read())
    })?;
    let Some(summary) = found.filter(|summary| reach.covers(summary.organization)) else {
        return Ok(None);
    };
    let attempts = connection.all(sql::ATTEMPTS, key, rows::attempt)?;
    let body = events::data(connection, id.event)?.map(|data| {
        let wire_type = summary.wire_type.to_string();
        Bytes::from(request::body(&wire_type, summary.organization, &data))
    });
    Ok(Some(DeliveryDetail {
        endpoint: tables.read().endpoint(id.endpoint).cloned(),
        body,
        attempts,
        summary,
    }))
}
