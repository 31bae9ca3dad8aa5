//! Secrets at rest: sealed with a master key that is not in the database.
//!
//! XChaCha20-Poly1305 with a random nonce for every sealing. What is sealed is bound to its place (purpose, organization and
//! endpoint, or account; of custom headers the endpoint's version, too): copied into another row or column it does not open.
//! Layout: one byte of version, 4 bytes that name the master key, 24 bytes of nonce, the ciphertext with its tag.
//!
//! A master key may have predecessors: the newest seals, all of them open, until what the older ones sealed is sealed
//! anew. Deliberately absent: keys held by an outside service.

use crate::clock;
use crate::store::StoreError;
use base64::Engine as _;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tidings_core::id::{AccountId, EndpointId, OrganizationId};
use zeroize::{Zeroize as _, Zeroizing};

pub mod file;

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const LAYOUT: u8 = 1;
/// A key and its predecessors at most.
pub const KEYS_MAX: usize = 16;

/// The key that seals secrets, and those before it, which still open what they sealed. They are wiped when dropped and
/// their bytes cannot be printed.
pub struct MasterKey {
    newest: Key,
    older: Vec<Key>,
}

/// One key.
struct Key {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: [u8; KEY_ID_BYTES],
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither 64 hex digits nor base64 of 32 bytes, none, or too many.
    #[error(
        "a master key is 32 bytes, written as 64 hex digits or 44 characters of base64; at most {KEYS_MAX}, the newest first"
    )]
    Malformed,
    /// Others may read the file.
    #[error(
        "the master key {path} may be read by other users (mode {mode:o}): run `chmod 600 {path}`",
        path = path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold a key.
    #[error("{path} does not hold a master key: {why}", path = path.display(), why = Self::Malformed)]
    FileMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The file holds as many keys as it may.
    #[error(
        "{path} holds {KEYS_MAX} master keys already: take out the last line, the oldest key; backups that it sealed need it then",
        path = path.display()
    )]
    FileFull {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("the master key {path} cannot be read or written: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The operating system has no random bytes to give.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// Where something sealed belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The text that tells whether a master key fits the data.
    Canary,
    /// An endpoint's newest secret.
    NewestSecret(OrganizationId, EndpointId),
    /// An endpoint's older secret.
    OlderSecret(OrganizationId, EndpointId),
    /// The custom headers of an endpoint in this version: older ones put back do not open.
    Headers(OrganizationId, EndpointId, u32),
    /// What an account's one-time codes are made from.
    SecondFactor(AccountId),
    /// What a device that an account logged in from shows; it lies there, not here.
    Device(AccountId),
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system has no random bytes to give.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// Sealed with another master key.
    #[error("sealed with another master key")]
    OtherKey,
    /// Changed, cut, or moved from another place.
    #[error("what is sealed does not open: it was changed or moved")]
    DoesNotOpen,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// The key of these bytes, without predecessors.
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let newest = Key::of(Zeroizing::new(bytes));
        bytes.zeroize();
        Self {
            newest,
            older: Vec::new(),
        }
    }

    /// Reads 64 hex digits or base64 of 32 bytes, and after white space or a comma the keys before it, newest first.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',');
        let mut keys = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            keys.push(Key::parse(word).ok_or(MasterKeyError::Malformed)?);
        }
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(MasterKeyError::Malformed);
        }
        let older = keys.split_off(1);
        keys.pop()
            .map(|newest| Self { newest, older })
            .ok_or(MasterKeyError::Malformed)
    }

    /// What names the newest key; says nothing about its bytes.
    pub fn id(&self) -> String {
        self.newest
            .id
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Whether there are keys before the newest.
    pub fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// Whether one of the keys sealed this.
    pub fn knows(&self, sealed: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        key_id(sealed).is_some_and(|id| keys.any(|key| key.id == id))
    }

    /// Whether the newest key sealed this.
    pub fn is_newest_of(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Some(self.newest.id)
    }

    /// Seals `plain` for `place` with the newest key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<Box<[u8]>, SealError> {
        let nonce: [u8; NONCE_BYTES] =
            clock::random_bytes().map_err(|_| SealError::NoRandomness)?;
        let key = &self.newest;
        let associated = key.associated(place);
        let payload = Payload {
            msg: plain,
            aad: &associated,
        };
        let sealed = key
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::DoesNotOpen)?;
        let mut out = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + sealed.len());
        out.push(LAYOUT);
        out.extend_from_slice(&key.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out.into_boxed_slice())
    }

    /// Opens what was sealed for `place` with whichever of the keys.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::DoesNotOpen`].
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let id = key_id(sealed).ok_or(SealError::DoesNotOpen)?;
        let key = std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|key| key.id == id)
            .ok_or(SealError::OtherKey)?;
        let (nonce, msg) = sealed
            .get(1 + KEY_ID_BYTES..)
            .and_then(|rest| rest.split_first_chunk::<NONCE_BYTES>())
            .ok_or(SealError::DoesNotOpen)?;
        let associated = key.associated(place);
        let payload = Payload {
            msg,
            aad: &associated,
        };
        key.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::DoesNotOpen)
    }
}

