//! What only the inside can bring about: a full disk, a file that is not ours, a defect in the middle of a group.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod uses;

use super::*;
use crate::store::Actor;
use crate::store::directory::{CreateEndpoint, Directory, NewEndpoint, OrganizationChange};
use crate::store::handover::{self, Receiver};
use crate::store::queue::{Accept, Accepted, Queue, Upkeep};
use crate::store::retention::Retention;
use crate::store::room::Room;
use crate::store::sql::database::{DirectoryChange, values};
use bytes::Bytes;
use std::time::Duration;
use tempfile::TempDir;
use tidings_core::address::TargetUrl;
use tidings_core::endpoint::CustomHeaders;
use tidings_core::event::{NewEvent, Publicity};
use tidings_core::event_type::EventTypeName;
use tidings_core::id::OrganizationId;
use tidings_core::organization::{AddOn, AddOns, Switch};
use tidings_core::secret::Secret;
use tidings_core::time::Timestamp;

fn try_open(folder: &TempDir) -> Result<(Arc<SqlStore>, Receiver), StoreError> {
    try_open_at(
        folder,
        &Clock::manual(Timestamp::from_millis(1_772_357_400_000)),
    )
}

fn try_open_at(folder: &TempDir, clock: &Clock) -> Result<(Arc<SqlStore>, Receiver), StoreError> {
    let (handover, engine) = handover::channel(Room::new(100, 1 << 20));
    let store = super::open(Options {
        directory: folder.path().join("data"),
        clock: clock.clone(),
        handover,
        key: MasterKey::from_bytes([7; 32]),
    })?;
    Ok((store, engine))
}

async fn open() -> (TempDir, Arc<SqlStore>) {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = try_open(&folder).unwrap();
    let change = OrganizationChange {
        name: String::from("Larkspur Commons"),
        slug: None,
        add_ons: AddOns::NONE,
        kept: None,
        restore: false,
    };
    let id = OrganizationId::new(1).unwrap();
    store
        .put_organization(id, change, Actor::server())
        .await
        .unwrap();
    (folder, store)
}

fn event(bytes: usize) -> Accept {
    Accept {
        event: NewEvent {
            organization: OrganizationId::new(1).unwrap(),
            event_type: EventTypeName::parse("project.updated").unwrap(),
            publicity: Publicity::Private,
            data: Bytes::from(vec![b' '; bytes]),
            reference: None,
        },
        idempotency: None,
        trace: None,
    }
}

/// Bounds the file, as a full disk would.
async fn bound(store: &SqlStore, more: i64) {
    let bounded = store.change(move |step| {
        let pages: i64 = step.sql().get("PRAGMA page_count", values![])?;
        let bound = format!("PRAGMA max_page_count = {}", pages + more);
        step.sql().get::<i64>(bound.leak(), values![])?;
        Ok(())
    });
    bounded.await.unwrap();
}

