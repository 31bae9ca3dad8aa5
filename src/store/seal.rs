//! Secrets at rest: sealed with a master key that is not in the database.
//!
//! XChaCha20-Poly1305 with a random nonce for every sealing. What is sealed is bound to its place (purpose,
//! organization, endpoint): copied into another row or column it does not open. Layout: one byte of
//! version, 4 bytes that name the master key, 24 bytes of nonce, the ciphertext with its tag.
//!
//! Deliberately absent: changing the master key of existing data, and keys held by an outside service.

use crate::clock;
use crate::store::StoreError;
use base64::Engine as _;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tidings_core::id::{EndpointId, OrganizationId};
use zeroize::{Zeroize as _, Zeroizing};

/// The name of the key file beside the data when no other is set.
pub const MASTER_KEY_FILE: &str = "master.key";

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const LAYOUT: u8 = 1;
/// No key's text is longer; a larger file is something else.
const KEY_FILE_BYTES: u64 = 1_024;

/// The key that seals secrets. It is wiped when dropped and its bytes cannot be printed.
pub struct MasterKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    id: [u8; KEY_ID_BYTES],
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither 64 hex digits nor base64 of 32 bytes.
    #[error("a master key is 32 bytes, written as 64 hex digits or 44 characters of base64")]
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
    #[error("a sealed secret does not open: it was changed or moved")]
    DoesNotOpen,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// The key of these bytes.
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let key = Zeroizing::new(bytes);
        bytes.zeroize();
        let mut id = [0; KEY_ID_BYTES];
        let hash = blake3::derive_key("tidings 2026 master key id", key.as_slice());
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self { key, id }
    }

    /// Reads 64 hex digits or base64 of 32 bytes; white space around it is ignored.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = if text.len() == 2 * KEY_BYTES {
            hex(text)
        } else {
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .ok()
                .map(Zeroizing::new)
        };
        bytes
            .and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok())
            .map(Self::from_bytes)
            .ok_or(MasterKeyError::Malformed)
    }

    /// Reads a key file that only its owner may read.
    ///
    /// # Errors
    /// The file is missing or unreadable, others may read it, or it holds no key.
    pub fn read(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        };
        let file = fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Open {
                path: path.to_owned(),
                mode,
            });
        }
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 2));
        file.take(KEY_FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text).map_err(|_| MasterKeyError::FileMalformed {
            path: path.to_owned(),
        })
    }

    /// Makes a random key and writes it to a new file (mode 0600), on disk before this returns. For an empty
    /// data directory only: data that was sealed with another key stays closed to this one.
    ///
    /// # Errors
    /// The file exists or cannot be written, or there is no randomness.
    pub fn make(path: &Path) -> Result<Self, MasterKeyError> {
        let key: Zeroizing<[u8; KEY_BYTES]> =
            Zeroizing::new(clock::random_bytes().map_err(|_| MasterKeyError::NoRandomness)?);
        write_new(path, &key).map_err(|source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::from_bytes(*key))
    }

    /// Seals `plain` for `place`.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<Box<[u8]>, SealError> {
        let nonce: [u8; NONCE_BYTES] =
            clock::random_bytes().map_err(|_| SealError::NoRandomness)?;
        let associated = self.associated(place);
        let payload = Payload {
            msg: plain,
            aad: &associated,
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::DoesNotOpen)?;
        let mut out = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + sealed.len());
        out.push(LAYOUT);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out.into_boxed_slice())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::DoesNotOpen`].
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let rest = match sealed.split_first() {
            Some((&LAYOUT, rest)) => rest,
            _ => return Err(SealError::DoesNotOpen),
        };
        let (id, rest) = rest
            .split_first_chunk::<KEY_ID_BYTES>()
            .ok_or(SealError::DoesNotOpen)?;
        if *id != self.id {
            return Err(SealError::OtherKey);
        }
        let (nonce, msg) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::DoesNotOpen)?;
        let associated = self.associated(place);
        let payload = Payload {
            msg,
            aad: &associated,
        };
        self.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::DoesNotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.key).into())
    }

    /// Purpose, organization, endpoint, key: each of fixed length, so that no two places share their bytes.
    fn associated(&self, place: Place) -> [u8; 1 + 8 + 8 + KEY_ID_BYTES] {
        let (purpose, organization, endpoint) = match place {
            Place::Canary => (0, 0, 0),
            Place::NewestSecret(organization, endpoint) => (1, organization.get(), endpoint.raw()),
            Place::OlderSecret(organization, endpoint) => (2, organization.get(), endpoint.raw()),
        };
        let mut out = [0; 1 + 8 + 8 + KEY_ID_BYTES];
        let parts = std::iter::once(purpose)
            .chain(organization.to_be_bytes())
            .chain(endpoint.to_be_bytes())
            .chain(self.id);
        out.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        out
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
        None => key
            .seal(Place::Canary, b"tidings")
            .map(Some)
            .map_err(|error| StoreError::Internal {
                what: error.to_string(),
            }),
    }
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

/// Complete or absent: written under another name, synced, then named, and the name synced.
fn write_new(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let unfinished = path.with_extension("key.unfinished");
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
    for byte in key {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
