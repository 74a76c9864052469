//! What a program holds, before and after: tasks, threads, sockets, files, values, memory.
//!
//! "Nothing outlives its owner" can only be checked from outside. Each check has its reach, and
//! what it reaches beyond the test at hand must be quiet meanwhile:
//!
//! | what | by | reaches |
//! |---|---|---|
//! | tasks | [`LeakCheck::of_runtime`] | the current runtime: fine beside other tests |
//! | sockets, pipes, files | [`LeakCheck::of_process`] | the process: wants one to itself |
//! | threads | [`LeakCheck::threads`] | the process |
//! | values of your own, handles and guards | [`Census`] | what you let it count |
//! | memory | [`memory_growth`] | the process |
//!
//! A single allocation cannot be counted here: that takes a global allocator, which is unsafe code.
//! Connections that a client left open show at the other end too: see
//! [`Server::connections`](crate::server::Server::connections).

mod census;
mod check;
mod memory;
mod system;

pub use census::{Census, Member};
pub use check::{Leak, LeakCheck};
pub use memory::memory_growth;
