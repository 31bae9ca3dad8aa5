//! Telling the service manager that started us how far we are (systemd's `Type=notify`): one datagram to the socket that
//! `NOTIFY_SOCKET` names. Nobody listens elsewhere, and then nothing is done.
//!
//! Deliberately absent: a watchdog (what hangs here is a disk or a database, which a restart does not mend), and sockets by
//! an abstract name, which only Linux has and systemd gives no service.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Requests are served.
    Ready,
    /// What is in flight is being finished.
    Stopping,
}

/// Says it to `socket`, the value of `NOTIFY_SOCKET`; nothing if there is none.
///
/// # Errors
/// The socket is not there or takes nothing.
pub fn tell(socket: Option<&OsStr>, phase: Phase) -> io::Result<()> {
    let Some(socket) = socket.filter(|socket| !socket.is_empty()) else {
        return Ok(());
    };
    let words: &[u8] = match phase {
        Phase::Ready => b"READY=1",
        Phase::Stopping => b"STOPPING=1",
    };
    UnixDatagram::unbound()?.send_to(words, socket).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_is_told_both_phases() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        for (phase, wanted) in [(Phase::Ready, "READY=1"), (Phase::Stopping, "STOPPING=1")] {
            tell(Some(path.as_os_str()), phase).unwrap();
            let mut told = [0; 64];
            let length = listening.recv(&mut told).unwrap();
            assert_eq!(&told[..length], wanted.as_bytes());
        }
    }

    #[test]
    fn without_a_service_manager_nothing_is_said_and_one_that_is_gone_is_an_error() {
        tell(None, Phase::Ready).unwrap();
        tell(Some(OsStr::new("")), Phase::Ready).unwrap();
        tell(Some(OsStr::new("/nonexistent/notify")), Phase::Ready).unwrap_err();
    }
}
