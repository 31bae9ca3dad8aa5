//! A new master key for data that others have sealed, while everything goes on.
//!
//! The new key seals from the moment it is taken; what its predecessors sealed is sealed anew, one endpoint or account in a commit.
//! Invariants: at every moment, and after a crash at any, each secret and header opens with a key that is known; a key without which
//! something would not open is not taken. With several nodes only one whose newest key the data names seals anew.

use super::SqlStore;
use super::accounts::{self, Sealed};
use super::audit::Act;
use super::database::values;
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
        let factors = self.read(accounts::all_sealed).await?;
        self.opens_everything(&key, &factors)?;
        let key = Arc::new(key);
        self.name(Arc::clone(&key)).await?;
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// Has the data name the newest key that this was opened with.
    ///
    /// # Errors
    /// The database failed.
    pub async fn name_master_key(&self) -> Result<(), StoreError> {
        self.name(self.master_key()).await
    }

    async fn name(&self, key: Arc<MasterKey>) -> Result<(), StoreError> {
        let file = self.file.clone();
        self.change(move |step| {
            let sealed = canary(step)?;
            seal::check(&key, sealed.as_deref(), &file)?;
            if sealed.is_some_and(|sealed| key.is_newest_of(&sealed)) {
                return Ok(());
            }
            let [_, write] = step.database.canary();
            step.sql().execute(write, values![seal::canary(&key)?])?;
            Act::new("master_key.take", None, key.id()).record(step, &Actor::server())
        })
        .await
    }

    /// Seals anew what older master keys sealed; answers of how many endpoints and accounts. One that does not open is said in the
    /// log and stays as it is.
    ///
    /// # Errors
    /// The database failed; what is done stays done.
    pub async fn seal_anew(&self) -> Result<usize, StoreError> {
        let key = self.master_key();
        if !key.has_older() {
            return Ok(0);
        }
        let mut endpoints = 0;
        for id in self.sealed_otherwise(|sealed| !key.is_newest_of(sealed)) {
            let key = Arc::clone(&key);
            match self.change(move |step| one(step, &key, id)).await {
                Ok(true) => endpoints += 1,
                Ok(false) => return Ok(endpoints),
                Err(error @ (StoreError::Internal { .. } | StoreError::DoesNotOpen { .. })) => {
                    tracing::error!(endpoint = %id, %error, "a secret cannot be sealed anew");
                }
                Err(error) => return Err(error),
            }
        }
        let accounts = self.seal_factors_anew(&key).await?;
        if endpoints + accounts > 0 {
            let id = key.id();
            let done = json!({ "endpoints": endpoints, "accounts": accounts });
            self.change(move |step| {
                Act::new("master_key.seal_anew", None, id)
                    .turning(None, Some(done))
                    .record(step, &Actor::server())
            })
            .await?;
        }
        Ok(endpoints + accounts)
    }

    async fn seal_factors_anew(&self, key: &Arc<MasterKey>) -> Result<usize, StoreError> {
        let mut done = 0;
        let all = self.read(accounts::all_sealed).await?;
        let older = all
            .into_iter()
            .filter(|sealed| !key.is_newest_of(&sealed.secret));
        for Sealed { account, .. } in older {
            let key = Arc::clone(key);
            let sealed = self.change(move |step| match is_ours(step, &key)? {
                true => accounts::seal_anew(step, &key, account).map(|()| true),
                false => Ok(false),
            });
            match sealed.await {
                Ok(true) => done += 1,
                Ok(false) => break,
                Err(error @ StoreError::Internal { .. }) => {
                    tracing::error!(%account, %error, "a second factor cannot be sealed anew");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// That this key, with those before it, opens everything there is.
    ///
    /// # Errors
    /// [`StoreError::WrongMasterKey`].
    pub(super) fn opens_everything(
        &self,
        key: &MasterKey,
        factors: &[Sealed],
    ) -> Result<(), StoreError> {
        let endpoints = self.sealed_otherwise(|sealed| !key.knows(sealed));
        let knows_factors = factors.iter().all(|sealed| key.knows(&sealed.secret));
        match endpoints.is_empty() && knows_factors {
            true => Ok(()),
            false => Err(StoreError::WrongMasterKey {
                path: self.file.clone(),
            }),
        }
    }

    fn sealed_otherwise(&self, is: impl Fn(&[u8]) -> bool) -> Vec<EndpointId> {
        let either = |sealed: &SealedSecrets| {
            let others = [
                sealed.older.as_ref().map(|older| &older.secret),
                sealed.headers.as_ref(),
            ];
            is(&sealed.newest) || others.into_iter().flatten().any(|other| is(other))
        };
        let tables = self.tables.read();
        let found = tables.sealed().filter(|(_, sealed)| either(sealed));
        found.map(|(id, _)| id).collect()
    }
}

fn canary(step: &Step<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let [read, _] = step.database.canary();
    step.sql()
        .one(read, values![], |row| Ok(row.bytes(0)?.to_vec()))
}

/// Whether the data names this key as its newest.
fn is_ours(step: &Step<'_>, key: &MasterKey) -> Result<bool, StoreError> {
    Ok(canary(step)?.is_some_and(|sealed| key.is_newest_of(&sealed)))
}

/// One endpoint; `false` where the data names another node's key as its newest.
fn one(step: &mut Step<'_>, key: &MasterKey, id: EndpointId) -> Result<bool, StoreError> {
    let ours = is_ours(step, key)?;
    if ours {
        secrets::seal_anew(step, key, id)?;
    }
    Ok(ours)
}
