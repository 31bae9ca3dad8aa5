//! A small generator of random numbers, so that a run can be replayed: `TIDINGS_SEED`.

use std::time::{SystemTime, UNIX_EPOCH};

pub struct Seeded(u64);

impl Seeded {
    /// From `TIDINGS_SEED`, or a fresh seed, which is printed.
    pub fn from_environment() -> Self {
        let fresh = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_nanos() as u64
                | 1
        };
        let seed = std::env::var("TIDINGS_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(fresh);
        eprintln!("TIDINGS_SEED={seed}");
        Self(seed)
    }

    /// A number from 0 up to and without `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
