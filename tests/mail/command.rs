//! `tidings notices test` and `tidings doctor`: a mail that shows that mails arrive, or what is wrong in words.

use crate::stub::{Script, Stub};
use std::process::{Command, Output};

/// Runs the binary with mail through this URL.
async fn run(arguments: &'static [&'static str], url: String, to: &'static str) -> Output {
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDINGS_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("TIDINGS_LISTEN", "127.0.0.1:0")
            .env("TIDINGS_NOTICES_SMTP_URL", url)
            .env("TIDINGS_NOTICES_EMAIL_FROM", "tidings@example.org")
            .env("TIDINGS_NOTICES_EMAIL_TO", to)
            .output()
            .unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn a_test_mail_goes_to_everybody_or_it_is_said_why_not() {
    let stub = Stub::start(Script {
        login: Some(("ops", "hunter2")),
        answers: vec![("RCPT TO:<gone@", "550 no such user")],
        ..Script::default()
    })
    .await;
    let url = |password: &str| format!("smtp://ops:{password}@{}", stub.address);
    let test: &[&str] = &["notices", "test"];
    let done = run(test, url("hunter2"), "ops@example.org").await;
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).contains("took a mail to ops@example.org"));
    assert_eq!(stub.taken().remove(0).header("subject"), "Tidings: a test");
    let partly = run(test, url("hunter2"), "ops@example.org,gone@example.org").await;
    assert_eq!(partly.status.code(), Some(1));
    assert!(said(&partly).contains("took a mail to ops@example.org"));
    assert!(said(&partly).contains("gone@example.org: the mail server"));
    let refused = run(test, url("wr0ng"), "ops@example.org").await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("535"), "{}", said(&refused));
    assert!(!said(&refused).contains("wr0ng"));
    let unset = run(test, String::new(), "").await;
    assert_eq!(unset.status.code(), Some(78));
}

#[tokio::test]
async fn doctor_logs_in_and_sends_nothing() {
    let stub = Stub::start(Script {
        login: Some(("ops", "hunter2")),
        ..Script::default()
    })
    .await;
    let doctor: &[&str] = &["doctor", "--data", "/tmp"];
    for (password, words) in [("hunter2", "which answers"), ("wr0ng", "535 5.7.8")] {
        let url = format!("smtp://ops:{password}@{}", stub.address);
        let checked = run(doctor, url, "ops@example.org").await;
        assert!(said(&checked).contains(words), "{}", said(&checked));
        assert!(!said(&checked).contains(password));
    }
    assert_eq!(stub.taken().len(), 0);
}
