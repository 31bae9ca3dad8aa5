//! `tidings demo` as a stranger sees it, with a receiver in ten lines of PHP beside it.
//!
//! It takes the two minutes that the contract gives a receiver that never answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

const SECRET: &str = "whsec_DTJXfKHG6xA1Wn+kye4TOF2Cp8zxFjtgharP9Bk+Y4g=";

/// A child that leads a process group; all of it ends with this, workers of its own too.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ended_already = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _reaped_already = self.0.wait();
    }
}

/// `examples/receivers/receiver.php` on a free port; answers its URL once it listens.
fn php_receiver() -> (Killed, String) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut child = Command::new("php")
        .args([
            "-S",
            &format!("127.0.0.1:{port}"),
            "examples/receivers/receiver.php",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("WEBHOOK_SECRET", SECRET)
        .env("PHP_CLI_SERVER_WORKERS", "4")
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("php-cli is installed; ./test installs it");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let started = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains("started"));
    assert!(started, "php says that it started");
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (Killed(child), format!("http://127.0.0.1:{port}/"))
}

#[test]
fn the_demo_delivers_verifies_retries_and_exhausts_and_php_verifies_every_type() {
    let (_php, url) = php_receiver();
    let output = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args([
            "demo",
            "--exit",
            "--listen",
            "127.0.0.1:0",
            "--to",
            &url,
            "--secret",
            SECRET,
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}\n{errors}");
    let check = |what: &str, wanted: usize, fits: &dyn Fn(&str) -> bool| {
        assert_eq!(
            text.lines().filter(|line| fits(line)).count(),
            wanted,
            "{what}\n{text}\n{errors}"
        );
    };
    check("W1: no add-on, no webhooks", 1, &|line| {
        line.contains("/meadow") && line.contains("add_on_required")
    });
    check(
        "PHP answered 204 to each of the 15 types, which it does only when the signature is right",
        15,
        &|line| line.contains(" yours ") && line.contains("delivered"),
    );
    check("every own type arrived", 9, &|line| {
        line.contains("/larkspur ") && line.contains("delivered") && line.contains("verified ×1")
    });
    check(
        "W8: public events arrived at the other organization",
        6,
        &|line| {
            line.contains("9001  /harbor")
                && line.contains(".public.")
                && line.contains("delivered")
                && line.contains("verified ×1")
        },
    );
    check("failed once, delivered at the second try", 1, &|line| {
        line.contains("/fails-once")
            && line.contains("tries 2")
            && line.contains("delivered")
            && line.contains("verified ×2")
    });
    check("W19: hung three times, then exhausted", 1, &|line| {
        line.contains("/hangs")
            && line.contains("tries 3")
            && line.contains("exhausted")
            && line.contains("verified ×3")
    });
    check("no signature was wrong", 0, &|line| line.contains("WRONG"));
}
