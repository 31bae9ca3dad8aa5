//! Where each of the 124 lines of bad inputs is held: in the tables of [`super::bad_inputs`], in a test that is named here, or
//! nowhere, for a reason that is written down.

use super::bad_inputs::{OURS, Prepared, all};
use std::collections::{BTreeMap, BTreeSet};

const LINES: u16 = 124;

/// Lines that another test holds: the file, and the test in it.
const ELSEWHERE: &[(u16, &str, &str)] = &[
    (3, SLOW, "s14_a_body_that_stops_is_answered_408"),
    (4, SLOW, "s14_a_silent_client_and_a_head_that_stops_are_cut"),
    // Each event of a batch is accepted or refused on its own.
    (63, BATCH, "one_bad_event_leaves_the_others_be"),
    (
        65,
        ERRORS,
        "what_the_store_cannot_do_is_told_without_what_is_inside",
    ),
    (
        65,
        FULL_DISK,
        "r3_a_full_disk_refuses_loses_nothing_and_heals",
    ),
    // The console answers a form with its page: 422, for a wrong password and an unknown name in the same words. A link that
    // was used is answered as one that never was (404), and a session that ended leads to the login.
    (
        111,
        CONSOLE,
        "s10_guessing_is_slowed_down_and_known_and_unknown_names_look_alike",
    ),
    (
        112,
        CONSOLE,
        "s10_guessing_is_slowed_down_and_known_and_unknown_names_look_alike",
    ),
    (
        113,
        PASSWORDS,
        "s10_weak_passwords_are_refused_with_the_reason",
    ),
    (
        114,
        CONSOLE,
        "s11_forged_requests_are_refused_and_change_nothing",
    ),
    (
        115,
        CONSOLE,
        "s11_a_session_ends_by_logout_by_idleness_and_by_age",
    ),
    (
        116,
        CONSOLE,
        "a_setup_link_is_not_used_up_by_looking_and_works_once",
    ),
    (
        117,
        CLI,
        "bad_inputs_j_settings_are_refused_with_their_name_value_and_origin",
    ),
    (
        118,
        CLI,
        "bad_inputs_j_settings_are_refused_with_their_name_value_and_origin",
    ),
    (
        120,
        NODES,
        "r1_a_database_that_forgets_what_it_confirmed_is_refused",
    ),
    (121, SQLITE, "a_file_that_is_not_ours_is_refused_untouched"),
    (
        122,
        CLI,
        "bad_input_122_a_data_directory_in_use_names_the_process",
    ),
    (123, CLI, "bad_input_123_an_address_in_use_is_named"),
    (
        124,
        SECRET_FILES,
        "s22_bad_input_124_a_secret_that_others_can_read_is_refused_at_the_start_and_by_doctor",
    ),
];

const SLOW: &str = include_str!("slow.rs");
const BATCH: &str = include_str!("batch.rs");
const CONSOLE: &str = include_str!("console.rs");
const ERRORS: &str = include_str!("../../src/http/tests.rs");
const SECRET_FILES: &str = include_str!("../cli/secret_files.rs");
const PASSWORDS: &str = include_str!("../../src/http/console/password.rs");
const FULL_DISK: &str = include_str!("../full_disk.rs");
const CLI: &str = include_str!("../cli.rs");
const NODES: &str = include_str!("../store_contract_postgres/nodes.rs");
const SQLITE: &str = include_str!("../../src/store/sqlite/tests.rs");

/// Lines that ask for what is not here, and why it is not.
const NOT_HERE: &[(u16, &str)] = &[
    (
        59,
        "events have no id of the producer's: `reference` may repeat, a repeated idempotency key is line 108",
    ),
    (
        64,
        "there is no rate limit for one organization; a server that is busy answers 503 (line 65)",
    ),
    (
        85,
        "things have no versions and answers no ETag: the last change counts",
    ),
    (
        109,
        "one commit answers both requests: the second waits for it and is answered as a repeat",
    ),
    (
        119,
        "leases are not a setting; `lease_s` is an unknown one (line 117)",
    ),
];

/// Inputs on lines that have more than one.
const INPUTS: &[(u16, usize)] = &[
    (10, 4),
    (11, 2),
    (13, 2),
    (40, 6),
    (49, 4),
    (54, 6),
    (60, 3),
    (61, 3),
    (76, 3),
    (77, 5),
    (78, 3),
    (86, 3),
    (88, 4),
    (89, 4),
    (90, 7),
    (91, 2),
    (92, 2),
    (95, 4),
    (98, 4),
    (99, 2),
    (100, 2),
    (110, 3),
];

#[test]
fn s13_every_line_is_tested_or_does_not_apply_for_a_reason() {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for input in all(&Prepared::default()) {
        *counts.entry(input.line).or_default() += 1;
    }
    for (line, file, name) in ELSEWHERE {
        assert!(
            file.contains(&format!("fn {name}(")),
            "line {line}: no test {name}"
        );
    }
    for line in 1..=LINES {
        let here = counts.get(&line).copied().unwrap_or(0);
        let elsewhere = ELSEWHERE.iter().any(|(known, ..)| *known == line);
        let not_here = NOT_HERE
            .iter()
            .any(|(known, why)| *known == line && !why.is_empty());
        let places = [here > 0, elsewhere, not_here];
        let found = places.into_iter().filter(|there| *there).count();
        assert_eq!(found, 1, "line {line}");
        let wanted = INPUTS.iter().find(|(known, _)| *known == line);
        let wanted = wanted.map_or(1, |(_, count)| *count);
        assert!(
            here == 0 || here >= wanted,
            "line {line}: {here} of {wanted} inputs"
        );
    }
    let ours = counts.remove(&OURS).unwrap_or(0);
    println!(
        "{} lines with {} inputs in the tables and {ours} inputs of our own, {} lines elsewhere, {} not here",
        counts.len(),
        counts.values().sum::<usize>(),
        ELSEWHERE
            .iter()
            .map(|(line, ..)| line)
            .collect::<BTreeSet<_>>()
            .len(),
        NOT_HERE.len()
    );
}
