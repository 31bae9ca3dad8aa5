//! Last uses of keys over a commit that fails.

use super::*;
use crate::store::directory::{CreateKey, NewKey, Scope};
use tidings_core::time::Timestamp;

#[tokio::test]
async fn s8_a_use_is_not_taken_for_written_when_its_commit_failed() {
    let (_folder, store) = open().await;
    let new = NewKey {
        hash: [1; 32],
        scope: Scope::Producer,
        description: String::new(),
        expires_at: None,
    };
    let made = store.create_key(new, Actor::server()).await.unwrap();
    let CreateKey::Created(key) = made else {
        panic!("{made:?}")
    };
    let at = Timestamp::from_micros(1_000_000);
    let now = Timestamp::from_millis(1_772_357_400_000);
    spoil(&store, "AFTER UPDATE OF used_at ON api_keys").await;
    store.note_use(key.id, at);
    while store
        .upkeep(now)
        .await
        .is_ok_and(|left| left == Upkeep::More)
    {}
    let mend = store.change(|step| step.sql().execute("DROP TRIGGER spoil", values![]));
    mend.await.unwrap();
    while store.upkeep(now).await.unwrap() == Upkeep::More {}
    let written =
        store.read(|sql| sql.get("SELECT coalesce(max(used_at), 0) FROM api_keys", values![]));
    assert_eq!(written.await, Ok(at.as_micros()));
}
