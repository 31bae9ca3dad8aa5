//! Calls what the store has to do besides accepting, claiming and settling: fan-outs and upkeep.
//!
//! Invariants: one step at a time, each a short commit of the store's; while much waits in memory the steps are
//! spaced, so that a large fan-out never stands in the way of other traffic, and never stops either; without
//! work and traffic it wakes a few times a minute.
//!
//! While anything is sent and no fan-out goes on, a step of upkeep is followed by a pause as long as it took: an event that comes
//! meanwhile finds the writer free as often as not.

use super::Pulse;
use crate::clock::Clock;
use crate::store::queue::Upkeep;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tidings_core::limits::FAN_OUT_PART;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

/// Between steps while enough waits in memory, at most: twenty parts of a fan-out a second.
const LOADED: Duration = Duration::from_millis(50);
/// Between steps while there is traffic and nothing was left: lists lag by little more than this.
const TRAFFIC: Duration = Duration::from_secs(1);
/// Until what waits for something under way is looked at again.
const WAITS: Duration = Duration::from_secs(1);
/// Between steps while nothing happens.
const IDLE: Duration = Duration::from_secs(15);
/// After the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Runs until told to stop; a step under way is then the store's to finish.
pub(super) async fn run(
    store: Arc<dyn Store>,
    clock: Clock,
    left: Arc<Notify>,
    pulse: Arc<Pulse>,
    mut stop: watch::Receiver<bool>,
) {
    let work = async {
        loop {
            match step(&*store, &clock).await {
                Ok(Left::FanOut | Left::Upkeep { .. }) if pulse.is_loaded() => {
                    pulse.relieved(LOADED).await;
                }
                Ok(Left::Upkeep { took }) => match pause(took, pulse.is_sending()) {
                    Duration::ZERO => tokio::task::yield_now().await,
                    pause => sleep(pause).await,
                },
                Ok(Left::FanOut) => tokio::task::yield_now().await,
                Ok(Left::Waits) => {
                    let _soon = timeout(WAITS, quiet(&left, &pulse)).await;
                }
                Ok(Left::Nothing) => quiet(&left, &pulse).await,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "upkeep failed; trying again");
                    sleep(AFTER_FAILURE).await;
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        Ok(()) = stop.changed() => {}
    }
}

/// What is left to do after a step; of several things the first.
enum Left {
    /// A fan-out.
    FanOut,
    /// More upkeep; the last of it had the writer, or waited for it, so long.
    Upkeep { took: Duration },
    /// What waits for something under way.
    Waits,
    /// Nothing.
    Nothing,
}

/// One part of the fan-outs and one step of upkeep.
async fn step(store: &dyn Store, clock: &Clock) -> Result<Left, StoreError> {
    let fan_out = store.expand(FAN_OUT_PART).await?;
    let began = clock.monotonic();
    let upkeep = store.upkeep(clock.now()).await?;
    let took = clock.monotonic().micros_since(began);
    Ok(match (fan_out, upkeep) {
        (Upkeep::More, _) => Left::FanOut,
        (_, Upkeep::More) => Left::Upkeep {
            took: Duration::from_micros(took),
        },
        (Upkeep::Waits, _) | (_, Upkeep::Waits) => Left::Waits,
        (Upkeep::Idle, Upkeep::Idle) => Left::Nothing,
    })
}

/// Between steps of upkeep.
fn pause(took: Duration, is_sending: bool) -> Duration {
    match is_sending {
        true => took.min(LOADED),
        false => Duration::ZERO,
    }
}

/// Waits until something is left to do, or traffic makes it likely, or long enough.
async fn quiet(left: &Notify, pulse: &Pulse) {
    let traffic = async {
        let _anyway = timeout(IDLE, pulse.traffic.notified()).await;
        sleep(TRAFFIC).await;
    };
    tokio::select! {
        () = left.notified() => {}
        () = traffic => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upkeep_leaves_the_writer_as_long_as_it_had_it_while_anything_is_sent() {
        let millis = Duration::from_millis;
        assert_eq!(pause(millis(3), true), millis(3));
        assert_eq!(
            pause(millis(300), true),
            LOADED,
            "and is never put off for long"
        );
        assert_eq!(pause(millis(3), false), Duration::ZERO);
    }
}
