//! Files with secrets: the master key, the operator's key, the certificate's key. One rule for all of them.
//!
//! Invariant: nothing is read of a file that others may read, so that its owner hears of it at the first start and not from whoever
//! found it. Others may never write it. What may be read besides by its owner:
//! - by a group, when root owns the file: so root shows a file to one service (`root:ssl-cert 0640`, a credential of
//!   systemd, a Kubernetes secret with `fsGroup`). A group's right on one's own file is a slip of the umask;
//! - by all, when root owns it and it lies in memory on a mount that nobody can write: only an orchestrator makes such a
//!   mount, for one container, and nobody else is in there (Kubernetes' default is 0644, Swarm's 0444).
//!
//! What was opened is what was looked at. Deliberately absent: access lists beyond what the mode shows of them, and the rights
//! of the folders above.

use rustix::fs::{StatVfsMountFlags, fstatvfs};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No such file is larger; a larger one is something else.
const FILE_BYTES: u64 = 64 << 10;

/// Why a file with a secret is not read.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The system refuses.
    #[error("{setting}: cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "{setting}: {path} may be read by other users (mode {mode:o}): run `chmod 600 {path}` as its owner; to show a file of root's to this server alone, give it the server's group and mode 0640",
        path = path.display()
    )]
    Exposed {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Opens a file that the setting `setting` names.
///
/// # Errors
/// It cannot be opened, or others may read it.
pub fn open(setting: &'static str, path: &Path) -> Result<File, SecretFileError> {
    let failed = |source| SecretFileError::Unreadable {
        setting,
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if is_private(mode, metadata.uid() == 0, || is_handed_over(&file)) {
        Ok(file)
    } else {
        Err(SecretFileError::Exposed {
            setting,
            path: path.to_owned(),
            mode,
        })
    }
}

/// The text of a file that nobody but the server's own user, or root, can have put where it lies.
///
/// # Errors
/// As [`read`]; or it is somebody else's, or a link.
pub fn own(setting: &'static str, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let failed = |source| SecretFileError::Unreadable {
        setting,
        path: path.to_owned(),
        source,
    };
    let metadata = std::fs::symlink_metadata(path).map_err(failed)?;
    let us = rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !(metadata.uid() == us || metadata.uid() == 0) {
        return Err(failed(io::Error::other("it is not this user's file")));
    }
    read(setting, path)
}

/// The text of such a file.
///
/// # Errors
/// As [`open`]; or it is no text.
pub fn read(setting: &'static str, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let file = open(setting, path)?;
    // As long as it gets, so that no half of it is left behind where the text grew.
    let length = file.metadata().map_or(0, |file| file.len().min(FILE_BYTES));
    let mut text = Zeroizing::new(String::with_capacity(length as usize + 1));
    file.take(FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| SecretFileError::Unreadable {
            setting,
            path: path.to_owned(),
            source,
        })?;
    Ok(text)
}

fn is_private(mode: u32, is_roots: bool, is_handed_over: impl FnOnce() -> bool) -> bool {
    match mode & 0o077 {
        0 => true,
        0o040 => is_roots,
        0o004 | 0o044 => is_roots && is_handed_over(),
        _ => false,
    }
}

/// Whether it lies in memory, on a mount that nobody can write.
#[cfg(target_os = "linux")]
fn is_handed_over(file: &File) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    let kind = rustix::fs::fstatfs(file).map(|system| system.f_type as u64 & 0xffff_ffff);
    let in_memory = kind.is_ok_and(|kind| kind == TMPFS || kind == RAMFS);
    let mount = fstatvfs(file);
    in_memory && mount.is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(not(target_os = "linux"))]
fn is_handed_over(_file: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;
    use std::fs;

    #[test]
    fn s22_who_besides_its_owner_may_read_a_secret() {
        for (mode, is_roots, is_handed_over, private) in [
            (0o600, false, false, true),
            (0o400, true, false, true),
            // A credential of systemd; a key of Debian's group ssl-cert; a Kubernetes secret with fsGroup.
            (0o440, true, false, true),
            (0o640, true, false, true),
            (0o440, false, false, false),
            (0o640, false, true, false),
            // Mounts of Kubernetes and of Swarm.
            (0o644, true, true, true),
            (0o444, true, true, true),
            (0o404, true, true, true),
            (0o644, true, false, false),
            (0o644, false, true, false),
            (0o604, false, false, false),
            // Nobody else writes it, and nothing is run.
            (0o660, true, true, false),
            (0o620, true, true, false),
            (0o602, true, true, false),
            (0o646, true, true, false),
            (0o601, false, false, false),
            (0o610, true, true, false),
        ] {
            let found = is_private(mode, is_roots, || is_handed_over);
            assert_eq!(found, private, "{mode:o} {is_roots} {is_handed_over}");
        }
    }

    #[test]
    fn s22_a_secret_that_others_may_read_is_not_read_and_the_remedy_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "hidden\n").unwrap();
        for mode in [0o644, 0o604, 0o620, 0o601, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let Err(error) = read("tls.key", &path) else {
                panic!("mode {mode:o} was accepted");
            };
            let text = error.to_string();
            assert!(text.starts_with("tls.key: "), "{text}");
            assert!(text.contains(&format!("chmod 600 {}", path.display())));
            assert!(!text.contains("hidden"));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(*read("tls.key", &path).unwrap(), "hidden\n");
        // This folder can be written, whatever it lies on.
        assert!(!is_handed_over(&File::open(&path).unwrap()));
    }
}
