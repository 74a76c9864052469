//! What is running now: the tree of all groups and tasks, and the blocking calls in it.
//!
//! It exists so that a program which does not end, or does not go on, can say what holds it up:
//!
//! ```text
//! group "main", running for 12.0 s
//!   task "server", running for 12.0 s
//!     group "connections", running for 12.0 s, ending, waits for 2
//!       task "upload", running for 3.1 s, cancelled (signal SIGTERM), shielded
//!         blocking call "compress", running for 2.9 s
//!       task "parse", running for 3.0 s, cancelled (signal SIGTERM), no await reached since
//! ```
//!
//! The last one is stuck in code that never awaits, which nothing but the end of the process can stop.
//! It belongs on a [thread](crate::thread), or needs a `yield_now().await` in its loop.
//!
//! [`tree`] takes such a picture at any time, [`path`] says where in it the running code is, and
//! [`run::Builder::dump_on`](crate::run::Builder::dump_on) has a running program print it when it
//! gets a signal. Tasks are found in the tree of scopes, so spawning one pays nothing for it;
//! blocking work registers itself. A picture never stops anything and never waits for anyone.

mod blocking;
mod entry;
mod tree;

#[cfg(test)]
mod tests;

pub(crate) use blocking::{register, wait_until_idle, wake_waiting};
pub(crate) use entry::readable;

pub use entry::{Kind, Living, State};
pub use tree::{Tree, list, path, tree};
