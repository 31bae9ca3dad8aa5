//! Calls what the store has to do besides accepting, claiming and settling: fan-outs and upkeep.
//!
//! Invariants: one step at a time, each a short commit of the store's; while much waits in memory the steps are
//! spaced, so that a large fan-out never stands in the way of other traffic, and never stops either; while anything is
//! sent, upkeep takes half of the writer's time at most, so that an event that comes meanwhile finds it free as often as not;
//! without work and traffic it wakes a few times a minute.

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
                Ok(Left::Upkeep { took }) if pulse.is_sending() => sleep(took.min(LOADED)).await,
                Ok(Left::FanOut | Left::Upkeep { .. }) => tokio::task::yield_now().await,
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
