//! A new master key for data that others have sealed, while everything goes on.
//!
//! The new key seals from the moment it is taken; what its predecessors sealed is sealed anew, one endpoint in a commit.
//! Invariants: at every moment, and after a crash at any, each secret opens with a key that is known; a key without which
//! something would not open is not taken. With several nodes only one whose newest key the data names seals anew.

use super::SqlStore;
use super::audit::Act;
use super::directory::secrets;
use super::step::Step;
use super::tables::SealedSecrets;
use crate::store::seal::{self, MasterKey};
use crate::store::{Actor, StoreError};
use serde_json::json;
use std::sync::{Arc, PoisonError};
use tidings_core::id::EndpointId;

impl SqlStore {
    /// The key in force, with those before it.
    pub(super) fn master_key(&self) -> Arc<MasterKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a new master key, which must come with every older one that still sealed something.
    ///
    /// # Errors
    /// [`StoreError::WrongMasterKey`]: something would not open any more; nothing changed.
    pub async fn take_master_key(&self, key: MasterKey) -> Result<(), StoreError> {
        self.opens_everything(&key)?;
        let key = Arc::new(key);
        let (checked, file) = (Arc::clone(&key), self.file.clone());
        self.change(move |step| {
            let sealed = canary(step)?;
            if let Some(fresh) = seal::check(&checked, sealed.as_deref(), &file)? {
                let [_, write] = step.database.canary();
                step.sql().execute(write, super::database::values![fresh])?;
                Act::new("master_key.take", None, checked.id()).record(step, &Actor::server())?;
            }
            Ok(())
        })
        .await?;
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// Seals anew what older master keys sealed; answers how many endpoints' secrets.
    ///
    /// # Errors
    /// The database failed; what is done stays done.
    pub async fn seal_anew(&self) -> Result<usize, StoreError> {
        let key = self.master_key();
        if !key.has_older() {
            return Ok(0);
        }
        let stale = self.sealed_otherwise(|sealed| !key.is_newest_of(sealed));
        for (done, id) in stale.iter().copied().enumerate() {
            let key = Arc::clone(&key);
            let ours = self.change(move |step| one(step, &key, id)).await?;
            if !ours {
                return Ok(done);
            }
        }
        if !stale.is_empty() {
            let (id, endpoints) = (key.id(), stale.len());
            self.change(move |step| {
                Act::new("master_key.seal_anew", None, id)
                    .turning(None, Some(json!({ "endpoints": endpoints })))
                    .record(step, &Actor::server())
            })
            .await?;
        }
        Ok(stale.len())
    }

    /// That this key, with those before it, opens everything there is.
    ///
    /// # Errors
    /// [`StoreError::WrongMasterKey`].
    pub(super) fn opens_everything(&self, key: &MasterKey) -> Result<(), StoreError> {
        match self
            .sealed_otherwise(|sealed| !key.knows(sealed))
            .is_empty()
        {
            true => Ok(()),
            false => Err(StoreError::WrongMasterKey {
                path: self.file.clone(),
            }),
        }
    }

    fn sealed_otherwise(&self, is: impl Fn(&[u8]) -> bool) -> Vec<EndpointId> {
        let either = |sealed: &SealedSecrets| {
            is(&sealed.newest) || sealed.older.as_ref().is_some_and(|older| is(&older.secret))
        };
        let tables = self.tables.read();
        let found = tables.sealed().filter(|(_, sealed)| either(sealed));
        found.map(|(id, _)| id).collect()
    }
}

fn canary(step: &Step<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let [read, _] = step.database.canary();
    step.sql().one(read, super::database::values![], |row| {
        Ok(row.bytes(0)?.to_vec())
    })
}

/// One endpoint; `false` where the data names another node's key as its newest.
fn one(step: &mut Step<'_>, key: &MasterKey, id: EndpointId) -> Result<bool, StoreError> {
    let ours = canary(step)?.is_some_and(|sealed| key.is_newest_of(&sealed));
    if ours {
        secrets::seal_anew(step, key, id)?;
    }
    Ok(ours)
}
