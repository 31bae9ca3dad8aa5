//! The log's plans: every question is answered by keys, none reads a growing table from end to end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use super::sql;
use rusqlite::Connection;

const GROWING: [&str; 9] = [
    "events",
    "e",
    "bodies",
    "deliveries",
    "d",
    "attempts",
    "a",
    "deliveries_listed",
    "events_listed",
];

fn plan(connection: &Connection, question: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {question}"))
        .unwrap();
    let rows = statement.raw_query().mapped(|row| row.get::<_, String>(3));
    rows.map(Result::unwrap).collect()
}

#[test]
fn no_question_reads_a_growing_table_from_end_to_end() {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(&crate::store::sqlite::schema::MIGRATIONS.concat())
        .unwrap();
    for question in sql::ALL {
        for step in plan(&connection, question) {
            let scanned = step.strip_prefix("SCAN ").map(|rest| {
                let table = rest.split(' ').next().unwrap();
                (table, rest.contains("deliveries_in_flight"))
            });
            // What a node holds is bounded by its room; its index holds nothing else.
            if let Some((table, false)) = scanned {
                assert!(!GROWING.contains(&table), "{question}\n{step}");
            }
            println!("{step}");
        }
    }
}
