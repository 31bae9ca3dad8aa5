//! What is fuzzed: one function for each target, from bytes to nothing, which panics when a property does not hold.
//!
//! The fuzzers in `bin/` call these, and so does `tests/corpus.rs` with every input that is kept in `corpus/`. What is
//! private to the product is compiled into this crate from its own file ([`sender`], [`api`]), so that nothing is
//! public there only to be fuzzed. Deliberately absent: anything with a socket, a clock or a store.

mod addresses;
mod api;
#[path = "../../core/tests/registry/blocks.rs"]
#[allow(dead_code, reason = "the test beside it uses more")]
mod blocks;
mod event;
mod identifiers;
mod sender;
mod settings;
mod signed;

pub use addresses::{address, url};
pub use api::{head, proxies, query};
pub use event::{event, headers};
pub use identifiers::ids;
pub use sender::receive as answer;
pub use settings::settings;
pub use signed::signature;
// The files of `api` name the store as the product does.
pub(crate) use tidings::store;

/// A target: its name, which is that of its binary and of the folder of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("address", address),
    ("answer", answer),
    ("event", event),
    ("head", head),
    ("headers", headers),
    ("ids", ids),
    ("proxies", proxies),
    ("query", query),
    ("settings", settings),
    ("signature", signature),
    ("url", url),
];

/// Cuts the next `count` bytes off; fewer when there are not so many.
fn cut<'a>(data: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, rest) = data.split_at(count.min(data.len()));
    *data = rest;
    head
}

/// Cuts the next byte off; 0 at the end.
fn byte(data: &mut &[u8]) -> u8 {
    cut(data, 1).first().copied().unwrap_or_default()
}