async fn events(store: &SqlStore) -> i64 {
    store
        .read(|sql| sql.get("SELECT count(*) FROM events", values![]))
        .await
        .unwrap()
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_half_stored_and_it_heals() {
    let (folder, store) = open().await;
    bound(&store, 40).await;
    let mut taken = 0;
    let refused = loop {
        match store.accept(vec![event(60_000), event(60_000)]).await {
            Ok(answers) => {
                assert!(
                    answers
                        .iter()
                        .all(|answer| matches!(answer, Accepted::Stored(_)))
                );
                taken += 2;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(refused, StoreError::Full);
    assert!(taken > 0);
    assert_eq!(events(&store).await, taken);
    assert_eq!(
        store.accept(vec![event(60_000)]).await,
        Err(StoreError::Full)
    );
    bound(&store, 1_000).await;
    store.accept(vec![event(60_000)]).await.unwrap();
    drop(store);
    let (store, _) = try_open(&folder).unwrap();
    assert_eq!(events(&store).await, taken + 1);
}

/// Upkeep, until nothing is left or it fails; each step a minute after the one before.
async fn upkeep(store: &SqlStore, now: &mut Timestamp) -> Result<(), StoreError> {
    let mut idle = 0;
    while idle < 3 {
        *now = now.plus(Duration::from_secs(60));
        match store.upkeep(*now).await? {
            Upkeep::Idle | Upkeep::Waits => idle += 1,
            Upkeep::More => idle = 0,
        }
    }
    Ok(())
}

/// Has every commit fail in which this happened.
async fn spoil(store: &SqlStore, happened: &str) {
    let trigger =
        format!("CREATE TRIGGER spoil {happened} BEGIN INSERT INTO owes VALUES (1); END").leak();
    let spoil = store.change(move |step| {
        for statement in [
            "CREATE TABLE nowhere (id INTEGER PRIMARY KEY)",
            "CREATE TABLE owes (id INTEGER REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED)",
            &*trigger,
        ] {
            step.sql().execute(statement, values![])?;
        }
        Ok(())
    });
    spoil.await.unwrap();
}

#[tokio::test]
async fn a_commit_of_the_lists_that_fails_leaves_no_event_off_them() {
    let (_folder, store) = open().await;
    let mut now = Timestamp::from_micros(1_772_366_400_000_000);
    store.accept(vec![event(10)]).await.unwrap();
    spoil(&store, "AFTER INSERT ON meta WHEN new.key = 'listed_to'").await;
    assert!(upkeep(&store, &mut now).await.is_err());
    let mend = store.change(|step| step.sql().execute("DROP TRIGGER spoil", values![]));
    mend.await.unwrap();
    store.accept(vec![event(10)]).await.unwrap();
    upkeep(&store, &mut now).await.unwrap();
    let listed = store.read(|sql| sql.get("SELECT count(*) FROM events_listed", values![]));
    assert_eq!(listed.await, Ok(2_i64));
}

#[tokio::test]
async fn a_sweep_whose_last_commit_fails_goes_on_by_itself() {
    let (_folder, store) = open().await;
    let owner = OrganizationId::new(1).unwrap();
    let change = OrganizationChange {
        name: String::from("Larkspur Commons"),
        slug: None,
        add_ons: AddOns::NONE.with(AddOn::ApiAccess),
        kept: None,
        restore: false,
    };
    let put = store.put_organization(owner, change, Actor::server());
    put.await.unwrap();
    let new = NewEndpoint {
        url: TargetUrl::from_stored("https://larkspur.example/").unwrap(),
        description: String::new(),
        event_types: Vec::new(),
        switch: Switch::On,
        headers: CustomHeaders::default(),
        secret: Secret::imported(b"whsec_first".to_vec()).unwrap(),
    };
    let made = store.create_endpoint(owner, new, Actor::server()).await;
    let CreateEndpoint::Created(endpoint) = made.unwrap() else {
        panic!("not made");
    };
    spoil(&store, "AFTER DELETE ON sweeps").await;
    let deleted = store.delete_endpoint(owner, endpoint.id, Actor::server());
    deleted.await.unwrap();
    let mut now = Timestamp::from_micros(1_772_366_400_000_000);
    assert!(upkeep(&store, &mut now).await.is_err());
    let mend = store.change(|step| step.sql().execute("DROP TRIGGER spoil", values![]));
    mend.await.unwrap();
    upkeep(&store, &mut now).await.unwrap();
    let left = store.read(|sql| sql.get("SELECT count(*) FROM sweeps", values![]));
    assert_eq!(left.await, Ok(0_i64));
}

#[tokio::test]
async fn a_chore_that_fails_holds_up_no_other() {
    let (_folder, store) = open().await;
    let hour = Duration::from_secs(3_600);
    let mut now = Timestamp::from_millis(1_772_357_400_000);
    store.keep_events(Retention {
        bodies: hour,
        records: hour,
        audit: hour,
    });
    store.accept(vec![event(10)]).await.unwrap();
    upkeep(&store, &mut now).await.unwrap();
    let spoil = store.change(|step| {
        let trigger =
            "CREATE TRIGGER spoil BEFORE DELETE ON bodies BEGIN SELECT RAISE(ABORT, 'held'); END";
        step.sql().execute(trigger, values![])
    });
    spoil.await.unwrap();
    now = now.plus(hour * 3);
    assert!(upkeep(&store, &mut now).await.is_err());
    store.accept(vec![event(10)]).await.unwrap();
    for _ in 0..10 {
        let _fails_once_a_minute = upkeep(&store, &mut now).await;
    }
    let listed = store.read(|sql| sql.get("SELECT count(*) FROM events_listed", values![]));
    assert_eq!(listed.await, Ok(2_i64));
}

#[tokio::test]
async fn a_failed_change_is_undone_and_harms_no_other() {
    let (_folder, store) = open().await;
    let failing = store.change(|step| {
        step.sql().execute("DELETE FROM organizations", values![])?;
        step.apply(DirectoryChange::Catalogue, |_| panic!("applied"));
        step.sql().execute("no statement", values![])?;
        Ok(())
    });
    let (failed, accepted) = tokio::join!(failing, store.accept(vec![event(1)]));
    assert!(matches!(failed, Err(StoreError::Internal { .. })));
    assert!(matches!(accepted.unwrap()[0], Accepted::Stored(_)));
}

#[tokio::test]
async fn shared_work_is_stored_together_or_not_at_all() {
    let (_folder, store) = open().await;
    // The writer is held until both are queued, so that they share a group.
    let (release, held) = std::sync::mpsc::sync_channel::<()>(0);
    let hold = store.change(move |_| {
        let _released = held.recv();
        Ok(())
    });
    let broken = store.share(1, |step| {
        step.sql().execute("no statement", values![])?;
        Ok(())
    });
    let good = store.accept(vec![event(1)]);
    let released = async { release.send(()).unwrap() };
    let (_, good, broken, ()) = tokio::join!(hold, good, broken, released);
    assert_eq!(good.unwrap_err(), broken.unwrap_err());
    assert_eq!(events(&store).await, 0);
    store.accept(vec![event(1)]).await.unwrap();
}

#[tokio::test]
async fn a_file_system_that_fails_ends_all_writing() {
    let (_folder, store) = open().await;
    let failure = StoreError::Io {
        what: String::from("fsync"),
    };
    let failing = failure.clone();
    let answer = store.change::<(), _>(move |_| Err(failing)).await;
    assert_eq!(answer, Err(failure.clone()));
    assert_eq!(store.failed().await, failure);
    assert_eq!(store.accept(vec![event(1)]).await, Err(failure));
}

#[tokio::test]
async fn a_writer_that_panics_is_a_failure_and_no_silence() {
    let (_folder, store) = open().await;
    let answer = store.change::<(), _>(|_| panic!("a defect")).await;
    assert_eq!(answer, Err(StoreError::Closed));
    assert!(matches!(store.failed().await, StoreError::Internal { .. }));
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_772_357_400_000));
    let (store, _engine) = try_open_at(&folder, &clock).unwrap();
    let endless = store.read(move |sql| {
        clock.set(clock.now().plus(Duration::from_secs(3)));
        sql.get::<i64>(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            values![],
        )
    });
    assert_eq!(endless.await, Err(StoreError::Overloaded));
    assert_eq!(events(&store).await, 0);
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused_untouched() {
    let (folder, store) = open().await;
    drop(store);
    let file = folder.path().join("data").join(schema::FILE);
    let good = std::fs::read(&file).unwrap();
    let foreign = || {
        std::fs::remove_file(&file).unwrap();
        let other = Connection::open(&file).unwrap();
        other
            .execute_batch("CREATE TABLE theirs (id INTEGER)")
            .unwrap();
    };
    let newer = || {
        std::fs::write(&file, &good).unwrap();
        let ours = Connection::open(&file).unwrap();
        ours.pragma_update(None, "user_version", 99).unwrap();
    };
    let cases: [(&str, &dyn Fn()); 5] = [
        ("no database", &|| {
            std::fs::write(&file, b"PK\x03\x04 something else").unwrap()
        }),
        ("cut short", &|| {
            std::fs::write(&file, &good[..good.len() / 2]).unwrap()
        }),
        ("torn", &|| {
            let mut torn = good.clone();
            torn[100..16_384].fill(0x5a);
            std::fs::write(&file, torn).unwrap();
        }),
        ("foreign", &foreign),
        ("newer", &newer),
    ];
    for (case, make) in cases {
        make();
        let before = std::fs::read(&file).unwrap();
        match try_open(&folder).unwrap_err() {
            StoreError::Damaged { path, .. } if case != "newer" => assert_eq!(path, file, "{case}"),
            StoreError::TooNew {
                found: 99,
                written_by,
                ..
            } if case == "newer" => {
                assert_eq!(written_by, env!("CARGO_PKG_VERSION"));
            }
            other => panic!("{case}: {other:?}"),
        }
        assert!(
            std::fs::read(&file).unwrap() == before,
            "{case} is untouched"
        );
    }
    std::fs::write(&file, good).unwrap();
    try_open(&folder).unwrap();
}

#[tokio::test]
async fn the_file_is_set_up_as_decided() {
    let (folder, store) = open().await;
    let pragmas = store.change(|step| {
        let mut found = Vec::new();
        for pragma in [
            "PRAGMA page_size",
            "PRAGMA auto_vacuum",
            "PRAGMA synchronous",
            "PRAGMA foreign_keys",
        ] {
            found.push(step.sql().get::<i64>(pragma, values![])?);
        }
        Ok(found)
    });
    assert_eq!(pragmas.await.unwrap(), [16_384, 2, 2, 1]);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = folder.path().join("data");
    assert_eq!(
        (mode(data.clone()), mode(data.join(schema::FILE))),
        (0o700, 0o600)
    );
}

#[tokio::test]
async fn the_log_is_copied_beside_the_writer() {
    let (folder, store) = open().await;
    let file = folder.path().join("data").join(schema::FILE);
    let before = std::fs::metadata(&file).unwrap().len();
    let mut checkpointer =
        checkpointer::Checkpointer::start(&file, watch::channel(None).0).unwrap();
    for _ in 0..200 {
        store.accept(vec![event(50_000)]).await.unwrap();
        checkpointer.committed();
    }
    // Waits for the call under way.
    drop(checkpointer);
    let after = std::fs::metadata(&file).unwrap().len();
    assert!(after > before + 5_000_000, "{before} to {after}");
    store.close().await;
}

#[test]
fn no_statement_of_the_hot_path_builds_a_table_of_its_own() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(&schema::MIGRATIONS.concat())
        .unwrap();
    for sql in statements::HOT {
        let mut explained = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let mut rows = explained.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let instruction: String = row.get(1).unwrap();
            assert_ne!(instruction, "OpenEphemeral", "{sql}");
        }
    }
}

/// Each try of a delivery that fails would write it twice, beside the pages of healthy endpoints.
#[test]
fn a_delivery_that_is_set_aside_or_leased_again_leaves_the_index_of_what_is_in_flight_alone() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(&schema::MIGRATIONS.concat())
        .unwrap();
    let index: i64 = connection
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'deliveries_in_flight'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    for (sql, writes) in [
        (statements::SETTLE, true),
        (statements::SETTLE_ASIDE, false),
        (statements::LEASE, true),
        (statements::LEASE_ASIDE, false),
    ] {
        let mut explained = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let opened: Vec<(String, i64)> = explained
            .raw_query()
            .mapped(|row| Ok((row.get(1)?, row.get(3)?)))
            .map(Result::unwrap)
            .collect();
        let opened = opened.contains(&(String::from("OpenWrite"), index));
        assert_eq!(opened, writes, "{sql}");
    }
}

#[tokio::test]
async fn a_file_of_the_first_format_is_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_directory(&data).unwrap();
    let old = rusqlite::Connection::open(data.join(schema::FILE)).unwrap();
    let first = schema::MIGRATIONS[0];
    old.execute_batch(&format!(
        "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
         {first}
         PRAGMA user_version = 1; PRAGMA application_id = 0x54444E47;"
    ))
    .unwrap();
    old.close().unwrap();
    let (store, _engine) = try_open(&folder).unwrap();
    let (format, index): (u32, String) = store
        .change(|step| {
            let index = step.sql().get(
                "SELECT sql FROM sqlite_schema WHERE name = 'deliveries_unusual'",
                values![],
            )?;
            Ok((step.sql().get("PRAGMA user_version", values![])?, index))
        })
        .await
        .unwrap();
    assert_eq!(format as usize, schema::MIGRATIONS.len());
    assert!(index.contains("state <> 1"), "{index}");
}
