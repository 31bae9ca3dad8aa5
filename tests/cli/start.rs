//! A start: what stops it does so before anything is sent, and what is warned of.

use super::{doctor, run, run_with, text};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

const ANYWHERE: &str = "127.0.0.1:0";

#[test]
fn a_metrics_port_that_is_taken_stops_a_start_before_anything_is_stored_or_sent() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let taken = TcpListener::bind(ANYWHERE).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let output = run_with(
        &["serve", "--data", data.to_str().unwrap()],
        &[
            ("TIDINGS_LISTEN", ANYWHERE),
            ("TIDINGS_TELEMETRY_METRICS_LISTEN", &taken),
        ],
        "",
    );
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains(&taken));
    // Whoever sends has opened the store before.
    assert!(!data.exists());
}

#[test]
fn a_data_directory_that_all_may_write_to_is_warned_of_and_stops_nothing() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let open = TcpListener::bind(ANYWHERE).unwrap();
    let in_use = open.local_addr().unwrap().to_string();
    let words = format!("the data directory {path} may be written by all users (mode 777)");
    let remedy = format!("run `chmod o-w {path}`");
    for (mode, warned) in [(0o777, true), (0o700, false)] {
        std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        // What ends this start comes after it.
        let output = run(&["serve", "--data", path, "--listen", &in_use]);
        let errors = text(&output.stderr);
        let found = errors.contains(&words) && errors.contains(&remedy);
        assert_eq!(found, warned, "{errors}");
        let (said, code) = doctor::line(data.path(), &[], "disk");
        assert_eq!(
            said.starts_with("note") && said.contains(&words),
            warned,
            "{said}"
        );
        assert_eq!(code, Some(0), "{said}");
    }
}
