//! Sealing: what is sealed opens in its own place with its own key, and nowhere else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use super::file::MASTER_KEY_FILE;
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; KEY_BYTES])
}

fn newest(organization: i64, endpoint: i64) -> Place {
    Place::NewestSecret(
        OrganizationId::new(organization).unwrap(),
        EndpointId::from_raw(endpoint),
    )
}

#[test]
fn what_is_sealed_opens_in_its_own_place() {
    for length in [0, 1, 50, 256] {
        let plain = vec![7; length];
        let sealed = key(1).seal(newest(4417, 9), &plain).unwrap();
        assert_eq!(*key(1).open(newest(4417, 9), &sealed).unwrap(), plain);
        assert_eq!(sealed.len(), 1 + 4 + 24 + length + 16);
    }
}

#[test]
fn a_ciphertext_in_another_row_or_column_does_not_open_1000_of_1000() {
    let master = key(1);
    let sealed: Vec<_> = (1..=1_000)
        .map(|n| master.seal(newest(1 + n % 7, n), b"whsec_secret").unwrap())
        .collect();
    let mut refused = 0;
    for n in 1..=1_000_i64 {
        let other = 1 + n % 1_000;
        let moved = &sealed[usize::try_from(other - 1).unwrap()];
        assert_eq!(
            master.open(newest(1 + n % 7, n), moved).unwrap_err(),
            SealError::DoesNotOpen
        );
        refused += 1;
    }
    assert_eq!(refused, 1_000);
    let organization = OrganizationId::new(2).unwrap();
    for place in [
        Place::OlderSecret(organization, EndpointId::from_raw(1)),
        Place::Canary,
        newest(3, 1),
        Place::Headers(organization, EndpointId::from_raw(1), 1),
    ] {
        assert_eq!(
            master.open(place, &sealed[0]).unwrap_err(),
            SealError::DoesNotOpen
        );
    }
}

#[test]
fn headers_open_for_their_version_of_their_endpoint_only() {
    let place = |organization, endpoint, version| {
        let organization = OrganizationId::new(organization).unwrap();
        Place::Headers(organization, EndpointId::from_raw(endpoint), version)
    };
    let master = key(1);
    let sealed = master.seal(place(4417, 9, 2), b"[]").unwrap();
    assert_eq!(*master.open(place(4417, 9, 2), &sealed).unwrap(), b"[]");
    for other in [
        place(4417, 9, 1),
        place(4417, 9, 3),
        place(4417, 8, 2),
        place(4418, 9, 2),
        newest(4417, 9),
    ] {
        let opened = master.open(other, &sealed);
        assert_eq!(opened.unwrap_err(), SealError::DoesNotOpen, "{other:?}");
    }
}

#[test]
fn every_changed_byte_is_found() {
    let master = key(1);
    let sealed = master.seal(Place::Canary, b"text").unwrap();
    for index in 0..sealed.len() {
        let mut changed = sealed.to_vec();
        changed[index] ^= 1;
        assert!(master.open(Place::Canary, &changed).is_err(), "{index}");
        assert!(master.open(Place::Canary, &sealed[..index]).is_err());
    }
}

#[test]
fn another_master_key_is_named_as_such() {
    let sealed = key(1).seal(Place::Canary, b"text").unwrap();
    assert_eq!(
        key(2).open(Place::Canary, &sealed).unwrap_err(),
        SealError::OtherKey
    );
}

#[test]
fn the_same_text_is_never_sealed_alike() {
    let master = key(1);
    let once = master.seal(Place::Canary, b"text").unwrap();
    assert_ne!(once, master.seal(Place::Canary, b"text").unwrap());
}

#[test]
fn a_key_is_hex_or_base64_of_32_bytes() {
    let hex = "00ff".repeat(16);
    let base64 = "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=";
    let (one, two) = (
        MasterKey::parse(&format!(" {hex}\n")).unwrap(),
        MasterKey::parse(base64).unwrap(),
    );
    assert_eq!(one.id(), two.id());
    for bad in [
        "",
        "00",
        &"0g".repeat(32),
        "AP8A",
        &hex[1..],
        &"ü".repeat(32),
    ] {
        assert!(
            matches!(MasterKey::parse(bad), Err(MasterKeyError::Malformed)),
            "{bad}"
        );
    }
}

#[test]
fn a_made_key_file_is_its_owners_alone_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MASTER_KEY_FILE);
    let made = file::make(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(file::read(&path).unwrap().id(), made.id());
    assert!(file::make(&path).is_err(), "a key is never replaced");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn s22_a_key_file_that_others_may_read_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MASTER_KEY_FILE);
    drop(file::make(&path).unwrap());
    for mode in [0o644, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let Err(error) = file::read(&path) else {
            panic!("mode {mode:o} was accepted");
        };
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_file_without_a_key_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MASTER_KEY_FILE);
    assert!(matches!(
        file::read(&path),
        Err(MasterKeyError::File { .. })
    ));
    drop(file::make(&path).unwrap());
    fs::write(&path, "no key\n").unwrap();
    assert!(matches!(
        file::read(&path),
        Err(MasterKeyError::FileMalformed { .. })
    ));
}

#[test]
fn s6_a_new_key_seals_and_the_older_ones_still_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MASTER_KEY_FILE);
    let first = file::make(&path).unwrap();
    let old = first.seal(newest(1, 1), b"first").unwrap();
    let both = file::add(&path).unwrap();
    let new = both.seal(newest(1, 1), b"second").unwrap();
    assert_ne!(both.id(), first.id());
    assert!(both.has_older() && both.is_newest_of(&new) && !both.is_newest_of(&old));
    assert_eq!(*both.open(newest(1, 1), &old).unwrap(), b"first");
    assert_eq!(*both.open(newest(1, 1), &new).unwrap(), b"second");
    assert_eq!(
        first.open(newest(1, 1), &new).unwrap_err(),
        SealError::OtherKey
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_takes_sixteen_keys_and_then_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MASTER_KEY_FILE);
    drop(file::make(&path).unwrap());
    for _ in 1..KEYS_MAX {
        drop(file::add(&path).unwrap());
    }
    let before = fs::read(&path).unwrap();
    let Err(error) = file::add(&path) else {
        panic!("a seventeenth key was added");
    };
    assert!(error.to_string().contains("take out"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let text = String::from_utf8(before).unwrap();
    assert!(MasterKey::parse(&text.replace('\n', ",")).is_ok());
    assert!(MasterKey::parse(&format!("{text}{}", "00".repeat(32))).is_err());
}
