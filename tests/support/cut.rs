//! A wire to a database that can be cut at the worst moment: when COMMIT is sent, or when its answer comes back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
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
    far: Arc<Far>,
}

/// The other end, and what runs to it.
struct Far {
    /// 0 while the wire is severed.
    port: AtomicU16,
    open: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// To the server at this port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicU8::new(Cut::Nowhere as u8));
        let far = Arc::new(Far {
            port: AtomicU16::new(port),
            open: Mutex::default(),
        });
        let (shared, there) = (Arc::clone(&cut), Arc::clone(&far));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let port = there.port.load(Ordering::SeqCst);
                let server = (port != 0).then(|| TcpStream::connect(("127.0.0.1", port)));
                if let Some(Ok(server)) = server {
                    let ends = [client.try_clone(), server.try_clone()];
                    there
                        .open
                        .lock()
                        .unwrap()
                        .extend(ends.into_iter().flatten());
                    carry(client, server, &shared);
                }
            }
        });
        Self { address, cut, far }
    }

    /// The next COMMIT breaks its connection there.
    pub fn cut_next(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Breaks everything that runs over the wire; what is dialled from now on goes to this port, or nowhere.
    pub fn lead(&self, port: Option<u16>) {
        self.far.port.store(port.unwrap_or(0), Ordering::SeqCst);
        for end in self.far.open.lock().unwrap().drain(..) {
            let _closed_already = end.shutdown(Shutdown::Both);
        }
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
