//! Passwords: which are good enough, and their hashes (S10).
//!
//! argon2id with 19 MiB and two passes, at most two at once: hashing takes a core for some 40 ms, and deliveries need it too.

use super::super::problem::Problem;
use super::device::Device;
use super::places::Place;
use super::visit::Visit;
use super::{Console, Refusal, aside};
use crate::clock::random_bytes;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::LazyLock;
use tidings_core::limits::{PASSWORD_MAX, PASSWORD_MIN};
use tokio::sync::SemaphorePermit;
use zeroize::Zeroizing;

/// Memory of one hash in KiB, and passes over it: OWASP's first choice.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
/// How hard to guess a password must be, of zxcvbn's 0 to 4.
const SCORE: zxcvbn::Score = zxcvbn::Score::Three;
/// Letters and digits that a password has besides these words.
const REST: usize = 6;
/// Words that everybody tries here first.
const OURS: [&str; 6] = [
    "tidings", "vomo", "webhook", "webhooks", "console", "operator",
];

/// What unknown names are compared with, so that they take as long as known ones.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| {
    let salt = [7_u8; 16];
    let hash = argon2().hash_password_with_salt(b"nobody has this password", &salt);
    hash.ok().map(|hash| hash.to_string())
});

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY, PASSES, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Why a password is not taken; `None` when it is.
pub(super) fn refuse(password: &str, name: &str) -> Option<String> {
    let chars = password.chars().count();
    if chars < PASSWORD_MIN {
        return Some(format!(
            "At least {PASSWORD_MIN} characters; this has {chars}. A few words in a row are easy to remember."
        ));
    }
    if chars > PASSWORD_MAX {
        return Some(format!(
            "At most {PASSWORD_MAX} characters; this has {chars}."
        ));
    }
    let mut known: Vec<&str> = OURS.to_vec();
    known.push(name);
    if rest_of(password, &known) < REST || zxcvbn::zxcvbn(password, &known).score() < SCORE {
        return Some(String::from(
            "This is among the first that anybody would try. Take a few unrelated words.",
        ));
    }
    None
}

/// Letters and digits that are left of a password without the words that everybody tries here.
fn rest_of(password: &str, known: &[&str]) -> usize {
    let mut rest = password.to_lowercase();
    for word in known.iter().filter(|word| word.chars().count() > 2) {
        rest = rest.replace(&word.to_lowercase(), "");
    }
    rest.chars().filter(|c| c.is_alphanumeric()).count()
}

impl Console {
    /// A place among those who wait to have a password hashed, or word that there are too many already.
    pub(super) fn place(
        &self,
        visit: &Visit,
        device: Option<&Device>,
    ) -> Result<Place<'_>, Problem> {
        match device {
            Some(device) => self.places.take_known(device, visit.peer),
            None => self.places.take(visit.peer),
        }
    }

    /// A turn to hash.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        let turn = self.hashing.acquire().await;
        turn.map_err(|error| Problem::internal(&error))
    }
}

/// The hash of a password that was found good enough, in PHC format.
pub(super) async fn hash(visit: &Visit, password: &str) -> Result<String, Refusal> {
    let _place = visit.console().place(visit, None)?;
    let _turn = visit.console().turn().await?;
    let password = Zeroizing::new(password.to_owned());
    let salt = random_bytes::<16>().map_err(|error| Problem::internal(&error))?;
    let hashed = aside(move || {
        argon2()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|error| Problem::internal(&error))
    });
    Ok(hashed.await?)
}

/// Whether a password is the one behind `known`; without one, `false` after the same time.
pub(super) async fn is_right(
    visit: &Visit,
    _place: Place<'_>,
    password: &str,
    known: Option<String>,
) -> Result<bool, Refusal> {
    let _turn = visit.console().turn().await?;
    let password: String = password.chars().take(PASSWORD_MAX + 1).collect();
    let password = Zeroizing::new(password);
    let right = aside(move || {
        let exists = known.is_some();
        let compared = known.or_else(|| NOBODY.clone()).unwrap_or_default();
        let fits = argon2()
            .verify_password(password.as_bytes(), compared.as_str())
            .is_ok();
        Ok(fits && exists)
    });
    Ok(right.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_weak_passwords_are_refused_with_the_reason() {
        for weak in [
            "short",
            "passwordpassword",
            "123456789012",
            "qwertyuiop12",
            "tidings-tidings",
            "aaaaaaaaaaaaaaaa",
            "mary-mary-mary",
            "iloveyou1234",
        ] {
            assert!(refuse(weak, "mary").is_some(), "{weak}");
        }
        let long = "x".repeat(PASSWORD_MAX + 1);
        assert!(refuse(&long, "mary").is_some_and(|why| why.contains("256")));
        for good in ["larkspur meadow harbour seven", "Tq7#vN2!kLp9zR"] {
            assert_eq!(refuse(good, "mary"), None, "{good}");
        }
    }
}
