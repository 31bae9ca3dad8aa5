//! Receivers that are programs of their own: what OpenSSL still speaks and rustls does not, and a socket that drops what
//! comes after the connection is made.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A listening socket whose connections lose every packet with data: classic BPF on the flags of TCP (PSH), which needs
/// no rights. The kernel shakes hands; then nothing is ever acknowledged.
const HALF_OPEN: &str = "
import ctypes, socket, struct
rules = [(0x30, 0, 0, 13), (0x45, 0, 1, 8), (0x06, 0, 0, 0), (0x06, 0, 0, 0xffffffff)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *rule) for rule in rules))
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.setsockopt(socket.SOL_SOCKET, 26, struct.pack('HL', len(rules), ctypes.addressof(code)))
listener.listen(1000)
print('ACCEPT 127.0.0.1:%d' % listener.getsockname()[1], flush=True)
held = []
while True:
    held.append(listener.accept())
";

/// What a bomb is made of, in hex: its beginning, and a part that inflates to 10 MiB of zeros and may come again and again.
const BOMB: &str = "
import zlib
z, zeros = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(10 << 20)
print((z.compress(zeros) + z.flush(zlib.Z_FULL_FLUSH)).hex())
print((z.compress(zeros) + z.flush(zlib.Z_FULL_FLUSH)).hex())
";

/// A program that listens, until dropped.
pub struct Outside {
    child: Child,
    pub port: u16,
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

impl Outside {
    /// Half-open connections.
    pub fn half_open() -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", HALF_OPEN]);
        Self::start(command)
    }

    /// `openssl s_server` with these arguments.
    pub fn openssl(arguments: &[&str], folder: &Path) -> Self {
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(arguments)
            .current_dir(folder);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 and openssl are installed by ./test deps");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| {
            let line = line.ok()?;
            line.strip_prefix("ACCEPT")?
                .rsplit(':')
                .next()?
                .parse()
                .ok()
        });
        let port = said.expect("it says where it listens");
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }
}

/// `openssl` does this, in this folder.
pub fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments:?}: {said}");
}

/// A bomb's beginning, and what may follow it any number of times.
pub fn bomb() -> (Vec<u8>, Vec<u8>) {
    let made = Command::new("python3").args(["-c", BOMB]).output().unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let mut lines = text.lines().map(|line| hex::decode(line).unwrap());
    (lines.next().unwrap(), lines.next().unwrap())
}
