//! Values that follow the work: a request's id, a tenant, a trace of another library.
//!
//! What a function needs is best passed to it. Some things would have to be passed to everything,
//! and are read in few places: those are provided here once, for the length of a future.
//!
//! * [`Key`] is a static through which a value is provided and read.
//! * [`carry`] takes the context of another library along, which lives in its own thread-local.
//!
//! Both are captured when a group opens, and its children run in what was captured, whoever
//! spawned them: so a child sees what the group sees, and never what happened to be around a
//! sibling. The same holds for [`limited_group`](crate::group::limited_group()),
//! [`collect`](fn@crate::collect) and nested groups; a closure on a [thread](crate::thread) runs in
//! the context of its caller. A task of `tokio::spawn` has none.
//!
//! A program that provides and carries nothing pays one test of a flag for each poll of a child.

mod captured;
mod carry;
mod key;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use captured::Captured;

pub use carry::carry;
pub use key::Key;
