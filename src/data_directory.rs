//! Who else may write to the data directory: whoever may can put another database, or another setup link, in the place of
//! ours, whatever the files in it allow.
//!
//! It is warned of and not refused: volumes come so from orchestrators (`emptyDir` and local-path of Kubernetes are 0777 and
//! root's) to a server that cannot change it and is alone in there, which no mode tells. A group's right on a directory of
//! root's is how `fsGroup` hands a volume to one server: nothing is said of that, as of a secret's file. Deliberately absent:
//! access lists beyond what the mode shows of them, and the rights of the folders above.

use rustix::process::{getegid, geteuid};
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Others may write to a data directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Shared {
    path: PathBuf,
    mode: u32,
    others: Others,
}

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    All,
    /// A group that is not the server's own.
    Group(u32),
    /// The owner, who is neither the server's user nor root.
    Owner(u32),
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mode, others } = self;
        let path = path.display();
        write!(f, "the data directory {path} may be written by ")?;
        match others {
            Others::All => write!(
                f,
                "all users (mode {mode:o}), who can put another database in the place of this one: run `chmod o-w {path}`, \
                 unless it is a volume that nobody but this server sees"
            ),
            Others::Group(group) => write!(
                f,
                "group {group} (mode {mode:o}), which can put another database in the place of this one: run `chmod g-w {path}`"
            ),
            Others::Owner(owner) => write!(
                f,
                "its owner, user {owner}, who can put another database in the place of this one: give it to this server's user"
            ),
        }
    }
}

/// Who else may write to a directory; `None` also where it is not there yet: it is then made for its owner only.
pub fn shared(path: &Path) -> Option<Shared> {
    let metadata = std::fs::metadata(path).ok()?;
    let (mode, owner, group) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
    let ours = (geteuid().as_raw(), getegid().as_raw());
    others(mode, (owner, group), ours).map(|others| Shared {
        path: path.to_owned(),
        mode,
        others,
    })
}

fn others(mode: u32, (owner, group): (u32, u32), (user, own_group): (u32, u32)) -> Option<Others> {
    if mode & 0o002 != 0 {
        Some(Others::All)
    } else if ![0, user].contains(&owner) {
        Some(Others::Owner(owner))
    } else if mode & 0o020 != 0 && owner != 0 && group != own_group {
        Some(Others::Group(group))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: (u32, u32) = (998, 997);

    #[test]
    fn a_directory_that_others_may_write_is_told_from_a_volume_that_was_handed_over() {
        for (mode, of, expected) in [
            (0o700, SERVER, None),
            (0o755, SERVER, None),
            // A umask of 002: the group is the user's own.
            (0o775, SERVER, None),
            // A bind mount, and `fsGroup`, of root's.
            (0o755, (0, 0), None),
            (0o2775, (0, 997), None),
            // `emptyDir`, and with a sticky bit: others put files of theirs there.
            (0o777, (0, 0), Some(Others::All)),
            (0o2777, (0, 997), Some(Others::All)),
            (0o1777, SERVER, Some(Others::All)),
            (0o702, SERVER, Some(Others::All)),
            (0o770, (998, 50), Some(Others::Group(50))),
            (0o700, (1_000, 1_000), Some(Others::Owner(1_000))),
            (0o770, (1_000, 997), Some(Others::Owner(1_000))),
        ] {
            assert_eq!(others(mode, of, SERVER), expected, "{mode:o} {of:?}");
        }
    }
}
