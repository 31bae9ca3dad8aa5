//! The only place that reads a clock or draws random bits. Everything else is handed `now` and bits.
//!
//! Wall-clock time names moments (due times, the log); monotonic time measures (deadlines, durations).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tidings_core::time::Timestamp;

/// A moment of the monotonic clock, in microseconds since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// Microseconds from `earlier` to this moment; zero when `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where time comes from: the system, or a test that sets it.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System { started: Instant },
    Manual(Arc<ManualTime>),
}

/// Both clocks of a test, in microseconds.
#[derive(Debug)]
struct ManualTime {
    wall: AtomicI64,
    /// What the wall clock was moved by while no time passed.
    jumped: AtomicI64,
}

impl Clock {
    /// The system's clocks.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn system() -> Self {
        Self(Source::System {
            started: Instant::now(),
        })
    }

    /// A clock that stands at `now` until [`Clock::set`] moves it; for tests.
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(ManualTime {
            wall: AtomicI64::new(now.as_micros()),
            jumped: AtomicI64::new(0),
        })))
    }

    /// The wall-clock time.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Source::Manual(time) => Timestamp::from_micros(time.wall.load(Ordering::SeqCst)),
        }
    }

    /// The monotonic time.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn monotonic(&self) -> Monotonic {
        match &self.0 {
            Source::System { started } => {
                Monotonic(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
            }
            Source::Manual(time) => {
                let jumped = time.jumped.load(Ordering::SeqCst);
                let passed = time.wall.load(Ordering::SeqCst).saturating_sub(jumped);
                Monotonic(passed.unsigned_abs())
            }
        }
    }

    /// Moves a manual clock, as time does; the system's clock stays as it is.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(time) = &self.0 {
            time.wall.store(now.as_micros(), Ordering::SeqCst);
        }
    }

    /// Sets a manual clock to another time while none passes, as whoever sets a computer's clock does.
    pub fn jump(&self, now: Timestamp) {
        if let Source::Manual(time) = &self.0 {
            let before = time.wall.swap(now.as_micros(), Ordering::SeqCst);
            let by = now.as_micros().saturating_sub(before);
            time.jumped.fetch_add(by, Ordering::SeqCst);
        }
    }
}

/// Fills `bytes` from the operating system's random source.
///
/// # Errors
/// When the operating system has none to give.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Fast random bits for ids: seeded from the operating system, not for secrets.
#[derive(Debug)]
pub struct RandomBits(AtomicU64);

impl RandomBits {
    /// A generator with a seed from the operating system.
    ///
    /// # Errors
    /// When the operating system has none to give.
    pub fn seeded() -> Result<Self, getrandom::Error> {
        Ok(Self(AtomicU64::new(u64::from_le_bytes(random_bytes()?))))
    }

    /// The next 32 bits (SplitMix64's step and mix).
    pub fn next(&self) -> u32 {
        let mut bits = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 32) as u32
    }
}
