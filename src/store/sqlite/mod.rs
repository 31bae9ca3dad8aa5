//! The store in one SQLite file: one writer, many readers, the directory in memory.

pub mod seal;
pub mod tables;
