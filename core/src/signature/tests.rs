//! Signatures against the contract's vectors (W14, W15), and forgeries.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use serde_json::Value;

use super::*;

/// One of the contract's vectors; its signatures were printed by PHP.
struct Vector {
    name: String,
    secret: String,
    body: String,
    id: String,
    timestamp: i64,
    vomo: String,
    standard: String,
}

fn vectors() -> Vec<Vector> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../../tests/vectors.json")).unwrap();
    let read = |vector: &Value| {
        let text = |key: &str| vector[key].as_str().unwrap().to_owned();
        Vector {
            name: text("name"),
            secret: text("secret"),
            body: text("body"),
            id: text("webhook-id"),
            timestamp: vector["webhook-timestamp"].as_i64().unwrap(),
            vomo: text("vomo-signature"),
            standard: text("webhook-signature"),
        }
    };
    all.iter().map(read).collect()
}

#[test]
fn w14_w15_the_vectors_are_reproduced_and_verified() {
    assert_eq!(vectors().len(), 11);
    for v in vectors() {
        let key = SigningKey::new(v.secret.as_bytes());
        assert_eq!(key.vomo(v.body.as_bytes()).as_str(), v.vomo, "{}", v.name);
        assert_eq!(
            key.standard(&v.id, v.timestamp, v.body.as_bytes()).as_str(),
            v.standard,
            "{}",
            v.name
        );
        assert_eq!(
            verify_vomo(v.secret.as_bytes(), v.body.as_bytes(), &v.vomo),
            Ok(()),
            "{}",
            v.name
        );
        let timestamp = v.timestamp.to_string();
        let delivered = Delivered {
            id: &v.id,
            timestamp: &timestamp,
            signature: &v.standard,
            body: v.body.as_bytes(),
        };
        for now in [v.timestamp - 300, v.timestamp, v.timestamp + 300] {
            assert_eq!(
                verify_standard(v.secret.as_bytes(), &delivered, now, 300),
                Ok(()),
                "{}",
                v.name
            );
        }
    }
}

