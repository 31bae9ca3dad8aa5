//! S25: when the store fails, in three ways, every route says that it failed, and nothing of how.

use super::console::{Login, get, login, post};
use super::leaks;
use super::matrix_console_rules::RULES as PAGES;
use super::matrix_rules::RULES;
use super::matrix_scene::Things;
use super::world::{Answer, World};
use rusqlite::Connection;
use tidings::store::queue::Queue as _;

/// How the store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Tables are gone: statements fail with the database's own words.
    Tables,
    /// The file is no database any more.
    File,
    /// The store was closed.
    Closed,
}

/// Tables without which nobody could ask the console anything.
const KEPT: [&str; 4] = ["accounts", "sessions", "links", "roles"];

async fn fail(world: &World, fault: Fault) {
    let file = world.folder.path().join("tidings.db");
    match fault {
        Fault::Tables => {
            let database = Connection::open(file).unwrap();
            let sql =
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
            let mut statement = database.prepare(sql).unwrap();
            let names = statement
                .query_map([], |row| row.get::<_, String>(0))
                .unwrap();
            let mut drops = String::from("PRAGMA foreign_keys = off;");
            for name in names.map(Result::unwrap) {
                if !KEPT.iter().any(|kept| name.contains(kept)) {
                    drops.push_str(&format!("DROP TABLE \"{name}\";"));
                }
            }
            database.execute_batch(&drops).unwrap();
        }
        Fault::File => {
            for name in ["tidings.db", "tidings.db-wal"] {
                let path = world.folder.path().join(name);
                let bytes = std::fs::metadata(&path).unwrap().len();
                std::fs::write(path, vec![0x5a; usize::try_from(bytes).unwrap()]).unwrap();
            }
        }
        Fault::Closed => world.store.close().await,
    }
}

fn filled(text: &str, things: &Things) -> String {
    let names = ["org", "ep", "evt", "dlv", "rpl", "lnk", "key", "type"];
    let text = names.iter().fold(text.to_owned(), |text, name| {
        text.replace(&format!("{{{name}}}"), &things.id(name))
    });
    text.replace("{number}", "1").replace("{file}", "style.css")
}

/// Whether it is one of the failures, and if so that it shows nothing. What is refused otherwise the matrices look at.
fn check(answer: &Answer, asked: &str, fault: Fault) -> bool {
    if answer.status < 500 {
        return false;
    }
    leaks::check(&answer.text, asked);
    for words in ["no such table", "malformed", "disk image", "closed store"] {
        assert!(
            !answer.text.contains(words),
            "{fault:?} {asked}: {}",
            answer.text
        );
    }
    true
}

async fn ask_all(world: &World, things: &Things, login: &Login, fault: Fault) -> (usize, usize) {
    let (mut asked, mut failed) = (0, 0);
    for rule in RULES {
        let (method, path) = rule.operation.split_once(' ').unwrap();
        let answer = world
            .send(method, &filled(path, things), &filled(rule.body, things))
            .await;
        asked += 1;
        if check(&answer, rule.operation, fault) {
            failed += 1;
            let code = answer.code();
            let again = answer.headers.contains_key("retry-after");
            assert_eq!(
                again,
                answer.status == 503,
                "{fault:?} {}: {code}",
                rule.operation
            );
            let status = answer.status;
            answer.refused(status, &code);
        }
    }
    for rule in PAGES {
        let (method, path) = rule.route.split_once(' ').unwrap();
        let path = filled(path, things);
        let form = format!("{}&form_token={}", filled(rule.form, things), login.token);
        let answer = match method {
            "POST" if path.ends_with("/logout") => continue,
            "POST" => post(world, &path, &form, &[("cookie", &login.cookie)]).await,
            _ => get(world, &path, &login.cookie).await,
        };
        asked += 1;
        failed += usize::from(check(&answer, rule.route, fault));
    }
    (asked, failed)
}

#[tokio::test]
async fn s25_a_store_that_fails_shows_nothing_of_the_inside() {
    let (mut asked, mut failed) = (0, 0);
    for fault in [Fault::Tables, Fault::File, Fault::Closed] {
        let world = World::new().await;
        let things = Things::new(&world).await;
        let login = login(&world).await;
        fail(&world, fault).await;
        let (calls, failures) = ask_all(&world, &things, &login, fault).await;
        println!("{fault:?}: {calls} calls, {failures} failed");
        assert!(failures > 15, "{fault:?}: {failures}");
        asked += calls;
        failed += failures;
    }
    assert!(failed >= 50, "{failed} of {asked}");
}
