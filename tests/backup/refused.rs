//! What a backup and a restore refuse, and that nothing is left behind then.

use super::server::{Server, operator_key, tidings};
use super::{report, run, text};
use rusqlite::Connection as Sql;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Data of a server that was stopped, a backup of it, and its key.
struct Scene {
    place: TempDir,
    data: PathBuf,
    copy: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        let server = Server::start(&data, &operator_key());
        server.organization(1);
        let (id, _) = server.endpoint(1, "http://127.0.0.1:1999/", &["project.updated"]);
        server.authorize(1, &id, "Bearer of somebody");
        server.ok(
            "POST",
            "/v1/events",
            r#"{"type":"project.updated","organization_id":1,"data":{"name":"canary of a body"}}"#,
        );
        assert!(server.terminate().success());
        let copy = place.path().join("copy.db");
        report(&["backup", text(&copy), "--data", text(&data), "--json"]);
        Self { place, data, copy }
    }

    fn key(&self) -> PathBuf {
        self.data.join("master.key")
    }

    fn new_place(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }
}

/// It ends with that code, and says this.
fn refused(arguments: &[&str], code: i32, words: &str) {
    let ended = run(arguments);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(words), "{arguments:?}: {said}");
}

fn is_empty_or_absent(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}

#[test]
fn a_folder_that_is_not_there_is_no_failure_of_the_disk() {
    let scene = Scene::new();
    let data = text(&scene.data);
    let folder = scene.new_place("not-mounted");
    let words = format!("there is no folder {}", text(&folder));
    let inside = folder.join("copy.db");
    let named_as_one = format!("{}/", text(&folder));
    for target in [text(&inside), &named_as_one] {
        refused(&["backup", target, "--data", data], 78, &words);
    }
    refused(
        &["backup", text(&inside), "--data", data],
        78,
        "make it or mount it",
    );
    assert!(!folder.exists());
}

