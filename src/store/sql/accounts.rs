//! Accounts, sessions and links in the database. They are few and asked by people, so nothing of them is kept in memory:
//! what one node changes, all nodes see with the next request. Changes take the directory's turn, so that two nodes can
//! neither use one link twice nor remove the last two operators at once.

mod devices;
mod factors;
mod links;
mod people;
mod sessions;

pub(super) use factors::{Sealed, all_sealed, seal_anew};
pub(super) use links::{end_made_by, forget_organization};
pub(super) use people::delete;
pub(super) use sessions::forget;

use super::SqlStore;
use super::database::{Row, unreadable};
use crate::store::accounts::{
    Acceptance, Account, Accounts, DeviceMark, Link, NewLink, NewSession, Redeemed, Removed, Role,
    Session, TokenHash,
};
use crate::store::directory::{Changed, Page, PageRequest};
use crate::store::{Actor, Reach, StoreError};
use async_trait::async_trait;
use tidings_core::id::{AccountId, LinkId, OrganizationId, SessionId};
use tidings_core::time::Timestamp;

#[async_trait]
impl Accounts for SqlStore {
    async fn account_named(&self, name: String) -> Result<Option<(Account, String)>, StoreError> {
        self.read(move |sql| people::named(sql, &name)).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.read(move |sql| people::find(sql, id)).await
    }

    async fn accounts(&self, reach: Reach, page: PageRequest) -> Result<Page<Account>, StoreError> {
        self.read(move |sql| people::list(sql, reach, &page)).await
    }

    async fn leave(
        &self,
        id: AccountId,
        organization: OrganizationId,
        actor: Actor,
    ) -> Result<Removed, StoreError> {
        self.change(move |step| people::leave(step, id, organization, &actor))
            .await
    }

    async fn remove_account(&self, id: AccountId, actor: Actor) -> Result<Removed, StoreError> {
        self.change(move |step| people::remove(step, id, &actor))
            .await
    }

    async fn set_password(
        &self,
        id: AccountId,
        password: String,
        keep: Option<SessionId>,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        self.change(move |step| people::set_password(step, id, &password, keep, &actor))
            .await
    }

    async fn mark_device(
        &self,
        id: AccountId,
        until: Timestamp,
    ) -> Result<Option<DeviceMark>, StoreError> {
        let key = self.master_key();
        self.read(move |sql| devices::mark(sql, &key, id, until))
            .await
    }

    async fn is_marked(
        &self,
        id: AccountId,
        mark: DeviceMark,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = self.master_key();
        self.read(move |sql| devices::is_marked(sql, &key, (id, &mark), now))
            .await
    }

    async fn login_refused(&self, id: Option<AccountId>, actor: Actor) -> Result<(), StoreError> {
        self.alone(move |step| sessions::refused(step, id, &actor))
            .await
    }

    async fn open_session(
        &self,
        id: AccountId,
        new: NewSession,
        actor: Actor,
    ) -> Result<Changed<SessionId>, StoreError> {
        self.change(move |step| sessions::open(step, id, &new, &actor))
            .await
    }

    async fn session(
        &self,
        hash: TokenHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.read(move |sql| sessions::find(sql, &hash, now)).await
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.alone(move |step| sessions::touch(step, id, now)).await
    }

    async fn sessions(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.read(move |sql| sessions::of(sql, account, now)).await
    }

    async fn end_session(
        &self,
        account: Option<AccountId>,
        id: SessionId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        self.change(move |step| sessions::end(step, account, id, &actor))
            .await
    }

    async fn create_link(&self, new: NewLink, actor: Actor) -> Result<Option<Link>, StoreError> {
        self.change(move |step| links::create(step, new, &actor))
            .await
    }

    async fn link(&self, hash: TokenHash, now: Timestamp) -> Result<Option<Link>, StoreError> {
        self.read(move |sql| links::find(sql, &hash, now)).await
    }

    async fn links(&self, reach: Reach, now: Timestamp) -> Result<Vec<Link>, StoreError> {
        self.read(move |sql| links::list(sql, reach, now)).await
    }

    async fn revoke_link(
        &self,
        reach: Reach,
        id: LinkId,
        actor: Actor,
    ) -> Result<Changed<()>, StoreError> {
        self.change(move |step| links::revoke(step, reach, id, &actor))
            .await
    }

    async fn accept_link(
        &self,
        hash: TokenHash,
        by: Acceptance,
        actor: Actor,
    ) -> Result<Redeemed, StoreError> {
        self.change(move |step| links::accept(step, &hash, &by, &actor))
            .await
    }

    async fn open_portal(
        &self,
        hash: TokenHash,
        new: NewSession,
        actor: Actor,
    ) -> Result<Option<SessionId>, StoreError> {
        self.change(move |step| links::open_portal(step, &hash, &new, &actor))
            .await
    }
}

/// The role in a column.
fn role(row: &dyn Row, column: usize) -> Result<Role, StoreError> {
    row.text_or_null(column)?
        .and_then(Role::named)
        .ok_or_else(|| unreadable(column, "a role"))
}

fn moment(row: &dyn Row, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_micros(row.get(column)?))
}
