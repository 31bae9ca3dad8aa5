//! Rotation and opening of signing secrets (W4, W21).

use super::super::notices;
use super::super::step::Step;
use super::super::tables::{SealedOlder, SealedSecrets};
use super::audit::Act;
use super::endpoints::{find, seen};
use super::sealing_failed;
use crate::store::directory::{Changed, Endpoint, Rotated, Rotation};
use crate::store::headers;
use crate::store::seal::{MasterKey, Place, SealError};
use crate::store::sql::database::values;
use crate::store::{Actor, SealedPart, StoreError};
use std::sync::Arc;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::secret::{OlderSecret, RotateError, Secret, Secrets};

/// Opens what is stored for `endpoint`.
pub fn open(
    key: &MasterKey,
    endpoint: &Endpoint,
    sealed: &SealedSecrets,
) -> Result<Secrets, SealError> {
    let (owner, id) = (endpoint.organization, endpoint.id);
    let secret = |place, sealed: &[u8]| {
        let mut bytes = key.open(place, sealed)?;
        Secret::imported(std::mem::take(&mut *bytes)).map_err(|_| SealError::DoesNotOpen)
    };
    let newest = secret(Place::NewestSecret(owner, id), &sealed.newest)?;
    let older = match &sealed.older {
        Some(older) => Some(OlderSecret {
            secret: secret(Place::OlderSecret(owner, id), &older.secret)?,
            until: older.until,
        }),
        None => None,
    };
    Ok(Secrets::stored(newest, older))
}

/// The same for who can do nothing without.
pub fn held(
    key: &MasterKey,
    endpoint: &Endpoint,
    sealed: &SealedSecrets,
) -> Result<Secrets, StoreError> {
    open(key, endpoint, sealed).map_err(|_| StoreError::DoesNotOpen {
        endpoint: endpoint.id,
        what: SealedPart::Secret,
    })
}

/// Rotates to a fresh secret.
pub fn rotate(
    step: &mut Step<'_>,
    key: &MasterKey,
    (owner, id): (OrganizationId, EndpointId),
    rotation: Rotation,
    actor: &Actor,
) -> Result<Rotated, StoreError> {
    let Some((before, sealed)) = find(step, owner, id) else {
        return Ok(Rotated::NotFound);
    };
    let rotated = match open(key, &before, &sealed) {
        Ok(pair) => pair.rotated(rotation.fresh, rotation.overlap, step.now),
        // What does not open signs nothing, so a fresh one overlaps with nothing: this is how such an endpoint is mended.
        Err(_) => Ok(Secrets::first(rotation.fresh)),
    };
    match rotated {
        Err(RotateError::OverlapRunning { until }) => Ok(Rotated::OverlapRunning { until }),
        Ok(pair) => store(step, key, (&before, &sealed), &pair).and_then(|record| {
            Act::new("secret.rotate", Some(owner), id.to_string()).record(step, actor)?;
            let overlap_until = pair.older(step.now).map(|older| older.until);
            notices::rotated(step, &record, overlap_until, actor)?;
            Ok(Rotated::Done {
                endpoint: record,
                overlap_until,
            })
        }),
    }
}

/// Ends a running overlap; without one there is nothing to do.
pub fn confirm(
    step: &mut Step<'_>,
    key: &MasterKey,
    (owner, id): (OrganizationId, EndpointId),
    actor: &Actor,
) -> Result<Changed<Arc<Endpoint>>, StoreError> {
    let Some((before, sealed)) = find(step, owner, id) else {
        return Ok(Changed::NotFound);
    };
    if sealed.older.is_none() {
        return Ok(Changed::Done(before));
    }
    let pair = held(key, &before, &sealed)?;
    let record = store(step, key, (&before, &sealed), &pair.confirmed())?;
    Act::new("secret.confirm", Some(owner), id.to_string()).record(step, actor)?;
    Ok(Changed::Done(record))
}

/// Opens an endpoint's secrets for a person, on the record.
pub fn reveal(
    step: &mut Step<'_>,
    key: &MasterKey,
    (owner, id): (OrganizationId, EndpointId),
    actor: &Actor,
) -> Result<Changed<Secrets>, StoreError> {
    let Some((endpoint, sealed)) = find(step, owner, id) else {
        return Ok(Changed::NotFound);
    };
    let pair = held(key, &endpoint, &sealed)?;
    Act::new("secret.reveal", Some(owner), id.to_string()).record(step, actor)?;
    Ok(Changed::Done(pair))
}

/// Writes a pair under a new version of its endpoint, so that keys prepared from the old pair are dropped.
fn store(
    step: &mut Step<'_>,
    key: &MasterKey,
    (before, sealed): (&Endpoint, &SealedSecrets),
    pair: &Secrets,
) -> Result<Arc<Endpoint>, StoreError> {
    let record = Endpoint {
        version: before.version.saturating_add(1),
        updated_at: step.now,
        ..before.clone()
    };
    let headers = headers::carry(key, before, sealed.headers.as_deref(), record.version)?;
    write(step, key, (record, headers), pair)
}

/// Seals a pair and headers anew: nothing else of the endpoint changes, so prepared keys stay as they are.
pub fn seal_anew(step: &mut Step<'_>, key: &MasterKey, id: EndpointId) -> Result<(), StoreError> {
    let Some((endpoint, sealed)) = step.tables.secrets(id) else {
        return Ok(());
    };
    let pair = held(key, endpoint, sealed)?;
    let record = Endpoint::clone(endpoint);
    let headers = headers::carry(key, &record, sealed.headers.as_deref(), record.version)?;
    write(step, key, (record, headers), &pair).map(drop)
}

fn write(
    step: &mut Step<'_>,
    key: &MasterKey,
    (record, headers): (Endpoint, Option<Box<[u8]>>),
    pair: &Secrets,
) -> Result<Arc<Endpoint>, StoreError> {
    let (owner, id) = (record.organization, record.id);
    let seal = |place, secret: &Secret| key.seal(place, secret.expose()).map_err(sealing_failed);
    let sealed = SealedSecrets {
        newest: seal(Place::NewestSecret(owner, id), pair.newest())?,
        older: match pair.older(step.now) {
            Some(older) => {
                let place = Place::OlderSecret(owner, id);
                Some(Box::new(SealedOlder {
                    secret: seal(place, &older.secret)?,
                    until: older.until,
                }))
            }
            None => None,
        },
        headers,
    };
    step.sql().execute("UPDATE endpoints SET newest_secret = ?2, older_secret = ?3, older_until = ?4, version = ?5, updated_at = ?6,
                sealed_headers = ?7
             WHERE id = ?1", values![id.raw(),
            sealed.newest,
            sealed.older.as_ref().map(|older| &older.secret),
            sealed.older.as_ref().map(|older| older.until.as_micros()),
            record.version,
            record.updated_at.as_micros(),
            sealed.headers,])?;
    Ok(seen(step, record, sealed))
}
