//! One letter and one server.

use crate::authority::{Authority, Offer};
use crate::stub::{SILENCE, Script, Stub};
use std::sync::Arc;
use std::time::Duration;
use tidings::mail::{Letter, MailError, MailSettings, Mailer};

/// Far more than a server on this machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn settings(url: &str, to: &[&str]) -> MailSettings {
    MailSettings {
        server: url.parse().unwrap(),
        from: "Tidings <tidings@example.org>".parse().unwrap(),
        to: to.iter().map(|to| to.parse().unwrap()).collect(),
    }
}

fn letter() -> Letter {
    Letter {
        id: String::from("notices.1"),
        subject: String::from("Tidings: Grünwald e.V."),
        body: String::from("first\n.\n..second\nQUIT\n"),
    }
}

/// A mailer to the stub that trusts `authority`; `url` has `HOST` in its place.
fn mailer(stub: &Stub, url: &str, authority: Option<&Authority>) -> Mailer {
    let url = url.replace("HOST", &stub.address.to_string());
    let trusted: Vec<_> = authority.map(Authority::certificate).into_iter().collect();
    let mailer = Mailer::new(&settings(&url, &["ops@example.org"]), &trusted).unwrap();
    mailer.with_patience(PATIENCE)
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written_and_says_that_a_program_wrote_it() {
    let stub = Stub::start(Script::default()).await;
    let mailer = mailer(&stub, "smtp://HOST", None);
    assert_eq!(mailer.reach().await, Ok(()));
    assert_eq!(stub.taken().len(), 0);
    mailer.send(&letter()).await.unwrap();
    let mail = stub.taken().remove(0);
    assert!(mail.from.contains("<tidings@example.org>"), "{}", mail.from);
    assert_eq!(mail.to, ["RCPT TO:<ops@example.org>"]);
    assert_eq!(mail.header("from"), "Tidings <tidings@example.org>");
    assert_eq!(mail.header("to"), "ops@example.org");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert_eq!(mail.header("mime-version"), "1.0");
    assert_eq!(mail.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(mail.header("message-id"), "<notices.1@example.org>");
    assert!(mail.header("subject").is_ascii());
    assert_eq!(mail.text().trim_end(), "first\r\n.\r\n..second\r\nQUIT");
}

#[tokio::test]
async fn nothing_but_the_wish_for_tls_is_said_in_the_clear() {
    let authority = Authority::new("mail");
    let secure = Script {
        tls: Some(Arc::new(authority.serve("127.0.0.1", Offer::Nothing))),
        login: Some(("ops", "hunter2")),
        ..Script::default()
    };
    let implicit = Script {
        implicit: true,
        ..secure.clone()
    };
    for (script, url, said) in [
        (&secure, "smtp://ops:hunter2@HOST?tls=required", 2),
        (&implicit, "smtps://ops:hunter2@HOST", 0),
    ] {
        let stub = Stub::start(script.clone()).await;
        mailer(&stub, url, Some(&authority))
            .send(&letter())
            .await
            .unwrap();
        assert!(stub.taken().remove(0).secure);
        let clear = stub.in_the_clear();
        assert_eq!(clear.len(), said, "{clear:?}");
        // A certificate of nobody we know.
        let stranger = Authority::new("stranger");
        let refused = mailer(&stub, url, Some(&stranger)).send(&letter()).await;
        let error = refused.unwrap_err();
        assert!(matches!(error, MailError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("notices.smtp_ca"), "{error}");
        assert_eq!(stub.taken().len(), 0);
    }
    // STARTTLS is taken out on the way, or was never there.
    let stub = Stub::start(Script {
        tls: None,
        ..secure
    })
    .await;
    let error = mailer(
        &stub,
        "smtp://ops:hunter2@HOST?tls=required",
        Some(&authority),
    )
    .send(&letter())
    .await
    .unwrap_err();
    assert!(matches!(error, MailError::Unfit { .. }), "{error:?}");
    let clear = stub.in_the_clear().join("\n");
    assert!(
        !clear.contains("AUTH") && !clear.contains("MAIL"),
        "{clear}"
    );
}

#[tokio::test]
async fn what_the_server_refuses_is_said_in_its_words() {
    let login = Script {
        login: Some(("ops", "hunter2")),
        ..Script::default()
    };
    let answering = |begins, answer| Script {
        answers: vec![(begins, answer)],
        ..Script::default()
    };
    for (script, url, words, permanent) in [
        (login, "smtp://ops:wrong@HOST", "535 5.7.8 wrong", true),
        (
            answering("CONNECT", "421 too busy"),
            "smtp://HOST",
            "421 too busy",
            false,
        ),
        (
            answering("MAIL", "451 later"),
            "smtp://HOST",
            "451 later",
            false,
        ),
        (
            answering("RCPT", "550 no such user"),
            "smtp://HOST",
            "550 no such user",
            true,
        ),
        (
            answering("DATA", "554 no thanks"),
            "smtp://HOST",
            "554 no thanks",
            true,
        ),
        (
            answering(".", "452 disk full"),
            "smtp://HOST",
            "452 disk full",
            false,
        ),
    ] {
        let stub = Stub::start(script).await;
        let error = mailer(&stub, url, None).send(&letter()).await.unwrap_err();
        let MailError::Refused {
            words: said,
            permanent: for_good,
            server,
        } = &error
        else {
            panic!("{words}: {error:?}")
        };
        assert!(said.starts_with(words), "{said}");
        assert_eq!((*for_good, server), (permanent, &stub.address.to_string()));
        assert!(!error.to_string().contains("wrong@"), "{error}");
        assert_eq!(stub.taken().len(), 0);
    }
}

#[tokio::test]
async fn one_address_that_is_refused_keeps_the_mail_from_nobody_else() {
    let stub = Stub::start(Script {
        answers: vec![("RCPT TO:<gone@", "550 no such user")],
        ..Script::default()
    })
    .await;
    let to = ["ops@example.org", "gone@example.org", "more@example.org"];
    let url = format!("smtp://{}", stub.address);
    let mailer = Mailer::new(&settings(&url, &to), &[]).unwrap();
    let sent = mailer.send(&letter()).await.unwrap();
    let refused: Vec<&str> = sent.refused.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(refused, ["gone@example.org"]);
    assert_eq!(stub.taken().len(), 2);
}

#[tokio::test]
async fn who_took_a_mail_does_not_get_it_again_because_the_server_dies_of_another_address() {
    let dying = |place| (place, SILENCE);
    let cases: [(Vec<_>, &[&str]); 3] = [
        (vec![dying("RCPT TO:<two@")], &["one@", "three@"]),
        (vec![dying("RCPT TO:<one@")], &["two@", "three@"]),
        (vec![dying("RCPT TO:<one@"), dying("RCPT TO:<two@")], &[]),
    ];
    for (answers, took) in cases {
        let stub = Stub::start(Script {
            answers,
            ..Script::default()
        })
        .await;
        let to = ["one@example.org", "two@example.org", "three@example.org"];
        let url = format!("smtp://{}", stub.address);
        let mailer = Mailer::new(&settings(&url, &to), &[]).unwrap();
        let sent = mailer
            .with_patience(Duration::from_millis(300))
            .send(&letter())
            .await;
        let taken = stub.taken();
        assert_eq!(taken.len(), took.len(), "{sent:?}");
        for (mail, to) in taken.iter().zip(took) {
            assert!(mail.to[0].contains(to), "{:?}", mail.to);
        }
        assert_eq!(sent.is_ok(), !took.is_empty());
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    for place in ["CONNECT", "EHLO", "MAIL", "DATA", "."] {
        let stub = Stub::start(Script {
            answers: vec![(place, SILENCE)],
            ..Script::default()
        })
        .await;
        let mailer = mailer(&stub, "smtp://HOST", None).with_patience(Duration::from_millis(300));
        let error = mailer.send(&letter()).await.unwrap_err();
        assert!(
            matches!(error, MailError::Silent { .. }),
            "{place}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let mailer = Mailer::new(&settings(&url, &["ops@example.org"]), &[]).unwrap();
    let error = mailer.send(&letter()).await.unwrap_err();
    assert!(matches!(error, MailError::Unreachable { .. }), "{error:?}");
}