#[test]
fn nothing_is_written_over_and_nothing_half_is_left() {
    let scene = Scene::new();
    let (data, copy, key) = (scene.data.clone(), scene.copy.clone(), scene.key());
    let there = "is there already";
    refused(&["backup", text(&copy), "--data", text(&data)], 78, there);
    let nowhere = scene.new_place("nowhere");
    refused(
        &[
            "backup",
            text(&scene.new_place("x.db")),
            "--data",
            text(&nowhere),
        ],
        78,
        "there is no database",
    );
    assert!(!nowhere.exists());
    refused(
        &[
            "restore",
            text(&copy),
            "--data",
            text(&data),
            "--key",
            text(&key),
        ],
        78,
        "is not empty",
    );
    let fresh = scene.new_place("fresh");
    refused(
        &["restore", text(&copy), "--data", text(&fresh)],
        78,
        "the master key is not in the backup",
    );
    let other = scene.new_place("other.key");
    tidings::store::seal::file::make(&other).unwrap();
    refused(
        &[
            "restore",
            text(&copy),
            "--data",
            text(&fresh),
            "--key",
            text(&other),
        ],
        78,
        "does not fit",
    );
    assert!(
        is_empty_or_absent(&fresh),
        "a refused restore leaves nothing"
    );
    report(&[
        "restore",
        text(&copy),
        "--data",
        text(&fresh),
        "--key",
        text(&key),
        "--json",
    ]);
    let names: Vec<_> = std::fs::read_dir(scene.place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("unfinished"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn the_master_key_is_in_the_backup_only_when_asked_for_and_the_output_says_so() {
    let scene = Scene::new();
    let key = std::fs::read_to_string(scene.key()).unwrap();
    let bytes = std::fs::read(&scene.copy).unwrap();
    for needle in [key.trim(), "whsec_"] {
        assert!(
            !bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes()),
            "{needle} stands in the copy"
        );
    }
    for (flag, words) in [
        (None, "The master key is not in it"),
        (Some("--with-master-key"), "The master key lies beside it"),
    ] {
        let to = scene.new_place(flag.unwrap_or("plain"));
        let done = tidings()
            .args(["backup", text(&to), "--data", text(&scene.data)])
            .args(flag)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && said.contains(words), "{said}");
    }
}

#[test]
fn r4_a_damaged_copy_is_not_restored_and_a_damaged_body_is_said() {
    let scene = Scene::new();
    let (key, fresh) = (scene.key(), scene.new_place("fresh"));
    let mut bytes = std::fs::read(&scene.copy).unwrap();
    let cut = scene.new_place("cut.db");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    refused(
        &[
            "restore",
            text(&cut),
            "--data",
            text(&fresh),
            "--key",
            text(&key),
        ],
        78,
        &format!("the database {} is damaged", cut.display()),
    );
    assert!(is_empty_or_absent(&fresh));
    let body = b"canary of a body";
    let at = bytes
        .windows(body.len())
        .position(|part| part == body)
        .unwrap();
    bytes[at] ^= 1;
    let flipped = scene.new_place("flipped.db");
    std::fs::write(&flipped, &bytes).unwrap();
    refused(
        &[
            "restore",
            text(&flipped),
            "--data",
            text(&fresh),
            "--key",
            text(&key),
        ],
        1,
        "1 bodies without their hash",
    );
}

#[test]
fn the_database_of_a_killed_server_is_no_backup() {
    let place = tempfile::tempdir().unwrap();
    let (data, fresh) = (place.path().join("data"), place.path().join("fresh"));
    let server = Server::start(&data, &operator_key());
    server.organization(1);
    drop(server); // kills it
    let (file, key) = (data.join("tidings.db"), data.join("master.key"));
    refused(
        &[
            "restore",
            text(&file),
            "--data",
            text(&fresh),
            "--key",
            text(&key),
        ],
        78,
        "tidings backup FILE --data",
    );
    assert!(is_empty_or_absent(&fresh));
}

#[test]
fn s6_what_is_sealed_and_does_not_open_is_said() {
    for (column, words) in [
        ("newest_secret", "1 signing secrets that do not open"),
        (
            "sealed_headers",
            "1 endpoints whose custom headers do not open",
        ),
    ] {
        let scene = Scene::new();
        let (key, fresh) = (scene.key(), scene.new_place("fresh"));
        let copy = Sql::open(&scene.copy).unwrap();
        let select = format!("SELECT {column} FROM endpoints");
        let mut changed: Vec<u8> = copy.query_row(&select, [], |row| row.get(0)).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        let update = format!("UPDATE endpoints SET {column} = ?1");
        copy.execute(&update, [changed]).unwrap();
        drop(copy);
        let (copy, fresh, key) = (text(&scene.copy), text(&fresh), text(&key));
        refused(&["restore", copy, "--data", fresh, "--key", key], 1, words);
    }
}

#[test]
fn what_a_killed_backup_left_is_swept_and_what_another_is_making_is_not() {
    let scene = Scene::new();
    let left = scene.new_place("a.db.unfinished-4194304");
    let held = scene.new_place("b.db.unfinished-4194305");
    let foreign = scene.new_place("c.db.unfinished-mine");
    for path in [&left, &held, &foreign] {
        std::fs::write(path, b"x").unwrap();
    }
    let other = std::fs::File::open(&held).unwrap();
    other.try_lock().unwrap();
    let copy = scene.new_place("again.db");
    report(&["backup", text(&copy), "--data", text(&scene.data), "--json"]);
    assert_eq!(
        [&left, &held, &foreign].map(|path| path.exists()),
        [false, true, true]
    );
}

#[test]
fn r19_an_older_version_refuses_newer_data_with_the_version_it_needs() {
    let scene = Scene::new();
    let newer = scene.new_place("newer.db");
    std::fs::copy(&scene.copy, &newer).unwrap();
    for file in [scene.data.join("tidings.db"), newer.clone()] {
        Sql::open(file)
            .unwrap()
            .execute_batch(
                "UPDATE meta SET value = '9.8.7' WHERE key = 'written_by'; PRAGMA user_version = 99;",
            )
            .unwrap();
    }
    let (data, key, fresh) = (scene.data.clone(), scene.key(), scene.new_place("fresh"));
    let data = text(&data);
    let before = std::fs::read(scene.data.join("tidings.db")).unwrap();
    let needs = "use the version that wrote it (9.8.7) or later";
    for arguments in [
        &["serve", "--data", data, "--listen", "127.0.0.1:0"][..],
        &["backup", text(&scene.new_place("b.db")), "--data", data],
        &[
            "restore",
            text(&newer),
            "--data",
            text(&fresh),
            "--key",
            text(&key),
        ],
        &[
            "migrate",
            "--from",
            &format!("sqlite:{data}"),
            "--to",
            "postgres://nobody@127.0.0.1:9/none",
        ],
    ] {
        refused(arguments, 78, needs);
    }
    let doctor = run(&["doctor", "--data", data]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        doctor.status.code() == Some(1) && said.contains(needs),
        "{said}"
    );
    let after = std::fs::read(scene.data.join("tidings.db")).unwrap();
    assert!(before == after, "nothing of it was changed");
}

#[test]
fn with_postgresql_both_say_what_to_use_instead() {
    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy.db");
    for (command, words) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let ended = tidings()
            .env(
                "TIDINGS_DATABASE_URL",
                "postgres://tidings@127.0.0.1/tidings",
            )
            .args([command, text(&copy)])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(78), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