#[test]
fn w4_imported_secrets_key_both_signatures() {
    let standard = |secret: &[u8]| {
        SigningKey::new(secret)
            .standard("msg_1", 5, b"{}")
            .as_str()
            .to_owned()
    };
    let vomo = |secret: &[u8]| SigningKey::new(secret).vomo(b"{}").as_str().to_owned();
    // Decoded after the prefix; as it is without one, or if what follows is no base64.
    assert_eq!(standard(b"whsec_a2V5"), standard(b"key"));
    assert_ne!(vomo(b"whsec_a2V5"), vomo(b"key"));
    assert_ne!(standard(b"a2V5"), standard(b"key"));
    for odd in [
        &b"whsec_!!!"[..],
        b"whsec_",
        b"whsec_a2V5a",
        b"WHSEC_a2V5",
        b"\xFF\x00",
        &[b'x'; 256],
    ] {
        let mut mac = keyed(odd);
        mac.update(b"msg_1.5.{}");
        assert_eq!(
            standard(odd),
            StandardSignature::of(mac.finalize().into_bytes().into()).as_str()
        );
    }
    // RFC 4231, test case 2.
    let rfc = SigningKey::new(b"Jefe").vomo(b"what do ya want for nothing?");
    assert_eq!(
        rfc.as_str(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn w21_one_right_signature_among_several_is_enough() {
    let v = vectors().remove(0);
    let timestamp = v.timestamp.to_string();
    let other = SigningKey::new(b"other").standard(&v.id, v.timestamp, v.body.as_bytes());
    let check = |signature: &str, expected: Result<(), VerifyError>| {
        let delivered = Delivered {
            id: &v.id,
            timestamp: &timestamp,
            signature,
            body: v.body.as_bytes(),
        };
        assert_eq!(
            verify_standard(v.secret.as_bytes(), &delivered, v.timestamp, 300),
            expected,
            "{signature}"
        );
    };
    let (right, wrong) = (v.standard.as_str(), other.as_str());
    check(&format!("{right} {wrong}"), Ok(()));
    check(&format!("{wrong} {right}"), Ok(()));
    check(&format!("v1a,AAAA {right}"), Ok(()));
    check(&format!("{} {right}", [wrong; 15].join(" ")), Ok(()));
    check(
        &format!("{} {right}", [wrong; 16].join(" ")),
        Err(VerifyError::TooManySignatures),
    );
    check(
        &[wrong; 10_000].join(" "),
        Err(VerifyError::TooManySignatures),
    );
    check(wrong, Err(VerifyError::Mismatch));
    check("", Err(VerifyError::NoSignature));
    check(" ", Err(VerifyError::UnknownVersion));
    check(
        &right.replace("v1,", "v1a,"),
        Err(VerifyError::UnknownVersion),
    );
    check(&right[..46], Err(VerifyError::MalformedSignature));
}

/// Ways to change one character, cut, or lengthen a text.
fn damaged(text: &str) -> Vec<String> {
    let mut all: Vec<String> = (0..text.len()).map(|cut| text[..cut].to_owned()).collect();
    for at in 0..text.len() {
        let other = if &text[at..=at] == "0" { "1" } else { "0" };
        all.push(format!("{}{other}{}", &text[..at], &text[at + 1..]));
    }
    let around = [" ", "\n", "\0", "=", "A", ",", "v1,"];
    all.extend(
        around
            .iter()
            .flat_map(|add| [format!("{text}{add}x"), format!("{add}{text}")]),
    );
    all.extend([
        text.to_uppercase(),
        text.replace(',', "="),
        text.replace(',', ""),
        text.repeat(2),
        format!("{text},{text}"),
    ]);
    all.retain(|forged| forged != text);
    all
}

#[test]
fn s5_forged_vomo_signatures_are_refused() {
    let v = vectors().remove(6);
    let forgeries = damaged(&v.vomo);
    assert!(forgeries.len() >= 120, "{}", forgeries.len());
    for forged in forgeries {
        let answer = verify_vomo(v.secret.as_bytes(), v.body.as_bytes(), &forged);
        assert!(answer.is_err(), "{forged}");
    }
}

#[test]
fn s5_forged_standard_requests_are_refused() {
    let v = vectors().remove(6);
    let (body, timestamp) = (v.body.as_bytes(), v.timestamp.to_string());
    let right = Delivered {
        id: &v.id,
        timestamp: &timestamp,
        signature: &v.standard,
        body,
    };
    let mut refused = 0;
    let mut refuse = |delivered: Delivered<'_>, now: i64| {
        let what = (delivered.id, delivered.timestamp, delivered.signature);
        let answer = verify_standard(v.secret.as_bytes(), &delivered, now, 300);
        assert!(answer.is_err(), "{what:?} at {now}");
        refused += 1;
    };
    // Where the right signature is still one of the list, what is beside it does not matter (W21).
    let still_there = |forged: &&String| forged.split(' ').any(|item| item == v.standard);
    for signature in damaged(&v.standard)
        .iter()
        .filter(|forged| !still_there(forged))
    {
        refuse(Delivered { signature, ..right }, v.timestamp);
    }
    for id in &damaged(&v.id) {
        refuse(Delivered { id, ..right }, v.timestamp);
    }
    for timestamp in &damaged(&timestamp) {
        refuse(Delivered { timestamp, ..right }, v.timestamp);
    }
    for cut in 0..body.len() {
        refuse(
            Delivered {
                body: &body[..cut],
                ..right
            },
            v.timestamp,
        );
    }
    let longer = [body, b"x"].concat();
    refuse(
        Delivered {
            body: &longer,
            ..right
        },
        v.timestamp,
    );
    for away in [
        301,
        -301,
        360,
        -360,
        i64::MAX - v.timestamp,
        i64::MIN,
        -v.timestamp,
    ] {
        refuse(right, v.timestamp + away);
    }
    // The parts moved over the dots that separate them.
    let moved = format!("{}.{timestamp}", v.id);
    refuse(
        Delivered {
            id: &moved,
            ..right
        },
        v.timestamp,
    );
    assert!(refused >= 200, "{refused}");
}

#[test]
fn what_is_wrong_is_named() {
    let v = vectors().remove(0);
    let (secret, body, timestamp) = (
        v.secret.as_bytes(),
        v.body.as_bytes(),
        v.timestamp.to_string(),
    );
    let vomo = |header: &str| verify_vomo(secret, body, header).unwrap_err();
    assert_eq!(vomo(""), VerifyError::NoSignature);
    assert_eq!(vomo(&v.vomo[..63]), VerifyError::MalformedSignature);
    assert_eq!(
        vomo(&v.vomo.to_uppercase()),
        VerifyError::MalformedSignature
    );
    assert_eq!(vomo(&"0".repeat(64)), VerifyError::Mismatch);
    assert_eq!(
        verify_vomo(b"other", body, &v.vomo),
        Err(VerifyError::Mismatch)
    );
    let right = Delivered {
        id: &v.id,
        timestamp: &timestamp,
        signature: &v.standard,
        body,
    };
    let check = |delivered: Delivered<'_>, now: i64, expected: VerifyError| {
        assert_eq!(verify_standard(secret, &delivered, now, 300), Err(expected));
    };
    check(right, v.timestamp + 301, VerifyError::TooOld);
    check(right, v.timestamp - 301, VerifyError::TooNew);
    check(
        Delivered { id: "", ..right },
        v.timestamp,
        VerifyError::MalformedId,
    );
    check(
        Delivered { id: "a.b", ..right },
        v.timestamp,
        VerifyError::MalformedId,
    );
    check(
        Delivered {
            id: "msg_other",
            ..right
        },
        v.timestamp,
        VerifyError::Mismatch,
    );
    for odd in [
        "",
        "x",
        "-1",
        "+1767225600",
        " 1767225600",
        "01767225600",
        "1767225600.0",
        "99999999999999999999",
        "1e9",
    ] {
        check(
            Delivered {
                timestamp: odd,
                ..right
            },
            v.timestamp,
            VerifyError::MalformedTimestamp,
        );
    }
}

#[test]
fn s17_keys_are_not_printed() {
    assert_eq!(
        format!("{:?}", SigningKey::new(b"whsec_a2V5")),
        "SigningKey(…)"
    );
}
