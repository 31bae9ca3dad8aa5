//! A PostgreSQL of a test's own, made and broken by `tests/postgres/cluster.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A server, stopped and removed when dropped.
pub struct Cluster {
    directory: PathBuf,
    pub url: String,
    _folder: TempDir,
}

fn script(verb: &str, arguments: &[&Path]) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/cluster.sh");
    let done = Command::new(path)
        .arg(verb)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{verb}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    // The server may run as another user.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

impl Cluster {
    pub fn start() -> Self {
        let folder = folder();
        let directory = folder.path().join("cluster");
        let url = script("start", &[&directory]);
        Self {
            directory,
            url,
            _folder: folder,
        }
    }

    /// A synchronous standby of it.
    pub fn standby(&self) -> Self {
        let folder = folder();
        let directory = folder.path().join("cluster");
        let url = script("standby", &[&directory, &self.directory]);
        Self {
            directory,
            url,
            _folder: folder,
        }
    }

    pub fn port(&self) -> u16 {
        let config: postgres::Config = self.url.parse().unwrap();
        config.get_ports()[0]
    }

    /// Ends it as a power cut would.
    pub fn crash(&self) {
        script("crash", &[&self.directory]);
    }

    /// Starts it again.
    pub fn again(&self) {
        script("again", &[&self.directory]);
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        script("promote", &[&self.directory]);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", &[&self.directory]);
    }
}
