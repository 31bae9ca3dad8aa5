//! From a record of writes and syncs to images of a disk after a power cut.
//!
//! What was synced is there. Of what was written to a file since its last sync, each sector of 512 bytes may be there or
//! not, whatever the order of the writes; so may each change of its length. A file's name is there from its first write
//! on: that a directory is synced is not looked at here.

use crate::seeded::Seeded;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const SECTOR: u64 = 512;

/// What of the unsynced a cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    All,
    /// What was written first, up to some call.
    Tail,
    /// Some calls, each whole.
    Calls,
    /// Some sectors.
    Sectors,
    /// All of it.
    Nothing,
}

impl Loss {
    pub const ALL: [Self; 5] = [
        Self::All,
        Self::Tail,
        Self::Calls,
        Self::Sectors,
        Self::Nothing,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Truncate,
    Sync,
    Unlink,
    Rename,
}

#[derive(Debug, Clone)]
struct Call {
    kind: Kind,
    begun: u64,
    /// Offset, or length.
    place: u64,
    path: String,
    bytes: Vec<u8>,
}

/// A record.
pub struct Images {
    calls: Vec<Call>,
}

/// A file while the record is replayed.
#[derive(Default)]
struct File<'a> {
    synced: Vec<u8>,
    since: Vec<&'a Call>,
}

impl Images {
    /// Reads a record; a last one that was cut short is left out.
    pub fn read(path: &Path) -> Self {
        let all = std::fs::read(path).unwrap();
        let (mut rest, mut calls) = (&all[..], Vec::new());
        while rest.len() >= 23 {
            let number = |at: usize, size: usize| {
                let mut eight = [0; 8];
                eight[..size].copy_from_slice(&rest[at..at + size]);
                u64::from_le_bytes(eight)
            };
            let (count, length) = (number(17, 4) as usize, number(21, 2) as usize);
            if rest.len() < 23 + length + count {
                break;
            }
            calls.push(Call {
                kind: match rest[0] {
                    b'W' => Kind::Write,
                    b'T' => Kind::Truncate,
                    b'S' => Kind::Sync,
                    b'U' => Kind::Unlink,
                    b'R' => Kind::Rename,
                    other => panic!("a record of kind {other}"),
                },
                begun: number(1, 8),
                place: number(9, 8),
                path: String::from_utf8(rest[23..23 + length].to_vec()).unwrap(),
                bytes: rest[23 + length..23 + length + count].to_vec(),
            });
            rest = &rest[23 + length + count..];
        }
        Self { calls }
    }

    /// How many syncs it holds.
    pub fn syncs(&self) -> usize {
        let syncs = self.calls.iter().filter(|call| call.kind == Kind::Sync);
        syncs.count()
    }

    /// As if no sync of the database had ever done anything.
    pub fn without_syncs(&self) -> Self {
        let calls = self
            .calls
            .iter()
            .filter(|call| call.kind != Kind::Sync || !call.path.starts_with("tidings.db"));
        Self {
            calls: calls.cloned().collect(),
        }
    }

    /// Builds an image of a random cut after `earliest`; answers when it was.
    pub fn build(&self, into: &Path, earliest: u64, loss: Loss, random: &mut Seeded) -> u64 {
        let first = self.calls.partition_point(|call| call.begun < earliest);
        let cut = first + random.below((self.calls.len() - first) as u64) as usize;
        let mut files: BTreeMap<String, File<'_>> = BTreeMap::new();
        for call in &self.calls[..cut] {
            let file = files.entry(call.path.clone()).or_default();
            match call.kind {
                Kind::Write | Kind::Truncate => file.since.push(call),
                Kind::Sync => {
                    for call in std::mem::take(&mut file.since) {
                        apply(&mut file.synced, call, |_| true);
                    }
                }
                Kind::Unlink => drop(files.remove(&call.path)),
                Kind::Rename => {
                    let renamed = std::mem::take(file);
                    files.remove(&call.path);
                    files.insert(String::from_utf8(call.bytes.clone()).unwrap(), renamed);
                }
            }
        }
        for (path, mut file) in files {
            leave(&mut file, loss, random);
            let mut options = std::fs::OpenOptions::new();
            let made = options.write(true).create(true).mode(0o600);
            made.open(into.join(path))
                .unwrap()
                .write_all(&file.synced)
                .unwrap();
        }
        self.calls[cut].begun
    }
}

/// Leaves of the unsynced what the cut leaves.
fn leave(file: &mut File<'_>, loss: Loss, random: &mut Seeded) {
    let since = std::mem::take(&mut file.since);
    let some = random.below(since.len() as u64 + 1) as usize;
    for (place, call) in since.into_iter().enumerate() {
        let whole = match loss {
            Loss::All => false,
            Loss::Tail => place < some,
            Loss::Calls => random.below(2) == 0,
            Loss::Nothing => true,
            Loss::Sectors => {
                apply(&mut file.synced, call, |_| random.below(2) == 0);
                continue;
            }
        };
        if whole {
            apply(&mut file.synced, call, |_| true);
        }
    }
}

/// Does a call, as far as its sectors are kept.
fn apply(file: &mut Vec<u8>, call: &Call, mut keeps: impl FnMut(u64) -> bool) {
    if call.kind == Kind::Truncate {
        if keeps(0) {
            file.resize(call.place as usize, 0);
        }
        return;
    }
    let (mut at, end) = (call.place, call.place + call.bytes.len() as u64);
    while at < end {
        let next = ((at / SECTOR + 1) * SECTOR).min(end);
        if keeps(at / SECTOR) {
            if file.len() < next as usize {
                file.resize(next as usize, 0);
            }
            let from = (at - call.place) as usize..(next - call.place) as usize;
            file[at as usize..next as usize].copy_from_slice(&call.bytes[from]);
        }
        at = next;
    }
}
