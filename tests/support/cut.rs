//! A wire to a database that can be cut at the worst moment: when COMMIT is sent, or when its answer comes back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// Where the next COMMIT breaks the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    Nowhere,
    /// Before it arrives: nothing is stored.
    BeforeCommit,
    /// After it was carried out, before its answer arrives: everything is stored.
    BeforeItsAnswer,
}

/// The wire.
pub struct Wire {
    pub address: SocketAddr,
    cut: Arc<AtomicU8>,
}

impl Wire {
    /// To the server at this port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicU8::new(Cut::Nowhere as u8));
        let shared = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    carry(client, server, &shared);
                }
            }
        });
        Self { address, cut }
    }

    /// The next COMMIT breaks its connection there.
    pub fn cut_next(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether it did.
    pub fn was_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Nowhere as u8
    }
}

fn carry(client: TcpStream, server: TcpStream, cut: &Arc<AtomicU8>) {
    let swallow = Arc::new(AtomicU8::new(0));
    let (to_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let (armed, swallowing) = (Arc::clone(cut), Arc::clone(&swallow));
    thread::spawn(move || {
        pump(client, to_server, |bytes| {
            if !bytes.windows(7).any(|part| part == b"COMMIT\0") {
                return true;
            }
            let cut = armed.swap(Cut::Nowhere as u8, Ordering::SeqCst);
            if cut == Cut::BeforeItsAnswer as u8 {
                swallowing.store(1, Ordering::SeqCst);
            }
            cut != Cut::BeforeCommit as u8
        });
    });
    thread::spawn(move || pump(server, to_client, |_| swallow.load(Ordering::SeqCst) == 0));
}

/// Carries bytes until either side ends or `goes_on` says no; then both end.
fn pump(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 16_384];
    while let Ok(read) = from.read(&mut bytes) {
        if read == 0 || !goes_on(&bytes[..read]) || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ended = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
