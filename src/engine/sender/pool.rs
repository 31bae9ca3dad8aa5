//! Connections that are kept open between attempts, by origin: ten thousand endpoints of one host share.
//!
//! Invariants: bounded in all and in time, so file handles are too; the connection used last is used first,
//! so that surplus ones age and go. TLS is the same for every endpoint, so an origin is an identity.
//!
//! A kept connection may be closed by its receiver at any moment, and a request that meets the closing is a
//! failed try. The shortest limit in common use is 5 s (Node, Apache, uvicorn; nginx has 75 s), so ours is
//! shorter: [`IDLE`]. A `Keep-Alive: timeout=…` of the receiver's is not needed beside it.

use super::http1::Own;
use super::http2::{Shared, Stream};
use super::line::{Line, Reuse};
use crate::clock::{Clock, Monotonic};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tidings_core::address::Origin;

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(4);
/// How often connections that are past it are closed.
const SWEEP: Duration = Duration::from_secs(1);

/// The kept connections of a node.
pub(super) struct Pool {
    capacity: usize,
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    origins: HashMap<Origin, Lines>,
    count: usize,
    swept: bool,
}

/// The connections to one origin, the one used last at the end.
#[derive(Default)]
struct Lines {
    own: Vec<Idle<Own>>,
    shared: Vec<Idle<Arc<Shared>>>,
}

struct Idle<T> {
    line: T,
    since: Monotonic,
}

impl Pool {
    /// A pool that keeps at most so many connections.
    pub(super) fn new(capacity: usize, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            clock,
            kept: Mutex::default(),
        })
    }

    /// A connection to `origin` that was open a moment ago, if there is one.
    pub(super) async fn take(&self, origin: &Origin) -> Option<Line> {
        loop {
            let mut own = match self.pick(origin)? {
                Picked::Shared(stream) => return Some(Line::shared(stream)),
                Picked::Own(own) => own,
            };
            if own.is_quiet().await {
                return Some(Line::kept(own));
            }
        }
    }

    /// A stream of a connection to `origin` that is shared, if there is one.
    pub(super) fn stream(&self, origin: &Origin) -> Option<Line> {
        let now = self.clock.monotonic();
        let mut kept = self.lock();
        let lines = kept.origins.get_mut(origin)?;
        lines.stream(now).map(Line::shared)
    }

    /// Keeps a connection after a complete answer, or closes it: it is done, or there are enough.
    pub(super) fn put(self: &Arc<Self>, origin: &Origin, line: Line) {
        let reuse = line.reuse();
        let since = self.clock.monotonic();
        let mut kept = self.lock();
        if matches!(reuse, Reuse::No) || kept.count >= self.capacity {
            drop(kept);
            return;
        }
        if !kept.origins.contains_key(origin) {
            kept.origins.insert(origin.clone(), Lines::default());
        }
        let Some(lines) = kept.origins.get_mut(origin) else {
            return;
        };
        match reuse {
            Reuse::Own(line) => lines.own.push(Idle { line, since }),
            Reuse::Shared(line) => lines.shared.push(Idle { line, since }),
            Reuse::No => return,
        }
        kept.count += 1;
        if !std::mem::replace(&mut kept.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn pick(&self, origin: &Origin) -> Option<Picked> {
        let now = self.clock.monotonic();
        let mut kept = self.lock();
        let lines = kept.origins.get_mut(origin)?;
        if let Some(stream) = lines.stream(now) {
            return Some(Picked::Shared(stream));
        }
        let fresh = lines.own.pop()?;
        kept.count -= 1;
        // The one used last is past its time: so are all before it, which the sweep closes.
        (!is_past(fresh.since, now)).then_some(Picked::Own(fresh.line))
    }

    /// Closes what is past its time; whether anything is left.
    fn close_past(&self) -> bool {
        let now = self.clock.monotonic();
        let mut closed = Vec::new();
        let mut kept = self.lock();
        let kept = &mut *kept;
        kept.origins.retain(|_, lines| {
            let past = lines.own.partition_point(|idle| is_past(idle.since, now));
            closed.extend(lines.own.drain(..past));
            lines.shared.retain_mut(|idle| {
                if !idle.line.is_idle() {
                    idle.since = now;
                }
                idle.line.is_open() && !is_past(idle.since, now)
            });
            !(lines.own.is_empty() && lines.shared.is_empty())
        });
        kept.count = kept
            .origins
            .values()
            .map(|lines| lines.own.len() + lines.shared.len())
            .sum();
        kept.swept = kept.count > 0;
        kept.swept
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn stream(&mut self, now: Monotonic) -> Option<Stream> {
        self.shared.iter_mut().rev().find_map(|shared| {
            let stream = Stream::on(&shared.line)?;
            shared.since = now;
            Some(stream)
        })
    }
}

enum Picked {
    Own(Own),
    Shared(Stream),
}

fn is_past(since: Monotonic, now: Monotonic) -> bool {
    u128::from(now.micros_since(since)) >= IDLE.as_micros()
}

/// Runs while anything is kept.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let left = pool.upgrade().is_some_and(|pool| pool.close_past());
        if !left {
            return;
        }
    }
}
