//! No core dumps: the memory of a server holds opened secrets.
//!
//! The limit alone would not do: a system that pipes dumps to a program of its own does not go by it. A process that may not
//! be dumped cannot be looked into by other processes of its user either.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Forbids them to this process.
pub fn forbid() {
    let none = Rlimit {
        current: Some(0),
        maximum: getrlimit(Resource::Core).maximum,
    };
    let forbidden = setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = forbidden {
        tracing::warn!(%error, "core dumps cannot be forbidden; they would hold secrets");
    }
}