impl Key {
    fn of(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let mut id = [0; KEY_ID_BYTES];
        let hash = blake3::derive_key("tidings 2026 master key id", bytes.as_slice());
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self { bytes, id }
    }

    fn parse(word: &str) -> Option<Self> {
        let bytes = if word.len() == 2 * KEY_BYTES {
            hex(word)
        } else {
            base64::engine::general_purpose::STANDARD
                .decode(word)
                .ok()
                .map(Zeroizing::new)
        };
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes?.as_slice()).ok()?;
        Some(Self::of(Zeroizing::new(bytes)))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes).into())
    }

    /// Purpose, organization, endpoint or account, key, and of headers the version: each of fixed length, and the purpose says which
    /// there are, so that no two places share their bytes.
    fn associated(&self, place: Place) -> Vec<u8> {
        let (purpose, organization, row, version) = match place {
            Place::Canary => (0_u8, 0, 0, None),
            Place::NewestSecret(organization, endpoint) => {
                (1, organization.get(), endpoint.raw(), None)
            }
            Place::OlderSecret(organization, endpoint) => {
                (2, organization.get(), endpoint.raw(), None)
            }
            Place::Headers(organization, endpoint, version) => {
                (3, organization.get(), endpoint.raw(), Some(version))
            }
            Place::SecondFactor(account) => (4, 0, account.raw(), None),
            Place::Device(account) => (5, 0, account.raw(), None),
        };
        let mut out = Vec::with_capacity(1 + 8 + 8 + KEY_ID_BYTES + 4);
        out.push(purpose);
        out.extend(organization.to_be_bytes());
        out.extend(row.to_be_bytes());
        out.extend(self.id);
        out.extend(version.into_iter().flat_map(u32::to_be_bytes));
        out
    }
}

/// The key that sealed this.
fn key_id(sealed: &[u8]) -> Option<[u8; KEY_ID_BYTES]> {
    match sealed.split_first() {
        Some((&LAYOUT, rest)) => rest.first_chunk().copied(),
        _ => None,
    }
}

/// Refuses a master key that the data was not sealed with. `sealed` is what the database keeps to tell; where it keeps
/// nothing yet, this is the first key, and what to keep is answered.
///
/// # Errors
/// [`StoreError::WrongMasterKey`], or nothing could be sealed.
pub fn check(
    key: &MasterKey,
    sealed: Option<&[u8]>,
    location: &Path,
) -> Result<Option<Box<[u8]>>, StoreError> {
    match sealed {
        Some(sealed) => match key.open(Place::Canary, sealed) {
            Ok(_) => Ok(None),
            Err(_) => Err(StoreError::WrongMasterKey {
                path: location.to_owned(),
            }),
        },
        None => canary(key).map(Some),
    }
}

/// What tells that data is sealed with the newest of these keys.
///
/// # Errors
/// Nothing could be sealed.
pub fn canary(key: &MasterKey) -> Result<Box<[u8]>, StoreError> {
    key.seal(Place::Canary, b"tidings")
        .map_err(|error| StoreError::Internal {
            what: error.to_string(),
        })
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(value).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
