//! What every store must do, told in the product's verbs (docs/wire.md names the W-rules).
//!
//! Stories, one file per role of the store. They speak to the traits alone; where a promise is about what is on
//! disk, they look into the file from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod again;
mod directory;
mod filled;
mod keys;
mod lists;
mod log;
mod secrets;
mod switches;
mod world;
