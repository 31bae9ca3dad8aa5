//! One delivery with everything that is known of it: its request as it is sent, and every attempt.

use super::super::tables::Tables;
use super::{events, rows, sql};
use crate::store::log::{AttemptDetail, DeliveryDetail};
use crate::store::{Reach, StoreError};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _};
use tidings_core::id::DeliveryId;
use tidings_core::request;

/// A delivery within reach.
pub fn find(
    connection: &Connection,
    tables: &Tables,
    reach: Reach,
    id: DeliveryId,
) -> Result<Option<DeliveryDetail>, StoreError> {
    let key = (id.event.raw(), id.endpoint.raw());
    let found = connection
        .prepare_cached(sql::DELIVERY)?
        .query_row(key, |row| rows::delivery(row, tables))
        .optional()?;
    let Some(summary) = found.filter(|summary| reach.covers(summary.organization)) else {
        return Ok(None);
    };
    let attempts: rusqlite::Result<Vec<AttemptDetail>> = connection
        .prepare_cached(sql::ATTEMPTS)?
        .query_map(key, rows::attempt)?
        .collect();
    let body = events::data(connection, id.event)?.map(|data| {
        let wire_type = summary.wire_type.to_string();
        Bytes::from(request::body(&wire_type, summary.organization, &data))
    });
    Ok(Some(DeliveryDetail {
        endpoint: tables.endpoint(id.endpoint).cloned(),
        body,
        attempts: attempts?,
        summary,
    }))
}
