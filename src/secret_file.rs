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

use rustix::fs::{OFlags, StatVfsMountFlags, fstatvfs};
use rustix::process::geteuid;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
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
    let named = Named { setting, path };
    let file = File::open(path).map_err(|error| named.unreadable(error))?;
    named.private(file)
}

/// The text of such a file.
///
/// # Errors
/// As [`open`]; or it is no text.
pub fn read(setting: &'static str, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    open(setting, path).and_then(|file| Named { setting, path }.text(file))
}

/// The text of a file that nobody but this user, or root, can have written, whoever else may write to its folder.
///
/// # Errors
/// As [`read`]; or it is somebody else's, or no file of its own.
pub fn read_own(setting: &'static str, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let named = Named { setting, path };
    // No link is followed, and nobody waits for a pipe that somebody put there.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = file.map_err(|error| named.unreadable(error))?;
    let metadata = file.metadata().map_err(|error| named.unreadable(error))?;
    let is_ours = [0, geteuid().as_raw()].contains(&metadata.uid());
    if !is_ours || !metadata.is_file() {
        return Err(named.unreadable(io::Error::other("it is not this user's file")));
    }
    named.private(file).and_then(|file| named.text(file))
}

/// A file and the setting that names it, for messages.
struct Named<'n> {
    setting: &'static str,
    path: &'n Path,
}

impl Named<'_> {
    fn unreadable(&self, source: io::Error) -> SecretFileError {
        SecretFileError::Unreadable {
            setting: self.setting,
            path: self.path.to_owned(),
            source,
        }
    }

    /// The file, if others may not read it.
    fn private(&self, file: File) -> Result<File, SecretFileError> {
        let metadata = file.metadata().map_err(|error| self.unreadable(error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if is_private(mode, metadata.uid() == 0, || is_handed_over(&file)) {
            Ok(file)
        } else {
            Err(SecretFileError::Exposed {
                setting: self.setting,
                path: self.path.to_owned(),
                mode,
            })
        }
    }

    fn text(&self, file: File) -> Result<Zeroizing<String>, SecretFileError> {
        // As long as it gets, so that no half of it is left behind where the text grew.
        let length = file.metadata().map_or(0, |file| file.len().min(FILE_BYTES));
        let mut text = Zeroizing::new(String::with_capacity(length as usize + 1));
        file.take(FILE_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| self.unreadable(error))?;
        Ok(text)
    }
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
    use rustix::fs::{CWD, FileType, Mode, mknodat};
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

    #[test]
    fn s22_what_somebody_else_put_there_is_not_read_as_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("setup-link.json");
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(*read_own("setup link", &path).unwrap(), "{}");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_own("setup link", &link).is_err());
        assert!(read_own("setup link", folder.path()).is_err());
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(read_own("setup link", &pipe).is_err());
        // Only root can give a file away.
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
            assert!(read_own("setup link", &path).is_err());
        }
    }
}
