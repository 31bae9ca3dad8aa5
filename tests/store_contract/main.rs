//! What every store must do, told in the product's verbs (docs/wire.md names the W-rules).
//!
//! Stories, one file per role of the store. They speak to the traits alone; where a promise is about what is stored,
//! they look at it from outside. Here they run on SQLite; `tests/store_contract_postgres` runs them on PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod accept;
mod accounts;
mod again;
mod alone;
mod aside;
mod audit;
mod backend;
mod claim;
mod clock;
mod directory;
mod ends;
mod erase;
mod events;
mod fan_out;
mod filled;
mod headers;
mod health;
mod keys;
mod links;
mod lists;
mod lives;
mod log;
mod notices;
mod notices_kept;
mod own_retention;
mod plateau;
mod replay;
mod retention;
mod second_factor;
mod secrets;
mod settle;
mod stats;
mod sweep;
mod switches;
mod tenancy;
mod test_send;
mod upgrade;
mod verbs;
mod world;
