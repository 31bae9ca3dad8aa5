//! What every store must do, on PostgreSQL: the stories of `tests/store_contract`, and what only several nodes can show.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

#[path = "../store_contract/accept.rs"]
mod accept;
#[path = "../store_contract/accounts.rs"]
mod accounts;
#[path = "../store_contract/again.rs"]
mod again;
#[path = "../store_contract/audit.rs"]
mod audit;
mod backend;
#[path = "../store_contract/claim.rs"]
mod claim;
#[path = "../store_contract/clock.rs"]
mod clock;
#[path = "../support/cut.rs"]
#[allow(dead_code, reason = "shared with the test of several nodes")]
mod cut;
#[path = "../store_contract/directory.rs"]
mod directory;
#[path = "../store_contract/ends.rs"]
mod ends;
#[path = "../store_contract/erase.rs"]
mod erase;
#[path = "../store_contract/events.rs"]
mod events;
#[path = "../store_contract/fan_out.rs"]
mod fan_out;
#[path = "../store_contract/filled.rs"]
mod filled;
#[path = "../store_contract/headers.rs"]
mod headers;
#[path = "../store_contract/health.rs"]
mod health;
#[path = "../store_contract/keys.rs"]
mod keys;
#[path = "../store_contract/links.rs"]
mod links;
#[path = "../store_contract/lists.rs"]
mod lists;
#[path = "../store_contract/lives.rs"]
mod lives;
#[path = "../store_contract/log.rs"]
mod log;
mod lost;
mod nodes;
#[path = "../store_contract/notices.rs"]
mod notices;
#[path = "../store_contract/notices_kept.rs"]
mod notices_kept;
mod notices_nodes;
#[path = "../store_contract/own_retention.rs"]
mod own_retention;
#[path = "../store_contract/replay.rs"]
mod replay;
#[path = "../store_contract/retention.rs"]
mod retention;
#[path = "../store_contract/second_factor.rs"]
mod second_factor;
#[path = "../store_contract/secrets.rs"]
mod secrets;
#[path = "../store_contract/settle.rs"]
mod settle;
#[path = "../store_contract/stats.rs"]
mod stats;
#[path = "../store_contract/sweep.rs"]
mod sweep;
#[path = "../store_contract/switches.rs"]
mod switches;
#[path = "../store_contract/tenancy.rs"]
mod tenancy;
#[path = "../store_contract/test_send.rs"]
mod test_send;
#[path = "../store_contract/upgrade.rs"]
mod upgrade;
#[path = "../store_contract/verbs.rs"]
mod verbs;
mod waits;
#[path = "../store_contract/world.rs"]
mod world;
